"""Units: what starts at boot, and what runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from thornwall.model.record import record


@record
class Setting:
    """One assignment of a unit file or drop-in: `[section] key=value`, and where it stands."""

    section: str
    key: str
    value: str
    path: str
    line: int


@record
class Unit:
    """One systemd unit, as its files and links have it.

    `state`: `enabled` (a link of the administrator's starts it), `static` (the distribution's own links do),
    `masked`, `missing` (a link to a unit that is not there) or `disabled` (nothing starts it at boot; something may
    still start it by hand, by D-Bus or because another unit wants it). `links`: the links that start it. `active` is
    its live state (`active`, `inactive`, `failed`…), empty where no running system was asked or it is not loaded.
    `settings`: the lines of its file and drop-ins in the order in which systemd reads them; empty where they were not
    read (only units of /etc, /run and /usr/local, and sockets, are).
    """

    name: str
    path: str = ""
    state: str = "disabled"
    links: tuple[str, ...] = ()
    active: str = ""
    settings: tuple[Setting, ...] = ()

    @property
    def enabled(self) -> bool:
        """Whether it is started at boot."""
        return self.state in {"enabled", "static"}

    @property
    def where(self) -> str:
        """The path that shows its state best: the link that enables it, else its own file."""
        return self.links[0] if self.links else self.path

    def all(self, key: str) -> tuple[Setting, ...]:
        """Every assignment of a list setting that still counts: an empty one clears those before it."""
        kept: list[Setting] = []
        for setting in self.settings:
            if setting.key == key:
                kept = [*kept, setting] if setting.value else []
        return tuple(kept)

    def last(self, key: str) -> str:
        """The value of a single setting: the last one wins; empty where it is not set."""
        return next((setting.value for setting in reversed(self.settings) if setting.key == key), "")

    @property
    def commands(self) -> tuple[Setting, ...]:
        """What it runs when it starts."""
        if not self.settings:  # most units: nobody reads what nothing starts
            return ()
        return tuple(
            setting
            for key in ("ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost")
            for setting in self.all(key)
        )

    @property
    def listens(self) -> tuple[Setting, ...]:
        """Where systemd listens for a socket unit (ListenStream, ListenDatagram)."""
        return self.all("ListenStream") + self.all("ListenDatagram")


@record
class InetdEntry:
    """A service that inetd or xinetd answers for: its name, the server program, and the line that says so."""

    name: str
    protocol: str
    user: str
    server: str
    path: str
    line: int
    text: str


COMPANIONS = (".socket", ".path", ".timer")


@dataclass(frozen=True)
class Services:
    """What starts at boot, from the unit files and links; and, where `live`, what runs.

    `units` has every unit that has a link, a file in /etc, /run or /usr/local, or a live state; with `listed` it has
    every unit file of the host. `aliases`: other name -> unit name. `inetd`: the entries that are switched on, whether
    or not an inetd runs.
    """

    units: Mapping[str, Unit] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    inetd: tuple[InetdEntry, ...] = ()
    default_target: str = ""
    listed: bool = False
    live: bool = False

    def unit(self, name: str) -> Unit | None:
        """The unit of that name or alias; a name without a suffix means a service."""
        name = name if "." in name else f"{name}.service"
        return self.units.get(self.aliases.get(name, name)) or self.units.get(name)

    def enabled(self, name: str) -> bool:
        """Whether the unit is started at boot, by itself (see `starting` for sockets that start it)."""
        unit = self.unit(name)
        return unit is not None and unit.enabled

    def masked(self, name: str) -> bool:
        """Whether the unit cannot be started at all."""
        unit = self.unit(name)
        return unit is not None and unit.state == "masked"

    def active(self, name: str) -> bool:
        """Whether it runs now (False where nobody asked: see `live`)."""
        unit = self.unit(name)
        return unit is not None and unit.active in {"active", "activating", "reloading"}

    def starting(self, *names: str) -> tuple[Unit, ...]:
        """The units among these, and their sockets, paths and timers, that are started at boot.

        A masked service cannot be started by its socket either, so that its companions do not count.
        """
        found: dict[str, Unit] = {}
        for name in names:
            full = name if "." in name else f"{name}.service"
            if full in self._starts:
                unit = self._starts[full]
                found[unit.name] = unit
            if full in self._woken and not self.masked(full):
                found.update((unit.name, unit) for unit in self._woken[full])
        return tuple(found.values())

    @cached_property
    def _woken(self) -> Mapping[str, list[Unit]]:
        """Service -> the sockets, paths and timers of its name that are started at boot."""
        found: dict[str, list[Unit]] = {}
        for suffix in COMPANIONS:
            for name, unit in self._starts.items():
                if name.endswith(suffix):
                    found.setdefault(f"{name.removesuffix(suffix)}.service", []).append(unit)
        return found

    @cached_property
    def _starts(self) -> Mapping[str, Unit]:
        """The units that are started at boot, by every name that leads to one: most names asked for are no unit's."""
        found = {name: unit for name, unit in self.units.items() if unit.enabled}
        for alias, name in self.aliases.items():
            unit = self.units.get(name)
            if unit is not None and unit.enabled:
                found[alias] = unit
            elif unit is not None:
                found.pop(alias, None)
        return found

    @property
    def inetd_unit(self) -> Unit | None:
        """The super-server that is started at boot (or runs now), if any."""
        for name in ("inetd", "openbsd-inetd", "inetutils-inetd", "xinetd"):
            unit = self.unit(name)
            if unit is not None and (unit.enabled or unit.active == "active"):
                return unit
        return None
