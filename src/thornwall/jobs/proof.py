"""The proof that the owner can still get in, within the window; and, once it stands, what must fail from outside."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from thornwall.apply import events
from thornwall.apply.compile import confirm_script, undo_script
from thornwall.errors import AuthenticationError, HostKeyError, RefusedError, ThornwallError, UnreachableError
from thornwall.facts.registry import snapshot
from thornwall.jobs import unsaid
from thornwall.jobs.audit import assess
from thornwall.jobs.follow import Said, follow
from thornwall.jobs.judging import Judging
from thornwall.jobs.link import Link
from thornwall.jobs.read import Reading, read_host
from thornwall.jobs.refusals import refused
from thornwall.jobs.undo import history
from thornwall.model.finding import Report, Status
from thornwall.model.outcome import Outcome, Proof, undo_path
from thornwall.model.plan import Answers, Plan
from thornwall.model.secret import Secret
from thornwall.prove.claims import Claims, counts_logins
from thornwall.prove.ports import addresses, greets, open_ports
from thornwall.transport.base import Limits
from thornwall.transport.target import SshTarget

T = TypeVar("T")

_REBOOT = 180.0  # seconds that a host may need to start again, if it has to
# between attempts: sshd's own penalties, pam_faillock and firewalls (five within 30 s) count what comes faster
_PAUSE = 7.0
_NOT_HELD = "not all was proved that must be, before it may stay"
_COUNTED = (
    "Its firewall counts logins, these tries too: if it refuses the next one, wait for half a minute and log in again."
)
_NO_WAY_IN = (UnreachableError, AuthenticationError, RefusedError, HostKeyError)
_NO_RECORD = "The host that answers there keeps no record of change"
_RESTARTED = "The device started again for that."
_SUDO_ASKS = "sudo asks from now on: 'thornwall audit' sees as much as before with --ask-sudo-pass (-K)."
_MARGIN = 15.0  # before the deadline the device is left alone


@dataclass(slots=True)
class Proving:
    """What is proved of one change. `families`: addresses that greeted before, each of which must greet after."""

    link: Link
    plan: Plan
    claims: Claims
    judging: Judging
    step: Callable[[str], None]
    window: float = 180
    families: tuple[str, ...] = ()
    open_before: frozenset[int] = frozenset()
    proved: tuple[Proof, ...] = ()
    known: tuple[tuple[str, Secret], ...] = ()  # passwords that are now, or were, those of accounts
    asked: bool = False  # the device is being told to keep it
    kept: bool = False  # it has said that it does
    missed: str = ""  # the last attempt to log in anew that failed
    change: str = ""  # its number on the device, once it waits there
    tell: Callable[[str], None] = lambda _: None  # what the owner must know at once

    @property
    def port(self) -> int:
        """Of the way in."""
        return self.plan.way_in.port or 22

    async def look_before(self) -> None:
        """What answers from here before anything changes."""
        target = self.link.target
        if not isinstance(target, SshTarget) or not self.plan.host.address:
            return
        found = await addresses(target.host, self.port)
        greeting = await self.greeted(found)
        self.families = tuple(address for address, answer in zip(found, greeting, strict=True) if answer)
        others = {*self.claims.closed, *self.claims.kept}
        if self.plan.host.address in self.families:
            others.discard(self.port)  # it is greeted: a firewall that counts logins would count it twice
        self.open_before = await open_ports(self.plan.host.address, others)

    async def greeted(self, hosts: Sequence[str]) -> list[bool]:
        """Which of these addresses greet as an SSH server does."""
        for _ in hosts:
            await self.link.turn(self.step)
        return await asyncio.gather(*(greets(address, self.port) for address in hosts))

    def remember(self, why: str) -> None:
        """Keep on this machine why it was not confirmed, until the device has been told; empty: it has."""
        if self.link.name and self.change:
            unsaid.keep(str(self.link.target), self.change, why)

    def learn(self, answers: Answers, own: Secret | None) -> None:
        """The passwords that hold from now on: the login's own new one is what sudo takes."""
        user = self.plan.way_in.user
        if own is not None:
            self.link.sudo_password = own
        if (new := answers.passwords.get(user)) is not None:
            self.link.use_new_password(new)
        self.known = tuple(answers.passwords.items()) + (((user, own),) if own is not None else ())


