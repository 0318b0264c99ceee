"""How the Wi-Fi networks that the host joins or offers are protected, and who may read their keys."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from thornwall.model.fact import Known
from thornwall.model.finding import (
    Attacker,
    Consequence,
    Effort,
    Evidence,
    FaultClass,
    Fixable,
    Kind,
    Move,
    Reach,
    References,
)
from thornwall.model.radios import Radios, Security, WifiNetwork
from thornwall.model.rule import Context, Preset, Verdict, fail, not_applicable, passed, rule, unknown

_WEAK = {
    Security.OPEN: "has no encryption at all",
    Security.WEP: "uses WEP, which is broken within minutes",
    Security.WPA1: "uses WPA with TKIP, which has been broken since 2008",
}


def _radios(ctx: Context) -> Radios:
    return ctx.known(ctx.host.radios, absent="nothing is known of its radios")


def _weak(ctx: Context, networks: list[WifiNetwork], what: str, none: str) -> Iterator[Verdict]:
    failed = False
    for network in networks:
        if network.security in _WEAK:
            failed = True
            worse = Move("likelihood", -1, "an attack on TKIP takes time and skill")
            yield fail(
                f"{what} in {network.path} {_WEAK[network.security]}.",
                Evidence(network.path, network.text or network.security, network.line),
                subject=f"{network.path}:{network.line}",
                moves=(worse,) if network.security is Security.WPA1 else (),
            )
    unread = _radios(ctx).networks_unread
    if unread is not None:
        yield unknown(unread.reason, subject="the rest", mend=unread.mend)
    elif not networks:
        yield not_applicable(none)
    elif not failed:
        yield passed(
            "Every one of them is encrypted with WPA2 or better.", Evidence(networks[0].path, networks[0].text)
        )


@rule(
    "wifi-weak-encryption",
    "The device joins a Wi-Fi network that anybody can listen to",
    subject="radios",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=3,
    impact=3,
    attacker=Attacker.NEAR,
    reach=Reach.TOUCH,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.DOCUMENTS,
    references=References(
        document=("Connect to Wi-Fi Carefully", "Encryption"),
        etsi=("5.5-1",),
        nist=("Data Protection",),
        owasp_iot=("I7",),
        owasp_top10=("A02:2021",),
        cwe=(319, 327),
    ),
)
def wifi_weak_encryption(ctx: Context) -> Iterator[Verdict]:
    """A network that the device joins by itself is open, or protected by WEP or the first WPA.

    What:
        The networks in the files of wpa_supplicant, NetworkManager, netplan and iwd. Their names and keys stay on the
        device.

    Why:
        Everybody in range reads what is not encrypted otherwise, and may pretend to be the network: the device joins
        whatever calls itself so.

    Remedy:
        Set the router to WPA2 or WPA3 with a long passphrase, and enter that here. Delete networks that are no longer
        used: `sudo nmcli connection delete NAME`, or `sudo raspi-config` → System Options → Wireless LAN.
    Risk of the remedy:
        Devices too old for WPA2 can no longer join the network. Change the device's own settings first, or have a cable
        at hand.
    """
    networks = [network for network in _radios(ctx).networks if not network.access_point]
    yield from _weak(ctx, networks, "A network", "It joins no Wi-Fi network by itself.")


@rule(
    "wifi-access-point-open",
    "The device offers a Wi-Fi network that anybody can join or listen to",
    subject="radios",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.INTERFACE,
    likelihood=3,
    impact=4,
    attacker=Attacker.NEAR,
    reach=Reach.TOUCH,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    references=References(
        document=("Connect to Wi-Fi Carefully", "Encryption"),
        etsi=("5.5-1", "5.6-1"),
        nist=("Logical Access to Interfaces",),
        owasp_iot=("I2", "I7"),
        cwe=(319, 306),
    ),
)
def wifi_access_point_open(ctx: Context) -> Iterator[Verdict]:
    """hostapd or NetworkManager offers a network without encryption, or with WEP or the first WPA.

    What:
        The access points in /etc/hostapd (where hostapd is started at boot) and those of NetworkManager and netplan.

    Why:
        Whoever stands in the street is on the device's own network, behind its firewall, and reads what others send.

    Remedy:
        Protect the network with WPA2 or WPA3 and a long passphrase. In hostapd.conf: `wpa=2`, `wpa_key_mgmt=WPA-PSK`,
        `rsn_pairwise=CCMP` and `wpa_passphrase`; then `sudo systemctl restart hostapd`. With NetworkManager: `nmcli
        connection modify NAME wifi-sec.key-mgmt wpa-psk wifi-sec.psk PASSPHRASE`.
    Risk of the remedy:
        Everything that uses the network must be given the passphrase.
    """
    services = ctx.host.services
    started = not isinstance(services, Known) or bool(services.value.starting("hostapd", "hostapd@wlan0"))
    networks = [
        network
        for network in _radios(ctx).networks
        if network.access_point and (started or "hostapd" not in network.path)
    ]
    yield from _weak(ctx, networks, "The access point", "It offers no Wi-Fi network.")


@rule(
    "wifi-key-readable",
    "Every account may read the key of the Wi-Fi",
    subject="radios",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=3,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Connect to Wi-Fi Carefully", "Encryption"),
        etsi=("5.4-1",),
        nist=("Data Protection",),
        owasp_iot=("I7",),
        cwe=(732, 522),
    ),
    commands=("sudo chmod 0600 FILE",),
)
def wifi_key_readable(ctx: Context) -> Iterator[Verdict]:
    """A file that holds a Wi-Fi key may be read by others than root.

    What:
        The modes of the files of wpa_supplicant, NetworkManager, netplan, iwd and hostapd that hold a key.

    Why:
        The key lets whoever reads it into the home network, and any program on the device can read it there: so a web
        server that was broken into gives away the whole house.

    Remedy:
        Let only root read the file.
    Risk of the remedy:
        None: all of these programs read their files as root.
    """
    radios = _radios(ctx)
    failed = False
    for file in radios.key_files:
        # a group may edit wpa_supplicant's file on some systems; everybody must not
        if file.mode >= 0 and file.mode & 0o004:
            failed = True
            quoted = shlex.quote(file.path)
            yield fail(
                f"{file.path} (mode {file.mode:04o}, {file.user}:{file.group}) holds a Wi-Fi key.",
                Evidence(file.path, f"mode {file.mode:04o}"),
                subject=file.path,
                commands=(f"sudo chmod 0600 {quoted}",),
            )
    if radios.networks_unread is not None:
        yield unknown(radios.networks_unread.reason, subject="the rest", mend=radios.networks_unread.mend)
    elif not radios.key_files:
        yield not_applicable("No file here holds a Wi-Fi key.")
    elif not failed:
        yield passed(f"The {len(radios.key_files)} files with Wi-Fi keys are closed to other accounts.")


RULES = (wifi_weak_encryption, wifi_access_point_open, wifi_key_readable)
