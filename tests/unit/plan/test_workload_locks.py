"""Interlocks on what the device is for: each holds, and each lets go once it may."""

from __future__ import annotations

import pytest

from thornwall.model.change import EditLine, OwnLine, Packages, Sysctl, UnitsOff, UnitsOn, Wish
from thornwall.model.fact import Known, Unknown
from thornwall.model.filesystem import FileSystem, Mount
from thornwall.model.kernel import STORAGE_REFUSED, Kernel
from thornwall.model.network import Network, Peer, Socket
from thornwall.model.plan import WayIn
from thornwall.model.radios import Radios
from thornwall.model.services import Setting, Unit
from thornwall.model.usb import Usb
from thornwall.plan.fix import Hold
from thornwall.plan.interlocks.workload import INTERLOCKS

from .small_host import SSHD, Host, listening, unit

SMB = UnitsOff(("smbd.service", "nmbd.service"))


def held(host: Host, wish: Wish) -> list[Hold]:
    """What holds the wish back."""
    return [hold for lock in INTERLOCKS if (hold := lock(host.situation(), wish)) is not None]


def names(host: Host, wish: Wish) -> list[str]:
    return [hold.interlock for hold in held(host, wish)]


@pytest.mark.parametrize(
    "wish",
    [UnitsOff(("bluetooth.service",)), EditLine("/boot/config.txt", 0, "", "[all]\ndtoverlay=disable-bt")],
)
def test_bluetooth_stays_with_its_keyboard(wish: Wish) -> None:
    (hold,) = held(Host(radios=Radios(Known(()), input_devices=Known(("keyboard",)))), wish)
    assert (hold.interlock, hold.accept) == ("bluetooth-off", True)
    assert names(Host(radios=Radios(Known(()), input_devices=Unknown("it was not read"))), wish) == ["bluetooth-off"]
    assert names(Host(radios=Radios(Known(()), input_devices=Known(()))), wish) == []


def client(port: int, of: str = "", pid: int = 5) -> Network:
    sockets = (SSHD, Socket("tcp", "*", port, program="smbd" if of else "", pid=pid, unit=of))
    return Network(sockets, (Peer("tcp", "192.168.1.5", port, "192.168.1.30", 51000, inbound=True),))


def test_a_service_with_clients_stays() -> None:
    (hold,) = held(Host(network=client(445, "smbd.service")), SMB)
    assert (hold.interlock, hold.subject, hold.accept) == ("service-off", "smbd.service", True)
    assert "192.168.1.30" in hold.why
    outward = Peer("tcp", "192.168.1.5", 51000, "192.168.1.30", 445)
    idle = Network((SSHD, listening("tcp", 445, "smbd", "smbd.service")), (outward,))
    assert names(Host(network=idle), SMB) == []
    assert names(Host(network=client(445, "smbd.service")), UnitsOff(("cups.service",))) == []


def test_the_kernels_own_servers_have_clients_too() -> None:
    assert names(Host(network=client(2049, pid=-1)), UnitsOff(("nfs-server.service",))) == ["service-off"]


def test_what_another_unit_requires_stays() -> None:
    place = "/etc/systemd/system/scan.service"
    needs = (Setting("Unit", "Requires", "network.target avahi-daemon.service", place, 2),)
    scan = Unit("scan.service", place, "enabled", ("x",), "active", needs)
    avahi = UnitsOff(("avahi-daemon.service", "avahi-daemon.socket"))
    assert names(Host(units=(scan, unit("avahi-daemon.service"))), avahi) == ["service-off"]
    idle = Unit("scan.service", place, "disabled", (), "inactive", needs)
    assert names(Host(units=(idle, unit("avahi-daemon.service"))), avahi) == []
    assert names(Host(units=(scan, unit("avahi-daemon.service"))), UnitsOff((*avahi.units, "scan.service"))) == []


def test_a_link_may_require_it_as_well() -> None:
    link = "/etc/systemd/system/backup.service.requires/rsync.service"
    rsync = Unit("rsync.service", "/usr/lib/systemd/system/rsync.service", "enabled", (link,), "active")
    assert names(Host(units=(rsync, unit("backup.service"))), UnitsOff(("rsync.service",))) == ["service-off"]
    assert names(Host(units=(rsync,)), UnitsOff(("rsync.service",))) == []


@pytest.mark.parametrize(("version", "holds"), [("vers=3", True), ("vers=4.2", False)])
def test_old_nfs_needs_the_port_mapper(version: str, holds: bool) -> None:
    tree = FileSystem(mounts=(Mount("nas:/data", "/srv/data", "nfs", ("rw", version)),))
    host = Host(filesystem=tree, units=(unit("rpcbind.socket"),))
    assert names(host, UnitsOff(("rpcbind.service", "rpcbind.socket"))) == (["service-off"] if holds else [])


STORAGE = OwnLine("/etc/modprobe.d/thornwall.conf", "install usb-storage", "install usb-storage /bin/false")
BY_UDEV = OwnLine("/etc/udev/rules.d/60-thornwall.rules", "usb-storage", STORAGE_REFUSED)
GUARD = Packages(("usbguard",))
USB_1 = "../../devices/platform/soc/3f980000.usb/usb1"


