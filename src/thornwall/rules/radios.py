"""Wi-Fi and Bluetooth: what is on, and how it is protected."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.boot import ConfigLine, ConfigTxt
from thornwall.model.fact import Known, Unknown
from thornwall.model.finding import (
    Attacker,
    Consequence,
    Effort,
    Evidence,
    FaultClass,
    Fixable,
    Kind,
    Move,
    Need,
    Reach,
    References,
)
from thornwall.model.radios import Radio, Radios
from thornwall.model.record import record
from thornwall.model.rule import Context, Preset, Verdict, fail, not_applicable, passed, rule, unknown
from thornwall.rules import radios_wifi
from thornwall.rules.offered import switch_off

_NONE = "nothing is known of its radios"


@record
class _Kind:
    """What differs between the two radios."""

    radio: Radio
    name: str
    overlays: tuple[str, ...]
    units: tuple[str, ...]
    without: tuple[str, ...]  # boards of Raspberry Pi that have none


_OLD = ("Raspberry Pi Model", "Raspberry Pi 2 ", "Raspberry Pi Zero Rev", "Compute Module Rev", "Compute Module 3")
_BLUETOOTH = _Kind(
    Radio.BLUETOOTH,
    "Bluetooth",
    ("disable-bt", "pi3-disable-bt", "disable-bt-pi5"),
    ("bluetooth.service", "hciuart.service"),
    _OLD,
)
_WIFI = _Kind(
    Radio.WIFI,
    "Wi-Fi",
    ("disable-wifi", "pi3-disable-wifi", "disable-wifi-pi5"),
    ("wpa_supplicant.service",),
    _OLD,
)


def _radios(ctx: Context) -> Radios:
    return ctx.known(ctx.host.radios, absent=_NONE)


def _config(ctx: Context) -> ConfigTxt | None:
    boot = ctx.host.boot
    config = boot.value.config if isinstance(boot, Known) else None
    return config.value if isinstance(config, Known) else None


def _masked(ctx: Context, kind: _Kind) -> Evidence | None:
    """The units that drive the radio, if every one of them that is there is masked."""
    services = ctx.host.services
    if not isinstance(services, Known):
        return None
    units = [unit for name in kind.units if (unit := services.value.unit(name)) is not None]
    if units and all(unit.state == "masked" for unit in units):
        return Evidence(units[0].path, "masked")
    return None


def _line(line: ConfigLine) -> Evidence:
    return Evidence(line.path, line.text, line.line)


def _on(ctx: Context, kind: _Kind) -> Iterator[Verdict]:
    """Whether the radio is on: by its driver where a running system tells, else by what the firmware is told."""
    radios = _radios(ctx)
    config = _config(ctx)
    off = config.overlay(*kind.overlays) if config else None
    masked = _masked(ctx, kind)
    if isinstance(radios.adapters, Known):
        adapters = radios.of(kind.radio)
        if not adapters:
            if off is not None and off.applies:
                yield passed(f"The firmware switches {kind.name} off.", _line(off))
            else:
                yield not_applicable(f"The running system has no {kind.name}.")
        for adapter in adapters:
            shown = Evidence(adapter.source, adapter.name)
            if adapter.blocked:
                yield passed(f"rfkill keeps {adapter.name} silent ({adapter.blocked}).", shown, subject=adapter.name)
            elif masked is not None:
                yield passed(f"Nothing may start {adapter.name}.", shown, masked, subject=adapter.name)
            else:
                dongle = ", a USB dongle, which config.txt does not cover" if adapter.usb else ""
                yield from _fail(ctx, kind, f"{kind.name} is on ({adapter.name}{dongle}).", adapter.name, shown)
        return
    yield from _by_files(ctx, kind, off, masked)


def _by_files(ctx: Context, kind: _Kind, off: ConfigLine | None, masked: Evidence | None) -> Iterator[Verdict]:
    config, radios = _config(ctx), _radios(ctx)
    host = ctx.host.host
    model = host.value.model if isinstance(host, Known) else ""
    if config is not None:
        if any(board in model for board in kind.without):
            yield not_applicable(f"{model} has no {kind.name}.")
        elif off is not None and off.applies is None:
            yield unknown(
                f"{off.path}:{off.line} switches {kind.name} off for [{off.section}], and the board is not known."
            )
        elif off is not None:
            yield passed(f"The firmware switches {kind.name} off.", _line(off), *([masked] if masked else []))
        elif masked is not None:
            yield passed(f"Nothing may start {kind.name}.", masked)
        elif kind is _WIFI and radios.wifi_disabled is not None:
            state = Evidence(
                "/var/lib/NetworkManager/NetworkManager.state", "WirelessEnabled=false", radios.wifi_disabled
            )
            yield passed("NetworkManager keeps Wi-Fi off.", state)
        else:
            detail = f"{kind.name} is on: nothing in {config.path} switches it off."
            yield from _fail(ctx, kind, detail, "host", Evidence(config.path, f"no dtoverlay={kind.overlays[0]}"))
        return
    services = ctx.host.services
    enabled = services.value.starting(*kind.units) if isinstance(services, Known) else ()
    why = radios.adapters
    if not enabled or not isinstance(why, Unknown):
        yield not_applicable(f"It is no Raspberry Pi, and nothing starts {kind.name}.")
    else:
        yield unknown(f"{enabled[0].name} starts at boot, but {why.reason}.", mend=why.mend)


def _fail(ctx: Context, kind: _Kind, detail: str, subject: str, *evidence: Evidence) -> Iterator[Verdict]:
    needed = _needed(ctx, kind, subject)
    said = f"{detail} {needed}" if needed else detail
    moves = (Move("likelihood", -1, needed.rstrip(".")), Move("impact", -1, needed.rstrip("."))) if needed else ()
    config = _config(ctx)
    commands: tuple[str, ...] = ()
    if needed:
        commands = ("nmcli connection show",) if kind is _WIFI else ("bluetoothctl devices Paired",)
    elif config is not None:
        line = rf"printf '\n[all]\ndtoverlay={kind.overlays[0]}\n' | sudo tee -a {config.path}"
        services = ctx.host.services
        commands = (line, *(switch_off(services.value, kind.units) if isinstance(services, Known) else ()))
    yield fail(said, *evidence, subject=subject, moves=moves, commands=commands)


def _needed(ctx: Context, kind: _Kind, adapter: str) -> str:
    """What uses the radio now, as a sentence; empty if nothing that can be seen does."""
    if kind is _BLUETOOTH:
        devices = _radios(ctx).input_devices
        if isinstance(devices, Known) and devices.value:
            return f"A {devices.value[0]} is paired with it."
        return ""
    network = ctx.host.network
    if isinstance(network, Known) and isinstance(_radios(ctx).adapters, Known):
        for route in network.value.default_routes:
            if route.interface == adapter:
                return f"The device's own connection goes through {adapter}."
    if any(each.access_point for each in _radios(ctx).networks):
        return "It is an access point for others."
    return ""


@rule(
    "bluetooth-on",
    "Bluetooth is on",
    subject="radios",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.INTERFACE,
    likelihood=1,
    impact=3,
    attacker=Attacker.NEAR,
    reach=Reach.TOUCH,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.DOCUMENTS,
    needs=(Need.REBOOT,),
    references=References(
        document=("Disable Bluetooth", "Practical Steps to Secure IoT Devices", "Identify the attack surface"),
        cis_debian12=("3.1.3",),
        ssg=("service_bluetooth_disabled",),
        etsi=("5.6-1",),
        nist=("Logical Access to Interfaces",),
        owasp_iot=("I2",),
        cwe=(1125,),
    ),
    commands=(
        r"printf '\n[all]\ndtoverlay=disable-bt\n' | sudo tee -a /boot/firmware/config.txt",
        "sudo systemctl disable --now bluetooth.service hciuart.service",
    ),
)
def bluetooth_on(ctx: Context) -> Iterator[Verdict]:
    """Bluetooth is on, and nothing that can be seen here needs it.

    What:
        On a running system whether there is a Bluetooth adapter that rfkill does not keep silent. On a card or a
        folder, and in a container, whether config.txt switches the board's own adapter off for this board, or its
        services are masked.

    Why:
        Whoever is within some ten metres, or with a good antenna much farther, can talk to it. Its protocols and
        drivers have had flaws that gave strangers the device without any pairing. What is off cannot be attacked.

    Remedy:
        Switch Bluetooth off in the firmware, if nothing uses it, and reboot. `dtoverlay=disable-bt` goes under a fresh
        `[all]` at the end of /boot/firmware/config.txt (/boot/config.txt before bookworm), since the file that ships
        ends in a section for one board only. `sudo echo … >> /boot/config.txt`, which guides show, fails: the shell,
        not sudo, opens the file, and the file has moved. A USB dongle is not covered: unplug it, or `sudo rfkill block
        bluetooth`.
    Risk of the remedy:
        Bluetooth keyboards, mice, speakers and sensors stop: make sure that you have another way in.
    """
    yield from _on(ctx, _BLUETOOTH)


@rule(
    "wifi-on",
    "Wi-Fi is on",
    subject="radios",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.INTERFACE,
    likelihood=1,
    impact=3,
    attacker=Attacker.NEAR,
    reach=Reach.TOUCH,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.NEEDS_ANSWER,
    preset=Preset.DOCUMENTS,
    needs=(Need.REBOOT,),
    references=References(
        document=("Disable WiFi", "Connect to Wi-Fi Carefully", "Identify the attack surface"),
        cis_debian12=("3.1.2",),
        ssg=("wireless_disable_interfaces",),
        etsi=("5.6-1",),
        nist=("Logical Access to Interfaces",),
        owasp_iot=("I2",),
        cwe=(1125,),
    ),
    commands=(r"printf '\n[all]\ndtoverlay=disable-wifi\n' | sudo tee -a /boot/firmware/config.txt",),
)
def wifi_on(ctx: Context) -> Iterator[Verdict]:
    """Wi-Fi is on. Where the device's own connection goes through it, that is a reason to keep it, and ranks low.

    What:
        On a running system whether there is a Wi-Fi adapter that rfkill does not keep silent. On a card or a folder,
        and in a container, whether config.txt switches the board's own adapter off for this board.

    Why:
        A radio can be reached through walls, by its driver alone even where no network is joined; and a device with a
        cable and Wi-Fi is a bridge around the firewall between both.

    Remedy:
        Switch Wi-Fi off in the firmware, if the device hangs on a cable, and reboot. `dtoverlay=disable-wifi` goes
        under a fresh `[all]` at the end of /boot/firmware/config.txt (/boot/config.txt before bookworm). `sudo echo …
        >> /boot/config.txt`, which guides show, fails: the shell, not sudo, opens the file, and the file has moved. If
        it has to stay on Wi-Fi, put it on a network of its own.
    Risk of the remedy:
        A device that is reached by Wi-Fi is gone. Plug in a cable and log in over it before you reboot.
    """
    yield from _on(ctx, _WIFI)


RULES = (bluetooth_on, wifi_on, *radios_wifi.RULES)
