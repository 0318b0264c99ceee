"""Through a program on a real server that forwards nothing, to its own loopback, whatever the login shell is."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from tests.unit.transport.conftest import Person
from tests.unit.transport.sshd import ACCOUNTS, Sshd, usable
from thornwall.errors import LinkBrokeError, LoopbackError
from thornwall.transport import ssh_relay
from thornwall.transport.base import Limits
from thornwall.transport.ssh import Access, SshTransport
from thornwall.transport.ssh_relay import relay
from thornwall.transport.target import SshTarget

LIMITS = Limits(seconds=30, idle_seconds=30)
SCRIPT = "main() { id -un; }\nmain"


@pytest.fixture(scope="module")
def closed() -> Iterator[Sshd]:
    """A server that forwards nothing."""
    if why := usable():
        pytest.skip(why)
    with tempfile.TemporaryDirectory(prefix="thornwall-sshd-") as folder:
        running = Sshd(Path(folder), options="AllowTcpForwarding no\n").start()
        yield running
        running.stop()


async def through(server: Sshd, user: str, port: int = 0) -> str:
    """What a script says that is run over a login within a login."""
    access = Access(identity=server.client_key, accept_new=True, canary_port=port or server.port)
    out = bytearray()
    transport = SshTransport(SshTarget("127.0.0.1", user, server.port), asker=Person(), access=access)
    await transport.run(SCRIPT, feed=out.extend, limits=LIMITS)
    return out.decode()


@pytest.mark.parametrize("user", ["free", "chatty", "fish", "zsh", "tcsh", "ash"])
async def test_a_login_within_a_login(closed: Sshd, user: str) -> None:
    shell = "busybox" if user == "ash" else ACCOUNTS[user][0]
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    before = closed.log.read_text().count("Accepted publickey")
    assert await through(closed, user) == "root\n"
    assert closed.log.read_text().count("Accepted publickey") == before + 2
    assert "refused local port forward" in closed.log.read_text()


@pytest.mark.parametrize("user", ["nologin", "garbage", "echo"])
async def test_where_no_program_does_it(closed: Sshd, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_relay, "_SECONDS", 2)  # one of them says something, and then nothing any more
    with pytest.raises(LoopbackError):
        await through(closed, user)


async def test_where_nobody_listens(closed: Sshd) -> None:
    with pytest.raises(LoopbackError):
        await through(closed, "free", port=1)


async def test_who_stops_it_leaves_nothing_open(closed: Sshd) -> None:
    """A socket that is left would be a warning, which is an error here."""
    keys = {"client_keys": [str(closed.client_key)], "known_hosts": None, "config": None}
    async with asyncssh.connect("127.0.0.1", closed.port, username="silent", **keys) as conn:
        waiting = asyncio.create_task(relay(conn, closed.port))
        await asyncio.sleep(0.3)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_a_link_that_breaks_once_something_leads_there_is_no_lack_of_a_way(closed: Sshd) -> None:
    """Rules under which the server ends each connection are told as what they are."""
    ends = await asyncio.start_server(_greets_and_goes, "127.0.0.1", 0)
    port = ends.sockets[0].getsockname()[1]
    async with ends:
        with pytest.raises(LinkBrokeError):
            await through(closed, "free", port=port)


async def _greets_and_goes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")
    await writer.drain()
    await reader.read(100)
    writer.transport.abort()
