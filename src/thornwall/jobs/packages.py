"""Packages come and go before the transaction, under a record of their own."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from thornwall import __version__
from thornwall.apply import events
from thornwall.apply.first_start import without_later
from thornwall.apply.packages import again_script, packages_script, together
from thornwall.apply.reader import Reader
from thornwall.errors import (
    AuthenticationError,
    HostAnswerError,
    HostKeyError,
    ThornwallError,
    UnansweredError,
    UnreachableError,
)
from thornwall.jobs.follow import Said, new_nonce
from thornwall.jobs.read import Before
from thornwall.model.change import Packages
from thornwall.model.outcome import Brought
from thornwall.model.plan import Plan


def packages_of(plan: Plan) -> Packages | None:
    """All package work that a plan does now, as one; None where there is none."""
    steps = without_later(plan.steps)
    return together(each for step in steps for each in step.operations if isinstance(each, Packages))


_FETCHED = re.compile(r"^E: Failed to fetch \S+\s+(.+?)(?: E: Unable to fetch .*)?$")


_WORK = "the work on packages"  # as the device calls it
_AGAIN = 10.0  # seconds until a host is asked again
_BREAKS = 50  # of the link
_REFUSALS = 3  # of the login: it may be that the host has just begun to start
_COMES_BACK = 900.0  # seconds without it after which nobody waits any longer
_UNIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9@_.-]*\.service")


def _reason(why: str) -> str:
    """What apt says, without the one file that it could not fetch: so that it is the same for all."""
    found = _FETCHED.match(why)
    return found[1] if found else why


def left_of(wanted: Packages, now: Packages | None) -> Packages | None:
    """What is still to be done of the package work that was agreed to, where `now` is wanted; None: nothing."""
    if now is None:
        return None
    left = Packages(
        install=tuple(name for name in wanted.install if name in now.install),
        upgrade=wanted.upgrade and now.upgrade,
        refresh=wanted.refresh and now.refresh,
        remove=tuple(name for name in wanted.remove if name in now.remove),
        off=wanted.off,
    )
    return left if left.install or left.upgrade or left.remove else None


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + " and " * (len(names) > 1) + names[-1]


class Told(Protocol):
    """Whoever wants to know how it goes."""

    def tell(self, text: str) -> None:
        """A sentence or two."""


class Bringing:
    """Package work on its way, before the host is read again over the same connection."""

    def __init__(self, wanted: Packages, step: Callable[[str], None]) -> None:
        self._begin(step)
        self._script = packages_script(wanted, nonce=self._nonce, version=__version__)

    def _begin(self, step: Callable[[str], None]) -> None:
        self._nonce = new_nonce()
        self._reader = Reader(self._nonce)
        self.said = Said(step)
        self._odd = False

    async def watch(self, read: Callable[[Before], Awaitable[None]], owner: Told, hint: str) -> None:
        """Bring them, and `read` the host then. Where the link breaks, the device goes on: so does this, over another.

        Raises what `read` raises, where nothing had begun, or the host does not come back. `hint`: what to do then.
        """
        id_, gone = "", 0.0  # since when it does not answer, by the clock of this computer
        breaks = refusals = 0
        while True:
            try:
                return await read(self.before)
            except (UnreachableError, AuthenticationError, HostKeyError) as error:
                if (heard := self.said.first(events.Staged)) is not None:
                    id_, gone, breaks = heard.id, time.monotonic(), breaks + 1
                if not id_:
                    raise
                refusals += isinstance(error, AuthenticationError)
                longer = time.monotonic() - gone <= _COMES_BACK and breaks <= _BREAKS and refusals <= _REFUSALS
                if not longer or self._is_no_link(error):
                    error.hint = "\n".join(filter(None, [error.hint, hint]))
                    raise
                if heard is not None:
                    told = (
                        f"The link broke ({error.message}). Packages come on, unless the host lost power: it is asked."
                    )
                    owner.tell(told)
            self.said.step("asking again how far the packages are")
            await asyncio.sleep(_AGAIN)
            self._begin(self.said.step)
            self._script = again_script(id_, nonce=self._nonce)

    def _is_no_link(self, error: ThornwallError) -> bool:
        """Whether it is something else than a link that broke: nobody answers, or the answer is none."""
        if isinstance(error, HostAnswerError):
            over = self.said.first(events.Brought) or self.said.first(events.Refused)
            return self._odd or over is not None
        return isinstance(error, (HostKeyError, UnansweredError))

    @property
    def before(self) -> Before:
        """What is run before the host is read."""
        return Before(self._script, self._hear)

    def _hear(self, data: bytes) -> None:
        try:
            heard = self._reader.feed(data)
        except HostAnswerError:
            self._odd = True
            raise
        for event in heard:
            self.said.hear(event)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what did not work. What failed is left out by the plan that follows."""
        alike: dict[str, list[str]] = {}
        for each in self.said.all(events.Trouble):
            alike.setdefault(_reason(each.why), []).append(each.what)
        notes = [f"{_named(list(dict.fromkeys(names)))} had trouble: {why}" for why, names in alike.items()]
        if refused := self.said.first(events.Refused):
            notes.append(f"No packages were brought: {refused.why}.")
        return tuple(notes)

    @property
    def cut_off(self) -> bool:
        """Whether whoever was at it there was stopped half-way, as by a loss of power."""
        return any(each.what == _WORK for each in self.said.all(events.Trouble))

    @property
    def brought(self) -> Brought:
        """How many packages came, went and are newer."""
        done = self.said.first(events.Brought) or events.Brought("", "", "")
        return Brought(*(len(names.split()) for names in (done.came, done.upgraded, done.went)))

    @property
    def restarts(self) -> tuple[str, ...]:
        """Units that run on in the version of before, and that their packages wanted to start anew."""
        done = self.said.first(events.Brought)
        return tuple(name for name in done.restarts.split() if _UNIT.fullmatch(name)) if done else ()

    @property
    def record(self) -> str:
        """The number under which the device keeps what came and went; empty where nothing did."""
        brought = self.said.first(events.Brought)
        return brought.id if brought is not None and (brought.came or brought.upgraded or brought.went) else ""
