"""To a port of a host's own loopback where its SSH server forwards nothing: a program there passes the bytes on."""

from __future__ import annotations

import asyncio
import re
import socket
from typing import cast

import asyncssh

from thornwall.errors import LoopbackError, UnreachableError

_SECONDS = 20.0  # for the program to start, and for the server to greet
# one line, which every login shell understands; bash reads such a path as a connection; $$ is one process throughout
_RELAY = (
    "sh -c 'if command -v bash >/dev/null; "
    'then exec bash -c "exec 3<>/dev/tcp/127.0.0.1/{port} && {{ {{ cat <&3; kill $$; }} & exec cat >&3; }}"; fi; '
    "exec nc 127.0.0.1 {port}'"
)
_NOTHING = "nothing on the host passes a connection on"
_GREETING = re.compile(rb"SSH-(?:2\.0|1\.99)-")
_PEEKED = 4096  # bytes


async def relay(conn: asyncssh.SSHClientConnection, port: int) -> socket.socket:
    """A socket that is that connection, on which an SSH server has begun to greet. It ends with `conn`.

    Raises LoopbackError where nothing there does it, UnreachableError where `conn` itself broke.
    """
    ours, theirs = socket.socketpair()
    try:
        async with asyncio.timeout(_SECONDS):
            _, here = await asyncio.get_running_loop().create_connection(_Here, sock=theirs)
            await conn.create_session(lambda: _There(here), _RELAY.format(port=port), encoding=None)
            greeted = await _greets(ours, here)
    except BaseException as error:
        ours.close()
        if isinstance(error, asyncssh.ConnectionLost):
            raise UnreachableError(f"the connection broke: {error}") from error
        if isinstance(error, asyncssh.Error | OSError):  # a timeout is one
            raise LoopbackError(f"{_NOTHING}: {error}") from error
        raise
    if not greeted:
        ours.close()
        raise LoopbackError(_NOTHING)
    return ours


class _Here(asyncio.Protocol):
    """The end of the pair that is fed to the program. `channel` is its, once it runs."""

    channel: asyncssh.SSHClientChannel[bytes] | None = None
    transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        if self.channel is not None:
            self.channel.write(data)

    def connection_lost(self, _exc: Exception | None) -> None:
        if self.channel is not None:
            self.channel.close()


class _There(asyncssh.SSHClientSession[bytes]):
    """The program: what it writes goes to the pair, but for its complaints."""

    def __init__(self, here: _Here) -> None:
        self._here = here

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._here.channel = chan

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        if datatype is None and self._here.transport is not None:
            self._here.transport.write(data)

    def connection_lost(self, _exc: Exception | None) -> None:
        if self._here.transport is not None:
            self._here.transport.close()


async def _greets(sock: socket.socket, here: _Here) -> bool:
    """Whether it is SSH that comes. What a shell says before is taken away; the greeting stays there to be read."""
    sock.setblocking(False)
    while True:
        try:
            said = sock.recv(_PEEKED, socket.MSG_PEEK)
        except BlockingIOError:
            said = b"\n"
        if found := _GREETING.search(said):
            sock.recv(found.start())
            return True
        if len(said) == _PEEKED or here.transport is None or here.transport.is_closing():
            return False
        await asyncio.sleep(0.02)
