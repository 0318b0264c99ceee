"""The transport against booted hosts: their PAM, their sudo, their network."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from thornwall.errors import AuthenticationError, HostAnswerError, HostKeyError, UnreachableError
from thornwall.model.secret import Secret
from thornwall.transport.base import Become, Limits, Ran
from thornwall.transport.ssh import Access, SshTransport
from thornwall.transport.target import SshTarget

from .host import Host

LIMITS = Limits(seconds=30, idle_seconds=10)
WHO = "id -un; cat; exit 7"


@dataclass
class Owner:
    """Answers as the owner of the host would."""

    passwords: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def password(self, prompt: str) -> Secret | None:
        self.asked.append(prompt)
        return Secret(self.passwords.pop(0)) if self.passwords else None

    def host_key(self, host: str, algorithm: str, fingerprint: str) -> bool | None:
        self.asked.append(f"{host} {algorithm} {fingerprint}")
        return None

    def keyboard_interactive(
        self, title: str, instructions: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[Secret] | None:
        self.asked += [f"{title} {instructions} {prompt}" for prompt, _ in prompts]
        return [Secret(self.codes.pop(0)) for _ in prompts] if len(self.codes) >= len(prompts) else None


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A client that has never seen a host."""
    (tmp_path / ".ssh").mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return tmp_path


def to(host: Host, owner: Owner, address: str = "", **kwargs: object) -> SshTransport:
    """A transport to a host whose key is known."""
    shutil.copy(host.known_hosts, Path.home() / ".ssh" / "known_hosts")
    kwargs.setdefault("access", Access(identity=host.private_key))
    return SshTransport(SshTarget(address or host.address, host.user), asker=owner, **kwargs)  # type: ignore[arg-type]


async def ask(transport: SshTransport, script: str = WHO, limits: Limits = LIMITS) -> tuple[Ran, str]:
    out = bytearray()
    ran = await transport.run(script, feed=out.extend, limits=limits)
    return ran, out.decode()


def runs(host: Host, pattern: str) -> bool:
    return host.run(["pgrep", "-f", pattern]).returncode == 0


async def test_with_the_password_of_old(shared_planted: Host) -> None:
    for address in (shared_planted.address, shared_planted.address6):
        owner = Owner([shared_planted.password])
        ran, out = await ask(to(shared_planted, owner, address, access=Access()))
        assert (out, ran.status, ran.became_root, ran.address) == ("root\n", 7, True, address)
        assert len(owner.asked) == 1


async def test_what_it_costs(shared_planted: Host) -> None:
    """Beyond the login: two sudo, three shells, and nothing that takes time."""
    ran, _ = await ask(to(shared_planted, Owner([shared_planted.password]), access=Access()))
    assert ran.seconds < 1


async def test_key_and_code_and_sudo_password(hardened: Host) -> None:
    owner = Owner([hardened.sudo_password], [hardened.totp()])
    ran, out = await ask(to(hardened, owner, become=Become("password")))
    assert (out, ran.became_root) == ("root\n", True)
    assert len(owner.asked) == 2
    assert "code" in owner.asked[0].lower()
    assert "sudo" in owner.asked[1]


async def test_without_the_sudo_password_it_says_what_is_missing(hardened: Host) -> None:
    ran, out = await ask(to(hardened, Owner(codes=[hardened.totp()])))
    assert (out, ran.became_root) == (f"{hardened.user}\n", False)
    assert "password is required" in ran.refusal


async def test_a_wrong_sudo_password(hardened: Host) -> None:
    """One try by us is one try by sudo's own count."""
    owner = Owner(codes=[hardened.totp()])
    with pytest.raises(AuthenticationError, match=r"sudo on .* refused the password"):
        await ask(to(hardened, owner, become=Become("password", Secret("no-such-password"))))
    journal = hardened.run("journalctl -q -t sudo -o cat --since -1min").stdout
    assert "1 incorrect password attempt" in journal
    assert "no-such-password" not in hardened.run("journalctl -q -o cat --since -1min").stdout


async def test_without_the_code(hardened: Host) -> None:
    with pytest.raises(AuthenticationError, match="keyboard-interactive; tried: publickey"):
        await ask(to(hardened, Owner()))


async def test_a_wrong_password(planted: Host) -> None:
    owner = Owner(["nonsense"])
    with pytest.raises(AuthenticationError, match="tried: password"):
        await ask(to(planted, owner, access=Access()))
    assert [word for word in owner.asked if word.startswith("sorry")]


async def test_a_changed_host_key(planted: Host) -> None:
    transport = to(planted, Owner([planted.password]), access=Access(accept_new=True))
    planted.run("rm /etc/ssh/ssh_host_*; ssh-keygen -A && systemctl restart ssh", check=True)
    with pytest.raises(HostKeyError, match="CHANGED"):
        await ask(transport)


DROP = "nft 'add table inet cut; add chain inet cut in { type filter hook input priority 0; policy drop; }'"
KILL = "pkill -KILL -f '^sshd(-session)?: pi'"


