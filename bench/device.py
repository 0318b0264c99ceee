"""What an audit costs the device: CPU time, and what it leaves on the disk."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.ours import BenchError, User
from bench.peers import cpu_seconds
from tests.lab import Host


def cpu(user: User, *, times: int) -> list[float]:
    """CPU seconds of the whole host during an audit that tries no password: SSH, sudo, PAM and logging included."""
    user.audit("--password-seconds", "0")
    taken = []
    for _ in range(times):
        before = cpu_seconds(user.host)
        user.audit("--password-seconds", "0")
        time.sleep(0.3)  # the login's last processes end after the connection
        taken.append(cpu_seconds(user.host) - before)
    return taken


def written(user: User) -> list[str]:
    """Paths on the device's disk that an audit changes, and a login that only calls sudo does not."""
    login = _changes(user.host, lambda: _log_in(user.host))
    audit = _changes(user.host, user.audit)
    return sorted(audit - login)


def _log_in(host: Host) -> None:
    result = host.login("sudo -n true && sudo -n true")
    if result.returncode != 0:
        raise BenchError(f"a login that calls sudo failed: {result.stderr.strip()}")


def _changes(host: Host, act: Callable[[], object]) -> set[str]:
    before = dict(_disk(host.root))
    act()
    after = dict(_disk(host.root))
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def _disk(root: Path) -> Iterator[tuple[str, tuple[int, int, int, int]]]:
    """Every path of the root file system, what is mounted on it left out, and what a write to it would change."""
    folders = [root]
    while folders:
        folder = folders.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                found = entry.stat(follow_symlinks=False)
                path = Path(entry.path)
                yield f"/{path.relative_to(root)}", (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
                if entry.is_dir(follow_symlinks=False):
                    folders.append(path)
