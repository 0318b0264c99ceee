"""passwd(5), group(5) and shadow(5) as a whole: entries that give more than their names say."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterator

from thornwall.model.accounts import Account, Accounts
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


def _line(account: Account) -> Evidence:
    return Evidence("/etc/passwd", f"{account.name}:{account.field}:{account.uid}:{account.gid}", account.line)


@rule(
    "extra-uid-0",
    "Another account than root has user id 0",
    subject="accounts",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=3,
    impact=5,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.RECOMMENDED,
    references=References(
        cis_debian12=("5.4.2.1",),
        ssg=("accounts_no_uid_except_zero",),
        etsi=("5.6-7",),
        nist=("Logical Access to Interfaces",),
        cwe=(269,),
    ),
    commands=("sudo passwd --lock ACCOUNT", "sudo vipw"),
)
def extra_uid_0(ctx: Context) -> Iterator[Verdict]:
    """An account is root under another name.

    What:
        Every line of `/etc/passwd` with user id 0 whose name is not root.

    Why:
        To the kernel it is root: what the log, sshd's rules for root and sudo say about names does not hold for it. It
        is also what an intruder leaves to come back by.

    Remedy:
        Find out who made the account, and lock it at once. Look into its home for keys, and remove its line with `sudo
        vipw`: `userdel` refuses while processes of root run.
    Risk of the remedy:
        A program that logs in under that name loses its access. Never remove the home directory with it if that is
        `/root` or `/`.
    """
    failed = False
    for account in _accounts(ctx).accounts:
        if account.uid == 0 and account.name != "root":
            failed = True
            yield fail(f"{account.name} is root under another name.", _line(account), subject=account.name)
    if not failed:
        yield passed("Only root has user id 0.")


@rule(
    "duplicate-uid",
    "Two accounts share one user id",
    subject="accounts",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.LOCAL,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.RECOMMENDED,
    references=References(
        cis_debian12=("7.2.5",),
        ssg=("account_unique_id",),
        nist=("Logical Access to Interfaces",),
    ),
    commands=("sudo usermod --uid NEW-ID ACCOUNT",),
)
def duplicate_uid(ctx: Context) -> Iterator[Verdict]:
    """Two names stand for one and the same user.

    What:
        Lines of `/etc/passwd` with the same user id; user id 0 has a rule of its own.

    Why:
        Each can read, change and stop whatever the other has, and the log names only the first of them.

    Remedy:
        Give one of the two an id of its own, when nothing of it runs. Files outside its home must be given to it by
        hand: `sudo find / -xdev -uid OLD-ID` lists them.
    Risk of the remedy:
        Files that keep the old id belong to the other account.
    """
    by_uid: dict[int, list[Account]] = defaultdict(list)
    for account in _accounts(ctx).accounts:
        by_uid[account.uid].append(account)
    failed = False
    for uid, same in by_uid.items():
        if uid and len({account.name for account in same}) > 1:
            failed = True
            names = " and ".join(account.name for account in same)
            yield fail(f"{names} are one user to the kernel: id {uid}.", *map(_line, same), subject=same[-1].name)
    if not failed:
        yield passed("Every account has a user id of its own.")


@rule(
    "password-hash-in-passwd",
    "A password hash stands where everybody can read it",
    subject="accounts",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.PASSWORDS,
    likelihood=3,
    impact=4,
    attacker=Attacker.FAR,
    reach=Reach.LOCAL,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.RECOMMENDED,
    references=References(
        document=("Encryption",),
        cis_debian12=("7.2.1",),
        ssg=("accounts_password_all_shadowed",),
        etsi=("5.4-1",),
        nist=("Data Protection",),
        owasp_iot=("I1",),
        cwe=(732,),
    ),
    commands=("sudo pwconv",),
)
def password_hash_in_passwd(ctx: Context) -> Iterator[Verdict]:
    """A hash is in /etc/passwd instead of /etc/shadow.

    What:
        Accounts whose password field in `/etc/passwd` holds a hash rather than `x`, which stands for `/etc/shadow`.

    Why:
        Every account and every service on the device reads `/etc/passwd`; whoever copies the hash can try passwords
        against it at home.

    Remedy:
        Move the hashes to `/etc/shadow` with `sudo pwconv`, then set a new password: the old hash has been public.
    Risk of the remedy:
        None known: logins go on with the same password.
    """
    failed = False
    for account in _accounts(ctx).accounts:
        if account.field not in {"x", "empty", "*", "!"} and not account.field.startswith("locked"):
            failed = True
            yield fail(
                f"The password hash of {account.name} ({account.field}) can be read by everybody.",
                _line(account),
                subject=account.name,
            )
    if not failed:
        yield passed("No password hash is in /etc/passwd.")


@rule(
    "system-account-login",
    "A service's account can be logged in to",
    subject="accounts",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=3,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.NEEDS_ANSWER,
    preset=Preset.RECOMMENDED,
    references=References(
        cis_debian12=("5.4.2.7",),
        ssg=("no_shelllogin_for_systemaccounts",),
        etsi=("5.6-7",),
        nist=("Logical Access to Interfaces",),
    ),
    commands=("sudo usermod --shell /usr/sbin/nologin ACCOUNT", "sudo passwd --lock ACCOUNT"),
)
def system_account_login(ctx: Context) -> Iterator[Verdict]:
    """An account that exists for a service has a command line, and a password or a key that opens it.

    What:
        System accounts (user id below 1000, not root) with a shell that gives a command line and with a usable
        password or an authorized key. A shell alone, as PostgreSQL's account has it by design, passes while the account
        is locked.

    Why:
        Nobody watches such an account, its password is often that of a guide, and a login as the service reaches all
        of the service's data.

    Remedy:
        Take the shell and the password from the account, unless a job of yours logs in with it. Take unknown keys out
        of its `.ssh/authorized_keys`. Deployment and backup accounts are better made as ordinary accounts.
    Risk of the remedy:
        Jobs that log in as that account (a backup over SSH) stop: give them an account of their own first.
    """
    accounts, answered = _accounts(ctx), False
    for account in accounts.accounts:
        if not accounts.is_system(account):
            continue
        match accounts.can_log_in(account):
            case True:
                answered = True
                name = shlex.quote(account.name)
                yield fail(
                    f"The service account {account.name} has the shell {account.shell or '/bin/sh'} and can be "
                    "logged in to.",
                    _line(account),
                    subject=account.name,
                    commands=(f"sudo usermod --shell /usr/sbin/nologin {name}", f"sudo passwd --lock {name}"),
                )
            case None if not accounts.unread_keys.get(account.name) or isinstance(accounts.shadow, Unknown):
                answered = True
                mend = accounts.shadow.mend if isinstance(accounts.shadow, Unknown) else ""
                yield unknown(
                    f"whether the service account {account.name} is locked stands in /etc/shadow",
                    subject=account.name,
                    mend=mend,
                )
            case _:
                pass
    if not answered:
        yield passed("No service account can be logged in to.")


@rule(
    "account-inconsistent",
    "The account files contradict each other",
    subject="accounts",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=3,
    attacker=Attacker.FAR,
    reach=Reach.LOCAL,
    consequence=Consequence.DISRUPTION,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.RECOMMENDED,
    references=References(
        cis_debian12=("7.2.3", "7.2.7"),
        ssg=("gid_passwd_group_same", "account_unique_name"),
        nist=("Device Configuration",),
    ),
    commands=("sudo pwck --read-only", "sudo grpck --read-only"),
)
def account_inconsistent(ctx: Context) -> Iterator[Verdict]:
    """An account without a shadow entry, a group that does not exist, a name that stands twice, a line that is none.

    What:
        Lines of `/etc/passwd` that have not seven fields, names that occur twice, accounts whose group is not in
        `/etc/group`, and accounts with `x` but no line in `/etc/shadow`.

    Why:
        Programs disagree about such an account: one takes the first line, one the last, one refuses the login. It is
        what a half-finished change or a hand-made edit leaves behind.

    Remedy:
        Mend the lines with `sudo vipw` and `sudo vigr`, which check and lock the files (`sudo vipw --shadow` for the
        hashes). `sudo pwck --read-only` and `sudo grpck --read-only` name them.
    Risk of the remedy:
        An edit of these files can lock everybody out: keep a root shell open until a new login has worked.
    """
    accounts = _accounts(ctx)
    faults = list(_contradictions(accounts))
    yield from faults
    match accounts.shadow:
        case Known(entries):
            for account in accounts.accounts:
                if account.field == "x" and account.name not in entries:
                    faults.append(
                        fail(f"{account.name} has no line in /etc/shadow.", _line(account), subject=account.name)
                    )
                    yield faults[-1]
        case Unknown(reason, mend) if not faults:
            yield unknown(reason, mend=mend)
            return
        case _:
            pass
    if not faults:
        yield passed("The account files agree.")


def _contradictions(accounts: Accounts) -> Iterator[Verdict]:
    for path, number in accounts.malformed:
        yield fail(f"Line {number} of {path} is no account.", Evidence(path, "", number), subject=f"{path}:{number}")
    seen: dict[str, Account] = {}
    for account in accounts.accounts:
        if account.name in seen:
            yield fail(
                f"{account.name} stands twice in /etc/passwd.",
                _line(seen[account.name]),
                _line(account),
                subject=account.name,
            )
        seen[account.name] = account
    gids = {group.gid for group in accounts.groups}
    for account in accounts.accounts:
        if gids and account.gid not in gids:
            yield fail(
                f"The group {account.gid} of {account.name} is not in /etc/group.",
                _line(account),
                subject=account.name,
            )


RULES = (
    extra_uid_0,
    duplicate_uid,
    password_hash_in_passwd,
    system_account_login,
    account_inconsistent,
)
