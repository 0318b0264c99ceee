"""What sudo does with the terminal, and what it writes down."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.fact import Known
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
from thornwall.model.rule import Context, Preset, Verdict, fail, passed, rule, unknown
from thornwall.model.sudo import Place, Policy


def _policy(ctx: Context) -> Policy:
    sudo = ctx.known(ctx.host.sudo, absent="neither sudo nor doas is set up")
    return ctx.known(sudo.policy, absent="sudo is not installed")


def _at(place: Place) -> Evidence:
    return Evidence(place.file, place.text, place.line)


def _unread(policy: Policy) -> Iterator[Verdict]:
    for path, why in policy.unread.items():
        yield unknown(why.reason, subject=path, mend=why.mend)


@rule(
    "sudo-use-pty",
    "sudo shares its terminal with what it runs",
    subject="sudo",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=3,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.STRICT,
    references=References(
        cis_debian12=("5.2.2",),
        ssg=("sudo_add_use_pty",),
        nist=("Logical Access to Interfaces",),
    ),
    commands=("echo 'Defaults use_pty' | sudo tee /etc/sudoers.d/10-pty", "sudo visudo -c"),
)
def sudo_use_pty(ctx: Context) -> Iterator[Verdict]:
    """The command that sudo runs keeps the terminal of the caller.

    What:
        Whether `use_pty` is set. Debian 12 and later have it in `/etc/sudoers`, and sudo 1.9.14 and later by itself.

    Why:
        A program that stays behind in the background could type into the caller's terminal after it has ended.

    Remedy:
        Write `Defaults use_pty` into a file in `/etc/sudoers.d`, and check it with `sudo visudo -c`.
    Risk of the remedy:
        None known on current systems.
    """
    policy = _policy(ctx)
    last = [default for default in policy.defaults_of("use_pty") if not default.scope][-1:]
    if last and last[0].on:
        yield passed("sudo gives each command a terminal of its own.", _at(last[0].place))
    elif policy.unread:
        yield from _unread(policy)
    elif not last and _by_itself(ctx):
        yield passed("This release of sudo gives each command a terminal of its own.")
    else:
        evidence = _at(last[0].place) if last else Evidence("/etc/sudoers", "use_pty is not set")
        yield fail("sudo runs commands on the caller's own terminal.", evidence)


def _by_itself(ctx: Context) -> bool:
    """Whether the release has sudo 1.9.14 or later, where use_pty is the default."""
    match ctx.host.host:
        case Known(host):
            first = {"debian": (13,), "raspbian": (13,), "ubuntu": (23, 10), "fedora": (39,)}.get(host.os_id)
            version = host.version.split(".")
            return first is not None and all(map(str.isdecimal, version)) and tuple(map(int, version)) >= first
        case _:
            return False


@rule(
    "sudo-log-file",
    "sudo keeps no log of its own",
    subject="sudo",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.LOCAL,
    consequence=Consequence.BLINDNESS,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.STRICT,
    references=References(
        document=("Enable Logging",),
        cis_debian12=("5.2.3",),
        ssg=("sudo_custom_logfile",),
        nist=("Cybersecurity State Awareness",),
    ),
    commands=("echo 'Defaults logfile=/var/log/sudo.log' | sudo tee /etc/sudoers.d/10-log", "sudo visudo -c"),
)
def sudo_log_file(ctx: Context) -> Iterator[Verdict]:
    """What was run through sudo stands only among everything else in the journal.

    What:
        Whether `logfile` is set in sudo's Defaults. Without it sudo still writes to the system log.

    Why:
        A file of its own is quickly read after an incident, and survives a journal that is kept in memory, as Raspberry
        Pi OS has it.

    Remedy:
        Write `Defaults logfile=/var/log/sudo.log` into a file in `/etc/sudoers.d`, and have logrotate rotate it.
    Risk of the remedy:
        The file grows and wears the SD card a little: rotate it.
    """
    policy = _policy(ctx)
    last = [default for default in policy.defaults_of("logfile") if not default.scope][-1:]
    if last and last[0].on and last[0].value:
        yield passed("sudo has a log file.", _at(last[0].place))
    elif policy.unread:
        yield from _unread(policy)
    else:
        yield fail("sudo has no log file of its own.", Evidence("/etc/sudoers", "logfile is not set"))


RULES = (sudo_use_pty, sudo_log_file)
