"""JSON: the contract `thornwall.report/1` (docs/report.schema.json). Keys are only ever added to it."""

from __future__ import annotations

import json
import re
from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import TypeAlias, cast

from thornwall.model.finding import Evidence, Finding, Remedy, Report
from thornwall.model.surface import Surface
from thornwall.report.ranking import Step, steps
from thornwall.report.text import LIMIT
from thornwall.report.words import iso

SCHEMA = "thornwall.report/1"

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

# what is encoded was made here and cannot hold itself: looking for that costs a tenth of the time
_encode = json.JSONEncoder(allow_nan=False, check_circular=False).encode
_SURROGATES = re.compile("[\ud800-\udfff]")


def render(report: Report) -> str:
    """ASCII only, so that a host's control characters stay escaped wherever it is shown."""
    return dump(as_json(report))


def dump(value: Json) -> str:
    """JSON text with a newline at its end: ASCII only, one line for each item of the lists at its top.

    So a finding is a line, for grep and diff; indenting further would leave the encoder that is written in C.
    """
    if isinstance(value, dict):
        return "{\n" + ",\n".join(f"{_encode(key)}: {_listed(item)}" for key, item in value.items()) + "\n}\n"
    return _listed(value) + "\n"


def _listed(value: Json) -> str:
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(map(_encode, value)) + "\n]"
    return _encode(value)


def as_json(report: Report) -> dict[str, Json]:
    """The contract's keys first, then what was added."""
    return {
        "schema": SCHEMA,
        "target": told(report.target),
        "host": plain(report.host),
        "score": report.score,
        "summary": dict(report.summary()),
        "findings": [finding_json(finding) for finding in report.findings],
        "do_first": [step_json(step) for step in steps(report)],
        "captured_at": iso(report.captured_at),
        "as_root": report.as_root,
        "live": report.live,
        "preset": told(report.preset),
        "profile": {told(name): told(words) for name, words in report.profile.items()},
        "notes": [told(note) for note in report.notes],
        "surface": surface_json(report.surface) if report.surface is not None else None,
    }


def finding_json(finding: Finding) -> dict[str, Json]:
    """One finding; lists are there when empty, `waiver` is null when there is none."""
    return {
        "rule": told(finding.rule),
        "subject": told(finding.subject),
        "status": str(finding.status),
        "kind": str(finding.kind),
        "class": str(finding.fault_class),
        "likelihood": finding.likelihood,
        "impact": finding.impact,
        "risk": str(finding.risk),
        "title": told(finding.title),
        "moved_by": [plain(move) for move in finding.moved_by],
        "evidence": [evidence_json(evidence) for evidence in finding.evidence],
        "remedy": remedy_json(finding.remedy),
        "references": cast("Json", finding.references.as_dict()),  # ours, not the host's: nothing to look through
        "detail": told(finding.detail),
        "attacker": str(finding.attacker),
        "fix": str(finding.fixable),
        "mend": told(finding.mend),
        "waiver": plain(finding.waiver),
        "why": told(finding.why),
    }


def evidence_json(evidence: Evidence) -> Json:
    """Where it was seen, and what stood there; `line` is null for a command or a whole file."""
    return {"source": told(evidence.source), "line": evidence.line, "text": told(evidence.text)}


def remedy_json(remedy: Remedy) -> Json:
    """`effort` in words and in minutes."""
    return {
        "text": told(remedy.text),
        "commands": [told(command) for command in remedy.commands],
        "effort": remedy.effort.label,
        "effort_minutes": int(remedy.effort),
        "needs": [str(need) for need in remedy.needs],
        "may_break": told(remedy.may_break),
    }


def step_json(step: Step) -> Json:
    """One remedy with what it mends; the list of them is in the order in which to go about it."""
    return {
        "text": told(step.lead.remedy.text),
        "commands": [told(command) for command in step.commands],
        "effort": step.effort.label,
        "effort_minutes": int(step.effort),
        "needs": [str(need) for need in step.needs],
        "risk_removed": step.removed,
        "worst": str(step.worst),
        "mends": [{"rule": told(finding.rule), "subject": told(finding.subject)} for finding in step.findings],
    }


def surface_json(surface: Surface) -> dict[str, Json]:
    """The attack surface under the names of its dataclasses."""
    value = plain(surface)
    assert isinstance(value, dict)  # noqa: S101 - a dataclass becomes a dict
    return value


def plain(value: object) -> Json:
    """Dataclasses, tuples and mappings as JSON has them; strings as `told`."""
    if isinstance(value, str):
        return str(value) if isinstance(value, StrEnum) else told(value)
    if isinstance(value, dict):
        return {told(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"no JSON for {type(value).__name__}")


def told(text: str) -> str:
    """A string that every JSON reader takes: lone surrogates are `�`; from 4,096 characters on it is cut, with `…`."""
    if not text.isascii():
        text = _SURROGATES.sub("�", text)
    return text if len(text) <= LIMIT else text[: LIMIT - 1] + "…"
