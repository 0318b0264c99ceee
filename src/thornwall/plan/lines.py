"""What fixes and interlocks have in common: edits of single lines, units that the host has, what a wish would write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from thornwall.model.change import EditLine, OwnLine, UnitsOff, Wish, WriteFile
from thornwall.model.fact import Known
from thornwall.model.finding import Evidence, Finding
from thornwall.model.network import Network
from thornwall.model.services import COMPANIONS, Services
from thornwall.plan.fix import Situation


def exact_lines(situation: Situation, path: str) -> tuple[str, ...]:
    """The lines of the file without their ends; none where it is not known to the byte."""
    match situation.exact(path):
        case Known(content):
            return tuple(content.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n"))
        case _:
            return ()


def edit(
    situation: Situation, path: str, number: int | None, change: Callable[[str], str | None]
) -> Iterator[EditLine]:
    """That line as `change` has it (None: it goes); nothing where it is not known, or stays as it is."""
    lines = exact_lines(situation, path)
    if number is not None and 0 < number <= len(lines):
        old = lines[number - 1]
        new = change(old)
        if new != old:
            yield EditLine(path, number, old, new)


def seen_lines(finding: Finding) -> Iterator[Evidence]:
    """The evidence that is a line of a file."""
    return (each for each in finding.evidence if each.line is not None and each.source.startswith("/"))


def services_of(situation: Situation) -> Services:
    """The fact, empty where it was not read."""
    return situation.facts.services.value if isinstance(situation.facts.services, Known) else Services()


def network_of(situation: Situation) -> Network:
    """The fact, empty where it was not read."""
    return situation.facts.network.value if isinstance(situation.facts.network, Known) else Network()


def written(wish: Wish) -> str:
    """The text that a wish would put into a file, empty if it is about something else."""
    match wish:
        case EditLine(new=new):
            return new or ""
        case OwnLine(line=line):
            return line
        case WriteFile(content=content):
            return content.decode("utf-8", "replace")
        case _:
            return ""


def off(situation: Situation, names: Iterable[str]) -> Iterator[UnitsOff]:
    """Units to switch off, with the sockets, paths and timers that would start them: those that the host has.

    A name without a suffix means a service. Nothing where none of them is there, or all are masked.
    """
    services = services_of(situation)
    wanted = [
        each
        for name in (name if "." in name else f"{name}.service" for name in names)
        for each in (name, *(name.removesuffix(".service") + kind for kind in COMPANIONS if name.endswith(".service")))
    ]
    units = (services.unit(name) for name in wanted)
    there = dict.fromkeys(unit.name for unit in units if unit is not None and unit.state not in {"masked", "missing"})
    if there:
        yield UnitsOff(tuple(there))
