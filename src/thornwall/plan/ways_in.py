"""Who gets in, and who becomes root: what interlocks and the fixes of ways in ask."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence

from thornwall.model.accounts import Account, Accounts, Password
from thornwall.model.change import AccountDo, AccountField
from thornwall.model.fact import Fact, Known, Unknown
from thornwall.model.passwords import everybody_knows
from thornwall.model.plan import Question, Step
from thornwall.model.sudo import Grant, Policy
from thornwall.plan.fix import Situation

_UNREAD = Unknown("the accounts were not read")


def accounts_of(situation: Situation) -> Accounts | None:
    """The accounts, if they were read."""
    match situation.facts.accounts:
        case Known(accounts):
            return accounts
        case _:
            return None


def policy_of(situation: Situation) -> Policy | None:
    """What the sudoers files say, if all of them could be read."""
    match situation.facts.sudo:
        case Known(sudo):
            match sudo.policy:
                case Known(policy) if not policy.unread:
                    return policy
                case _:
                    return None
        case _:
            return None


def password(situation: Situation, name: str) -> Fact[Password]:
    """The shadow entry of an account."""
    accounts = accounts_of(situation)
    return accounts.password(name) if accounts else _UNREAD


def shut_out(situation: Situation, steps: Sequence[Step]) -> tuple[str, ...]:
    """The people whom a password lets in over SSH until these steps, and no key: but for accounts that they close."""
    accounts = accounts_of(situation)
    if accounts is None or not any(mend.rule == "ssh-password-login" for step in steps for mend in step.mends):
        return ()
    closed = {
        operation.user
        for step in steps
        for operation in step.operations
        if isinstance(operation, AccountDo) and operation.field in {AccountField.LOCK, AccountField.EXPIRE_NOW}
    }
    return tuple(
        account.name
        for account in accounts.people()
        if account.name in keyless(situation)
        and account.name not in closed
        and (replaced(situation, account.name) or _accepted(accounts.password(account.name)))
    )


def keyless(situation: Situation) -> tuple[str, ...]:
    """The people who have no key: whose keys could not be read is none of them."""
    accounts = accounts_of(situation)
    people = accounts.people() if accounts else ()
    return tuple(
        account.name
        for account in people
        if accounts and account.name not in accounts.unread_keys and not accounts.keys_of(account.name)
    )


def nobodies(situation: Situation) -> tuple[str, ...]:
    """Who was given a new password, and has no account there."""
    accounts = accounts_of(situation)
    named = {*situation.answers.passwords, *situation.answers.named}
    return tuple(sorted(name for name in named if accounts and name not in accounts.by_name))


def idle_passwords(situation: Situation, steps: Iterable[Step], questions: Iterable[Question]) -> tuple[str, ...]:
    """Whose new password is at hand, and no step sets it, nor would once it is asked for."""
    used = {
        each.user
        for step in steps
        for each in step.operations
        if isinstance(each, AccountDo) and each.field is AccountField.PASSWORD
    }
    used.update(question.account for question in questions)
    named = {*situation.answers.passwords, *situation.answers.named}
    return tuple(sorted(named - used - {*nobodies(situation)}))


def _accepted(found: Fact[Password]) -> bool:
    return isinstance(found, Known) and found.value.accepted


def known_to_all(situation: Situation, name: str) -> bool:
    """Whether a known default password opens the account."""
    match accounts_of(situation):
        case Accounts(trials=Known(trials)):
            return name in trials and trials[name].outcome == "match"
        case _:
            return False


def opens_to_all(situation: Situation, name: str) -> bool:
    """Whether the account has an empty password, or one that everybody knows: undo must not bring that back."""
    match password(situation, name):
        case Known(found) if found.method == "empty" and not found.locked:
            return True
        case _:
            return known_to_all(situation, name)


def replaced(situation: Situation, name: str) -> bool:
    """Whether this plan gives the account a new password: its owner has typed one, and a finding asks for it."""
    given = situation.answers.passwords.get(name)
    if given is None or everybody_knows(name, given.reveal()):
        return False
    asks = {"default-password", "empty-password", "weak-password-hash", "password-expiry-lockout"}
    match password(situation, name):
        case Known(found) if not found.accepted:
            asks.add("sudo-nopasswd")
        case _:
            pass
    return any(each.rule in asks and each.subject == name for each in situation.findings)


def password_fault(situation: Situation, name: str) -> str:
    """Why sudo could not, or should not, ask the account for its password: a clause; empty where it can."""
    if replaced(situation, name):
        return ""
    match password(situation, name):
        case Known(found) if found.method == "empty" and not found.locked:
            return f"{name} has an empty password"
        case Known(found) if not found.accepted:
            return f"{name} has no password that works (it is locked)"
        case Known():
            pass
        case Unknown(reason):
            return f"the password of {name} could not be judged: {reason}"
        case _:
            return f"{name} has no password"
    if known_to_all(situation, name):
        return f"the password of {name} is one that everybody knows"
    return ""


def free(policy: Policy, name: str) -> tuple[Grant, ...]:
    """What the account may run without being asked."""
    return tuple(grant for grant in policy.effective(name) if grant.nopasswd)


def admins(situation: Situation, *, without: Collection[str] = (), by_key: bool = False) -> tuple[Account, ...]:
    """The accounts beside root that can log in and become root with a password of their own, or without one.

    `by_key`: only those that a key opens. Empty, too, where that could not be read.
    """
    accounts, policy = accounts_of(situation), policy_of(situation)
    if accounts is None or policy is None:
        return ()
    return tuple(
        account
        for account in accounts.accounts
        if account.uid != 0
        and account.name not in without
        and (accounts.keys_of(account.name) if by_key else accounts.can_log_in(account))
        and account.has_shell
        and _becomes_root(situation, policy, account.name)
    )


def _becomes_root(situation: Situation, policy: Policy, name: str) -> bool:
    whole = [grant for grant in policy.effective(name) if grant.everything and not grant.maybe]
    if any(grant.nopasswd for grant in whole):
        return True
    match password(situation, name):
        case Known(found) if found.accepted:
            return bool(whole)
        case _:
            return False


def came_over_ssh(situation: Situation) -> bool:
    """Whether this very login is one of sshd's, also where the program runs on the host itself."""
    return situation.way_in.kind == "ssh" or bool(situation.originals.ssh_connection)


