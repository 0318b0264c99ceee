"""The words that all formats share, so that the same thing has the same name in each."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta

from thornwall.model.capture import SUDO
from thornwall.model.finding import Attacker, FaultClass, Finding, Fixable, Move, Reach, Report, Risk, Status
from thornwall.model.typed import HERE, LOCAL
from thornwall.report.text import count, line

RISKS = tuple(reversed(Risk))  # worst first, as reports have them

REFERENCES = {
    "document": "Founding documents",
    "cis-debian12": "CIS Debian 12",
    "ssg": "ComplianceAsCode",
    "etsi-303645": "ETSI EN 303 645",
    "nist-8259a": "NISTIR 8259A",
    "owasp-iot": "OWASP IoT Top 10",
    "owasp-top10": "OWASP Top 10",
    "cwe": "CWE",
}

CLASSES = {
    FaultClass.PASSWORDS: "weak or hard-coded passwords",
    FaultClass.SERVICE: "insecure service",
    FaultClass.CONFIGURATION: "insecure configuration",
    FaultClass.INTERFACE: "insecure interface",
    FaultClass.UPDATES: "lack of updates",
    FaultClass.OUTDATED: "outdated modules",
    FaultClass.PHYSICAL: "poor physical security",
}

REACHES = {
    Reach.INTERNET: "the whole Internet",
    Reach.NETWORK: "the local network",
    Reach.FIREWALLED: "the local network",  # the layers that follow say who stops it
    Reach.LOOPBACK: "programs on the device",
    Reach.LOCAL: "people with an account",
    Reach.TOUCH: "people near the device",
    Reach.NOBODY: "nobody",
}

FIXABLE = {
    "automatic": "can be automated",
    "needs-answer": "can be automated after a question",
    "by-hand": "by hand",
}

_COUNTED = {"unknown": ("not known", "not known"), "manual": ("question", "questions")}

RISK_RECKONED = (
    "Risk is likelihood (1–5) times impact (1–5): from 20 extreme, from 12 high, from 5 medium, below that low. Each "
    "rule starts from an unremarkable device at home. From where the fault can be reached moves the likelihood; what "
    "the device is for (its profile) moves the impact. Every move is shown with its reason."
)
QUESTIONS = (
    "Each command says: yes, all is well. If the answer is no, that is a fault: 'thornwall explain RULE' says how to "
    "mend it. Until then leave the question open, or accept the fault with a waiver in your policy."
)
SCORE_RECKONED = (
    "The score is 100, halved for every 80 points of likelihood times impact that are open. Each rule counts once, by "
    "its worst finding; what is not known counts a quarter. With a high finding open it is at most 75, with an extreme "
    "one at most 40. Mending a finding never lowers it; what was passed or waived does not move it."
)


_UNREMARKABLE = "an unremarkable device at home: nobody has said what it is for"


def heading(report: Report) -> str:
    """What to call the host in a title."""
    return line(report.host.hostname, 80) or line(report.target, 80) or "this device"


def machine(report: Report) -> str:
    """Model, system and kernel, as far as they are known."""
    host = report.host
    kernel = f"kernel {line(host.kernel, 60)}" if host.kernel else ""
    return " · ".join(filter(None, (line(host.model, 80), line(host.os, 80), kernel)))


def reading(report: Report) -> str:
    """How and when it was read, and by which measure it is judged."""
    how = "running" if report.live else "read at rest"
    who = "as root" if report.as_root else "without root"
    when = moment(report.captured_at)
    parts = (f"{how}, {who}", when, f"preset {line(report.preset, 40)}")
    return " · ".join(filter(None, parts))


def judged_as(report: Report) -> str:
    """What the device was taken for; empty where no profile is told."""
    if not report.profile:
        return ""
    if report.profile_told:
        told = (f"{line(name)} {line(words)}" for name, words in report.profile.items())
        return f"Judged by its profile: {', '.join(told)}"
    changes = profile_init(report)
    return f"Judged as {_UNREMARKABLE}{f' ({changes} changes that)' if changes else ''}"


def profile_init(report: Report) -> str:
    """The command by which the owner says what the device is for; empty where none can."""
    told = report.typed
    # a capture's host may be out of reach, and what was read of it stands here
    options = told.reaching if told.plans else ("--no-read",)
    return command("profile", "init", told.target, *options) if told.target else ""


def moment(seconds: int) -> str:
    """`2026-10-20 14:03 UTC`; empty when it is not known, or beyond what a calendar holds."""
    return _at(seconds, "%Y-%m-%d %H:%M UTC")


def iso(seconds: int) -> str | None:
    """`2026-10-20T14:03:20Z`, or None."""
    return _at(seconds, "%Y-%m-%dT%H:%M:%SZ") or None


def _at(seconds: int, form: str) -> str:
    if seconds < 0:
        return ""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime(form)
    except (OverflowError, ValueError, OSError):
        return ""


def verdict(report: Report) -> str:
    """What the worst finding means, in one sentence."""
    summary = report.summary()
    if summary["extreme"]:
        worst = {finding.attacker for finding in report.failed() if finding.risk is Risk.EXTREME}
        if worst <= {Attacker.NEAR}:
            return "Whoever gets near this device can take it over today."
        return "Somebody can take this device over today, and programs that look for such devices will."
    if summary["high"]:
        return "One mistake or one stolen password stands between an attacker and this device."
    if summary["medium"]:
        return "No door stands open, but layers of defence are missing."
    if summary["unknown"]:
        return "Nothing serious was found, but not everything could be seen."
    return "Nothing serious was found."


def unseen(report: Report) -> str:
    """What root would make known, in one sentence; empty where nothing waits for that."""
    waiting = [finding for finding in of_status(report, Status.UNKNOWN) if finding.mend == SUDO]
    if report.as_root or not waiting:
        return ""
    worst = max(waiting, key=lambda finding: finding.risk.rank).risk
    return f"Seen without root: {count(len(waiting), 'check')} could not be made, up to {worst}. To know: {SUDO}."


def counts(report: Report) -> list[tuple[str, str, int]]:
    """(name in the summary, words, number) of each count, in the order of the summary."""
    return [(name, _COUNTED.get(name, (name, name))[number != 1], number) for name, number in report.summary().items()]


def move(moved: Move) -> str:
    """`likelihood +1: reachable from the network`."""
    return f"{moved.axis} {moved.by:+d}: {line(moved.why, 300)}"


def command(*words: str) -> str:
    """A command of thornwall that is to be typed."""
    return " ".join(shlex.quote(line(word)) for word in ("thornwall", *words))


def typed(target: str) -> str:
    """What a report calls a host, as the word that a command takes for it."""
    told = line(target)
    return shlex.quote(LOCAL if told in {"", HERE} else told)


def attest(report: Report, finding: Finding) -> str:
    """The command that answers a manual finding with yes, for a year from the reading; empty where none can."""
    if not report.typed.target:
        return ""
    until = _at(report.captured_at, "%Y-%m-%d") and _at(
        report.captured_at + int(timedelta(days=365).total_seconds()),
        "%Y-%m-%d",
    )
    return command("attest", report.typed.target, finding.rule, "--until", until or "DATE")


def planning(report: Report) -> tuple[str, str]:
    """(a sentence, a command) that lead on to a plan; empty where nothing here could be planned."""
    told, failed = report.typed, report.failed()
    mended = sum(finding.fixable is not Fixable.BY_HAND for finding in failed)
    if not (told.target and told.plans and mended):
        return "", ""
    sentence = f"thornwall can mend up to {mended} of these {count(len(failed), 'finding')}, and take that back."
    plan = command("plan", told.target, *told.reaching, *told.judging)
    return f"{sentence} This shows how, and changes nothing:", plan


def of_status(report: Report, status: Status) -> tuple[Finding, ...]:
    """The findings that have it, in order."""
    return tuple(finding for finding in report.findings if finding.status is status)
