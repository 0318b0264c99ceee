"""What to type once a plan has been read."""

from __future__ import annotations

from thornwall.model.plan import Plan
from thornwall.report.words import command


def harden(plan: Plan) -> str:
    """The command that carries it out; empty where none can."""
    told = plan.typed
    if not told.target or not plan.steps or plan.refused:
        return ""
    return command("harden", told.target, *told.reaching, *told.judging, *told.choosing)
