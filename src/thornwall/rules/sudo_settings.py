"""sudo's Defaults."""

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
from thornwall.model.rule import Context, Option, Preset, Verdict, fail, passed, rule, unknown
from thornwall.model.sudo import Default, Place, Policy


def _policy(ctx: Context) -> Policy:
    sudo = ctx.known(ctx.host.sudo, absent="neither sudo nor doas is set up")
    return ctx.known(sudo.policy, absent="sudo is not installed")


def _at(place: Place) -> Evidence:
    return Evidence(place.file, place.text, place.line)


def _unread(policy: Policy) -> Iterator[Verdict]:
    for path, why in policy.unread.items():
        yield unknown(why.reason, subject=path, mend=why.mend)


def _scope(default: Default) -> str:
    kinds = {":": "for", "@": "on", ">": "as", "!": "for the command"}
    return f" {kinds[default.scope]} {', '.join(default.names)}" if default.scope else ""


@rule(
    "sudo-timestamp-timeout",
    "sudo remembers the password for long",
    subject="sudo",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=2,
    attacker=Attacker.NEAR,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.DOCUMENTS,
    references=References(
        document=("Remove nopasswd feature",),
        cis_debian12=("5.2.6",),
        ssg=("sudo_require_reauthentication",),
        nist=("Logical Access to Interfaces",),
    ),
    commands=(
        "echo 'Defaults timestamp_timeout=0' | sudo tee /etc/sudoers.d/10-timestamp",
        "sudo chmod 0440 /etc/sudoers.d/10-timestamp && sudo visudo -c",
    ),
    options=(
        Option(
            "minutes", 15, "how long sudo may go without asking again; 0: it asks every time", documents=0, strict=0
        ),
    ),
)
def sudo_timestamp_timeout(ctx: Context) -> Iterator[Verdict]:
    """After one answer sudo asks no more for longer than the policy wants.

    What:
        The setting `timestamp_timeout` of sudo: minutes after which it asks again. Not set it is 15, which passes; the
        presets `documents` and `strict` want 0.

    Why:
        Within that time whoever gets to the open terminal, or a program that runs in it, becomes root unasked. A
        negative value means until the next boot.

    Remedy:
        Let sudo ask every time (`Defaults timestamp_timeout=0`), or after five minutes, by a file of its own in
        `/etc/sudoers.d`. Changing the line `Defaults env_reset` of `/etc/sudoers`, as guides do, makes every update of
        sudo ask about that file.
    Risk of the remedy:
        With 0 each sudo of a script asks, and one that runs several must be started with `sudo` as a whole.
    """
    policy, failed = _policy(ctx), False
    most = ctx.number("minutes")
    general = None
    for default in policy.defaults_of("timestamp_timeout"):
        if default.scope:
            fault = _long(default, most)
            if fault:
                failed = True
                yield fail(f"sudo{_scope(default)} {fault}.", _at(default.place), subject=" ".join(default.names))
        else:
            general = default
    fault = _long(general, most)
    if fault:
        failed = True
        evidence = _at(general.place) if general else Evidence("/etc/sudoers", "timestamp_timeout is not set: 15")
        yield fail(f"sudo {fault}.", evidence)
    for verdict in _unread(policy):
        failed = True
        yield verdict
    if not failed:
        when = f"after {most} minutes or less" if most else "every time"
        yield passed(f"sudo asks again {when}.", *([_at(general.place)] if general else []))


def _long(default: Default | None, most: int) -> str:
    if default is None or (default.on and not default.value):
        minutes = 15.0
    elif not default.on:
        minutes = 0.0
    else:
        try:
            minutes = float(default.value)
        except ValueError:
            return ""
    if minutes < 0:
        return "asks once, and then never again until the next boot"
    return f"asks again only after {minutes:g} minutes" if minutes > most else ""


@rule(
    "sudo-global-timestamp",
    "One answer to sudo unlocks every terminal",
    subject="sudo",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=3,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.RECOMMENDED,
    references=References(
        document=("Remove nopasswd feature",),
        nist=("Logical Access to Interfaces",),
    ),
    commands=("sudo rm /etc/sudoers.d/010_global-tty",),
)
def sudo_global_timestamp(ctx: Context) -> Iterator[Verdict]:
    """sudo's memory of a password holds for every session of the account, not only for the terminal.

    What:
        `Defaults timestamp_type=global` (newer images of Raspberry Pi OS bring it as `010_global-tty`) or
        `Defaults !tty_tickets`.

    Why:
        While you are root in one window, any other program of your account, one without a terminal too, is let in
        without being asked.

    Remedy:
        Delete `/etc/sudoers.d/010_global-tty`, or set `Defaults timestamp_type=tty`, which is sudo's own default.

    Risk of the remedy:
        Each terminal asks once for itself; graphical tools that call sudo several times may ask several times.
    """
    policy, failed = _policy(ctx), False
    last: dict[tuple[str, tuple[str, ...]], tuple[Default, bool]] = {}
    for default in policy.defaults:
        if default.name == "timestamp_type" and default.on:
            last[default.scope, default.names] = default, default.value == "global"
        elif default.name == "tty_tickets":
            last[default.scope, default.names] = default, not default.on
    for default, shared in last.values():
        if shared:
            failed = True
            yield fail(f"One answer to sudo{_scope(default)} unlocks every session of the account.", _at(default.place))
    for verdict in _unread(policy):
        failed = True
        yield verdict
    if not failed:
        yield passed("sudo remembers a password for one terminal only.")


