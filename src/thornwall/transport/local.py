"""This machine: the same script under /bin/sh, in a session of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import cast

from thornwall.errors import UnreachableError
from thornwall.model.typed import HERE
from thornwall.transport.base import Asker, Become, Feed, Limits, Nobody, Ran
from thornwall.transport.exchange import Exchange
from thornwall.transport.wire import Wire

_GRACE = 8.0  # seconds between asking and killing; the watcher of the script takes two, and more on a busy machine


class LocalTransport:
    """This machine. `asker` is asked for the password of sudo, where `become` needs one and has none."""

    name = HERE

    def __init__(self, *, become: Become | None = None, asker: Asker | None = None) -> None:
        self._become = become or Become()
        self._asker = asker or Nobody()

    async def run(self, script: str, *, feed: Feed, limits: Limits) -> Ran:
        """See `Transport.run`."""
        wire = Wire(self._become, script.encode())
        exchange = Exchange(wire, self.name, feed=feed, limits=limits, asker=self._asker)
        loop = asyncio.get_running_loop()
        try:
            process, pipes = await loop.subprocess_exec(
                lambda: _Pipes(exchange), *wire.argv, start_new_session=True, cwd="/"
            )
        except OSError as error:
            raise UnreachableError(f"/bin/sh does not start on this machine: {error.strerror}") from error
        try:
            return await exchange.finish()
        finally:
            await _end(process, pipes)


class _Pipes(asyncio.SubprocessProtocol):
    """Carries the bytes between the process and the exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.gone = asyncio.Event()
        self._process: asyncio.SubprocessTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._process = cast("asyncio.SubprocessTransport", transport)
        stdin = self._process.get_pipe_transport(0)
        self.exchange.opened(cast("asyncio.WriteTransport", stdin))

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        (self.exchange.stdout if fd == 1 else self.exchange.stderr)(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the status tells
        """The process has ended and all its output has been read."""
        status = self._process.get_returncode() if self._process else None
        self.exchange.ended(255 if status is None else status if status >= 0 else 128 - status)
        self.gone.set()


async def _end(process: asyncio.SubprocessTransport, pipes: _Pipes) -> None:
    """Leave nothing behind: closing stdin makes the script's own watcher stop it, even if it is root and we are not."""
    pipes.exchange.abandon()
    if not pipes.gone.is_set():
        if stdin := process.get_pipe_transport(0):
            stdin.close()
        try:
            async with asyncio.timeout(_GRACE):
                await pipes.gone.wait()
        except (TimeoutError, asyncio.CancelledError):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.get_pid(), signal.SIGKILL)
    process.close()
