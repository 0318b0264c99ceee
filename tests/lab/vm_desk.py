"""Somebody who hardens a virtual machine from the command line, and pulls its plug meanwhile."""

import re
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import cast

from .errors import LabError
from .hardening import Desk, kill
from .host import Host
from .thornwall import Done
from .vm import VM

# Emulation is slow: nothing is to be over before it is done.
PATIENCE = ("--timeout", "1200", "--confirm-within", "3600", "--password-seconds", "30")

_WATCH = r"""
while :; do for vault in /var/lib/thornwall/[0-9]*; do
    # (from the rehearsal on without a break: all files may be put within half a second)
    while [ -e "$vault/state/rehearsal" ]; do :; done
    [ -e "$vault/state/open" ] && break 2
done; sleep 0.5; done
%s
echo "plug: $said" >/dev/ttyS0
"""
# Between two of the renames that put the files: the first is done and on the disk, and nothing goes on from there.
_FILES = r"""
cd /
news=$(exec 3<"$vault/items" 4<"$vault/before"
while read -r op _ _ _ _ _ _ _ path <&3; do
    read -r place _ <&4  # each file waits on the file system where it will lie
    [ "$op" != P ] || echo "$place/new$path"
done)
for first in $news; do [ ! -e "$first" ] || break; done
while [ -e "$first" ]; do :; done
for group in /sys/fs/cgroup/system.slice/thornwall-apply-*.service; do echo 1 >"$group/cgroup.freeze"; done
left=0 all=0
for file in $news; do all=$((all + 1)); [ ! -e "$file" ] || left=$((left + 1)); done
said="$left of $all files are not put yet"
sync
"""
# What was not synced by then is lost.
_WINDOW = r"""
until [ -e "$vault/applied" ]; do sleep 0.2; done
said="applied, not confirmed"
"""
WHEN = {"files": _FILES, "window": _WINDOW}


class VMDesk(Desk):
    """As Desk, for a virtual machine: what lies on its disk is asked of the machine itself."""

    def __init__(self, machine: VM, folder: Path) -> None:
        super().__init__(cast("Host", machine), folder)  # it has all that its owner knows of a host
        (folder / ".ssh").mkdir(exist_ok=True)
        (folder / ".ssh/config").write_text("ConnectTimeout 120\n")

    @property
    def machine(self) -> VM:
        """The one that is hardened."""
        return cast("VM", self.host)

    def changes(self) -> list[str]:
        """The state of every change that the machine knows, the oldest first: `0001 confirmed`."""
        listed = self.machine.run(
            "cd /var/lib/thornwall 2>/dev/null && ls -d [0-9]*/state/* || true", check=True
        ).stdout
        return sorted(f"{line.split('/')[0]} {line.split('/')[2]}" for line in listed.splitlines())

    def journal(self) -> str:
        """What the device has written down of the newest change."""
        return self.machine.run("cat $(ls -d /var/lib/thornwall/[0-9]*/journal | tail -n1)").stdout

    def back(self) -> bool:
        """Whether no change is open, and nothing of the guard is there any more."""
        if not all(change.endswith((" undone", " confirmed")) for change in self.changes()):
            return False
        units = (
            "ls -d /etc/systemd/system/thornwall-* /etc/systemd/system/*/thornwall-* /run/systemd/system/thornwall-*"
        )
        listed = "systemctl list-units --all --plain --no-legend 'thornwall-*'"
        return self.machine.run(f"{units} 2>/dev/null; {listed}").stdout == ""

    def mend(self, *words: str) -> Done:
        """`thornwall harden MACHINE --yes`, patiently."""
        return self.harden(*PATIENCE, *words, timeout=2400)

    def plug_pulled(self, when: str, *words: str) -> str:
        """Harden, and pull the plug in that moment; what the device says of the moment. The controller is gone too."""
        watch = ["systemd-run", "--quiet", "--collect", "--unit=plug", "sh", "-c", _WATCH % WHEN[when]]
        self.machine.run(watch, check=True)
        seen = self.machine.console.stat().st_size
        process = self.begin_hardening(*PATIENCE, *words)
        try:
            return self._pull(process, seen)
        finally:
            if process.poll() is None:
                kill(process)

    def _pull(self, process: "subprocess.Popen[str]", seen: int) -> str:
        deadline = time.monotonic() + 1800
        while time.monotonic() < deadline:
            with self.machine.console.open("rb") as console:
                console.seek(seen)
                found = re.search(rb"plug: ([^\r\n]+)[\r\n]", console.read())
            if found:
                self.machine.power_cut()
                return found[1].decode()
            if process.poll() is not None:
                assert process.stdout is not None
                raise AssertionError(f"it ended before the plug was pulled: {process.stdout.read()}")
            time.sleep(0.01)
        raise AssertionError("the moment never came")

    def wait_back(self, seconds: float = 1800) -> None:
        """Wait until the machine is up, whatever number of boots that takes, and the guard is gone."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(LabError, OSError, subprocess.SubprocessError):  # it may start again at any time
                self.machine.wait_ssh(max(deadline - time.monotonic(), 1))
                boot = self.machine.boot_id()
                if self.back() and self.machine.boot_id() == boot:
                    return
            time.sleep(2)
        raise AssertionError((self.changes(), self.journal()))
