"""Who can change what a scheduled job or a service runs."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from thornwall.model.filesystem import Entry
from thornwall.model.finding import Evidence
from thornwall.model.rule import Context
from thornwall.model.schedule import Job, Runner, Schedule

NOTHING = "nothing runs by itself here"


@dataclass(frozen=True, slots=True)
class Fault:
    """How a file that is run can be changed by others: where, by whom, and how far that moves the likelihood."""

    entry: Entry
    text: str
    by: int = 0


def planned(ctx: Context) -> Schedule:
    """What is scheduled, or the end of the rule."""
    return ctx.known(ctx.host.schedule, absent=NOTHING)


def said(job: Job) -> Evidence:
    """The line that says so."""
    fields = (job.when, job.user if job.source.startswith("/etc/cron") else "", job.command)
    text = job.command if job.runner is Runner.RUN_PARTS else " ".join(filter(None, fields))
    return Evidence(job.source, text, job.line)


def followed(path: str, programs: Mapping[str, Entry]) -> Entry | None:
    """The file at `path` after the links of a mounted root, None where it or what it leads to was not looked at."""
    for _ in range(8):
        entry = programs.get(path)
        if entry is None or entry.type != "l":
            return entry
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), entry.target))
    return None


def faults(path: str, user: str, programs: Mapping[str, Entry]) -> Iterator[Fault]:
    """Who beside root and the user who runs it can put something else at `path`."""
    entry = followed(path, programs)
    if entry is not None and entry.type == "f":
        yield from by_others(entry, user, "it")
    folder = path
    while folder != "/":
        folder = posixpath.dirname(folder)
        above = followed(folder, programs)
        # in a sticky folder nobody replaces what belongs to another; what is missing, anybody may put there
        if above is not None and above.type == "d" and not (above.sticky and entry is not None):
            yield from by_others(above, user, f"its folder {folder}")


def by_others(entry: Entry, user: str, what: str) -> Iterator[Fault]:
    """Whether somebody beside root and `user` may change the file, which the text calls `what`."""
    if entry.mode & 0o002:
        yield Fault(entry, f"everybody may change {what}")
    elif entry.uid and entry.user != user:
        yield Fault(entry, f"{what} belongs to {entry.user}", -1)
    elif entry.mode & 0o020 and entry.gid and entry.group != user and entry.group not in {"root", "sudo", "wheel"}:
        yield Fault(entry, f"the group {entry.group} may change {what}", -1)
