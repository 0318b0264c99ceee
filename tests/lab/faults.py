"""Faults, put onto a lab host while something runs in it, each as a context that takes them back at its end.

    with at(host, "/var/lib/thornwall/*/journal", "APPLIED", lambda: kill(host, "undo.sh")) as fault:
        …
    assert fault.struck

    with cut_link(host): …            with full(host, "/var/lib/thornwall"): …     with dpkg_locked(host): …
    with frozen(host, "cupsd"): …     with tiny_run(host): …                       with hung_systemctl(host): …
    with repeated(host, "systemctl daemon-reload", every=0.2): …                   power_cycle(host)

What cannot be done to a lab host: a wrong clock (it is this machine's), a real power cut (a killed host keeps what it
wrote) and a root file system that is full (all hosts share one). A VM (vm.py) can: `date --set`, `power_cut()`,
`fallocate`.
"""

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .errors import LabError
from .host import Host
from .network import Wire
from .tools import run

_POLL_SECONDS = 0.001
_WAIT_SECONDS = 10.0


@dataclass
class Struck:
    """Whether a fault has come, and what it did. `result` is what `act` returned."""

    struck: bool = False
    result: object = None
    _error: BaseException | None = field(default=None, repr=False)


@contextmanager
def at(host: Host, log: str, marker: str, act: Callable[[], object]) -> Iterator[Struck]:
    """Do something in the moment that a regular expression first matches the text of a file, within some milliseconds.

    `log` is a path inside the host, as it sees it, with shell wildcards; the file need not exist yet. What `act` raises
    is raised at the end of the context. A marker that was there before counts.
    """
    fault, over = Struck(), threading.Event()
    top = Path(f"/proc/{host.machine.leader()}/root")
    wanted = re.compile(marker.encode())

    def watch() -> None:
        while not over.wait(_POLL_SECONDS):
            for path in top.glob(log.lstrip("/")):
                with contextlib.suppress(OSError):
                    if not wanted.search(path.read_bytes()):
                        continue
                    fault.struck = True
                    try:
                        fault.result = act()
                    except BaseException as error:  # noqa: BLE001 - raised again where it can be seen
                        fault._error = error
                    return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield fault
    finally:
        over.set()
        thread.join()
    if fault._error is not None:
        raise fault._error


def processes(host: Host, pattern: str) -> list[int]:
    """The processes of a host whose command line matches a regular expression, by this machine's numbers."""
    wanted, found = re.compile(pattern), []
    # By their namespace: what Host.run starts is not in the host's control group.
    inside = os.readlink(f"/proc/{host.machine.leader()}/ns/pid")  # noqa: PTH115 - not a path
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(folder / "ns/pid") == inside:  # noqa: PTH115
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if wanted.search(command):
                    found.append(int(folder.name))
    return sorted(found)


def kill(host: Host, pattern: str, number: signal.Signals = signal.SIGKILL) -> list[int]:
    """Send a signal to all processes of a host that match, and name them."""
    pids = processes(host, pattern)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    return pids


