"""What rules have in common that look at files wherever they are."""

from __future__ import annotations

import posixpath
import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator

from thornwall.model.capture import SUDO
from thornwall.model.filesystem import Entry, FileSystem
from thornwall.model.finding import Evidence
from thornwall.model.rule import Context, Verdict, fail, unknown

MANY = 5  # more than so many in one folder are one finding
_NONE = "there is no file system"
TEMPORARY = ("/tmp/", "/var/tmp/", "/dev/shm/")  # noqa: S108


def walked(ctx: Context) -> FileSystem:
    """What the walk saw, or the end of the rule."""
    return ctx.known(ctx.host.filesystem, absent=_NONE)


def rest(seen: FileSystem, *tops: str) -> Iterator[Verdict]:
    """Unknown where there may be more below `tops` (everywhere, if none is given) than the walk saw."""
    blocked = [path for path in seen.blocked if not tops or path.startswith(tops)]
    if blocked:
        more = f" and {len(blocked) - 1} more" if len(blocked) > 1 else ""
        yield unknown(f"This user may not look into {blocked[0]}{more}.", subject="the rest", mend=SUDO)
    for limit in seen.limits:
        yield unknown(f"There may be more: {limit.reason}.", subject="the rest", mend=limit.mend)


def bounds(seen: FileSystem) -> Iterator[Verdict]:
    """Unknown where the list of files that are always noted is not whole."""
    if not seen.whole:
        yield unknown("There may be more: the list of files was cut off.", subject="the rest")


def shut(seen: FileSystem, path: str) -> bool:
    """Whether a folder above `path` keeps everybody else out, as far as the walk noted it."""
    while path != "/":
        path = posixpath.dirname(path)
        entry = seen.entry(path)
        if entry is not None and entry.type == "d" and not entry.mode & 0o001:
            return True
    return False


def foreign(seen: FileSystem) -> tuple[str, ...]:
    """Folders that hold the root of another system (a chroot, a copy for a backup), by a `su` inside of each."""
    tails = ("/usr/bin/su", "/bin/su")
    found = (entry.path.removesuffix(tail) for entry in seen.setid for tail in tails if entry.path.endswith(tail))
    return tuple(dict.fromkeys(root + "/" for root in found if root not in {"", "/usr"}))


def grouped(entries: Iterable[Entry]) -> Iterator[tuple[str, list[Entry]]]:
    """The files one by one, and those of a folder that has many of them together, under its path."""
    folders: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        folders[posixpath.dirname(entry.path)].append(entry)
    for folder, inside in folders.items():
        if len(inside) > MANY:
            yield folder, inside
        else:
            yield from ((entry.path, [entry]) for entry in inside)


def open_files(seen: FileSystem) -> Iterator[Entry]:
    """Files and folders that everybody may really write to."""
    strangers = foreign(seen)
    for entry in seen.world_writable:
        if not entry.path.startswith((*strangers, *TEMPORARY)) and not shut(seen, entry.path):
            yield entry


def verdicts(entries: Iterable[Entry], what: str, mode: str = "o-w") -> Iterator[Verdict]:
    """A failure for each file, or for each folder with many of them: `what` is said of it, `mode` mends it."""
    for path, inside in grouped(entries):
        evidence = [Evidence(entry.path, entry.described) for entry in inside[:MANY]]
        if len(inside) > 1:
            detail = f"{len(inside)} files in {path} {what}."
            command = f"sudo chmod {mode} {shlex.quote(path)}/*"
        else:
            detail = f"{path} ({inside[0].described}) {what}."
            command = f"sudo chmod {mode} {shlex.quote(path)}"
        yield fail(detail, *evidence, subject=path, commands=(command,))
