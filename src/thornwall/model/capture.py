"""Everything that IO produced for one audit: raw files, raw command results, and how they were obtained."""

from __future__ import annotations

import bisect
import fnmatch
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal

from thornwall.model.fact import ABSENT, Fact, Known, Unknown
from thornwall.model.record import record

FORMAT = "thornwall.capture/1"
_GLOB = re.compile(r"[*?\[]")
SUDO = "run as root, or let thornwall use sudo (--ask-sudo-pass)"
Source = Literal["local", "ssh", "directory"]
FileState = Literal["read", "denied", "too-large", "not-regular", "link", "outside", "broken"]


@record
class FileRecord:
    """One file of the host. `content` is None unless `state` is `read`; `mode` has the permission bits only.

    `target` is the text of the link where the path is a symbolic link, else empty. `mtime` is in seconds since 1970.
    Numeric fields are -1 where the host did not tell.
    """

    path: str
    state: FileState = "read"
    content: bytes | None = None
    mode: int = -1
    uid: int = -1
    gid: int = -1
    user: str = ""
    group: str = ""
    size: int = -1
    mtime: int = -1
    target: str = ""

    @property
    def text(self) -> str:
        """The content as text: invalid UTF-8 becomes U+FFFD, and nothing read is the empty string."""
        return (self.content or b"").decode("utf-8", "replace")


@record
class CommandResult:
    """What a command answered. `status` is its exit status; 124 and 137 mean that its time ran out, 127 none such."""

    name: str
    stdout: bytes
    stderr: bytes
    status: int

    @property
    def text(self) -> str:
        """stdout as text, invalid UTF-8 replaced."""
        return self.stdout.decode("utf-8", "replace")


@record
class Manifest:
    """How and when the capture was made. `captured_at`: seconds since 1970 by the *host's* clock, -1 unknown.

    `uid`: who read (0: everything could be read). `limits`: bounds that were hit, as sentences. `reads`: the patterns
    that were looked for: a path that matches none of them was never asked about.
    """

    target: str
    source: Source
    uid: int
    captured_at: int = -1
    version: str = ""
    format: str = FORMAT
    reads: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()  # directories that could not be searched
    skipped: Mapping[str, str] = field(default_factory=dict)  # commands not run, and why: `live` or `root`


