"""The kernel's audit log, on a machine whose kernel is its own: auditd comes, watches at once, and goes again.

A quarter of an hour for each release: `make test-vm`, or THORNWALL_LAB_VM=1 pytest.
"""

import json
import os
from pathlib import Path

import pytest

from . import vm
from .compare import difference, snapshot
from .hardening import NEW
from .test_vm_harden import NO_TIMERS
from .vm_desk import PATIENCE, VMDesk

pytestmark = [
    pytest.mark.skipif("THORNWALL_LAB_VM" not in os.environ, reason="THORNWALL_LAB_VM is not set (make test-vm)"),
    pytest.mark.skipif(vm.missing_for_vm() is not None, reason=str(vm.missing_for_vm())),
]

WHAT = ("--preset", "strict", "--only", "no-auditd", "--only", "no-audit-rules")
WATCHED = 21  # rules of the kernel for the lines of the file: those of folders and files that this host has
# a change that somebody makes, and what the log has of it
SEEN = "touch /etc/sudoers.d/seen && rm /etc/sudoers.d/seen && sleep 2 && ausearch --start recent -i -k sudo"
RULES = "auditctl -l"


def watches(machine: vm.VM) -> None:
    """The kernel has the rules, and the daemon keeps what they see."""
    rules = machine.run(RULES).stdout
    assert len(rules.splitlines()) >= WATCHED, rules
    assert "/etc/shadow" in rules
    assert "init_module" in rules
    seen = machine.run(SEEN)
    assert "/etc/sudoers.d/seen" in seen.stdout, seen.stdout + seen.stderr


def test_the_audit_log_watches_from_now_on(release: str, tmp_path: Path) -> None:
    with vm.start(release) as machine:
        desk = VMDesk(machine, tmp_path)
        machine.run(NO_TIMERS, check=True)
        before = snapshot(machine)
        done = desk.mend(*WHAT)
        assert done.code == 0, done.stdout + done.stderr
        watches(machine)
        again = ("plan", desk.where, "-f", "json", "--secrets", desk.secrets(**NEW), *PATIENCE[:2], *WHAT)
        planned = desk.run(*again, timeout=1200)
        assert json.loads(planned.stdout)["steps"] == []
        machine.reboot()
        watches(machine)
        undone = desk.undo()
        assert undone.code == 0, undone.stdout + undone.stderr
        assert difference(before, snapshot(machine), packages=True) == []


def test_an_audit_log_that_runs_already(release: str, tmp_path: Path) -> None:
    with vm.start(release) as machine:
        desk = VMDesk(machine, tmp_path)
        machine.run(NO_TIMERS, check=True)
        machine.run("DEBIAN_FRONTEND=noninteractive apt-get -qq install auditd >&2", check=True, timeout=1200)
        assert machine.run(RULES).stdout == "No rules\n"
        machine.run("rm -f /etc/audit/audit.rules /etc/audit/audit.rules.prev")  # augenrules would leave one
        before = snapshot(machine)
        done = desk.mend(*WHAT)
        assert done.code == 0, done.stdout + done.stderr
        watches(machine)
        undone = desk.undo()
        assert undone.code == 0, undone.stdout + undone.stderr
        assert machine.run(RULES).stdout == "No rules\n"
        assert difference(before, snapshot(machine), packages=True) == []