@pytest.mark.parametrize("how", [DROP, KILL, ""], ids=["dropped", "killed", "power"])
async def test_a_link_that_is_cut_half_way(planted: Host, how: str) -> None:
    transport = to(planted, Owner([planted.password]), access=Access())

    def cut(_: bytes) -> None:
        if how:
            assert planted.run(how).returncode in {0, 137}
        else:
            planted.machine.kill()

    began = time.monotonic()
    with pytest.raises(UnreachableError) as caught:
        await transport.run("echo begun; sleep 20; echo end", feed=cut, limits=Limits(seconds=30, idle_seconds=2))
    assert planted.address in caught.value.message
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("become", ["if-possible", "never"])
async def test_stopping_stops_it_there(planted: Host, become: str) -> None:
    transport = to(planted, Owner([planted.password]), access=Access(), become=Become(become))  # type: ignore[arg-type]
    begun = asyncio.Event()
    task = asyncio.create_task(transport.run("echo; sleep 631", feed=lambda _: begun.set(), limits=LIMITS))
    async with asyncio.timeout(20):
        await begun.wait()
    for _ in range(50):  # (the echo before it may be heard first)
        if runs(planted, "sleep 631"):
            break
        await asyncio.sleep(0.1)
    else:
        raise AssertionError("it never began")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(50):
        if not runs(planted, "sleep 631"):
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it lives on")


async def test_a_chatty_login_and_a_full_run(planted: Host) -> None:
    planted.run(f"echo 'echo Hello; printf x; cat /etc/os-release' > ~{planted.user}/.bashrc", check=True)
    for tmpfs in ("/run", "/dev/shm"):
        planted.run(f"mount -o remount,size=$(($(df --output=used -k {tmpfs} | tail -1) + 64))k {tmpfs}", check=True)
        planted.run(f"head -c 1M /dev/zero > {tmpfs}/full")
    assert "100%" in planted.run("df /run").stdout
    ran, out = await ask(to(planted, Owner([planted.password]), access=Access()))
    assert (out, ran.became_root) == ("root\n", True)


async def test_a_login_shell_that_answers_garbage(planted: Host) -> None:
    planted.run(
        "printf '#!/bin/sh\\nexec cat /dev/urandom\\n' > /usr/local/bin/odd; chmod 755 /usr/local/bin/odd", check=True
    )
    planted.run(f"usermod -s /usr/local/bin/odd {planted.user}", check=True)
    with pytest.raises(HostAnswerError, match="prints without end"):
        await ask(to(planted, Owner([planted.password]), access=Access()))


async def test_it_tells_how_it_came_in(planted: Host, hardened: Host, home: Path) -> None:
    by_key, _ = await ask(to(planted, Owner()))
    assert (by_key.user, by_key.method, by_key.sudo_password) == (planted.user, "publickey", False)
    access = Access(methods=("password",))
    by_password, _ = await ask(to(planted, Owner(passwords=[planted.password]), access=access))
    assert by_password.method == "password"
    owner = Owner(passwords=[hardened.sudo_password], codes=[hardened.totp()])
    with_code, _ = await ask(to(hardened, owner, become=Become("password")))
    assert (with_code.method, with_code.sudo_password) == ("keyboard-interactive", True)


async def test_it_tries_no_method_but_those_named(planted: Host, home: Path) -> None:
    settings = r"PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
    # (a reload is over before sshd has read it)
    planted.run(f"printf '{settings}' >/etc/ssh/sshd_config.d/00-t.conf && systemctl restart ssh", check=True)
    access = Access(identity=planted.private_key, methods=("password", "keyboard-interactive"))
    with pytest.raises(AuthenticationError):
        await ask(to(planted, Owner(passwords=[planted.password]), access=access))


async def test_through_its_login_to_a_canary_on_its_loopback(planted: Host, home: Path) -> None:
    planted.run("/usr/sbin/sshd -p 2222 -o ListenAddress=127.0.0.1 -o PidFile=none -o AllowUsers=pi", check=True)
    access = Access(identity=planted.private_key, canary_port=2222)
    _, out = await ask(to(planted, Owner(), access=access), "tr '\\0' '\\n' </proc/$PPID/environ; id -un")
    assert out.endswith("root\n")
    _, out = await ask(to(planted, Owner(), access=access, become=Become("never")), 'echo "$SSH_CONNECTION"; id -un')
    assert out.split()[2:] == ["127.0.0.1", "2222", planted.user]


async def test_a_canary_with_another_key_is_not_trusted(planted: Host, home: Path) -> None:
    planted.run("ssh-keygen -q -t ed25519 -N '' -f /run/other", check=True)
    planted.run("/usr/sbin/sshd -p 2222 -o ListenAddress=127.0.0.1 -o PidFile=none -h /run/other", check=True)
    with pytest.raises(HostKeyError):
        await ask(to(planted, Owner(), access=Access(identity=planted.private_key, canary_port=2222)))
