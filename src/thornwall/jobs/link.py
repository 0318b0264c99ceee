"""The ways to one host within one action: each script is a new connection and a new login."""

from __future__ import annotations

import math
import shlex
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from thornwall.errors import UsageError
from thornwall.jobs.patience import COUNTED_FOR, patiently, wait
from thornwall.jobs.reach import Reaching
from thornwall.jobs.remembering import Remembering
from thornwall.jobs.unsaid import on_its_way
from thornwall.model.capture import Source
from thornwall.model.secret import Secret
from thornwall.transport.base import Asker, Become, Feed, Limits, Ran, Transport
from thornwall.transport.local import LocalTransport
from thornwall.transport.ssh import Access, SshTransport
from thornwall.transport.target import CaptureTarget, DirectoryTarget, LocalTarget, SshTarget, Target, parse_target

# `ufw limit` refuses the sixth connection of one address within 30 s. One is the canary's, which cannot wait.
_AT_ONCE = 4
T = TypeVar("T")


@dataclass
class Link:
    """One host, reached as often as needed.

    `counted`: its firewall counts connections, so they are spread; but never so that one would come after `until`.
    `patient`: a connection that is refused may be tried once more after half a minute.
    """

    target: SshTarget | LocalTarget | DirectoryTarget
    reaching: Reaching
    asker: Remembering
    sudo_password: Secret | None = None
    counted: bool = False
    until: float = math.inf
    patient: bool = True
    _made: deque[float] = field(default_factory=lambda: deque(maxlen=_AT_ONCE))
    _before: list[tuple[Remembering, Secret | None]] = field(default_factory=list)

    @property
    def root(self) -> Path | None:
        """The mounted root that stands for the host, if one does."""
        return self.target.path.resolve() if isinstance(self.target, DirectoryTarget) else None

    @property
    def typed(self) -> str:
        """The host as the words of a command, with the key that it is reached by."""
        words = [str(self.target) if self.name or self.root else "local:"]
        if self.reaching.identity is not None and self.name:
            words += ["--identity", str(self.reaching.identity)]
        return shlex.join(words)

    @property
    def source(self) -> Source:
        """What a capture of it says where it comes from."""
        return "directory" if self.root else "ssh" if self.name else "local"

    @property
    def name(self) -> str:
        """The host as the user called it; empty for this machine."""
        return self.target.host if isinstance(self.target, SshTarget) else ""

    @property
    def _who(self) -> str:
        """The account as prompts name it; empty on this machine."""
        if not isinstance(self.target, SshTarget):
            return ""
        from thornwall.transport.ssh_settings import resolve  # noqa: PLC0415 - asyncssh takes long to load

        return resolve(self.target, identity=None, keywords={}).who

    async def turn(self, step: Callable[[str], None]) -> None:
        """Wait until the host takes another connection, and count that one."""
        now = time.monotonic()
        seconds = self._made[0] + COUNTED_FOR - now if self.name and len(self._made) == _AT_ONCE else 0
        if self.counted and 0 < seconds < self.until - now - 1:
            await wait(seconds, "the firewall there counts logins", step)
        self._made.append(time.monotonic())

    async def patiently(self, login: Callable[[], Awaitable[T]], step: Callable[[str], None]) -> T:
        """See `patiently`; while a change waits, its own time is too short for that, and it may be the cause."""
        waits = isinstance(self.target, SshTarget) and on_its_way(self.target, time.time())
        return await (login() if waits or not self.patient else patiently(login, step))

    def transport(self, *, become: Become | None = None, access: Access | None = None) -> Transport:
        """A way to it that becomes root, with sudo's password where it is known."""
        become = become or Become(self.reaching.become, self.sudo_password)
        if isinstance(self.target, SshTarget):
            access = access or Access(identity=self.reaching.identity, accept_new=self.reaching.accept_new)
            return SshTransport(self.target, become=become, asker=self.asker.login(), access=access)
        return LocalTransport(become=become, asker=self.asker.login())

    def use_new_password(self, password: Secret) -> None:
        """The account's password is another one now: for sudo, and for a login by password."""
        self._before.append((self.asker, self.sudo_password))
        self.asker = self.asker.with_password(password, self._who)
        self.sudo_password = password

    def other_password(self) -> None:
        """Use the one that the account had before, or again the new one: a change that is taken back brings it back."""
        if self._before:
            now = (self.asker, self.sudo_password)
            self.asker, self.sudo_password = self._before.pop()
            self._before.append(now)

    def ask_nobody(self) -> None:
        """From now on, only what was typed before is used."""
        self.asker = self.asker.muted()
        self._before = [(asker.muted(), secret) for asker, secret in self._before]

    async def run(self, script: str, *, feed: Feed, limits: Limits | None = None) -> Ran:
        """Log in anew and run it as root. Raises the errors of `Transport.run`."""
        ran = await self.transport().run(script, feed=feed, limits=limits or Limits())
        self.asker.succeeded()
        return ran

    async def run_canary(self, port: int, script: str, password: Secret | None) -> Ran:
        """Log in, and through that to an sshd on the loopback there, which lives under new rules; run it as root.

        `password`: what sudo takes there. Nobody is asked. Raises the errors of `Transport.run`.
        """
        assert isinstance(self.target, SshTarget)  # noqa: S101 - nothing else has a loopback to go through
        self._made.append(time.monotonic())  # at once: the device does not wait for long
        new = self.asker if password is None else self.asker.with_password(password, self._who)
        access = Access(
            identity=self.reaching.identity,
            accept_new=self.reaching.accept_new,
            canary_port=port,
            canary_asker=new.muted().login(),
        )
        transport = SshTransport(
            self.target,
            become=Become("password", password or self.sudo_password),
            asker=self.asker.muted().login(),
            access=access,
        )
        return await transport.run(script, feed=lambda _: None, limits=Limits(seconds=40, idle_seconds=30))

    async def as_login(self, script: str, *, feed: Feed) -> Ran:
        """Log in anew, and become root only if sudo asks nothing."""
        limits = Limits(seconds=30, idle_seconds=20)
        ran = await self.transport(become=Become("if-possible")).run(script, feed=feed, limits=limits)
        self.asker.succeeded()
        return ran


def link_to(text: str, reaching: Reaching, asker: Asker) -> Link:
    """The link to what `text` names. Raises UsageError for a capture, which nothing can change."""
    target: Target = parse_target(text)
    if isinstance(target, CaptureTarget):
        raise UsageError(f"{target} is a capture: nothing can be changed in it.", hint="Name the host itself.")
    if isinstance(target, DirectoryTarget) and not (target.path / "etc").is_dir():
        raise UsageError(f"{target} holds no root file system: it has no etc.")
    if isinstance(target, DirectoryTarget):
        target = replace(target, path=target.path.resolve())
    return Link(target, reaching, Remembering(asker))
