"""The boot partition: config.txt, cmdline.txt, first-boot seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from thornwall.model.fact import Fact, Unknown
from thornwall.model.record import record

_UNREAD = Unknown("it was not read")


@record
class ConfigLine:
    """One setting of config.txt. `applies`: whether its sections hold for this board; None: the board is not known."""

    key: str
    value: str
    path: str
    line: int
    applies: bool | None = True
    section: str = "all"

    @property
    def text(self) -> str:
        """As it stands there."""
        return f"{self.key}={self.value}"


@record
class ConfigTxt:
    """config.txt as the firmware of this board reads it, includes followed. `lines`: every setting, in order."""

    path: str
    lines: tuple[ConfigLine, ...] = ()

    def setting(self, key: str) -> ConfigLine | None:
        """The line whose value counts (the last that applies); one that may apply, where it comes after that."""
        found = [line for line in self.lines if line.key == key and line.applies is not False]
        return found[-1] if found else None

    def overlay(self, *names: str) -> ConfigLine | None:
        """The line that loads one of the overlays: one that surely applies before one that may."""
        found = [
            line
            for line in self.lines
            if line.key in {"dtoverlay", "device_tree_overlay"}
            and line.value.split(",")[0].strip() in names
            and line.applies is not False
        ]
        return next((line for line in found if line.applies), found[0] if found else None)


class SeedSecret(StrEnum):
    """What a first-boot file gives away; the secret itself never leaves the device."""

    PASSWORD = "password"  # noqa: S105 - a hash, or in clear
    WIFI = "wifi key"
    NOPASSWD = "nopasswd"  # sudo without a password


@record
class Seed:
    """A first-boot file on the boot partition, and the lines of it that hold secrets: line -> what."""

    path: str
    secrets: Mapping[int, SeedSecret] = field(default_factory=dict)


@record
class Autologin:
    """Somebody is logged in at boot without a password: where, who, and the line that says so."""

    where: str
    user: str
    path: str
    line: int
    text: str


@record
class Boot:
    """How the board starts.

    `config`: Absent where there is no Raspberry Pi firmware. `cmdline`: the kernel's parameters, in their file, Absent
    where there is none such; `running`: those of the kernel that runs. `desktop`: autologins of display managers;
    `seeds_unread`, `desktop_unread`: why some of these files could not be read.
    """

    config: Fact[ConfigTxt] = _UNREAD
    cmdline: Fact[tuple[str, ...]] = _UNREAD
    cmdline_path: str = ""
    running: Fact[tuple[str, ...]] = _UNREAD
    seeds: tuple[Seed, ...] = ()
    seeds_unread: Unknown | None = None
    desktop: tuple[Autologin, ...] = ()
    desktop_unread: Unknown | None = None

    def parameters(self, name: str) -> tuple[str, ...]:
        """The values of a kernel parameter in cmdline.txt, in order; empty where it is not there or was not read."""
        words = getattr(self.cmdline, "value", ())
        return tuple(word.partition("=")[2] for word in words if word.partition("=")[0] == name)
