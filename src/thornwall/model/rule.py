"""A rule: a pure judgement of a snapshot, its metadata, and what it yields."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from enum import IntEnum
from functools import cache
from typing import TypeAlias, TypeVar

from thornwall.model.fact import Absent, Fact, Known, Unknown
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
    Remedy,
    Status,
)
from thornwall.model.profile import Profile
from thornwall.model.record import record
from thornwall.model.snapshot import Snapshot

T = TypeVar("T")
Value: TypeAlias = "int | str | bool | tuple[str, ...]"


class Preset(IntEnum):
    """The first preset that has the rule; each holds those before it."""

    DOCUMENTS = 0  # what the two founding documents ask for
    RECOMMENDED = 1
    STRICT = 2


@record
class Option:
    """A value of a rule that a policy may set: its default, and what it means (with its unit).

    `strict`, `documents`: what these presets have instead.
    """

    name: str
    default: Value
    doc: str
    strict: Value | None = None
    documents: Value | None = None

    def value(self, preset: Preset) -> Value:
        """What the preset has."""
        special = {Preset.STRICT: self.strict, Preset.DOCUMENTS: self.documents}.get(preset)
        return self.default if special is None else special


@record
class Verdict:
    """One answer of a rule, before risk is reckoned.

    `subject` names what was judged (an account, a path, a socket); `host` when it is the host as a whole. `reach`
    overrides the rule's own where the host shows a nearer or farther one; `moves` are what else the rule knows.
    """

    status: Status
    subject: str = "host"
    detail: str = ""
    evidence: tuple[Evidence, ...] = ()
    reach: Reach | None = None
    moves: tuple[Move, ...] = ()
    mend: str = ""
    commands: tuple[str, ...] = ()  # the remedy's commands for just this subject, instead of the rule's


class UnansweredError(Exception):
    """Raised by `Context.known`: the fact that the rule stands on is not there; carries the verdict to give."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.detail)
        self.verdict = verdict


@record
class Context:
    """What a rule sees: the host, what the device is for, and the values the policy gives this rule's options."""

    host: Snapshot
    profile: Profile
    values: Mapping[str, Value] = field(default_factory=dict)

    def known(self, fact: Fact[T], *, absent: str, subject: str = "host") -> T:
        """The value; else ends the rule: `unknown` with the fact's reason, `not applicable` with `absent` as reason."""
        match fact:
            case Known(value):
                return value
            case Absent():
                raise UnansweredError(Verdict(Status.NOT_APPLICABLE, subject, absent))
            case Unknown(reason, mend):
                raise UnansweredError(Verdict(Status.UNKNOWN, subject, reason, mend=mend))

    def number(self, option: str) -> int:
        """The value of a whole-number option."""
        value = self.values[option]
        assert isinstance(value, int)  # noqa: S101 - the policy was checked against the option when it was read
        return value

    def words(self, option: str) -> tuple[str, ...]:
        """The value of an option that is a list of words."""
        value = self.values[option]
        assert isinstance(value, tuple)  # noqa: S101
        return value


Check: TypeAlias = Callable[[Context], Iterable[Verdict]]


@record
class Rule:
    """A rule and all that is said of it. The sections of its docstring are `explain` and the documentation page."""

    id: str
    title: str
    check: Check
    subject: str  # what it is about: accounts, sudo, ssh, network, firewall…
    kind: Kind
    fault_class: FaultClass
    likelihood: int
    impact: int
    attacker: Attacker
    reach: Reach
    consequence: Consequence
    effort: Effort
    fixable: Fixable
    preset: Preset
    references: References
    needs: tuple[Need, ...] = ()
    commands: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    asks: bool = False  # it may answer `manual`: a question that an attestation answers

    def section(self, name: str) -> str:
        """The text of one docstring section (`What`, `Why`, `Remedy`, `Risk of the remedy`), or empty."""
        return _sections_of(self.check).get(name, "")

    def remedy(self) -> Remedy:
        """The remedy as it stands in the docstring."""
        texts = _sections_of(self.check)
        may_break = texts.get("Risk of the remedy", "")
        return Remedy(texts.get("Remedy", ""), self.effort, self.commands, self.needs, may_break)


