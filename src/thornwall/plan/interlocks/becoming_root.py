"""Interlocks of becoming root, and of accounts: sudo's password, locks, ageing."""

from __future__ import annotations

import re

from thornwall.model.accounts import Accounts
from thornwall.model.change import Account, AccountField, EditLine, OwnLine, RemoveFile, Wish
from thornwall.model.sudo import Policy
from thornwall.plan.fix import Hold, Interlock, Situation
from thornwall.plan.ways_in import (
    accounts_of,
    admins,
    asked_on,
    came_over_ssh,
    date_of,
    free,
    is_root,
    password_fault,
    policy_of,
    replaced,
)

_FREE = re.compile(r"\bNOPASSWD\b|![ \t]*authenticate\b|(?<!!)\bexempt_group\b|\bnopass\b")
_GENERAL = re.compile(r"Defaults(?:[ \t]+(?:authenticate|![ \t]*exempt_group)\b|[:>@!].*\bauthenticate\b)")
_ASKING = re.compile(r"(?!Defaults)(\S+)[ \t]+\S+[ \t]*=")
_SUDOERS = ("/etc/sudoers", "/etc/doas.conf")
SOON = 14
"""Days: a password that must be changed within them is as good as expired."""


def nopasswd_off(situation: Situation, wish: Wish) -> Hold | None:
    """sudo asks for a password only from those who have one that they know."""
    policy, accounts = policy_of(situation), accounts_of(situation)
    if policy is None or accounts is None:
        return None if not _asks_again(wish) else Hold("nopasswd-off", "sudo's files were not read.", "Run it as root.")
    for name in _concerned(policy, accounts, wish):
        if hold := _unasked(situation, name):
            return hold
    return None


def _asks_again(wish: Wish) -> bool:
    """Whether a wish makes sudo, or doas, ask where it did not."""
    match wish:
        case EditLine(path=path, old=old, new=new) if path.startswith(_SUDOERS):
            return len(_FREE.findall(old)) > len(_FREE.findall(new or ""))
        case RemoveFile(path=path):
            return path.startswith(_SUDOERS)
        case OwnLine(path=path, line=line) if path.startswith(_SUDOERS):
            return not _FREE.search(line) and bool(_GENERAL.match(line) or _ASKING.match(line))
        case _:
            return False


def _concerned(policy: Policy, accounts: Accounts, wish: Wish) -> list[str]:
    """The accounts that it would ask: those who are not asked today, by the lines that it takes away or overrules."""
    if not _asks_again(wish):
        return []
    names = [name for name in policy.grants if name in accounts.by_name and accounts.by_name[name].uid != 0]
    match wish:
        case RemoveFile(path=path):
            return [name for name in names if any(grant.place.file == path for grant in free(policy, name))]
        case EditLine(path=path, number=number, old=old) if "NOPASSWD" in old:
            return [
                name
                for name in names
                if any((grant.place.file, grant.place.line) == (path, number) for grant in free(policy, name))
            ]
        case OwnLine(line=line) if found := _ASKING.match(line):
            return [name for name in names if free(policy, name) and _is_meant(accounts, name, found[1])]
        case EditLine(path="/etc/doas.conf"):
            return [account.name for account in accounts.people()]
        case _:  # a setting for all
            return [name for name in names if any(grant.everything for grant in policy.effective(name))]


def _is_meant(accounts: Accounts, name: str, who: str) -> bool:
    if who.startswith("%"):
        return who[1:] in accounts.groups_of.get(name, frozenset())
    return who == "ALL" or name in who.split(",")


def _unasked(situation: Situation, name: str) -> Hold | None:
    """Whether this account could not answer sudo, or is not known to be able to."""
    fault = password_fault(situation, name)
    connected = name == situation.way_in.user
    if connected and not fault and not situation.way_in.password_proved and not replaced(situation, name):
        fault = f"sudo has not checked the password of {name} just now, so that it may be forgotten"
    if not fault:
        return None
    others = [account for account in admins(situation, without={name}) if not password_fault(situation, account.name)]
    safe = not connected and (bool(others) or not came_over_ssh(situation))
    return Hold(
        "nopasswd-off",
        f"sudo would ask {name} for a password, and {fault}.",
        f"Set one ('sudo passwd {name}') or name a new one in the plan, and let thornwall check it: 'harden' asks for "
        "it, 'plan' does with --ask-sudo-pass.",
        subject=name,
        accept=safe,
    )


def account_lock(situation: Situation, wish: Wish) -> Hold | None:
    """Nobody locks the account that he is connected with, or the last one that can become root."""
    if not isinstance(wish, Account) or not _takes_away(wish):
        return None
    name, at_rest = wish.user, situation.way_in.kind == "offline"
    if name == situation.way_in.user and not (name == "root" and is_root(situation) and situation.way_in.key_proved):
        return Hold(
            "account-lock",
            f"{name} is the account that {'your key opens' if at_rest else 'is connected right now'}.",
            "Log in as another account that can become root, and run thornwall as that.",
        )
    if name != "root" and policy_of(situation) and name not in {account.name for account in admins(situation)}:
        return None  # it could not become root anyway
    connected = {situation.way_in.user} if situation.way_in.kind == "ssh" and situation.capture.root else set()
    if connected - {"", "root", name} or admins(situation, without={name}):
        return None
    return Hold(
        "account-lock",
        f"No other account than {name} is known that can log in and become root.",
        "Make another administrator first ('sudo adduser NAME', 'sudo adduser NAME sudo'), and log in as that account.",
    )


def _takes_away(wish: Account) -> bool:
    match wish.field:
        case AccountField.LOCK | AccountField.EXPIRE_NOW:
            return True
        case AccountField.SHELL:
            return wish.value.rpartition("/")[2] in {"nologin", "false"}
        case AccountField.LEAVE_GROUP:
            return wish.value in {"sudo", "wheel", "admin", "root"}
        case _:
            return False


def password_ageing(situation: Situation, wish: Wish) -> Hold | None:
    """An age for the password of somebody who logs in with a key is a lock-out that comes later."""
    if not isinstance(wish, Account) or wish.field is not AccountField.MAX_DAYS or not wish.value.isdecimal():
        return None
    accounts = accounts_of(situation)
    days = asked_on(situation, wish.user, int(wish.value))
    if accounts is None or days is None:
        return Hold("password-ageing", f"When {wish.user} would be asked could not be read.", "Run it as root.")
    today, last = days
    date = date_of(last)
    renew = f"Give {wish.user} a new password first ('sudo passwd {wish.user}'): its age counts from that day."
    if last <= today + SOON:
        over = f"expired on {date} already" if last <= today else f"expires on {date}"
        why = f"The password of {wish.user} would have {over}: logins without a terminal fail then, keys or not."
        return Hold("password-ageing", why, renew, subject=wish.user)
    if not accounts.keys_of(wish.user):
        return None
    return Hold(
        "password-ageing",
        f"{wish.user} logs in with a key, and would be asked for a new password from {date} on; logins without a"
        " terminal (backups, rsync, Ansible) fail from that day.",
        "Leave accounts with keys out of it, or write the date down.",
        subject=wish.user,
        accept=True,
    )


INTERLOCKS: tuple[Interlock, ...] = (nopasswd_off, account_lock, password_ageing)
