"""The SSH server as it judges a login."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from dataclasses import field

from thornwall.model.fact import Fact, Known, Unknown
from thornwall.model.record import record

_ALONE = frozenset({"all", "invalid-user"})  # criteria that take no value
_ALWAYS = frozenset({("all", ""), ("user", "*"), ("host", "*"), ("address", "*")})


@record
class Setting:
    """One keyword of sshd_config(5), in lower case, and the value that holds.

    `value`: as `sshd -T` prints it where that is one word (`yes`, `no`, seconds as a plain number; PermitRootLogin
    always `prohibit-password`, never its old name), else as it stands in the file, unquoted. Empty: not set, and the
    server has no default. `file` and `line`: where it was set; both empty for OpenSSH's own default. `command`: the
    command that told the value, where files alone did not.
    """

    name: str
    value: str
    file: str = ""
    line: int = 0
    command: str = ""

    @property
    def is_default(self) -> bool:
        """Whether nobody set it."""
        return not self.file and not self.command


@record
class Match:
    """One Match block: its criteria as they stand (`User backup,admin`), its place, its settings (first wins).

    `Match all` is none: what it sets holds for every login, and is among the general settings. A block that a file is
    included in the midst of is several, in the order in which the server reads them; one within another has the
    criteria of both.
    """

    criteria: str
    file: str
    line: int
    settings: Mapping[str, Setting]

    @property
    def conditions(self) -> frozenset[tuple[str, str]]:
        """The criteria one by one, `("user", "root")`, all of which a login must meet; none where it holds for all."""
        words = iter(self.criteria.split())
        pairs = ((word.lower(), "" if word.lower() in _ALONE else next(words, "")) for word in words)
        return frozenset(pair for pair in pairs if pair not in _ALWAYS)

    def meets(self, user: str) -> bool:
        """Whether a login as `user` can meet it, by what the criterion `User` asks for."""
        return all(_listed(user, value) for word, value in self.conditions if word == "user")


def _listed(name: str, patterns: str) -> bool:
    """Whether a pattern list of ssh_config(5), with `*`, `?` and `!`, names somebody."""
    found = False
    for pattern in patterns.strip('"').split(","):
        if fnmatch.fnmatchcase(name, pattern.removeprefix("!").replace("[", "[[]")):
            if pattern.startswith("!"):
                return False
            found = True
    return found


@record
class HostKey:
    """A private host key of the server, by its metadata: nothing of its content is read.

    `kind`: `ssh-ed25519`, `ssh-rsa`, `ecdsa-sha2-nistp256`, `ssh-dss`, by the public half; empty where that is not
    there. `bits`: of an RSA or DSA modulus, else 0. `mode`, `uid`, `gid`: -1 where not told.
    """

    path: str
    kind: str = ""
    bits: int = 0
    mode: int = -1
    uid: int = -1
    gid: int = -1
    group: str = ""


@record
class SshServer:
    """The configuration of the OpenSSH server that is installed, whether it runs or not.

    `settings`: what holds for a login that no Match block is about, defaults included. `lines`: every setting outside
    Match blocks in the order in which the server reads them, so also those that come too late. `matches`: without what
    an earlier block of the same or fewer criteria has set, since it never holds. `accumulated`: the
    values of Port, ListenAddress, AllowUsers and their kin, which add up. `effective`: for an account, what
    `sshd -T -C user=…` said (lower-case keyword to value): empty where it was not run. `gap`: the first file that
    could not be read, and so may hide a setting: what it may hide is left out of `settings`.
    """

    settings: Mapping[str, Setting]
    matches: tuple[Match, ...] = ()
    lines: tuple[Setting, ...] = ()
    accumulated: Mapping[str, tuple[Setting, ...]] = field(default_factory=dict)
    effective: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    host_keys: tuple[HostKey, ...] = ()
    gap: Unknown | None = None
    version: tuple[int, int] = (0, 0)  # of the package, (9, 2); (0, 0) where not told

    def setting(self, name: str) -> Setting | None:
        """What holds outside Match blocks; None where a file that could not be read may set it.

        A keyword that is not set and has no default is a Setting with an empty value.
        """
        name = name.lower()
        found = self.settings.get(name)
        if found is None and self.gap is None:
            return Setting(name, "")
        return found

    def ask(self, name: str) -> Fact[Setting]:
        """As `setting`, with the reason where it cannot be told."""
        found = self.setting(name)
        if found is not None:
            return Known(found)
        return self.gap or Unknown("it was not read")

    def values(self, name: str) -> tuple[Setting, ...]:
        """The values of a keyword that adds up (`Port`, `AllowUsers`), in order; the default port is among them."""
        return self.accumulated.get(name.lower(), ())

    def matching(self, name: str) -> Iterator[tuple[Match, Setting]]:
        """The Match blocks that set `name`, with what each sets."""
        name = name.lower()
        for match in self.matches:
            if name in match.settings:
                yield match, match.settings[name]

    def matching_root(self, name: str) -> Iterator[tuple[Match, Setting]]:
        """As `matching`, of the blocks that decide for root: none for others, and none after one for root alone."""
        for match, setting in self.matching(name):
            if match.meets("root"):
                yield match, setting
            if match.conditions <= _ROOT:
                return

    def for_root(self, name: str) -> Fact[Setting]:
        """What holds for root: what `sshd -T` says; where it said nothing, the first block for root alone, else `ask`.

        Blocks come in the order in which the server reads them, and the first value wins.
        """
        general = self.ask(name)
        found = [setting for match, setting in self.matching(name) if match.conditions <= _ROOT]
        told = self.effective.get("root", {}).get(name.lower())
        if told is None:
            return (self.gap or Known(found[0])) if found else general
        if isinstance(general, Known):
            found.append(general.value)
        other = Setting(name.lower(), told, command="sshd -T -C user=root")
        return Known(next((setting for setting in found if setting.value == told), other))


_ROOT = frozenset({("user", "root")})
