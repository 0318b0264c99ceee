"""How a hardening ended: what was proved from outside, what an audit says now, and how to go back."""

from __future__ import annotations

from dataclasses import dataclass

from thornwall.model.finding import Report
from thornwall.model.plan import Mend

STARTED_AGAIN = "the host started again"
"""How the device's reason begins where a loss of power, or a restart, took a change back."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One attempt from outside: its name as a statement ('a password is refused'), whether it held, what was seen.

    `tried`: False where it could not be tried, and `detail` says why; it is not held against the change then.
    """

    name: str
    ok: bool
    detail: str = ""
    tried: bool = True


@dataclass(frozen=True, slots=True)
class Brought:
    """How many packages came, are newer now (which nothing takes back), and went."""

    came: int = 0
    upgraded: int = 0
    went: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What `harden` says at its end.

    `before`, `after`: the audits; `after` None where there was none (the host was taken back, or could not be read).
    `transaction`: its id on the device. `undo`: the path of its undo.sh there. `packages`: the id under which those are
    recorded that were brought for it, if any; `brought`: how many. `taken_back`: the device has undone it all (but for
    packages), or is about to. `verified`: that was seen: a fresh login found every file and unit as recorded before.
    `begun`: False where the device keeps no record of it, since the link broke before it began. `stuck`: why not
    everything went back at the first try; `gave_up`: nor at any other, so that the device waits for somebody;
    `restarted`: it started again for that. `by`: the time of day at which it goes back by itself; `late`: that is past,
    and nobody saw it. `refused`: why nobody may look, where it answers.
    `awaits_reboot`: titles of steps that have their effect at the next start only. `not_done`: titles of steps that
    were agreed to and not made, since what they need did not come. `failed`: why it ended early, as a
    sentence; empty where it did not. `notes`: sentences. `reaching`: options by which the host is reached, which the
    commands that are printed to be typed repeat; `again`: those of `harden` besides. `to_come`: findings that a job of
    the first start mends; `at_start`: those that the next start mends.
    """

    target: str
    before: Report
    after: Report | None = None
    transaction: str = ""
    undo: str = ""
    proofs: tuple[Proof, ...] = ()
    taken_back: bool = False
    verified: bool = False
    awaits_reboot: tuple[str, ...] = ()
    failed: str = ""
    notes: tuple[str, ...] = ()
    packages: str = ""
    brought: Brought = Brought()
    reaching: tuple[str, ...] = ()
    begun: bool = True
    stuck: str = ""
    by: str = ""
    refused: str = ""
    not_done: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    late: bool = False
    gave_up: bool = False
    restarted: bool = False
    to_come: tuple[Mend, ...] = ()
    at_start: tuple[Mend, ...] = ()

    @property
    def stands(self) -> bool:
        """Whether the changes are confirmed and stay."""
        return not self.failed and not self.taken_back and all(proof.ok for proof in self.proofs)


def undo_path(id_: str) -> str:
    """Where the script lies on the device that takes the change back, without any other machine."""
    return f"/var/lib/thornwall/{id_}/undo.sh"