_DANGEROUS = (
    *(
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "LD_AUDIT",
        "LD_*",
        "PYTHONPATH",
        "PYTHONHOME",
        "PERL5LIB",
        "PERLLIB",
        "PERL5OPT",
    ),
    *(
        "RUBYLIB",
        "RUBYOPT",
        "NODE_OPTIONS",
        "NODE_PATH",
        "BASH_ENV",
        "ENV",
        "SHELLOPTS",
        "PS4",
        "GCONV_PATH",
        "IFS",
        "*",
    ),
)


@rule(
    "sudo-env-dangerous",
    "sudo lets the caller's environment through",
    subject="sudo",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=4,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.RECOMMENDED,
    references=References(
        ssg=("sudo_add_env_reset",),
        nist=("Logical Access to Interfaces",),
        cwe=(426,),
    ),
    commands=("sudo visudo -f FILE",),
)
def sudo_env_dangerous(ctx: Context) -> Iterator[Verdict]:
    """Variables that change what a program loads survive sudo.

    What:
        `Defaults !env_reset`, and `env_keep` with variables such as `LD_PRELOAD`, `PYTHONPATH`, `PERL5LIB` or
        `BASH_ENV`. `!secure_path` has no part in it.

    Why:
        Through such a variable the caller makes a command that he may run as root load code of his own: a right to
        one command becomes a right to all.

    Remedy:
        Take the variable out of `env_keep`, or `!env_reset` out of the file, with `sudo visudo -f FILE`. Set what a
        program needs in its own configuration.

    Risk of the remedy:
        A script that relied on the variable under sudo must set it itself.
    """
    policy, failed = _policy(ctx), False
    reset = [default for default in policy.defaults_of("env_reset") if not default.scope]
    suspects = [
        (default, "starts commands with the caller's whole environment")
        for default in (*reset[-1:], *(d for d in policy.defaults_of("env_reset") if d.scope))
        if not default.on
    ]
    for default in policy.defaults_of("env_keep"):
        kept = [word for word in default.value.split() if word.partition("=")[0] in _DANGEROUS]
        if kept and default.on and default.operator != "-=":
            suspects.append((default, f"lets {', '.join(kept)} through"))
    for default, what in suspects:
        failed = True
        yield fail(f"sudo{_scope(default)} {what}.", _at(default.place), subject=default.place.file)
    for verdict in _unread(policy):
        failed = True
        yield verdict
    if not failed:
        yield passed("sudo resets the environment.")


@rule(
    "sudo-authenticate-disabled",
    "A setting of sudo does away with the password",
    subject="sudo",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=3,
    impact=4,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.NEEDS_ANSWER,
    preset=Preset.RECOMMENDED,
    references=References(
        document=("Remove nopasswd feature",),
        cis_debian12=("5.2.5",),
        ssg=("sudo_remove_no_authenticate",),
        etsi=("5.6-7",),
        nist=("Logical Access to Interfaces",),
        cwe=(306,),
    ),
    commands=("sudo visudo -f FILE",),
)
def sudo_authenticate_disabled(ctx: Context) -> Iterator[Verdict]:
    """`Defaults !authenticate` or `exempt_group`: nobody, or no member of a group, is asked.

    What:
        The setting `!authenticate`, for all or for some users, commands or hosts, and `exempt_group` with a group that
        has members.

    Why:
        It is NOPASSWD under another name: `sudo` runs what an account may run without asking for its password.

    Remedy:
        Make sure that the accounts concerned have passwords that their owners know, then take the setting out with
        `sudo visudo -f FILE`.

    Risk of the remedy:
        As with NOPASSWD: accounts without a password cannot become root any more, and scripts are asked.
    """
    policy, failed = _policy(ctx), False
    last: dict[tuple[str, tuple[str, ...]], Default] = {}
    for default in policy.defaults_of("authenticate"):
        last[default.scope, default.names] = default
    for default in last.values():
        if not default.on:
            failed = True
            yield fail(f"sudo{_scope(default)} asks for no password.", _at(default.place), subject=default.place.file)
    for default in policy.defaults_of("exempt_group")[-1:]:
        accounts = ctx.host.accounts
        members = (
            [name for name, groups in accounts.value.groups_of.items() if default.value in groups]
            if isinstance(accounts, Known)
            else []
        )
        if default.on and members:
            failed = True
            who = ", ".join(members)
            yield fail(
                f"sudo asks no member of {default.value} ({who}) for a password.", _at(default.place), subject=who
            )
    for verdict in _unread(policy):
        failed = True
        yield verdict
    if not failed:
        yield passed("sudo asks for a password.")


RULES = (
    sudo_timestamp_timeout,
    sudo_global_timestamp,
    sudo_env_dangerous,
    sudo_authenticate_disabled,
)
