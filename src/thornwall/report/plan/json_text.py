"""JSON: the contract `thornwall.plan/1` (docs/plan.schema.json). Keys are only ever added to it."""

from __future__ import annotations

from base64 import b64encode

from thornwall.model.change import (
    ABSENT,
    AccountDo,
    Chmod,
    DropFile,
    Operation,
    Packages,
    PutFile,
    PutLink,
    SysctlDo,
    Tool,
    UnitDo,
    sha256,
)
from thornwall.model.plan import Held, Mend, Plan, Question, Standing, Step
from thornwall.report.json_text import Json, dump, finding_json, plain, told
from thornwall.report.plan.diff import decoded, unified

SCHEMA = "thornwall.plan/1"


def render(plan: Plan) -> str:
    """ASCII only; a step is a line."""
    return dump(as_json(plan))


def as_json(plan: Plan) -> dict[str, Json]:
    """The contract's keys, in order."""
    return {
        "schema": SCHEMA,
        "target": told(plan.target),
        "host": plain(plan.host),
        "preset": plan.preset.name.lower(),
        "way_in": plain(plan.way_in),
        "as_root": plan.as_root,
        "ports": {"closed": list(plan.closes), "closed_udp": list(plan.closes_udp), "kept": list(plan.keeps)},
        "shut_out": [told(name) for name in plan.shut_out],
        "refused": [held_json(held) for held in plan.refused],
        "before": standing_json(plan.before),
        "after": standing_json(plan.after),
        "steps": [step_json(step) for step in plan.steps],
        "held": [held_json(held) for held in plan.held],
        "questions": [question_json(question) for question in plan.questions],
        "by_hand": [finding_json(finding) for finding in plan.by_hand],
    }


def standing_json(standing: Standing) -> Json:
    """Score and counts."""
    return {"score": standing.score, "summary": dict(standing.summary)}


def held_json(held: Held) -> Json:
    """`accept` is null where only the deed unlocks it; `rule` is empty where the plan as a whole is refused."""
    return {
        "interlock": told(held.interlock),
        "rule": told(held.rule),
        "subject": told(held.subject),
        "why": told(held.why),
        "unlock": told(held.unlock),
        "accept": told(held.accept) or None,
    }


def question_json(question: Question) -> Json:
    """`account` is null where it is not a password that is asked for."""
    return {
        "rule": told(question.rule),
        "subject": told(question.subject),
        "text": told(question.text),
        "account": told(question.account) or None,
    }


def step_json(step: Step) -> Json:
    """One step with its operations, in the order in which they are done."""
    return {
        "id": told(step.id),
        "purpose": step.purpose.name.lower(),
        "way_in": step.purpose.way_in,
        "title": told(step.title),
        "mends": [_mend(mend) for mend in step.mends],
        "may_break": [told(sentence) for sentence in step.may_break],
        "undoing": step.undoing.name.lower(),
        "awaits_reboot": step.awaits_reboot,
        "first_start": step.first_start,
        "after": [told(name) for name in step.after],
        "operations": [operation_json(operation) for operation in step.operations],
    }


def _mend(mend: Mend) -> Json:
    return {"rule": told(mend.rule), "subject": told(mend.subject)}


def operation_json(operation: Operation) -> dict[str, Json]:  # noqa: PLR0911 - one for each kind of operation
    """`kind` says which keys follow. Modes are octal strings of four digits."""
    match operation:
        case PutFile():
            return _put(operation)
        case DropFile(path, expect, before):
            diff = unified(path, before, None) if before is not None else ""
            return {"kind": "remove-file", "path": told(path), "expect": told(expect), "diff": diff or None}
        case PutLink(path, target, expect):
            return {"kind": "link", "path": told(path), "target": told(target), "expect": told(expect)}
        case Chmod():
            return _chmod(operation)
        case UnitDo(action, units):
            return {"kind": "unit", "action": told(action), "units": [told(unit) for unit in units]}
        case SysctlDo(key, value, before):
            return {"kind": "sysctl", "key": told(key), "value": told(value), "before": told(before) or None}
        case AccountDo(user, field, value, known):
            return {
                "kind": "account",
                "user": told(user),
                "field": str(field),
                "value": told(value) or None,
                "known_default": known,
            }
        case Tool():
            return _tool(operation)
        case Packages(install, upgrade, refresh, remove, off, waiting):
            return {
                "kind": "packages",
                "install": [told(name) for name in install],
                "upgrade": upgrade,
                "refresh": refresh,
                "remove": [told(name) for name in remove],
                "off": [told(name) for name in off],
                "waiting": [told(name) for name in waiting],
            }


def _put(put: PutFile) -> dict[str, Json]:
    """Exact bytes: as text where they are UTF-8, else in base64; never cut."""
    text = decoded(put.content)
    known = put.before is not None or put.expect == ABSENT
    return {
        "kind": "write-file",
        "path": told(put.path),
        "expect": told(put.expect),
        "sha256": sha256(put.content),
        "mode": None if put.keep_meta else f"{put.mode:04o}",
        "user": None if put.keep_meta else told(put.user),
        "group": None if put.keep_meta else told(put.group),
        "content": text,
        "content_base64": b64encode(put.content).decode() if text is None else None,
        "diff": (unified(put.path, put.before, put.content) if known else "") or None,
    }


def _chmod(chmod: Chmod) -> dict[str, Json]:
    return {
        "kind": "mode",
        "path": told(chmod.path),
        "mode": f"{chmod.mode:04o}" if chmod.mode is not None else None,
        "user": told(chmod.user) or None,
        "group": told(chmod.group) or None,
        "as_user": told(chmod.owner) or None,
        "expect_mode": f"{chmod.expect_mode:04o}" if chmod.expect_mode >= 0 else None,
        "was": told(chmod.was) or None,
    }


def _tool(tool: Tool) -> dict[str, Json]:
    return {
        "kind": "tool",
        "name": told(tool.name),
        "run": _commands(tool.run),
        "keeps": [told(path) for path in tool.keeps],
        "undo_before": _commands(tool.undo_before),
        "undo_after": _commands(tool.undo_after),
    }


def _commands(commands: tuple[tuple[str, ...], ...]) -> list[Json]:
    return [[told(word) for word in argv] for argv in commands]
