"""How much memory an audit has on the device at one time, looked at from outside every few milliseconds."""

from __future__ import annotations

import os
import re
import threading
from dataclasses import dataclass, field
from pathlib import Path

from bench.ours import BenchError, User
from tests.lab import Host

_PSS = re.compile(r"^Pss:\s+(\d+) kB$", re.MULTILINE)
# Not ours: the SSH server's side of the session.
_NOT_OURS = re.compile(r"sshd")


@dataclass(slots=True)
class Peak:
    """The most seen in one audit, in bytes.

    `processes`: the proportional set size (PSS) of all its processes together; `scratch`: its files on tmpfs; `total`:
    both at one moment. `samples`: how often they were looked at.
    """

    total: int = 0
    processes: int = 0
    scratch: int = 0
    samples: int = 0

    def see(self, used: int, kept: int) -> None:
        """Take in one look."""
        self.total = max(self.total, used + kept)
        self.processes = max(self.processes, used)
        self.scratch = max(self.scratch, kept)
        self.samples += bool(used)


@dataclass(slots=True)
class _Watcher:
    host: Host
    peak: Peak = field(default_factory=Peak)
    stop: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        run = Path(f"/proc/{self.host.machine.leader()}/root/run")
        while not self.stop.is_set():
            self.peak.see(sum(map(_pss, _session(self.host))), _scratch(run))


def memory(user: User) -> Peak:
    """The most memory that an audit, with its default time for passwords, has at one time. BenchError if unseen."""
    watcher = _Watcher(user.host)
    thread = threading.Thread(target=watcher.watch)
    thread.start()
    try:
        user.audit()
    finally:
        watcher.stop.set()
        thread.join()
    peak = watcher.peak
    if peak.samples < 50 or not peak.scratch:
        raise BenchError(f"the audit's memory was hardly seen: {peak}")
    return peak


def _session(host: Host) -> list[int]:
    """The processes of the login session, by their numbers on this machine."""
    pids: list[int] = []
    for group in host.cgroup.glob("user.slice/user-*.slice/session-*.scope/cgroup.procs"):
        try:
            pids += map(int, group.read_text().split())
        except OSError:
            continue  # the session is over
    return pids


def _pss(pid: int) -> int:
    """What a process has, with its share of what it shares; 0 when it is gone, or the SSH server's."""
    try:
        if _NOT_OURS.match(Path(f"/proc/{pid}/comm").read_text()):
            return 0
        found = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def _scratch(run: Path) -> int:
    total = 0
    for folder in run.glob("thornwall.*"):
        for path in (folder, folder / "c"):
            try:
                with os.scandir(path) as entries:
                    total += sum(entry.stat(follow_symlinks=False).st_blocks * 512 for entry in entries)
            except OSError:
                continue  # removed meanwhile
    return total
