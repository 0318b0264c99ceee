"""The stream of a device that changes: lines of a nonce and fields between tabs, made into events.

Whatever a host sends, nothing but HostAnswerError comes of it.
"""

from __future__ import annotations

from collections.abc import Callable

from thornwall.apply.events import (
    Applied,
    Armed,
    Aside,
    Brought,
    Canary,
    Change,
    Committed,
    Confirmed,
    Difference,
    Differs,
    Doing,
    End,
    Event,
    Failed,
    Forgotten,
    GivesBack,
    Healthy,
    Left,
    Matches,
    NotYet,
    Rebooting,
    Refused,
    Skipped,
    Staged,
    Stuck,
    TakenBack,
    TakingBack,
    Trouble,
    Undone,
    Valid,
)
from thornwall.errors import HostAnswerError
from thornwall.transport.text import printable

_LINE = 16 * 1024  # bytes; the longest of ours are a tool's complaint and a list of paths
_TEXT = 2000


class Reader:
    """Takes the stream in pieces. Lines without the nonce are the chatter of tools, and are passed over."""

    def __init__(self, nonce: str) -> None:
        self._start = nonce.encode() + b"\t"
        self._rest = b""
        self._passing = False  # in the middle of a line that is too long to be ours

    def feed(self, data: bytes) -> list[Event]:
        """The events that are complete by now. HostAnswerError for a line of ours that makes no sense."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if self._passing and lines:
            del lines[0]
            self._passing = False
        if len(self._rest) > _LINE:
            if self._rest.startswith(self._start):
                raise HostAnswerError("the host sends a line without an end", hint="it may be compromised")
            self._passing, self._rest = True, b""
        found = (self._event(line) for line in lines if line.startswith(self._start))
        return [event for event in found if event is not None]

    def _event(self, line: bytes) -> Event | None:
        name, *fields = (printable(part, _TEXT) for part in line[len(self._start) :].split(b"\t"))
        try:
            return _MAKE[name](_Fields(fields)) if name in _MAKE else None  # what a later version says
        except (ValueError, IndexError):
            said = printable(line[len(self._start) :], 80)
            raise HostAnswerError(
                f"the host says something that makes no sense: {said}", hint="it may be compromised"
            ) from None


class _Fields:
    """What follows the name of an event. ValueError, IndexError where it is not what it should be."""

    def __init__(self, fields: list[str]) -> None:
        self._fields = fields

    def text(self, index: int) -> str:
        text = self._fields[index]
        return "" if text == "-" else text

    def words(self, index: int) -> tuple[str, ...]:
        """None, where a field is not there."""
        return tuple(self.text(index).split()) if index < len(self._fields) else ()

    def id(self, index: int) -> str:
        text = self._fields[index]
        if not (text.isascii() and text.isdigit() and len(text) <= 9):
            raise ValueError(text)
        return text

    def key(self, index: int) -> str:
        text = self.text(index)
        if text and not (8 <= len(text) <= 64 and set(text) <= set("0123456789abcdef-")):
            raise ValueError(text)
        return text

    def number(self, index: int) -> int:
        text = self._fields[index]
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 12):
            raise ValueError(text)
        return int(text)

    def maybe(self, index: int) -> int | None:
        return None if self._fields[index] == "-" else self.number(index)

    def state(self, index: int) -> str:
        text = self.text(index)
        if text not in {"", "rehearsal", "open", "confirmed", "undoing", "undone"}:
            raise ValueError(text)
        return text or "rehearsal"


_MAKE: dict[str, Callable[[_Fields], Event]] = {
    "STAGED": lambda f: Staged(f.id(0)),
    "VALID": lambda f: Valid(f.text(0), f.text(1)),
    "SKIPPED": lambda f: Skipped(f.text(0)),
    "CANARY": lambda f: Canary(f.id(0), f.number(1), f.key(2)),
    "ARMED": lambda f: Armed(f.number(0)),
    "DOING": lambda f: Doing(f.number(0), f.number(1), f.text(2)),
    "APPLIED": lambda f: Applied(f.id(0), f.key(1), f.number(2)),
    "TROUBLE": lambda f: Trouble(f.text(0), f.text(1)),
    "BROUGHT": lambda f: Brought(f.id(0), *map(f.text, range(1, 5))),
    "PASSWORD": lambda f: Matches(f.text(0)),
    "COMMITTED": lambda f: Committed(f.id(0)),
    "FAILED": lambda f: Failed(f.text(0), f.text(1)),
    "REFUSED": lambda f: Refused(f.text(0), f.text(1)),
    "CONFIRMED": lambda f: Confirmed(f.id(0)),
    "TAKING_BACK": lambda f: TakingBack(f.text(0)),
    "TAKEN_BACK": lambda f: TakenBack(f.text(0)),
    "NOT_YET": lambda f: NotYet(f.text(0)),
    "REBOOTING": lambda f: Rebooting(f.text(0)),
    "UNDONE": lambda f: Undone(f.id(0)),
    "STUCK": lambda f: Stuck(f.text(0)),
    "LEFT": lambda f: Left(f.text(0)),
    "ASIDE": lambda f: Aside(f.text(0), f.text(1)),
    "DIFFERS": lambda f: Differs(f.text(0)),
    "DIFF": lambda f: Difference(f.text(0)),
    "HEALTHY": lambda _: Healthy(),
    "CHANGE": lambda f: Change(
        f.id(0),
        f.state(1),
        f.maybe(2),
        f.text(3),
        f.key(4),
        f.maybe(5),
        f.text(6) == "guarded",
        f.text(7),
        f.maybe(8),
        f.text(9),
        f.text(10) == "restarted",
        f.text(11),
        f.text(12),
        f.words(13),
        working=f.text(6) == "working",
        job=f.text(6) == "job",
    ),
    "GIVES": lambda f: GivesBack(f.id(0), "  " * (f.text(1) == "part") + f.text(2)),
    "FORGOTTEN": lambda f: Forgotten(f.id(0)),
    "END": lambda _: End(),
}
