"""The attack surface: 'the set of all the ways a system is exposed to potential attack' (the first document)."""

from __future__ import annotations

from dataclasses import field

from thornwall.model.finding import Reach
from thornwall.model.record import record


@record
class Listener:
    """One listening socket. `pid` is -1, and strings are empty, where the host did not tell.

    `reach`: from where it can be talked to. `layers`: what stands between an attacker and it, outermost first, as
    clauses ('the firewall drops it', 'asks for a login', 'bound to loopback'). `speaks`: the protocol that is usual
    there. `plaintext`: that protocol sends logins or data in the clear. `role`: `web`, `database`, `broker`, `share`,
    `login`, `discovery`, `print`, `name`, `time` or `other`.
    """

    protocol: str  # tcp or udp
    address: str
    port: int
    program: str = ""
    pid: int = -1
    user: str = ""
    unit: str = ""
    package: str = ""
    reach: Reach = Reach.NETWORK
    layers: tuple[str, ...] = ()
    speaks: str = ""
    plaintext: bool = False
    role: str = "other"


@record
class Connection:
    """One established connection; `inbound`: the other side opened it (our port is one that listens)."""

    protocol: str
    local: str
    peer: str
    program: str = ""
    user: str = ""
    inbound: bool = False


@record
class PhysicalWay:
    """A radio, port, console or card: what it is, `open`, `closed` or `unknown`, and why we say so."""

    name: str
    state: str
    detail: str = ""


@record
class WayIn:
    """One way to log in: the `method` ('SSH with a password', 'autologin on tty1'), for whom, and what guards it."""

    method: str
    who: tuple[str, ...]
    guard: str = ""


@record
class Person:
    """An account that somebody can use: how it is entered, and what it may do.

    `keys`: comments of its authorized keys. `sudo`: empty, or what it may do ('everything, no password').
    """

    account: str
    uid: int
    password: str
    sudo: str = ""
    keys: tuple[str, ...] = ()
    shell: str = ""


@record
class Surface:
    """Everything through which the host can be attacked. `gaps`: what could not be read, as sentences."""

    listeners: tuple[Listener, ...] = ()
    connections: tuple[Connection, ...] = ()
    radios: tuple[PhysicalWay, ...] = ()
    physical: tuple[PhysicalWay, ...] = ()
    ways_in: tuple[WayIn, ...] = ()
    people: tuple[Person, ...] = ()
    gaps: tuple[str, ...] = field(default=())
