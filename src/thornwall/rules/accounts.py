"""Passwords: accounts that a guess, or nothing at all, opens."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from thornwall.model.accounts import WEAK_HASHES, Accounts, Password
from thornwall.model.fact import Known, Unknown
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
from thornwall.model.rule import Context, Preset, Verdict, fail, passed, rule, unknown
from thornwall.rules import accounts_ageing, accounts_entries, accounts_groups, accounts_keys, accounts_names

_NONE = "there are no accounts"
_KINDS = {
    "default": "is one of the known default passwords that worms try first",
    "name": "is the account's own name",
    "document": "is printed in a public guide",
}


def _accounts(ctx: Context) -> Accounts:
    return ctx.known(ctx.host.accounts, absent=_NONE)


def _shadow(ctx: Context) -> dict[str, Password]:
    return dict(ctx.known(_accounts(ctx).shadow, absent="the host has no /etc/shadow"))


def _evidence(name: str, password: Password) -> Evidence:
    return Evidence(password.file, f"{name}: {password.word}", password.line)


def _without_ssh_passwords(ctx: Context) -> tuple[Move, ...]:
    """A guessed password opens less where sshd takes none."""
    match ctx.host.ssh:
        case Known(server):
            names = ("passwordauthentication", "kbdinteractiveauthentication")
            settings = [server.setting(name) for name in names]
            if all(setting and setting.value == "no" for setting in settings) and not any(
                True for name in names for _ in server.matching(name)
            ):
                return (Move("likelihood", -2, "sshd takes no passwords"),)
        case _:
            pass
    return ()


@rule(
    "default-password",
    "An account has a password that everybody knows",
    subject="accounts",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.PASSWORDS,
    likelihood=5,
    impact=5,
    attacker=Attacker.WORM,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.NEEDS_ANSWER,
    preset=Preset.DOCUMENTS,
    references=References(
        document=(
            "Changing the default password",
            "Raspberry Pi considerations",
            "Practical Steps to Secure IoT Devices",
            "Top IoT Vulnerabilities/Misconfiguration",
        ),
        etsi=("5.1-1",),
        nist=("Logical Access to Interfaces",),
        owasp_iot=("I1",),
        owasp_top10=("A07:2021",),
        cwe=(1392, 521),
    ),
    commands=("sudo passwd ACCOUNT",),
)
def default_password(ctx: Context) -> Iterator[Verdict]:
    """An account opens with a factory password, with its own name, or with a password out of a public guide.

    What:
        Every account with a usable password was tried, on the device itself, with a short list: `raspberry` and the
        other factory passwords of images for small boards, the account's own name, the commonest of what worms try, and
        the example passwords that guides print.

    Why:
        Default passwords are easy to look up, so they are what worms and people try first: an open device is found
        within minutes of being online. With `sudo` the account is the whole device.

    Remedy:
        Give the account a new password: long, and used nowhere else (four or five random words do). Do not set it with
        `echo 'pi:…' | sudo chpasswd`, which guides show: that leaves the password in the shell's history and skips the
        checks of its strength.
    Risk of the remedy:
        None for keys and open sessions: a session that is open stays open. A program that logs in with the old password
        (a backup, a file share) must be told the new one.
    """
    trials = ctx.known(_accounts(ctx).trials, absent="no account has a password")
    shadow = _accounts(ctx).shadow
    lines = dict(shadow.value) if isinstance(shadow, Known) else {}
    moves = _without_ssh_passwords(ctx)
    failed = False
    for name, trial in trials.items():
        line = lines[name].line if name in lines else None
        if trial.outcome == "match":
            failed = True
            yield fail(
                f"The password of {name} {_KINDS.get(trial.kind, _KINDS['default'])}.",
                Evidence("/etc/shadow", f"{name}: its password was guessed on the device", line),
                subject=name,
                moves=moves,
                commands=(f"sudo passwd {shlex.quote(name)}",),
            )
        elif trial.outcome != "none":
            failed = True
            why = (
                f"only {trial.tried} of {trial.total} known passwords could be tried on {name} in the time allowed"
                if trial.outcome == "partial"
                else f"the host's own crypt does not know how the password of {name} is hashed"
            )
            yield unknown(why, subject=name, mend="allow more time for passwords (--password-seconds)")
    if not failed:
        yield passed(f"No known password opened an account (tried on {len(trials)}).")


@rule(
    "empty-password",
    "An account opens without any password",
    subject="accounts",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.PASSWORDS,
    likelihood=3,
    impact=5,
    attacker=Attacker.NEAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.NEEDS_ANSWER,
    preset=Preset.DOCUMENTS,
    references=References(
        document=("Changing the default password", "Top IoT Vulnerabilities/Misconfiguration"),
        cis_debian12=("7.2.2",),
        ssg=("no_empty_passwords_etc_shadow",),
        etsi=("5.1-1",),
        nist=("Logical Access to Interfaces",),
        owasp_iot=("I1",),
        owasp_top10=("A07:2021",),
        cwe=(258,),
    ),
    commands=("sudo passwd ACCOUNT",),
)
def empty_password(ctx: Context) -> Iterator[Verdict]:
    """The password field of an account is empty.

    What:
        Accounts whose field in `/etc/shadow` (or in `/etc/passwd`) is empty: no hash, and no `!` or `*` that would
        lock it.

    Why:
        Whoever gives the account's name at the console, to `su`, or to a server that accepts empty passwords is in.
        OpenSSH refuses empty passwords by default, other servers do not.

    Remedy:
        Give the account a password, or lock it if nobody logs in with one (`sudo passwd --lock ACCOUNT`); keys go on
        working with either.
    Risk of the remedy:
        A display that logs in by itself through the empty password asks for one afterwards: give it a proper automatic
        login first.
    """
    accounts = _accounts(ctx)
    failed = False
    for account in accounts.accounts:
        if account.field == "empty":
            failed = True
            yield fail(
                f"{account.name} has no password at all.",
                Evidence("/etc/passwd", f"{account.name}: empty", account.line),
                subject=account.name,
            )
    moves: tuple[Move, ...] = ()
    match ctx.host.ssh:
        case Known(server) if (setting := server.setting("permitemptypasswords")) and setting.value == "yes":
            moves = (Move("likelihood", 2, "sshd accepts empty passwords"),)
        case _:
            pass
    match accounts.shadow:
        case Known(entries):
            for name, entry in entries.items():
                if entry.method == "empty" and not entry.locked and name in accounts.by_name:
                    failed = True
                    quoted = shlex.quote(name)
                    yield fail(
                        f"{name} has no password at all.",
                        _evidence(name, entry),
                        subject=name,
                        moves=moves if accounts.by_name[name].has_shell else (),
                        commands=(f"sudo passwd {quoted}",),
                    )
        case Unknown(reason, mend):
            yield unknown(reason, subject="/etc/shadow", mend=mend)
            failed = True
        case _:
            pass
    if not failed:
        yield passed("No account has an empty password.")


@rule(
    "weak-password-hash",
    "A password is kept under a hash that is quickly broken",
    subject="accounts",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.PASSWORDS,
    likelihood=2,
    impact=4,
    attacker=Attacker.FAR,
    reach=Reach.LOCAL,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.NEEDS_ANSWER,
    preset=Preset.DOCUMENTS,
    references=References(
        document=("Encryption",),
        etsi=("5.1-3", "5.4-1"),
        nist=("Data Protection",),
        owasp_iot=("I1",),
        owasp_top10=("A02:2021",),
        cwe=(916,),
    ),
    commands=("sudo passwd ACCOUNT",),
)
def weak_password_hash(ctx: Context) -> Iterator[Verdict]:
    """A password is stored as md5crypt, descrypt or another method of the last century.

    What:
        Hashes in `/etc/shadow` of methods that crypt(5) advises against: descrypt (only eight characters count),
        bsdicrypt, md5crypt, sha1crypt, sunmd5, NT, and the broken bcrypt variant `$2x$`. yescrypt, scrypt, bcrypt,
        sha512crypt and sha256crypt pass.

    Why:
        Whoever gets a copy of the file (a lost SD card or a backup is enough) tries millions of passwords a second
        against such a hash; against yescrypt, Debian's own choice, a few dozen.

    Remedy:
        Set a new password for the account: it is then stored with yescrypt, which is slow to break. Do not keep the old
        one, whose hash may be in a backup. Where nobody logs in with a password, lock the account instead: `sudo passwd
        --lock ACCOUNT`.
    Risk of the remedy:
        A program that knows the old password must be told the new one; one that reads the hash itself (some mail and
        camera software) may not understand yescrypt.
    """
    failed = False
    for name, entry in _shadow(ctx).items():
        if entry.method in WEAK_HASHES and not entry.locked:
            failed = True
            yield fail(
                f"The password of {name} is stored as {entry.method}, which is quickly broken.",
                _evidence(name, entry),
                subject=name,
                commands=(f"sudo passwd {shlex.quote(name)}",),
            )
    if not failed:
        yield passed("No password is kept under a weak hash.")


RULES = (
    default_password,
    empty_password,
    weak_password_hash,
    *accounts_names.RULES,
    *accounts_ageing.RULES,
    *accounts_entries.RULES,
    *accounts_groups.RULES,
    *accounts_keys.RULES,
)
