"""PAM: how the host asks who somebody is, and what it does with the answer."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import field

from thornwall.model.fact import ABSENT, Fact, Unknown
from thornwall.model.record import record

SECOND_FACTORS = frozenset(
    {
        *(
            "pam_google_authenticator",
            "pam_oath",
            "pam_u2f",
            "pam_yubico",
            "pam_duo",
            "pam_radius_auth",
            "pam_privacyidea",
        ),
        *("pam_totp", "pam_fido2", "pam_pkcs11", "pam_p11", "pam_otpw"),
    }
)
"""Modules that ask for something other than the account's password."""


@record
class PamLine:
    """One line of pam.d(5). `kind`: auth, account, password or session; `silent`: a `-` in front, so that a module

    that is not there does no harm. `control`: one word, or `[value=action …]`. `module`: as written, with its path.
    """

    kind: str
    control: str
    module: str
    args: tuple[str, ...]
    file: str
    line: int
    silent: bool = False

    @property
    def name(self) -> str:
        """The module without path and `.so`."""
        return self.module.rpartition("/")[2].removesuffix(".so")

    @property
    def binding(self) -> bool:
        """Whether the stack fails when the module does."""
        if self.control.startswith("["):
            words = self.control.strip("[]").split()
            return any(word in {"default=die", "default=bad", "auth_err=die", "auth_err=bad"} for word in words)
        return self.control in {"required", "requisite"}

    @property
    def text(self) -> str:
        """The line, blanks made single."""
        return " ".join(("-" * self.silent + self.kind, self.control, self.module, *self.args))

    def argument(self, name: str) -> str | None:
        """The value of `name=value`, '' of a bare `name`, None where it is not given; the last one counts."""
        for arg in reversed(self.args):
            key, _, value = arg.partition("=")
            if key == name:
                return value
        return None


@record
class Include:
    """`@include file`, or `kind include|substack file` (then `kind` says which lines of it)."""

    target: str
    kind: str = ""


@record
class Conf:
    """One setting of a file in /etc/security; a bare word has the value ''."""

    value: str
    file: str
    line: int


@record
class Pam:
    """The services of /etc/pam.d and the configuration of modules.

    `services`: file name to its lines. `unread`: files that could not be read. `modules`: the names (`pam_unix.so`) and
    paths of the modules that are installed. `faillock`, `pwquality`, `access`: settings of /etc/security, empty where
    there is no such file.
    """

    services: Mapping[str, tuple[PamLine | Include, ...]]
    unread: Mapping[str, Unknown] = field(default_factory=dict)
    modules: Fact[frozenset[str]] = ABSENT
    faillock: Mapping[str, Conf] = field(default_factory=dict)
    pwquality: Mapping[str, Conf] = field(default_factory=dict)

    def stack(self, service: str, kind: str) -> tuple[PamLine, ...]:
        """The lines of one kind that a service runs through, includes followed; that of `other` where it has none."""
        name = service if service in self.services else "other"
        return tuple(self._stack(name, kind, 0))

    def _stack(self, service: str, kind: str, depth: int) -> Iterator[PamLine]:
        for entry in self.services.get(service, ()):
            if isinstance(entry, PamLine):
                if entry.kind == kind:
                    yield entry
            elif entry.kind in {"", kind} and depth < 8:
                yield from self._stack(entry.target, kind, depth + 1)

    def lacks_dictionary(self, line: PamLine, installed: Container[str]) -> bool:
        """Whether Debian's pam_pwquality looks for a dictionary that is not there, and so refuses every new password.

        `installed`: the names of packages.
        """
        if line.name != "pam_pwquality" or self._told(line, "dictcheck") == "0" or self._told(line, "dictpath"):
            return False
        return "libpam-pwquality" in installed and "cracklib-runtime" not in installed

    def _told(self, line: PamLine, name: str) -> str:
        conf = self.pwquality.get(name)
        return line.argument(name) or (conf.value if conf else "")

    def gap(self, service: str) -> Unknown | None:
        """The first file that a service runs through and that could not be read."""
        return self._gap(service, 0)

    def _gap(self, service: str, depth: int) -> Unknown | None:
        if service in self.unread:
            return self.unread[service]
        for entry in self.services.get(service, ()):
            if isinstance(entry, Include) and depth < 8 and (found := self._gap(entry.target, depth + 1)):
                return found
        return None
