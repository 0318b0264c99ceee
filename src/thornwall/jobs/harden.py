"""Plan, agree, apply under guard, confirm by a fresh login, prove from outside, and audit again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from thornwall import __version__
from thornwall.apply import events
from thornwall.apply.compile import Transaction, transaction_script
from thornwall.errors import RefusedError, UnreachableError
from thornwall.jobs import plan as planning
from thornwall.jobs.audit import assess
from thornwall.jobs.canary import answer_canary
from thornwall.jobs.follow import Said, follow, stopped
from thornwall.jobs.judging import Judging
from thornwall.jobs.link import Link
from thornwall.jobs.own_password import right_password
from thornwall.jobs.packages import Bringing, packages_of
from thornwall.jobs.proof import Proving, back, confirm, not_mended, second_login
from thornwall.jobs.read import Before, Reading, read_host
from thornwall.model.change import Packages, Purpose
from thornwall.model.finding import Report
from thornwall.model.outcome import Outcome, Proof, undo_path
from thornwall.model.plan import Answers, Mend, Plan, Question, Step
from thornwall.model.secret import Secret
from thornwall.plan.agreed import not_agreed
from thornwall.plan.planner import Choice, secrets_needed
from thornwall.plan.reopens import reopens
from thornwall.prove.claims import claims, counts_logins
from thornwall.transport.base import Asker, Limits

Telling = Callable[[str], None]


class Owner(Asker, Protocol):
    """The owner of the host, who decides."""

    def show(self, plan: Plan) -> None:
        """Show what would be done."""

    def agrees(self, plan: Plan) -> bool:
        """Whether to do it."""

    def wants(self, step: Step, number: int) -> bool:
        """Whether this step is to be done (asked for each where the owner wants it so; else yes)."""

    def agrees_to_rest(self, plan: Plan, of: int) -> bool:
        """Whether to do what is left of the steps, `of` so many; asked where each was."""

    def tell(self, text: str) -> None:
        """Something that he must know now."""

    def before_questions(self, questions: Sequence[Question]) -> None:
        """Which new passwords will be asked for: they come before the plan, which hangs on them."""

    def new_password(self, account: str, why: str) -> Secret | None:
        """A new password for an account; None: it stays as it is."""

    def own_password(self, account: str, *, again: bool = False) -> Secret | None:
        """The password that `account` has now, before sudo begins to ask for it; None: sudo stays as it is.

        `again`: what was said before is not it; None: there is no other.
        """


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the owner wants of a hardening. `window`: seconds until the device takes it back unless confirmed. `named`:
    accounts for which a new password is at hand."""

    choice: Choice = field(default_factory=Choice)
    accepts: frozenset[str] = frozenset()
    window: int = 180
    named: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Work:
    """One hardening under way."""

    link: Link
    judging: Judging
    owner: Owner
    wanted: Wanted
    step: Telling
    answers: Answers
    choice: Choice
    own: Secret | None = None  # the password that the login's account has now
    planned: planning.Planned | None = None
    notes: tuple[str, ...] = ()
    packages: str = ""  # the record of those that came
    not_done: tuple[str, ...] = ()  # titles of steps that were agreed to, and left out
    said: Said | None = None  # by the device, of the change
    proving: Proving | None = None

    @property
    def wishes(self) -> planning.Wishes:
        """What the owner said so far."""
        return planning.Wishes(self.answers, self.choice, password_proved=self.own is not None)

    @property
    def plan(self) -> Plan:
        """The plan as it stands."""
        assert self.planned is not None  # noqa: S101 - it was read first
        return self.planned.plan


async def harden(link: Link, judging: Judging, owner: Owner, wanted: Wanted, step: Telling) -> Outcome | None:
    """Do it all; None if the owner said no, or there is nothing to do.

    Raises RefusedError where the host may not be changed now, StoppedError for Ctrl-C once something has begun, and the
    errors of `Transport.run`.
    """
    answers = Answers(accepts=wanted.accepts, named=wanted.named)
    work = _Work(link, judging, owner, wanted, step, answers, wanted.choice)
    await _read(work)
    _refuse(work.plan)
    _ask(work)
    if work.own is not None:
        user = work.plan.way_in.user
        again = partial(owner.own_password, user, again=True)
        work.own = await right_password(link, user, work.own, again, step)
    _refuse(work.plan)
    owner.show(work.plan)
    if not work.plan.steps or not owner.agrees(work.plan):
        return None
    every = len(work.plan.steps)
    _choose(work)
    if not work.plan.steps or not owner.agrees_to_rest(work.plan, every):
        return None
    assert work.planned is not None  # noqa: S101
    first = work.planned.report
    if packages := packages_of(work.plan):
        with stopped(_PACKAGES_GO_ON.format(link.typed)):
            await _bring(work, packages)
    with stopped(lambda: _goes_on(work)):
        outcome = await _transaction(work, first)
    return replace(outcome, notes=(*work.notes, *outcome.notes), packages=work.packages, not_done=work.not_done)


