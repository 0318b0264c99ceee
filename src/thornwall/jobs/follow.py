"""A script of a change on its way: what the device says, kept, and told to whoever watches."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from thornwall.apply import events
from thornwall.apply.reader import Reader
from thornwall.errors import HostAnswerError, RefusedError, StoppedError
from thornwall.jobs.link import Link
from thornwall.transport.base import Limits

E = TypeVar("E")


def new_nonce() -> str:
    """Letters and digits that the host cannot guess."""
    return secrets.token_hex(12)


@dataclass(slots=True)
class Said:
    """What the device said, in order.

    `titles`: of steps by their id, for whoever watches. `canary` is set once the device waits for a login;
    `armed` is told the change's number once the device would take it back.
    """

    step: Callable[[str], None]
    titles: dict[str, str] = field(default_factory=dict)
    heard: list[events.Event] = field(default_factory=list)
    canary: asyncio.Event = field(default_factory=asyncio.Event)
    armed: Callable[[str], None] = lambda _: None

    def hear(self, event: events.Event) -> None:
        """One more."""
        self.heard.append(event)
        match event:
            case events.Staged():
                self.step("originals are kept")
            case events.Canary():
                self.step("trying a login under the new rules")
                self.canary.set()
            case events.Armed():
                self.step("the guard is armed")
                self.armed(self.need(events.Staged).id)
            case events.Doing(index, count, name):
                self.step(f"{index} of {count}: {self.titles.get(name, name)}" if index else "files")
            case events.TakingBack():
                self.step("taking it back")
            case _:
                pass

    def first(self, kind: type[E]) -> E | None:
        """The first event of that kind."""
        return next((event for event in self.heard if isinstance(event, kind)), None)

    def all(self, kind: type[E]) -> tuple[E, ...]:
        """All of that kind."""
        return tuple(event for event in self.heard if isinstance(event, kind))

    def need(self, kind: type[E]) -> E:
        """The first of that kind. Raises RefusedError with the device's reason, else HostAnswerError."""
        found = self.first(kind)
        if found is not None:
            return found
        if refused := self.first(events.Refused):
            raise RefusedError(f"nothing was changed: {refused.why}", hint=refused.what_to_do)
        raise HostAnswerError("the host's answer ended before it had told how it went", hint="see: thornwall status")


@contextmanager
def stopped(what_goes_on: str | Callable[[], str]) -> Iterator[None]:
    """Ctrl-C in here is a StoppedError that tells what goes on at the host (as it is known then)."""
    try:
        yield
    except (asyncio.CancelledError, KeyboardInterrupt):
        told = what_goes_on if isinstance(what_goes_on, str) else what_goes_on()
        raise StoppedError(f"Interrupted. {told}") from None


async def follow(
    link: Link, script: Callable[[str], str], said: Said, *, seconds: float = 120, busy: bool = False
) -> Said:
    """Log in anew, run the script that is made with a fresh nonce, and hear what the device says. `busy`: as of Limits.

    Raises the errors of `Transport.run`; what had been said until then is in `said`.
    """
    nonce = new_nonce()
    reader = Reader(nonce)

    def feed(data: bytes) -> None:
        for event in reader.feed(data):
            said.hear(event)

    await link.turn(said.step)
    # (a tool may work for long without a word, dpkg on a slow card; a dead link is found out without that)
    limits = Limits(seconds=seconds, idle_seconds=seconds, busy=busy)
    await link.patiently(lambda: link.run(script(nonce), feed=feed, limits=limits), said.step)
    return said
