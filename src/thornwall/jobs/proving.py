"""What is proved of one change, and what is known of it from here meanwhile."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from thornwall.jobs import unsaid
from thornwall.jobs.judging import Judging
from thornwall.jobs.link import Link
from thornwall.model.outcome import Proof
from thornwall.model.plan import Answers, Plan
from thornwall.model.secret import Secret
from thornwall.prove.claims import Claims
from thornwall.prove.ports import addresses, greets, open_ports
from thornwall.transport.target import SshTarget

# between attempts: sshd's own penalties, pam_faillock and firewalls (five within 30 s) count what comes faster
PAUSE = 7.0


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
    ways_out: frozenset[str] = frozenset()  # `IPv4`, `IPv6`: over which it had a default route before
    proved: tuple[Proof, ...] = ()
    known: tuple[tuple[str, Secret], ...] = ()  # passwords that are now, or were, those of accounts
    asked: bool = False  # the device is being told to keep it
    kept: bool = False  # it has said that it does
    broke: bool = False  # the link, before the device had told that all is done
    missed: str = ""  # the last attempt to log in anew that failed
    why: str = ""  # what was remembered last of why it was not confirmed
    change: str = ""  # its number on the device, once that would take it back
    until: float = 0.0  # when it does, in seconds since 1970 by this machine's clock
    tell: Callable[[str], None] = lambda _: None  # what the owner must know at once
    waits_until: Callable[[str], None] = lambda _: None  # what he is asked for until then is for its proof

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
        # (a connection that ends without a login is a failure to sshd, and to what reads its log)
        greeting = [False] * len(found) if self.claims.bans else await self.greeted(found)
        self.families = tuple(address for address, answer in zip(found, greeting, strict=True) if answer)
        others = {*self.claims.closed, *self.claims.kept}
        if self.claims.bans or self.plan.host.address in self.families:
            others.discard(self.port)  # it is greeted: a firewall that counts logins would count it twice
        self.open_before = await open_ports(self.plan.host.address, others)

    async def greeted(self, hosts: Sequence[str]) -> list[bool]:
        """Which of these addresses greet as an SSH server does."""
        for _ in hosts:
            await self.link.turn(self.step)
        return await asyncio.gather(*(greets(address, self.port) for address in hosts))

    def begin(self, change: str) -> None:
        """The device would take it back from now on: this machine knows, should nobody get in any more."""
        self.change, self.until = change, time.time() + self.window
        self.link.patient = False
        self.waits_until(unsaid.clock(self.until))
        self.remember("")

    def remember(self, why: str, *, kept: float = 0.0) -> None:
        """Keep on this machine that it waits, and why it was not confirmed; or that it was, and what did not hold."""
        self.why = why
        if isinstance(self.link.target, SshTarget) and self.change:
            unsaid.keep(self.link.target, self.change, unsaid.Known(why, self.until, kept))

    def stays(self, lacking: str) -> None:
        """The device keeps it. `lacking`: what did not hold all the same."""
        self.link.until, self.kept, self.until = math.inf, True, 0.0
        self.link.patient = True
        self.waits_until("")
        self.remember(lacking, kept=time.time())

    def forget(self) -> None:
        """It waits no longer, and the device knows all that there is to know."""
        self.until = 0.0
        self.remember("")

    def learn(self, answers: Answers, own: Secret | None) -> None:
        """The passwords that hold from now on: the login's own new one is what sudo takes."""
        user = self.plan.way_in.user
        if own is not None:
            self.link.sudo_password = own
        if (new := answers.passwords.get(user)) is not None:
            self.link.use_new_password(new)
        self.known = tuple(answers.passwords.items()) + (((user, own),) if own is not None else ())


def not_held(proofs: Sequence[Proof]) -> str:
    """What failed of them, as clauses; empty where nothing did."""
    lost = (proof for proof in proofs if not proof.ok)
    return "; ".join(": ".join(filter(None, [f"this did not hold: {proof.name}", proof.detail])) for proof in lost)
