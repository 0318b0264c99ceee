"""What changes on a host, as data: what a fix asks for (`Wish`), and what is done in the end (`Operation`).

A fix yields wishes. The planner merges those of all fixes, so that each file is written once, and makes operations of
them: exact bytes, with what it expects to find before. An operation is what is shown, done on the device, and undone.
Paths are absolute, of the characters `A-Za-z0-9_./@:+,%~=-` alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TypeAlias


class Purpose(IntEnum):
    """What a step is for: the groups of a plan, in the order in which they are done. Ways in come last."""

    PACKAGES = 0  # before the transaction, under a record of its own
    PERMISSIONS = 1
    KERNEL = 2
    LOGS = 3
    UPDATES = 4
    SERVERS = 5  # settings of web servers, brokers, databases
    SERVICES = 6  # what no longer runs
    REMOVALS = 7  # packages of it; done with the other packages
    RADIOS = 8
    BOOT = 9
    SCHEDULE = 10
    ACCOUNTS = 11
    FIREWALL = 12
    PAM = 13
    SUDO = 14
    SSH = 15
    FIRST_START = 16  # of a system at rest: the job that does what has to run for that

    @property
    def packages(self) -> bool:
        """Whether it is package work, under a record of its own."""
        return self in {Purpose.PACKAGES, Purpose.REMOVALS}

    @property
    def way_in(self) -> bool:
        """Whether a mistake in it can lock the owner out."""
        return Purpose.ACCOUNTS <= self <= Purpose.SSH


# What a fix asks for


@dataclass(frozen=True, slots=True)
class OwnLine:
    """A line of a drop-in file that is ours alone, such as /etc/ssh/sshd_config.d/00-thornwall.conf.

    `key` names it within the file (and `section`, for files like journald.conf): a line of the same key is replaced.
    Two fixes that want different lines for one key are a fault of the planner's own.
    """

    path: str
    key: str
    line: str
    section: str = ""
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class EditLine:
    """One line of somebody else's file. `number` counts from 1; 0 appends at the end (then `old` is empty).

    `old` is the line as it stands, without its end: the planner checks it. `new` None takes the line out; it may hold
    several lines.
    """

    path: str
    number: int
    old: str
    new: str | None


@dataclass(frozen=True, slots=True)
class EditWords:
    """Words of a file that is one line (cmdline.txt): those to take out, and those to add at its end."""

    path: str
    remove: tuple[str, ...] = ()
    add: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WriteFile:
    """A whole file of ours that is not made of lines with keys."""

    path: str
    content: bytes
    mode: int = 0o644
    user: str = "root"
    group: str = "root"


@dataclass(frozen=True, slots=True)
class RemoveFile:
    """A file or a symbolic link that goes."""

    path: str


@dataclass(frozen=True, slots=True)
class SetMode:
    """Mode or owner of a file or folder that is there. None, empty: as it is.

    `clear`, `set`: bits to take and to give, for where the mode itself does not matter (`mode` is then None). `owner`:
    the account in whose home it lies: the device then acts as that account, so that no link of its making is followed
    with root's rights.
    """

    path: str
    mode: int | None = None
    clear: int = 0
    set: int = 0
    user: str = ""
    group: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class UnitsOff:
    """Units that stop, and that nothing starts again: masked where they are a package's, unlinked where they are not.

    Name sockets, paths and timers that would start a service together with it. Those that the host has not are left
    out by the planner.
    """

    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnitsOn:
    """Units that are enabled and started; unmasked first."""

    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sysctl:
    """A kernel setting, now and at every boot. `key` with dots; `value` as /proc/sys shows it.

    `pattern`: what stands in the file in place of the key, where it is that of one interface of many: with a `*`.
    """

    key: str
    value: str
    pattern: str = ""


class AccountField(StrEnum):
    """What of an account is set."""

    LOCK = "lock"  # the password: no value. Keys go on working
    PASSWORD = "password"  # noqa: S105 - no value: it comes from Answers.passwords, and never stands in a plan
    EXPIRE_NOW = "expire-now"  # the account: `chage -E 0`
    SHELL = "shell"
    MAX_DAYS = "max-days"
    MIN_DAYS = "min-days"
    WARN_DAYS = "warn-days"
    INACTIVE_DAYS = "inactive-days"
    LEAVE_GROUP = "leave-group"


@dataclass(frozen=True, slots=True)
class Account:
    """One field of an account (field operations, never diffs: shadow is not read out)."""

    user: str
    field: AccountField
    value: str = ""


@dataclass(frozen=True, slots=True)
class Packages:
    """Packages to install, to remove, or (`upgrade`) everything that has an update. Done first, before the transaction.

    What is removed leaves its settings, and is kept on the device, so that undo puts it back. `off`: services that
    might shut somebody out if a boot started them under the package's own settings: they wait for the transaction.
    `waiting`: those that have an update by the lists that the host has now; newer lists may name more.
    """

    install: tuple[str, ...] = ()
    upgrade: bool = False
    refresh: bool = False  # the lists alone
    remove: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Firewall:
    """What the firewall is to do, whichever tool it is: the planner makes commands of ufw or firewalld of it.

    `enable`: it runs now and at boot, refuses what comes in and lets out what goes out, over IPv4 and IPv6. `allow`:
    ports that stay reachable (`22/tcp`). `limit`: those whose connections are counted. `log`: what it refuses.
    """

    enable: bool = False
    allow: tuple[str, ...] = ()
    limit: tuple[str, ...] = ()
    log: bool = False
    ipv6: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that knows how to change files of its own (pam-auth-update, ufw): argument lists, run in order.

    `keeps`: files and folders that it may write, kept before and given back byte for byte by undo. `undo_before`,
    `undo_after`: what undo runs before and after it gives them back. `needs`: the program must be there.
    """

    name: str
    run: tuple[tuple[str, ...], ...]
    keeps: tuple[str, ...]
    undo_before: tuple[tuple[str, ...], ...] = ()
    undo_after: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Activate:
    """A unit that must read its files again. `reload` falls back to a restart where the unit knows no reload."""

    unit: str
    how: str = "reload"  # or `restart`


