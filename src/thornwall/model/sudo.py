"""sudoers(5) and doas.conf(5): who may run what as whom, and what is asked first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from thornwall.model.fact import ABSENT, Fact, Known, Unknown
from thornwall.model.record import record

SHELLS = re.compile(r"/(?:usr/)?(?:local/)?s?bin/(?:ba|da|z|fi|k|mk|c|tc)?sh")
"""Commands that give whoever may run them every other command."""


@record
class Place:
    """A line of a file, and what stands there (its first line, where it is continued)."""

    file: str
    line: int
    text: str


@record
class Default:
    """One parameter of a Defaults line.

    `scope`: '' for all, else `:` user, `@` host, `>` run-as user, `!` command, with `names` what it is limited to.
    `on`: False for `!name`. `operator`: '', `=`, `+=` or `-=`. `value`: unquoted.
    """

    name: str
    place: Place
    value: str = ""
    on: bool = True
    operator: str = ""
    scope: str = ""
    names: tuple[str, ...] = ()


@record
class Grant:
    """One command specification as it holds for one account on this host, in the order of the files.

    `command`: `ALL`, a path with arguments, `sudoedit …`, `list`, aliases resolved; `negated`: `!command`. `users`: as
    whom, aliases resolved (`root` where nothing is said); `as_root`: whether root is among them. `nopasswd`: True or
    False by a tag, None where no tag says and the Defaults decide. `who`: the user list as written. `maybe`: it depends
    on a netgroup or an address, which the files do not decide.
    """

    command: str
    place: Place
    who: str
    users: tuple[str, ...] = ("root",)
    as_root: bool = True
    nopasswd: bool | None = None
    negated: bool = False
    maybe: bool = False

    @property
    def everything(self) -> bool:
        """Whether it gives every command as root: by `ALL`, or by a shell."""
        return self.as_root and not self.negated and (self.command == "ALL" or bool(SHELLS.fullmatch(self.command)))


@record
class DoasRule:
    """A line of doas.conf(5). `identity`: a name, or `:group`; `target` '' is anyone, `command` '' is all."""

    permit: bool
    identity: str
    place: Place
    nopass: bool = False
    persist: bool = False
    target: str = ""
    command: str = ""


@record
class OwnListing:
    """What `sudo -n -l` said to the account that reads the host. `nopasswd`: (run-as, command) of each such entry."""

    account: str
    nopasswd: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Policy:
    """What the sudoers files say together.

    `grants`: by account, every specification that matches it on this host, in order: the last one that matches a
    command decides. `files`: those that were read, in order, and their modes. `skipped`: files of an includedir that
    sudo does not read. `unread`: files that are included and could not be read: they may grant more. `bad`: lines that
    are none, which sudo skips with a warning. `strangers`: where accounts come from a directory too, who
    is let off the password (`%` in front of a group), and is none of this host's own files.
    """

    grants: Mapping[str, tuple[Grant, ...]]
    defaults: tuple[Default, ...] = ()
    files: tuple[SudoersFile, ...] = ()
    skipped: tuple[str, ...] = ()
    unread: Mapping[str, Unknown] = field(default_factory=dict)
    bad: tuple[Place, ...] = ()
    strangers: Mapping[str, Place] = field(default_factory=dict)

    def effective(self, account: str) -> Iterator[Grant]:
        """The grants of an account that no later one takes back, changes or repeats."""
        grants = self.grants.get(account, ())
        for number, grant in enumerate(grants):
            if not grant.negated and not any(_covers(later, grant) for later in grants[number + 1 :]):
                yield grant

    def defaults_of(self, name: str) -> tuple[Default, ...]:
        """Every setting of one parameter, in order: the last one whose scope matches holds."""
        return tuple(default for default in self.defaults if default.name == name)


@record
class SudoersFile:
    """A sudoers file that is read. Modes are -1 where not told."""

    path: str
    mode: int = -1
    uid: int = -1
    gid: int = -1


@record
class Sudo:
    """sudo and doas. `policy` is Absent where sudo is not installed, Unknown for who may not read it.

    `own`: what sudo told the reading account itself, Absent where it was not asked or said nothing.
    """

    policy: Fact[Policy]
    doas: Fact[tuple[DoasRule, ...]] = ABSENT
    own: Fact[OwnListing] = ABSENT

    def becomes_root(self, account: str) -> bool:
        """Whether sudo lets the account run everything as root, as far as the files could be read."""
        return isinstance(self.policy, Known) and any(
            grant.everything and not grant.maybe for grant in self.policy.value.effective(account)
        )


def _covers(later: Grant, grant: Grant) -> bool:
    """Whether `later` decides every command that `grant` is about."""
    runas = set(grant.users) <= set(later.users) or "ALL" in later.users
    return not later.maybe and runas and later.command in {"ALL", grant.command}