def disk(device: str, path: str, *usb: str) -> Host:
    tree = FileSystem(mounts=(Mount("/dev/mmcblk0p2", "/", "ext4", ()), Mount(device, path, "ext4", ())))
    return Host(kernel=Kernel(usb_disks=frozenset(usb)), filesystem=tree)


@pytest.mark.parametrize("wish", [STORAGE, BY_UDEV])
def test_a_disk_on_usb_keeps_its_driver(wish: Wish) -> None:
    (hold,) = held(disk("/dev/sda2", "/", "sda"), wish)
    assert (hold.interlock, hold.accept) == ("usb-storage", False)
    (hold,) = held(disk("/dev/sda1", "/srv/photos", "sda"), wish)
    assert hold.accept
    assert held(disk("/dev/sda1", "/srv/photos"), wish) == []  # a disk on SATA


def test_of_two_disks_the_one_of_the_system_counts() -> None:
    tree = FileSystem(mounts=(Mount("/dev/sda1", "/data", "ext4", ()), Mount("/dev/sda2", "/home", "ext4", ())))
    host = Host(kernel=Kernel(usb_disks=frozenset({"sda"})), filesystem=tree)
    for wish in (STORAGE, GUARD):
        (hold,) = held(host, wish)
        assert ("/home" in hold.why, hold.accept) == (True, False)


def test_a_root_that_may_be_on_usb_counts_as_such() -> None:
    host = disk("/dev/disk/by-label/root", "/", "sda")
    assert names(host, STORAGE) == ["usb-storage"]


@pytest.mark.parametrize("wish", [GUARD, UnitsOn(("usbguard.service",))])
def test_usbguard_runs_only_where_what_is_plugged_in_is_on_its_list(wish: Wish) -> None:
    (hold,) = held(Host(usb=Usb(Known({}), Unknown("it was not read"))), wish)
    assert (hold.interlock, hold.accept) == ("usbguard", False)
    assert names(Host(usb=Usb(Known({}), Known(()))), wish) == []
    (hold,) = held(disk("/dev/sda2", "/", "sda"), wish)
    assert (hold.interlock, hold.accept) == ("usbguard", False)
    assert names(disk("/dev/sda1", "/srv/photos", "sda"), wish) == []  # it is on the list
    assert names(Host(), UnitsOn(("ufw.service",))) == []


@pytest.mark.parametrize(("wish", "name"), [(BY_UDEV, "usb-storage"), (GUARD, "usbguard")])
def test_a_modem_shows_itself_as_a_disk_first(wish: Wish, name: str) -> None:
    adapter = Host(links={"/sys/class/net/eth1": f"{USB_1}/1-1/1-1:1.0/net/eth1"})
    (hold,) = held(adapter, wish)
    assert (hold.interlock, hold.accept) == (name, True)
    assert "eth1" in hold.why
    (hold,) = held(Host(links=adapter.links, way_in=WayIn(interface="eth1")), wish)
    assert not hold.accept
    assert names(adapter, STORAGE) == []
    assert (
        names(Host(links={"/sys/class/net/eth0": "../../devices/platform/scb/fd580000.ethernet/net/eth0"}), wish) == []
    )
    socket = {"/sys/class/net/eth0": f"{USB_1}/1-1/1-1.1/1-1.1:1.0/net/eth0"}
    assert names(Host(links=socket, model="Raspberry Pi 3 Model B Rev 1.2"), wish) == []  # is soldered on
    assert names(Host(links=socket, model="Raspberry Pi Zero W Rev 1.1"), wish) == [name]


FORWARD = Sysctl("net.ipv4.ip_forward", "0")
HIDEPID = EditLine("/etc/fstab", 1, "proc /proc proc defaults 0 0", "proc /proc proc defaults,hidepid=2 0 0")
NO_USERNS = Sysctl("kernel.unprivileged_userns_clone", "0")


@pytest.mark.parametrize(
    ("wish", "name"), [(FORWARD, "forwarding-off"), (HIDEPID, "hidepid-on"), (NO_USERNS, "userns-off")]
)
@pytest.mark.parametrize("workload", ["docker.service", "podman.socket", "pihole-FTL.service", "wg-quick@wg0.service"])
def test_workloads_keep_what_they_live_by(wish: Wish, name: str, workload: str) -> None:
    (hold,) = held(Host(units=(unit(workload),)), wish)
    assert (hold.interlock, hold.accept) == (name, True)
    assert names(Host(units=(unit("cron.service"),)), wish) == []
    assert names(Host(units=(Unit(workload, "x", "masked"),)), wish) == []


def test_a_container_without_a_known_unit_counts_too() -> None:
    inside = Socket("tcp", "*", 8096, program="jellyfin", container="libpod")
    assert names(Host(network=Network((SSHD, inside))), FORWARD) == ["forwarding-off"]


def test_other_values_are_free() -> None:
    docker = Host(units=(unit("docker.service"),))
    assert names(docker, Sysctl("net.ipv4.ip_forward", "1")) == []
    assert names(docker, Sysctl("net.ipv4.conf.all.rp_filter", "1")) == []
    assert names(docker, OwnLine("/etc/modprobe.d/thornwall.conf", "install dccp", "install dccp /bin/false")) == []
