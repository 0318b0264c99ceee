"""Against a real OpenSSH server: every login shell, every way to become root, every way to be refused."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.transport.conftest import Person
from tests.unit.transport.sshd import ACCOUNTS, PASSWORD, Sshd, certify, fingerprint, keygen, usable
from thornwall.errors import AuthenticationError, HostAnswerError, HostKeyError, UnreachableError
from thornwall.model.secret import Secret
from thornwall.transport.base import Become, Limits, Ran
from thornwall.transport.ssh import Access, SshTransport
from thornwall.transport.target import SshTarget

WHO = "main() { id -un; cat; echo seen >&2; exit 7; }\nmain"
LIMITS = Limits(seconds=20, idle_seconds=10)


def reach(server: Sshd, user: str, person: Person | None = None, **kwargs: object) -> SshTransport:
    kwargs.setdefault("access", Access(identity=server.client_key, accept_new=True))
    return SshTransport(SshTarget("127.0.0.1", user, server.port), asker=person, **kwargs)  # type: ignore[arg-type]


async def ask(transport: SshTransport, script: str = WHO, limits: Limits = LIMITS) -> tuple[Ran, str]:
    out = bytearray()
    ran = await transport.run(script, feed=out.extend, limits=limits)
    return ran, out.decode()


def lives(pid: int) -> bool:
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())  # of a zombie: empty
    except FileNotFoundError:
        return False


async def until(true: Callable[[], bool], seconds: float = 5) -> bool:
    for _ in range(int(seconds / 0.02)):
        if true():
            return True
        await asyncio.sleep(0.02)
    return False


@pytest.mark.parametrize("user", ["free", "pty", "chatty", "fish", "zsh", "tcsh", "ash"])
async def test_root_under_every_login_shell(server: Sshd, user: str) -> None:
    shell = "busybox" if user == "ash" else ACCOUNTS[user][0]
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    ran, out = await ask(reach(server, user))
    assert out == "root\n"
    assert (ran.status, ran.became_root, ran.refusal, ran.address) == (7, True, "", "127.0.0.1")
    assert ran.stderr_tail.endswith(b"seen\n")


async def test_the_chatty_shell_really_chats(server: Sshd) -> None:
    """The decoy works: OpenSSH's own client sees the chatter that `run` takes away."""
    command = ["ssh", "-i", str(server.client_key), "-p", str(server.port), "-o", "StrictHostKeyChecking=no"]
    process = await asyncio.create_subprocess_exec(*command, "chatty@127.0.0.1", "true", stdout=-1, stderr=-1)
    out, _ = await process.communicate()
    assert out.startswith(b"Welcome to")


async def test_without_sudo_it_runs_as_the_user_and_says_why(server: Sshd) -> None:
    ran, out = await ask(reach(server, "asked"))
    assert (out, ran.became_root) == ("asked\n", False)
    assert "password is required" in ran.refusal
    ran, out = await ask(reach(server, "plain"))
    assert (out, ran.became_root) == ("plain\n", False)
    assert ran.refusal
    ran, out = await ask(reach(server, "free", become=Become("never")))
    assert (out, ran.became_root, ran.refusal) == ("free\n", False, "")


async def test_a_login_as_root_leaves_sudo_alone(server: Sshd) -> None:
    before = server.log.read_text().count("sudo")
    ran, out = await ask(reach(server, "root", become=Become("password")))
    assert (out, ran.became_root) == ("root\n", True)
    assert server.log.read_text().count("sudo") == before


async def test_sudo_takes_the_password(server: Sshd) -> None:
    ran, out = await ask(reach(server, "asked", become=Become("password", Secret(PASSWORD))))
    assert (out, ran.became_root, ran.status) == ("root\n", True, 7)
    assert PASSWORD.encode() not in ran.stderr_tail


async def test_under_nopasswd_no_password_is_sent_nor_asked_for(server: Sshd) -> None:
    person = Person(passwords=[PASSWORD])
    ran, out = await ask(reach(server, "free", person, become=Become("password")), "cat; echo done")
    assert (out, ran.became_root) == ("done\n", True)
    assert person.asked == []


async def test_a_wrong_sudo_password_is_tried_once(server: Sshd) -> None:
    with pytest.raises(AuthenticationError, match=r"sudo on asked@127\.0\.0\.1.* refused the password") as caught:
        await ask(reach(server, "asked", become=Become("password", Secret("not-the-one"))))
    assert "not-the-one" not in f"{caught.value!r} {caught.value.hint}"


