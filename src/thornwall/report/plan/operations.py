"""The operations of a step in words, the same in every format: what each does, and to what."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace

from thornwall.model.change import (
    ABSENT,
    AccountDo,
    AccountField,
    Chmod,
    DropFile,
    Operation,
    Packages,
    Purpose,
    PutFile,
    PutLink,
    SysctlDo,
    Tool,
    UnitDo,
)
from thornwall.model.plan import Step
from thornwall.report.plan import diff
from thornwall.report.text import count, line

_OWN_UNITS = "/etc/systemd/system/"
_ACTIONS = {"stop": "stop", "start": "start", "restart": "restart", "reload": "reload", "enable": "enable"}
_FIELDS = {
    AccountField.LOCK: "the password is locked; keys go on working",
    AccountField.PASSWORD: "gets the new password that you give",
    AccountField.EXPIRE_NOW: "the account expires now: no login by any way",
    AccountField.SHELL: "its login shell becomes {}",
    AccountField.MAX_DAYS: "its password must be changed after {}",
    AccountField.MIN_DAYS: "its password can be changed again after {}",
    AccountField.WARN_DAYS: "is warned {} before its password expires",
    AccountField.INACTIVE_DAYS: "is locked {} after its password has expired",
    AccountField.LEAVE_GROUP: "leaves the group {}",
}
_NAMES = {AccountField.SHELL, AccountField.LEAVE_GROUP}  # the others' values are days


@dataclass(frozen=True, slots=True)
class Shown:
    """One change in words. `verb` is at most nine letters; `what` a path, units, a key; `commands` are never folded."""

    verb: str
    what: str
    note: str = ""
    diff: tuple[diff.Line, ...] = ()
    commands: tuple[str, ...] = ()


def shown(step: Step, context: int = 3, *, whole: bool = True) -> tuple[Shown, ...]:
    """The operations of a step in order; units that are masked, one after the other, are one.

    `whole` false: of the scripts of a job only how long they are.
    """
    masks: list[str] = []
    told: list[Shown] = []
    for operation in step.operations:
        if unit := masked(operation):
            masks.append(unit)
            continue
        if masks:
            told.append(_mask(masks))
            masks = []
        told.append(_shown(operation, context))
        if step.purpose is Purpose.FIRST_START and not whole and isinstance(operation, PutFile):
            told[-1] = replace(told[-1], note=count(operation.content.count(b"\n"), "line"), diff=())
    return tuple([*told, _mask(masks)] if masks else told)


def masked(operation: Operation) -> str:
    """The unit that a link to /dev/null keeps from starting, or empty."""
    if isinstance(operation, PutLink) and operation.target == "/dev/null" and operation.path.startswith(_OWN_UNITS):
        name = operation.path.removeprefix(_OWN_UNITS)
        return "" if "/" in name else name
    return ""


def _mask(names: Iterable[str]) -> Shown:
    return Shown("mask", line(", ".join(names)), "nothing starts it again, neither at boot nor by a socket")


def _shown(operation: Operation, context: int) -> Shown:  # noqa: PLR0911 - one for each kind of operation
    match operation:
        case PutFile():
            return _put(operation, context)
        case DropFile(path, expect, before):
            return Shown("remove", line(path), *_dropped(expect, before, context))
        case PutLink(path, target, expect):
            was = "" if expect == ABSENT else f"; was {_state(expect)}"
            return Shown("link", line(path), line(f"→ {target}{was}"))
        case Chmod():
            return Shown("mode", line(operation.path), _mode(operation))
        case UnitDo(action, units):
            return Shown(_ACTIONS.get(action, line(action, 9)), line(", ".join(units)))
        case SysctlDo(key, value, before):
            return Shown("set now", line(key), line(value if before == value else f"{before or 'not known'} → {value}"))
        case AccountDo(user, field, value, known):
            words = _FIELDS[field].format(value if field in _NAMES else f"{value} day{'' if value == '1' else 's'}")
            old = "; the password it had is not brought back by undo: everybody knows it" if known else ""
            return Shown("account", line(user), line(words + old))
        case Tool(name, (), _, _, after):
            return Shown("undo runs", line(name), commands=tuple(command(argv) for argv in after))
        case Tool(name, run, keeps):
            note = f"undo gives back {', '.join(keeps)}" if keeps else ""
            return Shown("run", line(name), line(note), commands=tuple(command(argv) for argv in run))
        case Packages():
            return _packages(operation)


def command(argv: Iterable[str]) -> str:
    """As a person would type it."""
    return line(shlex.join(argv))


def _put(put: PutFile, context: int) -> Shown:
    path, meta = line(put.path), f"{put.mode:04o} {line(put.user)}:{line(put.group)}"
    if put.expect == ABSENT:
        return _without_text(Shown("new", path, meta, diff.lines(None, put.content, context)), put.content)
    note = "mode and owner stay" if put.keep_meta else meta
    if put.expect.startswith("link:"):
        note += f"; was {_state(put.expect)}"
    if put.before is None:
        note += "; what it held is not shown"
    elif words := _one_line(put.before, put.content):
        note += f"; {words}"
    return _without_text(Shown("change", path, note, diff.lines(put.before, put.content, context)), put.content)


def _one_line(before: bytes, after: bytes) -> str:
    """Which words a file of one line loses and gains: cmdline.txt is too long for its diff to be read."""
    old, new = ((diff.decoded(content) or "").strip("\n") for content in (before, after))
    if not old or not new or "\n" in old or "\n" in new:
        return ""
    gone = " ".join(word for word in old.split() if word not in new.split())
    come = " ".join(word for word in new.split() if word not in old.split())
    return line("; ".join(filter(None, [gone and f"without {gone}", come and f"with {come}"])))


def _without_text(told: Shown, content: bytes) -> Shown:
    if told.diff:
        return told
    size = "empty" if not content else f"{count(len(content), 'byte')} that are no text"
    return Shown(told.verb, told.what, f"{told.note}; {size}")


def _dropped(expect: str, before: bytes | None, context: int) -> tuple[str, tuple[diff.Line, ...]]:
    if expect.startswith("link:"):
        return f"was {_state(expect)}", ()
    if before is None:
        return "what it held is not shown", ()
    return "", diff.lines(before, None, context)


def _state(expect: str) -> str:
    if expect.startswith("link:"):
        return f"a link to {line(expect.removeprefix('link:'))}"
    return "not there" if expect == ABSENT else "another file"


_CLASSES = (("others", 0), ("its group", 3))
_BITS = ((4, "read"), (2, "write"), (1, "run or enter"))


def _mode(chmod: Chmod) -> str:
    """`0666 → 0644: others can no longer write`, and the owner where that changes."""
    old = f"{chmod.expect_mode:04o}" if chmod.expect_mode >= 0 else line(chmod.was)
    parts: list[str] = []
    if chmod.mode is not None:
        parts.append(f"{old} → {chmod.mode:04o}" if old else f"{chmod.mode:04o}")
    if chmod.user or chmod.group:
        owner = ":".join((line(chmod.user), line(chmod.group))).strip(":")
        parts.append(f"owner {owner}" if chmod.user else f"group {owner}")
    lost = _lost(chmod)
    return ", ".join(parts) + (f": {lost}" if lost else "")


def _lost(chmod: Chmod) -> str:
    """Who can no longer do what, for those to whom it is not evident from the numbers."""
    if chmod.mode is None or chmod.expect_mode < 0:
        return ""
    gone = chmod.expect_mode & ~chmod.mode
    who: dict[str, list[str]] = {}
    for name, shift in _CLASSES:
        if verbs := " or ".join(verb for bit, verb in _BITS if gone >> shift & bit):
            who.setdefault(verbs, []).append(name)
    return "; ".join(f"{' and '.join(names)} can no longer {verbs}" for verbs, names in who.items())


def _packages(packages: Packages) -> Shown:
    if packages.install:
        return Shown("install", line(", ".join(packages.install)))
    if packages.remove:
        return Shown("remove", line(", ".join(packages.remove)))
    if packages.upgrade:
        names = f"; by the lists of now: {line(', '.join(packages.waiting), 2000)}" if packages.waiting else ""
        return Shown("upgrade", f"every package that has an update{names}")
    return Shown("refresh", "the lists of packages")
