"""Somebody at his computer who hardens a lab host, from the command line and nothing else."""

import base64
import itertools
import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect

from .host import Host
from .thornwall import Done, home, thornwall

FULL = bool(os.environ.get("THORNWALL_FULL"))
"""Whether to try everything; else a sample."""

NEW = {"pi": "Tulip-9-kettle-rain", "root": "Mortar+44+lamp", "webcam": "Osprey_71_lid"}
"""The passwords that the owner wants from now on."""

BRINGS_PACKAGES = ("no-mac", "updates", "tools", "no-firewall", "no-password-quality")
"""Rules and subjects whose fix needs packages that a planted host does not have."""

WITHOUT_PACKAGES = tuple(itertools.chain.from_iterable(("--skip", name) for name in BRINGS_PACKAGES))

_VAULT = "var/lib/thornwall"

NOTHING_PASSES_ON = "chsh -s /bin/dash pi; chmod o-x /bin/bash; ! command -v nc"
"""From the shell of the owner's account no program can pass on the bytes of a connection."""


@dataclass(frozen=True)
class Desk:
    """One owner's computer: `folder` is his home. `host` is what he hardens."""

    host: Host
    folder: Path

    @property
    def where(self) -> str:
        """The host, as he types it."""
        return f"{self.host.user}@{self.host.address}"

    def secrets(self, *, sudo: str | None = None, **passwords: str) -> str:
        """A file of secrets: the password that sudo takes now (by default the true one), and new ones."""
        text = f"sudo = {json.dumps(sudo or self.host.sudo_password)}\n[passwords]\n"
        text += "".join(f"{account} = {json.dumps(password)}\n" for account, password in passwords.items())
        path = self.folder / f"secrets-{abs(hash(text))}.toml"
        path.touch(mode=0o600)
        path.write_text(text)
        return str(path)

    def run(self, *words: str, timeout: float = 300) -> Done:
        """`thornwall WORDS` with nobody at a terminal."""
        return thornwall([*words], home(self.host, self.folder), self.folder, timeout=timeout)

    def harden(self, *words: str, timeout: float = 900) -> Done:
        """`thornwall harden HOST --yes`, with all passwords at hand."""
        return self.run("harden", self.where, "--yes", "--secrets", self.secrets(**NEW), *words, timeout=timeout)

    def undo(self, *words: str) -> Done:
        """`thornwall undo HOST --yes`, so that even the factory password comes back."""
        more = ("--yes", "--bring-back-known-passwords", "--secrets", self.secrets(**NEW))
        return self.run("undo", self.where, *words, *more)

    def plan(self, *words: str) -> dict[str, Any]:
        """`thornwall plan HOST`, as its JSON has it."""
        done = self.run("plan", self.where, "--format", "json", "--secrets", self.secrets(**NEW), *words)
        assert done.code == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def begin(self, *words: str) -> "subprocess.Popen[str]":
        """The same as `run`, without waiting for its end."""
        return subprocess.Popen(
            [sys.executable, "-m", "thornwall", *words],
            env=home(self.host, self.folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def begin_hardening(self, *words: str) -> "subprocess.Popen[str]":
        """The same as `harden`, without waiting for its end."""
        return self.begin("harden", self.where, "--yes", "--secrets", self.secrets(**NEW), *words)

    def type(self, *words: str, timeout: float = 90) -> "pexpect.spawn[str]":
        """`thornwall WORDS` at a terminal where somebody types."""
        environment = home(self.host, self.folder) | {"TERM": "dumb"}
        command = ["-m", "thornwall", *words]
        return pexpect.spawn(
            sys.executable, command, env=environment, encoding="utf-8", timeout=timeout, dimensions=(50, 120)
        )

    def changes(self) -> list[str]:
        """The state of every change that the host knows, the oldest first: `0001 confirmed`."""
        found = sorted((self.host.root / _VAULT).glob("[0-9]*/state/*"))
        return [f"{path.parent.parent.name} {path.name}" for path in found]

    def journal(self) -> str:
        """What the device has written down of the newest change; empty where there is none."""
        found = sorted((self.host.root / _VAULT).glob("[0-9]*/journal"))
        return found[-1].read_text() if found else ""

    def wait_for(self, seen: Callable[[], bool], seconds: float) -> None:
        """Wait until something is so, at most for some seconds."""
        deadline = time.monotonic() + seconds
        while not seen():
            assert time.monotonic() < deadline, (self.changes(), self.journal())
            time.sleep(0.02)

    def applied(self) -> bool:
        """Whether the newest change is done, and waits to be confirmed."""
        return "APPLIED" in self.journal()

    def back(self) -> bool:
        """Whether no change is open, and nothing of the guard is there any more."""
        left = [*(self.host.root / "etc/systemd/system").glob("thornwall-*")]
        if left or not all(change.endswith((" undone", " confirmed")) for change in self.changes()):
            return False
        return (
            self.host.run("systemctl list-units --all --plain --no-legend 'thornwall-*' run-meanwhile.service").stdout
            == ""
        )

    def meanwhile(self, spoil: str, mend: str = ":") -> None:
        """Have something happen on the host once the change is done; `mend` runs when it is open no more."""
        wait = "while {} ls -d /var/lib/thornwall/*/{} >/dev/null 2>&1; do sleep 0.05; done"
        script = "; ".join([wait.format("!", "applied"), spoil, wait.format("", "state/open"), mend])
        command = ["systemd-run", "--quiet", "--collect", "--unit=run-meanwhile", "sh", "-c", script]
        self.host.run(command, check=True)


def kill(process: "subprocess.Popen[str]") -> None:
    """The controller is gone at once, with all that it started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@dataclass(frozen=True)
class Cost:
    """What a hardening cost.

    Seconds, those of package work among them; logins over the wire before the change was done (the last of them tries
    the new rules before they hold); processes on the device for the first look, and for the change itself.
    """

    seconds: float
    package_seconds: float
    logins: int
    look: int
    change: int
    commonest: str


_ACCOUNTING = 'my $file = $ARGV[0]; open(my $f, ">", $file); syscall($ARGV[1], $file) == 0 or die $!'


@contextmanager
def costs(host: Host) -> Iterator[Callable[[], Cost]]:
    """Count what the newest change costs from here on: by the kernel's process accounting, and sshd's own journal."""
    number = {"x86_64": "163", "aarch64": "89"}[os.uname().machine]  # of acct(2)
    # from outside: inside nobody may
    inside = ["nsenter", "--target", str(host.machine.leader()), "--pid", "--mount"]
    subprocess.run([*inside, "perl", "-e", _ACCOUNTING, "/run/acct", number], check=True)
    began = time.time()

    def cost() -> Cost:
        seconds = time.time() - began
        vault = host.root / _VAULT
        applied = max(path.stat().st_mtime for path in vault.glob("*/applied"))
        lines = host.run("journalctl -q -u ssh -o short-unix --no-pager").stdout.splitlines()
        found = [re.match(r"([\d.]+) \S+ sshd\S*\[(\d+)\]: Accepted", line) for line in lines]
        logins = [(float(each[1]), int(each[2])) for each in found if each and float(each[1]) > began]
        before = [pid for when, pid in logins if when < applied]
        after = [pid for when, pid in logins if when >= applied]
        data = base64.b64decode(host.run("base64 /run/acct").stdout)
        # struct acct_v3 of <linux/acct.h>: the number of the process at 16, its name at 48
        ended = [(record[0], record[1].rstrip(b"\0").decode()) for record in struct.iter_unpack("<16xI28x16s", data)]
        change = Counter(name for pid, name in ended if before[-2] <= pid < after[0])
        return Cost(
            seconds,
            _package_seconds(vault),
            len(before),
            sum(before[0] <= pid < before[1] for pid, _ in ended),
            change.total(),
            ", ".join(f"{name} {count}" for name, count in change.most_common(20)),
        )

    yield cost


def _package_seconds(vault: Path) -> float:
    for journal in vault.glob("*/journal"):
        lines = [line.split("\t") for line in journal.read_text().splitlines() if "\t" in line]
        if any(line[2] == "BROUGHT" for line in lines):
            return float(lines[-1][1]) - float(lines[0][1])
    return 0
