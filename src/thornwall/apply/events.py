"""What the device says while it changes, as frozen values. reader.py makes them of what it sends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


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
    `known`: the accounts whose password of before everybody knows, which does not come back with it.
    `gives`: all that taking it back gives back, in lines of words, where that was asked for.
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
    known: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
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
class GivesBack:
    """One line of what taking back the change `id` gives back, in words; a part of a step is indented."""

    id: str
    text: str


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
    | GivesBack
    | Forgotten
    | End
)
