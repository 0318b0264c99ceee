"""Plan, agree, apply under guard, confirm by a fresh login, prove from outside, and audit again."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial

from thornwall import __version__
from thornwall.apply import events
from thornwall.apply.compile import Transaction, transaction_script
from thornwall.apply.first_start import without_later
from thornwall.errors import StoppedError, ThornwallError, UnreachableError
from thornwall.jobs.agreement import Owner, Telling, Wanted, Work, ask, choose, plan_anew, read, refuse
from thornwall.jobs.audit import assess
from thornwall.jobs.back import back
from thornwall.jobs.canary import answer_canary
from thornwall.jobs.follow import Said, follow, stopped
from thornwall.jobs.judging import Judging
from thornwall.jobs.link import Link
from thornwall.jobs.own_password import right_password
from thornwall.jobs.packages import Bringing, left_of, packages_of
from thornwall.jobs.proof import confirm, not_mended, second_login
from thornwall.jobs.proving import Proving
from thornwall.jobs.read import Reading, read_host
from thornwall.jobs.unsaid import clock
from thornwall.model.change import Packages, Purpose
from thornwall.model.finding import Report
from thornwall.model.outcome import Outcome, Proof, undo_path
from thornwall.model.plan import Answers, Mend, Plan, Step
from thornwall.model.secret import Secret
from thornwall.plan.agreed import not_agreed
from thornwall.plan.planner import secrets_needed
from thornwall.plan.reopens import reopens, went_with_packages
from thornwall.plan.restarts import restarted, with_restarts
from thornwall.prove.claims import claims, ways_out
from thornwall.prove.ports import open_ports
from thornwall.transport.base import Limits


async def harden(link: Link, judging: Judging, owner: Owner, wanted: Wanted, step: Telling) -> Outcome | None:
    """Do it all; None if the owner said no, or there is nothing to do.

    Raises RefusedError where the host may not be changed now, StoppedError for Ctrl-C once something has begun, and the
    errors of `Transport.run`.
    """
    answers = Answers(accepts=wanted.accepts, named=wanted.named)
    work = Work(link, judging, owner, wanted, step, answers, wanted.choice)
    await read(work)
    refuse(work.plan)
    ask(work)
    if work.own is not None:
        user = work.plan.way_in.user
        again = partial(owner.own_password, user, again=True)
        work.own = await right_password(link, user, work.own, again, step)
    refuse(work.plan)
    owner.show(work.plan)
    if not work.plan.steps or not owner.agrees(work.plan):
        return None
    agreed = work.plan
    choose(work)
    if not work.plan.steps or not owner.agrees_to_rest(work.plan, agreed):
        return None
    assert work.planned is not None  # noqa: S101
    first = work.planned.report
    if packages := packages_of(work.plan):
        with stopped(_PACKAGES_GO_ON.format(link.typed)):
            try:
                await _bring(work, packages)
            except UnreachableError as error:
                error.hint = _PACKAGES_CUT.format(link.typed)
                raise
    try:
        with stopped(lambda: _goes_on(work)):
            outcome = await _transaction(work, first)
    except ThornwallError as error:
        if isinstance(error, StoppedError) and work.proving is not None and work.proving.until:
            work.proving.remember(work.proving.why or _STOPPED)
        if work.packages:
            owner.tell(_CAME.format(work.packages, link.typed))
        if units := restarted(work.plan):
            owner.tell(_PERHAPS.format(", ".join(units)))
        raise
    troubled = _dead(work)
    return replace(
        outcome,
        notes=(*work.notes, *outcome.notes, *_updated(work, outcome, troubled)),
        proofs=(*outcome.proofs, *troubled),
        packages=work.packages,
        brought=work.brought,
        not_done=work.not_done,
    )


_STOPPED = "thornwall was stopped on the computer that made it, before its end"


def _goes_on(work: Work) -> str:
    """What becomes of it where this program is stopped, as far as was seen from here."""
    link, host = work.link, f"the host takes it back by itself within {work.wanted.window} seconds"
    if work.proving is not None and work.proving.until:
        host = f"the host takes it back by itself by {clock(work.proving.until)}"
    look = f"To look: thornwall status {link.typed}"
    if link.root:
        return f"If it had begun to write, take that back: thornwall undo {link.typed}"
    if work.proving is not None and work.proving.kept:
        return f"The change is confirmed, and stays. To go back: thornwall undo {link.typed}"
    if work.proving is not None and work.proving.asked:
        return f"It may have been confirmed by now; if not, {host}. {look}"
    if work.said is None or work.said.first(events.Armed) is None:
        return f"The change had not begun; should it have at that very moment, {host}. {look}"
    return f"Nobody confirms the change now: {host}. {look}. Not to wait for that: thornwall undo {link.typed}"


async def _bring(work: Work, packages: Packages) -> None:
    """Packages, then the plan anew: they bring files of their own.

    What did not come is no longer planned for; what is new in the plan was not agreed to, and waits for next time.
    """
    agreed = work.plan
    assert work.planned is not None  # noqa: S101
    before = work.planned.report.findings
    work.step("packages")
    if packages.remove and work.link.name and agreed.host.address:
        work.silenced = await open_ports(agreed.host.address, agreed.closes)
    bringing = await _brought(work, packages)
    restarts = bringing.restarts
    if bringing.cut_off and (left := left_of(packages, packages_of(work.plan))):
        work.owner.tell("The work on packages was cut off there: what is left of it is begun anew.")
        before_that = bringing.record
        bringing = await _brought(work, left)
        restarts = tuple(dict.fromkeys((*restarts, *bringing.restarts)))
        work.notes += (_CAME_BEFORE.format(before_that, work.link.typed),) * bool(before_that)
    work.packages, work.brought = bringing.record, bringing.brought
    missing = frozenset(mend for step in work.plan.steps if step.purpose.packages for mend in step.mends)
    unwanted = missing | not_agreed(agreed, work.plan)
    if unwanted:
        work.choice = replace(work.choice, not_mends=work.choice.not_mends | unwanted)
        plan_anew(work)
    failing = {Mend(each.rule, each.subject) for each in work.planned.report.failed()}
    went = went_with_packages(agreed, work.plan, failing)
    work.silenced -= set(work.plan.keeps)
    work.gone = tuple(each for each in before if Mend(each.rule, each.subject) in went)
    work.not_done = _not_done(work.plan, agreed, missing, failing)
    work.notes += _held_since(work.plan, agreed)
    if restarts:
        work.planned = replace(work.planned, plan=with_restarts(work.plan, restarts))


async def _brought(work: Work, packages: Packages) -> Bringing:
    bringing = Bringing(packages, work.step)
    await bringing.watch(partial(read, work), work.owner, _PACKAGES_CUT.format(work.link.typed))
    work.notes += bringing.notes
    return bringing


def _held_since(now: Plan, agreed: Plan) -> tuple[str, ...]:
    """Why what was agreed to is held by now: the packages were not to know."""
    mends = set(agreed.mends)
    held = (each for each in now.held if Mend(each.rule, each.subject) in mends)
    return tuple(dict.fromkeys(f"{each.why} {each.unlock}" for each in held))


def _not_done(now: Plan, agreed: Plan, missing: frozenset[Mend], failing: Collection[Mend]) -> tuple[str, ...]:
    """Titles of the steps that were agreed to, and what they mend is neither mended by now nor planned for."""
    planned = {step.id for step in now.steps}
    return tuple(
        step.title
        for step in agreed.steps
        if (step.purpose.packages and missing.intersection(step.mends))
        or (not step.purpose.packages and step.id not in planned and not set(failing).isdisjoint(step.mends))
    )


async def _transaction(work: Work, first: Report) -> Outcome:
    plan, link = work.plan, work.link
    assert work.planned is not None  # noqa: S101
    claimed = claims(plan, work.planned.report.findings, work.planned.situation.facts)
    proving = Proving(
        link,
        plan,
        replace(claimed, closed=tuple(sorted({*claimed.closed, *work.silenced}))),
        work.judging,
        work.step,
        work.wanted.window,
        # (at the machine itself the person looks)
        ways_out=ways_out(work.planned.situation.facts) if link.name else frozenset(),
        tell=work.owner.tell,
        waits_until=work.owner.waits_until,
    )
    work.proving = proving
    await proving.look_before()
    proving.open_before |= work.silenced
    work.said = said = Said(work.step, {step.id: step.title for step in plan.steps}, armed=proving.begin)
    try:
        applied = await _apply(work, said)
    except UnreachableError as error:
        # the link is gone, and the device goes on by itself: it takes back what nobody confirms
        if (staged := said.first(events.Staged)) is None or said.first(events.Armed) is None:
            error.hint = _goes_on(work)
            raise
        gone = Outcome(plan.target, first, transaction=staged.id)
        if said.first(events.Failed):
            gone = replace(_failed(plan, said, first), verified=False)
        proving.broke = not gone.failed
        return await back(proving, gone, error.message, applied=False)
    if applied is None:
        return await back(proving, _failed(plan, said, first), "", applied=False)
    proving.learn(work.answers, work.own)
    if work.link.root:
        return await _written(work, applied, first)
    proving.proved = _seen_before(work, said)
    if not work.link.name:
        return await second_login(proving, applied, first, work.owner.tell)
    return await confirm(proving, applied, first)


async def _written(work: Work, applied: events.Applied, first: Report) -> Outcome:
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
        notes=(_OFFLINE, *_later(work.plan), *not_mended(work.plan, after)),
        to_come=tuple(mend for step in work.plan.steps if step.first_start for mend in step.mends),
    )


def _updated(work: Work, outcome: Outcome, dead: Sequence[Proof]) -> list[str]:
    """What becomes of that which was updated while it ran."""
    if not work.brought.upgraded:
        return []
    fell = {proof.name.partition(" ")[0] for proof in dead}
    names = [unit for unit in restarted(work.plan) if unit not in fell]
    anew = _PERHAPS if outcome.taken_back else _ANEW
    return [anew.format(", ".join(names))] * bool(names) + [_RUNS_ON]


def _dead(work: Work) -> list[Proof]:
    """What was updated, and does not run in its new version: no undo heals that, and nobody is to overlook it."""
    troubles = work.said.all(events.Trouble) if work.said else []
    return [Proof(f"{each.what} runs in its new version", ok=False, detail=each.why) for each in troubles]


def _later(plan: Plan) -> list[str]:
    names = {Purpose.FIREWALL: "the firewall"}
    titles = [names.get(step.purpose, step.title) for step in plan.steps if step.first_start]
    return [_LATER.format("; ".join(titles))] if titles else []


def _seen_before(work: Work, said: Said) -> tuple[Proof, ...]:
    """What was looked at before anything changed: a login under the new rules, or why there was none."""
    why = [each.skipped for each in said.all(events.Valid) if each.check.startswith("a login")]
    if work.link.name and work.link.asker.codes and _changes_logins(work.plan):
        why = [_CODE]
    return tuple(Proof(_UNDER_NEW_RULES, ok=True, detail=each, tried=not each) for each in why)


_UNDER_NEW_RULES = "a login under the new rules worked before they held"
_CODE = "each login needs a code of yours; the guard watches all the same"
_CAME = (
    "The packages had come by then, and stay (change {0}): the next try needs them. To take them back: "
    "thornwall undo {1} {0}"
)
_PACKAGES_GO_ON = (
    "Packages that are on their way come to their end; none of the other steps had begun. To look: thornwall history {}"
)
_PACKAGES_CUT = (
    "packages were on their way, and none of the other steps had begun; how far they had come is not known from here. "
    "Once it answers: thornwall status {}"
)
_CAME_BEFORE = (
    "What had come before the work was cut off is change {0}, which is taken back by itself: thornwall undo {1} {0}"
)
_LATER = (
    "At its first start, once it has a network where packages are needed, a job on it does the rest: {}. "
    "That takes five minutes or more: leave it on. Meanwhile it lets in SSH, and then what listens. To see what came "
    "of it, with the address that it has then: thornwall history USER@ADDRESS; on it: "
    "journalctl -u thornwall-first-start."
)
_RUNS_ON = (
    "Whatever else was updated and runs, or uses a library that was, goes on with the old version until it, or the "
    "device, is restarted: sudo reboot, when you can."
)
_ANEW = "Started anew, since they were updated: {}."
_PERHAPS = "Updated, and perhaps still running in their old version: {}."
_OFFLINE = "This system does not run now: the changes are in place, and have their effect when it starts."


_LOGINS = {Purpose.ACCOUNTS, Purpose.PAM, Purpose.SUDO, Purpose.SSH}


def _changes_logins(plan: Plan) -> bool:
    return any(step.purpose in _LOGINS for step in plan.steps)


def own_password(work: Work) -> Secret | None:
    """What sudo will take from the login's account once the change is made; None where it is as before."""
    return work.answers.passwords.get(work.plan.way_in.user) or work.own


