"""Every process that an audit starts on the device, seen by strace from outside, and told apart by what it is for."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.ours import BenchError, User
from tests.lab import Host

_CALLS = "fork,vfork,clone,clone3,execve,openat"
_LINE = re.compile(r"(\d+) +(.*)")
_FORKED = re.compile(r"(?:<\.\.\. )?(?:v?fork|clone3?)\b.*\) += (\d+)(?: /\* (\d+) in strace's PID NS \*/)?$")
# The login shell is given this first command line of ours; sshd and what PAM runs at a login come before it.
_OURS = "exec /bin/sh -c "
# The file that the script opens for what it starts next: of a command, or of the contents that it gathers at the end.
_STEP = re.compile(r'openat\(.*/thornwall\.[0-9a-f]+/(?:c/([A-Za-z0-9-]+)\.out|meta|links|kernel|(times))", O_WRONLY')
_ITSELF = "the script itself"
_FILES = "files"


@dataclass(frozen=True, slots=True)
class Processes:
    """`total`: those of the login shell and all below it; `steps`: how many of them each part of the script took."""

    total: int
    steps: dict[str, int]


def missing() -> str | None:
    """Why nothing can be traced, in one line; None when it can."""
    return None if shutil.which("strace") else "the bench needs the Debian package strace"


def processes(user: User) -> Processes:
    """How many processes one audit starts on the device, sudo's and the login shell's own included."""
    with tempfile.TemporaryDirectory(prefix="thornwall-bench-") as folder:
        log = Path(folder, "strace")
        tracer = _attach(_listener(user.host), log)
        try:
            user.audit("--password-seconds", "1")
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait(30)
        return _count(log.read_text(errors="replace").splitlines())


def _listener(host: Host) -> int:
    """sshd's own process, by its number on this machine."""
    return int((host.cgroup / "system.slice/ssh.service/cgroup.procs").read_text().split()[0])


def _attach(pid: int, log: Path) -> subprocess.Popen[bytes]:
    argv = ["strace", "-f", "-qq", "-s", "200", "--decode-pids=pidns", "-e", f"trace={_CALLS}", "-o", str(log)]
    tracer = subprocess.Popen([*argv, "-p", str(pid)], stderr=subprocess.PIPE)
    status = Path(f"/proc/{pid}/status")
    deadline = time.monotonic() + 10
    while "TracerPid:\t0\n" in status.read_text():
        if tracer.poll() is not None or time.monotonic() > deadline:
            tracer.kill()
            complaint = tracer.stderr.read().decode(errors="replace") if tracer.stderr else ""
            raise BenchError(f"strace cannot follow sshd: {complaint.strip()}")
        time.sleep(0.01)
    return tracer


def _count(lines: list[str]) -> Processes:
    parents: dict[str, str] = {}
    at: dict[str, str] = {}  # the step that a process is at now
    started: dict[str, str] = {}  # the step that it was started for
    top = main = ""
    for line in lines:
        pid, call = _split(line)
        if forked := _FORKED.match(call):
            child = forked[2] or forked[1]
            parents[child] = pid
            started[child] = at.setdefault(child, at.get(pid, _ITSELF))
        elif not top and call.startswith("execve(") and _OURS in call:
            top = pid
        elif opened := _STEP.search(call):
            main = main or pid  # the first to open one is the script's own shell
            at[pid] = opened[1] or (_ITSELF if opened[2] else _FILES)
            if pid != main:
                started[pid] = at[pid]
    if not top:
        raise BenchError("the login shell of an audit was not seen to start")
    ours = [pid for pid in (top, *parents) if top in _upwards(pid, parents)]
    return Processes(len(ours), dict(Counter(started.get(pid, _ITSELF) for pid in ours).most_common()))


def _split(line: str) -> tuple[str, str]:
    found = _LINE.match(line)
    return (found[1], found[2]) if found else ("", "")


def _upwards(pid: str, parents: dict[str, str]) -> Iterator[str]:
    """A process, its parent and so on."""
    yield pid
    while pid in parents:
        pid = parents[pid]
        yield pid
