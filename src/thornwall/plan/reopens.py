"""What is open again once a change is taken back: kept with the change, for whoever is asked about that later."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from thornwall.model.change import AccountDo, AccountField, Operation, Purpose
from thornwall.model.finding import Finding, Risk
from thornwall.model.plan import Mend, Plan

_MOST = 16  # findings; a prompt is read, a list is not
_SUBJECT = 60  # characters: names come from the host
_GRAVE = Risk.HIGH.rank
# undo does not bring those passwords back, unless told to
_STAY = frozenset({"default-password", "empty-password"})


def reopens(plan: Plan, findings: Iterable[Finding], gone: Collection[Mend] = ()) -> str:
    """`tcp 23, 631 answer again; SSH accepts passwords; …; 40 findings of less risk`: ports, and what was mended of
    ways in or is of high risk, worst first. `findings`: those before the change; `gone`: those that went with packages
    before it, and come back with these. Empty where there is nothing of it.
    """
    ways_in = {mend for step in plan.steps if step.purpose.way_in for mend in step.mends}
    mended = {mend for mend in (*plan.mends, *gone) if mend.rule not in _STAY}
    again = [each for each in findings if Mend(each.rule, each.subject) in mended]
    told = [each for each in again if each.risk.rank >= _GRAVE or Mend(each.rule, each.subject) in ways_in]
    told.sort(key=lambda finding: -finding.risk.rank)
    names = list(dict.fromkeys(map(_named, told)))[:_MOST]
    rest = len({(each.rule, each.subject) for each in again}) - len(names)
    others = f"{rest} {'finding' if rest == 1 else 'findings'} {'more' if names else 'of less risk'}"
    old = filter(None, (_old_password(each) for step in plan.steps for each in step.operations))
    names += [f"the password before of {name} holds again" for name in dict.fromkeys(old)]
    ports, answer = ", ".join(map(str, plan.closes)), "answers" if len(plan.closes) == 1 else "answer"
    return "; ".join(filter(None, [f"tcp {ports} {answer} again" if ports else "", *names, others if rest else ""]))


def went_with_packages(agreed: Plan, now: Plan, left: Collection[Mend]) -> frozenset[Mend]:
    """What `agreed` was to mend of services, and the removal of their packages has done, so that `now` has no step for
    it: it comes back with them. `left`: what is a finding now.
    """
    if not any(step.purpose is Purpose.REMOVALS for step in agreed.steps):
        return frozenset()
    purposes = {Purpose.SERVICES, Purpose.REMOVALS}
    served = {mend for step in agreed.steps if step.purpose in purposes for mend in step.mends}
    return frozenset(served - set(now.mends) - set(left))


def _old_password(operation: Operation) -> str:
    """Whose password before undo gives back: one that not everybody knows."""
    match operation:
        case AccountDo(user, AccountField.PASSWORD, _, False):
            return user
        case _:
            return ""


def _named(finding: Finding) -> str:
    return finding.title + (f" ({finding.subject[:_SUBJECT]})" if finding.subject != "host" else "")
