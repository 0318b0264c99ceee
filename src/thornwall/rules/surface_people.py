"""The people of the attack surface: accounts that somebody can use, and the ways to log in to them."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.accounts import Account, Accounts, AuthorizedKey
from thornwall.model.fact import Absent, Known, Unknown
from thornwall.model.snapshot import Snapshot
from thornwall.model.ssh import SshServer
from thornwall.model.sudo import Policy
from thornwall.model.surface import Person, WayIn

_NOT_KNOWN = "not known"


def people(host: Snapshot) -> Iterator[Person]:
    """root, and every account with a shell that has a password, a key, or rights through sudo."""
    match host.accounts:
        case Known(accounts):
            pass
        case _:
            return
    for account in accounts.accounts:
        keys = tuple(key.comment or key.fingerprint for key in _keys(accounts, account.name))
        rights = _sudo(host, account.name)
        password = _password(accounts, account)
        usable = bool(keys) or password not in {"locked", "none", _NOT_KNOWN} or rights not in {"", _NOT_KNOWN}
        if account.uid == 0 or (account.has_shell and (account.uid >= 1000 or usable)):
            yield Person(account.name, account.uid, password, rights, keys, account.shell)


def _keys(accounts: Accounts, name: str) -> Iterator[AuthorizedKey]:
    for file in accounts.key_files:
        if file.account == name:
            yield from file.keys


def _password(accounts: Accounts, account: Account) -> str:
    """`empty`, `locked`, `none`, the method of its hash, or why it is not known."""
    match accounts.shadow:
        case Known(shadow):
            password = shadow.get(account.name)
            if password is None:
                return "none" if account.field == "x" else account.field
            return "locked" if password.locked else password.method or "none"
        case Unknown():
            return _NOT_KNOWN
        case _:
            return account.field


def _sudo(host: Snapshot, name: str) -> str:
    """What sudo gives the account, in words."""
    match host.sudo:
        case Known(sudo) if isinstance(sudo.policy, Known):
            policy = sudo.policy.value
        case Absent():
            return ""
        case Known(sudo) if isinstance(sudo.policy, Absent):
            return ""
        case _:
            return _NOT_KNOWN
    grants = list(policy.effective(name))
    everything = [grant for grant in grants if grant.everything]
    if everything:
        free = any(grant.nopasswd or (grant.nopasswd is None and _never_asks(policy)) for grant in everything)
        return "everything, no password" if free else "everything, after the password"
    return ", ".join(dict.fromkeys(grant.command for grant in grants))[:200]


def _never_asks(policy: Policy) -> bool:
    found = [each for each in policy.defaults_of("authenticate") if not each.scope]
    return bool(found) and not found[-1].on


def ways_in(host: Snapshot, persons: tuple[Person, ...]) -> Iterator[WayIn]:
    """SSH by password and by key, autologin, telnet and the console, for whom, and what guards each."""
    with_password = tuple(each.account for each in persons if each.password not in {"locked", "none"})
    with_key = tuple(each.account for each in persons if each.keys)
    match host.ssh:
        case Known(ssh):
            yield from _ssh(ssh, with_password, with_key)
        case _:
            pass
    match host.boot:
        case Known(boot):
            for login in boot.desktop:
                yield WayIn(f"autologin on {login.where}", (login.user,), "nothing: whoever sits in front is in")
        case _:
            pass
    match host.services:
        case Known(services):
            for unit in services.units.values():
                if unit.name.startswith(("getty@", "serial-getty@")) and unit.enabled:
                    terminal = unit.name.partition("@")[2].removesuffix(".service")
                    auto = any("--autologin" in each.value or " -a " in each.value for each in unit.commands)
                    guard = "nothing: it logs in by itself" if auto else "a password"
                    yield WayIn(f"console {terminal}", with_password, guard)
            if services.inetd_unit is not None and any(entry.name == "telnet" for entry in services.inetd):
                yield WayIn("telnet", with_password, "a password, sent in the clear")
        case _:
            pass


def _ssh(ssh: SshServer, with_password: tuple[str, ...], with_key: tuple[str, ...]) -> Iterator[WayIn]:
    root = _value(ssh, "permitrootlogin")
    typed = _value(ssh, "passwordauthentication") == "yes" or _value(ssh, "kbdinteractiveauthentication") == "yes"
    methods = _value(ssh, "authenticationmethods")
    if typed and methods in {"", "any"}:
        allowed = tuple(name for name in with_password if name != "root" or root == "yes")
        yield WayIn("SSH with a password", allowed, "the password alone")
    if _value(ssh, "pubkeyauthentication") != "no":
        allowed = tuple(name for name in with_key if name != "root" or root != "no")
        guard = "a key" if methods in {"", "any", "publickey"} else f"all of: {methods}"
        if allowed:
            yield WayIn("SSH with a key", allowed, guard)


def _value(ssh: SshServer, name: str) -> str:
    setting = ssh.setting(name)
    return setting.value if setting is not None else ""