async def confirm(proving: Proving, applied: events.Applied, first: Report) -> Outcome:
    """A fresh login, root through sudo, the ports that must answer, an audit; then the device is told to keep it."""
    deadline = time.monotonic() + applied.window - _MARGIN
    proofs = [*proving.proved]
    proving.link.until = deadline
    proving.change = applied.id
    proving.remember("")  # (what is kept of that number is of a card that was written anew since)
    outcome = Outcome(proving.plan.target, first, transaction=applied.id, undo=undo_path(applied.id))
    try:
        after, came_in = await _retried(proving, deadline, lambda: _fresh_audit(proving, deadline))
        proofs += [came_in, *await _still_answers(proving)]
    except (*_NO_WAY_IN, EOFError) as error:
        detail = error.message if isinstance(error, ThornwallError) else "it asks, and the input has ended"
        proofs.append(Proof("a fresh login works and becomes root", ok=False, detail=detail))
        return await back(proving, replace(outcome, proofs=tuple(proofs)), _NOT_HELD)
    outcome = replace(outcome, proofs=tuple(proofs))
    if not all(proof.ok for proof in proofs):
        return await back(proving, outcome, _NOT_HELD)
    proving.asked = True
    try:
        await _retried(proving, deadline, lambda: _keep(proving, applied))
    except (*_NO_WAY_IN, EOFError) as error:
        why = error.message if isinstance(error, ThornwallError) else "the login asks, and the input has ended"
        before = f"; before that, {proving.missed}" if proving.missed not in {"", why} else ""
        once_more = Proof("a login once more, to confirm it", ok=False, detail=f"{why}{before}")
        return await back(proving, replace(outcome, proofs=(*proofs, once_more)), "it could not be confirmed")
    proving.link.until, proving.kept = math.inf, True
    proving.remember("")
    return replace(
        outcome,
        after=after,
        proofs=(*proofs, *await refused(proving)),
        awaits_reboot=awaiting(proving.plan),
        notes=(
            *not_mended(proving.plan, after),
            *(_COUNTED,) * proving.link.counted,
            *(_SUDO_ASKS,) * proving.claims.sudo_asks,
        ),
    )


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
            return replace(outcome, after=after, proofs=(proof,), awaits_reboot=awaiting(proving.plan), notes=notes)
        if state in {"undone", "rehearsal", ""}:
            failed = "no second login confirmed it in time"
            return replace(outcome, failed=failed, taken_back=True, verified=state == "undone")
        proving.step(f"waiting for 'thornwall confirm' from a new login; {change.left if change else 0} s left")
        await asyncio.sleep(2)


def awaiting(plan: Plan) -> tuple[str, ...]:
    """Titles of the steps that have their effect at the next start only."""
    return tuple(step.title for step in plan.steps if step.awaits_reboot)


async def _fresh_audit(proving: Proving, deadline: float) -> tuple[Report, Proof]:
    """Log in anew, become root by sudo as it is now, and read the host again."""
    link = proving.link
    proving.step("logging in anew")
    await link.turn(proving.step)
    reading = Reading(Limits(seconds=max(10, deadline - time.monotonic())), link.reaching.password_seconds)
    capture, ran = await read_host(
        link.transport(), reading, proving.step, target=str(link.target), source=link.source, root=link.root
    )
    link.asker.succeeded()
    link.counted = link.counted or counts_logins(snapshot(capture), proving.port)
    if not ran.became_root:
        raise AuthenticationError(f"the fresh login did not become root: {ran.refusal}")
    how = f"by {ran.method}" if ran.method else "on the machine itself"
    sudo = ", sudo took the password" if ran.sudo_password else ""
    report = assess(capture, proving.judging, address=ran.address)
    return report, Proof("a fresh login works and becomes root", ok=True, detail=f"{how}{sudo}")


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
        try:
            return await attempt()
        except (UnreachableError, AuthenticationError) as error:
            if time.monotonic() + _PAUSE > deadline:
                raise
            # (sshd that starts anew refuses one connection; the second that fails is worth a word)
            if (isinstance(error, AuthenticationError) or proving.missed) and error.message not in told:
                told.add(error.message)
                until = _clock(deadline - time.monotonic())
                proving.tell(f"Not yet: {error.message}. It is tried again until {until}.")
            proving.missed = error.message
            proving.remember(error.message)
            proving.step(f"{error.message[:100]}; trying again")
            await asyncio.sleep(_PAUSE)


async def _still_answers(proving: Proving) -> list[Proof]:
    greeting = await proving.greeted(proving.families)
    proofs = [Proof(f"SSH answers at {address}", ok) for address, ok in zip(proving.families, greeting, strict=True)]
    kept = proving.open_before & set(proving.claims.kept)
    if kept:
        still = await open_ports(proving.plan.host.address, kept)
        lost = ", ".join(map(str, sorted(kept - still)))
        names = ", ".join(map(str, sorted(kept)))
        proofs.append(
            Proof(f"what answered before still does (tcp {names})", not lost, f"{lost} does not" * bool(lost))
        )
    return proofs


