"""Fixes of the rules about accounts: passwords, locks, ageing, who may change homes and keys."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from thornwall.model.accounts import Account as Person
from thornwall.model.accounts import Accounts
from thornwall.model.change import Account, AccountField, EditLine, Purpose, SetMode, Tool, Wish
from thornwall.model.fact import Known
from thornwall.model.finding import Finding
from thornwall.model.passwords import everybody_knows
from thornwall.model.plan import Undoing
from thornwall.plan.fix import Ask, Fix, Hold, Situation, Want, fix
from thornwall.plan.lines import edit, exact_lines
from thornwall.plan.ways_in import accounts_of, password

PATHS: tuple[str, ...] = ("/etc/login.defs",)

_STEP = "passwords"
_DISPLAY = "A program that logs in with the old password (a backup, a file share) must be told the new one."
PWCONV = Tool(
    "pwconv",
    (("pwconv",),),
    keeps=("/etc/passwd", "/etc/passwd-", "/etc/shadow", "/etc/shadow-"),
)


def _person(accounts: Accounts, account: Person) -> bool:
    """Whether somebody logs in with it: a service's account needs no password, but a lock."""
    return account.has_shell and not accounts.is_system(account)


def new_password(situation: Situation, name: str, why: str) -> Iterator[Want]:
    """A new password, which the owner says; a lock for a service's account, and for root where sudo is set up."""
    accounts = accounts_of(situation)
    account = accounts.by_name.get(name) if accounts else None
    if accounts is None or account is None:
        return
    locked = name == "root" and any(each.rule == "root-password-usable" for each in situation.findings)
    if locked or not _person(accounts, account):
        yield Account(name, AccountField.LOCK)
    elif (given := situation.answers.passwords.get(name)) is not None:
        if everybody_knows(name, given.reveal()):
            why = f"the new password of {name} is one that everybody knows"
            yield Hold("new-password-known", why, "choose another one", name)
        else:
            yield Account(name, AccountField.PASSWORD)
    else:
        yield Ask(f"{why} Which new one shall {name} have?{_rules_to_come(situation)}", name)


def _rules_to_come(situation: Situation) -> str:
    """What the change asks of passwords from then on: this one comes before that, and had better be good enough too."""
    length = situation.values.get("no-password-quality", {}).get("length", 0)
    judged = any(each.rule == "no-password-quality" for each in situation.findings)
    return f" The rules to come ask for {length} characters." if judged and length else ""


@fix(
    "default-password",
    step=_STEP,
    purpose=Purpose.ACCOUNTS,
    title="Replace passwords that everybody knows",
    may_break=(_DISPLAY,),
    undoing=Undoing.KEEPS,
)
def default_password(situation: Situation, finding: Finding) -> Iterator[Want]:
    """Undo does not bring it back."""
    yield from new_password(situation, finding.subject, f"Everybody knows the password of {finding.subject}.")


@fix(
    "empty-password",
    step=_STEP,
    purpose=Purpose.ACCOUNTS,
    title="Give accounts without a password one",
    undoing=Undoing.KEEPS,
)
def empty_password(situation: Situation, finding: Finding) -> Iterator[Want]:
    """Where the empty field stands in /etc/passwd it moves to /etc/shadow first."""
    wants = list(new_password(situation, finding.subject, f"{finding.subject} has no password."))
    if wants and any(each.source == "/etc/passwd" for each in finding.evidence):
        yield PWCONV
    yield from wants


@fix(
    "weak-password-hash",
    step=_STEP,
    purpose=Purpose.ACCOUNTS,
    title="Replace passwords whose hash is quickly broken",
    may_break=(_DISPLAY,),
)
def weak_password_hash(situation: Situation, finding: Finding) -> Iterator[Want]:
    """Stored anew by the host's own method."""
    why = f"The password of {finding.subject} is kept in a way that is quickly broken."
    yield from new_password(situation, finding.subject, why)


@fix(
    "root-password-usable",
    step=_STEP,
    purpose=Purpose.ACCOUNTS,
    title="Lock root's password",
)
def root_password(_: Situation, __: Finding) -> Iterator[Want]:
    """Keys of root, and sudo, go on working."""
    yield Account("root", AccountField.LOCK)


@fix(
    "password-expiry-lockout",
    step=_STEP,
    purpose=Purpose.ACCOUNTS,
    title="Renew passwords that are about to keep their owners out",
)
def expiry(situation: Situation, finding: Finding) -> Iterator[Want]:
    """A new password counts from today. Where there is none to renew, its age no longer counts.

    An account that expires as a whole does so because somebody wanted it: that is left to a person.
    """
    name = finding.subject
    match password(situation, name), situation.facts.host:
        case Known(found), Known(host):
            pass
        case _:
            return
    days = situation.values.get("password-expiry-lockout", {}).get("days", 14)
    if found.expires is not None and isinstance(days, int) and found.expires <= host.now // 86_400 + days:
        return
    if found.accepted:
        yield from new_password(situation, name, f"The password of {name} is about to expire.")
    elif found.changed:
        yield Account(name, AccountField.MAX_DAYS, "-1")


@fix(
    "password-ageing",
    step="password-ageing",
    purpose=Purpose.ACCOUNTS,
    title="Limit the age of passwords",
    may_break=(
        "On the day that it ends, logins without a terminal (backups, rsync, Ansible) fail until it is renewed.",
    ),
)
def ageing(situation: Situation, finding: Finding) -> Iterator[Want]:
    """The day is in the interlock, for accounts with keys."""
    days = situation.values.get("password-ageing", {}).get("days")
    if isinstance(days, int) and days > 0:
        yield Account(finding.subject, AccountField.MAX_DAYS, str(days))


