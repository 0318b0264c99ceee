"""One run as a state machine without IO: bytes of the host in, bytes for the host and pieces of the stream out.

`local` and `ssh` carry the bytes; what is said, in which order, and when it is too much is decided here.
"""

from __future__ import annotations

import asyncio
import time
from enum import Enum, auto
from typing import Protocol

from thornwall.errors import (
    HostAnswerError,
    LinkBrokeError,
    NotRootError,
    ThornwallError,
    UnansweredError,
    UsageError,
)
from thornwall.model.secret import Secret
from thornwall.transport.base import KIB, Asker, Feed, Limits, Ran
from thornwall.transport.text import last_line, of_sudo, printable
from thornwall.transport.wire import Wire

_PIECE = 64 * KIB
_NOISE = 64 * KIB  # of a chatty login shell, before the script is ready to run
_TRIES = 3  # as sudo itself allows
# sudo asks again by itself; when it is then left alone, PAM counts that as another failure
_WRONG = "check it before you try again: after a few failures the account may be locked for a while (pam_faillock)"


class Line(Protocol):
    """The way to the host's stdin."""

    def write(self, data: bytes) -> None:
        """Send, in order."""


class _Stage(Enum):
    HELLO = auto()
    CHOOSE = auto()
    STREAM = auto()


