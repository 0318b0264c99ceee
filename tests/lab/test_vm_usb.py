"""USB, on a machine that has it: what was plugged in when it was hardened is let in, and nothing else.

A quarter of an hour for each release: `make test-vm`, or THORNWALL_LAB_VM=1 pytest.
"""

import os
import time
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

WHAT = ("--preset", "strict", "--only", "usb-devices-allowed")
# what the package's own scripts leave when it is purged (the daemon's log is excluded already)
LEFT = ("/etc/usbguard",)

PHOTOS = """
set -e
until [ -b /dev/sda ] && [ -e /sys/class/net/usb0 ]; do sleep 1; done
mkfs.ext4 -q -L photos /dev/sda
mkdir /srv/photos
echo 'LABEL=photos /srv/photos ext4 nofail 0 0' >>/etc/fstab
systemctl daemon-reload
mount /srv/photos
"""
# the kernel makes one up for such an adapter, another at each start
ADDRESS = "ip link set usb0 address 02:00:00:00:01:01"
# a disk that is in use, and a network adapter, both on USB
# (after a start, once the daemon has let the disk in, some seconds after the keyboards)
HERE = """
set -e
for i in $(seq 30); do
  ! mountpoint -q /srv/photos || break
  sleep 2
done
mountpoint -q /srv/photos
touch /srv/photos/new
sync -f /srv/photos
rm /srv/photos/new
ip link show usb0
"""


def keyboards(machine: vm.VM, number: int) -> None:
    """The kernel listens to that many, as input devices, within seconds."""
    deadline = time.monotonic() + 60
    found = -1
    while time.monotonic() < deadline and found != number:
        time.sleep(3)  # what is refused does not show itself either: it gets its time
        found = int(machine.run("grep -c '^N: .*USB Keyboard' /proc/bus/input/devices || true").stdout)
    assert found == number, machine.run("usbguard list-devices; dmesg | tail -20").stdout


def test_only_what_was_plugged_in_is_let_in(release: str, tmp_path: Path) -> None:
    with vm.start(release) as machine:
        desk = VMDesk(machine, tmp_path)
        machine.run(NO_TIMERS, check=True)
        machine.plug_in("stranger", "usb-kbd")
        keyboards(machine, 2)  # so it is without a guard
        machine.unplug("stranger")
        keyboards(machine, 1)
        machine.plug_in_disk("disk")
        machine.plug_in_network("adapter")
        machine.run(PHOTOS, check=True)
        machine.run(ADDRESS, check=True)
        before = snapshot(machine)

        held = desk.run("plan", desk.where, "--secrets", desk.secrets(**NEW), *PATIENCE[:2], *WHAT, timeout=1200)
        assert "a modem shows itself as a disk first" in " ".join(held.stdout.split())
        done = desk.mend(*WHAT, "--accept", "usbguard")
        assert done.code == 0, done.stdout + done.stderr
        machine.run(HERE, check=True)
        assert machine.run("grep ^PresentDevicePolicy /etc/usbguard/usbguard-daemon.conf").stdout.endswith("=keep\n")
        keyboards(machine, 1)
        machine.plug_in("stranger", "usb-kbd")
        keyboards(machine, 1)
        assert "block id 0627:0001" in machine.run("usbguard list-devices --blocked").stdout
        machine.unplug("keyboard")
        keyboards(machine, 0)
        machine.plug_in("keyboard", "usb-kbd", port="1")
        keyboards(machine, 1)
        machine.plug_in("sockets", "usb-hub")
        hub = "sleep 3; cat $(dirname $(grep -l 55aa /sys/bus/usb/devices/*/idProduct))/authorized"
        assert machine.run(hub).stdout == "1\n"

        machine.reboot()  # by now the stranger's keyboard is the owner's only one, say
        keyboards(machine, 2)
        machine.run(HERE, check=True)
        machine.unplug("stranger")
        keyboards(machine, 1)
        machine.plug_in("stranger", "usb-kbd")
        keyboards(machine, 1)
        assert "block id 0627:0001" in machine.run("usbguard list-devices --blocked").stdout
        machine.unplug("stranger")

        undone = desk.undo()
        assert undone.code == 0, undone.stdout + undone.stderr
        machine.plug_in("stranger", "usb-kbd")
        keyboards(machine, 2)
        machine.unplug("stranger")
        machine.unplug("sockets")
        keyboards(machine, 1)
        machine.run(ADDRESS, check=True)
        assert difference(before, snapshot(machine), ignore=LEFT, packages=True) == []