async def back(proving: Proving, outcome: Outcome, why: str, *, applied: bool = True) -> Outcome:
    """Have it taken back now if a login is still possible, else by the deadline; and see that it was.

    The device does it by itself in any case. A host whose key is another one now is not talked to. `applied`: the
    device has told that it was made, so that it must have a record of it.
    """
    proving.step("the device takes it back")
    proving.link.ask_nobody()
    outcome = replace(outcome, failed=outcome.failed or why, taken_back=True, by=_clock(proving.window))
    if outcome.verified:
        return await _afterwards(proving, outcome)
    proving.change = outcome.transaction
    proving.remember(_lost(outcome))
    _tell_waiting(proving, outcome)
    patience, pause = time.monotonic() + proving.window + _REBOOT, _PAUSE
    while time.monotonic() < patience:
        outcome, over = await _looked_after(proving, outcome, applied=applied)
        if over:
            return await _afterwards(proving, outcome)
        proving.link.other_password()
        await asyncio.sleep(pause)
        if outcome.refused:  # (what counts wrong passwords there, such as pam_faillock, is not to shut the owner out)
            pause = min(2 * pause, _REBOOT / 3)
    return outcome


def _tell_waiting(proving: Proving, outcome: Outcome) -> None:
    """While it is waited for: what failed, by when it is back, and that nobody need stay."""
    why = _lost(outcome)
    until = _clock(proving.window + _REBOOT)
    proving.tell(
        f"The change is not kept; {why}. {outcome.target} takes it back by itself, by {outcome.by} or with a restart "
        f"soon after. Until {until} this looks whether it is back; to stop it changes nothing there."
    )


def _lost(outcome: Outcome) -> str:
    """What kept it from being confirmed."""
    lost = [
        ": ".join(filter(None, [f"this failed: {proof.name}", proof.detail]))
        for proof in outcome.proofs
        if not proof.ok
    ]
    return "; ".join(lost) or outcome.failed


def _clock(ahead: float) -> str:
    """The time of day here, so many seconds from now."""
    return time.strftime("%H:%M:%S %Z", time.localtime(time.time() + ahead))


async def _afterwards(proving: Proving, outcome: Outcome) -> Outcome:
    """What else is as before, or may not be: the ports that answered, and passwords that everybody knows."""
    known = ", ".join(proving.plan.known_passwords)
    if known and outcome.begun:
        outcome = _noted(outcome, f"The password of {known} that everybody knows may hold again: change it.")
    ports = proving.open_before & set(proving.claims.kept)
    if not outcome.verified or not ports:
        return outcome
    still = await open_ports(proving.plan.host.address, ports)
    lost = ", ".join(map(str, sorted(ports - still)))
    names = ", ".join(map(str, sorted(ports)))
    return _noted(
        outcome, f"tcp {lost} does not answer now." if lost else f"What answered before does so again (tcp {names})."
    )


async def _looked_after(proving: Proving, outcome: Outcome, *, applied: bool) -> tuple[Outcome, bool]:
    """One attempt to take it back, or to see it back if it did not go at once; and whether that is the last word."""
    said, outcome = Said(proving.step), replace(outcome, refused="")
    try:
        if not outcome.stuck:  # (the device tries that again at the deadline, and then with a restart)
            await follow(
                proving.link, lambda nonce: undo_script(outcome.transaction, nonce=nonce, why=_lost(outcome)), said
            )
        if said.first(events.Undone):
            proving.remember("")
            return replace(outcome, verified=True), True
        if stuck := said.first(events.Stuck):
            return replace(outcome, stuck=stuck.why), False
        return _of_record(outcome, await history(proving.link, proving.step), applied=applied)
    except HostKeyError:
        return _noted(outcome, "Its key is another one now: nothing more was said to it."), True
    except (UnreachableError, AuthenticationError) as error:
        undone = said.first(events.Undone) is not None
        refused = error.message if isinstance(error, AuthenticationError) else ""
        return replace(outcome, verified=undone, refused=refused), undone


def _of_record(outcome: Outcome, changes: Sequence[events.Change], *, applied: bool) -> tuple[Outcome, bool]:
    """What it had not begun when the link broke, the device forgets; what it had made, it never does."""
    states = [change.state for change in changes if change.id == outcome.transaction]
    if "undone" in states:
        outcome = replace(outcome, verified=True)
        restarted = any(change.restarted for change in changes if change.id == outcome.transaction)
        return _noted(outcome, _RESTARTED) if restarted else outcome, True
    if states:
        return outcome, False  # it refuses while it is at it
    if not applied:
        return replace(outcome, verified=True, begun=False), True
    return _noted(outcome, f"{_NO_RECORD} {outcome.transaction}, which it had made: is it the same machine?"), True


def _noted(outcome: Outcome, note: str) -> Outcome:
    return replace(outcome, notes=(*outcome.notes, note))


def not_mended(plan: Plan, after: Report) -> list[str]:
    """Sentences on findings that a step was to mend, and that are there still."""
    awaiting = {mend for step in plan.steps if step.awaits_reboot for mend in step.mends}
    wanted = {(mend.rule, mend.subject) for mend in plan.mends if mend not in awaiting}
    left = [each for each in after.findings if each.status is Status.FAIL and (each.rule, each.subject) in wanted]
    return [f"{each.rule} ({each.subject}) is still there: {each.detail}" for each in left]
