"""What runs by itself: cron, timers."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from thornwall.facts.filesystem import names, records
from thornwall.facts.redact_commands import CRON
from thornwall.facts.schedule_programs import PROGRAMS
from thornwall.facts.services import UNIT, settings
from thornwall.model.capture import SUDO, Capture, FileRecord
from thornwall.model.fact import Absent, Fact, Known, Unknown
from thornwall.model.filesystem import Entry, decode
from thornwall.model.probe import Probe, Read, Run
from thornwall.model.schedule import Job, Runner, Schedule

SPOOLS = ("/var/spool/cron/crontabs", "/var/spool/cron")  # Debian's, and cronie's
PERIODS = ("hourly", "daily", "weekly", "monthly")
TIMERS = ("/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system")

_FOLLOWS = (
    *("./etc/crontab", "./etc/anacrontab", "./etc/rc.local", *(f"./etc/cron.{period}" for period in PERIODS)),
    *("./etc/cron.d", "./var/spool/cron", "./var/spool/cron/crontabs"),
    *("./etc/systemd/system", "./usr/local/lib/systemd/system"),
)

PROBES: tuple[Probe, ...] = (
    Read("/etc/crontab", CRON),
    Read("/etc/cron.d/*", CRON),
    Read("/etc/anacrontab", CRON),
    *(Read(f"{spool}/*", CRON) for spool in SPOOLS),
    *(Read(f"{folder}/*.timer", UNIT, 65_536 if folder.startswith("/etc") else 16_384) for folder in TIMERS),
    *(Read(f"/etc/systemd/system/*.{kind}/*", UNIT, 65_536) for kind in ("wants", "requires")),
    Run("programs", PROGRAMS, shell=True, live=False, follows=_FOLLOWS),
)

_SET = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$")
_RUN_PARTS = re.compile(r"[A-Za-z0-9_-]+")  # of run-parts(8), and of Debian's cron for /etc/cron.d
_WHEN = ("OnCalendar", "OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec", "OnActiveSec")


def parse(capture: Capture) -> Fact[Schedule]:
    """Always Known; the parts that could not be read are Unknown in it."""
    programs = _programs(capture)
    crontabs = dict(_crontabs(capture))
    jobs: list[Job] = []
    paths: dict[str, tuple[str, int]] = {}
    for path, record in crontabs.items():
        owner = posixpath.basename(path) if path.startswith("/var/") else ""
        jobs.extend(_crontab(record, path, owner, paths))
    match capture.read("/etc/anacrontab"):
        case Known(text):
            jobs.extend(_anacrontab(text))
        case _:
            pass
    if isinstance(programs, Known):
        jobs.extend(_run_parts(programs.value))
    jobs.extend(_timers(capture))
    return Known(Schedule(tuple(jobs), tuple(crontabs), _spool(capture), programs, paths))


def _programs(capture: Capture) -> Fact[Mapping[str, Entry]]:
    match capture.stdout("programs"):
        case Known(text):
            users, groups = names(capture)
            found = (decode(record, users, groups) for record in records(text) if record)
            return Known({entry.path: entry for entry in found if entry is not None})
        case Absent():
            return Unknown("the host has no find", "install findutils")
        case unknown:
            return unknown


def _crontabs(capture: Capture) -> Iterator[tuple[str, FileRecord]]:
    for pattern in ("/etc/crontab", "/etc/cron.d/*", *(f"{spool}/*" for spool in SPOOLS)):
        for path, fact in capture.glob(pattern):
            match fact:
                case Known(record):
                    yield path, record
                case _:
                    continue


def _spool(capture: Capture) -> Fact[tuple[str, ...]]:
    """The accounts that have a crontab of their own."""
    found: list[str] = []
    for spool in SPOOLS:
        if blocked := capture.blocked(f"{spool}/*"):
            return blocked
        for path, fact in capture.glob(f"{spool}/*"):
            match fact:
                case Known():
                    found.append(posixpath.basename(path))
                case Unknown(_, mend) if mend == SUDO:
                    return Unknown(f"{path} may not be read by this user", SUDO)
                case _:
                    continue  # a directory, such as crontabs or atjobs
    return Known(tuple(found))


def _crontab(record: FileRecord, path: str, owner: str, paths: dict[str, tuple[str, int]]) -> Iterator[Job]:
    """The jobs of one crontab; `owner`: whose it is, empty where its lines name the user."""
    read = path == "/etc/crontab" or bool(owner) or bool(_RUN_PARTS.fullmatch(posixpath.basename(path)))
    for number, line in enumerate(record.text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if (setting := _SET.fullmatch(line)) and not stripped.startswith("@"):
            if setting[1] == "PATH":
                paths[path] = (setting[2].strip("\"'"), number)
            continue
        fields = stripped.split(None, 1 if stripped.startswith("@") else 5)
        when, rest = " ".join(fields[:-1]), fields[-1]
        if owner:
            user, command = owner, rest
        else:
            user, command = (*rest.split(None, 1), "")[:2]
        if when and command.strip():
            yield Job(Runner.CRON, path, number, user.strip(), command.strip(), when, enabled=read)


def _anacrontab(text: str) -> Iterator[Job]:
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split(None, 3)
        if len(fields) == 4 and not line.lstrip().startswith("#") and not _SET.fullmatch(line):
            yield Job(Runner.ANACRON, "/etc/anacrontab", number, "root", fields[3].strip(), fields[0])


def _run_parts(programs: Mapping[str, Entry]) -> Iterator[Job]:
    for path, entry in programs.items():
        folder, name = posixpath.split(path)
        period = folder.removeprefix("/etc/cron.")
        if folder.startswith("/etc/cron.") and period in PERIODS and entry.type in {"f", "l"}:
            runs = bool(_RUN_PARTS.fullmatch(name)) and (entry.type == "l" or bool(entry.mode & 0o111))
            yield Job(Runner.RUN_PARTS, path, None, "root", path, period, enabled=runs)


def _timers(capture: Capture) -> Iterator[Job]:
    wanted = {posixpath.basename(path) for path in capture.files if path.endswith(".timer") and ".wants/" in path}
    seen: set[str] = set()
    for folder in TIMERS:
        for path, fact in capture.glob(f"{folder}/*.timer"):
            name = posixpath.basename(path)
            masked = (record := capture.files.get(path)) is not None and record.target == "/dev/null"
            if name in seen or masked:
                seen.add(name)
                continue
            match fact:
                case Known(file):
                    seen.add(name)
                    yield _timer(capture, path, file.text, enabled=name in wanted)
                case _:
                    continue


def _timer(capture: Capture, path: str, text: str, *, enabled: bool) -> Job:
    assigned = [setting for setting in settings(path, text) if setting.section == "Timer"]
    whens = [setting for setting in assigned if setting.key in _WHEN and setting.value]
    unit = next((setting.value for setting in assigned if setting.key == "Unit"), "")
    unit = unit or posixpath.basename(path).removesuffix(".timer") + ".service"
    user, command = "root", ""
    services = [f"{folder}/{unit}" for folder in TIMERS[:2]]
    for service in (each for each in services if each in capture.files):
        match capture.read(service):
            case Known(lines):
                assigned = list(settings(service, lines))
                command = "; ".join(each.value for each in assigned if each.key == "ExecStart" and each.value)
                user = next((each.value for each in assigned if each.key == "User" and each.value), "root")
                break
            case _:
                continue
    when = "; ".join(f"{setting.key}={setting.value}" for setting in whens)
    return Job(Runner.TIMER, path, whens[0].line if whens else None, user, command, when, unit, enabled)
