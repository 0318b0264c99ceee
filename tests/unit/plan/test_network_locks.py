"""Interlocks on the way to the host: each holds, and each lets go once it may."""

from __future__ import annotations

from dataclasses import replace

import pytest

from thornwall.model.change import EditLine, EditWords, Firewall, RemoveFile, Tool, UnitsOff, Wish
from thornwall.model.fact import Known
from thornwall.model.firewall import Firewall as Filter
from thornwall.model.firewall import Keeper, Ruleset
from thornwall.model.kernel import Kernel
from thornwall.model.network import Address, Network, Route
from thornwall.model.plan import WayIn
from thornwall.model.radios import Adapter, Radio, Radios, Security, WifiNetwork
from thornwall.plan.fix import Hold
from thornwall.plan.interlocks.network import INTERLOCKS

from .small_host import SSH, SSHD, Host

ON = Firewall(enable=True, allow=("22/tcp",))
KEEPER = Keeper("ufw", False, Known(Ruleset()), "/etc/ufw/ufw.conf", 5, "ENABLED=no")
LOCAL = WayIn("local", "pi", 1000)
OVER_WIFI = replace(SSH, interface="wlan0")
CABLE = Network((SSHD,), addresses=(Address("127.0.0.1", "lo"), Address("192.168.1.5", "eth0")))
NO_WIFI = (
    EditLine("/boot/firmware/config.txt", 0, "", "[all]\ndtoverlay=disable-wifi"),
    UnitsOff(("wpa_supplicant.service",)),
    Tool("rfkill", (("rfkill", "block", "wifi"),), ()),
)


def held(host: Host, wish: Wish) -> list[Hold]:
    """What holds the wish back."""
    return [hold for lock in INTERLOCKS if (hold := lock(host.situation(), wish)) is not None]


def names(host: Host, wish: Wish) -> list[str]:
    return [hold.interlock for hold in held(host, wish)]


@pytest.mark.parametrize(
    ("port", "wish", "holds"),
    [
        (22, ON, False),
        (22, Firewall(enable=True, limit=("22/tcp",)), False),
        (22, Firewall(enable=True, allow=("20:30/tcp",)), False),
        (22, Firewall(enable=True, allow=("80/tcp",)), True),
        (22, Firewall(enable=True, allow=("22/udp",)), True),
        (22, Firewall(enable=True), True),
        (22, Firewall(log=True), False),
        (2222, ON, True),
        (0, ON, True),
        (22, Tool("ufw", (("ufw", "delete", "allow", "22/tcp"),), ()), True),
        (22, Tool("ufw", (("ufw", "delete", "allow", "8080/tcp"),), ()), False),
    ],
)
def test_the_firewall_lets_in_this_connection(port: int, wish: Wish, holds: bool) -> None:
    found = held(Host(way_in=replace(SSH, port=port)), wish)
    assert [(hold.interlock, hold.accept) for hold in found] == ([("firewall-on", False)] if holds else [])


def test_at_the_machine_itself_no_port_is_needed() -> None:
    assert names(Host(way_in=LOCAL), Firewall(enable=True)) == []


@pytest.mark.parametrize(
    ("wish", "lock"),
    [
        (Firewall(enable=True), "firewall-on"),
        (UnitsOff(("ssh.service",)), "service-off"),
        (UnitsOff(("NetworkManager.service",)), "service-off"),
        (UnitsOff(("wpa_supplicant.service",)), "wifi-off"),
    ],
)
def test_whoever_runs_it_in_a_login_over_ssh_is_not_at_the_machine(wish: Wish, lock: str) -> None:
    way = replace(OVER_WIFI, kind="local", user="", key_proved=False)
    login = Host(way_in=way, network=CABLE, ssh_connection=("192.168.1.9", "50000", "192.168.1.5", "22"))
    assert names(login, wish) == [lock]
    assert names(login, ON) == []
    assert names(Host(way_in=LOCAL, network=CABLE), wish) == []


