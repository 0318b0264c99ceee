"""Interlocks: what would break what the device is for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from thornwall.model.change import Packages, Sysctl, UnitsOff, UnitsOn, Wish
from thornwall.model.fact import Known, Unknown
from thornwall.plan.fix import Hold, Interlock, Situation
from thornwall.plan.lines import network_of, services_of, written

_BLUETOOTH_UNITS = frozenset({"bluetooth.service", "hciuart.service"})
_BLUETOOTH_OVERLAY = re.compile(r"^[ \t]*(dtoverlay|device_tree_overlay)=(pi3-)?disable-bt", re.MULTILINE)
_USB_STORAGE = re.compile(r"^[ \t]*(?:install|blacklist)[ \t]+(usb[-_]storage|uas)\b|bInterfaceClass", re.MULTILINE)
_HIDEPID = re.compile(r"\bhidepid=(1|2|noaccess|invisible|ptraceable|4)\b")
_PORTS_OF_KERNEL = {2049: "nfs-server.service", 445: "ksmbd.service"}
_SYSTEM = frozenset({"/", "/boot", "/boot/firmware", "/usr", "/var", "/home"})
_NEEDS = ("Requires", "Requisite", "BindsTo")

WORKLOADS = {
    # units -> what people call it
    "docker.service": "Docker",
    "containerd.service": "containerd",
    "podman.service": "Podman",
    "podman.socket": "Podman",
    "podman-restart.service": "Podman",
    "pihole-FTL.service": "Pi-hole",
    "k3s.service": "K3s",
    "k3s-agent.service": "K3s",
    "kubelet.service": "Kubernetes",
    "microk8s.daemon-kubelite.service": "MicroK8s",
    "libvirtd.service": "libvirt",
    "virtqemud.service": "libvirt",
    "lxc-net.service": "LXC",
    "lxd.service": "LXD",
    "incus.service": "Incus",
    "hostapd.service": "an access point (hostapd)",
    "tailscaled.service": "Tailscale",
    "zerotier-one.service": "ZeroTier",
    "openvpn-server@server.service": "OpenVPN",
    "hassio-supervisor.service": "Home Assistant Supervised",
    "balena-engine.service": "balenaEngine",
    "snapd.service": "snap",
    "flatpak-system-helper.service": "Flatpak",
}
_ROUTING = frozenset({"snap", "Flatpak"})
"""What does not route packets for others."""


def workloads(situation: Situation) -> tuple[str, ...]:
    """The known workloads that run, or will at the next start."""
    services = services_of(situation)
    found = [name for unit, name in WORKLOADS.items() if services.enabled(unit) or services.active(unit)]
    found += [
        "WireGuard" if name.startswith("wg-quick@") else "OpenVPN"
        for name, unit in services.units.items()
        if name.startswith(("wg-quick@", "openvpn-server@", "openvpn@")) and (unit.enabled or unit.active == "active")
    ]
    if any(socket.container for socket in network_of(situation).sockets):
        found.append("a container")
    return tuple(dict.fromkeys(found))


def bluetooth_off(situation: Situation, wish: Wish) -> Hold | None:
    """A paired keyboard or mouse is a way in at the device itself."""
    off = isinstance(wish, UnitsOff) and bool(_BLUETOOTH_UNITS & set(wish.units))
    if not off and not _BLUETOOTH_OVERLAY.search(written(wish)):
        return None
    radios = situation.facts.radios
    devices = radios.value.input_devices if isinstance(radios, Known) else Unknown("it was not read")
    match devices:
        case Known(()):
            return None
        case Known(found):
            why = f"A {found[0]} is paired with it."
        case _:
            why = "Whether a keyboard or a mouse is paired with it could not be read."
    return Hold("bluetooth-off", why, "Say so, if you can do without it.", accept=True)


def service_off(situation: Situation, wish: Wish) -> Hold | None:
    """A service that somebody uses right now, or that another unit cannot do without."""
    if not isinstance(wish, UnitsOff):
        return None
    for why, unit in (*_clients(situation, wish), *_requiring(situation, wish), *_mounts(situation, wish)):
        return Hold("service-off", why, "Say so, if it is to end.", subject=unit, accept=True)
    return None


def _clients(situation: Situation, wish: UnitsOff) -> Iterator[tuple[str, str]]:
    network = network_of(situation)
    offered: dict[tuple[str, int], str] = {}
    for socket in network.sockets:
        unit = socket.unit or (_PORTS_OF_KERNEL.get(socket.port, "") if socket.pid < 0 else "")
        if unit in wish.units:
            offered[(socket.protocol, socket.port)] = unit
    for peer in network.connections:
        unit = offered.get((peer.protocol, peer.port), "") if peer.inbound else ""
        if unit:
            yield (
                f"{peer.peer} is connected to {unit.removesuffix('.service')} ({peer.protocol}/{peer.port}) now.",
                unit,
            )


def _requiring(situation: Situation, wish: UnitsOff) -> Iterator[tuple[str, str]]:
    services = services_of(situation)
    for name, other in services.units.items():
        if name in wish.units or other.state in {"masked", "missing"}:
            continue
        if not (other.enabled or other.active == "active"):
            continue
        needed = {word for key in _NEEDS for setting in other.all(key) for word in setting.value.split()}
        for unit in wish.units:
            if unit in needed:
                yield f"{name} requires {unit}.", unit
    for name in wish.units:
        unit_ = services.units.get(name)
        for link in unit_.links if unit_ else ():
            by = link.rpartition("/")[0].rpartition("/")[2]
            other_ = services.units.get(by.removesuffix(".requires"))
            # what a service requires of its own socket is no use of it by another
            if (
                by.endswith(".requires")
                and other_ is not None
                and other_.name not in wish.units
                and (other_.enabled or other_.active == "active")
            ):
                yield f"{other_.name} requires {name}.", name


def _mounts(situation: Situation, wish: UnitsOff) -> Iterator[tuple[str, str]]:
    """NFS before version 4 needs the port mapper on both sides."""
    tree = situation.facts.filesystem
    name = next((unit for unit in wish.units if unit.startswith("rpcbind.")), "")
    if not name or not isinstance(tree, Known):
        return
    for mount in tree.value.mounts:
        if mount.type == "nfs" and any(
            each.startswith(("vers=2", "vers=3", "nfsvers=2", "nfsvers=3")) for each in mount.options
        ):
            yield f"{mount.path} is mounted over NFS version 3, which needs the port mapper.", name


def usb_storage_off(situation: Situation, wish: Wish) -> Hold | None:
    """A disk may hang on USB; and so may the network, by a modem that shows itself as a disk first."""
    if not _USB_STORAGE.search(written(wish)):
        return None
    if hold := _system_disk(situation, "usb-storage"):
        return hold
    if disk := _usb_disk(situation):
        why = f"{disk[0]} lies on a USB disk ({disk[1]})."
        return Hold("usb-storage", why, "Say so, if that disk is no longer needed.", accept=True)
    return _modem(situation, "usb-storage") if "bInterfaceClass" in written(wish) else None


def usbguard_on(situation: Situation, wish: Wish) -> Hold | None:
    """What is plugged in must be on its list: a keyboard, a disk, and on Raspberry Pi 1 to 3 the socket for the cable.

    Even so, what becomes another device later is on no list, and the disk of the system itself is not put at stake.
    """
    guard = (isinstance(wish, Packages) and "usbguard" in wish.install) or (
        isinstance(wish, UnitsOn) and any(name.startswith("usbguard") for name in wish.units)
    )
    if not guard:
        return None
    usb = situation.facts.usb
    if not isinstance(usb, Known) or not isinstance(usb.value.devices, Known):
        why = "What is plugged into USB could not be read, and would be locked out."
        return Hold("usbguard", why, "Plan for the running device, with sudo.")
    return _system_disk(situation, "usbguard") or _modem(situation, "usbguard")


def _system_disk(situation: Situation, name: str) -> Hold | None:
    """What the host cannot run without."""
    disk = _usb_disk(situation)
    if disk is None or disk[0] not in _SYSTEM:
        return None
    return Hold(name, f"{disk[0]} lies on a USB disk ({disk[1]}).", "Move the system to the card first.")


def _modem(situation: Situation, name: str) -> Hold | None:
    """What a network hangs on may be another device after a restart: not so the board's own socket for the cable."""
    link = _usb_link(situation)
    if not link or (link == "eth0" and _usb_socket(situation)):
        return None
    why = f"The network hangs on USB ({link}), and a modem shows itself as a disk first."
    reached = situation.way_in.interface == link
    return Hold(name, why, "Reach the host by another way; or say that it is no modem.", accept=not reached)


