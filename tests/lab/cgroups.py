"""A control group for each machine and build, so that all of it can be killed at once, and its CPU time read."""

import contextlib
import time
from pathlib import Path

from .errors import LabError
from .settings import lab_dir
from .tools import run

# Run by sh, in a mount namespace of its own, with the group's name as $1: systemd-nspawn must see the unified hierarchy
# whatever this machine's init made of /sys/fs/cgroup, and must leave nothing behind in /run. What this machine mounts
# later is seen in there: a host that reboots gets a new network namespace in /run/netns.
ENTER = """
set -e
mount -t cgroup2 none /sys/fs/cgroup
mkdir -p /run/systemd/nspawn
mount -t tmpfs none /run/systemd/nspawn
group=/sys/fs/cgroup/thornwall/$1
mkdir -p "$group"
echo $$ >"$group/cgroup.procs"
"""
UNSHARE = ("unshare", "--mount", "--propagation", "slave", "sh", "-c")


def group(name: str) -> Path:
    """Where this machine sees a group; it need not exist."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, target, kind = line.split()[:3]
        if kind == "cgroup2":
            return Path(target) / "thornwall" / name
    own = lab_dir() / "cgroup"
    own.mkdir(parents=True, exist_ok=True)
    run(["mount", "-t", "cgroup2", "none", own])
    return own / "thornwall" / name


def populated(name: str) -> bool:
    """Whether anything runs in a group."""
    try:
        return "populated 1" in (group(name) / "cgroup.events").read_text()
    except OSError:
        return False


def kill(name: str) -> None:
    """Kill all that runs in a group, wait until it is gone, and remove the group."""
    path = group(name)
    if not path.exists():
        return
    (path / "cgroup.kill").write_text("1")
    deadline = time.monotonic() + 10
    while populated(name):
        if time.monotonic() > deadline:
            raise LabError(f"what runs in {path} does not die")
        time.sleep(0.005)
    for folder in sorted((p for p in path.rglob("*") if p.is_dir()), reverse=True):
        with contextlib.suppress(FileNotFoundError):
            folder.rmdir()
    path.rmdir()
