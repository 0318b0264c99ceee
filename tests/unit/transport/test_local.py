"""This machine, under every /bin/sh there is here."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thornwall.errors import HostAnswerError, UnreachableError
from thornwall.model.secret import Secret
from thornwall.transport.base import Become, Limits, Nobody, Ran
from thornwall.transport.exchange import Exchange
from thornwall.transport.fake import FakeTransport
from thornwall.transport.local import LocalTransport
from thornwall.transport.wire import Wire

LIMITS = Limits(seconds=20, idle_seconds=10)


async def ask(script: str, limits: Limits = LIMITS) -> tuple[Ran, bytes]:
    out = bytearray()
    ran = await LocalTransport(become=Become("never")).run(script, feed=out.extend, limits=limits)
    return ran, bytes(out)


async def test_it_runs_as_who_we_are() -> None:
    ran, out = await ask("id -u; cat; echo $#; pwd; echo complaint >&2; exit 3")
    assert out == f"{os.geteuid()}\n0\n/\n".encode()
    assert (ran.status, ran.stderr_tail, ran.became_root, ran.address) == (3, b"complaint\n", os.geteuid() == 0, "")


async def test_any_bytes_come_through() -> None:
    _, out = await ask("printf '\\000\\377\\033[31m\\r\\n'; printf 'no newline'")
    assert out == b"\x00\xff\x1b[31m\r\nno newline"


async def test_a_script_that_ends_in_a_comment_or_is_empty() -> None:
    assert (await ask("echo one # two"))[1] == b"one\n"
    assert (await ask(""))[0].status == 0
    assert (await ask("cat <<EOF\nhere\nEOF"))[1] == b"here\n"
    assert (await ask("if true; then"))[0].status == 2  # a syntax error runs nothing


async def test_it_is_stopped_with_all_that_it_started() -> None:
    pid: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        LocalTransport().run("sleep 627 & echo $!; wait", feed=lambda data: pid.set_result(int(data)), limits=LIMITS)
    )
    either: list[asyncio.Future[Any]] = [pid, task]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    sleeper = Path(f"/proc/{pid.result()}/cmdline")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(100):
        try:
            if not await asyncio.to_thread(sleeper.read_bytes):
                return
        except OSError:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it lives on")


@pytest.mark.parametrize("wait", ["", " & wait"])
async def test_it_has_time_to_clean_up(wait: str, tmp_path: Path) -> None:
    """Also where it waits for a program in a group of its own, which hears nothing of a signal to ours."""
    scratch = tmp_path / "scratch"
    scratch.touch()
    script = (
        f"trap 'rm {scratch}' EXIT; trap 'exit 143' TERM\necho $$\n"
        f"timeout 60 sh -c 'nice timeout 55 sleep 627; :'{wait}\nsleep 1\n"
    )
    begun: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(LocalTransport().run(script, feed=begun.set_result, limits=LIMITS))
    await asyncio.wait_for(begun, 10)
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not scratch.exists()  # who is killed removes nothing
    await _end_of(b"sleep\x00627")


async def test_it_leaves_nothing_behind_where_it_ends_before_what_it_started() -> None:
    """Several at once, for it is a race: with the script's end its watcher ends."""

    async def stopped() -> None:
        script = "trap 'exit 143' TERM\necho\ntimeout 60 sh -c 'nice timeout 55 sleep 629; :' & wait\n"
        begun: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(LocalTransport().run(script, feed=begun.set_result, limits=LIMITS))
        await asyncio.wait_for(begun, 10)
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    await asyncio.gather(*(stopped() for _ in range(8)))
    await _end_of(b"sleep\x00629")


