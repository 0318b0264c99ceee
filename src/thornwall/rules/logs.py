"""Whether what happens is recorded, and the record survives."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.fact import Absent
from thornwall.model.finding import (
    Attacker,
    Consequence,
    Effort,
    Evidence,
    FaultClass,
    Fixable,
    Kind,
    Reach,
    References,
)
from thornwall.model.rule import (
    Context,
    Preset,
    Rule,
    Verdict,
    fail,
    not_applicable,
    passed,
    rule,
)
from thornwall.rules import logs_keeping
from thornwall.rules.logs_ask import AWARE, BLIND, LOGGING, files_of, logs, services, shown, syslog

_DROP_IN = "/etc/systemd/journald.conf.d/99-persistent.conf"


@rule(
    "volatile-journal",
    "The log is lost at every restart",
    subject="logs",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=3,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.BLINDNESS,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.DOCUMENTS,
    commands=(
        "sudo mkdir -p /etc/systemd/journald.conf.d",
        f"printf '[Journal]\\nStorage=persistent\\nSystemMaxUse=200M\\n' | sudo tee {_DROP_IN}",
        "sudo systemctl restart systemd-journald",
        "sudo journalctl --flush",
    ),
    references=References(
        document=LOGGING,
        cis_debian12=("6.1.2.4",),
        ssg=("journald_storage",),
        nist=AWARE,
        owasp_top10=BLIND,
        cwe=(778,),
    ),
)
def volatile_journal(ctx: Context) -> Iterator[Verdict]:
    """Whether the journal is kept in memory, and no system log daemon writes to the disk instead.

    What:
        The journal is kept in memory alone (`Storage=volatile`, or `auto` without a directory /var/log/journal), and
        neither rsyslog nor another daemon writes the log to the disk. Raspberry Pi OS comes so, to spare cards.
    Why:
        After a restart, or when somebody pulls the plug, nobody can tell who logged in and what failed.
    Remedy:
        Keep the journal on the disk, with a bound on its size: `Storage=persistent` and `SystemMaxUse=200M`. They go
        into /etc/systemd/journald.conf.d/99-persistent.conf: there the last file by name wins, the opposite of sshd,
        and a file in /etc masks the one of the same name in /usr/lib. Installing rsyslog works as well.
    Risk of the remedy:
        The card is written to more often: the bound keeps that small.
    """
    found = logs(ctx)
    journal = ctx.known(found.journal, absent="the host has no journal")
    storage = journal["storage"]
    daemon = syslog(ctx)
    if daemon is not None:
        yield passed(f"{daemon.name} writes the log.", Evidence(daemon.where), shown(storage))
        return
    value = storage.value.lower()
    if value == "auto":
        kept = "/var/log/journal" in files_of(found)
        seen = Evidence("/var/log/journal", "is there" if kept else "is not there")
        if kept:
            yield passed("The journal is kept on disk.", shown(storage), seen)
        else:
            yield fail("The journal is kept in memory: there is no directory for it.", shown(storage), seen)
    elif value == "volatile":
        yield fail("The journal is kept in memory.", shown(storage))
    elif value == "none":
        yield not_applicable("there is no log at all: see logging-disabled")
    else:
        yield passed("The journal is kept on disk.", shown(storage))


@rule(
    "logging-disabled",
    "Nothing is logged",
    subject="logs",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=3,
    impact=3,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.BLINDNESS,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.DOCUMENTS,
    commands=(
        "sudo mkdir -p /etc/systemd/journald.conf.d",
        f"printf '[Journal]\\nStorage=persistent\\n' | sudo tee {_DROP_IN}",
        "sudo systemctl restart systemd-journald",
    ),
    references=References(
        document=LOGGING,
        cis_debian12=("6.1.1.1",),
        ssg=("service_systemd-journald_enabled",),
        nist=AWARE,
        owasp_top10=BLIND,
        cwe=(778,),
    ),
)
def logging_disabled(ctx: Context) -> Iterator[Verdict]:
    """Whether the journal drops everything, and no system log daemon runs.

    What:
        journald.conf says `Storage=none`, or systemd-journald is masked, and no daemon such as rsyslog starts at boot.
    Why:
        Nobody can see that passwords are being guessed, what failed, or who was in.
    Remedy:
        Let journald keep the log again: `Storage=persistent` in /etc/systemd/journald.conf.d/99-persistent.conf. If it
        is masked, `sudo systemctl unmask systemd-journald.service systemd-journald.socket`.
    Risk of the remedy:
        The disk is written to: bound it with SystemMaxUse.
    """
    found = logs(ctx)
    daemon = syslog(ctx)
    if daemon is not None:
        yield passed(f"{daemon.name} writes the log.", Evidence(daemon.where))
        return
    if isinstance(found.journal, Absent):
        yield fail("There is neither a journal nor a system log daemon.", Evidence("systemctl status systemd-journald"))
        return
    storage = ctx.known(found.journal, absent="")["storage"]
    started = services(ctx)
    if started.masked("systemd-journald"):
        unit = started.unit("systemd-journald")
        yield fail("systemd-journald is masked.", Evidence(unit.where if unit else "systemctl status systemd-journald"))
    elif storage.value.lower() == "none":
        yield fail("The journal drops everything.", shown(storage))
    else:
        yield passed("The journal records.", shown(storage))


@rule(
    "journal-uncapped",
    "The journal may fill a tenth of the card",
    subject="logs",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.DISRUPTION,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    commands=(
        "sudo mkdir -p /etc/systemd/journald.conf.d",
        "printf '[Journal]\\nSystemMaxUse=200M\\n' | sudo tee /etc/systemd/journald.conf.d/50-size.conf",
        "sudo systemctl restart systemd-journald",
    ),
    references=References(document=LOGGING, cis_debian12=("6.1.1.3",), etsi=("5.9-1",), nist=AWARE, cwe=(770,)),
)
def journal_uncapped(ctx: Context) -> Iterator[Verdict]:
    """Whether a journal on an SD card has no bound of its own.

    What:
        The journal is kept on the card and SystemMaxUse is not set. Then journald takes up to a tenth of the file
        system, at most 4 GB.
    Why:
        Cards wear out by writing, and whoever can make the device log much, by failing to log in for instance, can push
        out the lines that would have told on them.
    Remedy:
        Write `SystemMaxUse=200M` into /etc/systemd/journald.conf.d/50-size.conf and restart systemd-journald.
    Risk of the remedy:
        Old lines are dropped when the bound is reached: choose it for as many weeks as you want to look back.
    """
    who = ctx.known(ctx.host.host, absent="the host is not known")
    found = logs(ctx)
    journal = ctx.known(found.journal, absent="the host has no journal")
    storage, cap = journal["storage"], journal.get("systemmaxuse")
    value = storage.value.lower()
    if not who.raspberry_pi:
        yield not_applicable("only cards wear so fast that it matters")
    elif value in {"volatile", "none"} or (value == "auto" and "/var/log/journal" not in files_of(found)):
        yield not_applicable("the journal is not kept on the card")
    elif cap is not None:
        yield passed("The journal is bounded.", shown(cap))
    else:
        yield fail("The journal on the card has no bound of its own.", shown(storage))


@rule(
    "log-files-open-to-others",
    "Others can read or change the system's logs",
    subject="logs",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=2,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.BLINDNESS,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    commands=("sudo chmod o-rwx,g-w FILE",),
    references=References(
        document=LOGGING,
        cis_debian12=("6.1.4.1", "6.1.3.4"),
        ssg=("permissions_local_var_log", "rsyslog_filecreatemode"),
        nist=AWARE,
        owasp_top10=BLIND,
        cwe=(732,),
    ),
)
def log_files_open_to_others(ctx: Context) -> Iterator[Verdict]:
    """Whether a log of logins or of the system is readable, or a log or its directory writable, by everybody.

    What:
        auth.log, syslog, messages and their like are readable by everybody, or such a file, /var/log itself or the
        journal's directory can be written by everybody. dpkg.log, wtmp and lastlog are public by design.
    Why:
        Logs hold names, addresses, and passwords typed where the name belongs. Who can write them can remove traces.
    Remedy:
        Take the right to read and to change the file from others. In rsyslog set $FileCreateMode to 0640 for new files.
    Risk of the remedy:
        Programs that read the log as an ordinary user need membership of the group adm or systemd-journal.
    """
    files = files_of(logs(ctx))
    failed = False
    found = [file for path, file in files.items() if path.startswith("/var/log") and file.type in {"f", "d"}]
    for file in found:
        writable = file.mode & 0o002
        readable = file.mode & 0o004 and file.type == "f"
        if writable or readable:
            failed = True
            seen = Evidence(file.path, f"mode {file.mode:04o}, {file.user}:{file.group}")
            what = "write to" if writable else "read"
            command = (f"sudo chmod {'o-w' if file.type == 'd' else 'o-rwx'} {file.path}",)
            yield fail(f"Everybody can {what} {file.path}.", seen, subject=file.path, commands=command)
    if not found:
        yield not_applicable("there are no such logs")
    elif not failed:
        yield passed("Only their owners can.", *(Evidence(file.path, f"mode {file.mode:04o}") for file in found[:8]))


RULES: tuple[Rule, ...] = (
    volatile_journal,
    logging_disabled,
    journal_uncapped,
    log_files_open_to_others,
    *logs_keeping.RULES,
)
