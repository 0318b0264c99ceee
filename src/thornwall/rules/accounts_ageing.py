"""Ageing of passwords and the umask: what holds for accounts by shadow(5) and login.defs(5)."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from thornwall.model.accounts import Accounts, Password
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


def _accounts(ctx: Context) -> Accounts:
    return ctx.known(ctx.host.accounts, absent="there are no accounts")


def _shadow(ctx: Context) -> dict[str, Password]:
    return dict(ctx.known(_accounts(ctx).shadow, absent="the host has no /etc/shadow"))


def _evidence(name: str, password: Password) -> Evidence:
    return Evidence(password.file, f"{name}: {password.word}", password.line)


@rule(
    "password-expiry-lockout",
    "An account is about to be locked out by the age of its password",
    subject="accounts",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=3,
    impact=3,
    attacker=Attacker.NEAR,
    reach=Reach.LOCAL,
    consequence=Consequence.DISRUPTION,
    effort=Effort.MINUTE,
    fixable=Fixable.NEEDS_ANSWER,
    preset=Preset.DOCUMENTS,
    references=References(
        document=("Force user to change password next login",),
        etsi=("5.1-4",),
        nist=("Logical Access to Interfaces",),
    ),
    commands=("sudo passwd ACCOUNT", "sudo chage --list ACCOUNT"),
    options=(Option("days", 14, "warn this many days before a password expires"),),
)
def password_expiry_lockout(ctx: Context) -> Iterator[Verdict]:
    """Password ageing is about to keep somebody out, key or no key.

    What:
        Accounts with a command line whose password must be changed at the next login (`passwd --expire`), has expired,
        or expires within the coming days, by the ageing fields of `/etc/shadow` and the host's own clock.

    Why:
        sshd asks for the change even of a user who logs in with a key, and refuses a login without a terminal: backups,
        rsync and Ansible stop on that day. After the inactive days the account opens for nobody.

    Remedy:
        Change the password at a terminal before that day, or as administrator with `sudo passwd ACCOUNT`. For accounts
        that log in only with keys, take ageing off: `sudo chage --maxdays -1 ACCOUNT`.
    Risk of the remedy:
        None: the account stays open with the password that is set then.
    """
    accounts = _accounts(ctx)
    shadow = _shadow(ctx)
    host = ctx.host.host
    now = host.value.now if isinstance(host, Known) else -1
    if now < 0:
        yield unknown("the host did not tell its date")
        return
    failed = False
    for account in accounts.accounts:
        entry = shadow.get(account.name)
        if entry is None or not account.has_shell or not (entry.accepted or accounts.keys_of(account.name)):
            continue
        why = _expiry(entry, now // 86_400, ctx.number("days"))
        if why:
            failed = True
            name = shlex.quote(account.name)
            yield fail(
                f"{account.name}: {why}",
                _evidence(account.name, entry),
                subject=account.name,
                commands=(f"sudo passwd {name}", f"sudo chage --list {name}"),
            )
    if not failed:
        yield passed("No account is kept out by the age of its password.")


def _expiry(entry: Password, today: int, days: int) -> str:
    """Why the account is, or soon will be, kept out; empty if it is not."""
    if entry.expires is not None and entry.expires <= today + days:
        return _when("the account itself expires", entry.expires - today)
    if entry.changed == 0:
        return "the password must be changed at the next login, which fails without a terminal."
    if entry.changed is None or entry.max_days is None:
        return ""
    left = entry.changed + entry.max_days - today
    if left > days or entry.max_days >= 10_000:
        return ""
    return _when("the password expires", left)


def _when(what: str, left: int) -> str:
    if left > 0:
        return f"{what} in {left} day{'s' if left > 1 else ''}."
    return f"{what.replace('expires', 'has expired')}."


@rule(
    "password-ageing",
    "Passwords may be kept for ever",
    subject="accounts",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.PASSWORDS,
    likelihood=1,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.NEEDS_ANSWER,
    preset=Preset.STRICT,
    references=References(
        cis_debian12=("5.4.1.1",),
        ssg=("accounts_password_set_max_life_existing",),
        nist=("Logical Access to Interfaces",),
    ),
    commands=("sudo chage --maxdays 365 ACCOUNT",),
    options=(Option("days", 365, "the most days that a password may be kept"),),
)
def password_ageing(ctx: Context) -> Iterator[Verdict]:
    """No limit to the age of a password that somebody may have learnt long ago.

    What:
        Accounts with a usable password whose ageing field in `/etc/shadow` allows more days than the policy does.

    Why:
        A password that leaked works until it is changed. Current advice (NIST SP 800-63B) is against changing good
        passwords by the calendar, which is why only the strict preset asks for it.

    Remedy:
        Set an age for the passwords of accounts that log in with one: a year is enough. `PASS_MAX_DAYS` in
        `/etc/login.defs` does it for accounts to come. Leave out accounts that log in with keys only.
    Risk of the remedy:
        A delayed lock-out: on that day sshd asks for a new password even of those who log in with a key, and refuses
        logins without a terminal. Write the date down.
    """
    accounts, failed = _accounts(ctx), False
    most = ctx.number("days")
    for name, entry in _shadow(ctx).items():
        if not entry.accepted or name not in accounts.by_name:
            continue
        if entry.max_days is None or entry.max_days > most:
            failed = True
            allowed = "for ever" if entry.max_days is None or entry.max_days >= 10_000 else f"{entry.max_days} days"
            yield fail(
                f"The password of {name} may be kept {allowed}, the policy allows {most} days.",
                _evidence(name, entry),
                subject=name,
                commands=(f"sudo chage --maxdays {most} {shlex.quote(name)}",),
            )
    if not failed:
        yield passed(f"No password may be older than {most} days.")


@rule(
    "password-ageing-defaults",
    "Accounts to come may keep their passwords for ever",
    subject="accounts",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.PASSWORDS,
    likelihood=1,
    impact=1,
    attacker=Attacker.FAR,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.STRICT,
    references=References(
        cis_debian12=("5.4.1.1", "5.4.1.2"),
        ssg=("accounts_maximum_age_login_defs", "accounts_minimum_age_login_defs"),
        nist=("Logical Access to Interfaces",),
    ),
    commands=("sudoedit /etc/login.defs",),
    options=(
        Option("most", 365, "the most days that a password may be kept"),
        Option("least", 1, "the fewest days between two changes"),
    ),
)
def password_ageing_defaults(ctx: Context) -> Iterator[Verdict]:
    """What login.defs gives to new accounts.

    What:
        `PASS_MAX_DAYS` and `PASS_MIN_DAYS` in `/etc/login.defs`, which each new account gets. Those that there are keep
        what they have (rule password-ageing).

    Why:
        An account that is made for a guest or a service and then forgotten keeps its password, and whoever learnt it
        keeps his way in. A day between two changes keeps people from changing back at once.

    Remedy:
        Set `PASS_MAX_DAYS 365` and `PASS_MIN_DAYS 1` in `/etc/login.defs`.
    Risk of the remedy:
        After a year a new account is asked for a new password, also where it logs in with a key: `chage --maxdays -1`
        for those. On the day of a change only an administrator can change it again.
    """
    settings = ctx.known(_accounts(ctx).login_defs, absent="the host has no /etc/login.defs")
    most, least = ctx.number("most"), ctx.number("least")
    for name, fewest, greatest in (("PASS_MAX_DAYS", 1, most), ("PASS_MIN_DAYS", least, most)):
        setting = settings.get(name)
        days = int(setting.value) if setting and setting.value.isdecimal() and len(setting.value) < 10 else -1
        text = f"{name} {setting.value}" if setting else f"{name} is not set"
        evidence = Evidence("/etc/login.defs", text, setting.line if setting else None)
        if fewest <= days <= greatest:
            yield passed(f"New accounts get {text}.", evidence, subject=name)
        else:
            yield fail(f"New accounts get {text}." if setting else f"{text}.", evidence, subject=name)


@rule(
    "login-defs-umask",
    "New files can be read by every account",
    subject="accounts",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.LOCAL,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.STRICT,
    references=References(
        cis_debian12=("5.4.3.3",),
        ssg=("accounts_umask_etc_login_defs",),
        nist=("Data Protection",),
        cwe=(276,),
    ),
    options=(Option("umask", "027", "the permission bits, in octal, that new files must not have"),),
)
def login_defs_umask(ctx: Context) -> Iterator[Verdict]:
    """The umask of logins leaves new files readable by all.

    What:
        `UMASK` in `/etc/login.defs`, which pam_umask and new home directories follow; 022 where it is not set.

    Why:
        On a device that several people or services share, each sees what the others create. On a device of one owner it
        changes little, so only the strict preset asks.

    Remedy:
        Set `UMASK 027` in `/etc/login.defs`; it holds from the next login.

    Risk of the remedy:
        Files that a web server or another service must read (below `/var/www`, in a shared folder) have to be made
        readable on purpose.
    """
    settings = ctx.known(_accounts(ctx).login_defs, absent="the host has no /etc/login.defs")
    wanted = int(str(ctx.values["umask"]), 8)
    setting = settings.get("UMASK")
    try:
        value = int(setting.value, 8) if setting else 0o022
    except ValueError:
        value = 0
    evidence = Evidence("/etc/login.defs", f"UMASK {setting.value}", setting.line) if setting else None
    if value & wanted == wanted:
        yield passed(f"The umask is {value:03o}.", *([evidence] if evidence else []))
    else:
        yield fail(
            f"The umask of logins is {value:03o}: new files get permissions that {wanted:03o} would take away.",
            evidence or Evidence("/etc/login.defs", "UMASK is not set"),
        )


RULES = (password_expiry_lockout, password_ageing, password_ageing_defaults, login_defs_umask)
