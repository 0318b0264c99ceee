"""The tables and folders of cron, and what its jobs fetch."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator

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
from thornwall.model.rule import Context, Preset, Verdict, fail, not_applicable, passed, rule, unknown
from thornwall.rules.changeable import NOTHING, by_others, followed, planned, said
from thornwall.rules.commands import fetches
from thornwall.rules.walked import bounds, rest, walked

_FOLDERS = ("/etc/cron.d", *(f"/etc/cron.{each}" for each in ("hourly", "daily", "weekly", "monthly")))
_TABLES = ("/etc/crontab", "/etc/anacrontab", *_FOLDERS, "/var/spool/cron", "/var/spool/cron/crontabs")


@rule(
    "cron-file-writable",
    "Others may add jobs to cron",
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
        document=("Top IoT Vulnerabilities/Misconfiguration",),
        cis_debian12=("2.4.1.2", "2.4.1.3", "2.4.1.7"),
        ssg=("file_permissions_crontab", "file_permissions_cron_d", "file_owner_cron_d"),
        etsi=("5.6-7",),
        owasp_iot=("I9",),
        cwe=(732,),
    ),
    commands=("sudo chown root:root FILE", "sudo chmod go-w FILE"),
)
def cron_file_writable(ctx: Context) -> Iterator[Verdict]:
    """A table of cron, or a folder that cron reads, may be changed by others than root.

    What:
        Modes and owners of /etc/crontab, /etc/anacrontab, /etc/cron.d, /etc/cron.hourly to monthly, what is in them,
        and of the folder of the users' own tables.

    Why:
        What stands there is run as root, within a minute. (Debian's cron refuses a table in a mode like this, and says
        so only in the log: then the job that you rely on does not run. Folders and the scripts of cron.daily it does
        not refuse.)

    Remedy:
        Give the file back to root, and read it first: somebody may already have used it.
    Risk of the remedy:
        None for the jobs. A program that writes its own jobs there without being root no longer can.
    """
    seen = walked(ctx)
    entries = [entry for path in _TABLES if (entry := seen.entry(path)) is not None]
    entries += [entry for folder in _FOLDERS for entry in seen.under(folder) if entry.type == "f"]
    failed = False
    for entry in entries:
        fault = next(by_others(entry, "root", "it"), None)
        if fault is None or (entry.group == "crontab" and entry.sticky and not entry.mode & 0o002):
            continue
        failed = True
        quoted = shlex.quote(entry.path)
        yield fail(
            f"cron takes jobs from {entry.path}, and {fault.text}.",
            Evidence(entry.path, entry.described),
            subject=entry.path,
            moves=(Move("likelihood", fault.by, "only one account or group can change it"),) if fault.by else (),
            commands=(f"sudo chown root:root {quoted}", f"sudo chmod go-w {quoted}"),
        )
    unseen = [*rest(seen, *(f"{folder}/" for folder in _FOLDERS)), *bounds(seen)]
    yield from unseen[:1]
    if not entries and not unseen:
        yield not_applicable("There is no cron.")
    elif not failed and not unseen:
        yield passed("Only root can add jobs for others.")


@rule(
    "cron-path-unsafe",
    "A job looks for its programs where others may put some",
    subject="schedule",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=5,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.NEEDS_ANSWER,
    references=References(
        document=("Top IoT Vulnerabilities/Misconfiguration",),
        cis_debian12=("5.4.2.5",),
        ssg=("accounts_root_path_dirs_no_write", "root_path_no_dot"),
        etsi=("5.6-7",),
        cwe=(427, 426),
    ),
)
def cron_path_unsafe(ctx: Context) -> Iterator[Verdict]:
    """The PATH of a crontab has a relative folder, or one that others than root and the owner may write to.

    What:
        The `PATH=` lines of the crontabs that were read, and the modes of the folders in them.

    Why:
        A job that starts a program by its bare name takes the first one of that name in PATH. Whoever may write to an
        earlier folder puts a `tar` or a `python3` of his own there.

    Remedy:
        Leave only folders of root in `PATH=`, and name programs that lie elsewhere in full. Such folders are
        `/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin`.
    Risk of the remedy:
        A job that found its program by the removed folder fails: name that program in full first.
    """
    plan = planned(ctx)
    programs = ctx.known(plan.programs, absent=NOTHING)
    failed = False
    for table, (value, line) in plan.paths.items():
        user = posixpath.basename(table) if table.startswith("/var/") else "root"
        for folder in value.split(":"):
            entry = followed(posixpath.normpath(folder), programs) if folder.startswith("/") else None
            fault = next(by_others(entry, user, "it"), None) if entry else None
            if folder.startswith(("/", "~", "$")) and fault is None:
                continue
            failed = True
            why = fault.text if fault else "it is wherever the job happens to be"
            yield fail(
                f"The PATH of {table} has '{folder}', and {why}.",
                Evidence(table, f"PATH={value}", line),
                *([Evidence(entry.path, entry.described)] if entry else []),
                subject=f"{table} {folder or '(empty)'}",
            )
    ctx.known(plan.spool, absent=NOTHING, subject="the users' own crontabs")
    if not plan.paths:
        yield not_applicable("No crontab sets a PATH.")
    elif not failed:
        yield passed("Every folder in a PATH of cron belongs to root or to the job's account.")


@rule(
    "job-runs-download",
    "A scheduled job runs what it downloads",
    subject="schedule",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=5,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.HOUR,
    fixable=Fixable.BY_HAND,
    references=References(
        document=("Existing software packages",),
        etsi=("5.3-2", "5.3-9"),
        nist=("Software Update",),
        owasp_iot=("I4",),
        owasp_top10=("A08:2021",),
        cwe=(494,),
    ),
)
def job_runs_download(ctx: Context) -> Iterator[Verdict]:
    """A job of cron or of a timer pipes a download straight into a shell or an interpreter.

    What:
        Commands such as `curl … | sh` or `bash -c "$(wget …)"` in crontabs and in the services that timers start.

    Why:
        Whoever controls the other end, or the way there, runs commands here, again and again, with the job's rights.
        Over plain http that is anybody on the network in between. It is also how worms keep themselves alive: if you
        did not write the job, treat the device as broken into.

    Remedy:
        Install the software as a package, or keep a copy of the script here and check its signature or hash before it
        runs. Remove the job if you do not know it.

    Risk of the remedy:
        What the job kept up to date has to be updated in another way.
    """
    plan = planned(ctx)
    failed = False
    for job in plan.jobs:
        if job.enabled and fetches(job.command):
            failed = True
            plain = "http://" in job.command
            yield fail(
                f"{job.user} runs what it downloads{' over plain http' if plain else ''}: {job.command}",
                said(job),
                subject=f"{job.source}:{job.line}" if job.line else job.source,
                moves=(Move("likelihood", 1, "it comes over plain http"),) if plain else (),
            )
    ctx.known(plan.spool, absent=NOTHING, subject="the users' own crontabs")
    if not plan.jobs:
        yield not_applicable("Nothing is scheduled.")
    elif not failed:
        yield passed("No job runs what it downloads.")


@rule(
    "cron-open-to-all",
    "Every account may schedule jobs",
    subject="schedule",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=2,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.NEEDS_ANSWER,
    preset=Preset.STRICT,
    references=References(
        document=("Practical Steps to Secure IoT Devices",),
        cis_debian12=("2.4.1.8", "2.4.2.1"),
        ssg=("file_cron_allow_exists",),
        etsi=("5.6-7",),
        cwe=(732,),
    ),
    commands=(
        "echo root | sudo tee /etc/cron.allow",
        "sudo chown root:crontab /etc/cron.allow",
        "sudo chmod 0640 /etc/cron.allow",
    ),
)
def cron_open_to_all(ctx: Context) -> Iterator[Verdict]:
    """There is no list of those who may use crontab or at.

    What:
        Whether /etc/cron.allow exists where cron is installed, and /etc/at.allow where at is.

    Why:
        A job of cron is an easy way for an intruder to stay: it starts again after a reboot, as the account that was
        broken into. A list keeps the accounts of services from it.

    Remedy:
        Name the accounts that may have jobs in /etc/cron.allow, one a line.
    Risk of the remedy:
        Accounts that are not in the list can no longer change their crontab; the jobs they have go on.
    """
    seen = walked(ctx)
    judged = False
    for name, program in (("cron", "/usr/bin/crontab"), ("at", "/usr/bin/at")):
        if not any(entry.path == program for entry in seen.setid):
            continue
        judged = True
        allow = seen.entry(f"/etc/{name}.allow")
        if allow is not None:
            yield passed(f"{allow.path} says who may use {name}.", Evidence(allow.path), subject=name)
        elif not seen.noted(f"/etc/{name}.allow"):
            yield unknown("The list of files was cut off.", subject=name)
        else:
            yield fail(
                f"There is no /etc/{name}.allow, so every account may use {name}.",
                Evidence(program, "installed"),
                subject=name,
                commands=(f"echo root | sudo tee /etc/{name}.allow",),
            )
    if not judged:
        yield not_applicable("Neither cron nor at is installed.")


RULES = (cron_file_writable, cron_path_unsafe, job_runs_download, cron_open_to_all)
