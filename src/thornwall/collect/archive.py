"""A capture as a file that anyone can open with tar, and back again, in memory only.

    manifest.json          format, target, who read it and when, limits that were hit, what of each file is known
    files/etc/...          the files as they left the device (secrets masked there), with mode, owner and link target
    commands/NAME.out      what each command answered; NAME.err if it complained; statuses are in the manifest

Nothing is ever unpacked to a disk: names are keys of a dict, and members that are not plain files or links are an
error, as are more, larger or stranger ones than thornwall writes.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import os
import re
import stat
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias, cast, get_args

from thornwall.collect.header import Header
from thornwall.errors import CaptureError
from thornwall.model.capture import FORMAT, Capture, CommandResult, FileRecord, FileState, Manifest, Source

MAX_PACKED = 32 * 1024 * 1024
MAX_BYTES = 96 * 1024 * 1024
MAX_MEMBERS = 20_000
MAX_MEMBER = 9 * 1024 * 1024
_NAME = re.compile(r"(files|commands)/[^\x00-\x1f\x7f]{1,1000}|manifest\.json")
_RERUN = "Make the capture again with 'thornwall capture'; if it was sent to you, ask for it again."


def save(capture: Capture, path: Path) -> None:
    """Write the capture as a `.tar.gz`, 0600, whole or not at all. Raises CaptureError if it cannot be written."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(pack(capture))
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CaptureError(f"The capture could not be written to {path}: {error.strerror}.") from error


def load(path: Path) -> Capture:
    """The capture in a file. Raises CaptureError for anything that thornwall did not write."""
    try:
        size = path.stat().st_size
        if size > MAX_PACKED:
            raise CaptureError(f"{path} has {size} bytes; a capture has at most {MAX_PACKED}.", hint=_RERUN)
        return unpack(path.read_bytes(), str(path))
    except OSError as error:
        raise CaptureError(f"{path} could not be read: {error.strerror}.") from error