async def _apply(work: Work, said: Said) -> events.Applied | None:
    """None where a step failed and the device takes it back."""
    assert work.planned is not None  # noqa: S101
    needed, found = set(secrets_needed(work.plan)), (*work.planned.report.findings, *work.gone)
    changed = replace(
        work.plan,
        steps=without_later(work.plan.steps),
        closes=tuple(sorted({*work.plan.closes, *work.silenced})),
    )
    gone = [Mend(each.rule, each.subject) for each in work.gone]

    def script(nonce: str) -> str:
        return transaction_script(
            Transaction(
                nonce=nonce,
                steps=without_packages(work.plan.steps),
                window=work.wanted.window,
                root=str(work.link.root or "/"),
                title=_title(work),
                reopens=reopens(changed, found, gone),
                secrets={name: secret for name, secret in work.answers.passwords.items() if name in needed},
                version=__version__,
                # (it cannot wait for a code, nor for two of them; the guard can)
                canary=bool(work.link.name) and not work.link.asker.codes and _changes_logins(work.plan),
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


def _title(work: Work) -> str:
    """What the change is called in the host's history, for ever: also that it is not all that was wanted."""
    missing = len(work.not_done)
    steps = "1 step" if missing == 1 else f"{missing} steps"
    title = work.choice.titled(work.plan.preset, work.wanted.accepts)
    return title + f", in part: {steps} could not be done" * bool(missing)


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
    """The steps of the transaction itself: packages come in before it, and some wait for a first start."""
    rest = (
        replace(step, operations=tuple(each for each in step.operations if not isinstance(each, Packages)))
        for step in without_later(steps)
    )
    return tuple(step for step in rest if step.operations)
