"""The answers of one connection: is this the right host, and who are we."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeVar, cast

import asyncssh
from asyncssh.public_key import get_default_certificate_algs, get_default_public_key_algs

from thornwall.errors import AuthenticationError, HostKeyError, ThornwallError
from thornwall.model.secret import Secret
from thornwall.transport import known_hosts
from thornwall.transport.base import Asker
from thornwall.transport.ssh_keys import KeyRing
from thornwall.transport.ssh_settings import Settings
from thornwall.transport.text import printable

T = TypeVar("T")

_TRIES = 3  # passwords and rounds of keyboard-interactive together: sshd closes after six of anything
_MAX_PROMPTS = 10


class Client(asyncssh.SSHClient):
    """Callbacks of asyncssh. `stage`: how far it got; `verdict`: the error that explains why it got no further."""

    def __init__(self, settings: Settings, asker: Asker, *, accept_new: bool, extend: Callable[[], None]) -> None:
        self.settings = settings
        self.stage = "connect"
        self.verdict: ThornwallError | None = None
        self.offered: list[str] = []
        self.tried: list[str] = []
        self.ring = KeyRing(settings, self._ask_passphrase)
        self.trust = known_hosts.look_up(settings.known_hosts, settings.known_as, settings.port)
        self._asker = asker
        self._accept_new = accept_new
        self._extend = extend
        self._conn: asyncssh.SSHClientConnection | None = None
        self._asked = 0
        self._rounds = 0
        self._silent = False  # nobody answers the questions of keyboard-interactive
        self._keys_given = False

    # which host is it

    @cached_property
    def trusted(self) -> tuple[list[asyncssh.SSHKey], list[asyncssh.SSHKey], list[asyncssh.SSHKey]]:
        """Host keys, authorities and revoked keys, as asyncssh takes them."""
        trust = self.trust
        return _keys(trust.keys + trust.elsewhere), _keys(trust.authorities), _keys(trust.revoked)

    def host_key_algorithms(self) -> list[str]:
        """What to negotiate: first the kinds of key that are known, so that a host is not taken for another."""
        keys, authorities, _ = self.trusted
        known = [algorithm for key in keys for algorithm in key.sig_algorithms]
        # as ssh(1) prefers them: it is the ed25519 key whose fingerprint people know
        every = sorted(get_default_public_key_algs(), key=lambda name: (b"ed25519" not in name, b"ecdsa" not in name))
        certified = get_default_certificate_algs() if authorities else []
        return [algorithm.decode() for algorithm in dict.fromkeys([*certified, *known, *every])]

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        """TCP is up."""
        self._conn = conn
        self.stage = "handshake"

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        """Called for a key that is not among the trusted ones."""
        try:
            if self.trust.keys:
                raise self.changed(f"is {key.get_algorithm()} {key.get_fingerprint()}")
            self._accept(key)
        except ThornwallError as error:
            self.verdict = error
            return False
        return True

    def changed(self, how: str) -> HostKeyError:
        """The error for a host that is known by other keys."""
        name = known_hosts.name_of(self.settings.known_as, self.settings.port)
        places = ", ".join(str(key) for key in self.trust.keys)
        files = dict.fromkeys(key.file for key in self.trust.keys)
        remove = "; ".join(f"ssh-keygen -f {file} -R '{name}'" for file in files)
        return HostKeyError(
            f"the host key of {self.settings.who} has CHANGED: it {how}, which is not what is known at {places}. "
            "Somebody may be between you and the host; nothing was sent",
            hint=f"if you know why (a new installation, a new SD card), remove the old key: {remove}",
        )

    def _accept(self, key: asyncssh.SSHKey) -> None:
        settings = self.settings
        fingerprint, algorithm = key.get_fingerprint(), key.get_algorithm()
        unknown = f"the host key of {settings.who} is not known: {algorithm} {fingerprint}"
        compare = "compare it on the host itself: `for f in /etc/ssh/ssh_host_*.pub; do ssh-keygen -lf $f; done`"
        strict = "accept-new" if self._accept_new else settings.strict
        if strict == "yes":
            raise HostKeyError(f"{unknown}, and StrictHostKeyChecking is on", hint=f"{compare}; then use --accept-new")
        if strict == "ask":
            answer = self._ask(lambda: self._asker.host_key(settings.who, algorithm, fingerprint))
            if answer is None:
                raise HostKeyError(
                    unknown, hint=f"{compare}; then run this in a terminal to accept it, or use --accept-new"
                )
            if not answer:
                raise HostKeyError(f"{unknown}; it was not accepted", hint=compare)
        self._remember(key)

    def _remember(self, key: asyncssh.SSHKey) -> None:
        settings = self.settings
        line = " ".join(key.export_public_key("openssh").decode().split()[:2])
        for file in settings.user_known_hosts[:1]:
            if file == Path("/dev/null"):
                return
            try:
                known_hosts.add(file, settings.known_as, settings.port, line, hashed=settings.hash_known_hosts)
            except OSError as error:
                raise HostKeyError(f"the host key cannot be added to {file}: {error.strerror}") from error

    # who are we

    def begin_auth(self, username: str) -> None:  # noqa: ARG002
        """The host is the right one."""
        self.stage = "login"
        self._extend()

    def auth_completed(self) -> None:
        """We are in."""
        self.stage = "in"

    async def public_key_auth_requested(self) -> list[asyncssh.SSHKeyPair] | None:
        """All keys at once, and nothing when they have been refused."""
        self._note("")
        if self._keys_given:
            return None
        self._keys_given = True
        pairs = await self.ring.pairs()
        if pairs:
            self._note(f"publickey ({len(pairs)})")
        return pairs or None

    def password_auth_requested(self) -> str | None:
        """Up to three passwords."""
        self._note("")
        if self._asked >= _TRIES:
            return None
        again = "sorry, try again: " if self._asked else ""
        secret = self._ask(lambda: self._asker.password(f"{again}password of {self.settings.who}"))
        self._asked += 1
        if secret is None:
            return None
        self._note("password")
        return secret.reveal()

    def password_change_requested(self, prompt: str, lang: str) -> tuple[str, str]:  # noqa: ARG002
        """An expired password is not changed here: the person should know about it."""
        who = self.settings.who
        self.verdict = AuthenticationError(
            f"the password of {who} has expired: {printable(prompt)}", hint=f"change it with `ssh {who}`"
        )
        return cast("tuple[str, str]", NotImplemented)

    def kbdint_auth_requested(self) -> str | None:
        """Up to three rounds."""
        self._note("")
        if self._asked >= _TRIES or self._silent:
            return None
        self._rounds = 0
        return ""

    def kbdint_challenge_received(
        self,
        name: str,
        instructions: str,
        lang: str,  # noqa: ARG002
        prompts: Sequence[tuple[str, bool]],
    ) -> list[str] | None:
        """The questions of the host, such as a one-time code."""
        self._extend()
        self._rounds += 1
        if len(prompts) > _MAX_PROMPTS or self._rounds > _MAX_PROMPTS:
            return None
        if not prompts:
            self._rounds -= 1
            return []
        shown = [(printable(prompt), echo) for prompt, echo in prompts]
        title = f"{self.settings.who}: {printable(name)}".removesuffix(": ")
        answers = self._ask(lambda: self._asker.keyboard_interactive(title, printable(instructions), shown))
        if answers is None:
            self._silent = True
            return None
        if self._rounds == 1:
            self._asked += 1
        self._note("keyboard-interactive")
        return [answer.reveal() for answer in answers]

    def _ask_passphrase(self, path: str) -> Secret | None:
        return self._ask(lambda: self._asker.password(f"passphrase of {path}"))

    def _ask(self, question: Callable[[], T]) -> T:
        # the time that a person takes is free
        answer = question()
        self._extend()
        return answer

    def _note(self, tried: str) -> None:
        self._extend()
        methods = self._conn.get_server_auth_methods() if self._conn else ()
        self.offered.extend(method for method in methods if method not in self.offered)
        if tried:
            # the last one is what completes the login
            self.tried = [*(each for each in self.tried if each != tried), tried]


class Patience:
    """A time limit for the next step: every step that the host takes, and every answer of the person, renews it."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._timeout: asyncio.Timeout | None = None

    def start(self) -> asyncio.Timeout:
        """The context in which it runs."""
        self._timeout = asyncio.timeout(self.seconds)
        return self._timeout

    def extend(self) -> None:
        """Renew it."""
        with contextlib.suppress(RuntimeError):  # it has run out, or has not begun
            if self._timeout is not None:
                self._timeout.reschedule(asyncio.get_running_loop().time() + self.seconds)


def _keys(known: Sequence[known_hosts.KnownKey]) -> list[asyncssh.SSHKey]:
    keys = []
    for entry in known:
        with contextlib.suppress(asyncssh.KeyImportError, ValueError):
            keys.append(asyncssh.import_public_key(entry.key))
    return keys
