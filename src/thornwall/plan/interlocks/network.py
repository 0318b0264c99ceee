"""Interlocks: what would cut the way to the host, over the network or at its consoles."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from thornwall.model.change import (
    EditLine,
    EditWords,
    Firewall,
    RemoveFile,
    Tool,
    UnitsOff,
    Wish,
)
from thornwall.model.fact import Known
from thornwall.model.network import is_loopback
from thornwall.model.radios import Radio
from thornwall.plan.firewall_tools import chosen, is_on, ufw_rules
from thornwall.plan.fix import Hold, Interlock, Situation
from thornwall.plan.lines import network_of, services_of, written
from thornwall.plan.ways_in import came_over_ssh

_WIFI_UNITS = frozenset({"wpa_supplicant.service", "iwd.service", "hostapd.service"})
_WIFI_NAMES = ("wlan", "wlp", "wlx", "wl", "ap")
_WIFI_OVERLAY = re.compile(r"^[ \t]*(dtoverlay|device_tree_overlay)=(pi3-)?disable-wifi", re.MULTILINE)
_AUTOLOGIN = re.compile(r"autologin|automaticlogin|\[initial_session\]", re.IGNORECASE)
_MANAGERS = ("/etc/sddm", "/etc/greetd/")
_SERIAL = re.compile(r"console=(serial|ttyAMA|ttyS)\d")
_TUNNELS = {
    "wg": "wg-quick@{}.service",
    "tun": "openvpn",
    "tailscale": "tailscaled.service",
    "zt": "zerotier-one.service",
}


def firewall_on(situation: Situation, wish: Wish) -> Hold | None:
    """A filter that refuses by default must let in the port of this very connection, as it came."""
    way = situation.way_in
    if not came_over_ssh(situation):
        return None
    port = f"{way.port}/tcp"
    if isinstance(wish, Tool) and wish.name in {"ufw", "firewalld"}:
        if any({"delete", "deny", "reject"} & set(run) and {port, str(way.port)} & set(run) for run in wish.run):
            return _firewall(f"it would close port {way.port}, by which this very connection came in")
        return None
    if not isinstance(wish, Firewall) or not wish.enable:
        return None
    if not way.port:
        return _firewall("the port of this connection is not known")
    if not _lets_in((*wish.allow, *wish.limit), way.port):
        return _firewall(f"no rule would let in port {way.port}, by which this very connection came in")
    if chosen(situation) == "ufw":
        return _ufw(situation, wish)
    return None


def filter_not_loadable(situation: Situation, wish: Wish) -> Hold | None:
    """A filter, IPv6 and counting need modules each. A container's kernel is another's, which has loaded them."""
    kernel, host = situation.facts.kernel, situation.facts.host
    if not isinstance(wish, Firewall) or not (wish.enable or wish.limit or wish.ipv6):
        return None
    contained = isinstance(host, Known) and host.value.container
    if contained or not isinstance(kernel, Known) or not kernel.value.replaced:
        return None
    return Hold(
        "firewall-on",
        "The firewall stays as it is: the modules of the kernel that runs are no longer on the disk, as after an "
        "update of it, so that no filter can be loaded.",
        "Restart the device, then harden it again.",
    )


def _ufw(situation: Situation, wish: Firewall) -> Hold | None:
    """ufw takes the first rule that fits: one that was told before comes before ours."""
    way = situation.way_in
    for rule in ufw_rules(situation, _family(way.address)):
        if not rule.names(way.port, "tcp") or not rule.takes(way.peer):
            continue
        if rule.action in {"deny", "reject"}:
            return _firewall(f"ufw was told before to {rule.action} port {way.port}, and that rule comes first")
        if rule.everywhere:
            break
    settings = situation.capture.read("/etc/default/ufw")
    told = isinstance(settings, Known) and re.search(r"^IPV6=\"?no", settings.value, re.MULTILINE)
    if _family(way.address) == 6 and told and not wish.ipv6 and not is_on(situation, "ufw"):
        return _firewall("this connection came over IPv6, which ufw is told to refuse (IPV6=no)")
    return None


def _family(address: str) -> int:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return 0
    return 4 if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped else found.version


def _lets_in(specs: Iterable[str], port: int) -> bool:
    for spec in specs:
        ports, _, protocol = spec.partition("/")
        low, _, high = ports.partition(":")
        if protocol in {"", "tcp"} and low.isdecimal() and int(low) <= port <= int(high or low):
            return True
    return False


def _firewall(why: str) -> Hold:
    return Hold(
        "firewall-on", f"The firewall stays as it is: {why}.", "Let that port in first ('sudo ufw allow PORT/tcp')."
    )


def _wireless(situation: Situation, interface: str) -> bool:
    radios = situation.facts.radios
    if isinstance(radios, Known) and isinstance(radios.value.adapters, Known):
        names = {each.name for each in radios.value.of(Radio.WIFI)}
        if names:
            return interface in names or interface.startswith(_WIFI_NAMES)
    return interface.startswith(_WIFI_NAMES)


def _silences_wifi(wish: Wish) -> bool:
    match wish:
        case UnitsOff(units=units):
            return bool(_WIFI_UNITS & set(units)) or any(name.startswith("wpa_supplicant@") for name in units)
        case Tool(run=run):
            words = {word for line in run for word in line}
            return {"rfkill", "block"} <= words or {"nmcli", "wifi", "off"} <= words
        case _:
            return bool(_WIFI_OVERLAY.search(written(wish)))


def wifi_off(situation: Situation, wish: Wish) -> Hold | None:
    """Wi-Fi goes only where another link carries this connection, and the device itself."""
    if not _silences_wifi(wish):
        return None
    way = situation.way_in
    if came_over_ssh(situation) and not way.interface:
        return Hold(
            "wifi-off",
            "By which link this connection leaves the host is not known.",
            "Plug in a cable, and run it at the device itself ('sudo thornwall harden').",
        )
    if came_over_ssh(situation) and _wireless(situation, way.interface):
        return Hold(
            "wifi-off",
            f"This very connection goes over Wi-Fi ({way.interface}).",
            "Plug in a cable, log in to the address that the device has there, and run it again.",
        )
    radios = situation.facts.radios
    if isinstance(radios, Known) and any(each.access_point for each in radios.value.networks):
        return Hold(
            "wifi-off",
            "The device offers a Wi-Fi network that others use.",
            "If that network is to end, say so.",
            accept=True,
        )
    if situation.capture.live and not _wired(situation):
        return Hold("wifi-off", "No other link than Wi-Fi is up.", "Plug in a cable, and run it again.")
    if not situation.capture.live and situation.capture.manifest.source == "directory":
        return Hold(
            "wifi-off",
            "Whether the device hangs on a cable cannot be told from its files.",
            "If it does, say so.",
            accept=True,
        )
    return None


def _wired(situation: Situation) -> bool:
    network = network_of(situation)
    return any(
        each.interface
        and not each.interface.startswith("lo")
        and not _wireless(situation, each.interface)
        and not is_loopback(each.address)
        and not each.address.lower().startswith(("fe80:", "169.254."))
        and not network.inside(each.address)
        for each in network.addresses
    )


def avahi_off(situation: Situation, wish: Wish) -> Hold | None:
    """A host that is called by its `.local` name is not found without Avahi."""
    name = situation.way_in.name.lower().rstrip(".")
    if (
        isinstance(wish, UnitsOff)
        and name.endswith(".local")
        and any(unit.startswith("avahi-daemon.") for unit in wish.units)
    ):
        where = situation.way_in.address or "its address"
        return Hold(
            "avahi-off",
            f"The host was reached as {name}, a name that only Avahi knows.",
            f"Reach it by its address ({where}), and run it again.",
        )
    return None


def serial_console_off(situation: Situation, wish: Wish) -> Hold | None:
    """The serial console may be the last way in: SSH has to work first."""
    taken = (isinstance(wish, EditWords) and any(_SERIAL.match(word) for word in wish.remove)) or (
        isinstance(wish, UnitsOff) and any(name.startswith("serial-getty@") for name in wish.units)
    )
    if not taken or situation.way_in.kind == "ssh":
        return None
    return Hold(
        "serial-console-off",
        "It may be the only way in: nobody has shown that SSH works.",
        "Run it over SSH ('thornwall harden USER@HOST').",
    )


def autologin_off(situation: Situation, wish: Wish) -> Hold | None:
    """Whoever is only ever logged in by itself has to have another way in first."""
    way = situation.way_in
    if not _ends_autologin(situation, wish) or way.kind == "ssh" or way.password_proved:
        return None
    return Hold(
        "autologin-off",
        "It may be the only way in: neither SSH nor a password was shown to work.",
        "Run it over SSH ('thornwall harden USER@HOST'), or prove the password of the account first.",
    )


def _ends_autologin(situation: Situation, wish: Wish) -> bool:
    match wish:
        case EditLine(path=path, old=old, new=new):
            names = bool(_AUTOLOGIN.search(old)) or (path.startswith(_MANAGERS) and old.lower().startswith("user"))
            return names and (new is None or new.lstrip().startswith("#"))
        case RemoveFile(path=path) if "getty" in path or "autologin" in path:
            record = situation.capture.files.get(path)
            return "autologin" in path or (record is not None and bool(_AUTOLOGIN.search(record.text)))
        case UnitsOff(units=units):
            return any(name.startswith(("autologin@", "getty@", "console-getty")) for name in units)
        case _:
            return False


def way_in_off(situation: Situation, wish: Wish) -> Hold | None:
    """What carries this very connection is never switched off: sshd, what set up the link, the tunnel."""
    way = situation.way_in
    if not isinstance(wish, UnitsOff) or not came_over_ssh(situation):
        return None
    carrying = {"ssh.service", "ssh.socket", "sshd.service", "sshd.socket"}
    carrying |= {"NetworkManager.service", "systemd-networkd.service", "dhcpcd.service", "networking.service"}
    for start, unit in _TUNNELS.items():
        if way.interface.startswith(start):
            carrying.add(unit.format(way.interface))
    carrying |= {each.unit for each in network_of(situation).listening("tcp", way.port) if each.unit}
    aliases = services_of(situation).aliases
    names = {aliases.get(unit, unit) for unit in wish.units} | set(wish.units)
    for unit in sorted(names):
        if unit in carrying or any(unit.startswith(each) for each in carrying if "." not in each):
            return Hold(
                "service-off",
                f"This very connection goes through {unit}.",
                "Log in another way, and run it again.",
                subject=unit,
            )
    return None


INTERLOCKS: tuple[Interlock, ...] = (
    firewall_on,
    filter_not_loadable,
    wifi_off,
    avahi_off,
    serial_console_off,
    autologin_off,
    way_in_off,
)