def pack(capture: Capture) -> bytes:
    """The capture as the bytes of a `.tar.gz`; the same capture always gives the same bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, "manifest.json", json.dumps(_manifest(capture), indent=1, sort_keys=True).encode())
        for _, record in sorted(capture.files.items()):
            if record.state in {"read", "link"}:
                _add_file(tar, record)
        for _, result in sorted(capture.commands.items()):
            _add(tar, f"commands/{result.name}.out", result.stdout)
            if result.stderr:
                _add(tar, f"commands/{result.name}.err", result.stderr)
    return gzip.compress(buffer.getvalue(), compresslevel=6, mtime=0)


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    info.mode = 0o600
    tar.addfile(info, io.BytesIO(data))


def _add_file(tar: tarfile.TarFile, record: FileRecord) -> None:
    info = tarfile.TarInfo(f"files{record.path}")
    info.mode, info.uid, info.gid = max(record.mode, 0), max(record.uid, 0), max(record.gid, 0)
    info.uname, info.gname, info.mtime = record.user, record.group, max(record.mtime, 0)
    if record.state == "link":
        info.type, info.linkname = tarfile.SYMTYPE, record.target
        tar.addfile(info)
    else:
        info.size = len(record.content or b"")
        tar.addfile(info, io.BytesIO(record.content or b""))


_IN_TAR = ("mode", "uid", "gid", "user", "group", "mtime")


def _manifest(capture: Capture) -> dict[str, Any]:
    notes: dict[str, dict[str, Any]] = {}
    for record in capture.files.values():
        # the tar holds what it can; -1 (the host did not tell) and what is no plain file stand here
        note: dict[str, Any] = {"state": record.state, "size": record.size, "target": record.target}
        if record.state not in {"read", "link"} or any(getattr(record, name) in {-1, ""} for name in _IN_TAR):
            note |= {name: getattr(record, name) for name in _IN_TAR}
        notes[record.path] = note
    statuses = {result.name: result.status for result in capture.commands.values()}
    return asdict(capture.manifest) | {"files": notes, "commands": statuses}


def unpack(data: bytes, name: str = "the capture") -> Capture:
    """The capture in the bytes of a `.tar.gz`. Raises CaptureError; `name` is what to call it then."""
    try:
        members = dict(_members(_gunzip(data, name), name))
        raw = json.loads(members["manifest.json"][1])
        manifest = _read_manifest(raw, name)
        return Capture(manifest, dict(_files(raw, members)), dict(_commands(raw, members)))
    except KeyError as error:
        raise CaptureError(f"{name} is no capture: it has no {str(error)[:80]}.", hint=_RERUN) from error
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise CaptureError(f"{name} is corrupt: its manifest is not as thornwall writes it.", hint=_RERUN) from error


def _gunzip(data: bytes, name: str) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(data, MAX_BYTES)
    except zlib.error as error:
        raise CaptureError(f"{name} is no capture: it is not a .tar.gz, or is damaged.", hint=_RERUN) from error
    if unpacker.unconsumed_tail:
        raise CaptureError(f"{name} unpacks to more than {MAX_BYTES} bytes; no capture does.", hint=_RERUN)
    if not unpacker.eof:
        raise CaptureError(f"{name} is cut short.", hint=_RERUN)
    return plain


def _members(plain: bytes, name: str) -> Iterator[tuple[str, tuple[tarfile.TarInfo, bytes]]]:
    try:
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:", tarinfo=Header) as tar:
            for count, info in enumerate(tar):
                if count >= MAX_MEMBERS:
                    raise CaptureError(f"{name} has more than {MAX_MEMBERS} members; no capture does.", hint=_RERUN)
                yield info.name, (info, _content(plain, info, name))
    except (tarfile.TarError, EOFError, UnicodeError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        raise CaptureError(f"{name} is damaged: its tar cannot be read.", hint=_RERUN) from error


def _content(plain: bytes, info: tarfile.TarInfo, name: str) -> bytes:
    parts = info.name.split("/")
    if not _NAME.fullmatch(info.name) or ".." in parts or "." in parts or "" in parts:
        raise CaptureError(f"{name} has a member with a name that no capture has: {info.name[:80]!a}.", hint=_RERUN)
    if info.issym() and parts[0] == "files":
        return b""
    if not info.isreg() or info.issparse():
        raise CaptureError(f"{name} has a member that is no plain file: {info.name[:80]!a}.", hint=_RERUN)
    if info.size > MAX_MEMBER:
        raise CaptureError(f"{name} has a member of {info.size} bytes: {info.name[:80]!a}.", hint=_RERUN)
    data = plain[info.offset_data : info.offset_data + info.size]
    if len(data) != info.size:
        raise CaptureError(f"{name} is cut short in {info.name[:80]!a}.", hint=_RERUN)
    return data


def _read_manifest(raw: Mapping[str, Any], name: str) -> Manifest:
    if raw["format"] != FORMAT:
        raise CaptureError(
            f"{name} has the format {str(raw['format'])[:40]!a}; this thornwall reads {FORMAT}.",
            hint="Use the version of thornwall that made it, or make it again.",
        )
    if raw["source"] not in get_args(Source):
        raise ValueError("no such source")
    return Manifest(
        target=_words(raw["target"])[:500],
        source=cast("Source", raw["source"]),
        uid=_whole(raw["uid"]),
        captured_at=_whole(raw["captured_at"]),
        version=_words(raw["version"])[:40],
        reads=tuple(map(_words, raw["reads"])),
        limits=tuple(map(_words, raw["limits"])),
        blocked=tuple(map(_words, raw["blocked"])),
        skipped={_words(key): _words(value) for key, value in raw["skipped"].items()},
    )


def _files(
    raw: Mapping[str, Any], members: Mapping[str, tuple[tarfile.TarInfo, bytes]]
) -> Iterator[tuple[str, FileRecord]]:
    states = get_args(FileState)
    for path, note in raw["files"].items():
        state = note["state"]
        if state not in states:
            raise ValueError("no such state")
        info, data = members[f"files{path}"] if state in {"read", "link"} else (None, b"")
        if info is not None and info.issym() != (state == "link"):
            raise ValueError("a link that is none")
        # where the host told all of it, the manifest says nothing
        marks = _from_tar(info) if info is not None and note.keys().isdisjoint(_IN_TAR) else _marks(note)
        content = data if state == "read" else None
        mode, uid, gid, user, group, mtime = marks
        size, target = _whole(note["size"]), _words(note["target"])
        yield path, FileRecord(path, state, content, mode, uid, gid, user, group, size, mtime, target)


_Marks: TypeAlias = tuple[int, int, int, str, str, int]  # in the order of _IN_TAR


def _marks(note: Mapping[str, Any]) -> _Marks:
    mode, uid, gid, mtime = (_whole(note.get(key, -1)) for key in ("mode", "uid", "gid", "mtime"))
    return mode, uid, gid, _words(note.get("user", "")), _words(note.get("group", "")), mtime


def _from_tar(info: tarfile.TarInfo) -> _Marks:
    if not math.isfinite(info.mtime):
        raise ValueError("no such time")
    return stat.S_IMODE(info.mode), info.uid, info.gid, info.uname, info.gname, int(info.mtime)


def _commands(
    raw: Mapping[str, Any], members: Mapping[str, tuple[tarfile.TarInfo, bytes]]
) -> Iterator[tuple[str, CommandResult]]:
    for name, status in raw["commands"].items():
        complaint = members.get(f"commands/{name}.err")
        yield (
            name,
            CommandResult(name, members[f"commands/{name}.out"][1], complaint[1] if complaint else b"", _whole(status)),
        )


def _words(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 1 << 53:
        raise TypeError("not a whole number")
    return value
