"""Hardening a whole machine that loses its power: while files are put, before the confirmation, and after it.

Each test takes half an hour on two idle cores: `make test-vm`, or THORNWALL_LAB_VM=1 pytest.
"""

import os
import re
from pathlib import Path

import pytest

from . import vm
from .compare import difference, snapshot
from .hardening import NEW, kill
from .vm_desk import PATIENCE, VMDesk

pytestmark = [
    pytest.mark.skipif("THORNWALL_LAB_VM" not in os.environ, reason="THORNWALL_LAB_VM is not set (make test-vm)"),
    pytest.mark.skipif(vm.missing_for_vm() is not None, reason=str(vm.missing_for_vm())),
]

# The whole of `recommended` but what takes emulation long to install; ufw is there before.
WHAT = ("--skip", "no-mac", "--skip", "updates", "--skip", "tools", "--skip", "no-password-quality")

# What writes into its files by itself once a day may do so any moment: the clock is the real one.
NO_TIMERS = (
    "export SYSTEMD_BUS_TIMEOUT=600s; "  # emulated, it answers late
    "systemctl disable --now $(systemctl list-unit-files --type=timer --state=enabled --no-legend | cut -d' ' -f1)"
)


def is_as_it_was(machine: vm.VM) -> None:
    """As somebody sees it who tries from outside."""
    assert machine.login("id -un", methods=["password"], password="raspberry").stdout == "pi\n"
    assert machine.login("sudo -n id -un").stdout == "root\n"


def is_hardened(machine: vm.VM) -> None:
    """As somebody sees it who tries from outside."""
    assert machine.login("id -un").stdout == "pi\n"
    for password in ("raspberry", NEW["pi"]):
        assert machine.login("true", methods=["password"], password=password).returncode == 255
    assert machine.login("sudo -n true").returncode == 1
    assert machine.login(f"echo {NEW['pi']} | sudo -S -p '' id -un").stdout == "root\n"
    assert "Status: active" in machine.run("ufw status").stdout
    assert machine.run("sysctl -n net.ipv4.conf.all.accept_redirects").stdout == "0\n"
    assert machine.run("systemctl is-active cups.service").stdout == "inactive\n"


def test_it_takes_itself_back_when_the_plug_is_pulled_and_stays_once_confirmed(release: str, tmp_path: Path) -> None:
    with vm.start(release) as machine:
        desk = VMDesk(machine, tmp_path)
        machine.run("DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes install ufw", check=True, timeout=900)
        machine.run("systemctl start ufw.service", check=True)  # as after every boot; it is not enabled in its own file
        machine.run(NO_TIMERS, check=True)
        before = snapshot(machine)

        moment = desk.plug_pulled("files", *WHAT)
        left, files = map(int, re.findall(r"\d+", moment))
        assert 0 < left < files, moment
        machine.power_on()
        desk.wait_back()
        assert desk.changes() == ["0001 undone"]
        is_as_it_was(machine)
        assert difference(before, snapshot(machine)) == []

        assert desk.plug_pulled("window", *WHAT) == "applied, not confirmed"
        machine.power_on()
        desk.wait_back()
        assert desk.changes() == ["0001 undone", "0002 undone"]
        is_as_it_was(machine)
        assert difference(before, snapshot(machine)) == []

        done = desk.mend(*WHAT)
        assert done.code == 0, done.stdout + done.stderr
        machine.power_cut()
        machine.power_on()
        desk.wait_back()
        assert desk.changes()[-1] == "0003 confirmed"
        assert "HEALTHY" in desk.journal()
        is_hardened(machine)
        undone = desk.undo()
        assert undone.code == 0, undone.stdout + undone.stderr
        is_as_it_was(machine)
        assert difference(before, snapshot(machine)) == []


def test_a_clock_that_is_wrong_by_years_and_jumps(release: str, tmp_path: Path) -> None:
    """As on a board without one that keeps time: it starts in the past, and the time comes while a change waits."""
    some = ("--only", "ssh", "--only", "sudo-nopasswd", "--only", "default-password")
    with vm.start(release) as machine:
        desk = VMDesk(machine, tmp_path)
        machine.run(f"timedatectl set-ntp false; {NO_TIMERS}; date --set='-10 years'", check=True)
        before = snapshot(machine)

        desk.meanwhile("date --set='+20 years'")
        soon = ["240" if word == "3600" else word for word in PATIENCE]
        process = desk.begin_hardening(*soon, *some)
        desk.wait_for(desk.applied, 600)
        kill(process)
        assert int(machine.run("date +%Y").stdout) > 2030
        desk.wait_for(desk.back, 900)
        lines = [line.split("\t") for line in desk.journal().splitlines() if line]
        times = {line[2]: float(line[1]) for line in lines}
        deadline = next(float(line[3]) for line in lines if line[2] == "ARMED")
        assert deadline <= times["TAKING_BACK"] < deadline + 60, lines
        is_as_it_was(machine)
        assert difference(before, snapshot(machine)) == []

        machine.run("date --set='-30 years'", check=True)
        done = desk.mend(*some)
        assert done.code == 0, done.stdout + done.stderr
        machine.reboot()  # and the clock is right
        desk.wait_back()
        assert desk.changes() == ["0001 undone", "0002 confirmed"]
        assert "HEALTHY" in desk.journal()
        undone = desk.undo()
        assert undone.code == 0, undone.stdout + undone.stderr
        is_as_it_was(machine)
        # (`time-set`: what set the clock was switched off above, and this start is the first without it)
        assert [line for line in difference(before, snapshot(machine)) if "time-set.target" not in line] == []
