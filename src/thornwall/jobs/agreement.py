"""What the owner is asked, and what he agrees to: passwords, steps, and the plan that comes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from thornwall.apply.first_start import STEP as FIRST_START
from thornwall.errors import RefusedError
from thornwall.jobs import plan as planning
from thornwall.jobs.follow import Said
from thornwall.jobs.judging import Judging
from thornwall.jobs.link import Link
from thornwall.jobs.proving import Proving
from thornwall.jobs.read import Before
from thornwall.model.finding import Finding
from thornwall.model.outcome import Brought
from thornwall.model.plan import Answers, Mend, Plan, Question, Step
from thornwall.model.secret import Secret
from thornwall.plan.agreed import not_agreed, without
from thornwall.plan.planner import Choice
from thornwall.prove.claims import counts_logins
from thornwall.transport.base import Asker

Telling = Callable[[str], None]


class Owner(Asker, Protocol):
    """The owner of the host, who decides."""

    def show(self, plan: Plan) -> None:
        """Show what would be done."""

    def agrees(self, plan: Plan) -> bool:
        """Whether to do it."""

    def wants(self, step: Step, number: int) -> bool:
        """Whether this step is to be done (asked for each where the owner wants it so; else yes)."""

    def agrees_to_rest(self, plan: Plan, of: Plan) -> bool:
        """Whether to do what is left of the plan `of`, as it is now without the rest; asked where each step was."""

    def tell(self, text: str) -> None:
        """Something that he must know now."""

    def waits_until(self, when: str) -> None:
        """A change waits until that time (empty: no longer) for logins that prove it: passwords are asked for those."""

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
class Work:
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
    brought: Brought = field(default_factory=Brought)  # how many
    not_done: tuple[str, ...] = ()  # titles of steps that were agreed to, and left out
    gone: tuple[Finding, ...] = ()  # what went with packages, as it was before them
    silenced: frozenset[int] = frozenset()  # TCP ports that answered before packages went, and are to answer no more
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


async def read(work: Work, before: Before | None = None) -> None:
    """Read the host (or take what was read, `before`), and plan."""
    work.planned = await planning.look(work.link, work.judging, work.wishes, work.step, before)
    work.link.counted = counts_logins(work.planned.situation.facts, work.plan.way_in.port or 22)


def plan_anew(work: Work) -> None:
    """Plan anew from what was read."""
    work.planned = _planned(work, work.wishes)


def _planned(work: Work, wishes: planning.Wishes) -> planning.Planned:
    assert work.planned is not None  # noqa: S101
    before = work.planned.situation
    return planning.make(before.capture, work.judging, before.way_in, wishes, address=work.planned.report.host.address)


def _would_help(work: Work) -> bool:
    """Whether sudo could ask from now on, if only the login's password were known (and not to everybody)."""

    def held(plan: Plan) -> int:
        return sum(each.interlock == "nopasswd-off" for each in plan.held)

    now = held(work.plan)
    return now > 0 and held(_planned(work, replace(work.wishes, password_proved=True)).plan) < now


def ask(work: Work) -> None:
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
    plan_anew(work)
    if user and user not in passwords and not work.plan.way_in.password_proved and _would_help(work):
        work.own = work.owner.own_password(user)
        if work.own is not None:
            plan_anew(work)


def refuse(plan: Plan) -> None:
    """Raises RefusedError where the host may not be changed now."""
    if plan.refused:
        first = plan.refused[0]
        raise RefusedError(f"{plan.target} may not be changed now: {first.why}", hint=first.unlock)


def choose(work: Work) -> None:
    """Leave out the steps that the owner does not want."""
    unwanted: set[str] = set()
    absent: set[Mend] = set()
    for number, step in enumerate(work.plan.steps, 1):
        if step.id == FIRST_START:
            continue  # each of the steps that it is for is asked for
        # (what hangs on packages that are not to come makes no sense)
        needs = bool(step.mends) and absent.issuperset(step.mends)
        if needs:
            work.owner.tell(f"Step {number}, '{step.title}', needs what is left out, and goes with it.")
        if needs or not work.owner.wants(step, number):
            unwanted.add(step.id)
            absent.update(step.mends if step.purpose.packages else ())
    if unwanted:
        _leave_out(work, frozenset(unwanted))


def _leave_out(work: Work, unwanted: frozenset[str]) -> None:
    """Plan anew without these steps, and tell which of the others that takes along."""
    agreed = work.plan
    work.choice, work.answers = without(work.choice, work.answers, agreed, unwanted)
    plan_anew(work)
    if new := not_agreed(agreed, work.plan):
        work.choice = replace(work.choice, not_mends=work.choice.not_mends | new)
        plan_anew(work)
    still = {mend for step in work.plan.steps for mend in step.mends}
    for step in agreed.steps:
        if step.id not in unwanted and step.mends and still.isdisjoint(step.mends):
            why = next((held.why for held in work.plan.held if Mend(held.rule, held.subject) in step.mends), "")
            work.owner.tell(f"'{step.title}' is left out with that" + (f": {why}" if why else "."))
