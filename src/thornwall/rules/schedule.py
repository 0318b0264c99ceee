"""What runs by itself: cron, timers."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from thornwall.model.fact import Known
from thornwall.model.filesystem import Entry
from thornwall.model.finding import (
    Attacker,
    Consequence,
    Effort,
    Evidence,
    FaultClass,
    Fixable,
    Kind,
    Move,
    Reach,
    References,
)
from thornwall.model.rule import Context, Verdict, fail, not_applicable, passed, rule, unknown
from thornwall.model.schedule import Runner
from thornwall.model.services import Services, Setting, Unit
from thornwall.rules import schedule_tables
from thornwall.rules.changeable import NOTHING, faults, followed, planned, said
from thornwall.rules.commands import runs

_PREFIX = "-@:+!|"  # of systemd's Exec lines
_SYSTEM = ("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/")


def _judge(path: str, user: str, programs: Mapping[str, Entry], line: Evidence) -> Verdict | None:
    """The failure of one script of one job, if there is one."""
    if path in programs and followed(path, programs) is None and not path.startswith(_SYSTEM):
        return unknown(f"{path} is a link, and what it leads to was not looked at.", subject=path)
    found = sorted(faults(path, user, programs), key=lambda fault: -fault.by)
    if not found:
        return None
    moves = [Move("likelihood", found[0].by, "only one account or group can change it")] if found[0].by else []
    if user != "root":
        moves.append(Move("impact", -2, f"it runs as {user}, not as root"))
    target = shlex.quote(found[0].entry.path)
    return fail(
        f"{user} runs {path}, and {found[0].text}.",
        line,
        *(Evidence(fault.entry.path, fault.entry.described) for fault in found),
        subject=path,
        moves=tuple(moves),
        commands=(f"sudo chown {user}: {target}", f"sudo chmod go-w {target}"),
    )


@rule(
    "cron-runs-writable-script",
    "A scheduled job runs a file that others may change",
    subject="schedule",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=3,
    impact=5,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Vulnerabilities vs Misconfiguration", "Top IoT Vulnerabilities/Misconfiguration"),
        etsi=("5.6-7",),
        nist=("Device Configuration",),
        owasp_iot=("I9",),
        owasp_top10=("A05:2021",),
        cwe=(732, 250),
    ),
    commands=("sudo chown root: FILE", "sudo chmod go-w FILE"),
)
def cron_runs_writable_script(ctx: Context) -> Iterator[Verdict]:
    """cron runs a program or script that an account other than the job's own may change or replace.

    What:
        The programs and scripts that crontabs, anacron and the folders /etc/cron.daily and so on start: their modes and
        owners, and those of every folder above them, since who may write to the folder may replace the file.

    Why:
        Whatever stands in the file runs a few minutes later with the job's rights, most often root's. One line added by
        any account, or by a web server that was broken into, and the device belongs to somebody else.

    Remedy:
        Give the script to the account that runs it, and let nobody else change it. Read it first: somebody may have
        changed it. Scripts of root belong in /usr/local/sbin, not in a home.
    Risk of the remedy:
        Whoever edited the script without sudo can no longer do so. The job itself runs as before.
    """
    plan = planned(ctx)
    programs = ctx.known(plan.programs, absent=NOTHING)
    jobs = [job for job in plan.jobs if job.enabled and job.runner is not Runner.TIMER]
    failures = [
        verdict
        for job in jobs
        for path in runs(job.command)
        if (verdict := _judge(path, job.user, programs, said(job))) is not None
    ]
    yield from failures
    spool = plan.spool
    if not isinstance(spool, Known):
        ctx.known(spool, absent=NOTHING, subject="the users' own crontabs")
    if not jobs:
        yield not_applicable("cron has nothing to run.")
    elif not failures:
        yield passed(f"What the {len(jobs)} jobs run can be changed by their own account or root alone.")


@rule(
    "unit-runs-writable-script",
    "A service runs a file that others may change",
    subject="schedule",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=3,
    impact=5,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Vulnerabilities vs Misconfiguration", "Top IoT Vulnerabilities/Misconfiguration"),
        etsi=("5.6-7",),
        nist=("Device Configuration",),
        owasp_iot=("I9",),
        owasp_top10=("A05:2021",),
        cwe=(732, 250),
    ),
    commands=("sudo chown root: FILE", "sudo chmod go-w FILE"),
)
def unit_runs_writable_script(ctx: Context) -> Iterator[Verdict]:
    """A systemd service of this host's own runs a program or script that another account may change or replace.

    What:
        The `Exec…=` lines of units in /etc/systemd/system and /usr/local that are started at boot or by a timer, with
        the modes and owners of what they run and of every folder above it. Units of packages run what packages brought.

    Why:
        A service without `User=` runs as root. If its script lies in a home, the account, and every program that runs
        as it, is root at the next boot.

    Remedy:
        Let only root change the script, or let the service run as the account that owns it. For that, `sudo systemctl
        edit UNIT`, then `[Service]` and `User=ACCOUNT`. Scripts of root belong in /usr/local/sbin.
    Risk of the remedy:
        Under `User=` the service loses root's rights: it can no longer open ports below 1024 or write to /etc, and for
        GPIO, I²C or the camera the account must be in the groups gpio, i2c or video.
    """
    services = ctx.known(ctx.host.services, absent="the host has no systemd")
    programs = ctx.known(planned(ctx).programs, absent=NOTHING)
    judged, failed = 0, False
    for unit in services.units.values():
        if not unit.commands or not _started(unit, services):
            continue
        judged += 1
        for command in unit.commands:
            for path in runs(command.value.lstrip(_PREFIX)):
                verdict = _judge(path, _user(unit, command), programs, _line(command))
                if verdict is not None:
                    failed = True
                    yield verdict
    if not judged:
        yield not_applicable("This host has no services of its own.")
    elif not failed:
        yield passed(f"What its {judged} own services run can be changed by their own account or root alone.")


def _line(setting: Setting) -> Evidence:
    return Evidence(setting.path, f"{setting.key}={setting.value}", setting.line)


def _started(unit: Unit, services: Services) -> bool:
    timer = unit.name.removesuffix(".service") + ".timer"
    return unit.enabled or unit.active in {"active", "activating"} or services.enabled(timer)


def _user(unit: Unit, command: Setting) -> str:
    prefix = command.value[: len(command.value) - len(command.value.lstrip(_PREFIX))]
    return "root" if "+" in prefix or "!" in prefix else unit.last("User") or "root"


RULES = (
    cron_runs_writable_script,
    unit_runs_writable_script,
    *schedule_tables.RULES,
)
