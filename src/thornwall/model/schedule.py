"""What runs by itself: cron, timers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from thornwall.model.fact import Fact, Unknown
from thornwall.model.filesystem import Entry


class Runner(StrEnum):
    """What starts a job."""

    CRON = "cron"  # a line of a crontab
    RUN_PARTS = "run-parts"  # a script in /etc/cron.daily and its like
    ANACRON = "anacron"
    TIMER = "timer"  # a systemd timer
    UNIT = "unit"  # a unit of this host's own, started at boot or by hand


@dataclass(frozen=True, slots=True)
class Job:
    """Something that is started without anybody there.

    `source`, `line`: where it is said (the crontab line, the unit's `ExecStart=`; line None for a script of run-parts
    or a timer whose service was not read). `command`: as it stands there, secrets masked, empty where not read; `when`:
    the five cron fields, `@daily`, `OnCalendar=` …; `user`: who runs it. `unit`: the service that a timer starts, or
    the unit itself. `enabled`: False for a timer or unit that nothing starts, and for what cron ignores by its name.
    """

    runner: Runner
    source: str
    line: int | None
    user: str
    command: str
    when: str = ""
    unit: str = ""
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Schedule:
    """Everything that is started by itself.

    `jobs`: of all kinds; `crontabs`: the paths of the files that cron reads, with line-less sources of run-parts left
    out. `spool`: whether the users' own crontabs could be read (Known: the accounts that have one). `programs`: every
    absolute path named by a command, and each directory above it, as stat(2) sees it with links followed; a path that
    does not exist is not in it. `path`: the PATH of each crontab that sets one -> (value, line).
    """

    jobs: tuple[Job, ...] = ()
    crontabs: tuple[str, ...] = ()
    spool: Fact[tuple[str, ...]] = field(default_factory=lambda: Unknown("it was not read"))
    programs: Fact[Mapping[str, Entry]] = field(default_factory=lambda: Unknown("it was not read"))
    paths: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    at_jobs: Fact[int] = field(default_factory=lambda: Unknown("it was not read"))
