"""How the host is kept up to date."""

from __future__ import annotations

import re
from collections.abc import Mapping

from thornwall.facts import apt_conf, apt_lists, apt_pins, apt_sources
from thornwall.facts.redact import PLAIN, TEXT
from thornwall.facts.ssh import NOTHING
from thornwall.model.capture import Capture
from thornwall.model.fact import ABSENT, Absent, Fact, Known, Unknown
from thornwall.model.probe import Probe, Read
from thornwall.model.updates import Mark, Updates

_REBOOT = ("/run/reboot-required", "/var/run/reboot-required")
_RPI_UPDATE = ("/boot/firmware/.firmware_revision", "/boot/.firmware_revision")
_EEPROM = "/etc/default/rpi-eeprom-update"
_DEBSUMS = "/etc/default/debsums"
_AIDE = "/var/lib/aide/aide.db"
_DNF = ("/etc/dnf/automatic.conf", "/etc/dnf/dnf5-plugins/automatic.conf")

PROBES: tuple[Probe, ...] = (
    apt_lists.INSTALLED,
    apt_lists.OFFERED,
    *apt_conf.PROBES,
    *apt_sources.PROBES,
    *apt_pins.PROBES,
    *(Read(path, TEXT, limit=16_384) for path in (*_REBOOT, "/run/reboot-required.pkgs", *_DNF, _EEPROM, _DEBSUMS)),
    *(Read(path, PLAIN, limit=256) for path in _RPI_UPDATE),
    Read("/proc/version", PLAIN),
    Read(_AIDE, NOTHING, limit=0),
)

_BUILD = re.compile(r"\b(?:Debian|Ubuntu) ((?:\d+:)?\d[\w.+~-]*)")
_ASSIGNMENT = re.compile(r"\s*([A-Za-z_]+)\s*=\s*(.*?)\s*\Z")


def parse(capture: Capture) -> Fact[Updates]:
    """Always Known; its parts are what can be missing."""
    packages = apt_lists.packages(capture)
    sources, gap = apt_sources.parse(capture)
    installed = packages.value if isinstance(packages, Known) else {}
    lists = packages if isinstance(packages, Unknown) else apt_lists.lists(capture, installed)
    return Known(
        Updates(
            packages=packages,
            lists=lists,
            apt=apt_conf.parse(capture),
            sources=sources,
            sources_gap=gap,
            dnf_automatic=_dnf(capture),
            reboot=_first(capture, *_REBOOT),
            kernel_build=_kernel_build(capture),
            rpi_update=_first(capture, *_RPI_UPDATE),
            eeprom_frozen=_frozen(capture),
            debsums=_debsums(capture),
            aide_database=_first(capture, _AIDE),
        )
    )


def _first(capture: Capture, *paths: str) -> Fact[Mark]:
    """The first of these files that is there, with its first line."""
    answer: Fact[Mark] = ABSENT
    for path in paths:
        match capture.record(path):
            case Known(record):
                return Known(Mark(path, record.text.partition("\n")[0][:200]))
            case Unknown() as why:
                answer = why
            case _:
                pass
    return answer


def _kernel_build(capture: Capture) -> str:
    match capture.read("/proc/version"):
        case Known(text):
            found = _BUILD.search(text.rpartition("#")[2])  # before it stands the version of the compiler
            return found[1] if found else ""
        case _:
            return ""


def _dnf(capture: Capture) -> Fact[Mapping[str, Mark]]:
    """automatic.conf as `section.name` -> its line; that of dnf 5 where there is one."""
    for path in reversed(_DNF):
        match capture.read(path):
            case Known(text):
                return Known(_ini(path, text))
            case Unknown() as why:
                return why
            case Absent():
                pass
    return ABSENT


def _ini(path: str, text: str) -> dict[str, Mark]:
    section, found = "", {}
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()  # noqa: PLW2901
        if line.startswith("["):
            section = line.strip("[]").lower()
        elif not line.startswith(("#", ";")) and (match := _ASSIGNMENT.match(line)):
            found[f"{section}.{match[1].lower()}"] = Mark(path, f"{match[1]} = {match[2]}", number)
    return found


def _frozen(capture: Capture) -> Fact[Mark]:
    match capture.read(_EEPROM):
        case Known(text):
            for number, line in enumerate(text.split("\n"), 1):
                if re.match(r"\s*FREEZE_VERSION\s*=\s*[\"']?1", line):
                    return Known(Mark(_EEPROM, line.strip(), number))
            return ABSENT
        case other:
            return other if isinstance(other, Unknown) else ABSENT


def _debsums(capture: Capture) -> Fact[Mark]:
    match capture.read(_DEBSUMS):
        case Known(text):
            lines = [each for each in enumerate(text.split("\n"), 1) if re.match(r"\s*CRON_CHECK\s*=", each[1])]
            return Known(Mark(_DEBSUMS, lines[-1][1].strip(), lines[-1][0])) if lines else ABSENT
        case other:
            return other if isinstance(other, Unknown) else ABSENT