Wish: TypeAlias = (
    OwnLine
    | EditLine
    | EditWords
    | WriteFile
    | RemoveFile
    | SetMode
    | UnitsOff
    | UnitsOn
    | Sysctl
    | Account
    | Packages
    | Firewall
    | Tool
    | Activate
)


# What is done in the end

ABSENT = "absent"


def sha256(content: bytes) -> str:
    """As sha256sum prints it."""
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True, slots=True)
class PutFile:
    """A file with exactly these bytes. `expect`: sha256 of what is there before, `absent`, or a link as `link:TARGET`.

    `before`: the bytes that were there, for the diff; None where there was nothing, or what was there may not be shown.
    `keep_meta`: mode and owner stay as they were (a file that was there).
    """

    path: str
    content: bytes
    expect: str
    mode: int = 0o644
    user: str = "root"
    group: str = "root"
    before: bytes | None = None
    keep_meta: bool = False


@dataclass(frozen=True, slots=True)
class DropFile:
    """A file or link that is no more. `expect` as in PutFile, never `absent`."""

    path: str
    expect: str
    before: bytes | None = None


@dataclass(frozen=True, slots=True)
class PutLink:
    """A symbolic link. `expect` as in PutFile."""

    path: str
    target: str
    expect: str = ABSENT


@dataclass(frozen=True, slots=True)
class Chmod:
    """Mode and owner of what is there; what is None or empty stays. `was`: as `ls -ld` would say it, for people.

    `mode` is the whole mode (07777). `expect_mode`, -1: not known; the device refuses where it finds another.
    """

    path: str
    mode: int | None = None
    user: str = ""
    group: str = ""
    owner: str = ""
    expect_mode: int = -1
    was: str = ""


@dataclass(frozen=True, slots=True)
class UnitDo:
    """`stop`, `start`, `restart`, `reload`, `enable`, `unmask` units, in this order. Undo gives back what was.

    `renew`: a restart for a program that was updated, which no undo heals: what does not start again is told.
    """

    action: str
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SysctlDo:
    """Set a kernel setting now. `before`: empty where not known."""

    key: str
    value: str
    before: str = ""


@dataclass(frozen=True, slots=True)
class AccountDo:
    """A field of an account. `known_default`: the password it had was a known default or empty: undo leaves it out."""

    user: str
    field: AccountField
    value: str = ""
    known_default: bool = False


Operation: TypeAlias = PutFile | DropFile | PutLink | Chmod | UnitDo | SysctlDo | AccountDo | Tool | Packages
