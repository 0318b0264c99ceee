"""The proof, within the window, that the owner can still get in, and that what must fail from outside does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from thornwall.apply import events
from thornwall.apply.compile import confirm_script
from thornwall.errors import AuthenticationError, HostKeyError, RefusedError, ThornwallError, UnreachableError
from thornwall.facts.registry import snapshot
from thornwall.jobs.audit import assess
from thornwall.jobs.back import STILL_THERE, back, device_says
from thornwall.jobs.follow import Said, follow
from thornwall.jobs.proving import PAUSE, Proving, not_held
from thornwall.jobs.read import Reading, read_host
from thornwall.jobs.refusals import BANS, refused
from thornwall.jobs.undo import history
from thornwall.jobs.unsaid import clock
from thornwall.model.fact import Known
from thornwall.model.finding import Report, Status
from thornwall.model.outcome import STARTED_AGAIN, Outcome, Proof, undo_path
from thornwall.model.plan import Mend, Plan
from thornwall.prove.claims import counts_logins, ways_out
from thornwall.prove.ports import open_ports
from thornwall.transport.base import Limits

T = TypeVar("T")

_NOT_HELD = "not all was proved that must be, before it may stay"
_NOT_CONFIRMED = "it could not be confirmed"
_COUNTED = (
    "Its firewall counts logins, these tries too: if it refuses the next one, wait for half a minute and log in again."
)
_NO_WAY_IN = (UnreachableError, AuthenticationError, RefusedError, HostKeyError)
_SUDO_ASKS = "sudo asks from now on: 'thornwall audit' sees as much as before with --ask-sudo-pass (-K)."
_COMES_IN = "a fresh login works and becomes root"
_GOES_OUT = "it still has a way to other networks"
_SILENT = "no SSH server greets from there"
_PENALTY = 45.0  # seconds after which sshd's penalty for some failures is over, mostly
_AT_ONCE = 4.0  # seconds in which a host that answers would have done so
_MARGIN = 15.0  # before the deadline the device is left alone
SETTLES = 6.0
"""Seconds of a change before it may stay: what answers to it by itself, a network manager, say, does so later."""


class _NoWayOutError(UnreachableError):
    """It lets its owner in, and reaches nobody beyond its own network."""


async def confirm(proving: Proving, applied: events.Applied, first: Report) -> Outcome:
    """A fresh login, root through sudo, the ports that must answer, an audit; then what must fail. The login by which
    the device is told to keep it comes last: whoever is shut out only then is not told that all is well.
    """
    began = time.monotonic()
    deadline = began + applied.window - _MARGIN
    proofs = [*proving.proved]
    proving.link.until = deadline
    outcome = Outcome(proving.plan.target, first, transaction=applied.id, undo=undo_path(applied.id))
    try:
        after, came_in = await _retried(proving, deadline, lambda: _fresh_audit(proving, deadline))
        worked = clock(time.time())
        proofs += [*came_in, *await _still_answers(proving, deadline)]
    except (*_NO_WAY_IN, EOFError) as error:
        lost = isinstance(error, _NoWayOutError)
        proofs += [Proof(_COMES_IN, ok=True)] * lost
        proofs.append(Proof(_GOES_OUT if lost else _COMES_IN, ok=False, detail=_why(error)))
        return await _not_kept(proving, replace(outcome, proofs=tuple(proofs)), _NOT_HELD)
    outcome = replace(outcome, proofs=tuple(proofs))
    if not all(proof.ok for proof in proofs):
        return await _not_kept(proving, outcome, _NOT_HELD)
    try:
        must_fail = await refused(proving)
        outcome = replace(outcome, proofs=(*proofs, *must_fail))
        await _settled(proving, began)
        proving.asked = True
        await _retried(proving, deadline, lambda: _keep(proving, applied))
    except (*_NO_WAY_IN, EOFError) as error:
        why = _why(error)
        before = f"; before that, {proving.missed}" if proving.missed not in {"", why} else ""
        detail = f"{why}{before}; at {worked} one had worked: what of the host's own answers to the change?"
        once_more = Proof("a login once more, to confirm it", ok=False, detail=detail)
        outcome = replace(outcome, proofs=(*outcome.proofs, once_more))
        return await _not_kept(proving, outcome, _NOT_CONFIRMED, refused=isinstance(error, RefusedError))
    proving.stays(not_held(must_fail))
    return replace(
        outcome,
        after=after,
        awaits_reboot=awaiting(proving.plan),
        at_start=with_a_start(proving.plan),
        notes=(
            *not_mended(proving.plan, after),
            *(_COUNTED,) * proving.link.counted,
            *(_SUDO_ASKS,) * proving.claims.sudo_asks,
        ),
    )


async def _not_kept(proving: Proving, outcome: Outcome, why: str, *, refused: bool = False) -> Outcome:
    """Have it taken back. Where no login worked for a while, or the device refuses, it may be back already (it lost its
    power, say): then it tells why, and what was seen since was seen of a device that was back. That its time was up
    tells nothing of why nobody got in until then.
    """
    proving.link.ask_nobody()
    said = await device_says(proving, outcome.transaction) if proving.missed or refused else ""
    if said and (refused or STARTED_AGAIN in said):
        outcome = replace(outcome, proofs=(Proof(STILL_THERE, ok=False, detail=said),))
        why = _NOT_CONFIRMED
    return await back(proving, outcome, why)


def _why(error: Exception) -> str:
    return error.message if isinstance(error, ThornwallError) else "the login asks, and the input has ended"


async def _settled(proving: Proving, began: float) -> None:
    """Wait until the change is as old as it must be before it may stay."""
    if (wait := began + SETTLES - time.monotonic()) > 0:
        proving.step("seeing whether it stays so")
        await asyncio.sleep(wait)


async def second_login(
    proving: Proving, applied: events.Applied, first: Report, tell: Callable[[str], None]
) -> Outcome:
    """At the machine itself the person proves it: a new login of his own says 'thornwall confirm'. Waits for that."""
    outcome = Outcome(proving.plan.target, first, transaction=applied.id, undo=undo_path(applied.id))
    tell(
        f"The change is made. Log in anew, at another terminal or from another machine, and run there within "
        f"{applied.window} seconds: thornwall confirm"
    )
    tell("If you cannot, do nothing: the machine takes the change back by itself.")
    while True:
        known = {change.id: change for change in await history(proving.link, proving.step)}
        change = known.get(applied.id)
        state = change.state if change else ""
        if state == "confirmed":
            proving.kept = True
            proof = Proof("a second login became root and confirmed it", ok=True)
            after, _ = await _fresh_audit(proving, time.monotonic() + 120)
            notes = tuple(not_mended(proving.plan, after))
            return replace(
                outcome,
                after=after,
                proofs=(proof,),
                awaits_reboot=awaiting(proving.plan),
                at_start=with_a_start(proving.plan),
                notes=notes,
            )
        if state in {"undone", "rehearsal", ""}:
            failed = "no second login confirmed it in time"
            return replace(outcome, failed=failed, taken_back=True, verified=state == "undone")
        proving.step(f"waiting for 'thornwall confirm' from a new login; {change.left if change else 0} s left")
        await asyncio.sleep(2)


def awaiting(plan: Plan) -> tuple[str, ...]:
    """Titles of the steps that have their effect at the next start only."""
    return tuple(step.title for step in plan.steps if step.awaits_reboot)


def with_a_start(plan: Plan) -> tuple[Mend, ...]:
    """The findings of these steps."""
    return tuple(mend for step in plan.steps if step.awaits_reboot for mend in step.mends)


async def _fresh_audit(proving: Proving, deadline: float) -> tuple[Report, list[Proof]]:
    """Log in anew, become root by sudo as it is now, and read the host again."""
    link = proving.link
    proving.step("logging in anew")
    await link.turn(proving.step)
    reading = Reading(Limits(seconds=max(10, deadline - time.monotonic())), link.reaching.password_seconds)
    capture, ran = await read_host(
        link.transport(), reading, proving.step, target=str(link.target), source=link.source, root=link.root
    )
    link.asker.succeeded()
    facts = snapshot(capture)
    link.counted = link.counted or counts_logins(facts, proving.port)
    if not ran.became_root:
        raise AuthenticationError(f"the fresh login did not become root: {ran.refusal}")
    if isinstance(facts.network, Known) and (lost := sorted(proving.ways_out - ways_out(facts))):
        raise _NoWayOutError(f"it has no default route over {' and '.join(lost)} any more")
    how = f"by {ran.method}" if ran.method else "on the machine itself"
    sudo = ", sudo took the password" if ran.sudo_password else ""
    report = assess(capture, proving.judging, address=ran.address)
    proofs = [Proof(_COMES_IN, ok=True, detail=f"{how}{sudo}")]
    proofs += [Proof(_GOES_OUT, ok=True, detail=", ".join(sorted(proving.ways_out)))] * bool(proving.ways_out)
    return report, proofs


async def _keep(proving: Proving, applied: events.Applied) -> None:
    """Tell the device to keep it. A lost answer does no harm: to confirm twice is to confirm once."""
    proving.step("confirming")
    sudo = proving.link.sudo_password is not None

    def script(nonce: str) -> str:
        return confirm_script(applied.id, nonce, key=applied.key, sudo=sudo)

    said = await follow(proving.link, script, Said(proving.step))
    if taken := said.first(events.TakenBack):
        raise RefusedError(taken.why)
    said.need(events.Confirmed)


async def _retried(proving: Proving, deadline: float, attempt: Callable[[], Awaitable[T]]) -> T:
    """Again until it works or the time is over: a penalty of sshd's, or a network that comes back, is no lock-out."""
    told: set[str] = set()
    while True:
        began = time.monotonic()
        try:
            return await attempt()
        except (UnreachableError, AuthenticationError) as error:
            if time.monotonic() + PAUSE > deadline:
                raise
            # (sshd that starts anew refuses one connection: the next, or one that is not even refused, is worth a word)
            again = bool(proving.missed) or time.monotonic() - began > _AT_ONCE
            if (isinstance(error, AuthenticationError) or again) and error.message not in told:
                told.add(error.message)
                until = clock(time.time() + deadline - time.monotonic())
                proving.tell(f"Not yet: {error.message}. It is tried again until {until}.")
            proving.missed = error.message
            proving.remember(f"a login from here failed: {error.message}")
            proving.step(f"{error.message[:100]}; trying again")
            await asyncio.sleep(PAUSE)