async def test_a_person_may_mistype_the_sudo_password_twice(server: Sshd) -> None:
    person = Person(passwords=["one", "two", PASSWORD])
    _, out = await ask(reach(server, "asked", person, become=Become("password")))
    assert (out, len(person.asked)) == ("root\n", 3)
    person = Person(passwords=["one", "two", "three", "four"])
    with pytest.raises(AuthenticationError, match="sudo"):
        await ask(reach(server, "asked", person, become=Become("password")))
    assert person.passwords == ["four"]


async def test_sudo_that_needs_a_person_and_has_none(server: Sshd) -> None:
    with pytest.raises(AuthenticationError, match="asks for a password") as caught:
        await ask(reach(server, "asked", become=Become("password")))
    assert "--secrets FILE" in caught.value.hint


async def test_sudo_that_refuses_for_good(server: Sshd) -> None:
    with pytest.raises(AuthenticationError, match="wants a terminal"):
        await ask(reach(server, "tty", become=Become("password", Secret(PASSWORD))))
    with pytest.raises(AuthenticationError, match="sudo on plain"):
        await ask(reach(server, "plain", become=Become("password", Secret(PASSWORD))))
    with pytest.raises(AuthenticationError, match="not lead to root but to uid"):
        await ask(reach(server, "other", become=Become("password", Secret(PASSWORD))))


async def test_password_login(server: Sshd) -> None:
    person = Person(passwords=["wrong", PASSWORD])
    _, out = await ask(reach(server, "free", person, access=Access(accept_new=True)))
    assert out == "root\n"
    asked = [prompt for prompt in person.asked if "Password:" not in prompt]  # keyboard-interactive has no answer here
    assert asked == [f"{again}password of free@127.0.0.1:{server.port}" for again in ("", "sorry, try again: ")]


async def test_three_wrong_passwords_and_no_more(server: Sshd) -> None:
    person = Person(passwords=["a", "b", "c", "d", "e"])
    with pytest.raises(AuthenticationError, match="tried: password") as caught:
        await ask(reach(server, "free", person, access=Access(accept_new=True)))
    assert person.passwords == ["d", "e"]
    assert "password" in caught.value.message.partition("offers")[2]


async def test_nobody_to_ask(server: Sshd) -> None:
    with pytest.raises(AuthenticationError, match="tried: nothing") as caught:
        await ask(reach(server, "free", access=Access(accept_new=True)))
    assert "--identity" in caught.value.hint


async def test_a_key_that_the_host_does_not_want(server: Sshd, tmp_path: Path) -> None:
    keygen(tmp_path / "mine")
    with pytest.raises(AuthenticationError, match=r"tried: publickey \(1\)"):
        await ask(reach(server, "free", access=Access(tmp_path / "mine", accept_new=True)))


async def test_an_unknown_host_key_is_shown_and_remembered(server: Sshd, home: Path) -> None:
    access = Access(identity=server.client_key)
    with pytest.raises(HostKeyError, match="not known") as caught:
        await ask(reach(server, "free", access=access))
    assert fingerprint(server.host_key) in caught.value.message
    assert "--accept-new" in caught.value.hint
    person = Person(trusts=False)
    with pytest.raises(HostKeyError, match="not accepted"):
        await ask(reach(server, "free", person, access=access))
    person = Person()
    await ask(reach(server, "free", person, access=access))
    assert person.asked == [f"free@127.0.0.1:{server.port} ssh-ed25519 {fingerprint(server.host_key)}"]
    known = home / ".ssh" / "known_hosts"
    assert known.stat().st_mode & 0o777 == 0o600
    assert server.host_key.with_name(server.host_key.name + ".pub").read_text().split()[1] in known.read_text()
    ran, _ = await ask(reach(server, "free", access=access))  # nobody is asked again
    assert ran.became_root


async def test_a_changed_host_key_never_passes(server: Sshd, home: Path, tmp_path: Path) -> None:
    keygen(tmp_path / "another")
    known = home / ".ssh" / "known_hosts"
    line = f"[127.0.0.1]:{server.port} {(tmp_path / 'another.pub').read_text()}"
    known.write_text("# a comment\n" + line)
    for person in (Person(), None):
        with pytest.raises(HostKeyError, match="CHANGED") as caught:
            await ask(reach(server, "free", person))
        assert f"{known}:2" in caught.value.message
        assert "ssh-keygen" in caught.value.hint
        assert person is None or not person.asked
    assert known.read_text() == "# a comment\n" + line


