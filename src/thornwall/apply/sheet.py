"""Steps as the device reads them: which paths change, and the lines of sh that do and undo the rest. Pure text."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from thornwall.errors import UsageError
from thornwall.model.change import (
    ABSENT,
    AccountDo,
    AccountField,
    Chmod,
    DropFile,
    Operation,
    PutFile,
    PutLink,
    SysctlDo,
    Tool,
    UnitDo,
    sha256,
)
from thornwall.model.plan import Step
from thornwall.model.secret import Secret

_PATH = re.compile(r"(/[A-Za-z0-9_@:+,%~=-][A-Za-z0-9_.@:+,%~=-]*|/\.[A-Za-z0-9_@:+,%~=-][A-Za-z0-9_.@:+,%~=-]*)+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\$?")
_UNIT = re.compile(r"[A-Za-z0-9:_.\\@-]+")
_KEY = re.compile(r"[A-Za-z0-9_./:@-]+")
_WORD = re.compile(r"[A-Za-z0-9_.:-]+")
_EXPECT = re.compile(r"[0-9a-f]{64}|absent|link:[A-Za-z0-9_./@:+,%~=-]+")
_ACCOUNT_TOOLS = ("usermod", "chage", "chpasswd", "gpasswd")
_ACCOUNT_FILES = ("passwd", "shadow", "group", "gshadow")
_UNIT_FOLDERS = ("/etc/systemd/", "/usr/lib/systemd/", "/lib/systemd/", "/etc/fstab", "/etc/init.d/", "/run/systemd/")
_SECONDS = 300  # for one command of a tool


@dataclass(slots=True)
class Sheet:
    """What the steps come to. `items`: a line for each path; `keeps`: `n path` of what tools and accounts may change.

    `runtime`, `back_before`, `back`: lines of sh. `live_only`: what a mounted root has no use for, in words.
    """

    items: list[tuple[str, str]] = field(default_factory=list)  # path, line
    new: list[str] = field(default_factory=list)
    keeps: list[tuple[int, str]] = field(default_factory=list)
    runtime: list[str] = field(default_factory=list)
    back_before: list[list[str]] = field(default_factory=list)
    back: list[list[str]] = field(default_factory=list)
    sysctls: list[str] = field(default_factory=list)
    needs: dict[str, None] = field(default_factory=dict)
    known: dict[str, None] = field(default_factory=dict)
    live_only: list[str] = field(default_factory=list)
    summary: list[str] = field(default_factory=list)
    size: int = 0

    @property
    def paths(self) -> list[str]:
        """Every path that is put, dropped or linked."""
        return [path for path, line in self.items if not line.startswith("M ")]

    @property
    def folders(self) -> list[str]:
        """Every folder on the way to what changes, the upper ones first."""
        found = {".": None}
        for path in (*(path for path, _ in self.items), *(path for _, path in self.keeps)):
            parts = path.strip("/").split("/")[:-1]
            found |= {"./" + "/".join(parts[: depth + 1]): None for depth in range(len(parts))}
        return sorted(found, key=lambda folder: (folder.count("/"), folder))

    @property
    def touched(self) -> set[str]:
        """Those of them in which something may come or go: only their own times can change."""
        return {f".{path}".rpartition("/")[0] for path in (*self.paths, *(path for _, path in self.keeps))}

    @property
    def reloads(self) -> bool:
        """Whether systemd must read its files again."""
        return any(path.startswith(_UNIT_FOLDERS) for path in self.paths)


def sheet(steps: Iterable[Step], *, live: bool, secrets: Mapping[str, Secret]) -> Sheet:
    """Lay the steps out. UsageError for what the device cannot do safely: an odd path, the same path twice."""
    made = _Maker(live=live, secrets=secrets)
    for index, step in enumerate(steps, 1):
        made.step(index, step)
    done = made.sheet
    done.runtime = _stopped_at_once(done.runtime)
    done.items.sort(key=lambda item: (item[0].rpartition("/")[0], item[0]))
    seen: set[str] = set()
    for path, _ in done.items:
        if path in seen:
            raise UsageError(f"two steps change {path}", hint="this is a fault of the planner: it merges them")
        seen.add(path)
    if made.accounts:
        done.keeps[:0] = [(0, f"/etc/{name}{end}") for name in _ACCOUNT_FILES for end in ("", "-")]
    # each is kept, and comes back, once: two tools may write the same file
    first: dict[str, int] = {}
    for number, path in done.keeps:
        first.setdefault(path, number)
    done.keeps = [(number, path) for path, number in first.items()]
    return done


class _Maker:
    def __init__(self, *, live: bool, secrets: Mapping[str, Secret]) -> None:
        self.sheet = Sheet()
        self.accounts = False
        self._live = live
        self._secrets = secrets
        self._count = 0

    def step(self, index: int, step: Step) -> None:
        self.sheet.runtime.append(f"step {index} {_plain(_WORD, step.id, 'a step')}")
        self.sheet.summary.append(step.title)
        for operation in step.operations:
            self._count += 1
            self._operation(operation)
        self.sheet.back += [[_back_units(each)] for each in step.rereads]

    def _operation(self, operation: Operation) -> None:
        match operation:
            case PutFile() | DropFile() | PutLink() | Chmod():
                self._path(operation)
            case UnitDo() | SysctlDo() | Tool() if not self._live:
                self.sheet.live_only.append(_words(operation))
            case UnitDo():
                self._units(operation)
            case SysctlDo():
                file = "/proc/sys/" + _plain(_KEY, operation.key, "a kernel setting").translate(_SWAP)
                self.sheet.sysctls.append(file)
                self.sheet.runtime.append(
                    f"setting {shlex.quote(file)} {shlex.quote(' '.join(operation.value.split()))}"
                )
                self.sheet.summary.append(f"  {operation.key}: its value of before")
            case AccountDo():
                self._account(operation)
            case Tool():
                self._tool(operation)
            case _:  # packages have a script of their own, and come first
                pass

    def _path(self, operation: PutFile | DropFile | PutLink | Chmod) -> None:
        path = _plain(_PATH, operation.path, "a path")
        line: str
        match operation:
            case PutFile():
                mode = "keep" if operation.keep_meta and operation.expect != ABSENT else f"{operation.mode:04o}"
                owner = f"{_plain(_NAME, operation.user, 'an account')} {_plain(_NAME, operation.group, 'a group')}"
                line = f"P {self._count} {mode} {owner} - {sha256(operation.content)} {_expected(operation.expect)}"
                self.sheet.new.append(f"new_file {path} {escaped(operation.content)}")
                self.sheet.size += len(operation.content)
            case DropFile():
                line = f"D {self._count} - - - - absent {_expected(operation.expect)}"
            case PutLink():
                new = _expected(f"link:{operation.target}")
                line = f"L {self._count} - - - - {new} {_expected(operation.expect)}"
                self.sheet.new.append(f"new_link {path} {operation.target}")
            case Chmod():
                line = self._mode(operation)
        self.sheet.items.append((path, f"{line} {path}"))
        self.sheet.summary.append(f"  {path}: {_before(operation)}")

    def _mode(self, operation: Chmod) -> str:
        """The line of a path whose mode or owner changes."""
        mode = f"{operation.mode:04o}" if operation.mode is not None else "-"
        user = _plain(_NAME, operation.user, "an account") if operation.user else "-"
        group = _plain(_NAME, operation.group, "a group") if operation.group else "-"
        account = _plain(_NAME, operation.owner, "an account") if operation.owner else "-"
        expect = f"m{operation.expect_mode:o}" if operation.expect_mode >= 0 else "-"
        return f"M {self._count} {mode} {user} {group} {account} - {expect}"

    def _units(self, operation: UnitDo) -> None:
        if operation.action not in {"stop", "start", "restart", "reload", "enable", "unmask", "renew"}:
            raise UsageError(f"nobody knows how to {operation.action} a unit")
        self.sheet.needs["systemctl"] = None
        self.sheet.runtime.append(f"units {operation.action} {_names(operation)}")
        if operation.action in {"restart", "reload", "start"}:
            self.sheet.back.append([_back_units(operation)])
        if operation.action in {"enable", "unmask"} and (-1, _LINKS[0]) not in self.sheet.keeps:
            self.sheet.keeps += [(-1, folder) for folder in _LINKS]
        self.sheet.summary.append(f"  {' '.join(operation.units)}: {_UNIT_BACK[operation.action]}")

    def _account(self, operation: AccountDo) -> None:
        self.accounts = True
        user = _plain(_NAME, operation.user, "an account")
        value = shlex.quote(operation.value)
        self.sheet.needs |= dict.fromkeys(_ACCOUNT_TOOLS if self._live else ("awk",))
        if operation.known_default:
            self.sheet.known[user] = None
        if operation.field is AccountField.PASSWORD:
            secret = self._secrets.get(operation.user)
            if secret is None:
                raise UsageError(f"the new password of {operation.user} is missing")
            self.sheet.new.append(f"hashed {user} {self._count} {shlex.quote(_line(secret))}")
        self.sheet.runtime.append(f"account {self._count} {user} {operation.field.value} {value}")
        self.sheet.back.append([f"account_back {user} {operation.field.value} {value}"])
        before = "as it was"
        if operation.known_default:
            before = "stays the new one, for everybody knows the one before (--bring-back-known-passwords)"
        self.sheet.summary.append(f"  account {user}: {operation.field.value} {before}")

    def _tool(self, operation: Tool) -> None:
        number = self._count
        for argv in operation.run[:1]:
            self.sheet.needs[argv[0]] = None
        self.sheet.keeps += [(number, _plain(_PATH, path, "a path")) for path in operation.keeps]
        self.sheet.runtime.append(f': >"$D/tool.{number}"')
        self.sheet.runtime += [f"try {_SECONDS} {shlex.join(argv)}" for argv in operation.run]
        before = [f"runs {_SECONDS} {shlex.join(argv)}" for argv in operation.undo_before]
        if before:
            lines = [f"if tool_begins {number}; then", *(f"  {line}" for line in before), f"  tool_ends {number}", "fi"]
            self.sheet.back_before.append(lines)
        after = [f"! tool_ran {number} || runs {_SECONDS} {shlex.join(argv)}" for argv in operation.undo_after]
        self.sheet.back.append(after)
        kept = f"its files as they were ({', '.join(operation.keeps)})"
        told = kept if operation.keeps else "; ".join(shlex.join(argv) for argv in operation.undo_after)
        self.sheet.summary.append(f"  {operation.name}: {told}")


def _stopped_at_once(lines: list[str]) -> list[str]:
    """What steps that follow each other stop is stopped by one call, behind the name of the last of them."""
    done: list[str] = []
    units: list[str] = []
    held: list[str] = []  # steps of which it is not known yet whether they stop something first
    for line in [*lines, ""]:
        if line.startswith(_STOP):
            done += held
            held = []
            units.append(line.removeprefix(_STOP))
        elif line.startswith("step ") and units:
            held.append(line)
        else:
            done += [_STOP + " ".join(units)] * bool(units) + held + [line]
            units, held = [], []
    return done[:-1]


_STOP = "units stop "
# `systemctl enable` has the links of a script in /etc/init.d changed as well
_LINKS = ("/etc/systemd/system", *(f"/etc/rc{level}.d" for level in "S0123456"))
_SWAP = str.maketrans("./", "/.")
_UNIT_BACK = {
    "stop": "started again, if it ran",
    "start": "stopped again, if it did not run",
    "restart": "reads the files of before",
    "reload": "reads the files of before",
    "renew": "stays in its new version",
    "enable": "its links as they were",
    "unmask": "its links as they were",
}


def _plain(pattern: re.Pattern[str], text: str, what: str) -> str:
    if not pattern.fullmatch(text):
        raise UsageError(f"not {what} of plain characters: {text!r}")
    return text


def _expected(text: str) -> str:
    return _plain(_EXPECT, text, "a state")


def _names(operation: UnitDo) -> str:
    return " ".join(shlex.quote(_plain(_UNIT, unit, "a unit")) for unit in operation.units)


def _back_units(operation: UnitDo) -> str:
    return f"back_units {operation.action} {_names(operation)}"


def _line(secret: Secret) -> str:
    text = secret.reveal()
    if not text or any(char in text for char in "\0\n\r"):
        raise UsageError("a password is one line of text, and not empty")
    return text


def _before(operation: PutFile | DropFile | PutLink | Chmod) -> str:
    if isinstance(operation, Chmod):
        return "mode and owner as they were" + (f" ({operation.was})" if operation.was else "")
    if operation.expect == ABSENT:
        return "removed: it was not there"
    return f"a link to {operation.expect[5:]}" if operation.expect.startswith("link:") else "the original"


def _words(operation: UnitDo | SysctlDo | Tool) -> str:
    match operation:
        case UnitDo():
            return f"{operation.action} {' '.join(operation.units)}"
        case SysctlDo():
            return f"{operation.key} = {operation.value}"
        case Tool():
            return operation.name


def escaped(content: bytes) -> str:
    """Bytes as one word of sh that `printf %b` turns into them again, with its lines left readable."""
    parts = []
    for byte in content:
        char = chr(byte)
        if char == "\\":
            parts.append("\\\\")
        elif char == "'":
            parts.append("'\\''")
        elif char == "\n" or " " <= char <= "~":
            parts.append(char)
        else:
            parts.append(f"\\0{byte:03o}")
    return f"'{''.join(parts)}'"
