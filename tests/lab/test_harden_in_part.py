"""What was not done, and what does not hold, is what `thornwall harden` says first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .hardening import Desk
from .host import start

TAKES_PASSWORDS_AGAIN = (
    "while ! ls -d /var/lib/thornwall/*/applied >/dev/null 2>&1; do sleep 0.05; done; "
    "sed -i 's/^PasswordAuthentication no/PasswordAuthentication yes/' /etc/ssh/sshd_config.d/00-thornwall.conf; "
    "systemctl reload ssh.service"
)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with start("trixie", "planted") as host:
        yield Desk(host, tmp_path)


def test_packages_that_cannot_be_had(desk: Desk) -> None:
    """The host reaches no archive."""
    done = desk.harden("--only", "no-firewall", "--only", "package-files-unchecked", "--only", "cups-listening")
    said = " ".join(done.stdout.split())
    assert done.code == 1, said + done.stderr
    assert "is hardened in part: " in said
    assert re.search(
        "Not done what is needed for it did not come; the notes tell why ─+ Install packages Compare ", said
    )
    assert said.count("Temporary failure resolving") == 1
    assert "debsums and ufw had trouble: " in said
    assert desk.changes() == ["0001 confirmed", "0002 confirmed"]
    history = " ".join(desk.run("history", desk.where).stdout.split())
    assert "made packages: none came or went" in history
    # (the packages, what compares their files, and the firewall)
    assert "in part: 3 steps could not be done" in history
    assert f"Take 0002 back, with its packages (0001): thornwall undo {desk.where}" in history
    undone = " ".join(desk.undo().stderr.split())
    assert "Change 0001 is taken back, and that was looked at: nothing had come." in undone


def test_passwords_that_are_taken_again(desk: Desk) -> None:
    """Nobody here knows the account's password: that it is asked for is enough."""
    desk.host.run("echo pi:Osprey_71_lid | chpasswd", check=True)
    command = ["systemd-run", "--quiet", "--collect", "--unit=run-meanwhile", "sh", "-c", TAKES_PASSWORDS_AGAIN]
    desk.host.run(command, check=True)
    done = desk.run("harden", desk.where, "--yes", "--only", "ssh-password-login")
    said = " ".join(done.stdout.split())
    assert desk.host.run("sshd -T | grep '^passwordauthentication'").stdout == "passwordauthentication yes\n"
    assert done.code == 1, said + done.stderr
    assert "FAILED: look at raspberrypi" in said
    assert "a login by password is refused: the SSH server asks for a password" in said
    # (the host has been told nothing of it: it is this computer that knows)
    status = " ".join(desk.run("status", desk.where).stdout.split())
    assert "confirmed, but this did not hold: a login by password is refused: the SSH server asks" in status


def test_what_the_host_has_started_with_stays_until_its_next_start(desk: Desk) -> None:
    """Undo gives back the file at once; what is mounted by it goes on, and that is said."""
    noexec = "findmnt -no OPTIONS /dev/shm | tr , '\\n' | grep -cx noexec"
    words = ("--preset", "strict", "--only", "mount-options-missing")
    assert desk.harden(*words).code == 0
    at_once = desk.undo()
    assert "started with" not in at_once.stderr  # it had not started since
    assert desk.harden(*words).code == 0
    desk.host.reboot()
    assert desk.host.run(noexec).stdout == "1\n"
    undone = " ".join(desk.undo().stderr.split())
    assert "Left as it is: what the host has started with, until its next start: /etc/fstab." in undone
    assert desk.host.run(noexec).stdout == "1\n"
    desk.host.reboot()
    assert desk.host.run(noexec).stdout == "0\n"
