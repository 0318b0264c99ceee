"""What the owner agreed to of a plan, and what a plan of now holds besides that."""

from __future__ import annotations

from dataclasses import replace

from thornwall.model.change import AccountDo, AccountField, Operation, PutFile
from thornwall.model.plan import Answers, Mend, Plan, Step
from thornwall.plan.planner import Choice


def without(choice: Choice, answers: Answers, plan: Plan, unwanted: frozenset[str]) -> tuple[Choice, Answers]:
    """What is chosen, and answered, once these steps of `plan` are not wanted.

    A finding that no other step mends stays, and is reckoned with: the port of a server that goes on must stay open.
    A new password that no step sets any more is none.
    """
    kept = tuple(step for step in plan.steps if step.id not in unwanted)
    mended = {mend for step in kept for mend in step.mends}
    stays = frozenset(mend for mend in plan.mends if mend not in mended)
    said = [each for step in plan.steps for each in step.operations if _sets_password(each)]
    still = [each for step in kept for each in step.operations if _sets_password(each)]
    gone = {each.user for each in said if isinstance(each, AccountDo) and each not in still}
    passwords = {name: secret for name, secret in answers.passwords.items() if name not in gone}
    return (
        replace(choice, not_steps=choice.not_steps | unwanted, not_mends=choice.not_mends | stays),
        replace(answers, passwords=passwords, named=answers.named - gone),
    )


def _sets_password(operation: Operation) -> bool:
    return isinstance(operation, AccountDo) and operation.field is AccountField.PASSWORD


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
