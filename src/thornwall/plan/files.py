"""Wishes about files to operations: what each file holds before and after, to the byte."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from thornwall.model.change import (
    ABSENT,
    Chmod,
    DropFile,
    EditLine,
    EditWords,
    Operation,
    OwnLine,
    PutFile,
    RemoveFile,
    SetMode,
    Wish,
    WriteFile,
)
from thornwall.model.fact import Absent, Fact, Known, Unknown
from thornwall.plan.fix import Situation

HEADER = "Written by thornwall; 'thornwall undo' takes it back."
_COMMENTS = {"/etc/apt/": "//"}
_SAFE = re.compile(r"/[A-Za-z0-9_./@:+,%~=-]*")


class ConflictError(Exception):
    """Two wishes cannot both come true, or one cannot be made exact: in words for a person."""


@dataclass(frozen=True, slots=True)
class Meta:
    """Mode and owner of a file, as far as they are known."""

    mode: int = -1
    user: str = ""
    group: str = ""

    @property
    def known(self) -> bool:
        """Whether the mode is."""
        return self.mode >= 0


def path_of(wish: Wish) -> str:
    """The file that a wish is about, or empty."""
    match wish:
        case OwnLine(path=path) | EditLine(path=path) | EditWords(path=path) | WriteFile(path=path):
            return path
        case RemoveFile(path=path) | SetMode(path=path):
            return path
        case _:
            return ""


def operations(situation: Situation, path: str, wishes: Sequence[Wish]) -> tuple[Operation, ...]:
    """What is done to `path`: nothing where it is so already. Raises ConflictError."""
    if not _SAFE.fullmatch(path) or "/../" in f"{path}/":
        raise ConflictError(f"{path!a} has a name that the program does not touch")
    removes = [wish for wish in wishes if isinstance(wish, RemoveFile)]
    modes = [wish for wish in wishes if isinstance(wish, SetMode)]
    rest = [wish for wish in wishes if not isinstance(wish, RemoveFile | SetMode)]
    if removes:
        if rest:
            raise ConflictError(f"one fix removes {path}, and another one writes it")
        return _removed(situation, path)
    if not rest:
        return _chmod(situation, path, modes)
    return _written(situation, path, rest, modes)


def _removed(situation: Situation, path: str) -> tuple[Operation, ...]:
    expect = _state(situation, path)
    if expect == ABSENT:
        return ()
    return (DropFile(path, expect, _shown(situation, path)),)


def _written(
    situation: Situation, path: str, wishes: Sequence[Wish], modes: Sequence[SetMode]
) -> tuple[Operation, ...]:
    expect = _state(situation, path)
    if expect.startswith("link:"):
        raise ConflictError(f"{path} is a symbolic link to {expect.removeprefix('link:')}")
    before = None if expect == ABSENT else _bytes(situation.exact(path))
    content = _content(path, before, wishes)
    meta = meta_of(situation, path)
    mode = _mode_of_new(wishes) if before is None else meta.mode
    if modes and mode >= 0:
        mode = _combined(mode, modes)
    if content == before:
        return _chmod(situation, path, modes)
    owner = next((wish for wish in wishes if isinstance(wish, WriteFile)), None)
    user, group = (owner.user, owner.group) if owner else ("root", "root")
    keep = before is not None and not modes
    put = PutFile(path, content, expect, mode if mode >= 0 else 0o644, user, group, before, keep_meta=keep)
    return (put,)


def _content(path: str, before: bytes | None, wishes: Sequence[Wish]) -> bytes:
    whole = {wish.content for wish in wishes if isinstance(wish, WriteFile)}
    if whole:
        if len(whole) > 1 or not all(isinstance(wish, WriteFile) for wish in wishes):
            raise ConflictError(f"two fixes want {path} to hold different things")
        return whole.pop()
    own = [wish for wish in wishes if isinstance(wish, OwnLine)]
    if own:
        if len(own) != len(wishes):
            raise ConflictError(f"{path} is our own file, and a fix edits it as if it were not")
        return own_lines(path, before, own)
    if before is None:
        raise ConflictError(f"{path} is not there to be edited")
    return _edited(path, before, wishes)


def own_lines(path: str, before: bytes | None, wishes: Iterable[OwnLine]) -> bytes:
    """A drop-in of ours: the lines that it had, those of the wishes in the place of their keys, sections kept."""
    sections: dict[str, list[str]] = {"": []}
    section = ""
    comment = next((sign for prefix, sign in _COMMENTS.items() if path.startswith(prefix)), "#")
    for line in (before or b"").decode("utf-8", "surrogateescape").splitlines():
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            sections.setdefault(section, [])
        elif line.strip() and line != f"{comment} {HEADER}":
            sections[section].append(line)
    said: dict[tuple[str, str], str] = {}
    for wish in wishes:
        if said.setdefault((wish.section, wish.key), wish.line) != wish.line:
            raise ConflictError(f"two fixes want {wish.key} in {path} to be different things")
        lines = sections.setdefault(wish.section, [])
        places = [place for place, line in enumerate(lines) if _has_key(line, wish.key)]
        for place in reversed(places):
            del lines[place]
        lines.insert(places[0] if places else len(lines), wish.line)
    text = [f"{comment} {HEADER}"]
    for name, lines in sections.items():
        if name and lines:
            text.append(f"[{name}]")
        text.extend(lines)
    return ("\n".join(text) + "\n").encode("utf-8", "surrogateescape")


def _has_key(line: str, key: str) -> bool:
    return line.startswith(key) and (len(line) == len(key) or line[len(key)] in " \t=:")


def _edited(path: str, before: bytes, wishes: Sequence[Wish]) -> bytes:
    text = before.decode("utf-8", "surrogateescape")
    ends = text.endswith("\n") or not text
    lines: list[str | None] = list(text.removesuffix("\n").split("\n")) if text else []
    appended: list[str] = []
    edits = dict.fromkeys(wish for wish in wishes if isinstance(wish, EditLine))
    numbers = [edit.number for edit in edits if edit.number]
    if len(numbers) != len(set(numbers)):
        raise ConflictError(f"two fixes want one line of {path} to be different things")
    for edit in edits:
        if edit.number == 0:
            appended.append(edit.new or "")
            continue
        if edit.number > len(lines) or lines[edit.number - 1] != edit.old:
            raise ConflictError(f"line {edit.number} of {path} is not what it was taken for")
        lines[edit.number - 1] = edit.new
    kept = [line for line in lines if line is not None]
    for words in (wish for wish in wishes if isinstance(wish, EditWords)):
        kept = _words(path, kept, words)
    # what is appended stands on lines of its own
    result = "\n".join([*kept, *appended])
    if (kept or appended) and (ends or appended):
        result += "\n"
    return result.encode("utf-8", "surrogateescape")


def _words(path: str, lines: list[str], wish: EditWords) -> list[str]:
    full = [place for place, line in enumerate(lines) if line.strip()]
    if len(full) != 1:
        raise ConflictError(f"{path} is not one line, as it has to be")
    words = [word for word in lines[full[0]].split() if word not in wish.remove]
    words += [word for word in wish.add if word not in words]
    lines[full[0]] = " ".join(words)
    return lines


def _mode_of_new(wishes: Sequence[Wish]) -> int:
    modes = [wish.mode for wish in wishes if isinstance(wish, OwnLine | WriteFile)]
    return min(modes, default=0o644)


def _combined(mode: int, wishes: Sequence[SetMode]) -> int:
    exact = {wish.mode for wish in wishes if wish.mode is not None}
    if len(exact) > 1:
        raise ConflictError("two fixes want different modes")
    if exact:
        mode = exact.pop() or 0
    # the sticky bit is for folders that everybody may go on writing to: not where another fix closes them
    needless = 0o1000 if any(wish.clear & 0o002 for wish in wishes) else 0
    for wish in wishes:
        mode = (mode & ~wish.clear) | (wish.set & ~needless)
    return mode


def _chmod(situation: Situation, path: str, wishes: Sequence[SetMode]) -> tuple[Operation, ...]:
    if not wishes:
        return ()
    meta = meta_of(situation, path)
    bits = any(wish.mode is not None or wish.clear or wish.set for wish in wishes)
    if bits and not meta.known and any(wish.mode is None for wish in wishes):
        raise ConflictError(f"the mode of {path} is not known")
    mode = _combined(max(meta.mode, 0), wishes) if bits else None
    user = next((wish.user for wish in wishes if wish.user), "")
    group = next((wish.group for wish in wishes if wish.group), "")
    owner = next((wish.owner for wish in wishes if wish.owner), "")
    user, group = "" if user == meta.user else user, "" if group == meta.group else group
    if mode == meta.mode:
        mode = None
    if mode is None and not user and not group:
        return ()
    was = f"{meta.mode:04o} {meta.user}:{meta.group}" if meta.known else ""
    return (Chmod(path, mode, user, group, owner, meta.mode, was),)


def meta_of(situation: Situation, path: str) -> Meta:
    """Mode and owner of a file that is there, from whatever fact has them."""
    record = situation.capture.files.get(path)
    if record is not None and record.state != "link" and record.mode >= 0:
        return Meta(record.mode, record.user, record.group)
    match situation.facts.filesystem:
        case Known(tree) if (entry := tree.entry(path)) is not None and entry.type != "l":
            return Meta(entry.mode, entry.user, entry.group)
        case _:
            return Meta()


def _state(situation: Situation, path: str) -> str:
    match situation.state(path):
        case Known(state):
            return state
        case Unknown(reason):
            raise ConflictError(reason)
        case _:
            return ABSENT


def _bytes(fact: Fact[bytes]) -> bytes:
    match fact:
        case Known(content):
            return content
        case Unknown(reason):
            raise ConflictError(reason)
        case Absent():
            raise ConflictError("it went away while it was read")


def _shown(situation: Situation, path: str) -> bytes | None:
    match situation.exact(path):
        case Known(content):
            return content
        case _:
            return None
