"""Wi-Fi and Bluetooth: what is on, and how it is protected."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from thornwall.facts.radios_networks import WIFI, networks
from thornwall.facts.redact import PLAIN
from thornwall.model.capture import SUDO, Capture, FileRecord
from thornwall.model.fact import Fact, Known, Unknown
from thornwall.model.probe import Probe, Read, Redaction
from thornwall.model.radios import Adapter, KeyFile, Radio, Radios

BLUETOOTH = Redaction(
    "bluetooth",
    r"""
    # link keys and names stay where they are
    if (s ~ /^(Class|Appearance)=0x[0-9a-fA-F]+$/ || s ~ /^(Trusted|Blocked)=(true|false)$/) return s
    return ""
""",
    strict=True,
)
"""Of a paired device only its class and whether it is trusted."""

NETWORK_FILES = (
    "/etc/wpa_supplicant/*.conf",
    "/etc/NetworkManager/system-connections/*",
    "/run/NetworkManager/system-connections/*",
    "/etc/netplan/*.yaml",
    "/etc/hostapd/*.conf",
    "/etc/hostapd.conf",
    "/var/lib/iwd/*.psk",
    "/var/lib/iwd/*.open",
)

PROBES: tuple[Probe, ...] = (
    Read("/sys/class/net/*/phy80211/name", PLAIN),
    Read("/sys/class/net/*", PLAIN),  # links that go by way of the bus; each one's `device` does not
    Read("/sys/class/bluetooth/hci*", PLAIN),
    *(Read(f"/sys/class/rfkill/*/{name}", PLAIN) for name in ("type", "name", "soft", "hard")),
    Read("/var/lib/bluetooth/*/*/info", BLUETOOTH),
    Read("/var/lib/NetworkManager/NetworkManager.state", PLAIN),
    *(Read(pattern, WIFI) for pattern in NETWORK_FILES),
)

_CLASS = re.compile(r"^Class=0x([0-9a-fA-F]{1,8})$", re.MULTILINE)
_APPEARANCE = re.compile(r"^Appearance=0x([0-9a-fA-F]{1,4})$", re.MULTILINE)
_OFF = re.compile(r"^WirelessEnabled=false", re.MULTILINE)


def parse(capture: Capture) -> Fact[Radios]:
    """Always Known; the parts that could not be read are Unknown in it."""
    files = [(path, fact) for pattern in NETWORK_FILES for path, fact in capture.glob(pattern)]
    unread = next((fact for _, fact in files if isinstance(fact, Unknown) and fact.mend == SUDO), None)
    records = [fact.value for _, fact in files if isinstance(fact, Known)]
    return Known(
        Radios(
            adapters=_adapters(capture),
            networks=tuple(network for record in records for network in networks(record.path, record.text)),
            networks_unread=unread or next((u for pattern in NETWORK_FILES if (u := capture.blocked(pattern))), None),
            key_files=tuple(_key_file(record) for record in records if "<redacted>" in record.text),
            input_devices=_input_devices(capture),
            wifi_disabled=_disabled(capture),
        )
    )


def _key_file(record: FileRecord) -> KeyFile:
    return KeyFile(record.path, record.mode, record.user, record.group)


def _contained(capture: Capture) -> bool:
    """Whether we are in a container: then /sys shows the radios of the machine around it."""
    return "/run/systemd/container" in capture.files


def _adapters(capture: Capture) -> Fact[tuple[Adapter, ...]]:
    if not capture.live:
        return Unknown("a directory cannot tell which radios there are", "audit the running host")
    if _contained(capture):
        return Unknown("a container sees the radios of the machine around it", "audit that machine")
    switches = dict(_switches(capture))
    found = [
        Adapter(
            Radio.WIFI,
            path.split("/")[4],
            path,
            switches.get(capture.files[path].text.strip(), ""),
            "/usb" in _device(capture, path.split("/")[4]),
        )
        for path, _ in capture.glob("/sys/class/net/*/phy80211/name")
    ]
    for path, _ in capture.glob("/sys/class/bluetooth/hci*"):
        name = posixpath.basename(path)
        if ":" not in name:  # hci0:11 is a connection
            usb = "/usb" in capture.files[path].target
            found.append(Adapter(Radio.BLUETOOTH, name, path, switches.get(name, ""), usb))
    return Known(tuple(found))


def _device(capture: Capture, interface: str) -> str:
    record = capture.files.get(f"/sys/class/net/{interface}")
    return record.target if record is not None else ""


def _switches(capture: Capture) -> Iterator[tuple[str, str]]:
    """What rfkill keeps silent: `phy0` or `hci0` -> soft, hard or nothing."""
    for path, fact in capture.glob("/sys/class/rfkill/*/name"):
        match fact:
            case Known(record):
                folder = posixpath.dirname(path)
                blocked = [kind for kind in ("hard", "soft") if _says(capture, f"{folder}/{kind}", "1")]
                yield record.text.strip(), blocked[0] if blocked else ""
            case _:
                continue


def _says(capture: Capture, path: str, text: str) -> bool:
    record = capture.files.get(path)
    return record is not None and record.text.strip() == text


def _input_devices(capture: Capture) -> Fact[tuple[str, ...]]:
    if blocked := capture.blocked("/var/lib/bluetooth/x/y/info"):
        return blocked
    return Known(tuple(kind for _, fact in capture.glob("/var/lib/bluetooth/*/*/info") for kind in _kinds(fact)))


def _kinds(fact: Fact[FileRecord]) -> Iterator[str]:
    text = fact.value.text if isinstance(fact, Known) else ""
    device_class, appearance = _CLASS.search(text), _APPEARANCE.search(text)
    number = int(device_class[1], 16) if device_class else 0
    if number >> 8 & 0x1F == 5:  # peripheral: bit 6 keyboard, bit 7 pointing device
        yield "keyboard" if number & 0x40 else "mouse" if number & 0x80 else "input device"
    elif appearance and int(appearance[1], 16) >> 6 == 15:  # human interface device
        yield {0x3C1: "keyboard", 0x3C2: "mouse"}.get(int(appearance[1], 16), "input device")


def _disabled(capture: Capture) -> int | None:
    record = capture.files.get("/var/lib/NetworkManager/NetworkManager.state")
    match = _OFF.search(record.text) if record is not None else None
    return match.string.count("\n", 0, match.start()) + 1 if match else None
