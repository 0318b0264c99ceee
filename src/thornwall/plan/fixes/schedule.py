"""Fixes of the rules about what runs by itself: who may change it, and who may have jobs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from thornwall.model.change import Purpose, SetMode, WriteFile
from thornwall.model.fact import Known
from thornwall.model.filesystem import Entry
from thornwall.model.finding import Finding
from thornwall.plan.fix import Fix, Situation, Want, fix
from thornwall.plan.fixes.filesystem import set_mode, tree_of

PATHS: tuple[str, ...] = ("/etc/cron.allow", "/etc/at.allow")

_SPOOL = "/var/spool/cron/crontabs"
_READ_FIRST = ("What somebody else may have written into these files stays in them: read them.",)


def _programs(situation: Situation) -> Mapping[str, Entry]:
    schedule = situation.facts.schedule
    if isinstance(schedule, Known) and isinstance(schedule.value.programs, Known):
        return schedule.value.programs.value
    return {}


def _runner(finding: Finding) -> str:
    """The account whose rights the job has, as the finding's own command names it (`chown root: FILE`)."""
    words = shlex.split(finding.remedy.commands[0]) if finding.remedy.commands else []
    return words[2].rstrip(":") if words[1:2] == ["chown"] and len(words) > 3 else ""


def _closed(situation: Situation, entry: Entry, runner: str) -> SetMode | None:
    """What keeps others from changing a file or folder that `runner` runs from; None where that cannot be said.

    A folder of somebody else's, a home for instance, is not taken from him, and a temporary folder stays open.
    """
    foreign = bool(entry.uid) and entry.user != runner
    if (
        entry.type not in {"f", "d"}
        or _is_link(situation, entry.path)
        or (entry.type == "d" and (foreign or entry.sticky))
    ):
        return None
    clear = entry.mode & (0o002 | (0o020 if entry.group not in {"root", "sudo", "wheel", runner} else 0))
    if not foreign:
        return next(set_mode(situation, entry, clear=clear), None)
    return next(set_mode(situation, entry, clear=0o022, user=runner), None) if runner == "root" else None


def _is_link(situation: Situation, path: str) -> bool:
    entry = tree_of(situation).entry(path)
    return entry is not None and entry.type == "l"


def _writable_script(rule: str, title: str) -> Fix:
    def make(situation: Situation, finding: Finding) -> Iterator[Want]:
        runner, programs = _runner(finding), _programs(situation)
        wants: list[Want] = []
        for evidence in finding.evidence[1:]:  # the first is the line that runs it
            entry = programs.get(evidence.source)
            wish = _closed(situation, entry, runner) if entry is not None and runner else None
            if wish is None:
                return
            wants.append(wish)
        yield from dict.fromkeys(wants)

    return Fix(rule, "job-files", Purpose.PERMISSIONS, title, make, _READ_FIRST)


@fix(
    "cron-file-writable",
    step="job-files",
    purpose=Purpose.PERMISSIONS,
    title="Let only root change tables of cron",
    may_break=_READ_FIRST,
)
def cron_file(situation: Situation, finding: Finding) -> Iterator[Want]:
    """root's, and nobody else's to write; the folder of the users' tables as Debian has it."""
    entry = tree_of(situation).entry(finding.subject)
    if entry is None:
        return
    if entry.path == _SPOOL:
        yield from set_mode(situation, entry, mode=0o1730, user="root", group="crontab")
    elif entry.uid:
        yield from set_mode(situation, entry, clear=0o022, user="root", group="root")
    else:
        yield from set_mode(situation, entry, clear=0o022)


@fix(
    "cron-path-unsafe",
    step="job-files",
    purpose=Purpose.PERMISSIONS,
    title="Let only root change folders that cron looks for programs in",
)
def cron_path(situation: Situation, finding: Finding) -> Iterator[Want]:
    """The folder's mode, where it is root's. What PATH should be instead, only its owner knows."""
    for evidence in finding.evidence[1:]:
        entry = _programs(situation).get(evidence.source)
        if entry is not None and not entry.uid:
            wish = _closed(situation, entry, "root")
            if wish is not None:
                yield wish


@fix(
    "cron-open-to-all",
    step="cron-allow",
    purpose=Purpose.SCHEDULE,
    title="Let only people, and accounts with jobs, have jobs",
)
def cron_open(situation: Situation, finding: Finding) -> Iterator[Want]:
    """cron.allow or at.allow, which the program reads with the rights of its group."""
    accounts, schedule = situation.facts.accounts, situation.facts.schedule
    program = {"cron": "/usr/bin/crontab", "at": "/usr/bin/at"}.get(finding.subject, "")
    entry = next((each for each in tree_of(situation).setid if each.path == program), None)
    if entry is None or not isinstance(accounts, Known):
        return
    if not isinstance(schedule, Known) or not isinstance(schedule.value.spool, Known):
        return
    known = accounts.value.by_name
    people = [each.name for each in known.values() if 1000 <= each.uid < 60_000 and each.has_shell]
    names = dict.fromkeys(["root", *sorted({*people, *(name for name in schedule.value.spool.value if name in known)})])
    content = "".join(f"{name}\n" for name in names).encode()
    yield WriteFile(f"/etc/{finding.subject}.allow", content, 0o640, "root", entry.group)


FIXES: tuple[Fix, ...] = (
    _writable_script("cron-runs-writable-script", "Let nobody else change what jobs run"),
    _writable_script("unit-runs-writable-script", "Let nobody else change what services run"),
    cron_file,
    cron_path,
    cron_open,
)
