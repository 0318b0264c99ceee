"""Modes, owners and mounts: what one walk of the local file systems saw."""

from __future__ import annotations

import posixpath
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from thornwall.model.fact import Unknown
from thornwall.model.record import record

LISTED = (
    "/etc",
    "/boot",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/usr/local/lib/systemd",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/var/spool/cron",
    "/var/spool/at",
)
"""Below these the walk notes every file. Elsewhere only what stands out, hidden files of homes, and every `.ssh`."""

_ROOTS_OWN = {f" {mode} 0 0 " for mode in ("644", "755", "777")}  # how the records of most files go on


@record
class Entry:
    """One file as the walk saw it, links not followed. `type` is find's letter: f, d, l, p, s, b or c.

    `mode` has the permission bits with set-user-ID, set-group-ID and sticky. `user` and `group` are names, or numbers
    as text where the host has no name. `target`: the text of a symbolic link, else empty. `mtime`: seconds since 1970.
    """

    path: str
    type: str
    mode: int
    uid: int
    gid: int
    user: str
    group: str
    size: int
    mtime: int
    target: str = ""

    @property
    def world_writable(self) -> bool:
        """Everybody may write to it (a link has no mode of its own)."""
        return bool(self.mode & 0o002) and self.type != "l"

    @property
    def world_readable(self) -> bool:
        """Everybody may read it."""
        return bool(self.mode & 0o004) and self.type != "l"

    @property
    def sticky(self) -> bool:
        """In this directory only the owner of a file may remove it."""
        return bool(self.mode & 0o1000)

    @property
    def described(self) -> str:
        """`-rwxrwxrwx root:root`, as ls would."""
        bits = "".join(letter if self.mode & 1 << (8 - place) else "-" for place, letter in enumerate("rwxrwxrwx"))
        letters = list(bits)
        for bit, place, letter in ((0o4000, 2, "s"), (0o2000, 5, "s"), (0o1000, 8, "t")):
            if self.mode & bit:
                letters[place] = letter if letters[place] == "x" else letter.upper()
        return f"{'-' if self.type == 'f' else self.type}{''.join(letters)} {self.user}:{self.group}"


@record
class Mount:
    """A mounted file system; of a directory, a line of its fstab. `line`: in fstab, else None."""

    device: str
    path: str
    type: str
    options: tuple[str, ...]
    line: int | None = None


@dataclass(frozen=True)
class FileSystem:
    """What the walk saw. `rows` maps a path to its undecoded record: most are never asked for, so `entry` decodes.

    `setid`, `world_writable` (without sticky directories), `unowned`: found anywhere on local disks. `limits`: bounds
    that were hit; `whole`: none of them cut off what is noted below LISTED; `blocked`: directories that
    this user could not search. `mounts`: what is mounted, or what fstab wants where a directory was read.
    """

    rows: Mapping[str, str] = field(default_factory=dict, repr=False)
    users: Mapping[int, str] = field(default_factory=dict, repr=False)
    groups: Mapping[int, str] = field(default_factory=dict, repr=False)
    setid: tuple[Entry, ...] = ()
    world_writable: tuple[Entry, ...] = ()
    unowned: tuple[Entry, ...] = ()
    mounts: tuple[Mount, ...] = ()
    limits: tuple[Unknown, ...] = ()
    whole: bool = True
    blocked: tuple[str, ...] = ()

    def entry(self, path: str) -> Entry | None:
        """The file at `path`, or None where the walk did not note one (see `noted`)."""
        if path not in self.rows:
            return None
        if path not in self._decoded:
            self._decoded[path] = decode(self.rows[path], self.users, self.groups)
        return self._decoded[path]

    def resolve(self, path: str) -> Entry | None:
        """The file at `path` after links, as far as the walk noted them."""
        for _ in range(8):
            entry = self.entry(path)
            if entry is None or entry.type != "l":
                return entry
            path = posixpath.normpath(posixpath.join(posixpath.dirname(path), entry.target))
        return None

    def under(self, prefix: str) -> Iterator[Entry]:
        """What was noted below the directory `prefix`, without it, in the order of the paths."""
        start = prefix.rstrip("/") + "/"
        for path in self._sorted[bisect_left(self._sorted, start) :]:
            if not path.startswith(start):
                return
            entry = self.entry(path)
            if entry is not None:
                yield entry

    def noted(self, path: str) -> bool:
        """Whether the walk notes all that is there, so that `entry` None means that no such file exists."""
        listed = any(path == top or path.startswith(top + "/") for top in LISTED)
        return listed and self.whole and not self.hidden(path)

    def hidden(self, path: str) -> bool:
        """Whether a directory above `path` could not be searched."""
        return any(path.startswith(directory.rstrip("/") + "/") for directory in self.blocked)

    @property
    def complete(self) -> bool:
        """Whether everything was seen."""
        return not self.limits and not self.blocked

    def mount(self, path: str) -> Mount | None:
        """The file system mounted at just this path (the last one, which hides those before it)."""
        return next((mount for mount in reversed(self.mounts) if mount.path == path), None)

    @cached_property
    def not_roots(self) -> tuple[Entry, ...]:
        """The noted files that do not belong to root, or that a group other than root's may write to; no links."""
        found = []
        for path, row in [item for item in self.rows.items() if item[1][3:12] not in _ROOTS_OWN]:
            fields = row.split(" ", 5)
            if len(fields) == 6 and fields[1] != "l" and (fields[3] != "0" or _group_writes(fields[2], fields[4])):
                found.append(self.entry(path))
        return tuple(entry for entry in found if entry is not None)

    @cached_property
    def _decoded(self) -> dict[str, Entry | None]:
        return {}

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self.rows)


def _group_writes(mode: str, gid: str) -> bool:
    return gid != "0" and mode[-2:-1] in {"2", "3", "6", "7"}


def decode(row: str, users: Mapping[int, str], groups: Mapping[int, str]) -> Entry | None:
    """The entry of a record `TAG type mode uid gid size mtime ./path<TAB>target`, None if it is none."""
    try:
        _, kind, mode, user, group, size, mtime, rest = row.split(" ", 7)
        path, target = _split(rest, link=kind == "l")
        uid, gid = int(user), int(group)
        return Entry(
            path,
            kind,
            int(mode, 8),
            uid,
            gid,
            users.get(uid, str(uid)),
            groups.get(gid, str(gid)),
            int(size),
            int(mtime),
            target,
        )
    except ValueError:
        return None


def _split(rest: str, *, link: bool) -> tuple[str, str]:
    path, tab, target = rest.partition("\t") if link else rest.rpartition("\t")
    if not tab:
        raise ValueError(rest)
    return normal(path), target


def normal(path: str) -> str:
    """The absolute path of find's `./etc`, `././var` or `.`."""
    while path.startswith("./"):
        path = path[2:]
    return "/" + path if path != "." else "/"
