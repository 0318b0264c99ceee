"""A kernel that was started without IPv6, as owners do in cmdline.txt: on a machine whose kernel is its own.

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

PLACES = ("firewall", "kernel", "network", "ssh", "services")
WHAT = (
    "--preset",
    "strict",
    *(word for place in PLACES for word in ("--only", place)),
    "--skip",
    "usb-devices-allowed",
)


def filtered(machine: vm.VM) -> None:
    assert machine.run("ufw status").stdout.startswith("Status: active")
    assert machine.run("iptables -S INPUT").stdout.startswith("-P INPUT DROP\n")
    assert machine.run("systemctl is-failed ufw").stdout != "failed\n"


def test_hardened_and_taken_back(release: str, tmp_path: Path) -> None:
    with vm.start(release, words="ipv6.disable=1") as machine:
        desk = VMDesk(machine, tmp_path)
        assert machine.run("test -e /proc/sys/net/ipv6").returncode == 1
        machine.run(NO_TIMERS, check=True)
        before = snapshot(machine)
        done = desk.mend(*WHAT)
        assert done.code == 0, done.stdout + done.stderr
        filtered(machine)
        assert machine.run("sysctl -n kernel.sysrq net.core.bpf_jit_harden").stdout.split() == ["0", "2"]
        again = ("plan", desk.where, "-f", "json", "--secrets", desk.secrets(**NEW), *PATIENCE[:2], *WHAT)
        assert json.loads(desk.run(*again, timeout=1200).stdout)["steps"] == []
        machine.reboot()
        filtered(machine)
        undone = desk.undo()
        assert undone.code == 0, undone.stdout + undone.stderr
        # no kernel gives that one back while it runs
        assert "the next start of the host alone: kernel.kexec_load_disabled" in " ".join(undone.stderr.split())
        assert machine.run("sysctl -n kernel.sysrq net.core.bpf_jit_harden").stdout.split() == ["438", "0"]
        machine.reboot()
        assert difference(before, snapshot(machine), packages=True) == []
