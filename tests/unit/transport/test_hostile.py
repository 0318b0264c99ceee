"""Servers made to be wrong: nothing hangs, nothing grows, every error is one of ours and names the host."""

# The shape of a server's callbacks is asyncssh's.

from __future__ import annotations

import asyncio
import os
import resource
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh
import pytest

from tests.unit.transport.conftest import Person
from tests.unit.transport.sshd import free_port, keygen
from thornwall.errors import (
    AuthenticationError,
    CountedError,
    HostAnswerError,
    HostKeyError,
    ThornwallError,
    UnreachableError,
)
from thornwall.model.secret import Secret
from thornwall.transport.base import Become, Limits
from thornwall.transport.ssh import Access, SshTransport
from thornwall.transport.target import SshTarget

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def tcp(handler: Handler) -> AsyncIterator[int]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def attempt(port: int, person: Person | None = None, **kwargs: object) -> None:
    kwargs.setdefault("access", Access(accept_new=True, connect_seconds=0.5))
    transport = SshTransport(SshTarget("127.0.0.1", "pi", port), asker=person, **kwargs)  # type: ignore[arg-type]
    limits = Limits(seconds=2, idle_seconds=0.5, total_bytes=1 << 20)
    await transport.run("echo", feed=lambda _: None, limits=limits)


async def noise(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(os.urandom(65536))
        await writer.drain()


async def lines(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"220 not an SSH server\r\n" * 1000)
        await writer.drain()


async def one_line(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"A" * 65536)
        await writer.drain()


async def silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def dribble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.1)


async def web(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n\x1b]0;owned\x07")
    await writer.drain()


