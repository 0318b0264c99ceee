"""Accounts that are known by name: pi and root."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.accounts import Accounts, Password
from thornwall.model.fact import Known, Unknown
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


def _accounts(ctx: Context) -> Accounts:
    return ctx.known(ctx.host.accounts, absent="there are no accounts")


def _shadow(ctx: Context) -> dict[str, Password]:
    return dict(ctx.known(_accounts(ctx).shadow, absent="the host has no /etc/shadow"))


def _evidence(name: str, password: Password) -> Evidence:
    return Evidence(password.file, f"{name}: {password.word}", password.line)


@rule(
    "default-account-pi",
    "The account has the name that everybody tries",
    subject="accounts",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.PASSWORDS,
    likelihood=2,
    impact=2,
    attacker=Attacker.WORM,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.RECOMMENDED,
    references=References(
        document=("Changing the default password",),
        etsi=("5.1-5",),
        nist=("Logical Access to Interfaces",),
        owasp_iot=("I1",),
    ),
    commands=("sudo rename-user",),
)
def default_account_pi(ctx: Context) -> Iterator[Verdict]:
    """The account `pi`, which every Raspberry Pi had until 2022, can be logged in to.

    What:
        An account named `pi` with a command line and a password or key that opens it. The placeholder `pi` that an
        image has before its first boot, locked, passes.

    Why:
        Worms try the name `pi` with every password they know: half of what they have to guess is given. With a strong
        password or with keys only, this matters little.

    Remedy:
        Rename the account: on Raspberry Pi OS `sudo rename-user` does it at the next boot, on the device's own screen
        and keyboard. Elsewhere, or without a screen, make a new account with `sudo adduser NAME`, add it to the groups
        of `pi`, log in with it, and only then lock `pi`.
    Risk of the remedy:
        Paths under `/home/pi` in scripts, units and cron jobs break, and so do SSH commands that name `pi@…`.
    """
    accounts = _accounts(ctx)
    account = accounts.by_name.get("pi")
    if account is None:
        yield passed("There is no account named pi.")
        return
    match accounts.can_log_in(account):
        case None:
            yield unknown("whether pi can be logged in to stands in /etc/shadow", mend=_mend(accounts))
        case True:
            line = f"pi: {account.uid}, {account.shell}"
            yield fail(
                "The account pi can be logged in to; its name is half of what a worm must guess.",
                Evidence("/etc/passwd", line, account.line),
                subject="pi",
            )
        case _:
            yield passed("The account pi is locked.", Evidence("/etc/passwd", "pi", account.line))


def _mend(accounts: Accounts) -> str:
    return accounts.shadow.mend if isinstance(accounts.shadow, Unknown) else ""


@rule(
    "root-password-usable",
    "root has a password of its own",
    subject="accounts",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.RECOMMENDED,
    references=References(
        document=("Top IoT Vulnerabilities/Misconfiguration",),
        cis_debian12=("5.4.2.4",),
        ssg=("ensure_root_access_controlled",),
        nist=("Logical Access to Interfaces",),
        owasp_iot=("I1",),
    ),
    commands=("sudo passwd --lock root",),
)
def root_password_usable(ctx: Context) -> Iterator[Verdict]:
    """root can be logged in to with a password, though administrators have sudo.

    What:
        Whether root's field in `/etc/shadow` holds a hash that is not locked. Where no account could become root
        through sudo, that password is the only way to administer the host, and the rule passes.

    Why:
        Raspberry Pi OS ships root locked: administration goes through named accounts and leaves their names in the
        log. One more password that opens everything is one more to guess, share and forget to change.

    Remedy:
        Lock root's password, once sudo works for you (try `sudo -k; sudo true`).
    Risk of the remedy:
        The emergency shell of a host that does not boot asks for root's password and cannot be entered then; the SD
        card in another computer still can. `su` to root stops working.
    """
    accounts = _accounts(ctx)
    entry = _shadow(ctx).get("root")
    if entry is None or not entry.accepted:
        yield passed("root's password is locked.", *([_evidence("root", entry)] if entry else []))
        return
    match ctx.host.sudo:
        case Known(sudo) if any(sudo.becomes_root(account.name) for account in accounts.people()):
            yield fail(
                "root has a password that works, and does not need one: sudo is set up.",
                _evidence("root", entry),
                subject="root",
            )
        case Known(sudo) if isinstance(sudo.policy, Unknown):
            yield unknown(sudo.policy.reason, mend=sudo.policy.mend)
        case Known(sudo) if isinstance(sudo.policy, Known) and sudo.policy.value.unread:
            path, why = next(iter(sudo.policy.value.unread.items()))
            yield unknown(f"{path}: {why.reason}", mend=why.mend)
        case Unknown(reason, mend):
            yield unknown(reason, mend=mend)
        case _:
            yield passed("root's password is the only way to administer the host.", _evidence("root", entry))


RULES = (default_account_pi, root_password_usable)
