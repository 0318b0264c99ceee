"""A plan: what will change, in which order, why, what holds a step back, and how sure the way back is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from thornwall.model.change import AccountDo, Operation, Purpose, UnitDo
from thornwall.model.finding import Finding, HostName
from thornwall.model.rule import Preset
from thornwall.model.secret import Secret
from thornwall.model.typed import Typed


class Undoing(StrEnum):
    """How a step is taken back."""

    EXACT = "exact"  # to the byte, at once
    REBOOT = "reboot to undo"  # the files at once, the effect with the next start
    KEEPS = "stays"  # an upgrade, or a known default password, is not brought back


@dataclass(frozen=True, slots=True)
class WayIn:
    """How this very connection came in, and what it has proved. Empty, 0: not known, or there is no connection.

    `kind`: over ssh, at the machine itself, or no running host at all (`offline`: a mounted root). `name`: the host as
    the user called it. `address`, `port`: of the host, as it sees the connection; `peer`: the other end. `interface`:
    by which the way to the peer leaves. `methods`: how the login was made, in the words of sshd (`publickey`,
    `password`, `keyboard-interactive`). `key_proved`: a key alone has just logged in. `password_proved`: the account's
    own password was just checked against what the host holds.
    """

    kind: Literal["ssh", "local", "offline"] = "local"
    user: str = ""
    uid: int = -1
    name: str = ""
    address: str = ""
    port: int = 0
    peer: str = ""
    interface: str = ""
    methods: tuple[str, ...] = ()
    key_proved: bool = False
    password_proved: bool = False


@dataclass(frozen=True, slots=True)
class Answers:
    """What only the owner can say. `passwords`: new ones, by account. `accepts`: interlocks that were answered with
    'do it all the same', as `interlock` or `interlock:subject`. `named`: accounts whose new password is known."""

    passwords: Mapping[str, Secret] = field(default_factory=dict)
    accepts: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()

    def accepted(self, interlock: str, subject: str) -> bool:
        """Whether the owner said so."""
        return bool({interlock, f"{interlock}:{subject}"} & self.accepts)


@dataclass(frozen=True, slots=True)
class Mend:
    """A finding that a step mends. `title`: what its rule says of it, where that is known."""

    rule: str
    subject: str
    title: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Step:
    """Operations that belong together and are done, or not, as one.

    `id`: short and stable (`ssh-settings`, `unit:cups`). `may_break`: sentences. `awaits_reboot`: it has its effect
    only at the next start. `after`: ids of steps that must be in the plan for this one to make sense (a package).
    `first_start`: of a system at rest, and done by a job of its first start. `rereads`: what reads its files, where
    none of it runs while they change, and all of it may while they are given back.
    """

    id: str
    purpose: Purpose
    title: str
    operations: tuple[Operation, ...]
    mends: tuple[Mend, ...] = ()
    may_break: tuple[str, ...] = ()
    undoing: Undoing = Undoing.EXACT
    awaits_reboot: bool = False
    after: tuple[str, ...] = ()
    first_start: bool = False
    rereads: tuple[UnitDo, ...] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """A fix that an interlock holds back: which, of what finding, why, and what unlocks it.

    `accept`: what `--accept` takes to do it all the same; empty where only the deed unlocks it.
    """

    interlock: str
    rule: str
    subject: str
    why: str
    unlock: str
    accept: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """An answer without which a fix cannot be planned: `account` whose new password is needed."""

    rule: str
    subject: str
    text: str
    account: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """Score and counts of an audit (as in Report.summary)."""

    score: int = 0
    summary: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What `thornwall plan` shows and `thornwall harden` does. `by_hand`: findings that no step mends.

    `after`: what an audit would say once all steps are done (those that await a reboot, after it).
    """

    target: str
    steps: tuple[Step, ...] = ()
    held: tuple[Held, ...] = ()
    questions: tuple[Question, ...] = ()
    by_hand: tuple[Finding, ...] = ()
    host: HostName = field(default_factory=HostName)
    preset: Preset = Preset.RECOMMENDED
    before: Standing = field(default_factory=Standing)
    after: Standing = field(default_factory=Standing)
    refused: tuple[Held, ...] = ()  # what stops the plan as a whole: nothing may be changed on this host now
    way_in: WayIn = field(default_factory=WayIn)
    as_root: bool = True  # whether the host was read with root's rights
    typed: Typed = field(default_factory=Typed)  # for the command that would carry it out
    idle_accepts: tuple[str, ...] = ()  # what the owner accepted (`--accept`) and no interlock asked about
    nobodies: tuple[str, ...] = ()  # who was given a new password, and has no account there
    idle_passwords: tuple[str, ...] = ()  # who was given one, and no step sets it
    closes: tuple[int, ...] = ()  # TCP ports that answer from outside and will not any more
    closes_udp: tuple[int, ...] = ()  # and UDP ports
    keeps: tuple[int, ...] = ()  # those that answer on
    grave: tuple[Mend, ...] = ()  # findings of extreme or high risk that no step mends, worst first
    shut_out: tuple[str, ...] = ()  # people who have no key, and log in over SSH by password until now
    ageing: tuple[tuple[str, str], ...] = ()  # whose password gets an age, and the date by which it must be changed
    keys_alone: bool = False  # whether SSH takes no password already, before any step
    keyless: tuple[str, ...] = ()  # people of whom no key was found
    job_waits: bool = False  # whether a job of its first start is not done on this host, which runs

    @property
    def mends(self) -> tuple[Mend, ...]:
        """Every finding that a step mends, once."""
        return tuple(dict.fromkeys(mend for step in self.steps for mend in step.mends))

    @property
    def known_passwords(self) -> tuple[str, ...]:
        """Accounts whose password everybody knows, until the plan replaces or locks it."""
        operations = (operation for step in self.steps for operation in step.operations)
        found = (each.user for each in operations if isinstance(each, AccountDo) and each.known_default)
        return tuple(dict.fromkeys(found))
