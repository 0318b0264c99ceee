"""The accounts of the host, and how each can be entered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from thornwall.model.fact import ABSENT, Fact, Known, Unknown
from thornwall.model.record import record

NO_LOGIN = frozenset({"nologin", "false", "true", "sync", "shutdown", "halt", "git-shell"})
"""Last parts of shells that give nobody a command line."""

WEAK_HASHES = frozenset({"descrypt", "bigcrypt", "bsdicrypt", "md5crypt", "sunmd5", "sha1crypt", "nt", "bcrypt-x"})
"""Methods of crypt(5) that its authors advise against: a stolen hash is tried millions of times a second, or broken."""


@record
class Password:
    """The password field of shadow(5), as far as it leaves the device, and the ageing fields.

    `method`: as in crypt(5) (`yescrypt`, `sha512crypt`, `md5crypt`…), `empty`, `unknown`, or '' where there is no hash.
    `locked`: a `!` or `*` stands in front, so that no password is accepted. Days count from 1970-01-01; None: not set.
    """

    method: str
    locked: bool
    line: int
    file: str = "/etc/shadow"
    changed: int | None = None  # 0: must be changed at the next login
    min_days: int | None = None
    max_days: int | None = None
    warn_days: int | None = None
    inactive_days: int | None = None
    expires: int | None = None

    @property
    def accepted(self) -> bool:
        """Whether there is a password, even the empty one, that opens the account."""
        return not self.locked and self.method not in {"", "unknown"}

    @property
    def word(self) -> str:
        """As the device said it: `yescrypt`, `locked`, `locked:yescrypt`, `empty`."""
        return ":".join(filter(None, ("locked" if self.locked else "", self.method)))


@record
class Trial:
    """What came of trying known passwords on one account.

    `outcome`: `match`, `none` (all were tried), `partial` (the time ran out), `unsupported` (the host's crypt does not
    know the method). `kind` of a match: `default`, `name`, `document`. `tried` of `total` candidates.
    """

    outcome: str
    tried: int
    total: int
    kind: str = ""


@record
class Account:
    """A line of passwd(5). `field`: `x`, or what else stands in the password field, by its method (`empty`…)."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    line: int
    field: str = "x"
    gecos: str = ""

    @property
    def has_shell(self) -> bool:
        """Whether logging in gives a command line; an empty shell means /bin/sh."""
        return self.shell.rpartition("/")[2] not in NO_LOGIN


@record
class Group:
    """A line of group(5)."""

    name: str
    gid: int
    members: tuple[str, ...]
    line: int


@record
class Value:
    """A setting of login.defs(5), and where it stands."""

    value: str
    line: int
    file: str = "/etc/login.defs"


@record
class AuthorizedKey:
    """A line of authorized_keys that sshd would take.

    `kind`: `ssh-ed25519`, `ssh-rsa`…; `bits`: the size of an RSA or DSA modulus, else 0; `fingerprint`: as
    `ssh-keygen -l` prints it; `options` in lower case, values of most of them masked (`command="<redacted>"`).
    """

    kind: str
    fingerprint: str
    line: int
    bits: int = 0
    comment: str = ""
    options: tuple[str, ...] = ()

    @property
    def free(self) -> bool:
        """Whether it opens a shell to whoever has it, from anywhere, for as long as it stands there."""
        narrow = {"command", "from", "expiry-time", "cert-authority"}
        return not any(option.partition("=")[0] in narrow for option in self.options)

    @property
    def touch_and_pin(self) -> bool:
        """A FIDO key that must be unlocked by its owner's PIN or finger at each login: two factors in one."""
        return self.kind.startswith("sk-") and "verify-required" in self.options


@record
class KeyFile:
    """One authorized_keys file. `account`: whose it is, '' if no account has that home. Modes are -1 where not told."""

    path: str
    account: str
    keys: tuple[AuthorizedKey, ...]
    mode: int = -1
    uid: int = -1
    gid: int = -1


@dataclass(frozen=True)
class Accounts:
    """Local accounts. `shadow` and `trials` are by account name; `unread_keys`: key files that could not be read.

    `malformed`: line numbers of passwd(5) lines that are none, with their file.
    """

    accounts: tuple[Account, ...]
    groups: tuple[Group, ...] = ()
    shadow: Fact[Mapping[str, Password]] = ABSENT
    trials: Fact[Mapping[str, Trial]] = ABSENT
    key_files: tuple[KeyFile, ...] = ()
    unread_keys: Mapping[str, Unknown] = field(default_factory=dict)
    login_defs: Fact[Mapping[str, Value]] = ABSENT
    malformed: tuple[tuple[str, int], ...] = ()

    @cached_property
    def by_name(self) -> Mapping[str, Account]:
        """The first account of each name: the one that is used."""
        return {account.name: account for account in reversed(self.accounts)}

    @cached_property
    def group_by_name(self) -> Mapping[str, Group]:
        """The first group of each name."""
        return {group.name: group for group in reversed(self.groups)}

    @cached_property
    def groups_of(self) -> Mapping[str, frozenset[str]]:
        """For each account the names of its groups, the primary one included."""
        names = {group.gid: group.name for group in reversed(self.groups)}
        found: dict[str, set[str]] = {account.name: set() for account in self.accounts}
        for account in self.accounts:
            if account.gid in names:
                found[account.name].add(names[account.gid])
        for group in self.groups:
            for member in group.members:
                found.setdefault(member, set()).add(group.name)
        return {name: frozenset(groups) for name, groups in found.items()}

    @cached_property
    def first_uid(self) -> int:
        """UID_MIN of login.defs: where people's accounts begin (1000 on Debian)."""
        match self.login_defs:
            case Known(settings) if "UID_MIN" in settings and settings["UID_MIN"].value.isdecimal():
                return int(settings["UID_MIN"].value)
            case _:
                return 1000

    def is_system(self, account: Account) -> bool:
        """Neither root nor a person: below UID_MIN, or `nobody` and the dynamic users of systemd."""
        return account.uid != 0 and not self.first_uid <= account.uid <= 60_000

    def people(self) -> tuple[Account, ...]:
        """The accounts of people: ordinary user ids with a command line."""
        return tuple(
            account
            for account in self.accounts
            if account.uid != 0 and not self.is_system(account) and account.has_shell
        )

    def password(self, name: str) -> Fact[Password]:
        """The shadow entry of an account; Unknown where shadow could not be read."""
        match self.shadow:
            case Known(entries):
                found = entries.get(name)
                return Known(found) if found else ABSENT
            case other:
                return other

    def keys_of(self, name: str) -> tuple[AuthorizedKey, ...]:
        """The keys that open an account."""
        return tuple(key for file in self.key_files if file.account == name for key in file.keys)

    def can_log_in(self, account: Account) -> bool | None:
        """Whether a password or a key opens a command line; None where that could not be read."""
        if not account.has_shell:
            return False
        if self.keys_of(account.name):
            return True
        match self.password(account.name):
            case Known(password) if password.accepted:
                return True
            case Unknown():
                return None
            case _:
                return None if account.name in self.unread_keys else False
