"""What is plugged into USB, and what decides about what is plugged in next."""

from __future__ import annotations

from collections.abc import Mapping

from thornwall.model.fact import Fact, Unknown
from thornwall.model.record import record

NOT_READ = Unknown("it was not read")
GUARD_CONF = "/etc/usbguard/usbguard-daemon.conf"
"""What tells USBGuard's daemon what to do with a device that no rule names."""
REFUSING: Mapping[str, frozenset[str]] = {
    "ImplicitPolicyTarget": frozenset({"block", "reject"}),
    "InsertedDevicePolicy": frozenset({"apply-policy", "block", "reject"}),
}
"""Values of usbguard-daemon.conf(5) by which it refuses what is plugged in and no rule names; so do its defaults."""


@record
class Device:
    """One that is plugged in, or a controller. `vendor`, `product`: four hexadecimal digits each.

    `serial`: what it says of itself, empty where it says nothing. `hub`: it is nothing but sockets for others.
    """

    vendor: str
    product: str
    serial: str = ""
    hub: bool = False


@record
class Setting:
    """A line `Key=value` of usbguard-daemon.conf(5)."""

    value: str
    line: int


@record
class Usb:
    """`controllers`: name (`usb1`) -> `authorized_default`, as the kernel's documentation of USB authorization has it.

    `0`: what is plugged in next is let in by nobody but a program; `1`: it is let in; `2`: where it is built in.
    `guard`: the settings of USBGuard's daemon by name, Absent where it has no file of them.
    """

    controllers: Fact[Mapping[str, str]] = NOT_READ
    devices: Fact[tuple[Device, ...]] = NOT_READ
    guard: Fact[Mapping[str, Setting]] = NOT_READ
