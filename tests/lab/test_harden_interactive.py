"""What is left out, step by step, is reckoned with by the steps that stay."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from .compare import difference, snapshot
from .hardening import NEW, Desk
from .host import start


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with start("trixie", "planted", packages=True) as host:
        yield Desk(host, tmp_path)


def answered(child: "pexpect.spawn[str]", answers: dict[str, str]) -> str:
    """Answer each step by its title; what is said up to the last question."""
    said = ""
    while True:
        child.expect(r"(Step \d+ of \d+: [^?]*\?|Make [^?]*\?) \[y/N\] ")
        title = str(child.after)
        said += f"{child.before}{title}"
        if title.startswith("Make"):
            return " ".join(said.split())
        (answer,) = [answer for words, answer in answers.items() if words in title]
        child.sendline(answer)


def test_the_port_of_a_server_that_stays_stays_open(desk: Desk) -> None:
    """The firewall of the whole plan would close it; the one without that step does not."""
    only = ("--only", "cups-listening", "--only", "rpcbind-listening", "--only", "no-firewall")
    before = snapshot(desk.host)
    with desk.type("harden", desk.where, "--interactive", *only, timeout=240) as child:
        child.expect_exact("one by one?")
        child.sendline("y")
        said = answered(child, {"Install packages": "y", "print server": "n", "port mapper": "y", "nobody uses": "y"})
        assert "Not as it was shown before, for want of what you left out:" in said
        assert "ufw allow 631/tcp" in said.partition("Not as it was shown")[2]
        assert "tcp 111 will not answer any more; tcp 22, 23, 80, 631 answer on" in said.rpartition("ports: ")[2]
        child.sendline("y")
        child.expect_exact("is confirmed")
        child.read()
    assert child.exitstatus == 0
    with socket.create_connection((desk.host.address, 631), timeout=5):
        pass
    with pytest.raises(OSError, match=r"timed out|refused"):
        socket.create_connection((desk.host.address, 111), timeout=3)
    assert desk.undo().code == 0
    assert difference(before, snapshot(desk.host), packages=True) == []


def test_sudo_does_not_ask_for_a_password_that_everybody_knows(desk: Desk) -> None:
    """The new one was typed, and then its step left out."""
    only = ("--only", "default-password", "--only", "sudo-nopasswd")
    with desk.type("harden", desk.where, "--interactive", *only) as child:
        child.expect_exact("New password for pi")
        child.sendline(NEW["pi"])
        child.expect_exact("Once more: ")
        child.sendline(NEW["pi"])
        child.expect_exact("one by one?")
        child.sendline("y")
        child.expect(r"Replace passwords that everybody knows \(default-password\)\? \[y/N\] ")
        child.sendline("n")
        child.expect(r"sudo[^?]*\(sudo-nopasswd\)\? \[y/N\] ")
        child.sendline("y")
        child.expect(r"is left out with that: [^\n]*\s+[^\n]*everybody knows")
        child.expect_exact("Nothing was changed.")
        child.read()
    assert child.exitstatus == 0
    assert desk.changes() == []


def test_a_password_that_does_not_help_is_not_asked_for(desk: Desk) -> None:
    """No new one: sudo is not to ask for the old one, which everybody knows, and so nobody is asked for it."""
    with desk.type("harden", desk.where, "--only", "default-password", "--only", "sudo-nopasswd") as child:
        child.expect_exact("New password for pi")
        child.sendline("")
        child.expect_exact("Nothing was changed.")
        said = " ".join(f"{child.before}{child.read()}".split())
    assert "that pi has now" not in said
    assert "sudo would ask pi for a password, and the password of pi is one that everybody knows" in said