@contextmanager
def frozen(host: Host, pattern: str) -> Iterator[list[int]]:
    """Stop the processes that match, and let them go on at the end. LabError when there is none."""
    pids = kill(host, pattern, signal.SIGSTOP)
    if not pids:
        raise LabError(f"{host.name} has no process that matches {pattern}")
    try:
        yield pids
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@contextmanager
def frozen_init(host: Host) -> Iterator[None]:
    """Stop the host's systemd: systemctl hangs until its own timeout, no timer runs out, no unit starts."""
    leader = host.machine.leader()
    os.kill(leader, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(leader, signal.SIGCONT)


def cut(host: Host) -> None:
    """Drop all packets on the host's wire, in both directions, silently; connections stay open at both ends."""
    wire = Wire(host.index).interface
    chains = "".join(
        f"chain {hook} {{ type filter hook {hook} device {wire} priority 0; policy drop; }}\n"
        for hook in ("ingress", "egress")
    )
    run(["nft", "-f", "-"], text_input=f"table netdev cut-{wire} {{\n{chains}}}\n")


def mend(host: Host) -> None:
    """Let packets pass again; harmless when they do."""
    run(["nft", "delete", "table", "netdev", f"cut-{Wire(host.index).interface}"], check=False)


@contextmanager
def cut_link(host: Host) -> Iterator[None]:
    """`cut`, and `mend` at the end."""
    cut(host)
    try:
        yield
    finally:
        mend(host)


@contextmanager
def small(host: Host, path: str, *, mib: int = 64, inodes: int = 20_000, options: str = "") -> Iterator[None]:
    """Put a folder of the host, with what is in it, onto a small file system of its own, with more mount options.

    `options="noexec"` for a /var without programs. What is written goes back to where it was at the end.
    systemd may see a mount a second late: its unit is waited for, lest it be new in a comparison.
    """
    host.run(f"mkdir -p {path} && mkdir -p /run/small{path}", check=True)
    host.run(f"mount -t tmpfs -o size={mib}m,nr_inodes={inodes},mode=700 small /run/small{path}", check=True)
    host.run(f"cp -aT {path} /run/small{path} && mount --bind /run/small{path} {path}", check=True)
    host.run(f"umount /run/small{path}", check=True)
    if options:
        host.run(f"mount -o remount,{options} {path}", check=True)
    unit = f"$(systemd-escape --path --suffix=mount {path})"
    host.run(f"timeout 30 sh -c 'until systemctl --quiet is-active {unit}; do sleep 0.1; done'", check=True)
    try:
        yield
    finally:
        host.run(
            f"mkdir -p /run/small{path} && mount --bind / /run/small{path} && cp -aT {path} /run/small{path}{path}; "
            f"umount /run/small{path}; umount --lazy {path}; "
            f"timeout 30 sh -c 'while systemctl --quiet is-active {unit}; do sleep 0.1; done'"
        )


@contextmanager
def full(host: Host, path: str, *, inodes: bool = False, spare_kib: int = 0) -> Iterator[None]:
    """`small`, with no space left but `spare_kib`; or with no inode left."""
    with small(host, path):
        if inodes:
            host.run(f"mkdir {path}/fill; cd {path}/fill && i=0; while : >$i; do i=$((i+1)); done 2>/dev/null")
        else:
            host.run(f"head -c 1G /dev/zero >{path}/fill 2>/dev/null")
            if spare_kib:
                host.run(f"truncate --size=-{spare_kib}K {path}/fill", check=True)
        try:
            yield
        finally:
            host.run(f"rm -rf {path}/fill")


@contextmanager
def tiny_run(host: Host, *, spare_kib: int = 16) -> Iterator[None]:
    """Leave /run no more than some KiB beside what it holds now."""
    size = host.run("df --output=size -k /run | tail -1", check=True).stdout.strip()
    used = int(host.run("df --output=used -k /run | tail -1", check=True).stdout)
    host.run(f"mount -o remount,size={used + spare_kib}k /run", check=True)
    try:
        yield
    finally:
        host.run(f"mount -o remount,size={size}k /run", check=True)


@contextmanager
def background(host: Host, command: str) -> Iterator[subprocess.Popen[str]]:
    """A command of sh as root in the host, with pipes to talk to it; killed, with all it started, at the end."""
    with subprocess.Popen(
        [*host.machine.enter(), "sh", "-c", command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def repeated(host: Host, command: str, *, every: float = 0.2) -> Iterator[None]:
    """Run a command again and again: 'systemctl daemon-reload', 'systemctl daemon-reexec', a flood of logins…"""
    with background(host, f"while :; do {command}; sleep {every}; done >/dev/null"):
        yield


@contextmanager
def dpkg_locked(host: Host) -> Iterator[None]:
    """Hold dpkg's locks as apt does: by fcntl, which flock(1) does not see."""
    script = """
import fcntl
files = [open(f"/var/lib/dpkg/{name}", "w") for name in ("lock-frontend", "lock")]
for file in files:
    fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
input()
"""
    with background(host, f"exec python3 -c '{script}'") as holder:
        assert holder.stdout is not None
        if holder.stdout.readline() != "held\n":
            raise LabError(f"{host.name}: somebody else has dpkg's locks")
        yield


@contextmanager
def hung_systemctl(host: Host) -> Iterator[None]:
    """A systemctl that never answers, whatever path it is called by."""
    host.run("printf '#!/bin/sh\\nexec sleep infinity\\n' >/run/hung && chmod 755 /run/hung", check=True)
    # /run is noexec on some releases; an executable needs a place that is not.
    host.run(
        "cp -a /run/hung /usr/lib/hung-systemctl && mount --bind /usr/lib/hung-systemctl /usr/bin/systemctl", check=True
    )
    try:
        yield
    finally:
        host.run("umount /usr/bin/systemctl; rm -f /usr/lib/hung-systemctl /run/hung", check=True)


@contextmanager
def refusing_systemd_run(host: Host, unit: str, times: int, *, begins: bool = False) -> Iterator[None]:
    """A systemd-run that fails so many times for a unit, as while systemd is executed anew.

    With `begins` it has begun it all the same.
    """
    real = "/usr/lib/real-systemd-run"
    script = f"""#!/bin/sh
read -r left </run/refusals
case $left:$* in 0:*) exec {real} "$@" ;; *--unit={unit}*) ;; *) exec {real} "$@" ;; esac
echo $((left - 1)) >/run/refusals
{f'{real} "$@"' if begins else ":"}
echo 'Failed to start transient service unit: Connection reset by peer' >&2
exit 1
"""
    host.run(f"mv /usr/bin/systemd-run {real} && echo {times} >/run/refusals", check=True)
    host.run("cat >/usr/bin/systemd-run && chmod 755 /usr/bin/systemd-run", input=script, check=True)
    try:
        yield
    finally:
        host.run(f"mv {real} /usr/bin/systemd-run && rm /run/refusals", check=True)


def power_cycle(host: Host) -> None:
    """Kill all of a host at once and boot it again from the same files, with a network that nobody has touched.

    Not a power cut: what it wrote is there. LabError when it does not come up.
    """
    host.machine.kill()
    console = host.known_hosts.with_name("console.log")
    host.machine.boot(host.root, Wire(host.index).namespace, console, outlive_owner=False)


def wait_until(happened: Callable[[], bool], seconds: float = _WAIT_SECONDS) -> bool:
    """Whether something happens within some seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if happened():
            return True
        time.sleep(0.02)
    return happened()
