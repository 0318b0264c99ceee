"""Fixes of the rules about radios: off in the firmware and in systemd; keys for root alone."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.boot import ConfigTxt
from thornwall.model.change import EditLine, Purpose, SetMode
from thornwall.model.fact import Known
from thornwall.model.finding import Finding
from thornwall.model.plan import Undoing
from thornwall.plan.fix import Fix, Hold, Situation, Want, fix
from thornwall.plan.lines import exact_lines, off

PATHS: tuple[str, ...] = ("/boot/config.txt", "/boot/firmware/config.txt")


def _overlay(situation: Situation, name: str) -> Iterator[EditLine]:
    """The overlay under a fresh `[all]` at the end: the files that ship end in a section for one board alone."""
    boot = situation.facts.boot
    config = boot.value.config if isinstance(boot, Known) else None
    if not isinstance(config, Known) or _there(config.value, name):
        return
    if exact_lines(situation, config.value.path):
        yield EditLine(config.value.path, 0, "", f"[all]\ndtoverlay={name}")


def _there(config: ConfigTxt, name: str) -> bool:
    line = config.overlay(name, f"pi3-{name}", f"{name}-pi5")
    return line is not None and line.applies is True


@fix(
    "bluetooth-on",
    step="bluetooth",
    purpose=Purpose.RADIOS,
    title="Switch Bluetooth off",
    undoing=Undoing.REBOOT,
    awaits_reboot=True,
)
def bluetooth(situation: Situation, _finding: Finding) -> Iterator[Want]:
    """Its services at once; on a Raspberry Pi also the chip, from the next start on."""
    yield from off(situation, ("bluetooth", "hciuart"))
    yield from _overlay(situation, "disable-bt")


@fix(
    "wifi-on",
    step="wifi",
    purpose=Purpose.RADIOS,
    title="Switch Wi-Fi off",
    undoing=Undoing.REBOOT,
    awaits_reboot=True,
    may_break=("A wired network that asks for a login (802.1X) is joined by the same program, and no longer is.",),
)
def wifi(situation: Situation, _finding: Finding) -> Iterator[Want]:
    """Whether it is needed at times, only the owner knows."""
    wishes: tuple[Want, ...] = (*off(situation, ("wpa_supplicant",)), *_overlay(situation, "disable-wifi"))
    if wishes:
        yield Hold(
            "wifi-on",
            "No program can see whether the device needs Wi-Fi, now and then or when its cable is out.",
            "If it needs only its cable, say so.",
            accept=True,
        )
        yield from wishes


@fix(
    "wifi-key-readable",
    step="wifi-keys",
    purpose=Purpose.PERMISSIONS,
    title="Let root alone read the keys of the Wi-Fi",
)
def key(_situation: Situation, finding: Finding) -> Iterator[Want]:
    """A group that may edit the file goes on doing so."""
    yield SetMode(finding.subject, clear=0o007)


FIXES: tuple[Fix, ...] = (bluetooth, wifi, key)