async def test_what_has_a_session_of_its_own_outlives_it() -> None:
    """As a change does where there is no systemd to do it."""
    begun: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    script = "setsid sleep 628 &\nsleep 0.3\necho\nsleep 30"
    task = asyncio.create_task(LocalTransport().run(script, feed=begun.set_result, limits=LIMITS))
    await asyncio.wait_for(begun, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    pids = _runs(b"sleep\x00628")
    assert len(pids) == 1
    os.kill(pids[0], signal.SIGKILL)


async def _end_of(words: bytes) -> None:
    """A moment for who has its signal, and the processor not yet."""
    for _ in range(100):
        if not _runs(words):
            return
        await asyncio.sleep(0.02)
    assert not _runs(words)


def _runs(words: bytes) -> list[int]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if words in file.read_bytes():
                found.append(int(file.parent.name))
    return found


async def test_limits() -> None:
    with pytest.raises(HostAnswerError, match=r"sent nothing for 0\.2 s"):
        await ask("sleep 9", Limits(idle_seconds=0.2))
    with pytest.raises(HostAnswerError, match=r"not done after 0\.3 s"):
        await ask("while :; do echo; sleep 0.05; done", Limits(seconds=0.3))
    with pytest.raises(HostAnswerError, match="more than 1000 bytes on stdout"):
        await ask("yes", Limits(total_bytes=1000))


async def test_one_that_ignores_us_is_killed() -> None:
    began = time.monotonic()
    with pytest.raises(HostAnswerError):
        await ask("trap '' TERM HUP PIPE; echo; sleep 9; sleep 9", Limits(idle_seconds=0.2))
    assert time.monotonic() - began < 7


@pytest.mark.parametrize("shell", [["dash"], ["bash", "--posix"], ["busybox", "ash"]])
@pytest.mark.parametrize("cut", [0, 1, 100, 400, -150, -50, -1])
async def test_a_truncated_upload_runs_nothing(shell: list[str], cut: int, tmp_path: Path) -> None:
    """Whatever part of what is sent arrives, and whatever shell reads it."""
    mark = tmp_path / "ran"
    wire = Wire(Become("never"), f"trap '' TERM\ntouch {mark}\n: {'x' * 100}\n".encode())
    for sent, ran in ((wire.load[:cut], False), (wire.load, True)):
        process = await asyncio.create_subprocess_exec(
            *shell, "-c", wire.argv[2], stdin=-1, stdout=-1, stderr=-1, start_new_session=True
        )
        assert process.stdin
        assert process.stdout
        assert (await process.stdout.readline()).split()[1] == b"hello"
        process.stdin.write(wire.choose)
        assert (await process.stdout.readline()).split()[1] == b"ready"
        process.stdin.write(sent)
        if not ran:
            process.stdin.close()
        # not communicate(): from Python 3.12 on it closes stdin first, which stops the script
        await process.stdout.read()
        await process.wait()
        assert mark.exists() is ran


class _Line:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent = b""

    def write(self, data: bytes) -> None:
        self.sent += data


@given(st.data(), st.binary(max_size=300), st.binary(max_size=300))
@settings(deadline=None)
def test_pieces_do_not_matter(data: st.DataObject, noise: bytes, answer: bytes) -> None:
    """However the bytes of the host are cut up, the same stream comes out."""

    async def play() -> None:
        wire = Wire(Become("never"), b"echo")
        out = bytearray()
        exchange = Exchange(wire, "host", feed=out.extend, limits=LIMITS, asker=Nobody())
        line = _Line()
        exchange.opened(line)
        stream = (
            noise + f"{wire.a} hello {wire.b}\n".encode() + noise + f"{wire.a} ready 0 {wire.b}\n".encode() + answer
        )
        while stream:
            size = data.draw(st.integers(1, len(stream)))
            exchange.stdout(stream[:size])
            stream = stream[size:]
        exchange.ended(0)
        ran = await exchange.finish()
        assert (bytes(out), ran.became_root, line.sent) == (answer, True, wire.choose + wire.load)

    asyncio.run(play())


def test_a_script_with_a_nul_is_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="NUL"):
        Wire(Become(), b"echo \0")


def test_a_secret_hides() -> None:
    secret = Secret("hunter2")
    become = Become("password", secret)
    assert secret.reveal() == "hunter2"
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret:>20}", f"{secret!r}", repr(become), f"{become}"):
        assert "hunter2" not in shown
    with pytest.raises(TypeError):
        pickle.dumps(become)
    assert not hasattr(secret, "__dict__")


async def test_the_fake_host_keeps_the_limits() -> None:
    out = bytearray()
    fake = FakeTransport([b"a" * 70_000, 0.01, b"b"], Ran(4, became_root=True))
    ran = await fake.run("echo", feed=out.extend, limits=LIMITS)
    assert (bytes(out), ran.status, fake.scripts) == (b"a" * 70_000 + b"b", 4, ["echo"])
    with pytest.raises(HostAnswerError, match="more than 10 bytes"):
        await FakeTransport([b"a" * 11]).run("", feed=out.extend, limits=Limits(total_bytes=10))
    with pytest.raises(HostAnswerError, match=r"nothing for 0\.01 s"):
        await FakeTransport([9.0]).run("", feed=out.extend, limits=Limits(idle_seconds=0.01))
    with pytest.raises(UnreachableError, match="cut"):
        await FakeTransport([b"half"], error=UnreachableError("cut")).run("", feed=out.extend, limits=LIMITS)