@dataclass(frozen=True)
class Capture:
    """The evidence of one host at one time. Judged in memory; never unpacked to a disk."""

    manifest: Manifest
    files: Mapping[str, FileRecord] = field(default_factory=dict)
    commands: Mapping[str, CommandResult] = field(default_factory=dict)

    @property
    def live(self) -> bool:
        """Whether a running system was asked (else a root directory)."""
        return self.manifest.source != "directory"

    @property
    def root(self) -> bool:
        """Whether it was read as root."""
        return self.manifest.uid == 0

    @cached_property
    def _sorted_paths(self) -> tuple[str, ...]:
        return tuple(sorted(self.files))

    def record(self, path: str) -> Fact[FileRecord]:
        """The file at `path`, links followed within the capture; Unknown where it was not, or could not be, read."""
        link = ""
        for _ in range(8):
            record = self.files.get(path)
            if record is None and link and not self._asked_for(path):
                return Unknown(f"{link} is a link to {path}, which is not read")
            if record is None:
                return self._missing(path)
            if record.state == "link":
                link = link or path
                path = posixpath.normpath(posixpath.join(posixpath.dirname(path), record.target))
                continue
            return self._readable(record)
        return Unknown(f"{path} is a loop of symbolic links")

    def read(self, path: str) -> Fact[str]:
        """The text of the file at `path` (see `record`)."""
        match self.record(path):
            case Known(record):
                return Known(record.text)
            case other:
                return other

    def glob(self, pattern: str) -> Iterator[tuple[str, Fact[FileRecord]]]:
        """The files that match, in the order of their names; `*` does not cross `/`, as in sh."""
        paths = self._sorted_paths
        prefix, matches, parts, hidden = _compiled(pattern)
        length = len(prefix)
        for path in paths[bisect.bisect_left(paths, prefix) :]:
            if path[:length] != prefix:
                break
            if path.count("/") == parts and matches(path) and (hidden or path[path.rfind("/") + 1 :][:1] != "."):
                yield path, self.record(path)

    def blocked(self, pattern: str) -> Unknown | None:
        """Unknown if a directory on the way to `pattern` could not be searched: a glob may have missed files there."""
        for directory in self.manifest.blocked:
            parts = directory.count("/") + 1
            if fnmatch.fnmatchcase(directory, "/".join(pattern.split("/")[:parts])) and pattern.count("/") >= parts:
                return Unknown(f"{directory} may not be read by this user", SUDO)
        return None

    def command(self, name: str) -> Fact[CommandResult]:
        """What the command answered, whatever its status; Absent if the host has no such program.

        Unknown where it was not run or its time ran out.
        """
        result = self.commands.get(name)
        if result is None:
            if self.manifest.skipped.get(name) == "live":
                return Unknown("a directory cannot tell: it needs the running system", "audit the running host")
            if self.manifest.skipped.get(name) == "root":
                return Unknown(f"'{name}' needs root", SUDO)
            return Unknown(f"'{name}' was not asked when this capture was made", "capture the host again")
        if result.status == 127:
            return ABSENT
        if result.status in {124, 137}:
            return Unknown(f"'{name}' did not answer in time", "audit again while the device is idle")
        if result.status == 155:
            return Unknown(f"'{name}' was not run: a link leads out of the directory")
        if result.status == 153:
            return Unknown(f"'{name}' answered more than the limit of 8 MiB")
        return Known(result)

    def stdout(self, name: str) -> Fact[str]:
        """The stdout of a command that succeeded; Unknown with its complaint where it failed."""
        match self.command(name):
            case Known(result) if result.status == 0:
                return Known(result.text)
            case Known(result):
                complaint = result.stderr.decode("utf-8", "replace").strip().splitlines()
                return Unknown(f"'{name}' failed: {complaint[0] if complaint else f'status {result.status}'}"[:200])
            case other:
                return other

    @cached_property
    def _plain_reads(self) -> frozenset[str]:
        return frozenset(self.manifest.reads)

    @cached_property
    def _glob_reads(self) -> Mapping[tuple[str, int], list[str]]:
        """The globs by their first folder and their depth: only those few are tried on a path."""
        found: dict[tuple[str, int], list[str]] = {}
        for pattern in self.manifest.reads:
            if "*" in pattern or "?" in pattern or "[" in pattern:
                found.setdefault(_place(pattern), []).append(pattern)
        return found

    def _asked_for(self, path: str) -> bool:
        return path in self._plain_reads or any(
            fnmatch.fnmatchcase(path, pattern) for pattern in self._glob_reads.get(_place(path), ())
        )

    def _missing(self, path: str) -> Fact[FileRecord]:
        if not self._asked_for(path):
            return Unknown(f"{path} was not asked for when this capture was made", "capture the host again")
        return self.blocked(path) or ABSENT

    def _readable(self, record: FileRecord) -> Fact[FileRecord]:
        match record.state:
            case "read":
                return Known(record)
            case "denied":
                return Unknown(f"{record.path} may not be read by this user", SUDO)
            case "too-large":
                return Unknown(f"{record.path} is larger than what is read of such a file")
            case "broken":
                return Unknown(f"{record.path} could not be read to its end")
            case "outside":
                return Unknown(f"{record.path} leaves the directory through a link")
            case _:
                return Unknown(f"{record.path} is not a regular file")


@lru_cache(1024)
def _compiled(pattern: str) -> tuple[str, Callable[[str], object], int, bool]:
    """What stands before the first wildcard, what matches the whole, how many `/`, and whether hidden files count."""
    matches = re.compile(fnmatch.translate(pattern)).match
    hidden = pattern.rpartition("/")[2].startswith(".")
    return _GLOB.split(pattern, maxsplit=1)[0], matches, pattern.count("/"), hidden


def _place(path: str) -> tuple[str, int]:
    return path.split("/", 2)[1] if "/" in path else "", path.count("/")
