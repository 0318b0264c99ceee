"""The proof that the owner can still get in, within the window; and, once it stands, what must fail from outside."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from thornwall.apply.compile import confirm_script, status_script, undo_script
from thornwall.apply.events import Applied, Follower
from thornwall.errors import AuthenticationError, HostKeyError, ThornwallError, UnreachableError
from thornwall.jobs.audit import Judging, assess
from thornwall.jobs.link import Link
from thornwall.jobs.read import Reading, read_host
from thornwall.model.finding import Report, Status
from thornwall.model.outcome import Outcome, Proof
from thornwall.model.plan import Answers, Plan
from thornwall.model.secret import Secret
from thornwall.prove.claims import Claims
from thornwall.prove.ports import addresses, greets, open_ports
from thornwall.transport.base import Become, Limits, Nobody
from thornwall.transport.ssh import Access
from thornwall.transport.target import SshTarget

_PAUSE = 5.0  # between attempts: sshd's own penalties and pam_faillock count what comes faster
_MARGIN = 15.0  # before the deadline the device is left alone


@dataclass(slots=True)
class Proving:
    """What is proved of one change. `families`: addresses that greeted before, each of which must greet after."""

    link: Link
    plan: Plan
    claims: Claims
    judging: Judging
    step: Callable[[str], None]
    families: tuple[str, ...] = ()
    open_before: frozenset[int] = frozenset()
    known: tuple[tuple[str, Secret], ...] = ()  # passwords that are now, or were, those of accounts

    @property
    def _ssh(self) -> SshTarget | None:
        return self.link.target if isinstance(self.link.target, SshTarget) else None

    @property
    def port(self) -> int:
        """Of the way in."""
        return self.plan.way_in.port or 22

    async def look_before(self) -> None:
        """What answers from here before anything changes."""
        if self._ssh is None or not self.plan.host.address:
            return
        found = await addresses(self._ssh.host, self.port)
        greeting = await asyncio.gather(*(greets(address, self.port) for address in found))
        self.families = tuple(address for address, answer in zip(found, greeting, strict=True) if answer)
        self.open_before = await open_ports(self.plan.host.address, {*self.claims.closed, *self.claims.kept})

    def learn(self, answers: Answers, own: Secret | None) -> None:
        """The passwords that hold from now on: the login's own new one is what sudo takes."""
        user = self.plan.way_in.user
        now = answers.passwords.get(user) or own
        if now is not None:
            self.link.sudo_password = now
        if user in answers.passwords:
            self.link.asker.changed(own, answers.passwords[user])
        self.known = tuple(answers.passwords.items()) + (((user, own),) if own is not None else ())


async def confirm(proving: Proving, applied: Applied, first: Report) -> Outcome:
    """A fresh login, root through sudo, the ports that must answer, an audit; then the device is told to keep it."""
    deadline = time.monotonic() + applied.window - _MARGIN
    proofs: list[Proof] = []
    outcome = Outcome(proving.plan.target, first, transaction=applied.id, undo=applied.undo)
    try:
        after, came_in = await _fresh_audit(proving, deadline)
        proofs.append(came_in)
        proofs += await _still_answers(proving)
        if not all(proof.ok for proof in proofs):
            return await _back(proving, replace(outcome, proofs=tuple(proofs)), "what must answer does not", deadline)
        proving.step("confirming")
        follower = Follower("", proving.step)
        await _retried(
            proving, deadline, lambda: proving.link.run(confirm_script(applied.id, applied.nonce), feed=follower.feed)
        )
    except ThornwallError as error:
        proofs.append(Proof("a fresh login works and becomes root", ok=False, detail=error.message))
        return await _back(proving, replace(outcome, proofs=tuple(proofs)), error.message, deadline)
    proofs += await negative(proving)
    return replace(
        outcome,
        after=after,
        proofs=tuple(proofs),
        awaits_reboot=tuple(step.title for step in proving.plan.steps if step.awaits_reboot),
        notes=tuple(_not_mended(proving.plan, after)),
    )


async def _fresh_audit(proving: Proving, deadline: float) -> tuple[Report, Proof]:
    """Log in anew, become root by sudo as it is now, and read the host again."""
    link = proving.link
    proving.step("logging in anew")

    async def read() -> tuple[Report, Proof]:
        link.connections += 1
        capture, ran = await read_host(
            link.transport(),
            Reading(Limits(seconds=max(10, deadline - time.monotonic())), 0),
            proving.step,
            target=str(link.target),
            source="ssh" if link.name else "local",
        )
        link.asker.succeeded()
        how = ran.method or "the machine itself"
        sudo = ", sudo took the password" if ran.sudo_password else ""
        proof = Proof("a fresh login works and becomes root", ran.became_root, f"by {how}{sudo}")
        return assess(capture, proving.judging, address=ran.address), proof

    return await _retried(proving, deadline, read)


async def _retried(proving: Proving, deadline: float, attempt: Callable[[], object]):  # type: ignore[no-untyped-def]
    """Again until it works or the time is over: a penalty of sshd's, or a network that comes back, is no lock-out."""
    while True:
        try:
            return await attempt()  # type: ignore[misc]
        except HostKeyError:
            raise
        except (UnreachableError, AuthenticationError):
            if time.monotonic() + _PAUSE > deadline:
                raise
            proving.step("trying again")
            await asyncio.sleep(_PAUSE)


async def _still_answers(proving: Proving) -> list[Proof]:
    proofs = []
    for address in proving.families:
        proofs.append(Proof(f"SSH answers at {address}", await greets(address, proving.port)))
    kept = proving.open_before & set(proving.claims.kept)
    if kept:
        still = await open_ports(proving.plan.host.address, kept)
        names = ", ".join(map(str, sorted(kept)))
        lost = ", ".join(map(str, sorted(kept - still)))
        proofs.append(Proof(f"ports {names} answer as before", not lost, f"{lost} does not" if lost else ""))
    return proofs


async def _back(proving: Proving, outcome: Outcome, why: str, deadline: float) -> Outcome:
    """Take it back now if a login is still possible, else wait for the device to do it; and see that it has."""
    raise NotImplementedError


async def negative(proving: Proving) -> list[Proof]:
    """What must fail from outside, now that nothing hangs on it: paced, and after the good logins."""
    raise NotImplementedError


def _not_mended(plan: Plan, after: Report) -> list[str]:
    """Sentences on findings that a step was to mend, and that are there still."""
    awaiting = {mend for step in plan.steps if step.awaits_reboot for mend in step.mends}
    wanted = {(mend.rule, mend.subject) for mend in plan.mends if mend not in awaiting}
    left = [each for each in after.findings if each.status is Status.FAIL and (each.rule, each.subject) in wanted]
    return [f"{each.rule} ({each.subject}) is still there: {each.detail}" for each in left]
