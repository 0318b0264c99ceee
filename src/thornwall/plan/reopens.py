"""What is open again once a change is taken back: kept with the change, for whoever is asked about that later."""

from __future__ import annotations

from thornwall.model.plan import Plan

_MOST = 8  # titles; a prompt is read, a list is not


def reopens(plan: Plan) -> str:
    """`tcp 23, 631 answer again; SSH accepts passwords; …`: ports and what was mended of ways in; else empty."""
    ports = ", ".join(map(str, plan.closes))
    titles = list(
        dict.fromkeys(
            f"{mend.title or mend.rule}{f' ({mend.subject})' * (mend.subject != 'host')}"
            for step in plan.steps
            if step.purpose.way_in
            for mend in step.mends
        )
    )
    more = f"{len(titles) - _MOST} more" if len(titles) > _MOST else ""
    answer = "answers" if len(plan.closes) == 1 else "answer"
    told = [f"tcp {ports} {answer} again" if ports else "", *titles[:_MOST], more]
    return "; ".join(filter(None, told))
