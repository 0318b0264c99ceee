"""Owners who come in another way than by a bare key: by password, with a code, by a certificate, as root."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pexpect
import pytest

from .compare import difference, snapshot
from .hardening import NEW, NOTHING_PASSES_ON, Desk
from .host import Host, start

SOME = ("--only", "ssh", "--only", "sudo", "--only", "accounts")
Answers = Mapping[str, object]  # by the end of what asks, as a regular expression; a function is called for it


def typed(desk: Desk, answers: Answers, *words: str) -> tuple[str, list[str]]:
    """`thornwall WORDS`, and what the owner types: all that was said, and what it was that asked, in order."""
    asks = [*answers]
    asked: list[str] = []
    told = ""
    with desk.type(*words) as child:
        while (at := child.expect([*asks, pexpect.EOF])) != len(asks):
            told += str(child.before) + str(child.after)
            asked.append(" ".join((str(child.before) + str(child.after)).split()))
            answer = answers[asks[at]]
            child.sendline(str(answer() if callable(answer) else answer))
        told += str(child.before)
    told = " ".join(told.split())
    assert child.exitstatus == 0, told
    return told, asked


def test_by_a_password_that_everybody_knows(release: str, tmp_path: Path) -> None:
    """The newcomer: no key, the password of the factory, and a new one from now on."""
    with start(release, "planted") as host:
        host.run("rm /home/pi/.ssh/authorized_keys", check=True)
        before = snapshot(host)
        desk = Desk(host, tmp_path)
        answers = {
            "password of pi@[0-9.]*: ": host.password,
            "New password for pi [^:]*: ": NEW["pi"],
            "New password for webcam [^:]*: ": "",
            "Once more: ": NEW["pi"],
            r"\[y/N\]": "y",
        }
        told, asked = typed(desk, answers, "harden", desk.where, *SOME)
        assert "the change is confirmed" in told
        assert "✓ a login under the new rules worked before they held" in told
        assert "✓ a fresh login works and becomes root by password, sudo took the password" in told
        assert "not tried: your key does not let root in" in told
        assert len([each for each in asked if "password of pi@" in each]) == 1  # the new one is known by then
        assert host.login("true", methods=["password"]).returncode == 255
        again = host.login(f"echo {NEW['pi']} | sudo -S -p '' id -un", methods=["password"], password=NEW["pi"])
        assert again.stdout == "root\n"
        assert host.login("sudo -n true", methods=["password"], password=NEW["pi"]).returncode == 1
        assert host.login("true", user="root", methods=["password"], password="raspberry").returncode == 255
        answers = {"password of (sudo on )?pi@[0-9.]*: ": NEW["pi"], r"\[y/N\]": "y"}
        typed(desk, answers, "undo", desk.where, "--bring-back-known-passwords")
        assert difference(before, snapshot(host)) == []


def test_with_a_second_factor(release: str, tmp_path: Path) -> None:
    """Each login wants a code, which only he can give: the login that tries the new rules first cannot wait for one."""
    with start(release, "hardened") as host:
        host.run("echo 'X11Forwarding yes' >/etc/ssh/sshd_config.d/00-x11.conf; systemctl reload ssh", check=True)
        before = snapshot(host)
        desk = Desk(host, tmp_path)
        answers = {"Verification code:": host.totp, "password of sudo on [^ ]*: ": host.sudo_password, r"\[y/N\]": "y"}
        told, asked = typed(desk, answers, "harden", desk.where, "--only", "ssh")
        assert "is hardened, and the change is confirmed" in told
        assert "not tried: a login under the new rules worked before they held each login needs a code" in told
        assert host.run("sshd -T | grep -i x11f", check=True).stdout == "x11forwarding no\n"
        waits = [each for each in asked if each.endswith("code:") and "A change is made, and waits until" in each]
        assert len(waits) >= 2  # for the proof, and to confirm it
        typed(desk, answers, "undo", desk.where)
        assert difference(before, snapshot(host)) == []


def test_by_a_key_with_a_passphrase(release: str, tmp_path: Path) -> None:
    """No agent has it: each login opens the key anew, and he is asked once."""
    with start(release, "planted") as host:
        before = snapshot(host)
        desk = Desk(host, tmp_path)
        assert host.private_key is not None
        change = ["ssh-keygen", "-q", "-p", "-f", str(host.private_key)]
        subprocess.run([*change, "-P", "", "-N", "six blue herons"], check=True)
        answers = {"passphrase [^:]*: ": "six blue herons", "password of sudo on [^ ]*: ": NEW["pi"], r"\[y/N\]": "y"}
        secrets = ("--secrets", desk.secrets(**NEW))
        told, asked = typed(desk, answers, "harden", desk.where, *SOME, *secrets)
        assert "✓ a login under the new rules worked before they held" in told
        assert len([each for each in asked if "passphrase" in each]) == 1
        typed(desk, answers, "undo", desk.where, "--bring-back-known-passwords", *secrets)
        subprocess.run([*change, "-P", "six blue herons", "-N", ""], check=True)
        assert difference(before, snapshot(host)) == []


def test_by_a_certificate(release: str, tmp_path: Path) -> None:
    """No file of the host has the key: it trusts who signed it."""
    with start(release, "planted") as host:
        desk = Desk(host, tmp_path)
        authority, key = tmp_path / "authority", host.private_key
        assert key is not None
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(authority)], check=True)
        public = subprocess.run(["ssh-keygen", "-y", "-f", str(key)], check=True, capture_output=True, text=True)
        key.with_name("id_ed25519.pub").write_text(public.stdout)
        sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "owner", "-n", "pi"]
        subprocess.run([*sign, str(key.with_name("id_ed25519.pub"))], check=True)
        (tmp_path / ".ssh").mkdir()
        shutil.copy(key.with_name("id_ed25519-cert.pub"), tmp_path / ".ssh")
        trust = "rm /home/pi/.ssh/authorized_keys; cat >/etc/ssh/authority.pub; systemctl reload ssh"
        setting = "echo 'TrustedUserCAKeys /etc/ssh/authority.pub' >/etc/ssh/sshd_config.d/10-authority.conf"
        host.run(f"{setting}; {trust}", input=authority.with_suffix(".pub").read_text(), check=True)
        before = snapshot(host)
        done = desk.harden(*SOME)
        assert done.code == 0, done.stdout + done.stderr
        assert host.login("sudo -n true").returncode == 1
        assert host.login("true", methods=["password"]).returncode == 255
        assert desk.undo().code == 0
        assert difference(before, snapshot(host)) == []


@pytest.mark.parametrize("passes_on", [True, False])
def test_by_a_key_that_forwards_nothing(release: str, tmp_path: Path, passes_on: bool) -> None:
    """The login under the new rules goes through a program then; where none can, it is left out, and that is said."""
    with start(release, "planted") as host:
        host.run("sed -i 's/^ssh-/no-port-forwarding &/' /home/pi/.ssh/authorized_keys", check=True)
        if not passes_on:
            host.run(NOTHING_PASSES_ON, check=True)
        before = snapshot(host)
        desk = Desk(host, tmp_path)
        done = desk.harden(*SOME)
        assert done.code == 0, done.stdout + done.stderr
        told = " ".join(done.stdout.split())
        if passes_on:
            assert "✓ a login under the new rules worked before they held" in told
        else:
            assert "not tried: a login under the new rules worked before they held it could not be reached: SSH" in told
        assert "✓ a fresh login works and becomes root by publickey, sudo took the password" in told
        assert host.login("true", methods=["password"]).returncode == 255
        assert desk.undo().code == 0
        assert difference(before, snapshot(host)) == []


class DeskAsRoot(Desk):
    """Somebody who logs in as root."""

    @property
    def where(self) -> str:
        """The host, as he types it."""
        return f"root@{self.host.address}"


def as_root(host: Host) -> None:
    """Let root in by the owner's key."""
    keys = "install -d -m 700 /root/.ssh; install -m 600 /home/pi/.ssh/authorized_keys /root/.ssh/"
    settings = "echo 'PermitRootLogin yes' >/etc/ssh/sshd_config.d/00-root.conf; systemctl reload ssh"
    host.run(f"{keys}; {settings}", check=True)


def test_as_root(release: str, tmp_path: Path) -> None:
    """His own way in stays; that sudo asks him nothing is no fault, and is not told as one."""
    with start(release, "planted") as host:
        as_root(host)
        before = snapshot(host)
        desk = DeskAsRoot(host, tmp_path)
        done = desk.harden(*SOME)
        assert done.code == 0, done.stdout + done.stderr
        assert "sudo asks for a password" not in done.stdout.partition("Proved from outside")[2].partition("Before")[0]
        assert host.login("id -un", user="root").stdout == "root\n"
        assert host.login("true", user="root", methods=["password"], password="raspberry").returncode == 255
        assert host.login("sudo -n true").returncode == 1
        assert desk.undo().code == 0
        assert difference(before, snapshot(host)) == []
