"""What runs by itself: cron, timers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from thornwall.model.fact import Fact, Unknown
from thornwall.model.filesystem import Entry
from thornwall.model.record import record


class Runner(StrEnum):
    """What starts a job."""

    CRON = "cron"  # a line of a crontab
    RUN_PARTS = "run-parts"  # a script in /etc/cron.daily and its like
    ANACRON = "anacron"
    TIMER = "timer"  # a systemd timer


@record
class Job:
    """Something that is started without anybody there.

    `source`, `line`: where it is said (the line of the crontab, the timer's first `On…=`; None for a script of
    run-parts). `command`: as it stands there, secrets masked; of a timer what its service runs, empty where that was
    not read (services of packages are not). `when`: the five fields of cron, `@daily`, `OnCalendar=…`; `user`: who
    runs it. `unit`: the service that a timer starts. `enabled`: False for a timer that no link of the administrator's
    starts, and for what cron and run-parts ignore.
    """

    runner: Runner
    source: str
    line: int | None
    user: str
    command: str
    when: str = ""
    unit: str = ""
    enabled: bool = True


@record
class Schedule:
    """Everything that is started by itself.

    `crontabs`: the paths of the tables that were read. `spool`: the accounts that have a table of their own, where
    that could be seen. `programs`: every absolute path that a table or a unit of /etc names, and each directory above
    it, as stat(2) sees it, links followed on a running host; what is not in it does not exist, or holds a blank.
    `paths`: table -> the PATH that it sets and the line of that.
    """

    jobs: tuple[Job, ...] = ()
    crontabs: tuple[str, ...] = ()
    spool: Fact[tuple[str, ...]] = field(default_factory=lambda: Unknown("it was not read"))
    programs: Fact[Mapping[str, Entry]] = field(default_factory=lambda: Unknown("it was not read"))
    paths: Mapping[str, tuple[str, int]] = field(default_factory=dict)
