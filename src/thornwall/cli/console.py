"""The person at the terminal: consoles, questions, progress, errors. The only place that prints."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from getpass import getpass
from typing import Protocol

from rich.console import Console
from rich.status import Status
from rich.text import Text

from thornwall.errors import ThornwallError
from thornwall.model.secret import Secret

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def interactive() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def show_error(error: ThornwallError) -> None:
    """One error, for a person: what happened, and what to do."""
    err.print(Text.assemble(("Error: ", "bold red"), printable(error.message)), soft_wrap=True)
    if error.hint:
        err.print(Text.assemble(("Hint: ", "bold"), printable(error.hint)), soft_wrap=True)


_UNPRINTABLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Without control characters and bidirectional overrides: a part of an error may come from a host."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


_SEEN = {
    "walk": "files and folders",
    "known-passwords": "passwords that everybody knows",
    "package-lists": "lists of packages",
    "log-files": "logs",
}
"""Commands of the audit that take their time, for people."""


class Step(Protocol):
    """Told the name of each part of the work as it begins."""

    def __call__(self, name: str) -> None:
        """`name`: a word or two."""


class Person:
    """The person at the terminal: sees progress, and is asked (thornwall.transport.base.Asker)."""

    def __init__(self) -> None:
        self._status: Status | None = None

    @contextmanager
    def sees(self, what: str, *, quiet: bool) -> Iterator[Step]:
        """A spinner on stderr while it works; nothing at all where stderr is no terminal."""
        if quiet or not err.is_terminal:
            yield lambda name: None  # noqa: ARG005
            return
        with err.status(Text(what)) as self._status:
            status = self._status

            def step(name: str) -> None:
                told = f"{what} · {printable(_SEEN.get(name, name))}"
                status.update(Text(told[: max(20, err.width - 4)]))  # (what needs a second line leaves it behind)

            yield step
        self._status = None

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """The spinner holds still while the person types, and Ctrl-C ends it, whatever the event loop made of it."""
        if self._status:
            self._status.stop()
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
            if self._status:
                self._status.start()

    def password(self, prompt: str) -> Secret | None:
        """What is typed, unseen."""
        with self._asked():
            return Secret(getpass(f"{printable(prompt)}: ", stream=sys.stderr))

    def host_key(self, host: str, algorithm: str, fingerprint: str) -> bool | None:
        """Yes or no to a host key never seen before."""
        with self._asked():
            err.print(
                f"The host {printable(host)} is not known yet. Its {printable(algorithm)} key has the fingerprint",
                f"  {printable(fingerprint)}",
                "Compare it on the device: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
                sep="\n",
                markup=False,
            )
            return yes("Is it the right one?")

    def keyboard_interactive(
        self, title: str, instructions: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[Secret] | None:
        """An answer for each prompt; shown while it is typed only where the host says that it may be."""
        with self._asked():
            for words in (title, instructions):
                if words.strip():
                    err.print(printable(words), markup=False)
            return [_answer(printable(prompt), shown=shown) for prompt, shown in prompts]


def _answer(prompt: str, *, shown: bool) -> Secret:
    if shown:
        err.print(prompt, end="", markup=False)
        return Secret(input())
    return Secret(getpass(prompt, stream=sys.stderr))


def yes(question: str, in_full: Callable[[], None] | None = None) -> bool:
    """A question with yes or no for an answer; no by default. `in_full` shows all that it is about, for who says v."""
    while True:
        err.print(f"{question} [y/N] ", end="", markup=False)
        said = input().strip().lower()
        if said in {"", "y", "yes", "n", "no"}:
            return said in {"y", "yes"}
        if in_full is not None and said in {"v", "verbose"}:
            in_full()
        else:
            err.print("y is yes, n is no" + ", v shows it all" * (in_full is not None) + ".", markup=False)
