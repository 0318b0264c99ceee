"""Interlocks of logging in: what a setting of sshd, or a change of its keys, would shut out.

Each looks at what a wish would do, whichever fix has it. 'All the same' is offered only where the owner gets in by
another way whatever comes of it: at the machine itself, or with the card in another computer.
"""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Iterable

from thornwall.model.accounts import Accounts, Password
from thornwall.model.change import EditLine, OwnLine, RemoveFile, Wish, WriteFile
from thornwall.model.fact import Known
from thornwall.model.pam import SECOND_FACTORS
from thornwall.plan import sshd
from thornwall.plan.fix import Hold, Interlock, Situation
from thornwall.plan.interlocks import becoming_root
from thornwall.plan.ways_in import accounts_of, admins, came_over_ssh, is_root, password

_PROVE = (
    "Put your key on the device ('ssh-copy-id ACCOUNT@HOST'), and run thornwall again with it: it logs in with the key"
    " alone and sees that it works."
)

_AT_HAND = (
    "Name the private half of a key that is in .ssh/authorized_keys of your account there (--identity FILE): it signs "
    "a challenge. If there is none yet, put your public key there first."
)


def password_login_off(situation: Situation, wish: Wish) -> Hold | None:
    """Passwords go only once a key has just logged in on a connection of its own."""
    said = dict(sshd.would_set(wish))
    off = [name for name in ("passwordauthentication", "kbdinteractiveauthentication") if said.get(name) == "no"]
    if "kbdinteractiveauthentication" in off and _conversation_demanded(situation):
        return Hold(
            "password-login-off",
            "AuthenticationMethods demands keyboard-interactive: without it nobody gets in.",
            "Change AuthenticationMethods first.",
        )
    if not off or situation.way_in.key_proved:
        return None
    over_ssh = came_over_ssh(situation)
    if situation.way_in.kind == "offline":
        why = "No key at hand opens an account there that becomes root: nobody might get in over SSH any more."
        return Hold("password-login-off", why, _AT_HAND, accept=True)
    if not over_ssh and admins(situation, by_key=True):
        why = "Keys are on the device, but none has just logged in over SSH, so that nobody knows whether they work."
    else:
        why = "No key has just logged in: with passwords off, nobody might get in over SSH any more."
    return Hold("password-login-off", why, _PROVE, accept=not over_ssh)


def _conversation_demanded(situation: Situation) -> bool:
    found = sshd.server(situation)
    methods = found.setting("authenticationmethods") if found else None
    return methods is not None and "keyboard-interactive" in methods.value


def root_login_off(situation: Situation, wish: Wish) -> Hold | None:
    """Root's login goes only once another account gets in and becomes root."""
    if dict(sshd.would_set(wish)).get("permitrootlogin") not in {"no", "forced-commands-only"}:
        return None
    prepare = (
        "Give an account of your own a key and sudo ('sudo adduser NAME sudo'), log in with it, and run thornwall as"
        " that account."
    )
    if is_root(situation):
        return Hold("root-login-off", "This very connection is a login of root.", prepare)
    if situation.way_in.kind == "ssh" and situation.way_in.user and situation.capture.root:
        return None  # it has just become root by sudo
    if admins(situation):
        return None
    return Hold(
        "root-login-off",
        "No other account is known that can log in and become root.",
        prepare,
        accept=not came_over_ssh(situation),
    )


def use_pam_no(situation: Situation, wish: Wish) -> Hold | None:
    """Without PAM sshd refuses an account whose hash begins with `!` even with a key, and asks for no code."""
    if dict(sshd.would_set(wish)).get("usepam") != "no":
        return None
    match situation.facts.pam:
        case Known(pam) if not any(line.name in SECOND_FACTORS for line in pam.stack("sshd", "auth")):
            pass
        case Known():
            return Hold("use-pam-no", "PAM asks sshd's logins for a second factor.", "Keep UsePAM yes.")
        case _:
            return Hold("use-pam-no", "What PAM asks for could not be read.", "Run thornwall as root.")
    accounts = accounts_of(situation)
    users = {account.name for account in accounts.accounts if accounts.keys_of(account.name)} if accounts else set()
    users |= {situation.way_in.user} - {""}
    shut = sorted(name for name in users if not _has_hash(situation, name))
    if not shut and accounts is not None:
        return None
    names = ", ".join(shut) or "which accounts there are"
    return Hold(
        "use-pam-no",
        f"Without PAM, sshd refuses accounts without a password that works, also with a key: {names}.",
        "Give them a password first, or keep UsePAM yes: with both password methods off it lets no password in.",
    )