_HEADING = re.compile(r"^(What|Why|Remedy|Risk of the remedy|References):[ ]*$", re.MULTILINE)


def sections(doc: str) -> dict[str, str]:
    """A rule's docstring (`What:` on a line of its own, then indented text…) as heading -> text, paragraphs kept."""
    parts = _HEADING.split(doc)
    texts = (re.sub(r"[ \t]*\n[ \t]*(?!\n)", " ", inspect.cleandoc(text).strip()) for text in parts[2::2])
    return dict(zip(parts[1::2], (re.sub(r" ?\n ?\n? ?", "\n\n", text) for text in texts), strict=True))


@cache
def _sections_of(check: Check) -> dict[str, str]:
    # every finding asks for three of them
    return sections(inspect.getdoc(check) or "")


def rule(  # noqa: PLR0913 - a rule is declared in one place, by name
    rule_id: str,
    title: str,
    *,
    subject: str,
    kind: Kind,
    fault_class: FaultClass,
    likelihood: int,
    impact: int,
    attacker: Attacker,
    reach: Reach,
    consequence: Consequence,
    effort: Effort,
    fixable: Fixable,
    preset: Preset = Preset.RECOMMENDED,
    references: References | None = None,
    needs: tuple[Need, ...] = (),
    commands: tuple[str, ...] = (),
    options: tuple[Option, ...] = (),
    asks: bool = False,
) -> Callable[[Check], Rule]:
    """Make a rule of a generator function. Likelihood and impact: 1–5 for an unremarkable device at home."""

    def wrap(check: Check) -> Rule:
        return Rule(
            id=rule_id,
            title=title,
            check=check,
            subject=subject,
            kind=kind,
            fault_class=fault_class,
            likelihood=likelihood,
            impact=impact,
            attacker=attacker,
            reach=reach,
            consequence=consequence,
            effort=effort,
            fixable=fixable,
            preset=preset,
            references=references or References(),
            needs=needs,
            commands=commands,
            options=options,
            asks=asks,
        )

    return wrap


def fail(
    detail: str,
    *evidence: Evidence,
    subject: str = "host",
    reach: Reach | None = None,
    moves: tuple[Move, ...] = (),
    commands: tuple[str, ...] = (),
) -> Verdict:
    """It is wrong: one sentence on what, and where it was seen."""
    return Verdict(Status.FAIL, subject, detail, evidence, reach, moves, commands=commands)


def passed(detail: str = "", *evidence: Evidence, subject: str = "host") -> Verdict:
    """It was looked at and is right."""
    return Verdict(Status.PASS, subject, detail, evidence)


def unknown(reason: str, *, subject: str = "host", mend: str = "") -> Verdict:
    """It could not be seen: why, and what would make it known."""
    return Verdict(Status.UNKNOWN, subject, reason, mend=mend)


def not_applicable(reason: str, *, subject: str = "host") -> Verdict:
    """There is nothing here that the rule is about."""
    return Verdict(Status.NOT_APPLICABLE, subject, reason)


def manual(question: str, *evidence: Evidence, subject: str = "host") -> Verdict:
    """No program can see it: the question that a person must answer (yes means that all is well)."""
    return Verdict(Status.MANUAL, subject, question, evidence)


def answers(rule_: Rule, context: Context) -> list[Verdict]:
    """What the rule says; a fact that it stands on and that is not there ends it with that verdict."""
    said: list[Verdict] = []
    try:
        for verdict in rule_.check(context):
            said.append(verdict)  # noqa: PERF402 - what it said before it ends so stands
    except UnansweredError as unanswered:
        said.append(unanswered.verdict)
    return said
