"""What must fail from outside under a change: ports that are closed, passwords, root, sudo without a password."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from thornwall.errors import AuthenticationError, UnreachableError
from thornwall.model.outcome import Proof
from thornwall.model.secret import Secret
from thornwall.prove.ports import open_ports
from thornwall.transport.base import Become, Limits, Nobody
from thornwall.transport.ssh import Access, SshTransport
from thornwall.transport.target import SshTarget

if TYPE_CHECKING:
    from thornwall.jobs.proving import Proving

Attempt = Callable[[str], Awaitable[Proof]]

_ASKS = "the SSH server asks for a password, so that it takes them still"
_UNKNOWN = "the SSH server asks, and the password of {} is not known here"
_NO_TIME = "the time within which the change must be confirmed is too short for it"
_NO_KEY = "you log in by a password"
BANS = "{} runs there, which would shut this computer out for logins that fail"
_LEFT = 10.0  # seconds of that which are for the last login
_PACE = 1.0  # between attempts that must fail: sshd's penalties begin with the third or so within a few seconds


async def refused(proving: Proving) -> list[Proof]:
    """What must fail from outside: paced, after the first good logins, and as long as there is time for the last one.

    What cannot be tried is told as such. It is no lock-out: whether the host answers, that last login tells.
    """
    target, claims = proving.link.target, proving.claims
    if not isinstance(target, SshTarget):
        return []
    proofs = []
    proving.step("trying from outside what must fail")
    tried = set(claims.closed) & proving.open_before
    if tried:
        still = await open_ports(proving.plan.host.address, tried)
        names = ", ".join(map(str, sorted(tried)))
        proofs.append(
            Proof(
                f"tcp {names} no longer answers", not still, f"{', '.join(map(str, sorted(still)))} does" * bool(still)
            )
        )
    for name, attempt in _attempts(proving, target):
        if proving.link.until - time.monotonic() < _LEFT:
            proofs.append(await _not_tried(_NO_TIME, name))
        else:
            proofs.append(await attempt(name))
    return proofs


def _attempts(proving: Proving, target: SshTarget) -> Iterator[tuple[str, Attempt]]:
    """Each with its name."""
    user, claims = proving.plan.way_in.user, proving.claims
    if claims.sudo_asks:
        yield "sudo asks for a password", partial(_sudo_asks, proving)
    fails = partial(_not_tried, BANS.format(claims.bans)) if claims.bans else None
    if claims.password_refused:
        yield "a login by password is refused", fails or partial(_no_password, proving, target, user)
    if claims.root_refused and user != "root":
        root = replace(target, user="root")
        by_key: Attempt = partial(_no_login, proving, root, Nobody(), ("publickey",))
        if proving.plan.way_in.methods == ("password",):
            by_key = partial(_not_tried, _NO_KEY)
        yield "your key does not let root in", fails or by_key
        yield "root may not log in by password", fails or partial(_no_password, proving, target, "root")


async def _not_tried(why: str, name: str) -> Proof:
    return Proof(name, ok=True, detail=why, tried=False)


async def _sudo_asks(proving: Proving, name: str) -> Proof:
    await proving.link.turn(proving.step)
    try:
        ran = await proving.link.as_login("exit 0", feed=lambda _: None)
    except (UnreachableError, AuthenticationError) as error:
        return Proof(name, ok=True, detail=error.message, tried=False)
    return Proof(name, not ran.became_root, ran.refusal)


async def _no_password(proving: Proving, target: SshTarget, user: str, name: str) -> Proof:
    """That SSH takes no password: it asks for none, or refuses the true one.

    Where the true one is not known and it asks: an SSH server that is to take none from anybody would not ask. Where
    it is to refuse root alone, it asks all the same, and that it refuses a wrong one proves nothing.
    """
    true = dict(proving.known).get(user)
    if true is None and user == proving.plan.way_in.user:
        true = proving.link.sudo_password
    knows = _Knows(true or Secret("raspberry"))
    tried = await _no_login(proving, replace(target, user=user), knows, ("password", "keyboard-interactive"), name)
    if knows.asked and not tried.tried:  # (it may have let it in before the connection broke)
        return replace(tried, ok=False, tried=True)
    if not (tried.ok and knows.asked and true is None):
        return tried
    if user == proving.plan.way_in.user:
        return Proof(name, ok=False, detail=_ASKS)
    return Proof(name, ok=True, detail=_UNKNOWN.format(user), tried=False)


async def _no_login(proving: Proving, target: SshTarget, asker: Nobody, methods: tuple[str, ...], name: str) -> Proof:
    """A real attempt."""
    access = Access(identity=proving.link.reaching.identity, methods=methods)
    transport = SshTransport(target, become=Become("never"), asker=asker, access=access)
    await asyncio.sleep(_PACE)
    await proving.link.turn(proving.step)
    try:
        await transport.run("exit 0", feed=lambda _: None, limits=Limits(seconds=20, idle_seconds=20))
    except AuthenticationError as error:
        return Proof(name, ok=True, detail=error.message)
    except UnreachableError as error:
        return Proof(name, ok=True, detail=error.message, tried=False)
    return Proof(name, ok=False, detail="it worked")


class _Knows(Nobody):
    """Answers once, with a password that is known."""

    def __init__(self, secret: Secret) -> None:
        self._secret: Secret | None = secret
        self.asked = False

    def password(self, prompt: str) -> Secret | None:  # noqa: ARG002
        """The password, once."""
        self.asked = True
        secret, self._secret = self._secret, None
        return secret

    def keyboard_interactive(
        self,
        title: str,  # noqa: ARG002
        instructions: str,  # noqa: ARG002
        prompts: Sequence[tuple[str, bool]],
    ) -> list[Secret] | None:
        """The same, where a password alone is asked for."""
        if len(prompts) != 1 or "password" not in prompts[0][0].lower():  # (a one-time code, say)
            return None
        secret = self.password("")
        return None if secret is None else [secret]