@pytest.mark.parametrize(
    ("rules", "holds"),
    [
        (("deny tcp 22 0.0.0.0/0 any 0.0.0.0/0 in",), True),
        (("reject any any 0.0.0.0/0 any 192.168.1.0/24 in",), True),
        (("deny tcp 22 0.0.0.0/0 any 10.0.0.0/8 in",), False),
        (("deny tcp 80 0.0.0.0/0 any 0.0.0.0/0 in",), False),
        (("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in", "deny any any 0.0.0.0/0 any 0.0.0.0/0 in"), False),
        (("deny tcp 22 0.0.0.0/0 any 0.0.0.0/0 out",), False),
    ],
)
def test_a_rule_of_ufw_that_was_told_before_comes_first(rules: tuple[str, ...], holds: bool) -> None:
    text = "".join(f"### tuple ### {rule}\n" for rule in rules)
    host = Host(files={"/etc/ufw/user.rules": text}, firewall=Filter(Known(Ruleset()), (KEEPER,)))
    assert names(host, ON) == (["firewall-on"] if holds else [])


def test_a_connection_over_ipv6_needs_ipv6() -> None:
    host = Host(
        files={"/etc/default/ufw": "IPV6=no\n"},
        firewall=Filter(Known(Ruleset()), (KEEPER,)),
        way_in=replace(SSH, address="2001:db8::5", peer="2001:db8::9"),
    )
    assert names(host, ON) == ["firewall-on"]
    assert names(host, replace(ON, ipv6=True)) == []
    host.files = {
        "/etc/default/ufw": "IPV6=yes\n",
        "/etc/ufw/user6.rules": "### tuple ### deny tcp 22 ::/0 any ::/0 in\n",
    }
    assert names(host, ON) == ["firewall-on"]
    host.way_in = SSH
    assert names(host, ON) == []


def test_no_filter_without_its_modules() -> None:
    host = Host(kernel=Kernel(replaced=True))
    (hold,) = held(host, ON)
    assert (hold.interlock, hold.accept, hold.unlock) == (
        "firewall-on",
        False,
        "Restart the device, then harden it again.",
    )
    assert names(host, Firewall(log=True)) == []
    assert names(host, Firewall(limit=("22/tcp",))) == ["firewall-on"]  # xt_recent, which a filter alone does not load
    assert names(host, Firewall(ipv6=True)) == ["firewall-on"]
    host.kernel = Kernel()
    assert names(host, ON) == []


@pytest.mark.parametrize("wish", NO_WIFI)
def test_wifi_stays_where_it_carries_this_connection(wish: Wish) -> None:
    (hold,) = held(Host(way_in=OVER_WIFI, network=CABLE), wish)
    assert (hold.interlock, hold.accept) == ("wifi-off", False)
    assert names(Host(way_in=SSH, network=CABLE), wish) == []


WIRELESS = Network((SSHD,), addresses=(Address("192.168.1.5", "wlan0"),))
BLIND = replace(SSH, interface="")


@pytest.mark.parametrize(
    ("before", "told", "after"),
    [
        (Host(way_in=OVER_WIFI, network=WIRELESS), "log in to the address that the device has there", Host(way_in=SSH)),
        (Host(way_in=LOCAL, network=WIRELESS), "Plug in a cable, and run it again.", Host(way_in=LOCAL)),
        # with a cable too the link stays unknown: only the device itself needs none
        (Host(way_in=BLIND, network=WIRELESS), "run it at the device itself", Host(way_in=LOCAL)),
    ],
)
def test_what_is_said_to_unlock_wifi_does(before: Host, told: str, after: Host) -> None:
    (hold,) = held(before, NO_WIFI[0])
    assert told in hold.unlock
    after.network = CABLE
    assert names(after, NO_WIFI[0]) == []