def is_root(situation: Situation) -> bool:
    """Whether the connection logged in as root itself."""
    return situation.way_in.kind == "ssh" and (situation.way_in.uid == 0 or situation.way_in.user == "root")


def asked_on(situation: Situation, name: str, days: int) -> tuple[int, int] | None:
    """Today, and the day on which a password of that age must be changed, in days since 1970; None where not known."""
    match password(situation, name), situation.facts.host:
        case Known(found), Known(host) if found.changed is not None and host.now > 0:
            today = host.now // 86_400
            # a new password of the same plan counts from today
            return today, (today if replaced(situation, name) else found.changed) + days
        case _:
            return None


def ageing(situation: Situation, steps: Sequence[Step]) -> tuple[tuple[str, str], ...]:
    """Each account whose password these steps give an age, and the date by which it must be changed."""
    operations = (each for step in steps for each in step.operations if isinstance(each, AccountDo))
    aged = [each for each in operations if each.field is AccountField.MAX_DAYS and each.value.isdecimal()]
    days = ((each.user, asked_on(situation, each.user, int(each.value))) for each in aged)
    return tuple((user, date_of(found[1])) for user, found in days if found is not None)


def date_of(days: int) -> str:
    """Of days since 1970, as ISO 8601 has it."""
    try:
        return (dt.date(1970, 1, 1) + dt.timedelta(days=days)).isoformat()
    except OverflowError:
        return "a day that no calendar has"
