"""What an audit says: findings, with their risk, evidence, remedy and references."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

from thornwall.model.record import record
from thornwall.model.typed import Typed

if TYPE_CHECKING:
    from thornwall.model.surface import Surface


class Status(StrEnum):
    """How a rule came out for one subject."""

    FAIL = "fail"
    PASS = "pass"  # noqa: S105
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not-applicable"
    MANUAL = "manual"  # no program can see it: a question to a person
    WAIVED = "waived"


class Kind(StrEnum):
    """What sort of fault it is: only a vulnerability is a flaw of the software itself."""

    VULNERABILITY = "vulnerability"
    MISCONFIGURATION = "misconfiguration"
    OPERATIONAL = "operational"
    PHYSICAL = "physical"


class FaultClass(StrEnum):
    """'Top IoT Vulnerabilities/Misconfiguration': the seven classes of *Hardening Microcomputer Operating Systems*."""

    PASSWORDS = "weak-or-hard-coded-passwords"
    SERVICE = "insecure-service"
    CONFIGURATION = "insecure-configuration"
    INTERFACE = "insecure-interface"
    UPDATES = "lack-of-updates"
    OUTDATED = "outdated-modules"
    PHYSICAL = "poor-physical-security"


class Risk(StrEnum):
    """Likelihood times impact, in four levels."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    EXTREME = "extreme"

    @property
    def rank(self) -> int:
        """0 for low to 3 for extreme."""
        return _RANKS[self]


_RANKS = {risk: rank for rank, risk in enumerate(Risk)}


class Attacker(StrEnum):
    """Who would do it, as the first document has them."""

    WORM = "worm"  # breaks in from the network by itself
    VIRUS = "virus"  # installed by someone who operates the system
    FAR = "person far away"
    NEAR = "person near the device"


class Consequence(StrEnum):
    """What an attacker gains; decides how the device's profile moves the impact."""

    TAKEOVER = "takeover"  # runs commands, controls what the device controls
    DISCLOSURE = "disclosure"  # reads data or traffic
    DISRUPTION = "disruption"  # data or service is lost
    BLINDNESS = "blindness"  # an attack is not noticed, or cannot be reconstructed


class Reach(StrEnum):
    """From where the fault can be used; decides how exposure moves the likelihood."""

    INTERNET = "internet"
    NETWORK = "network"
    FIREWALLED = "firewalled"  # listening beyond loopback, but no one outside gets through
    LOOPBACK = "loopback"
    LOCAL = "local"  # needs an account on the device
    TOUCH = "touch"  # needs hands on the device, or to be within radio range
    NOBODY = "nobody"  # it happens by itself: a card dies


class Effort(IntEnum):
    """Minutes of work for somebody who follows the remedy."""

    MINUTE = 1
    TEN_MINUTES = 10
    HOUR = 60

    @property
    def label(self) -> str:
        """For people."""
        return {1: "a minute", 10: "ten minutes", 60: "an hour"}[int(self)]


class Need(StrEnum):
    """What a remedy needs beside time."""

    REBOOT = "reboot"
    MONEY = "money"
    HANDS = "hands on the device"


class Fixable(StrEnum):
    """Who can mend it: the program, the program after an answer, or a person."""

    AUTOMATIC = "automatic"
    NEEDS_ANSWER = "needs-answer"
    BY_HAND = "by-hand"


@record
class Evidence:
    """Where it was seen. `source`: an absolute path of the host, or a command line as a person would type it.

    `line` counts from 1 and is None for commands or whole files. `text` is what stood there, unescaped: it comes from
    the host, so whoever renders it strips control characters and escapes it.
    """

    source: str
    text: str = ""
    line: int | None = None

    @property
    def where(self) -> str:
        """`/etc/ssh/sshd_config:12`, or the command."""
        return f"{self.source}:{self.line}" if self.line is not None else self.source


@record
class Move:
    """One thing that moved the likelihood or the impact: how far (never 0), and why."""

    axis: str  # "likelihood" or "impact"
    by: int
    why: str


@record
class Remedy:
    """How to mend it: `text` for people, `commands` to type, one a line; what it costs and what it may break."""

    text: str
    effort: Effort
    commands: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    may_break: str = ""


