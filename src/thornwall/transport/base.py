"""The seam to the outside: what a way to reach a host must do, and what it is given.

One `run` is one connection, one channel, one script in, one stream out. `local`, `ssh` and `fake` implement it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from thornwall.model.secret import Secret

KIB = 1024
MIB = 1024 * KIB

Feed: TypeAlias = Callable[[bytes], object]
"""Takes the next piece of stdout, at most 64 KiB. What it raises kills the script and is raised by `run`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a host may cost. Times in seconds, sizes in bytes; the time a person needs to answer a question is free.

    `seconds`: from the start of the command to its end. `idle_seconds`: without one byte from the host. `total_bytes`:
    of stdout, and of stderr. `stderr_bytes`: how much of the end of stderr is kept. `busy`: the host may be so busy
    that even its SSH server answers nothing for minutes, as where apt wears a slow card.
    """

    seconds: float = 120
    idle_seconds: float = 60
    total_bytes: int = 64 * MIB
    stderr_bytes: int = 64 * KIB
    busy: bool = False


@dataclass(frozen=True, slots=True)
class Become:
    """How the script becomes root where the login is not root already; as root, sudo is left alone.

    `never`; `if-possible`: `sudo -n`, else it runs as the user; `password`: sudo must succeed. The password is
    sent only if sudo asks for it; where it is None the person is asked at that moment.
    """

    mode: Literal["never", "if-possible", "password"] = "if-possible"
    password: Secret | None = None


@dataclass(frozen=True, slots=True)
class Ran:
    """The script ran to its end.

    `status`: its exit status, 128 + n where signal n killed it. `stderr_tail`: the end of its stderr. `seconds`:
    from the start of the command. `became_root`: it ran with uid 0, by login or by sudo; if not, `refusal` has what
    sudo said, as one printable line, empty if sudo was not asked. `address`: the IP address of the host, empty for
    this machine. `user`: whose login it was, and `method`: what completed it, in the words of sshd (`publickey`);
    both empty for this machine. `sudo_password`: sudo asked for the password, and took it.
    """

    status: int
    stderr_tail: bytes = b""
    seconds: float = 0.0
    became_root: bool = False
    refusal: str = ""
    address: str = ""
    user: str = ""
    method: str = ""
    sudo_password: bool = False


class Asker(Protocol):
    """Questions to the person. Called in the thread of the event loop, and may block it; None: there is nobody to ask.

    All text that comes from the host has been made printable.
    """

    def password(self, prompt: str) -> Secret | None:
        """A password or passphrase; `prompt` says whose."""

    def host_key(self, host: str, algorithm: str, fingerprint: str) -> bool | None:
        """Whether the key (`SHA256:…`) of a host never seen before is the right one."""

    def keyboard_interactive(
        self, title: str, instructions: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[Secret] | None:
        """One answer for each prompt, such as a one-time code. The flag: what is typed may be shown."""


class Nobody:
    """The Asker of a program that runs on its own."""

    def password(self, prompt: str) -> Secret | None:  # noqa: ARG002
        """None: nobody is there."""
        return None

    def host_key(self, host: str, algorithm: str, fingerprint: str) -> bool | None:  # noqa: ARG002
        """None: nobody is there."""
        return None

    def keyboard_interactive(
        self,
        title: str,  # noqa: ARG002
        instructions: str,  # noqa: ARG002
        prompts: Sequence[tuple[str, bool]],  # noqa: ARG002
    ) -> list[Secret] | None:
        """None: nobody is there."""
        return None


class Transport(Protocol):
    """A way to reach one host."""

    @property
    def name(self) -> str:
        """For people: 'pi@raspberrypi.local', 'this machine'."""

    async def run(self, script: str, *, feed: Feed, limits: Limits) -> Ran:
        """Run `script` under /bin/sh on the host, its stdin from /dev/null, and feed its stdout piece by piece.

        The script runs in a subshell with `LC_ALL=C` and a system PATH, only once all of it has arrived. It holds no
        NUL. Its output is whatever it prints: chatter of a login shell has been taken away.

        Raises UnreachableError, HostAnswerError (garbage, a limit), AuthenticationError (login or sudo), HostKeyError.
        Cancelling it, or any error, closes the connection. The script then gets TERM, and KILL two seconds later; as
        its stderr is gone by then, one that has to clean up traps PIPE as well as TERM.
        """
