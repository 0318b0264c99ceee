"""A virtual machine is the planted host with a plug to pull: what was synced stays, what was not is lost.

Apart from the other tests, since each of these takes minutes: `make test-vm`, or THORNWALL_LAB_VM=1 pytest.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from . import vm
from .compare import difference, snapshot
from .vm_disk import VAR_APART

pytestmark = [
    pytest.mark.skipif("THORNWALL_LAB_VM" not in os.environ, reason="THORNWALL_LAB_VM is not set (make test-vm)"),
    pytest.mark.skipif(vm.missing_for_vm() is not None, reason=str(vm.missing_for_vm())),
]


@pytest.fixture
def machine(release: str) -> Iterator[vm.VM]:
    with vm.start(release) as started:
        yield started


def test_it_boots_is_the_planted_host_and_survives_a_power_cut(machine: vm.VM) -> None:
    # What it is, by its own tools and from outside.
    assert f"VERSION_CODENAME={machine.release}\n" in machine.run("cat /etc/os-release", check=True).stdout
    for path, kind in (("/", "ext4"), ("/boot/firmware", "vfat")):
        assert machine.run(["findmnt", "-no", "FSTYPE", path], check=True).stdout == f"{kind}\n"
    apart = machine.run(["findmnt", "-no", "FSTYPE", "/var"]).stdout
    assert apart == ("ext4\n" if machine.release in VAR_APART else "")
    assert "dtoverlay=vc4-kms-v3d" in machine.run("cat /boot/firmware/config.txt", check=True).stdout
    for ipv6 in (False, True):
        assert machine.login("sudo -n id -un", ipv6=ipv6).stdout == "root\n"
    assert machine.login("id -un", methods=["password"], password="raspberry").stdout == "pi\n"
    assert machine.run("apt-get -qq --print-uris install ufw", check=True).stdout == ""  # packages at hand

    before, boot = snapshot(machine), machine.boot_id()
    machine.run("echo kept >/root/kept && sync && echo lost >/root/lost", check=True)
    machine.power_cut()
    assert not machine.is_on()
    machine.power_on()
    machine.wait_ssh()

    assert machine.boot_id() != boot
    assert machine.run("cat /root/kept").stdout == "kept\n"
    assert machine.run("test -e /root/lost").returncode != 0
    machine.run("rm /root/kept")
    lines = difference(before, snapshot(machine))
    assert [line.partition(":")[0] for line in lines] == ["/root"], lines


def test_its_clock_and_its_kernel_are_its_own(machine: vm.VM) -> None:
    ours = Path("/proc/sys/kernel/panic").read_text()
    other = "37\n" if ours != "37\n" else "38\n"
    machine.run(f"date --set='+10 years' && sysctl -w kernel.panic={other}", check=True)
    assert int(machine.run("date +%Y", check=True).stdout) >= datetime.now(UTC).year + 9
    assert machine.run("sysctl -n kernel.panic").stdout == other
    assert Path("/proc/sys/kernel/panic").read_text() == ours
    machine.reboot()
    assert machine.run("sysctl -n kernel.panic").stdout == "0\n"
