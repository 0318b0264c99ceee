"""What is plugged into USB, by sysfs, and the settings of USBGuard."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from thornwall.facts.redact import PLAIN, TEXT
from thornwall.model.capture import Capture
from thornwall.model.fact import Fact, Known, Unknown
from thornwall.model.probe import Probe, Read
from thornwall.model.usb import GUARD_CONF, Device, Setting, Usb

_DEVICES = "/sys/bus/usb/devices"
_FIELDS = ("idVendor", "idProduct", "serial", "bDeviceClass")

PROBES: tuple[Probe, ...] = (
    Read(f"{_DEVICES}/usb*/authorized_default", PLAIN),
    *(Read(f"{_DEVICES}/*/{name}", PLAIN) for name in _FIELDS),
    Read(GUARD_CONF, TEXT),
)

_ID = re.compile(r"[0-9a-f]{4}")
_HUB = "09"  # of the classes of the USB specification
_SETTING = re.compile(r"([A-Za-z]+)=(.*)")


def parse(capture: Capture) -> Fact[Usb]:
    """Always Known; the parts that could not be read are Unknown in it."""
    return Known(Usb(_controllers(capture), _devices(capture), _guard(capture)))


def _unseen(capture: Capture) -> Unknown | None:
    if not capture.live:
        return Unknown("a directory cannot tell what is plugged in", "audit the running host")
    if "/run/systemd/container" in capture.files:
        return Unknown("a container sees the USB of the machine around it", "audit that machine")
    return capture.blocked(f"{_DEVICES}/usb1/idVendor")


def _controllers(capture: Capture) -> Fact[Mapping[str, str]]:
    if unseen := _unseen(capture):
        return unseen
    found: dict[str, str] = {}
    for path, fact in capture.glob(f"{_DEVICES}/usb*/authorized_default"):
        match fact:
            case Known(record):
                found[path.split("/")[-2]] = record.text.strip()
            case Unknown():
                return fact
            case _:
                continue  # unplugged while it was read
    return Known(found)


def _devices(capture: Capture) -> Fact[tuple[Device, ...]]:
    if unseen := _unseen(capture):
        return unseen
    unread = (fact for _, fact in capture.glob(f"{_DEVICES}/*/idVendor") if isinstance(fact, Unknown))
    return next(unread, None) or Known(tuple(_plugged(capture)))


def _plugged(capture: Capture) -> Iterator[Device]:
    for path, _ in capture.glob(f"{_DEVICES}/*/idVendor"):
        folder = path.removesuffix("/idVendor")
        vendor, product, serial, kind = (_text(capture, f"{folder}/{name}") for name in _FIELDS)
        if _ID.fullmatch(vendor) and _ID.fullmatch(product):
            yield Device(vendor, product, serial, kind == _HUB)


def _text(capture: Capture, path: str) -> str:
    match capture.read(path):
        case Known(text):
            return text.removesuffix("\n")
        case _:
            return ""


def _guard(capture: Capture) -> Fact[Mapping[str, Setting]]:
    match capture.read(GUARD_CONF):
        case Known(text):
            lines = ((number, _SETTING.fullmatch(line.strip())) for number, line in enumerate(text.splitlines(), 1))
            return Known({found[1]: Setting(found[2].strip(), number) for number, found in lines if found})
        case other:
            return other