class Exchange:
    """Feed it with `stdout`, `stderr`, and at last `ended` or `broken`; `result` is done when the run is over."""

    def __init__(self, wire: Wire, who: str, *, feed: Feed, limits: Limits, asker: Asker) -> None:
        self.wire = wire
        self.result: asyncio.Future[Ran] = asyncio.get_running_loop().create_future()
        self._who = who
        self._feed = feed
        self._limits = limits
        self._asker = asker
        self._line: Line | None = None
        self._stage = _Stage.HELLO
        self._before = bytearray()  # stdout until the script is ready
        self._prompts = bytearray()  # stderr until then
        self._tail = bytearray()
        self._bytes = {"stdout": 0, "stderr": 0}
        self._uid = -1
        self._refusal = ""
        self._tries = 0
        self._started = self._heard = time.monotonic()
        # nothing but the announcement itself has both nonces with just this between them
        self._hello = f"{wire.a} hello {wire.b}".encode()
        self._nosudo = f"{wire.a} nosudo {wire.b}".encode()
        self._ready = f"{wire.a} ready ".encode()
        self._end = f" {wire.b}".encode()
        self._prompt = f"{wire.a} password {wire.b}".encode()
        self._truncated = f"{wire.a} truncated {wire.b}".encode()

    def opened(self, line: Line) -> None:
        """The channel is open."""
        self._line = line
        self._started = self._heard = time.monotonic()

    def stdout(self, data: bytes) -> None:
        """The host printed."""
        self._guarded("stdout", data, self._take_stdout)

    def stderr(self, data: bytes) -> None:
        """The host complained, or sudo asks."""
        self._guarded("stderr", data, self._take_stderr)

    def ended(self, status: int) -> None:
        """The command has ended by itself, and everything that it printed has been given."""
        if self.result.done():
            return
        if self._stage is not _Stage.STREAM:
            self._fail(self._not_started(status))
        elif self._truncated in self._tail:
            self._fail(HostAnswerError(f"{self._who} did not take the whole script", hint="has it `head -c`?"))
        else:
            seconds = time.monotonic() - self._started
            self.result.set_result(
                Ran(status, bytes(self._tail), seconds, self._uid == 0, self._refusal, sudo_password=self._tries > 0)
            )

    def broken(self, why: str) -> None:
        """The channel broke before the command had ended."""
        received = self._bytes["stdout"]
        self._fail(
            LinkBrokeError(
                f"the connection to {self._who} broke after {received} bytes of the answer"
                + (f": {why}" if why else ""),
                hint="what had arrived was thrown away: try again",
            )
        )

    def abandon(self) -> None:
        """Nobody waits for the result any more."""
        if not self.result.cancel() and not self.result.cancelled():
            self.result.exception()

    async def finish(self) -> Ran:
        """Wait for the end, within the limits."""
        while not self.result.done():
            now = time.monotonic()
            over = self._started + self._limits.seconds
            silent = self._heard + self._limits.idle_seconds
            if now >= min(over, silent):
                self._fail(self._too_slow(total=over <= silent))
                break
            await asyncio.wait({self.result}, timeout=min(over, silent) - now)
        return self.result.result()

    def _guarded(self, stream: str, data: bytes, take: Feed) -> None:
        if self.result.done():
            return
        self._heard = time.monotonic()
        self._bytes[stream] += len(data)
        if self._bytes[stream] > self._limits.total_bytes:
            self._fail(self._too_much(stream))
            return
        try:
            take(data)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to whoever awaits the result
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if not self.result.done():
            self.result.set_exception(error)

    def _send(self, data: bytes) -> None:
        if self._line is None:
            raise RuntimeError("the host answered before the channel was open")
        try:
            self._line.write(data)
        except OSError:
            self.broken("it takes nothing more")

    def _take_stdout(self, data: bytes) -> None:
        if self._stage is _Stage.STREAM:
            self._pass_on(data)
            return
        self._before += data
        if self._stage is _Stage.HELLO and self._hello in self._before:
            del self._before[: self._before.index(self._hello) + len(self._hello)]
            self._stage = _Stage.CHOOSE
            self._send(self.wire.choose)
        if self._stage is _Stage.CHOOSE:
            self._decide()
        if self._stage is not _Stage.STREAM and len(self._before) > _NOISE:
            raise HostAnswerError(
                f"{self._who} prints without end instead of running a command: {last_line(bytes(self._before))}",
                hint=f"try `ssh {self._who} true`: it should print nothing",
            )

    def _decide(self) -> None:
        if self._nosudo in self._before:
            raise NotRootError(
                f"there is no sudo on {self._who}",
                hint="log in as root, or have root install sudo (su -c 'apt install sudo && adduser NAME sudo'); "
                "an audit without --ask-sudo-pass does without",
            )
        announced = self._announced()
        if announced is None:
            return
        start, uid, end = announced
        _, refused, said = bytes(self._before[:start]).partition(f"{self.wire.a} refused ".encode())
        if refused:
            self._refusal = of_sudo(said.partition(f" {self.wire.b}".encode())[0]) or "sudo refused"
        self._uid = uid
        if self.wire.become.mode == "password" and self._uid != 0:
            raise NotRootError(f"sudo on {self._who} did not lead to root but to uid {self._uid}")
        rest = bytes(self._before[end:])
        self._before.clear()
        self._prompts.clear()
        self._bytes = {"stdout": len(rest), "stderr": 0}
        self._stage = _Stage.STREAM
        self._send(self.wire.load)
        if rest:
            self._pass_on(rest)

    def _announced(self) -> tuple[int, int, int] | None:
        """Where the line `A ready UID B` begins, its number, and where the next begins; None while it is not there."""
        start = self._before.find(self._ready)
        newline = self._before.find(b"\n", start)
        if start >= 0 and newline >= 0:
            uid, mark, rest = bytes(self._before[start + len(self._ready) : newline]).partition(self._end)
            if mark and uid.isdigit() and len(uid) <= 10 and rest in {b"", b"\r"}:
                return start, int(uid), newline + 1
        return None

    def _pass_on(self, data: bytes) -> None:
        for start in range(0, len(data), _PIECE):
            self._feed(data[start : start + _PIECE])

    def _take_stderr(self, data: bytes) -> None:
        if self._stage is _Stage.STREAM:
            self._tail += data
            del self._tail[: max(0, len(self._tail) - self._limits.stderr_bytes)]
            return
        self._prompts += data
        wanted = self.wire.become.mode == "password" and self._stage is _Stage.CHOOSE
        if wanted and self._prompts.endswith(self._prompt):
            self._prompts.clear()
            self._send(self._password().reveal().encode() + b"\n")
        del self._prompts[: -4 * KIB]

    def _password(self) -> Secret:
        """The password for sudo: the one given, once; or what the person types, up to three times."""
        given = self.wire.become.password
        self._tries += 1
        secret: Secret | None
        if given is not None:
            secret = given if self._tries == 1 else None
        elif self._tries <= _TRIES:
            again = "" if self._tries == 1 else "sorry, try again: "
            asked = time.monotonic()
            secret = self._asker.password(f"{again}password of sudo on {self._who}")
            # the time that a person takes is free
            self._started += time.monotonic() - asked
            self._heard = time.monotonic()
        else:
            secret = None
        if secret is None:
            raise self._refused_password()
        if any(char in secret.reveal() for char in "\0\n\r"):
            raise UsageError("a password for sudo is one line of text")
        return secret

    def _refused_password(self) -> ThornwallError:
        if self._tries == 1:
            return UnansweredError(
                f"sudo on {self._who} asks for a password, and there is nobody to ask",
                hint="run it in a terminal; all but audit, capture and surface take a file too: --secrets FILE",
            )
        return NotRootError(f"sudo on {self._who} refused the password", hint=_WRONG)

    def _too_much(self, stream: str) -> ThornwallError:
        return HostAnswerError(
            f"{self._who} sent more than {self._limits.total_bytes} bytes on {stream}; stopped",
            hint="this is no answer to what was asked: the host may be compromised, or its shell runs wild",
        )

    def _too_slow(self, *, total: bool) -> ThornwallError:
        if total:
            return HostAnswerError(f"{self._who} was not done after {self._limits.seconds:g} s; stopped")
        silence = f"{self._who} sent nothing for {self._limits.idle_seconds:g} s"
        match self._stage:
            case _Stage.HELLO:
                said = last_line(bytes(self._before + self._prompts))
                return HostAnswerError(
                    f"{silence}: the login shell did not start /bin/sh" + (f"; it said: {said}" if said else ""),
                    hint="does the account have a shell, and is it free of questions at login?",
                )
            case _Stage.CHOOSE:
                said = last_line(bytes(self._prompts))
                return HostAnswerError(
                    f"{silence}: sudo hangs" + (f"; it said: {said}" if said else ""),
                    hint="sudo may be asking for something other than a password",
                )
            case _:
                return HostAnswerError(
                    f"{silence} in the middle of its answer; stopped", hint="the link may be gone: try again"
                )

    def _not_started(self, status: int) -> ThornwallError:
        """The command ended before the script could be sent."""
        told = of_sudo if self._stage is _Stage.CHOOSE else last_line
        said = told(bytes(self._prompts)) or last_line(bytes(self._before))
        because = f": {said}" if said else ""
        if self._stage is _Stage.HELLO and "password change required" in said.lower():
            return NotRootError(
                f"the password of {self._who} must be changed before anything else: {said}",
                hint=f"log in at a terminal and give it a new one: ssh {self._who}",
            )
        if self._stage is _Stage.HELLO:
            return HostAnswerError(
                f"{self._who} lets nobody run /bin/sh (status {status}){because}",
                hint="the account may be limited to one command (ForceCommand, nologin, sftp only)",
            )
        if self.wire.become.mode != "password":
            return HostAnswerError(f"the shell of {self._who} ended at once (status {status}){because}")
        if b"must have a tty" in self._prompts:
            return NotRootError(
                f"sudo on {self._who} wants a terminal (Defaults requiretty)",
                hint=f"exempt the account there: `Defaults:{printable(self._who.partition('@')[0])} !requiretty`",
            )
        if self._tries:
            return NotRootError(f"sudo on {self._who} refused{because}", hint=_WRONG)
        return NotRootError(f"sudo on {self._who} refused before it asked for a password{because}")
