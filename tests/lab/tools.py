"""How the lab runs this machine's tools, checks that they are there, and locks what it shares."""

import fcntl
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .errors import LabError

PACKAGES = Path(__file__).with_name("packages.txt")
_TOOLS = {
    "btrfs": "btrfs-progs",
    "findmnt": "util-linux",
    "ip": "iproute2",
    "mkfs.btrfs": "btrfs-progs",
    "mmdebstrap": "mmdebstrap",
    "mount": "mount",
    "nft": "nftables",
    "nsenter": "util-linux",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "systemd-nspawn": "systemd-container",
    "unshare": "util-linux",
}


def missing() -> str | None:
    """Why the lab cannot run on this machine, in one line; None when it can."""
    if os.geteuid() != 0:
        return "the lab needs root"
    absent = sorted({package for tool, package in _TOOLS.items() if shutil.which(tool) is None})
    if absent:
        return f"the lab needs these Debian packages: {' '.join(absent)}"
    known = {line.split()[-1] for line in Path("/proc/filesystems").read_text().splitlines()}
    for filesystem in ("btrfs", "cgroup2"):
        if filesystem not in known:
            return f"the lab needs a kernel with {filesystem}"
    if not Path("/proc/net/if_inet6").exists():
        return "the lab needs IPv6 in this machine's kernel"
    if not Path("/dev/loop-control").exists():
        return "the lab needs loop devices (/dev/loop-control)"
    trial = subprocess.run(["unshare", "--mount", "--net", "true"], capture_output=True, check=False)
    if trial.returncode != 0:
        return "the lab needs to make namespaces, which this machine refuses even to root"
    return None


def run(argv: Sequence[str | Path], *, check: bool = True, text_input: str | None = None) -> str:
    """Standard output of a tool of this machine; LabError, with what it wrote, when it fails."""
    command = [str(part) for part in argv]
    result = subprocess.run(command, input=text_input, capture_output=True, text=True, check=False)
    if check and result.returncode != 0:
        said = (result.stderr or result.stdout).strip()
        raise LabError(f"'{shlex.join(command)}' failed with status {result.returncode}: {said}")
    return result.stdout


@contextmanager
def locked(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[None]:
    """Hold a lock on a file, which is made when it is not there. BlockingIOError when it is taken and `wait` is off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
        yield


def process_started(pid: int) -> str | None:
    """The start time of a process (clock ticks since boot), which tells it from a later one with its number."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]
