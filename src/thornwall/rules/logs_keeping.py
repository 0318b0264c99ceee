"""Whether the log is kept elsewhere, has the right time, and is read."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from thornwall.model.fact import Absent, Known
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
    Option,
    Preset,
    Rule,
    Verdict,
    fail,
    manual,
    not_applicable,
    passed,
    rule,
)
from thornwall.rules.logs_ask import AWARE, BLIND, LOGGING, logs, services, syslog
from thornwall.rules.sysctl import contained

_CLOCKS = ("systemd-timesyncd", "chrony", "chronyd", "ntp", "ntpd", "ntpsec", "openntpd")
_WATCH_SHADOW = (
    "echo '-a always,exit -F path=/etc/shadow -F perm=wa -F key=accounts' | sudo tee /etc/audit/rules.d/own.rules"
)


@rule(
    "no-remote-log",
    "The log is kept on the device alone",
    subject="logs",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.BLINDNESS,
    effort=Effort.HOUR,
    fixable=Fixable.BY_HAND,
    preset=Preset.STRICT,
    commands=("sudo apt-get install systemd-journal-remote", "sudo systemctl enable --now systemd-journal-upload"),
    references=References(
        document=LOGGING,
        cis_debian12=("6.1.2.1.3", "6.1.3.6"),
        ssg=("service_systemd-journal-upload_enabled", "rsyslog_remote_loghost"),
        nist=AWARE,
        owasp_top10=BLIND,
        cwe=(778,),
    ),
)
def no_remote_log(ctx: Context) -> Iterator[Verdict]:
    """Whether rsyslog or systemd-journal-upload sends the log to another host.

    What:
        No line of rsyslog names another host, and systemd-journal-upload does not start at boot.
    Why:
        Who takes over the device can remove the traces, and a broken or stolen card takes the log with it.
    Remedy:
        Let a host of yours collect the logs: `*.* @@loghost` in /etc/rsyslog.d, or systemd-journal-upload with TLS.
    Risk of the remedy:
        The log goes over the network: use TLS, and protect the host that collects.
    """
    found = logs(ctx)
    started = services(ctx)
    upload = started.starting("systemd-journal-upload")
    daemon = syslog(ctx)
    targets = ctx.known(found.remote, absent="") if daemon is not None else ()
    if upload:
        yield passed("The journal is uploaded.", Evidence(upload[0].where))
    elif targets:
        yield passed("rsyslog sends it on.", *(Evidence(each.file, each.text, each.line) for each in targets[:4]))
    else:
        yield fail("Nothing sends the log to another host.", Evidence("/etc/rsyslog.d"))


@rule(
    "no-auditd",
    "The kernel's audit log is not kept",
    subject="logs",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.LOCAL,
    consequence=Consequence.BLINDNESS,
    effort=Effort.HOUR,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.STRICT,
    commands=("sudo apt-get install auditd",),
    references=References(
        document=LOGGING,
        cis_debian12=("6.2.1.1", "6.2.1.2"),
        ssg=("package_audit_installed", "service_auditd_enabled"),
        nist=AWARE,
        owasp_top10=BLIND,
        cwe=(778,),
    ),
)
def no_auditd(ctx: Context) -> Iterator[Verdict]:
    """Whether auditd starts at boot.

    What:
        auditd is not installed, or does not start at boot. Containers have no audit log of their own, nor have kernels
        that were built without, or are started with `audit=0`.
    Why:
        The kernel can record who ran what and who changed which file, in a log that an ordinary program cannot forge;
        without auditd nobody keeps it.
    Remedy:
        Install auditd, and write rules in /etc/audit/rules.d for what you want to see.
    Risk of the remedy:
        Many rules make a small board slow and write much to its card.
    """
    unit = services(ctx).unit("auditd")
    if why := _without_audit_log(ctx):
        yield not_applicable(why)
    elif unit is not None and unit.enabled:
        yield passed("auditd starts at boot.", Evidence(unit.where))
    else:
        yield fail("auditd does not start at boot.", Evidence("systemctl is-enabled auditd"))


def _without_audit_log(ctx: Context) -> str:
    """Why there is none to be kept; empty where there is."""
    if contained(ctx):
        return "A container has no audit log: it is the kernel's, and so that of the machine around it."
    absent = isinstance(logs(ctx).kernel_audits, Absent)
    return "This kernel was built without an audit log, or is started with audit=0." if absent else ""


@rule(
    "no-audit-rules",
    "The kernel's audit log is told to watch nothing",
    subject="logs",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.LOCAL,
    consequence=Consequence.BLINDNESS,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.STRICT,
    commands=(_WATCH_SHADOW, "sudo augenrules --load"),
    references=References(
        document=LOGGING,
        cis_debian12=("6.2.3.1", "6.2.3.5", "6.2.3.8", "6.2.3.19"),
        ssg=(
            "audit_rules_sudoers",
            *(f"audit_rules_usergroup_modification_{name}" for name in ("passwd", "group", "shadow", "gshadow")),
            "audit_rules_kernel_module_loading",
        ),
        nist=AWARE,
        owasp_top10=BLIND,
        cwe=(778,),
    ),
)
def no_audit_rules(ctx: Context) -> Iterator[Verdict]:
    """Whether auditd has rules.

    What:
        auditd starts at boot, and no file of /etc/audit/rules.d, nor /etc/audit/audit.rules, has a rule that watches
        something.
    Why:
        Without rules the audit log holds little but logins: who changed an account, sudo, a key of SSH or what
        starts at boot stands nowhere.
    Remedy:
        Watch what decides who gets in and what starts: accounts, sudo, PAM, SSH, units, cron, kernel modules. What
        was seen: `sudo ausearch -i -k accounts`.
    Risk of the remedy:
        A line in /var/log/audit (five files of 8 MB at most) for each change of these files, updates too; each call
        of the kernel takes a little longer.
    """
    unit = services(ctx).unit("auditd")
    why = "auditd does not start at boot." if unit is None or not unit.enabled else _without_audit_log(ctx)
    if why:
        yield not_applicable(why)
        return
    found = ctx.known(logs(ctx).audit_rules, absent="auditd is not there")
    if found:
        evidence = (Evidence(each.file, each.text, each.line) for each in found[:4])
        yield passed(f"auditd has {len(found)} {'rule' if len(found) == 1 else 'rules'}.", *evidence)
    else:
        yield fail("auditd has no rules.", Evidence("/etc/audit/rules.d"))


@rule(
    "no-time-sync",
    "Nothing sets the clock",
    subject="logs",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.BLINDNESS,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    commands=("sudo apt-get install systemd-timesyncd", "sudo systemctl enable --now systemd-timesyncd"),
    references=References(
        document=LOGGING,
        cis_debian12=("2.3.1.1", "2.3.2.2"),
        ssg=("service_timesyncd_enabled", "service_chronyd_or_ntpd_enabled"),
        nist=AWARE,
    ),
    options=(Option("services", _CLOCKS, "the services that set the clock"),),
)
def no_time_sync(ctx: Context) -> Iterator[Verdict]:
    """Whether systemd-timesyncd, chrony or another service that sets the clock starts at boot, and runs.

    What:
        No service that sets the clock from the network starts at boot; or one does, but is not running now.
    Why:
        Most Raspberry Pis have no clock that runs without power: times in the log are wrong, certificates seem expired
        or not yet valid, apt refuses its lists, and one-time codes fail.
    Remedy:
        Switch a time service on, such as systemd-timesyncd. For a device without Internet name a server of your network
        in /etc/systemd/timesyncd.conf, or add a clock module.
    Risk of the remedy:
        The clock may jump once when it is first set.
    """
    who = ctx.known(ctx.host.host, absent="the host is not known")
    started = services(ctx)
    found = started.starting(*ctx.words("services"))
    running = [unit for unit in found if unit.active in {"active", "activating", "reloading"}]
    if running or (found and not started.live):
        unit = (running or found)[0]
        yield passed(f"{unit.name} sets the clock.", Evidence(unit.where))
    elif who.container:
        yield not_applicable("a container has the clock of its host")
    elif found:
        unit = found[0]
        yield fail(
            f"{unit.name} is to start at boot, but does not run.",
            Evidence(unit.where),
            Evidence("systemctl list-units --all", f"{unit.name} {unit.active or 'is not loaded'}"),
            commands=(f"systemctl status {shlex.quote(unit.name)}", f"sudo systemctl restart {shlex.quote(unit.name)}"),
        )
    else:
        yield fail("No service that sets the clock starts at boot.", Evidence("timedatectl status"))


@rule(
    "log-review",
    "Nobody looks at the log",
    subject="logs",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.BLINDNESS,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.STRICT,
    commands=('journalctl --since "2 hours ago"', "journalctl -p warning -b"),
    references=References(document=LOGGING, etsi=("5.10-1",), nist=AWARE, owasp_top10=BLIND),
    asks=True,
)
def log_review(ctx: Context) -> Iterator[Verdict]:
    """A question: does anybody read what is logged?

    What:
        Logs help only if somebody looks, or a program such as logcheck or logwatch mails what is unusual.
    Why:
        A log shows failed logins and unusual traffic while there is time to act; one that nobody reads
        only helps afterwards.
    Remedy:
        Look once a week: `journalctl -p warning -b` and `journalctl -u ssh | grep Failed`; or install logwatch.
    Risk of the remedy:
        None: reading changes nothing.
    """
    match ctx.host.updates:
        case Known(updates) if isinstance(updates.packages, Known):
            for name in ("logcheck", "logwatch"):
                if name in updates.packages.value:
                    yield passed(f"{name} is installed, and mails what is unusual.", Evidence(f"dpkg -l {name}"))
                    return
        case _:
            pass
    yield manual("Does somebody look at the log of this device at least once a week?")


RULES: tuple[Rule, ...] = (no_remote_log, no_auditd, no_audit_rules, no_time_sync, log_review)
