"""The stream that the script sends, to a capture. The host is hostile: nothing here trusts a length or a name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias

from thornwall.errors import HostAnswerError
from thornwall.model.capture import Capture, CommandResult, FileRecord, FileState, Manifest, Source
from thornwall.model.probe import Probe, Read, skipped

_STATES: dict[str, FileState] = {
    "D": "denied",
    "N": "not-regular",
    "T": "too-large",
    "E": "outside",
    "L": "link",
    "X": "broken",
}


class Progress:
    """Follows a stream as it arrives, and calls `step` with the name of each command that begins."""

    def __init__(self, nonce: str, step: Callable[[str], None]) -> None:
        self._mark = f"{nonce} STEP ".encode()
        self._step = step
        self._tail = b""
        self._over = False

    def feed(self, chunk: bytes) -> None:
        """Look at the next bytes of the stream."""
        if self._over:
            return
        *lines, self._tail = (self._tail + chunk).split(b"\n")
        self._tail = self._tail[-4096:]
        for line in lines:
            if line.startswith(self._mark):
                self._step(line[len(self._mark) :][:64].decode("ascii", "replace"))
            elif line == self._mark[: self._mark.index(b" ")] + b" TABLE":
                self._over = True


def parse_stream(  # noqa: PLR0913
    data: bytes, *, nonce: str, probes: Iterable[Probe], target: str, source: Source, version: str = ""
) -> Capture:
    """The capture that the bytes of a whole stream hold.

    Raises HostAnswerError if the stream is no answer of the script, is cut, or contradicts itself.
    """
    probes = tuple(probes)
    head, blobs = _split(data, nonce.encode(), target)
    uid, now = head
    listed = _text(blobs["list"]).splitlines()
    files, limits = _files(blobs, listed, nonce)
    blocked = tuple(dict.fromkeys(_absolute(line[2:]) for line in listed if line.startswith("B ")))
    manifest = Manifest(
        target=target,
        source=source,
        uid=uid,
        captured_at=now,
        version=version,
        reads=tuple(probe.pattern for probe in probes if isinstance(probe, Read)),
        limits=tuple(limits),
        blocked=blocked,
        skipped=skipped(probes, live=source != "directory", uid=uid),
    )
    return Capture(manifest, files, dict(_commands(blobs)))


def _split(data: bytes, nonce: bytes, target: str) -> tuple[tuple[int, int], dict[str, bytes]]:
    start = data.find(nonce + b" BEGIN 1\n")
    if start < 0:
        raise HostAnswerError(
            f"{target} answered, but not with evidence: {_glimpse(data)}",
            hint="Check that a POSIX shell is at /bin/sh there, and that the account may run commands over SSH.",
        )
    for error, words in _ERRORS.items():
        line = nonce + b" ERROR " + error + b"\n"
        if line in data[start : start + 4096] or data.endswith(line):
            raise HostAnswerError(f"{target}: {words[0]}", hint=words[1])
    if not data.endswith(b"\n" + nonce + b" END\n"):
        raise HostAnswerError(
            f"The answer of {target} broke off after {len(data)} bytes; nothing was judged.",
            hint="Try again; if it breaks off at the same place, the link or the host is at fault.",
        )
    try:
        host, rest = data[start:].split(nonce + b" TABLE\n", 1)
        table, body = rest.split(nonce + b" DATA\n", 1)
        uid, now = _HOST.findall(host.rpartition(nonce + b" HOST ")[2])[0]
        blobs = dict(_cut(table, body, len(nonce) + 6))
        return (int(uid), int(now)), {name: blobs.pop(name) for name in _PARTS} | blobs
    except (ValueError, IndexError, KeyError) as error:
        raise HostAnswerError(
            f"The answer of {target} contradicts itself; nothing was judged.",
            hint="If the host is yours and healthy, please report this as a fault of thornwall.",
        ) from error


_HOST = re.compile(rb"\A(\d{1,10}) (\d{1,12})$", re.MULTILINE)
_PARTS = ("list", "status", "meta", "links", "kernel", "files")
_ERRORS: dict[bytes, tuple[str, str]] = {
    b"scratch": (
        "there is no room for the evidence: no tmpfs (/run, /run/user, /dev/shm, /tmp) has 16 MiB to spare.",
        "Free some: 'df -h -t tmpfs' shows which is full. Thornwall writes nothing to the SD card.",
    ),
    b"root": ("the directory cannot be entered.", "Check its path and whether you may read it."),
}


def _cut(table: bytes, body: bytes, trailer: int) -> Iterator[tuple[str, bytes]]:
    offset = 0
    for line in table.splitlines():
        size, _, name = line.strip().partition(b" ")
        if name == b"total":
            break
        end = offset + int(size)
        if end > len(body) - trailer:
            raise ValueError("a length reaches beyond the end")
        yield name.decode("ascii", "replace"), body[offset:end]
        offset = end
    if offset != len(body) - trailer:
        raise ValueError("the lengths do not add up")


def _glimpse(data: bytes) -> str:
    text = data[:120].decode("ascii", "replace").strip()
    return f"it began with {text!r}" if text else "it said nothing"


def _text(blob: bytes) -> str:
    return blob.decode("utf-8", "replace")


def _absolute(path: str) -> str:
    return path[1:] if path.startswith("./") else path


def _files(blobs: dict[str, bytes], listed: list[str], nonce: str) -> tuple[dict[str, FileRecord], list[str]]:
    meta = dict(_meta(_text(blobs["meta"])))
    links = dict(_links(_text(blobs["links"])))
    contents, notes, finished = _contents(blobs["files"], nonce.encode())
    contents |= _kernel(_text(blobs["kernel"]))
    limits = [] if finished else ["The files together were more than the limit of 8 MiB: some were not read."]
    files: dict[str, FileRecord] = {}
    for line in listed:
        kind, _, rest = line.partition(" ")
        path = _absolute(rest.split(" ", 2)[-1] if kind == "R" else rest)
        if kind in {"M", "O"}:
            limits.append(_LIMITS[kind].format(path))
        elif kind in {"R", "P"}:
            state = notes.get(path, "read" if path in contents else "broken")
            marks = meta.get(path, _UNKNOWN)
            if state == "read" and not contents[path] and marks[_SIZE] > 0 and kind == "R":
                state = "broken"  # it is not empty there: it was not read
            target = links[path][1] if path in links else ""
            files[path] = FileRecord(path, state, contents.get(path), *marks, target)
        elif kind in _STATES and (kind == "X" or path not in files):
            marks, target = links.get(path, (_UNKNOWN, ""))
            files[path] = FileRecord(path, _STATES[kind], None, *marks, target)
    return files, limits


_LIMITS = {
    "M": "More than 500 files match {}: the rest was not read.",
    "O": "A file that matches {} has strange characters in its name: it was not read.",
}


_Marks: TypeAlias = tuple[int, int, int, str, str, int, int]  # mode, uid, gid, user, group, size, mtime
_UNKNOWN: _Marks = (-1, -1, -1, "", "", -1, -1)
_SIZE: Final = 5  # where in it


def _meta(text: str) -> Iterator[tuple[str, _Marks]]:
    for line in text.splitlines():
        fields = line.split(" ", 7)
        if len(fields) == 8 and fields[7].startswith("./"):
            yield fields[7][1:], _marks(fields)


def _links(text: str) -> Iterator[tuple[str, tuple[_Marks, str]]]:
    """Of `'./path' -> 'target'`, with quotes or without: the path to its marks and its target."""
    for line in text.splitlines():
        fields = line.split(" ", 7)
        if len(fields) == 8:
            name, arrow, target = fields[7].partition(" -> ")
            name = name.removeprefix("'").removesuffix("'")
            if arrow and name.startswith("./") and "'" not in name:
                yield name[1:], (_marks(fields), target.removeprefix("'").removesuffix("'"))


def _marks(fields: list[str]) -> _Marks:
    mode, uid, gid, user, group, size, mtime = fields[:7]
    bits = int(mode, 16) & 0o7777 if _HEX.fullmatch(mode) else -1
    return bits, _number(uid), _number(gid), user, group, _number(size), _number(mtime)


_HEX = re.compile(r"[0-9a-fA-F]{1,16}")


def _number(text: str) -> int:
    return int(text) if text.isdigit() and text.isascii() and len(text) <= 16 else -1


_NOTES: dict[bytes, FileState] = {b"T": "too-large", b"X": "broken", b"L": "link"}


def _contents(blob: bytes, nonce: bytes) -> tuple[dict[str, bytes], dict[str, FileState], bool]:
    """Path to content, path to why there is none, and whether the list was gone through to its end."""
    contents: dict[str, bytes] = {}
    notes: dict[str, FileState] = {}
    for part in blob.split(b"\001" + nonce + b" ")[1:]:
        head, _, content = part.partition(b"\n")
        kind, _, name = head.partition(b" ")
        path = _absolute(_text(name))
        if kind == b"F":
            contents[path] = content
        elif kind in _NOTES:
            notes[path] = _NOTES[kind]
        elif kind == b"E":
            return contents, notes, True
    return contents, notes, False


_HEADS = re.compile(r"\n==> (\./(?:proc|sys)/[^\n]*) <==\n")


def _kernel(text: str) -> dict[str, bytes]:
    """What `head -v` printed of the files of /proc and /sys."""
    parts = _HEADS.split("\n" + text)
    return {_absolute(path): content.encode() for path, content in zip(parts[1::2], parts[2::2], strict=True)}


def _commands(blobs: dict[str, bytes]) -> Iterator[tuple[str, CommandResult]]:
    for line in _text(blobs["status"]).splitlines():
        status, _, name = line.partition(" ")
        yield (
            name,
            CommandResult(name, blobs.get(f"c/{name}.out", b""), blobs.get(f"c/{name}.err", b""), _number(status)),
        )
