"""`thornwall` as a user runs it: a process of its own, a home of its own, over SSH to a lab host."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab import Host

THORNWALL = Path(sysconfig.get_path("scripts"), "thornwall")


class BenchError(Exception):
    """Something could not be measured; the text says what and why."""


@dataclass(frozen=True, slots=True)
class User:
    """A user of this machine who knows one host: its name, key and address are in ~/.ssh."""

    home: Path
    host: Host

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of the caller's but the PATH."""
        return {"HOME": str(self.home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}

    @property
    def target(self) -> str:
        """What stands behind `thornwall audit`."""
        return f"{self.host.user}@{self.host.address}"

    def audit(self, *options: str) -> float:
        """Seconds that the whole command takes, start-up included. BenchError when it fails."""
        return self._run("audit", self.target, "--fail-on", "never", *options)

    def capture(self, path: Path) -> None:
        """Write a capture of the host to `path`."""
        self._run("capture", self.target, "-o", str(path))

    def _run(self, *arguments: str) -> float:
        seconds, status, complaint = timed([str(THORNWALL), *arguments], self.environment)
        if status != 0:
            raise BenchError(f"'thornwall {' '.join(arguments)}' ended with {status}: {complaint.strip()}")
        return seconds


@contextmanager
def user_of(host: Host) -> Iterator[User]:
    """A user who can log in to `host`, until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="thornwall-bench-") as folder:
        home = Path(folder)
        (home / ".ssh").mkdir(mode=0o700)
        (home / ".ssh/config").write_text(
            f"Host {host.address}\n"
            f"  UserKnownHostsFile {host.known_hosts}\n  IdentityFile {host.private_key}\n  IdentitiesOnly yes\n"
        )
        yield User(home, host)


def start_up(*arguments: str, times: int) -> list[float]:
    """Seconds of several runs of `thornwall ARGUMENTS`, after one that fills the caches."""
    taken = []
    for _ in range(times + 1):
        seconds, status, complaint = timed([str(THORNWALL), *arguments], dict(os.environ))
        if status != 0:
            raise BenchError(f"'thornwall {' '.join(arguments)}' ended with {status}: {complaint.strip()}")
        taken.append(seconds)
    return taken[1:]


def timed(argv: list[str], environment: dict[str, str]) -> tuple[float, int, str]:
    """Seconds, exit status and the end of stderr."""
    began = time.perf_counter()
    result = subprocess.run(argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return time.perf_counter() - began, result.returncode, result.stderr[-500:].decode(errors="replace")


def say(text: str) -> None:
    """Progress, for whoever waits."""
    print(f"bench: {text}", file=sys.stderr, flush=True)