def _usb_disk(situation: Situation) -> tuple[str, str] | None:
    kernel, tree = situation.facts.kernel, situation.facts.filesystem
    disks = kernel.value.usb_disks if isinstance(kernel, Known) else frozenset[str]()
    mounts = tree.value.mounts if isinstance(tree, Known) else ()
    for mount in sorted(mounts, key=lambda each: (each.path not in _SYSTEM, each.path)):
        device = mount.device.removeprefix("/dev/")
        if mount.device.startswith("/dev/") and any(device == disk or device.startswith(disk) for disk in disks):
            return mount.path, mount.device
    # a root that is named by its label may lie on any disk
    root = tree.value.mount("/") if isinstance(tree, Known) else None
    if disks and (root is None or not root.device.startswith(("/dev/mmcblk", "/dev/nvme", "/dev/sd", "/dev/vd"))):
        return "/", min(disks)
    return None


def _usb_link(situation: Situation) -> str:
    """The first link of the network that is a USB device."""
    for path, record in sorted(situation.capture.files.items()):
        found = re.fullmatch(r"/sys/class/net/([^/]+)", path)
        if found and "/usb" in record.target:
            return found[1]
    return ""


def _usb_socket(situation: Situation) -> str:
    """The board's own socket for the cable, where that hangs on USB."""
    host = situation.facts.host
    model = host.value.model if isinstance(host, Known) else ""
    wired = re.search(r"Raspberry Pi (Model B|2 |3 )", model)
    return f"the socket for the cable of {model}" if wired else ""