async def banner_then_noise(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_10.0\r\n" + os.urandom(1 << 20))
    await writer.drain()


async def bad_banner(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-\xff\xfe\x1b[31m\r\n")
    await writer.drain()
    await asyncio.sleep(5)


async def old_banner(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-1.5-ancient\r\n")
    await writer.drain()
    await reader.read()


async def banner_then_silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_10.0\r\n")
    await reader.read()


async def penalty(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"Not allowed at this time\r\n")
    await writer.drain()


@pytest.mark.parametrize(
    "handler",
    [
        noise,
        lines,
        one_line,
        silence,
        dribble,
        web,
        banner_then_noise,
        bad_banner,
        old_banner,
        banner_then_silence,
        penalty,
    ],
)
async def test_what_is_no_ssh_server(handler: Handler) -> None:
    began, memory = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with tcp(handler) as port:
        with pytest.raises(UnreachableError) as caught:
            await attempt(port)
    assert str(port) in caught.value.message
    assert caught.value.hint
    assert caught.value.message.isprintable()
    assert time.monotonic() - began < 4
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 64 * 1024  # KiB


async def test_nobody_listens() -> None:
    with pytest.raises(UnreachableError, match="refuses the connection") as caught:
        await attempt(free_port())
    assert "raspi-config" in caught.value.hint
    assert not isinstance(caught.value, CountedError)


async def test_a_host_that_is_known_here_may_refuse_since_it_counts(home: Path, tmp_path: Path) -> None:
    """Somebody has logged in there: that SSH was never switched on is no likely reason."""
    keygen(tmp_path / "host")
    port = free_port()
    key = (tmp_path / "host.pub").read_text()
    (home / ".ssh/known_hosts").write_text(f"[127.0.0.1]:{port} {key}")
    with pytest.raises(CountedError, match="refuses the connection") as caught:
        await attempt(port)
    assert "wait for half a minute" in caught.value.hint
    assert "raspi-config" not in caught.value.hint


async def test_a_name_that_is_none() -> None:
    with pytest.raises(UnreachableError, match=r"the name nowhere\.invalid is not known"):
        await SshTransport(SshTarget("nowhere.invalid")).run("", feed=lambda _: None, limits=Limits())


async def test_no_way_there() -> None:
    """An address of the documentation's, which this machine has no route to, or which nobody answers."""
    with pytest.raises(UnreachableError):
        await SshTransport(SshTarget("240.0.0.1"), access=Access(connect_seconds=0.3)).run(
            "", feed=lambda _: None, limits=Limits()
        )


class Door(asyncssh.SSHServer):
    """Lets everybody in."""

    def begin_auth(self, username: str) -> bool:
        return False


Challenge = tuple[str, str, str, list[tuple[str, bool]]]


class Interrogator(asyncssh.SSHServer):
    """Asks for ever."""

    def kbdint_auth_supported(self) -> bool:
        return True

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Challenge:
        return "\x1b[2J", "do \x1b[31mas\nI say", "", [("Code:\x07", True)]

    def validate_kbdint_response(self, username: str, responses: object) -> Challenge:
        return "again", "", "", [("Code:", True)]


Process = Callable[["asyncssh.SSHServerProcess[bytes]"], Awaitable[None]]


@asynccontextmanager
async def ssh_server(process: Process | None, factory: Callable[[], asyncssh.SSHServer] = Door) -> AsyncIterator[int]:
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=factory,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        process_factory=process,
        encoding=None,
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def flood(process: asyncssh.SSHServerProcess[bytes]) -> None:
    while True:
        process.stdout.write(b"\0" * 65536)
        await process.stdout.drain()


async def whisper(process: asyncssh.SSHServerProcess[bytes]) -> None:
    while True:
        process.stdout.write(b"x")
        await process.stdout.drain()
        await asyncio.sleep(0.2)


async def mute(_: asyncssh.SSHServerProcess[bytes]) -> None:
    await asyncio.sleep(30)


async def leaves(process: asyncssh.SSHServerProcess[bytes]) -> None:
    process.exit(0)


async def hangs_up(process: asyncssh.SSHServerProcess[bytes]) -> None:
    process.channel.get_connection().abort()


def nonces(process: asyncssh.SSHServerProcess[bytes]) -> tuple[str, str]:
    words = str(process.command).replace(";", " ").replace("'", " ").split()
    return next(w[2:] for w in words if w.startswith("a=")), next(w[2:] for w in words if w.startswith("b="))


async def claims_not_root(process: asyncssh.SSHServerProcess[bytes]) -> None:
    a, b = nonces(process)
    process.stdout.write(f"{a} hello {b}\n{a} ready 1000 {b}\n".encode())
    await asyncio.sleep(5)


async def answers_for_ever(process: asyncssh.SSHServerProcess[bytes]) -> None:
    a, b = nonces(process)
    process.stdout.write(f"{a} hello {b}\n{a} ready 0 {b}\n".encode())
    await flood(process)


@pytest.mark.parametrize("process", [flood, whisper, mute, leaves, hangs_up, answers_for_ever])
async def test_a_session_that_is_wrong(process: Process) -> None:
    began, memory = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with ssh_server(process) as port:
        with pytest.raises(UnreachableError):
            await attempt(port)
    assert time.monotonic() - began < 6
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 64 * 1024


async def test_a_host_that_opens_no_session() -> None:
    async with ssh_server(None) as port:
        with pytest.raises(HostAnswerError, match="opens no session"):
            await attempt(port)


async def test_root_is_not_taken_on_trust_when_a_password_was_to_be_used() -> None:
    async with ssh_server(claims_not_root) as port:
        with pytest.raises(AuthenticationError, match="uid 1000"):
            await attempt(port, become=Become("password", Secret("s3cret-of-mine")))


@pytest.mark.parametrize("fake", ["[sudo] password for pi: ", "Password: ", "{b} password {a}", "{a} password {b} "])
async def test_a_fake_prompt_gets_no_password(fake: str) -> None:
    got = bytearray()

    async def prompts(process: asyncssh.SSHServerProcess[bytes]) -> None:
        a, b = nonces(process)
        process.stdout.write(f"{a} hello {b}\n".encode())
        process.stdout.write(f"{a} password {b}".encode())  # the right prompt in the wrong place
        process.stderr.write(fake.format(a=a, b=b).encode())
        while data := await process.stdin.read(1000):
            got.extend(data)

    async with ssh_server(prompts) as port:
        with pytest.raises(ThornwallError):
            await attempt(port, become=Become("password", Secret("s3cret-of-mine")))
    assert b"exec $S -k -S" in got
    assert b"s3cret-of-mine" not in got


async def test_the_script_is_sent_only_when_asked_for() -> None:
    got = bytearray()

    async def listens(process: asyncssh.SSHServerProcess[bytes]) -> None:
        process.stdout.write(b"Welcome! " + str(process.command).encode())
        while data := await process.stdin.read(1000):
            got.extend(data)

    async with ssh_server(listens) as port:
        with pytest.raises(HostAnswerError, match="sent nothing"):
            await attempt(port)
    assert not got


async def test_endless_questions_end() -> None:
    person = Person(codes=[str(n) for n in range(100)])
    async with ssh_server(mute, Interrogator) as port:
        with pytest.raises(AuthenticationError):
            await attempt(port, person)
    assert 80 < len(person.codes) < 100
    assert all(question.isprintable() for question in person.asked)


async def test_a_slow_person_costs_the_host_nothing() -> None:
    class Slow(Person):
        def host_key(self, host: str, algorithm: str, fingerprint: str) -> bool | None:
            time.sleep(0.8)  # longer than the time to connect; it blocks the loop, as a question in a terminal does
            return True

    async def hello(process: asyncssh.SSHServerProcess[bytes]) -> None:
        a, b = nonces(process)
        process.stdout.write(f"{a} hello {b}\n{a} ready 0 {b}\n".encode())
        await process.stdin.readuntil(f"# {b}".encode())
        await process.stdin.readuntil(f"# {b}".encode())  # first in the line that reads the script, then at its end
        process.exit(0)

    async with ssh_server(hello) as port:
        await attempt(port, Slow(), access=Access(connect_seconds=0.5))


async def test_a_known_hosts_file_that_cannot_be_written(home: Path) -> None:
    (home / ".ssh" / "known_hosts").mkdir()
    async with ssh_server(leaves) as port:
        with pytest.raises(HostKeyError, match=r"cannot be added to .*known_hosts"):
            await attempt(port)


async def test_a_key_that_is_encrypted_and_nobody_knows_how(home: Path) -> None:
    class Keys(asyncssh.SSHServer):
        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
            return True

    keygen(home / ".ssh" / "id_ed25519", passphrase="not told")
    async with ssh_server(mute, Keys) as port:
        with pytest.raises(AuthenticationError) as caught:
            await attempt(port)
    assert "ssh-add" in caught.value.hint
