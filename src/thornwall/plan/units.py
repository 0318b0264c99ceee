"""Wishes about units to operations. A mask is one link: it is exact, and undo needs to know no more."""

from __future__ import annotations

from thornwall.model.change import ABSENT, DropFile, Operation, PutLink, UnitDo
from thornwall.model.fact import Known
from thornwall.model.services import Services, Unit
from thornwall.plan.fix import Situation

_OWN = "/etc/systemd/system/"
_NULL = "/dev/null"


def switched_off(situation: Situation, names: tuple[str, ...]) -> tuple[Operation, ...]:
    """Masks units of packages, takes the links to those that live in /etc, and stops them all.

    Units that the host has not, and those that are masked already, are left out.
    """
    services = _services(situation)
    operations: list[Operation] = []
    stop: list[str] = []
    for name in dict.fromkeys(names):
        unit = services.units.get(services.aliases.get(name, name)) or _instance(services, name)
        if unit is None or unit.state == "masked":
            continue
        operations += _kept_from_starting(situation, unit)
        stop.append(unit.name)
    if stop and situation.capture.live:
        operations.append(UnitDo("stop", tuple(stop)))
    return tuple(operations)


def switched_on(situation: Situation, names: tuple[str, ...]) -> tuple[Operation, ...]:
    """Enables and starts units; a mask of theirs goes first."""
    services = _services(situation)
    operations: list[Operation] = []
    for name in names:
        unit = services.units.get(services.aliases.get(name, name))
        mask = f"{_OWN}{name}"
        if unit is not None and unit.state == "masked" and situation.state(mask) == Known(f"link:{_NULL}"):
            operations.append(DropFile(mask, f"link:{_NULL}"))
    operations.append(UnitDo("enable", names))
    if situation.capture.live:
        operations.append(UnitDo("start", names))
    return tuple(operations)


def _kept_from_starting(situation: Situation, unit: Unit) -> list[Operation]:
    place = f"{_OWN}{unit.name}"
    if unit.path.startswith(_OWN) and not _is_link(situation, place):
        # systemd does not mask a unit whose file stands where the mask would: its links go instead
        return [
            DropFile(link, state.value)
            for link in unit.links
            if isinstance(state := situation.state(link), Known) and state.value.startswith("link:")
        ]
    before = situation.state(place)
    # where it is not known, the device refuses if there is something after all
    return [PutLink(place, _NULL, before.value if isinstance(before, Known) else ABSENT)]


def _is_link(situation: Situation, path: str) -> bool:
    match situation.state(path):
        case Known(state):
            return state.startswith("link:")
        case _:
            return False


def _instance(services: Services, name: str) -> Unit | None:
    """An instance of a template (`getty@tty1.service`) that has no link of its own can be masked like a unit."""
    template = name.partition("@")[0] + "@." + name.rpartition(".")[2]
    return Unit(name) if "@" in name and template in services.units else None


def _services(situation: Situation) -> Services:
    match situation.facts.services:
        case Known(services):
            return services
        case _:
            return Services()
