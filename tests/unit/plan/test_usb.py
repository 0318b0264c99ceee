"""USBGuard: what is plugged in is on its list before it runs."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from thornwall.model.change import Activate, EditLine, Packages, Tool, UnitsOn, WriteFile
from thornwall.model.usb import GUARD_CONF
from thornwall.plan.fixes import usb

from .ways import Host

BASH = "bash\t5.2.37-2\tarm64\tbash\tinstall\n"
GUARD = "usbguard\t1.1.3\tarm64\tusbguard\tinstall\n"
SYS = "/sys/bus/usb/devices"


def device(port: str, vendor: str, product: str, kind: str = "00", serial: str = "") -> dict[str, str | None]:
    """As sysfs has one that is plugged in."""
    fields = {"idVendor": vendor, "idProduct": product, "bDeviceClass": kind} | ({"serial": serial} if serial else {})
    return {f"{SYS}/{port}/{name}": f"{text}\n" for name, text in fields.items()}


PI_3: dict[str, str | None] = {
    f"{SYS}/usb1/authorized_default": "1\n",
    **device("usb1", "1d6b", "0002", "09", "3f980000.usb"),
    **device("1-1", "0424", "9514", "09"),
    **device("1-1.1", "0424", "ec00", "ff"),
    **device("1-1.2", "046d", "c31c"),
    **device("1-1.3", "0781", "5567", serial="4C530001:2"),
}
HOST = Host(PI_3, {"packages": BASH})


def rules(host: Host) -> list[str]:
    """The lines of the list, without the comment."""
    (file,) = (
        want for want in host.wants("usb-devices-allowed") if isinstance(want, WriteFile) and want.path == usb.RULES
    )
    assert file.mode == 0o600
    return file.content.decode().splitlines()[1:]


def test_what_is_plugged_in_is_listed_and_hubs_are_let_in_as_such() -> None:
    assert rules(HOST) == [
        "allow with-interface match-all { 09:*:* }",
        "allow id 0424:ec00",
        "allow id 046d:c31c",
        'allow id 0781:5567 serial "4C530001:2"',
    ]


def test_the_package_comes_with_a_file_that_keeps_what_a_start_finds() -> None:
    package, conf, _, units, tool = HOST.wants("usb-devices-allowed")
    assert package == Packages(("usbguard",), off=("usbguard.service", "usbguard-dbus.service"))
    assert units == UnitsOn(("usbguard.service",))
    assert isinstance(conf, WriteFile)
    assert {"PresentDevicePolicy=keep", "ImplicitPolicyTarget=block"} <= set(conf.content.decode().splitlines())
    assert isinstance(tool, Tool)
    assert "authorized_default" in str(tool.undo_after)  # the daemon leaves its own behind


def test_of_a_file_that_is_there_only_what_lets_in_or_locks_out_is_changed() -> None:
    conf = "# ours\nImplicitPolicyTarget=allow\nPresentDevicePolicy=apply-policy\nHidePII=true\n"
    there = Host(PI_3 | {GUARD_CONF: conf}, {"packages": BASH + GUARD})
    assert [want for want in there.wants("usb-devices-allowed") if isinstance(want, EditLine)] == [
        EditLine(GUARD_CONF, 2, "ImplicitPolicyTarget=allow", "ImplicitPolicyTarget=block"),
        EditLine(GUARD_CONF, 3, "PresentDevicePolicy=apply-policy", "PresentDevicePolicy=keep"),
    ]
    assert not any(isinstance(want, Packages) for want in there.wants("usb-devices-allowed"))


def test_what_a_file_does_not_say_is_its_default() -> None:
    there = Host(PI_3 | {GUARD_CONF: "RuleFile=/etc/usbguard/rules.conf\n"}, {"packages": BASH + GUARD})
    assert [want for want in there.wants("usb-devices-allowed") if isinstance(want, EditLine)] == [
        EditLine(GUARD_CONF, 0, "", "PresentDevicePolicy=keep"),
    ]


def test_a_file_that_is_not_known_to_the_byte_is_left_to_a_person() -> None:
    conf: dict[str, str | None] = {GUARD_CONF: "PresentDevicePolicy=apply-policy\n"}
    there = Host(PI_3 | conf, {"packages": BASH + GUARD}, hidden=frozenset({GUARD_CONF}))
    assert there.wants("usb-devices-allowed") == ()


def test_without_dpkg_it_is_left_to_a_person() -> None:
    assert replace(HOST, commands={}).wants("usb-devices-allowed") == ()


@given(st.text(max_size=200))
def test_no_serial_number_gets_out_of_its_quotes(serial: str) -> None:
    """It is whatever the device says of itself."""
    lines = rules(Host(PI_3 | {f"{SYS}/1-1.2/serial": serial}, {"packages": BASH}))
    assert len(lines) == 4
    keyboard = lines[2]
    assert keyboard.startswith("allow id 046d:c31c")
    assert keyboard.count('"') in {0, 2}
    assert keyboard.count('"') == 0 or keyboard.endswith('"')
    assert "\\" not in keyboard


def test_what_runs_already_reads_its_file_again_and_keeps_the_kernel_as_it_is() -> None:
    conf: dict[str, str | None] = {
        GUARD_CONF: "ImplicitPolicyTarget=allow\n",
        "/usr/lib/systemd/system/usbguard.service": "[Service]\nExecStart=/usr/sbin/usbguard-daemon -f\n",
        "/etc/systemd/system/basic.target.wants/usbguard.service": "",
    }
    units = {"packages": BASH + GUARD, "units": "usbguard.service loaded active running USBGuard daemon\n"}
    wants = Host(PI_3 | conf, units).wants("usb-devices-allowed")
    assert Activate("usbguard.service", "restart") in wants
    assert not any(isinstance(want, UnitsOn | Tool) for want in wants)
