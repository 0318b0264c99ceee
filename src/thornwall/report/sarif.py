"""SARIF 2.1.0, for code scanning: each rule with its help, each finding with the place in the host's files."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from hashlib import sha256
from urllib.parse import quote

from thornwall import __version__
from thornwall.model.finding import Evidence, Finding, Report, Risk, Status
from thornwall.report.json_text import Json, dump, plain, told
from thornwall.report.markdown import block, escape, prose
from thornwall.report.text import clean, line
from thornwall.report.words import REFERENCES, iso, move, named

ROOT = "%HOSTROOT%"  # the root of the host's file system; addresses of files are relative to it

_LEVELS = {Risk.EXTREME: "error", Risk.HIGH: "error", Risk.MEDIUM: "warning", Risk.LOW: "note"}
_KINDS = {
    Status.FAIL: "fail",
    Status.WAIVED: "fail",  # SARIF: it failed, and the result is suppressed
    Status.PASS: "pass",
    Status.UNKNOWN: "open",
    Status.MANUAL: "review",
    Status.NOT_APPLICABLE: "notApplicable",
}
# Code scanning reads a severity of 9 as critical, of 7 as high, of 4 as medium: (product, severity) at both ends.
_SEVERITIES = {
    Risk.EXTREME: ((20, 9.0), (25, 10.0)),
    Risk.HIGH: ((12, 7.0), (16, 8.9)),
    Risk.MEDIUM: ((5, 4.0), (10, 6.9)),
    Risk.LOW: ((1, 1.0), (4, 3.9)),
}


def render(report: Report) -> str:
    """One run: tool, rules, results. ASCII only."""
    by_rule: dict[str, list[Finding]] = {}
    for finding in report.findings:
        by_rule.setdefault(finding.rule, []).append(finding)
    index = {rule: number for number, rule in enumerate(by_rule)}
    invocation: dict[str, Json] = {"executionSuccessful": True}
    if report.notes:
        invocation["toolExecutionNotifications"] = [
            {"level": "warning", "message": _message(note)} for note in report.notes
        ]
    if when := iso(report.captured_at):
        invocation["endTimeUtc"] = when
    run: dict[str, Json] = {
        "tool": {
            "driver": {
                "name": "thornwall",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(findings) for findings in by_rule.values()],
            },
        },
        "invocations": [invocation],
        "originalUriBaseIds": {ROOT: {"uri": "file:///", "description": {"text": "The root of the host's files."}}},
        "results": [_result(finding, index[finding.rule]) for finding in report.findings],
        "columnKind": "unicodeCodePoints",
        "properties": {
            "target": told(report.target),
            "host": plain(report.host),
            "score": report.score,
            "summary": dict(report.summary()),
        },
    }
    schema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
    return dump({"$schema": schema, "version": "2.1.0", "runs": [run]})


def severity(finding: Finding) -> float:
    """0.1–10.0, as code scanning reads it."""
    (low, least), (high, most) = _SEVERITIES[finding.risk]
    share = (min(max(finding.risk_removed, low), high) - low) / (high - low)
    return round(least + share * (most - least), 1)


def _rule(findings: list[Finding]) -> Json:
    """What is said of a rule; its severity is that of its worst finding."""
    worst = max(findings, key=lambda finding: finding.risk_removed)
    tags = ["security", str(worst.kind), str(worst.fault_class)]
    tags += [f"external/cwe/cwe-{number:03}" for number in worst.references.cwe]
    return {
        "id": told(worst.rule),
        "name": "".join(part.capitalize() for part in told(worst.rule).split("-")),
        "shortDescription": {"text": _plain(worst.title)},
        "fullDescription": {"text": _plain(worst.why or worst.title)},
        "help": {"text": _plain("\n".join(_help_text(worst))), "markdown": "\n".join(_help_markdown(worst))},
        "defaultConfiguration": {"level": _LEVELS[worst.risk]},
        "properties": {
            "tags": plain(tags),
            "precision": "high",
            "security-severity": f"{severity(worst):.1f}",
            "references": plain(worst.references.as_dict()),
        },
    }


def _help_text(finding: Finding) -> Iterable[str]:
    remedy = finding.remedy
    yield f"Remedy ({remedy.effort.label}): {line(remedy.text)}"
    if remedy.may_break:
        yield f"Risk of the remedy: {line(remedy.may_break)}"
    for name, values in finding.references.as_dict().items():
        yield f"{REFERENCES[name]}: {', '.join(map(str, values))}"


def _help_markdown(finding: Finding) -> Iterable[str]:
    remedy = finding.remedy
    if finding.why:
        yield f"{prose(finding.why)}\n"
    yield f"**Remedy** ({remedy.effort.label}): {prose(remedy.text)}\n"
    if remedy.commands:
        yield from block(remedy.commands)
    if remedy.may_break:
        yield f"**Risk of the remedy:** {prose(remedy.may_break)}\n"
    for name, values in finding.references.as_dict().items():
        yield f"- {REFERENCES[name]}: {', '.join(escape(str(value)) for value in values)}"


def _result(finding: Finding, index: int) -> Json:
    failed = _KINDS[finding.status] == "fail"
    files = [seen for seen in finding.evidence if seen.source.startswith("/")]
    others = [seen for seen in finding.evidence if not seen.source.startswith("/")]
    result: dict[str, Json] = {
        "ruleId": told(finding.rule),
        "ruleIndex": index,
        "kind": _KINDS[finding.status],
        "level": _LEVELS[finding.risk] if failed else "none",
        "message": _message(_words(finding, others)),
        "locations": [_location(finding, files[:1])],
        "partialFingerprints": {"ruleAndSubject/v1": _fingerprint(finding)},
        "rank": float(finding.risk_removed * 4),
        "properties": {
            "subject": told(finding.subject),
            "status": str(finding.status),
            "risk": str(finding.risk),
            "likelihood": finding.likelihood,
            "impact": finding.impact,
            "movedBy": plain(finding.moved_by),
            "commands": [{"command": told(seen.source), "output": told(seen.text)} for seen in others],
        },
    }
    if files[1:]:
        result["relatedLocations"] = [
            {"id": number, **_physical(seen)} for number, seen in enumerate(files[1:21], start=1)
        ]
    if finding.status is Status.WAIVED:
        waiver = finding.waiver
        words = f"{waiver.reason} ({waiver.by}, until {waiver.until})" if waiver else ""
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": told(words)}]
    return result


def _words(finding: Finding, commands: list[Evidence]) -> str:
    about = f" ({line(named(finding))})" if named(finding) else ""
    parts = [f"{line(finding.title)}{about}: {line(finding.detail)}".rstrip(": ")]
    if finding.status is Status.UNKNOWN and finding.mend:
        parts.append(f"To know: {line(finding.mend)}")
    parts += [f"Seen: {line(seen.where)}" for seen in commands[:3]]
    parts += [move(moved) for moved in finding.moved_by]
    return "\n".join(parts)


def _location(finding: Finding, files: list[Evidence]) -> Json:
    logical: dict[str, Json] = {"logicalLocations": [{"fullyQualifiedName": told(finding.subject)}]}
    return {**_physical(files[0]), **logical} if files else logical


def _physical(seen: Evidence) -> dict[str, Json]:
    # The path is made absolute before its root is taken off: `..` in it cannot leave the root, and no `//` or `:` can
    # make a host or a scheme of its beginning.
    path = posixpath.normpath(told(seen.source)).lstrip("/")
    # Code scanning shows no result without a line: the first stands for the whole file.
    region: dict[str, Json] = {"startLine": max(seen.line or 1, 1)}
    if seen.line is not None and seen.text:
        region["snippet"] = {"text": told(clean(seen.text))}
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(path, safe="/"), "uriBaseId": ROOT},
            "region": region,
        },
    }


def _fingerprint(finding: Finding) -> str:
    return sha256(f"{finding.rule}\0{finding.subject}".encode(errors="replace")).hexdigest()[:32]


def _message(text: str) -> Json:
    return {"text": _plain(text)}


def _plain(text: str) -> str:
    """A plain-text message in which nothing is a placeholder (`{0}`) or a link (`[text](target)`)."""
    text = clean(text)
    for special in "\\[]":
        text = text.replace(special, f"\\{special}")
    return text.replace("{", "{{").replace("}", "}}") or "-"