async def test_a_host_known_by_another_kind_of_key_is_not_new(server: Sshd, home: Path, tmp_path: Path) -> None:
    keygen(tmp_path / "ecdsa", "ecdsa")
    (home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{server.port} {(tmp_path / 'ecdsa.pub').read_text()}")
    with pytest.raises(HostKeyError, match="CHANGED"):
        await ask(reach(server, "free"))


async def test_a_revoked_host_key(server: Sshd, home: Path) -> None:
    public = server.host_key.with_name(server.host_key.name + ".pub").read_text()
    (home / ".ssh" / "known_hosts").write_text(f"@revoked * {public}")
    with pytest.raises(HostKeyError, match="revoked"):
        await ask(reach(server, "free"))


async def test_the_configuration_is_honoured(server: Sshd, home: Path) -> None:
    (home / ".ssh" / "config").write_text(
        f"Host lamp\n HostName 127.0.0.1\n Port {server.port}\n User free\n IdentityFile {server.client_key}\n"
        " IdentitiesOnly yes\n HashKnownHosts yes\n StrictHostKeyChecking accept-new\n"
        " UserKnownHostsFile ~/.ssh/lamps\n"
        " ForwardAgent yes\n ForwardX11 yes\n RequestTTY force\n RemoteCommand false\n"
    )
    _, out = await ask(SshTransport(SshTarget("lamp")), "id -un; tty; echo ${SSH_AUTH_SOCK-none} ${DISPLAY-none}")
    assert out == "root\nnot a tty\nnone none\n"
    process = await asyncio.create_subprocess_exec(
        "ssh-keygen", "-F", f"[127.0.0.1]:{server.port}", "-f", str(home / ".ssh" / "lamps"), stdout=-1
    )
    found, _ = await process.communicate()
    assert b"ssh-ed25519" in found
    assert (home / ".ssh" / "lamps").read_text().startswith("|1|")
    (home / ".ssh" / "config").write_text("Host *\n StrictHostKeyChecking yes\n")
    with pytest.raises(HostKeyError, match="StrictHostKeyChecking"):
        await ask(reach(server, "free", Person(), access=Access(identity=server.client_key)))


async def test_through_a_jump_host(server: Sshd, home: Path) -> None:
    (home / ".ssh" / "config").write_text(
        f"Host *\n IdentityFile {server.client_key}\n StrictHostKeyChecking accept-new\n"
        f"Host jump\n HostName 127.0.0.1\n Port {server.port}\n User plain\n"
        f"Host behind\n HostName localhost\n Port {server.port}\n User fish\n ProxyJump jump\n"
        f"Host nowhere\n HostName 127.0.0.1\n Port 1\n User fish\n ProxyJump plain@jump\n"
    )
    ran, out = await ask(SshTransport(SshTarget("behind")))
    assert (out, ran.became_root, ran.address) == ("root\n", True, "")
    with pytest.raises(UnreachableError, match="through the jump host"):
        await ask(SshTransport(SshTarget("nowhere")))


async def test_the_keys_of_the_agent(server: Sshd, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "agent"
    agent = await asyncio.create_subprocess_exec("ssh-agent", "-D", "-a", str(path), stdout=-3)
    try:
        assert await until(path.exists)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        add = await asyncio.create_subprocess_exec("ssh-add", "-q", str(server.client_key), stderr=-3)
        assert await add.wait() == 0
        _, out = await ask(reach(server, "free", access=Access(accept_new=True)))
        assert out == "root\n"
        keygen(home / ".ssh" / "id_ed25519")
        (home / ".ssh" / "config").write_text("Host *\n IdentitiesOnly yes\n")
        with pytest.raises(AuthenticationError, match=r"publickey \(1\)"):
            await ask(reach(server, "free", access=Access(accept_new=True)))
    finally:
        agent.terminate()
        await agent.wait()


async def test_an_account_that_may_run_nothing(server: Sshd) -> None:
    with pytest.raises(HostAnswerError, match="lets nobody run /bin/sh"):
        await ask(reach(server, "nologin"))


@pytest.mark.parametrize("user", ["garbage", "echo", "silent"])
async def test_a_shell_that_is_none(server: Sshd, user: str) -> None:
    began = time.monotonic()
    with pytest.raises(HostAnswerError):
        await ask(reach(server, user), limits=Limits(seconds=5, idle_seconds=1))
    assert time.monotonic() - began < 4


async def test_an_answer_without_end(server: Sshd) -> None:
    with pytest.raises(HostAnswerError, match="more than 1048576 bytes"):
        await ask(reach(server, "free"), "cat /dev/zero", Limits(seconds=10, idle_seconds=5, total_bytes=1 << 20))
    with pytest.raises(HostAnswerError, match="on stderr"):
        await ask(reach(server, "free"), "cat /dev/zero >&2", Limits(seconds=10, idle_seconds=5, total_bytes=1 << 20))
    with pytest.raises(HostAnswerError, match="not done after 1 s"):
        await ask(reach(server, "free"), "while sleep 0.1; do echo; done", Limits(seconds=1, idle_seconds=5))


async def test_the_end_of_stderr_is_kept(server: Sshd) -> None:
    ran, _ = await ask(reach(server, "free"), "seq 100000 >&2", Limits(stderr_bytes=13))
    assert ran.stderr_tail == b"99999\n100000\n"


@pytest.mark.parametrize("user", ["free", "pty", "plain", "fish"])
async def test_stopping_kills_the_script(server: Sshd, user: str) -> None:
    """Also where it runs as root, has said nothing for long, and has no terminal to hang up."""
    pid: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        reach(server, user).run("sleep 617 & echo $!; wait", feed=lambda data: pid.set_result(int(data)), limits=LIMITS)
    )
    either: list[asyncio.Future[Any]] = [pid, task]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    sleeper = pid.result()
    assert await until(lambda: lives(sleeper))  # (while it is executed it has no words yet)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await until(lambda: not lives(sleeper))


async def test_the_script_cleans_up_when_it_is_stopped(server: Sshd, tmp_path: Path) -> None:
    mark = server.folder / "cleaned"
    script = f"trap 'echo > {mark}; exit 1' TERM PIPE; echo ready; sleep 618"
    with pytest.raises(HostAnswerError, match="sent nothing for 1 s in the middle"):
        await ask(reach(server, "free"), script, Limits(idle_seconds=1))
    assert await until(mark.exists)


async def test_a_link_that_is_cut_half_way(server: Sshd) -> None:
    def cut(_: bytes) -> None:
        for pid in server.connections():
            os.kill(pid, signal.SIGKILL)

    transport = reach(server, "free")
    with pytest.raises(UnreachableError, match=r"broke after \d+ bytes"):
        await transport.run("echo begun; sleep 10; echo end", feed=cut, limits=LIMITS)


async def test_what_the_caller_raises_comes_back_and_ends_the_run(server: Sshd) -> None:
    def refuse(_: bytes) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await reach(server, "free").run("echo; sleep 619", feed=refuse, limits=LIMITS)


async def test_a_long_script_and_a_long_line(server: Sshd) -> None:
    """Longer than what fits in an argument of a program (128 KiB)."""
    script = ": " + "x" * 300_000 + "\nhead -c 3000000 /dev/zero"
    sizes: list[int] = []
    ran = await reach(server, "free").run(script, feed=lambda data: sizes.append(len(data)), limits=LIMITS)
    assert (sum(sizes), ran.status) == (3_000_000, 0)
    assert max(sizes) <= 65536


async def test_killed_by_a_signal(server: Sshd) -> None:
    ran, _ = await ask(reach(server, "free"), "kill -9 $(sh -c 'echo $PPID')")
    assert ran.status == 137


async def test_an_address_that_nobody_answers_does_not_use_up_the_time(
    server: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a home network whose IPv6 leads nowhere."""
    loop = asyncio.get_running_loop()
    with socket.socket() as full, socket.socket() as one, socket.socket() as two:
        full.bind(("127.0.0.2", server.port))
        full.listen(0)
        for waiting in (one, two):  # the queue is full: whoever comes next hears nothing
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.2", server.port))

        async def both(*_: object, **__: object) -> list[object]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{n}", server.port)) for n in (2, 1)]

        monkeypatch.setattr(loop, "getaddrinfo", both)
        ran, out = await ask(
            SshTransport(
                SshTarget("lamp", "free", server.port),
                access=Access(identity=server.client_key, accept_new=True, connect_seconds=3),
            )
        )
    assert (out, ran.address) == ("root\n", "127.0.0.1")


async def test_certificates_of_the_host_and_of_the_user(home: Path, tmp_path: Path) -> None:
    if why := usable():
        pytest.skip(why)
    """One authority vouches for both; neither knows the other's key."""
    keygen(tmp_path / "authority")
    keygen(home / ".ssh" / "id_ed25519")
    with tempfile.TemporaryDirectory(prefix="thornwall-sshd-") as folder:
        other = Sshd(Path(folder))
        keygen(other.host_key)
        certify(tmp_path / "authority", home / ".ssh" / "id_ed25519", "fish")
        certify(tmp_path / "authority", other.host_key, "127.0.0.1", "-h")
        shutil.copy(tmp_path / "authority.pub", other.folder)
        other.options = f"TrustedUserCAKeys {folder}/authority.pub\nHostCertificate {other.host_key}-cert.pub"
        other.start()
        try:
            transport = SshTransport(SshTarget("127.0.0.1", "fish", other.port))
            with pytest.raises(HostKeyError, match="not known"):  # a certificate by an authority that is none of ours
                await ask(transport)
            authority = (tmp_path / "authority.pub").read_text()
            (home / ".ssh" / "known_hosts").write_text(f"@cert-authority [127.0.0.1]:* {authority}")
            _, out = await ask(transport)
            assert out == "root\n"
        finally:
            other.stop()