async def _greeting(proving: Proving, deadline: float) -> set[str]:
    """Which addresses greet. sshd also refuses whom others behind the same address made it suspect, for a while."""
    deadline = min(deadline, time.monotonic() + _PENALTY)
    greeting: set[str] = set()
    while missing := [address for address in proving.families if address not in greeting]:
        answers = await proving.greeted(missing)
        greeting.update(address for address, answer in zip(missing, answers, strict=True) if answer)
        if all(answers) or time.monotonic() + PAUSE > deadline:
            break
        proving.step(f"no SSH server greets at {' or '.join(missing)}; trying again")
        await asyncio.sleep(PAUSE)
    return greeting


async def _still_answers(proving: Proving, deadline: float) -> list[Proof]:
    greeting = await _greeting(proving, deadline)
    proofs = [
        Proof(f"SSH answers at {address}", address in greeting, _SILENT * (address not in greeting))
        for address in proving.families
    ]
    if proving.claims.bans:
        detail = BANS.format(proving.claims.bans)
        proofs.append(Proof("SSH answers at every address", ok=True, detail=detail, tried=False))
    kept = proving.open_before & set(proving.claims.kept)
    if kept:
        still = await open_ports(proving.plan.host.address, kept)
        lost = ", ".join(map(str, sorted(kept - still)))
        names = ", ".join(map(str, sorted(kept)))
        proofs.append(
            Proof(f"what answered before still does (tcp {names})", not lost, f"{lost} does not" * bool(lost))
        )
    return proofs


def not_mended(plan: Plan, after: Report) -> list[str]:
    """Sentences on findings that a step was to mend, and that are there still."""
    awaiting = {mend for step in plan.steps if step.awaits_reboot or step.first_start for mend in step.mends}
    wanted = {(mend.rule, mend.subject) for mend in plan.mends if mend not in awaiting}
    left = [each for each in after.findings if each.status is Status.FAIL and (each.rule, each.subject) in wanted]
    return [f"{each.rule} ({each.subject}) is still there: {each.detail}" for each in left]
