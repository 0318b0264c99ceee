"""The laws of every fix, in memory, on each host of tests/cases, and those that tests/recorded.py has.

What a plan mends is no finding once it is done, the second plan has nothing of it, and each operation knows the bytes
that it finds, which undo gives back.

What a tool does as it likes is left to `test_laws_recorded.py`, which also tells what no host has, and why.
`tests/lab/test_laws.py` has the same laws on booted hosts, where the owner's own tools say what is so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import pytest

from tests import casefolder, recorded
from tests.recorded import BEYOND
from thornwall.facts.registry import probes
from thornwall.model.capture import Capture
from thornwall.model.plan import Mend, Plan, Step
from thornwall.model.probe import Run
from thornwall.plan.fix import Situation
from thornwall.plan.planner import Choice

from . import laws_hosts, memory
from .laws_hosts import situation

BEYOND_ON = {"recorded/other": frozenset({"remote-console-listening", "telnet-listening"})}
"""Of single hosts: their sockets are inetd's and systemd's own."""


@cache
def cases() -> tuple[tuple[str, Capture], ...]:
    """Every host of tests/cases, and those on which hardenings were recorded, as they were before; each that ran once
    more as a card, without what only a running one tells."""
    running = {probe.name for probe in probes() if isinstance(probe, Run) and probe.live}
    folders = [file.parent for file in sorted(casefolder.CASES.glob("*/*/expect.toml"))]
    hosts = [(str(folder.relative_to(casefolder.CASES)), casefolder.load(folder)) for folder in folders]
    hosts += [(f"recorded/{name}", recorded.capture(name, "before")) for name in recorded.table()]
    found: list[tuple[str, Capture]] = []
    for name, capture in hosts:
        if capture.manifest.uid:
            continue  # nobody plans without root's rights
        found.append((name, capture))
        if capture.live:
            told = {name_: said for name_, said in capture.commands.items() if name_ not in running}
            manifest = replace(capture.manifest, source="directory", skipped=dict.fromkeys(running, "live"))
            found.append((f"{name} at rest", replace(capture, manifest=manifest, commands=told)))
    return tuple(found)


def plan(there: Situation) -> Plan:
    # (AppArmor is a package, and its step the kernel's command line, which others share)
    return laws_hosts.plan(there, Choice(skip=frozenset({"no-mac"})))


def done_in_memory(made: Plan) -> tuple[Step, ...]:
    """Without what waits for a start, what a tool does that is not in memory, and all that hangs on such a step."""
    out = {mend for step in made.steps if _elsewhere(step) for mend in step.mends}
    return tuple(step for step in made.steps if not _elsewhere(step) and not out.intersection(step.mends))


def _elsewhere(step: Step) -> bool:
    return recorded.elsewhere(step) or step.first_start


@dataclass(frozen=True)
class Tried:
    """What the plan of a host is to mend, and what is a finding all the same once it is done; the host at the end."""

    wanted: frozenset[Mend]
    still: frozenset[Mend]
    awaiting: frozenset[Mend]
    second: frozenset[Mend]
    after: Capture
    back: Capture


@cache
def tried(number: int) -> Tried:
    """The host of that number, there and back."""
    name, capture = cases()[number]
    beyond = BEYOND.keys() | BEYOND_ON.get(name, frozenset())
    steps = done_in_memory(plan(situation(capture)))
    operations = [operation for step in steps for operation in step.operations]
    after = memory.done(capture, operations)
    then = situation(after)
    return Tried(
        wanted=frozenset(mend for step in steps for mend in step.mends if mend.rule not in beyond),
        still=frozenset(Mend(each.rule, each.subject) for each in then.findings),
        awaiting=frozenset(mend for step in steps if step.awaits_reboot and capture.live for mend in step.mends),
        second=frozenset(plan(then).mends),
        after=after,
        back=memory.undone(after, capture, reversed(operations)),
    )


NAMES = [name for name, _ in cases()]


@pytest.mark.parametrize("number", range(len(NAMES)), ids=NAMES)
def test_the_laws_hold(number: int) -> None:
    found = tried(number)
    mended = found.wanted - found.awaiting
    assert sorted(mend.rule for mend in mended & found.still) == []
    assert sorted(mend.rule for mend in mended & found.second) == []
    assert _of_disk(found.back) == _of_disk(cases()[number][1])


def seen(number: int) -> frozenset[Mend]:
    """What is mended there, and no finding any more."""
    found = tried(number)
    return found.wanted - found.still


def _of_disk(capture: Capture) -> dict[str, object]:
    return {path: record for path, record in capture.files.items() if not path.startswith("/proc/")}
