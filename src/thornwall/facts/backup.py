"""What could back the device up: the scripts that jobs run. Which of them are started, schedule and services know."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from thornwall.facts.redact_commands import SCRIPT
from thornwall.facts.services import UNIT
from thornwall.model.backup import Backup, Copy
from thornwall.model.capture import Capture
from thornwall.model.fact import Fact, Known, Unknown
from thornwall.model.probe import Probe, Read, Run

_LIMIT = 65_536
_SCRIPTS = (
    *(f"/etc/cron.{period}/*" for period in ("hourly", "daily", "weekly", "monthly")),
    *("/usr/local/bin/*backup*", "/usr/local/sbin/*backup*", "/opt/*backup*.sh", "/root/*backup*.sh"),
    *("/root/bin/*backup*", "/home/*/*backup*.sh", "/home/*/bin/*backup*", "/etc/backup.d/*"),
)
_USER_SERVICES = "/home/*/.config/systemd/user/*.service"
_USER_TIMERS = "/home/*/.config/systemd/user/timers.target.wants/*.timer"

# Homes, with the images and archives in them, as the document's `dd … | gzip > pi.gz` leaves them.
_COPIES = r"""
stat -c '%f %U %s %n' -- ./root ./home/* ./*.img ./*.img.?z ./*.gz ./root/*.img ./root/*.img.?z ./root/pi.gz \
    ./home/*/*.img ./home/*/*.img.?z ./home/*/pi.gz ./home/*/*backup*.?z ./home/*/*backup*.tgz ./home/*/*backup*.tar \
    ./home/*/*backup*.zip ./srv/*.img ./srv/*.img.?z ./var/backups/*.img ./var/backups/*.img.?z 2>/dev/null
exit 0
"""

PROBES: tuple[Probe, ...] = (
    *(Read(pattern, SCRIPT, limit=_LIMIT) for pattern in _SCRIPTS),
    Read(_USER_SERVICES, UNIT, limit=_LIMIT),
    Read(_USER_TIMERS, UNIT, limit=_LIMIT),
    Run("backup-copies", _COPIES, shell=True, live=False, follows=("./root", "./home/*", "./srv", "./var/backups")),
)

_HEX = re.compile(r"[0-9a-f]{1,8}")


def parse(capture: Capture) -> Fact[Backup]:
    """Always Known: what is not there is empty."""
    scripts: dict[str, str] = {}
    denied: list[str] = []
    for pattern in _SCRIPTS:
        for path, record in capture.glob(pattern):
            match record:
                case Known(file):
                    scripts[path] = file.text
                case Unknown():
                    denied.append(path)
                case _:
                    pass
    return Known(Backup(scripts, tuple(denied), _user_timers(capture), _copies(capture)))


def _user_timers(capture: Capture) -> dict[str, str]:
    started: dict[str, str] = {}
    for link in capture.files:
        if link.endswith(".timer") and "/systemd/user/timers.target.wants/" in link:
            folder, _, name = link.rpartition("/timers.target.wants/")
            match capture.read(f"{folder}/{name.removesuffix('.timer')}.service"):
                case Known(text):
                    started[link] = text
                case _:
                    pass
    return started


def _copies(capture: Capture) -> Fact[tuple[Copy, ...]]:
    match capture.stdout("backup-copies"):
        case Known(text):
            return Known(tuple(_listed(text)))
        case other:
            return other if isinstance(other, Unknown) else Unknown("the host has no stat")


def _listed(text: str) -> list[Copy]:
    modes: dict[str, int] = {}
    found: list[Copy] = []
    for line in text.splitlines():
        fields = line.split(" ", 3)
        if len(fields) != 4 or not _HEX.fullmatch(fields[0]) or not fields[2].isascii() or not fields[2].isdecimal():
            continue
        mode, path = int(fields[0], 16), fields[3].removeprefix(".")
        if mode & 0o170000 == 0o040000:
            modes[path] = mode
        elif mode & 0o170000 == 0o100000:
            found.append(Copy(path, mode & 0o7777, fields[1], int(fields[2][:18]), _readable(path, mode, modes)))
    return found


def _readable(path: str, mode: int, modes: Mapping[str, int]) -> bool:
    """Others need to read the file, and to pass through the home directory that it is in."""
    return bool(mode & 0o004) and bool(modes.get(posixpath.dirname(path), 0o755) & 0o001)