def _goes_on(work: _Work) -> str:
    """What becomes of it where this program is stopped, as far as was seen from here."""
    link, host = work.link, f"the host takes it back by itself within {work.wanted.window} seconds"
    look = f"To look: thornwall status {link.typed}"
    if link.root:
        return f"If it had begun to write, take that back: thornwall undo {link.typed}"
    if work.proving is not None and work.proving.kept:
        return f"The change is confirmed, and stays. To go back: thornwall undo {link.typed}"
    if work.proving is not None and work.proving.asked:
        return f"It may have been confirmed by now; if not, {host}. {look}"
    if work.said is None or work.said.first(events.Armed) is None:
        return f"The change had not begun; should it have at that very moment, {host}. {look}"
    return f"Nobody confirms the change now: {host}. {look}"


async def _read(work: _Work, before: Before | None = None) -> None:
    work.planned = await planning.look(work.link, work.judging, work.wishes, work.step, before)
    work.link.counted = counts_logins(work.planned.situation.facts, work.plan.way_in.port or 22)


async def _bring(work: _Work, packages: Packages) -> None:
    """Packages, then the plan anew: they bring files of their own.

    What did not come is no longer planned for; what is new in the plan was not agreed to, and waits for next time.
    """
    agreed = work.plan
    work.step("packages")
    bringing = Bringing(packages, work.step)
    await _read(work, bringing.before)
    work.notes += bringing.notes
    work.packages = bringing.record
    missing = frozenset(mend for step in work.plan.steps if step.purpose.packages for mend in step.mends)
    unwanted = missing | not_agreed(agreed, work.plan)
    if unwanted:
        work.choice = replace(work.choice, not_mends=unwanted)
        _again(work)
    work.not_done = _not_done(work, agreed, missing)


def _not_done(work: _Work, agreed: Plan, missing: frozenset[Mend]) -> tuple[str, ...]:
    """Titles of the steps that were agreed to, and what they mend is neither mended by now nor planned for."""
    assert work.planned is not None  # noqa: S101
    failing = {Mend(finding.rule, finding.subject) for finding in work.planned.report.failed()}
    planned = {step.id for step in work.plan.steps}
    return tuple(
        step.title
        for step in agreed.steps
        if (step.purpose.packages and missing.intersection(step.mends))
        or (not step.purpose.packages and step.id not in planned and failing.intersection(step.mends))
    )


def _again(work: _Work) -> None:
    """Plan anew from what was read."""
    assert work.planned is not None  # noqa: S101
    before = work.planned.situation
    address = work.planned.report.host.address
    work.planned = planning.make(before.capture, work.judging, before.way_in, work.wishes, address=address)


def _ask(work: _Work) -> None:
    """New passwords first; then the one that sudo will ask for, which must be known before sudo asks."""
    passwords = dict(work.answers.passwords)
    work.owner.before_questions(work.plan.questions)
    for question in work.plan.questions:
        if question.account and question.account not in passwords:
            secret = work.owner.new_password(question.account, question.text)
            if secret is not None:
                passwords[question.account] = secret
    work.answers = replace(work.answers, passwords=passwords)
    user = work.plan.way_in.user
    _again(work)
    held = any(each.interlock == "nopasswd-off" for each in work.plan.held)
    if held and user and user not in passwords and not work.plan.way_in.password_proved:
        work.own = work.owner.own_password(user)
        if work.own is not None:
            _again(work)


def _refuse(plan: Plan) -> None:
    if plan.refused:
        first = plan.refused[0]
        raise RefusedError(f"{plan.target} may not be changed now: {first.why}", hint=first.unlock)


def _choose(work: _Work) -> None:
    """Leave out the steps that the owner does not want."""
    unwanted: set[str] = set()
    without: set[Mend] = set()
    for number, step in enumerate(work.plan.steps, 1):
        # (what hangs on packages that are not to come makes no sense)
        needs = bool(step.mends) and without.issuperset(step.mends)
        if needs:
            work.owner.tell(f"Step {number}, '{step.title}', needs what is left out, and goes with it.")
        if needs or not work.owner.wants(step, number):
            unwanted.add(step.id)
            without.update(step.mends if step.purpose.packages else ())
    if unwanted:
        work.choice = replace(work.choice, not_steps=frozenset(unwanted))
        _again(work)


