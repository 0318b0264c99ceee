"""USBGuard, with what is plugged in on its list."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from thornwall.model.change import Activate, EditLine, Packages, Purpose, Tool, UnitsOn, WriteFile
from thornwall.model.fact import Absent, Known
from thornwall.model.finding import Finding
from thornwall.model.usb import GUARD_CONF, REFUSING, Device, Setting, Usb
from thornwall.plan.files import HEADER
from thornwall.plan.fix import Fix, Situation, Want, fix
from thornwall.plan.lines import exact_lines, services_of

_SERVICE = "usbguard.service"
_BUS = "usbguard-dbus.service"  # for a desktop to ask by; it brings the other along
RULES = "/etc/usbguard/rules.d/thornwall.conf"
PATHS: tuple[str, ...] = ("/etc/usbguard/*.conf", "/etc/usbguard/rules.d/*")

# As Debian's package has it, but for PresentDevicePolicy: what is plugged in when the device starts stays. A hash or an
# order of devices that an update of the kernel changed can then lock nobody out for longer than until the next start.
_CONF = """\
RuleFile=/etc/usbguard/rules.conf
RuleFolder=/etc/usbguard/rules.d/
ImplicitPolicyTarget=block
PresentDevicePolicy=keep
PresentControllerPolicy=keep
InsertedDevicePolicy=apply-policy
AuthorizedDefault=none
RestoreControllerDeviceState=false
DeviceManagerBackend=uevent
IPCAllowedUsers=root
IPCAllowedGroups=root plugdev
IPCAccessControlFiles=/etc/usbguard/IPCAccessControl.d/
DeviceRulesWithPort=false
AuditBackend=FileAudit
AuditFilePath=/var/log/usbguard/usbguard-audit.log
HidePII=false
"""
_RIGHT = {**REFUSING, "PresentDevicePolicy": frozenset({"keep", "allow"})}
_SET = dict(line.split("=") for line in _CONF.splitlines())
_DEFAULTS = {"PresentDevicePolicy": "apply-policy"}
"""Of usbguard-daemon.conf(5), where the file has no such line, and it is not what we set."""
# The daemon leaves its 'let nobody in' to the kernel when it ends: until the next start nothing could be plugged in.
_LET_IN = 'for each in /sys/bus/usb/devices/usb*/authorized_default; do echo 1 >"$each" || exit 1; done'
_PLAIN = re.compile(r"[A-Za-z0-9._:@+-]{1,126}")


@fix(
    "usb-devices-allowed",
    step="usb-devices",
    purpose=Purpose.KERNEL,
    title="Let in only the USB devices that are plugged in now",
    may_break=("What a plugged-in device turns into later (a modem that starts as a disk) is let in by no rule.",),
)
def usb_devices(situation: Situation, _: Finding) -> Iterator[Want]:
    """By USBGuard, which lets in what is plugged in now, by what each says that it is, and whatever a start finds."""
    updates, usb = situation.facts.updates, situation.facts.usb
    if not isinstance(updates, Known) or not isinstance(updates.value.packages, Known):
        return  # no apt to install with
    if not isinstance(usb, Known) or not isinstance(usb.value.devices, Known):
        return
    settings = _settings(situation, usb.value)
    if settings is None:
        return
    if "usbguard" not in updates.value.packages.value:
        yield Packages(("usbguard",), off=(_SERVICE, _BUS))
    yield from settings
    yield WriteFile(RULES, _rules(usb.value.devices.value).encode(), mode=0o600)
    if services_of(situation).active("usbguard"):
        yield Activate(_SERVICE, "restart")
    else:
        yield UnitsOn((_SERVICE,))
        yield Tool("usb", (), keeps=(), undo_after=(("sh", "-c", _LET_IN),))


def _settings(situation: Situation, usb: Usb) -> list[Want] | None:
    """The package brings the file, whose lines are then changed; None where it cannot be changed line by line."""
    match usb.guard:
        case Absent():
            return [WriteFile(GUARD_CONF, _CONF.encode(), mode=0o600)]
        case Known(settings):
            lines = exact_lines(situation, GUARD_CONF)
            return [each for name in _RIGHT for each in _setting(lines, settings, name)] if lines else None
        case _:
            return None


def _setting(lines: Sequence[str], settings: Mapping[str, Setting], name: str) -> Iterator[Want]:
    setting = settings.get(name, Setting(_DEFAULTS.get(name, _SET[name]), 0))
    if setting.value not in _RIGHT[name]:
        old = lines[setting.line - 1] if setting.line else ""
        yield EditLine(GUARD_CONF, setting.line, old, f"{name}={_SET[name]}")


def _rules(devices: tuple[Device, ...]) -> str:
    """In usbguard-rules.conf(5). Hubs are let in as such: they are sockets, and what is behind one is asked about."""
    rules = dict.fromkeys(_allow(device) for device in devices if not device.hub)
    return "\n".join((f"# {HEADER}", "allow with-interface match-all { 09:*:* }", *rules)) + "\n"


def _allow(device: Device) -> str:
    serial = f' serial "{device.serial}"' if _PLAIN.fullmatch(device.serial) else ""
    return f"allow id {device.vendor}:{device.product}{serial}"


FIXES: tuple[Fix, ...] = (usb_devices,)
