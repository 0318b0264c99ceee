"""What a fix is: a pure function from a situation and one finding to wishes."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from thornwall.model.capture import Capture
from thornwall.model.change import ABSENT, Purpose, Wish, sha256
from thornwall.model.fact import Fact, Known, Unknown
from thornwall.model.finding import Finding
from thornwall.model.originals import OTHER, Originals
from thornwall.model.plan import Answers, Undoing, WayIn
from thornwall.model.profile import Profile
from thornwall.model.rule import Preset, Value
from thornwall.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Hold:
    """An interlock holds: the name of the interlock, why, and what unlocks it.

    `accept`: whether the owner may say 'all the same' (`--accept INTERLOCK[:SUBJECT]`), which is only so where that
    cannot lock him out; `subject`: what he then names (an account, a unit).
    """

    interlock: str
    why: str
    unlock: str
    subject: str = ""
    accept: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """The fix needs an answer first: a new password for `account`, or something else in words."""

    text: str
    account: str = ""


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a fix and an interlock may look at.

    `values`: by rule, the values of its options. `findings`: every failed finding of this audit. `first_start`: this is
    for a job of the first start of a system that nobody has seen running.
    """

    facts: Snapshot
    capture: Capture
    originals: Originals = field(default_factory=Originals)
    way_in: WayIn = field(default_factory=WayIn)
    answers: Answers = field(default_factory=Answers)
    preset: Preset = Preset.RECOMMENDED
    profile: Profile = field(default_factory=Profile)
    values: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    first_start: bool = False

    def state(self, path: str) -> Fact[str]:
        """What is at `path` before: a sha256, `link:TARGET`, or `absent`; Unknown where it was not asked for."""
        found = self.originals.hashes.get(path)
        if found == OTHER:
            return Unknown(f"{path} is neither a file that could be read nor a link")
        if found is not None:
            return Known(found)
        # as in sh: `*` crosses no `/`, and no dot at the front
        asked = (each for each in self.originals.asked if each.count("/") == path.count("/"))
        hidden = path.rpartition("/")[2].startswith(".")
        if any(path == each or (not hidden and fnmatch.fnmatchcase(path, each)) for each in asked):
            return Known(ABSENT)
        return Unknown(f"{path} was not read for planning")

    def exact(self, path: str) -> Fact[bytes]:
        """The bytes of the file, only if they are proven to be all of it: redaction may have left something out."""
        sent = self.originals.contents.get(path)
        if sent is not None and self.state(path) == Known(sha256(sent)):
            return Known(sent)
        match self.state(path), self.capture.record(path):
            case Known(expect), Known(record) if record.content is not None and sha256(record.content) == expect:
                return Known(record.content)
            case Known(), Known():
                return Unknown(f"{path} holds what is not read out, so it is not edited by the program")
            case Unknown() as unknown, _:
                return unknown
            case _, other:
                return other if not isinstance(other, Known) else Unknown(f"{path} was not read")


Want: TypeAlias = Wish | Hold | Ask
Make: TypeAlias = Callable[[Situation, Finding], Iterable[Want]]


@dataclass(frozen=True, slots=True)
class Fix:
    """How the findings of one rule are mended. Fixes that share `step` are done, or not, as one.

    `title`: what is done, as an order ('Ask for a key instead of a password'). `may_break`: more than the rule's own
    'Risk of the remedy' says. A fix that yields nothing for a finding leaves it to a person.
    """

    rule: str
    step: str
    purpose: Purpose
    title: str
    make: Make
    may_break: tuple[str, ...] = ()
    undoing: Undoing = Undoing.EXACT
    awaits_reboot: bool = False


def fix(  # noqa: PLR0913 - a fix is declared in one place, by name
    rule: str,
    *,
    step: str,
    purpose: Purpose,
    title: str,
    may_break: tuple[str, ...] = (),
    undoing: Undoing = Undoing.EXACT,
    awaits_reboot: bool = False,
) -> Callable[[Make], Fix]:
    """Make a fix of a function."""

    def wrap(make: Make) -> Fix:
        return Fix(rule, step, purpose, title, make, may_break, undoing, awaits_reboot)

    return wrap


Interlock: TypeAlias = Callable[[Situation, Wish], Hold | None]
"""Looks at one wish, whichever fix has it, and holds it back or not. It never holds what takes a risk away."""