@fix(
    "password-hash-in-passwd",
    step=_STEP,
    purpose=Purpose.ACCOUNTS,
    title="Move password hashes to /etc/shadow",
)
def hash_in_passwd(_: Situation, __: Finding) -> Iterator[Want]:
    """pwconv knows both files and their locks."""
    yield PWCONV


@fix(
    "system-account-login",
    step="service-accounts",
    purpose=Purpose.ACCOUNTS,
    title="Keep people out of the accounts of services",
)
def system_account(situation: Situation, finding: Finding) -> Iterator[Want]:
    """The password is locked; the shell goes only where a key opens the account, and then its owner is asked first."""
    accounts, name = accounts_of(situation), finding.subject
    if accounts is None or name not in accounts.by_name:
        return
    if accounts.keys_of(name):
        yield Hold(
            "account-lock",
            f"{name} has authorized keys: a job of yours may log in with it (a backup, a deployment).",
            "Give that job an account of its own. If there is none, do it all the same.",
            subject=name,
            accept=name != situation.way_in.user,
        )
        yield Account(name, AccountField.SHELL, "/usr/sbin/nologin")
    match password(situation, name):
        case Known(found) if found.accepted:
            yield Account(name, AccountField.LOCK)
        case _:
            pass


@fix(
    "home-permissions",
    step="homes",
    purpose=Purpose.PERMISSIONS,
    title="Let nobody but their owners change homes",
)
def home_permissions(situation: Situation, finding: Finding) -> Iterator[Wish]:
    """Only modes: a home that belongs to somebody else is given back by hand, since what is in it may be theirs."""
    accounts = accounts_of(situation)
    match situation.facts.filesystem:
        case Known(tree) if accounts is not None and (entry := tree.resolve(finding.subject)) is not None:
            pass
        case _:
            return
    owner = next((each for each in accounts.accounts if posixpath.normpath(each.home) == finding.subject), None)
    value = situation.values.get("home-permissions", {}).get("forbidden", "022")
    if owner is None or entry.uid not in {owner.uid, 0} or not re.fullmatch(r"[0-7]{1,4}", str(value)):
        return
    wrong = entry.mode & int(str(value), 8)
    if entry.gid == owner.gid and entry.group == owner.name:
        wrong &= ~0o020  # nobody else is in a group of one's own
    if wrong:
        yield SetMode(entry.path, clear=wrong)


@fix(
    "authorized-keys-writable",
    step="authorized-keys",
    purpose=Purpose.PERMISSIONS,
    title="Let nobody but their owners add keys",
)
def keys_writable(situation: Situation, finding: Finding) -> Iterator[Wish]:
    """The account itself takes the bits away, so that no link of its making leads root astray."""
    accounts, path = accounts_of(situation), finding.subject
    for file in accounts.key_files if accounts else ():
        owner = accounts.by_name.get(file.account) if accounts else None
        if owner is None or path not in {file.path, posixpath.dirname(file.path)}:
            continue
        uid, mode = file.uid, file.mode
        if path != file.path:
            match situation.facts.filesystem:
                case Known(tree) if (entry := tree.entry(path)) is not None and entry.type == "d":
                    uid, mode = entry.uid, entry.mode
                case _:
                    return
        if uid == owner.uid and mode >= 0 and mode & 0o022:
            yield SetMode(path, clear=mode & 0o022, owner=owner.name)
        return


@fix(
    "login-defs-umask",
    step="umask",
    purpose=Purpose.ACCOUNTS,
    title="Keep new files from other accounts",
)
def umask(situation: Situation, finding: Finding) -> Iterator[Wish]:
    """The bits that are taken already stay taken."""
    path = "/etc/login.defs"
    wanted = str(situation.values.get("login-defs-umask", {}).get("umask", ""))
    lines = exact_lines(situation, path)
    if not lines or not re.fullmatch(r"[0-7]{1,4}", wanted):
        return
    number = finding.evidence[0].line if finding.evidence else None
    if number is None:
        # behind the last line that speaks of it, so that whoever looks for it finds it
        spoken = [place for place, line in enumerate(lines, 1) if re.match(r"#?[ \t]*UMASK[ \t]+[0-7]+", line)]
        number = spoken[-1] if spoken else len(lines)
        yield from edit(situation, path, number, lambda line: f"{line}\nUMASK\t\t{int(wanted, 8):03o}")
        return

    def stricter(line: str) -> str:
        said = re.match(r"[ \t]*UMASK[ \t]+([0-7]{1,4})", line)
        bits = int(wanted, 8) | (int(said[1], 8) if said else 0)
        return f"UMASK\t\t{bits:03o}"

    yield from edit(situation, path, number, stricter)


@fix(
    "password-ageing-defaults",
    step="umask",
    purpose=Purpose.ACCOUNTS,
    title="Limit the age of passwords of accounts to come",
)
def ageing_defaults(situation: Situation, finding: Finding) -> Iterator[Wish]:
    """The line that is there, or one more at the end."""
    path, name = "/etc/login.defs", finding.subject
    option, days = {"PASS_MAX_DAYS": ("most", 365), "PASS_MIN_DAYS": ("least", 1)}[name]
    value = situation.values.get("password-ageing-defaults", {}).get(option, days)
    lines = exact_lines(situation, path)
    if not lines:
        return
    number = finding.evidence[0].line if finding.evidence else None
    if number is not None:
        yield from edit(situation, path, number, lambda _: f"{name}\t{value}")
    else:
        yield EditLine(path, 0, "", f"{name}\t{value}")


FIXES: tuple[Fix, ...] = (
    default_password,
    empty_password,
    weak_password_hash,
    root_password,
    expiry,
    ageing,
    hash_in_passwd,
    system_account,
    home_permissions,
    keys_writable,
    umask,
    ageing_defaults,
)
