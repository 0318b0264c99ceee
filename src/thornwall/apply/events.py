"""What the device says while it changes: lines of a nonce and fields between tabs, parsed to frozen values.

Whatever a host sends, nothing but HostAnswerError comes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from thornwall.errors import HostAnswerError
from thornwall.transport.text import printable

_LINE = 16 * 1024  # bytes; the longest of ours are a tool's complaint and a list of paths
_TEXT = 2000


@dataclass(frozen=True, slots=True)
class Staged:
    """Everything that is needed to make the change and to take it back lies on the device; nothing is changed."""

    id: str


@dataclass(frozen=True, slots=True)
class Valid:
    """A check of the merged result: its name (`sshd -t`), and why it was left out; empty if it was made, and passed."""

    check: str
    skipped: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """What a mounted root has no use for, since nothing runs there: a unit that would be stopped, a kernel setting."""

    what: str


@dataclass(frozen=True, slots=True)
class Canary:
    """An sshd that lives under the new rules listens on the device's loopback, and waits for who has `key`."""

    id: str
    port: int
    key: str


@dataclass(frozen=True, slots=True)
class Armed:
    """The guard has shown that it works. `deadline`: when it acts, in seconds of uptime."""

    deadline: int


@dataclass(frozen=True, slots=True)
class Doing:
    """Step `index` of `count` begins. `step`: its id, or `files` (index 0)."""

    index: int
    count: int
    step: str


@dataclass(frozen=True, slots=True)
class Applied:
    """Done and looked at; it waits for its confirmation. `key` is needed for that; `window`: seconds that are left."""

    id: str
    key: str
    window: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """A piece of package work failed, and the rest went on: which, and what apt complained of."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Brought:
    """Package work is over. `came`, `upgraded`, `went`: names as dpkg has them, between blanks. `restarts`: units that
    run on in the version of before, and that their packages wanted to start anew."""

    id: str
    came: str
    upgraded: str
    went: str = ""
    restarts: str = ""


@dataclass(frozen=True, slots=True)
class Matches:
    """Whether a password is an account's own: `yes`, `no`, `locked` (it has none that is usable), `unknown`."""

    answer: str


@dataclass(frozen=True, slots=True)
class Committed:
    """Done, on a mounted root: there is nobody to confirm it."""

    id: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A step went wrong; the device is taking everything back."""

    step: str
    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The device did not begin: why, and what to do. Nothing was changed."""

    why: str
    what_to_do: str


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The change stays."""

    id: str


@dataclass(frozen=True, slots=True)
class TakingBack:
    """The device has begun to take the change back."""

    why: str


@dataclass(frozen=True, slots=True)
class TakenBack:
    """It is too late to confirm: the device has taken, or takes, the change back."""

    why: str


@dataclass(frozen=True, slots=True)
class NotYet:
    """Taking back did not succeed at once; the device tries again."""

    why: str


@dataclass(frozen=True, slots=True)
class Rebooting:
    """The device starts again, once, to finish taking back."""

    why: str


@dataclass(frozen=True, slots=True)
class Undone:
    """Everything is as it was, and was looked at."""

    id: str


@dataclass(frozen=True, slots=True)
class Stuck:
    """Not everything could be taken back."""

    why: str


@dataclass(frozen=True, slots=True)
class Left:
    """Something stays on purpose: a known default password, a folder that is in use by now."""

    what: str


@dataclass(frozen=True, slots=True)
class Aside:
    """Somebody else's version of a path, from the time in between, is kept at `kept`."""

    path: str
    kept: str


@dataclass(frozen=True, slots=True)
class Differs:
    """A path is not as the change left it. `Difference` events follow, where it may be shown."""

    path: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A line of a unified diff: from what the change left to what is there now."""

    line: str


@dataclass(frozen=True, slots=True)
class Healthy:
    """After the first boot the ways in were still there; the guard of the boot is gone."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change that the device knows.

    `state`: rehearsal (never made), open, confirmed, undoing, undone. `made`: seconds since 1970 by the device's clock.
    `key`: what confirms it, while it is open and done. `left`: seconds until the deadline, None where there is none.
    `guarded`: the unit of the next boot is still there. `ended`: when it had been taken back, by the clock of `made`.
    `why`: for what it was; `restarted`: the host started again for it; `stuck`: what could not be taken back, where it
    has given up for now. `reopens`: what is open again once it is taken back, in words.
    `unsaid`: why it was not confirmed, or what did not hold once it was, which this machine alone knows. `working`:
    its packages are on their way at this moment. `job`: what it left for the first start is still to be done.
    """

    id: str
    state: str
    made: int | None
    version: str
    key: str
    left: int | None
    guarded: bool
    title: str
    ended: int | None = None
    why: str = ""
    restarted: bool = False
    stuck: str = ""
    reopens: str = ""
    unsaid: str = ""
    working: bool = False
    job: bool = False

    @property
    def gave_up(self) -> bool:
        """Not everything could be taken back, and it is not tried again before the host starts anew."""
        return bool(self.stuck) and (self.left is None or self.left <= 0)

    @property
    def packages(self) -> bool:
        """Whether it is package work, which comes before the change that it is for."""
        return self.title.startswith("packages:")

    def before(self, other: Change) -> bool:
        """Whether `other` is the very next one."""
        return int(self.id) + 1 == int(other.id)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The record of a change, and its originals, are gone."""

    id: str


@dataclass(frozen=True, slots=True)
class End:
    """The list is complete."""


Event: TypeAlias = (
    Staged
    | Valid
    | Canary
    | Skipped
    | Armed
    | Doing
    | Applied
    | Trouble
    | Brought
    | Matches
    | Committed
    | Failed
    | Refused
    | Confirmed
    | TakingBack
    | TakenBack
    | NotYet
    | Rebooting
    | Undone
    | Stuck
    | Left
    | Aside
    | Differs
    | Difference
    | Healthy
    | Change
    | Forgotten
    | End
)


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
        working=f.text(6) == "working",
        job=f.text(6) == "job",
    ),
    "FORGOTTEN": lambda f: Forgotten(f.id(0)),
    "END": lambda _: End(),
}
