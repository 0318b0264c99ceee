"""A booted root: systemd-nspawn under a small supervisor, which follows its reboots and dies with its owner."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from . import cgroups
from .errors import LabError
from .network import Wire, renewal
from .tools import run as run_tool

_BOOT_SECONDS = 60.0
_POLL_SECONDS = 0.02
# What a command inside the host starts with, whatever this machine's environment is.
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
}
# $1 is the control group, $2 is 'owned' or 'free', $3 a script that renews its network, the rest are systemd-nspawn's
# arguments; 133 is how it says that the host wants to reboot. File descriptor 3 is a pipe that an owner holds: when it
# closes, because the owner died, everything is killed. 4 is the mount namespace in which the network is renewed.
_SUPERVISE = (
    """
exec 4<"/proc/$PPID/ns/mnt"
"""
    + cgroups.ENTER
    + """
owner=$2
renew=$3
shift 3
exec 3<&0 </dev/null
[ "$owner" = free ] || (read -r _ <&3 || :; echo 1 >"$group/cgroup.kill") &
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_NSPAWN_API_VFS_WRITABLE=network
while status=0; systemd-nspawn "$@" 3<&- 4<&- || status=$?; [ "$status" -eq 133 ]; do
    nsenter --mount=/proc/self/fd/4 sh -c "$renew" || :
done
kill $! 2>/dev/null
exit "$status"
"""
)


class Machine:
    """The running system of one root. `name` is its control group and its hostname until it sets its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._booted = False

    def boot(self, root: Path, namespace: str, console: Path, *, outlive_owner: bool, until_up: bool = True) -> None:
        """Start a root in a network namespace that has its addresses already, and wait until it is up.

        (`until_up`: unless it may reboot.) The console's text goes to a file. With `outlive_owner` the machine
        runs on when this process ends. When it has run before, and at every reboot of its own, the namespace is made
        anew: what a boot forgets is forgotten.
        """
        renew = renewal(Wire.of(namespace))
        if self._booted:
            run_tool(["sh", "-c", renew])
        self._booted = True
        settings = [
            "--quiet",
            "--boot",
            "--register=no",
            "--keep-unit",
            f"--machine={self.name}",
            f"--directory={root}",
            f"--network-namespace-path=/run/netns/{namespace}",
            "--capability=CAP_NET_ADMIN",  # its firewall is its own: so is its network namespace
            "--drop-capability=CAP_MKNOD",  # no way to this machine's disks
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
            "--console=pipe",
        ]
        with console.open("wb") as output:
            self._supervisor = subprocess.Popen(
                [*cgroups.UNSHARE, _SUPERVISE, "sh", self.name, "free" if outlive_owner else "owned", renew, *settings],
                stdin=subprocess.DEVNULL if outlive_owner else subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            if until_up:
                self._wait_until_up(_BOOT_SECONDS)
        except LabError as error:
            last = "\n".join(console.read_text(errors="replace").splitlines()[-15:])
            raise LabError(f"{error}\n{last}") from error

    def reboot(self) -> None:
        """Reboot in an orderly way, and wait until the host is up again."""
        before = self.leader()
        self.run(["systemctl", "reboot"], timeout=30)
        deadline = time.monotonic() + _BOOT_SECONDS
        while self._find_leader() in {before, None}:
            if time.monotonic() > deadline:
                raise LabError(f"{self.name} did not come back from its reboot in {_BOOT_SECONDS:.0f} s")
            time.sleep(_POLL_SECONDS)
        self._wait_until_up(_BOOT_SECONDS)

    def kill(self) -> None:
        """Stop the machine as a pulled plug would, except that what it wrote to its files stays written."""
        cgroups.kill(self.name)
        if self._supervisor is not None:
            if self._supervisor.stdin is not None:
                self._supervisor.stdin.close()
            self._supervisor.wait()
            self._supervisor = None

    def leader(self) -> int:
        """The process on this machine that is the host's init; LabError when the host is not running."""
        found = self._find_leader()
        if found is None:
            raise LabError(f"{self.name} is not running")
        return found

    def enter(self) -> list[str]:
        """The start of a command line that runs what follows as root inside the host, with the host's powers only."""
        leader = self.leader()
        namespaces = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup")
        # Without this it would be root of this machine in there, able to set the clock of both.
        bounds = ",".join(f"-cap_{number}" for number in _capabilities_beyond(leader))
        setpriv = ["setpriv", "--bounding-set", bounds] if bounds else []
        return [*setpriv, "nsenter", "--target", str(leader), *namespaces, "--"]

    def run(
        self, command: Sequence[str], *, text_input: str | None = None, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as root inside the host. subprocess.TimeoutExpired when it takes longer, all of it killed."""
        process = subprocess.Popen(
            [*self.enter(), *command],
            stdin=subprocess.DEVNULL if text_input is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=_ENVIRONMENT,
            start_new_session=True,
        )
        with process:
            try:
                stdout, stderr = process.communicate(text_input, timeout)
            except BaseException:
                # nsenter forks to enter the process namespace, so that killing it alone would leave its child running.
                os.killpg(process.pid, signal.SIGKILL)
                raise
        return subprocess.CompletedProcess(list(command), process.returncode, stdout, stderr)

    def _find_leader(self) -> int | None:
        payload = cgroups.group(self.name) / "payload"
        # (it begins in the one and moves to the other: where it moves between two looks, the third finds it)
        for folder in (payload / "init.scope", payload, payload / "init.scope"):
            try:
                pids = (folder / "cgroup.procs").read_text().split()
            except OSError:
                continue
            for pid in pids:
                if _is_init(pid):
                    return int(pid)
        return None

    def _wait_until_up(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        state = "no init yet"
        while time.monotonic() < deadline:
            if self._supervisor is not None and self._supervisor.poll() is not None:
                raise LabError(f"{self.name} stopped while it booted (status {self._supervisor.returncode})")
            if self._find_leader() is not None:
                # 'running' or 'degraded'; 'offline', or an error of the bus, while systemd is not ready to be asked.
                state = self.run(["systemctl", "is-system-running", "--wait"], timeout=seconds).stdout.strip()
                if state in {"running", "degraded"}:
                    return
            time.sleep(_POLL_SECONDS)
        raise LabError(f"{self.name} is not up after {seconds:.0f} s: {state}")


def _capabilities_beyond(leader: int) -> list[int]:
    """The capabilities that this process could use and the host's init could not."""
    ours, theirs = (
        int(line.split()[1], 16)
        for process in ("self", str(leader))
        for line in Path("/proc", process, "status").read_text().splitlines()
        if line.startswith("CapBnd:")
    )
    beyond = ours & ~theirs
    return [number for number in range(beyond.bit_length()) if beyond >> number & 1]


def _is_init(pid: str) -> bool:
    """Whether a process is number 1 of a process namespace below ours."""
    try:
        status = Path("/proc", pid, "status").read_text()
    except OSError:
        return False
    for line in status.splitlines():
        if line.startswith("NSpid:"):
            return len(line.split()) > 2 and line.split()[-1] == "1"
    return False


def _bounding_set(pid: int) -> str:
    """What `setpriv --bounding-set` takes to hold a process to the capabilities that `pid` may ever have."""
    status = Path(f"/proc/{pid}/status").read_text()
    allowed = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapBnd:")), 16)
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    return ",".join(["-all", *(f"+cap_{number}" for number in range(last + 1) if allowed >> number & 1)])