def test_wifi_stays_where_nothing_else_is_up_or_known() -> None:
    wireless = Network((SSHD,), addresses=(Address("192.168.1.5", "wlan0"),), routes=(Route("0.0.0.0/0", "", "wlan0"),))
    assert names(Host(way_in=LOCAL, network=wireless), NO_WIFI[0]) == ["wifi-off"]
    assert names(Host(way_in=LOCAL, network=CABLE), NO_WIFI[0]) == []
    assert names(Host(way_in=replace(SSH, interface=""), network=CABLE), NO_WIFI[0]) == ["wifi-off"]


def test_wifi_is_known_by_its_driver_not_by_its_name() -> None:
    renamed = Radios(Known((Adapter(Radio.WIFI, "uplink0", "/sys/class/net/uplink0"),)))
    host = Host(way_in=replace(SSH, interface="uplink0"), network=CABLE, radios=renamed)
    assert names(host, NO_WIFI[0]) == ["wifi-off"]


def test_an_access_point_is_for_others() -> None:
    offers = Radios(
        Known(()), networks=(WifiNetwork("/etc/hostapd/hostapd.conf", 1, Security.WPA2, access_point=True),)
    )
    (hold,) = held(Host(network=CABLE, radios=offers), NO_WIFI[0])
    assert (hold.interlock, hold.accept) == ("wifi-off", True)


@pytest.mark.parametrize(
    ("name", "holds"),
    [("raspberrypi.local", True), ("PI.LOCAL.", True), ("192.168.1.5", False), ("pi.localdomain", False)],
)
def test_a_host_called_by_a_local_name_needs_avahi(name: str, holds: bool) -> None:
    host = Host(way_in=replace(SSH, name=name))
    assert names(host, UnitsOff(("avahi-daemon.service", "avahi-daemon.socket"))) == (["avahi-off"] if holds else [])
    assert names(host, UnitsOff(("cups.service",))) == []


@pytest.mark.parametrize(
    "wish",
    [
        EditWords("/boot/firmware/cmdline.txt", remove=("console=serial0,115200",)),
        UnitsOff(("serial-getty@ttyAMA0.service",)),
    ],
)
def test_the_serial_console_goes_once_ssh_works(wish: Wish) -> None:
    assert names(Host(way_in=LOCAL), wish) == ["serial-console-off"]
    assert names(Host(way_in=WayIn("offline")), wish) == ["serial-console-off"]
    assert names(Host(way_in=SSH), wish) == []


def test_other_words_of_the_kernel_may_go() -> None:
    assert names(Host(way_in=LOCAL), EditWords("/boot/firmware/cmdline.txt", remove=("init=/bin/sh",))) == []


DROP_IN = "/etc/systemd/system/getty@tty1.service.d/autologin.conf"


@pytest.mark.parametrize(
    "wish",
    [
        RemoveFile(DROP_IN),
        EditLine("/etc/lightdm/lightdm.conf", 4, "autologin-user=pi", "#autologin-user=pi"),
        EditLine("/etc/sddm.conf", 2, "User=pi", "#User=pi"),
    ],
)
def test_autologin_goes_once_another_way_in_works(wish: Wish) -> None:
    files = {DROP_IN: "[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin pi %I\n"}
    assert names(Host(files=files, way_in=LOCAL), wish) == ["autologin-off"]
    assert names(Host(files=files, way_in=replace(LOCAL, password_proved=True)), wish) == []
    assert names(Host(files=files, way_in=SSH), wish) == []


@pytest.mark.parametrize(
    "unit", ["ssh.service", "ssh.socket", "sshd.service", "NetworkManager.service", "wg-quick@wg0.service"]
)
def test_what_carries_this_connection_is_never_switched_off(unit: str) -> None:
    host = Host(way_in=replace(SSH, interface="wg0"))
    (hold,) = held(host, UnitsOff((unit,)))
    assert (hold.interlock, hold.subject, hold.accept) == ("service-off", unit, False)
    assert names(Host(way_in=LOCAL), UnitsOff((unit,))) == []
