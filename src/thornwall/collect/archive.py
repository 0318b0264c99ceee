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
import os
import re
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast, get_args

from thornwall.collect.members import Member, Owner, members
from thornwall.errors import CaptureError
from thornwall.model.capture import FORMAT, Capture, CommandResult, FileRecord, FileState, Manifest, Source

MAX_PACKED = 32 * 1024 * 1024
MAX_BYTES = 96 * 1024 * 1024
MAX_MEMBERS = 20_000
MAX_MEMBER = 9 * 1024 * 1024
_NAME = re.compile(r"(files|commands)/[^\x00-\x1f\x7f]{1,1000}|manifest\.json")
_ODD = re.compile(r"/\.{0,2}(?:/|\Z)")  # a name that leads elsewhere, or nowhere
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
        found = dict(_members(_gunzip(data, name), name))
        raw = json.loads(found["manifest.json"].content)
        manifest = _read_manifest(raw, name)
        return Capture(manifest, dict(_files(raw, found)), dict(_commands(raw, found)))
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


def _members(plain: bytes, name: str) -> Iterator[tuple[str, Member]]:
    try:
        for count, member in enumerate(members(plain)):
            if count >= MAX_MEMBERS:
                raise CaptureError(f"{name} has more than {MAX_MEMBERS} members; no capture does.", hint=_RERUN)
            _check(member, name)
            yield member.name, member
    except (tarfile.TarError, EOFError, UnicodeError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        raise CaptureError(f"{name} is damaged: its tar cannot be read.", hint=_RERUN) from error


def _check(member: Member, name: str) -> None:
    if not _NAME.fullmatch(member.name) or _ODD.search(member.name):
        raise CaptureError(f"{name} has a member with a name that no capture has: {member.name[:80]!a}.", hint=_RERUN)
    if member.kind == "other" or (member.kind == "link" and not member.name.startswith("files/")):
        raise CaptureError(f"{name} has a member that is no plain file: {member.name[:80]!a}.", hint=_RERUN)
    if member.size > MAX_MEMBER:
        raise CaptureError(f"{name} has a member of {member.size} bytes: {member.name[:80]!a}.", hint=_RERUN)
    if member.kind == "file" and len(member.content) != member.size:
        raise CaptureError(f"{name} is cut short in {member.name[:80]!a}.", hint=_RERUN)


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


def _files(raw: Mapping[str, Any], found: Mapping[str, Member]) -> Iterator[tuple[str, FileRecord]]:
    states = get_args(FileState)
    for path, note in raw["files"].items():
        state = note["state"]
        if state not in states:
            raise ValueError("no such state")
        member = found[f"files{path}"] if state in {"read", "link"} else None
        if member is not None and (member.kind == "link") != (state == "link"):
            raise ValueError("a link that is none")
        # where the host told all of it, the manifest says nothing
        owner, mtime = (member.owner, member.mtime) if member and note.keys().isdisjoint(_IN_TAR) else _marks(note)
        content = member.content if member and state == "read" else None
        yield path, FileRecord(path, state, content, *owner, _whole(note["size"]), mtime, _words(note["target"]))


def _marks(note: Mapping[str, Any]) -> tuple[Owner, int]:
    mode, uid, gid, mtime = [_whole(note.get(key, -1)) for key in ("mode", "uid", "gid", "mtime")]
    return (mode, uid, gid, _words(note.get("user", "")), _words(note.get("group", ""))), mtime


def _commands(raw: Mapping[str, Any], found: Mapping[str, Member]) -> Iterator[tuple[str, CommandResult]]:
    for name, status in raw["commands"].items():
        complaint = found.get(f"commands/{name}.err")
        said = found[f"commands/{name}.out"].content
        yield name, CommandResult(name, said, complaint.content if complaint else b"", _whole(status))


def _words(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def _whole(value: object) -> int:
    if type(value) is not int or abs(value) > 1 << 53:  # a bool is none
        raise TypeError("not a whole number")
    return value