def _has_hash(situation: Situation, name: str) -> bool:
    match password(situation, name):
        case Known(Password(accepted=True, method=method)):
            return method != "empty"
        case _:
            return False


_LISTS = ("allowusers", "allowgroups", "denyusers", "denygroups")


def allow_users(situation: Situation, wish: Wish) -> Hold | None:
    """Who may log in is named only with the account that is connected in it; else with somebody who becomes root."""
    said = {name: value.split() for name, value in sshd.would_set(wish) if name in _LISTS}
    if not said:
        return None
    accounts = accounts_of(situation) or Accounts(())
    user = situation.way_in.user if situation.way_in.kind == "ssh" else ""
    named = [user] if user else [account.name for account in admins(situation)]
    if any(_let_in(accounts, name, said) for name in named):
        return None
    who = f"{user}, who is connected," if user else "Nobody who can become root"
    return Hold(
        "allow-users",
        f"{who} would not be among those who may log in." if user else f"{who} would be among those who may log in.",
        f"Add {user or 'your account'} to the list first.",
        accept=not came_over_ssh(situation),
    )


def _let_in(accounts: Accounts, name: str, said: dict[str, list[str]]) -> bool:
    groups = accounts.groups_of.get(name, frozenset())
    if _matches(said.get("denyusers", ()), [name]) or _matches(said.get("denygroups", ()), groups):
        return False
    users, allowed = said.get("allowusers"), said.get("allowgroups")
    return (users is None or _matches(users, [name])) and (allowed is None or _matches(allowed, groups))


def _matches(patterns: Iterable[str], names: Iterable[str]) -> bool:
    """As sshd matches lists; `user@host` counts for nobody, since where a login comes from may change."""
    known = list(names)
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns for name in known)


def ssh_port(situation: Situation, wish: Wish) -> Hold | None:
    """sshd moves to another port only where the firewall lets it in, and SELinux has no say."""
    ports = [value for name, value in sshd.would_set(wish) if name == "port"]
    if not ports or not came_over_ssh(situation):
        return None
    families = ("ip6",) if ":" in situation.way_in.address else ("ip",)
    for port in ports:
        if not port.isdecimal() or not _let_through(situation, families, int(port)):
            return Hold(
                "ssh-port",
                f"The firewall is not known to let in port {port}.",
                f"Open it first ('sudo ufw allow {port}/tcp'), and keep the old port until a login by the new one has"
                " worked.",
            )
        if situation.capture.files.get("/etc/selinux/config") is not None:
            return Hold(
                "ssh-port",
                f"SELinux may keep sshd from port {port}.",
                f"Tell it first: 'sudo semanage port -a -t ssh_port_t -p tcp {port}'.",
            )
    return None


def _let_through(situation: Situation, families: Iterable[str], port: int) -> bool:
    match situation.facts.firewall:
        case Known(firewall):
            return all(firewall.lets_in(family, "tcp", port) == Known(value=True) for family in families)
        case _:
            return False


def authorized_keys(_: Situation, wish: Wish) -> Hold | None:
    """Lists of keys are added to, never replaced."""
    match wish:
        case OwnLine(path=path) | WriteFile(path=path) | RemoveFile(path=path):
            pass
        case EditLine(path=path, number=number) if number:
            pass
        case _:
            return None
    if not posixpath.basename(path).startswith("authorized_keys"):
        return None
    return Hold("authorized-keys", f"{path} would be replaced.", "Change it by hand: a key in it may be somebody's.")


INTERLOCKS: tuple[Interlock, ...] = (
    password_login_off,
    root_login_off,
    use_pam_no,
    allow_users,
    ssh_port,
    authorized_keys,
    *becoming_root.INTERLOCKS,
)