def forwarding_off(situation: Situation, wish: Wish) -> Hold | None:
    """Containers, VPNs and access points live by forwarding."""
    keys = {"net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding", "net.ipv6.conf.all.forwarding"}
    if not isinstance(wish, Sysctl) or wish.key not in keys or wish.value != "0":
        return None
    radios = situation.facts.radios
    found = [name for name in workloads(situation) if name not in _ROUTING]
    if isinstance(radios, Known) and any(each.access_point for each in radios.value.networks):
        found.append("an access point")
    return _needs("forwarding-off", "forwards packets for others", found)


def hidepid_on(situation: Situation, wish: Wish) -> Hold | None:
    """Programs that look after others see them no more."""
    if not _HIDEPID.search(written(wish)):
        return None
    return _needs("hidepid-on", "looks at the processes of others", list(workloads(situation)))


def userns_off(situation: Situation, wish: Wish) -> Hold | None:
    """Containers without root, and the sandboxes of browsers, are made of user namespaces."""
    if not isinstance(wish, Sysctl) or wish.key not in {"kernel.unprivileged_userns_clone", "user.max_user_namespaces"}:
        return None
    if wish.value != "0":
        return None
    found = list(workloads(situation))
    if services_of(situation).enabled("display-manager.service") or services_of(situation).enabled("lightdm.service"):
        found.append("the desktop's browser")
    return _needs("userns-off", "is made of user namespaces", found)


def _needs(name: str, what: str, found: list[str]) -> Hold | None:
    if not found:
        return None
    who = f"{found[0][0].upper()}{found[0][1:]}"
    return Hold(name, f"{who} runs here, and {what}.", "Leave it; or say so, if it can do without.", accept=True)


INTERLOCKS: tuple[Interlock, ...] = (
    bluetooth_off,
    service_off,
    usb_storage_off,
    usbguard_on,
    forwarding_off,
    hidepid_on,
    userns_off,
)
