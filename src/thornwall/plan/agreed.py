"""What a plan holds that an earlier one, which the owner agreed to, did not."""

from __future__ import annotations

from thornwall.model.change import Operation, PutFile
from thornwall.model.plan import Mend, Plan, Step


def not_agreed(agreed: Plan, now: Plan) -> frozenset[Mend]:
    """Findings that `now` mends and `agreed` did not, but for those whose step does nothing that was not agreed to.

    A package can turn one finding into another: with unattended-upgrades there, updates no longer lack altogether but
    lack one archive, which the agreed step adds all the same.
    """
    before = set(agreed.mends)
    steps = {step.id: step for step in agreed.steps}
    new = [step for step in now.steps if not _within(step, steps.get(step.id))]
    return frozenset(mend for step in new for mend in step.mends if mend not in before)


def _within(step: Step, agreed: Step | None) -> bool:
    return agreed is not None and all(_had(agreed.operations, each) for each in step.operations)


def _had(agreed: tuple[Operation, ...], operation: Operation) -> bool:
    """Whether it is among them; a file may have fewer of the lines that were agreed to."""
    if not isinstance(operation, PutFile):
        return operation in agreed
    added = _added(operation)
    same = (each for each in agreed if isinstance(each, PutFile) and each.path == operation.path)
    return any(added <= _added(each) for each in same)


def _added(put: PutFile) -> set[bytes]:
    return set(put.content.splitlines()) - set((put.before or b"").splitlines())
