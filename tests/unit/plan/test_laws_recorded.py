"""The laws of every fix, on what a real hardening came to: what a tool writes as it likes, no model in memory has.

Each host of tests/recorded.py was captured before, after, and undone. Its plan is still the one that was carried out;
what that mends is no finding afterwards, a second plan has nothing of it, and it is a finding again once it is undone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import pytest

from tests import recorded
from thornwall.facts import originals
from thornwall.model.finding import Status
from thornwall.model.plan import Mend, Plan, Undoing
from thornwall.model.rule import Preset
from thornwall.plan.planner import Choice
from thornwall.plan.registry import FIXES

from . import laws_hosts, test_laws

TRIALS = tuple(recorded.table())
GOOD = {Status.PASS, Status.NOT_APPLICABLE, None}

_LISTS = "lists that were fetched are not made old again"
STAYS = {
    ("firewall-half", "firewall-no-ipv6"): "ufw, told to leave IPv6 alone, lets none of it in once it starts again",
    ("lists", "stale-package-lists"): _LISTS,
    ("lists", "pending-security-updates"): _LISTS,
}
"""What is mended all the same once it is undone, besides updates: (trial, rule) -> why."""

LEFT = {
    "mail-server-listening": "the lab has no package of a mail server, and its own tool is the whole fix",
}
"""Fixes that no host in memory has: rule -> why."""


@dataclass(frozen=True)
class Looked:
    """A host at some time: what is planned there, as it was when it was recorded, and what each rule says."""

    plan: Plan
    says: dict[tuple[str, str], Status]


@cache
def looked(trial: str, when: str) -> Looked:
    wished = recorded.table()[trial]
    preset, capture = Preset[wished["preset"]], recorded.capture(trial, when)
    choice = Choice(only=frozenset(wished["only"]), skip=frozenset(wished["skip"]))
    there = laws_hosts.situation(capture, preset, wished["accepts"], originals.parse(capture))
    return Looked(laws_hosts.plan(there, choice), laws_hosts.verdicts(there))


@cache
def mended(trial: str) -> frozenset[Mend]:
    """What the plan mends: at once, but for a machine, which had started anew before it was captured."""
    waited = recorded.table()[trial]["machine"]
    steps = looked(trial, "before").plan.steps
    return frozenset(mend for step in steps if waited or not step.awaits_reboot for mend in step.mends)


@pytest.mark.parametrize("trial", TRIALS)
def test_the_plan_is_what_was_done(trial: str) -> None:
    """Where it is not, record anew: python -m tests.lab.laws_captures TRIAL."""
    assert recorded.steps(looked(trial, "before").plan.steps) == recorded.table()[trial]["steps"]


@pytest.mark.parametrize("trial", TRIALS)
def test_what_is_mended_is_no_finding(trial: str) -> None:
    before, after = looked(trial, "before"), looked(trial, "after")
    left = {(mend.rule, mend.subject): after.says.get((mend.rule, mend.subject)) for mend in mended(trial)}
    assert {mend: status for mend, status in left.items() if status not in GOOD} == {}
    rules = {mend.rule for mend in mended(trial)}
    doubtful = {mend for mend, status in after.says.items() if mend[0] in rules and status is Status.UNKNOWN}
    assert {mend for mend in doubtful if before.says.get(mend) is not Status.UNKNOWN} == set()
    assert sorted(mend.rule for mend in after.plan.mends) == []


@pytest.mark.parametrize("trial", TRIALS)
def test_what_is_undone_is_as_before(trial: str) -> None:
    """Whatever rule it is, mended or not."""
    before, undone = looked(trial, "before"), looked(trial, "undone")
    all_ = before.says.keys() | undone.says.keys()
    others = {rule for rule, subject in all_ if before.says.get((rule, subject)) != undone.says.get((rule, subject))}
    stay = {rule for name, rule in STAYS if name == trial}
    kept = {mend.rule for step in before.plan.steps if step.undoing is Undoing.KEEPS for mend in step.mends}
    assert others - kept == stay
    wanted, again = ({mend for mend in each.plan.mends if mend.rule not in stay | kept} for each in (before, undone))
    assert again == wanted


@pytest.mark.parametrize("trial", TRIALS)
def test_nothing_is_told_of_who_recorded(trial: str) -> None:
    """A host's apt asks the mirror of the machine that built it, whose address is nobody's business."""
    for when in recorded.WHEN:
        files = recorded.capture(trial, when).files
        lists = [record.text for path, record in files.items() if path.startswith("/etc/apt/sources.list")]
        hosts = {host for text in lists for host in re.findall(r"https?://([^/\s]+)", text)}
        assert hosts <= {"deb.debian.org", "archive.raspberrypi.invalid"}


def test_every_fix_has_a_host_or_a_reason() -> None:
    """In memory, or recorded: `BEYOND` and what tools do has to be recorded, the rest has to be in memory."""
    seen = {mend.rule for number in range(len(test_laws.NAMES)) for mend in test_laws.seen(number)}
    was = {mend.rule for trial in TRIALS for mend in mended(trial)}
    assert sorted(FIXES.keys() - seen - was - LEFT.keys()) == []
    assert sorted(LEFT.keys() & (seen | was)) == []
    assert sorted(LEFT.keys() - FIXES.keys()) == []
    assert sorted(recorded.BEYOND.keys() - was) == []
    assert sorted(recorded.BEYOND.keys() & seen) == []