async def _transaction(work: _Work, first: Report) -> Outcome:
    plan, link = work.plan, work.link
    assert work.planned is not None  # noqa: S101
    proving = Proving(
        link,
        plan,
        claims(plan, work.planned.report.findings, work.planned.situation.facts),
        work.judging,
        work.step,
        work.wanted.window,
        tell=work.owner.tell,
    )
    work.proving = proving
    await proving.look_before()
    work.said = said = Said(work.step, {step.id: step.title for step in plan.steps})
    try:
        applied = await _apply(work, said)
    except UnreachableError as error:
        # the link is gone, and the device goes on by itself: it takes back what nobody confirms
        if (staged := said.first(events.Staged)) is None or said.first(events.Armed) is None:
            error.hint = _goes_on(work)
            raise
        return await back(proving, Outcome(plan.target, first, transaction=staged.id), error.message, applied=False)
    if applied is None:
        return await back(proving, _failed(plan, said, first), "", applied=False)
    proving.learn(work.answers, work.own)
    if work.link.root:
        return await _written(work, applied, first)
    proving.proved = _seen_before(said)
    if not work.link.name:
        return await second_login(proving, applied, first, work.owner.tell)
    return await confirm(proving, applied, first)


async def _written(work: _Work, applied: events.Applied, first: Report) -> Outcome:
    """What was done to a mounted root, seen by reading it again."""
    link = work.link
    reading = Reading(Limits(seconds=link.reaching.seconds), link.reaching.password_seconds)
    capture, _ = await read_host(
        link.transport(), reading, work.step, target=str(link.target), source=link.source, root=link.root
    )
    after = assess(capture, work.judging)
    return Outcome(
        work.plan.target,
        first,
        after,
        transaction=applied.id,
        undo=undo_path(applied.id),
        notes=(_OFFLINE, *not_mended(work.plan, after)),
    )


def _seen_before(said: Said) -> tuple[Proof, ...]:
    """What the device looked at before anything changed: a login under the new rules, where one was possible."""
    return tuple(
        Proof("a login under the new rules worked before they held", ok=True)
        for each in said.all(events.Valid)
        if each.check.startswith("a login") and not each.skipped
    )


_PACKAGES_GO_ON = (
    "Packages that are on their way come to their end; none of the other steps had begun. To look: thornwall history {}"
)
_OFFLINE = "This system does not run now: the changes are in place, and have their effect when it starts."


_LOGINS = {Purpose.ACCOUNTS, Purpose.PAM, Purpose.SUDO, Purpose.SSH}


def own_password(work: _Work) -> Secret | None:
    """What sudo will take from the login's account once the change is made; None where it is as before."""
    return work.answers.passwords.get(work.plan.way_in.user) or work.own


async def _apply(work: _Work, said: Said) -> events.Applied | None:
    """None where a step failed and the device takes it back."""
    needed = set(secrets_needed(work.plan))

    def script(nonce: str) -> str:
        return transaction_script(
            Transaction(
                nonce=nonce,
                steps=without_packages(work.plan.steps),
                window=work.wanted.window,
                root=str(work.link.root or "/"),
                title=_title(work),
                reopens=reopens(work.plan),
                secrets={name: secret for name, secret in work.answers.passwords.items() if name in needed},
                version=__version__,
                canary=bool(work.link.name) and any(step.purpose in _LOGINS for step in work.plan.steps),
            )
        )

    canary = asyncio.create_task(answer_canary(work.link, said, own_password(work)))
    try:
        await follow(work.link, script, said, seconds=work.wanted.window + 240)
    finally:
        canary.cancel()
    if said.first(events.Failed):
        return None
    if work.link.root:
        done = said.need(events.Committed)
        return events.Applied(done.id, "", 0)
    return said.need(events.Applied)


def _title(work: _Work) -> str:
    """What the change is called in the host's history, for ever: also that it is not all that was wanted."""
    missing = len(work.not_done)
    steps = "1 step" if missing == 1 else f"{missing} steps"
    return work.choice.titled(work.plan.preset) + f", in part: {steps} could not be done" * bool(missing)


# what the device does besides the steps
_STAGES = {"files": "Putting new files in place", "verify": "Looking at what was done", "start": "Starting the change"}


def _failed(plan: Plan, said: Said, first: Report) -> Outcome:
    failed = said.need(events.Failed)
    staged = said.need(events.Staged)
    titles = _STAGES | {step.id: step.title for step in plan.steps}
    title = titles.get(failed.step, failed.step)
    return Outcome(
        plan.target,
        first,
        transaction=staged.id,
        undo=undo_path(staged.id),
        failed=f"'{title}' could not be done: {failed.why}",
        taken_back=True,
        verified=said.first(events.Undone) is not None,
    )


def without_packages(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps of the transaction itself: packages come in before it."""
    rest = (
        replace(step, operations=tuple(each for each in step.operations if not isinstance(each, Packages)))
        for step in steps
    )
    return tuple(step for step in rest if step.operations)
