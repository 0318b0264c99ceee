"""How a profile moves the risk, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from thornwall.model.finding import Consequence, Move, Reach
from thornwall.report.words import move

_FAULTS: Mapping[Reach | Consequence, str] = {
    Reach.INTERNET: "that is used from the network",
    Reach.NETWORK: "that is used from the network",
    Reach.LOCAL: "that takes an account on the device",
    Reach.TOUCH: "that takes hands on the device",
    Consequence.TAKEOVER: "that gives control",
    Consequence.DISCLOSURE: "that lets data be read",
    Consequence.DISRUPTION: "by which data or a service is lost",
    Consequence.BLINDNESS: "that hides an attack",
}


def moves_as_comments(moves: Mapping[Move, Sequence[Reach | Consequence]]) -> str:
    """Lines of TOML comments: what is moved how far and why, and for which faults."""
    return "".join(f"# {words}\n" for words in _lines(moves))


def _lines(moves: Mapping[Move, Sequence[Reach | Consequence]]) -> Iterator[str]:
    if not moves:
        yield "It moves no risk: findings rank as on an unremarkable device at home."
        return
    yield "How it moves the risk (of what it controls, and of what it holds, the worst counts):"
    for moved, faults in moves.items():
        yield f"  {move(moved)}; for every fault{_which(faults)}"


def _which(faults: Sequence[Reach | Consequence]) -> str:
    if set(Consequence) <= set(faults):
        return ""
    return " " + " or ".join(dict.fromkeys(_FAULTS[each] for each in faults))
