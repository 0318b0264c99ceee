"""A host over SSH: one TCP connection, one session channel, through as many jump hosts as are configured."""

from __future__ import annotations

import contextlib
import ctypes.util
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from thornwall.errors import UsageError
from thornwall.transport.base import Asker, Become, Feed, Limits, Nobody, Ran
from thornwall.transport.exchange import Exchange
from thornwall.transport.target import SshTarget
from thornwall.transport.wire import Wire

if TYPE_CHECKING:
    from thornwall.transport.ssh_login import Login


@dataclass(frozen=True, slots=True)
class Access:
    """How to get in, where ~/.ssh/config does not say it.

    `identity`: log in with this key only. `accept_new`: trust the key of a host never seen before; a changed key is
    never trusted. `connect_seconds`: for each step of the login; None: ConnectTimeout of the configuration, or 10.
    `methods`: no others are tried on the target (`password`); empty: all. For who wants to know whether they work.
    `canary_port`: log in once more, through that login, to an sshd that listens on the target's loopback, and run it
    there; 0: not. `canary_asker`: is asked what that second login needs; None: whoever is asked for the first.
    """

    identity: Path | None = None
    accept_new: bool = False
    connect_seconds: float | None = None
    methods: tuple[str, ...] = ()
    canary_port: int = 0
    canary_asker: Asker | None = field(default=None, repr=False)


@contextlib.contextmanager
def _no_search_for_libraries() -> Iterator[None]:
    """asyncssh looks for liboqs, for which ctypes starts ldconfig, and a compiler and a linker where there are any.

    All that it would bring is one key exchange more (sntrup761), with which nothing is gained where mlkem768 is.
    """
    search = ctypes.util.find_library
    ctypes.util.find_library = lambda name: None  # noqa: ARG005
    try:
        yield
    finally:
        ctypes.util.find_library = search


class SshTransport:
    """`target` over SSH, as ~/.ssh/config has it. `asker` is asked for passwords, codes, and unknown host keys."""

    def __init__(
        self,
        target: SshTarget,
        *,
        become: Become | None = None,
        asker: Asker | None = None,
        access: Access | None = None,
    ) -> None:
        self._target = target
        self._become = become or Become()
        self._asker = asker or Nobody()
        self._access = access or Access()

    @property
    def name(self) -> str:
        """The target as it was named."""
        return str(self._target)

    async def run(self, script: str, *, feed: Feed, limits: Limits) -> Ran:
        """See `Transport.run`."""
        if (identity := self._access.identity) is not None and not identity.is_file():
            raise UsageError(f"there is no key {identity}", hint="--identity names the file of a private key")
        # asyncssh takes a fifth of a second to import: only who needs it pays for it
        with _no_search_for_libraries():
            from thornwall.transport.ssh_login import Login  # noqa: PLC0415

        login = Login(self._asker, self._access)
        try:
            return await self._on(login, Wire(self._become, script.encode()), feed, limits)
        finally:
            await login.close()

    async def _on(self, login: Login, wire: Wire, feed: Feed, limits: Limits) -> Ran:
        conn = await login.connect(self._target)
        if limits.busy:
            login.bear_silence()
        exchange = Exchange(wire, login.who, feed=feed, limits=limits, asker=self._asker)
        try:
            await login.open(conn, exchange)
            ran = await exchange.finish()
        finally:
            exchange.abandon()
        return replace(ran, address=login.address(conn), user=login.user, method=login.method)
