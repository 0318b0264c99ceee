"""What became of the owner's 'all the same' (`--accept`), in words."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.plan import Plan
from thornwall.report.text import line


def idle(plan: Plan) -> Iterator[str]:
    """A sentence for each that no interlock asked about."""
    for name in plan.idle_accepts:
        interlock = name.partition(":")[0]
        held = [each for each in plan.held if each.interlock == interlock]
        if answers := sorted({each.accept for each in held if each.accept}):
            why = f"what it holds back here is {', '.join(answers)}."
        elif held:
            why = "what it holds back here, no answer unlocks: see 'unlock' in the plan."
        else:
            why = "it holds nothing back in this plan."
        yield line(f"--accept {name} comes to nothing: {why}", 500)