@record
class References:
    """Where others say the same. Only what was checked: a wrong reference is worse than none.

    `document`: headings of the two founding documents; `cis_debian12`: recommendation numbers of the CIS Debian Linux
    12 Benchmark; `ssg`: rule names of ComplianceAsCode; `etsi`: provisions of ETSI EN 303 645; `nist`: capabilities of
    NISTIR 8259A; `owasp_iot`, `owasp_top10`: items; `cwe`: numbers.
    """

    document: tuple[str, ...] = ()
    cis_debian12: tuple[str, ...] = ()
    ssg: tuple[str, ...] = ()
    etsi: tuple[str, ...] = ()
    nist: tuple[str, ...] = ()
    owasp_iot: tuple[str, ...] = ()
    owasp_top10: tuple[str, ...] = ()
    cwe: tuple[int, ...] = ()

    def as_dict(self) -> dict[str, list[str] | list[int]]:
        """Only what is there, under the names of the reports."""
        everything: dict[str, list[str] | list[int]] = {
            "document": list(self.document),
            "cis-debian12": list(self.cis_debian12),
            "ssg": list(self.ssg),
            "etsi-303645": list(self.etsi),
            "nist-8259a": list(self.nist),
            "owasp-iot": list(self.owasp_iot),
            "owasp-top10": list(self.owasp_top10),
            "cwe": list(self.cwe),
        }
        return {name: values for name, values in everything.items() if values}


@record
class Waiver:
    """A finding accepted: `rule`, `subject` (`*`: any), why, by whom, until when (ISO date, the last day it holds)."""

    rule: str
    reason: str
    by: str
    until: str
    subject: str = "*"


@record
class Finding:
    """One rule's answer about one subject of one host.

    `likelihood` and `impact` are 1–5, after `moved_by`. `detail` is one sentence on this host: for `fail` what is
    wrong, for `unknown` why it is not known (`mend`: what would make it known), for `manual` the question.
    """

    rule: str
    subject: str
    status: Status
    kind: Kind
    fault_class: FaultClass
    title: str
    likelihood: int
    impact: int
    risk: Risk
    detail: str
    attacker: Attacker
    remedy: Remedy
    fixable: Fixable
    references: References = field(default_factory=References)
    moved_by: tuple[Move, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    mend: str = ""
    waiver: Waiver | None = None
    why: str = ""  # why it matters, as the rule has it; the same on every host

    @property
    def risk_removed(self) -> int:
        """Likelihood times impact: 1–25."""
        return self.likelihood * self.impact


@record
class HostName:
    """What the report calls the host. Empty strings where it is not known."""

    hostname: str = ""
    os: str = ""
    model: str = ""
    kernel: str = ""
    address: str = ""


@record
class Report:
    """The result of one audit: findings in the order in which they should be mended, then the rest."""

    target: str
    host: HostName
    score: int
    findings: tuple[Finding, ...]
    captured_at: int = -1
    as_root: bool = True
    live: bool = True
    preset: str = "recommended"
    surface: Surface | None = None
    notes: tuple[str, ...] = ()  # bounds that were hit, as sentences
    profile: Mapping[str, str] = field(default_factory=dict)  # the profile in words, for the reader
    profile_told: bool = False  # whether somebody said what the device is for; else the profile is the default
    typed: Typed = field(default_factory=Typed)  # for the commands that it shows

    def failed(self) -> tuple[Finding, ...]:
        """The findings that count, in order."""
        return tuple(finding for finding in self.findings if finding.status is Status.FAIL)

    def summary(self) -> dict[str, int]:
        """The counts of the JSON contract."""
        counts = {str(risk): 0 for risk in reversed(Risk)}
        for finding in self.failed():
            counts[str(finding.risk)] += 1
        statuses = [finding.status for finding in self.findings]
        return counts | {
            "unknown": statuses.count(Status.UNKNOWN),
            "manual": statuses.count(Status.MANUAL),
            "waived": statuses.count(Status.WAIVED),
            "passed": statuses.count(Status.PASS),
        }
