"""Modes, owners and mounts: what one walk of the local file systems saw."""

from __future__ import annotations

import re
from collections.abc import Iterator

from thornwall.facts.filesystem_walk import FOLLOWS, WALK
from thornwall.facts.redact import PLAIN, TEXT
from thornwall.model.capture import Capture, CommandResult
from thornwall.model.fact import Fact, Known, Unknown
from thornwall.model.filesystem import Entry, FileSystem, Mount, decode, normal
from thornwall.model.probe import Probe, Read, Run

PROBES: tuple[Probe, ...] = (
    Run("walk", WALK, seconds=20, shell=True, live=False, follows=FOLLOWS),
    Read("/proc/mounts", PLAIN),
    Read("/etc/fstab", TEXT),
)

LATE = Unknown(
    "the walk of the file systems was cut off after 12 seconds",
    "audit again while the device is idle, or audit its card in a faster computer (thornwall audit dir:/mnt)",
)
NONE = Unknown("the walk of the file systems could not begin")
MANY = Unknown("there are more accounts than the walk can tell apart, so files without an owner were not looked for")
FULL = Unknown("more files stand out than the walk may report")
TYPES = {0o01: "p", 0o02: "c", 0o04: "d", 0o06: "b", 0o10: "f", 0o12: "l", 0o14: "s"}  # S_IFMT >> 12

_DENIED = re.compile(r"^find: [‘'`]?(.*?)[’']?: Permission denied$", re.MULTILINE)
_OCTAL = re.compile(r"\\([0-7]{3})")


def parse(capture: Capture) -> Fact[FileSystem]:
    """Known where the walk said anything; how complete it is, the value says itself."""
    match capture.command("walk"):
        case Known(result) if result.stdout.startswith(b"! "):
            return Known(_filesystem(result, mounts(capture)))
        case Unknown() as unknown:
            return unknown
        case _:
            return Unknown("the walk of the file systems failed: the host has no find", "install findutils")


def _filesystem(result: CommandResult, mounted: tuple[Mount, ...]) -> FileSystem:
    text = result.text
    parts = text.split("\0") if text.startswith("! gnu") else [_gnu(line) for line in text.split("\n")]
    if parts[-1]:
        parts.pop()  # cut off
    rows: dict[str, str] = {}
    said: dict[str, list[str]] = {}
    for part in parts:
        if part[:2] == "l ":
            rest = part.partition(" ./")[2]  # nothing for `.` itself
            path = rest.partition("\t")[0] if part[2:3] == "l" else rest.rpartition("\t")[0]  # a name may hold a tab
            rows["/" + path] = part
        else:
            said.setdefault(part[:1], []).append(part)
    users, groups = _names(said.get("u", [])), _names(said.get("g", []))
    entries = [(row, e) for tag in "swnb" for row in said.get(tag, []) if (e := decode(row, users, groups)) is not None]
    rows.update((entry.path, row) for row, entry in entries)
    stand_out: dict[str, dict[Entry, None]] = {tag: {} for tag in "swn"}
    for row, entry in entries:
        for tag in _tags(entry, users, groups) if row[0] == "b" else row[0]:
            stand_out[tag][entry] = None
    notes = [note[2:] for note in said.get("!", [])]
    return FileSystem(
        rows=rows,
        users=users,
        groups=groups,
        setid=tuple(stand_out["s"]),
        world_writable=tuple(stand_out["w"]),
        unowned=tuple(stand_out["n"]),
        mounts=mounted,
        limits=tuple(_limits(notes, result)),
        whole="end" in notes,
        blocked=tuple(dict.fromkeys(map(normal, _DENIED.findall(result.stderr.decode("utf-8", "replace"))))),
    )


def _tags(entry: Entry, users: dict[int, str], groups: dict[int, str]) -> Iterator[str]:
    """Why a file stands out: set-ID, world-writable, nobody's."""
    if entry.type == "f" and entry.mode & 0o6000:
        yield "s"
    if entry.mode & 0o002 and (entry.type == "f" or (entry.type == "d" and not entry.sticky)):
        yield "w"
    if entry.uid not in users or entry.gid not in groups:
        yield "n"


def names(capture: Capture) -> tuple[dict[int, str], dict[int, str]]:
    """The host's users and groups by number, as the walk noted them; empty where it did not run."""
    result = capture.commands.get("walk")
    head = result.stdout[:65_536].decode("utf-8", "replace") if result else ""
    end = "\0" if head.startswith("! gnu") else "\n"
    said = head.partition(f"{end}l ")[0].split(end)  # they stand before the files
    return _names([each for each in said if each[:2] == "u "]), _names([each for each in said if each[:2] == "g "])


def records(text: str) -> list[str]:
    """The records of find, or of busybox' find and stat, of a command that notes paths."""
    _, busybox, lines = text.partition("! busybox\n")
    return [_gnu(line) for line in lines.split("\n")] if busybox else text.split("\0")


def _names(records: list[str]) -> dict[int, str]:
    """`u 1000 pi` -> {1000: "pi"}; the first name of a number counts, as for getpwuid(3)."""
    names: dict[int, str] = {}
    for record in records:
        number, _, name = record[2:].partition(" ")
        if number.isascii() and number.isdigit() and len(number) < 11:
            names.setdefault(int(number), name)
    return names


def _limits(notes: list[str], result: CommandResult) -> Iterator[Unknown]:
    if "late" in notes:
        yield LATE
    if "none" in notes:
        yield NONE
    if "many" in notes:
        yield MANY
    if "end" not in notes or b"File too large" in result.stderr:
        yield FULL
    for note in notes:
        if note.startswith("unwalked "):
            yield Unknown(f"{_octal(note[9:])} was not walked: its name holds unusual characters")


def _gnu(line: str) -> str:
    """A line of busybox' stat in the form of GNU find's record; anything else as it is."""
    fields = line.split(" ", 6)
    if len(fields) != 7 or len(fields[0]) != 1:
        return line
    tag, raw, *numbers, name = fields
    target = ""
    if name.startswith("'") and " -> " in name:
        name, _, target = name[1:].rstrip("'").partition("' -> '")
    try:
        mode = int(raw, 16)
    except ValueError:
        return line
    return f"{tag} {TYPES.get(mode >> 12, '?')} {mode & 0o7777:o} {' '.join(numbers)} {name}\t{target}"


def mounts(capture: Capture) -> tuple[Mount, ...]:
    """What is mounted; of a directory, what its fstab wants to be."""
    if capture.live:
        match capture.read("/proc/mounts"):
            case Known(text):
                return tuple(_mounts(text, numbered=False))
            case _:
                return ()
    match capture.read("/etc/fstab"):
        case Known(text):
            return tuple(_mounts(text, numbered=True))
        case _:
            return ()


def _mounts(text: str, *, numbered: bool) -> Iterator[Mount]:
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if len(fields) >= 3 and not fields[0].startswith("#"):
            options = tuple(fields[3].split(",")) if len(fields) > 3 else ()
            yield Mount(fields[0], _octal(fields[1]), fields[2], options, number if numbered else None)


def _octal(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)
