"""Risk = likelihood x impact, moved by exposure and by what the device is for, with the reason for each move.

A rule's own numbers are for an unremarkable device at home on the local network. What moves them is the first
document's list of questions ('What kind of target is your device?'), as tables.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from thornwall.model.finding import Consequence, Finding, Move, Reach, Risk, Status
from thornwall.model.profile import Controls, Data, Online, Place, Profile, Shows, Talks

_REACH: dict[Reach, tuple[int, str]] = {
    Reach.INTERNET: (1, "reachable from the Internet"),
    Reach.NETWORK: (0, "reachable from the network"),
    Reach.FIREWALLED: (-2, "the firewall lets nobody through to it"),
    Reach.LOOPBACK: (-2, "only programs on the device itself reach it"),
}

_PLACE: dict[Place, tuple[int, str]] = {
    Place.LOCKED: (-2, "the device is locked away"),
    Place.SHARED: (1, "other people pass by the device"),
    Place.PUBLIC: (2, "the device stands where the public can touch it"),
}

_HARDWARE: dict[Controls, tuple[int, str, frozenset[Consequence]]] = {
    Controls.LOCK: (2, "it controls a lock", frozenset(Consequence)),
    Controls.CAMERA: (2, "it has a camera", frozenset({Consequence.TAKEOVER, Consequence.DISCLOSURE})),
    Controls.NETWORK: (1, "it is part of the network", frozenset(Consequence)),
    Controls.APPLIANCE: (1, "it controls an appliance", frozenset({Consequence.TAKEOVER, Consequence.DISRUPTION})),
}

_DATA: dict[Data, tuple[int, str]] = {
    Data.MEDICAL: (2, "it holds medical data"),
    Data.FINANCIAL: (2, "it holds financial data"),
    Data.VIDEO: (1, "it holds pictures or video"),
    Data.PERSONAL: (1, "it holds personal data"),
    Data.PASSWORDS: (1, "it holds passwords that open other things"),
}


def likelihood_moves(own: Reach, reach: Reach, profile: Profile) -> Iterator[Move]:
    """What exposure does to the likelihood of a fault that is used from `own`, and on this host from `reach`."""
    if reach is Reach.NETWORK and profile.online is Online.EXPOSED:
        reach = Reach.INTERNET
    if reach in {Reach.NETWORK, Reach.INTERNET} and profile.online is Online.NO:
        yield Move("likelihood", -3, "the device is on no network")
    elif reach in _REACH and (by := _REACH[reach][0] - _REACH.get(own, (0, ""))[0]):
        yield Move("likelihood", by, _REACH[reach][1])
    if reach is Reach.LOCAL and profile.online is Online.NO:
        yield Move("likelihood", -1, "the device is on no network, so few get as far as an account")
    if reach is Reach.TOUCH and profile.place in _PLACE:
        by, why = _PLACE[profile.place]
        yield Move("likelihood", by, why)


def impact_moves(consequence: Consequence, profile: Profile) -> Iterator[Move]:
    """What the device is for does to the impact: the worst of what it controls and the worst of what it holds."""
    gains = [gain for controlled in profile.controls for gain in _controlled(controlled, consequence)]
    if consequence in {Consequence.TAKEOVER, Consequence.DISRUPTION} and profile.shows is Shows.OTHERS:
        gains.append((1, "others see what it displays"))
    if consequence is not Consequence.BLINDNESS and Talks.TRAFFIC in profile.talks:
        gains.append((1, "other people's traffic passes through it"))
    if gains:
        yield Move("impact", *max(gains, key=lambda gain: gain[0]))
    held = [_DATA[data] for data in profile.data if data in _DATA]
    if held and consequence in {Consequence.TAKEOVER, Consequence.DISCLOSURE}:
        yield Move("impact", *max(held, key=lambda gain: gain[0]))
    if not gains and not held and profile.online is Online.NO:
        yield Move("impact", -2, "it holds nothing, controls nothing and is on no network")


def _controlled(controlled: Controls, consequence: Consequence) -> Iterator[tuple[int, str]]:
    if controlled in _HARDWARE:
        by, why, consequences = _HARDWARE[controlled]
        if consequence in consequences:
            yield by, why


def profile_moves(profile: Profile) -> dict[Move, list[Reach | Consequence]]:
    """Everything that the profile alone moves, and for faults of which reach or consequence."""
    found: dict[Move, list[Reach | Consequence]] = {}
    for reach in Reach:
        for move in likelihood_moves(reach, reach, profile):
            found.setdefault(move, []).append(reach)
    for consequence in Consequence:
        for move in impact_moves(consequence, profile):
            found.setdefault(move, []).append(consequence)
    return found


def moved(likelihood: int, impact: int, moves: Sequence[Move]) -> tuple[int, int, tuple[Move, ...]]:
    """Likelihood and impact after the moves, kept within 1–5; a move that reaches the edge counts for what it did."""
    if not moves:
        return likelihood, impact, ()
    numbers = {"likelihood": likelihood, "impact": impact}
    done: list[Move] = []
    for move in moves:
        after = min(5, max(1, numbers[move.axis] + move.by))
        if after != numbers[move.axis]:
            done.append(Move(move.axis, after - numbers[move.axis], move.why))
            numbers[move.axis] = after
    return numbers["likelihood"], numbers["impact"], tuple(done)


CAPS = {Risk.EXTREME: 40, Risk.HIGH: 75}
"""No host with an open extreme (high) finding scores above this."""

HALF_LIFE = 80
"""So many points of likelihood x impact, open together, halve the score."""


UNKNOWN_WEIGHT = 0.25
"""What is unknown counts a quarter of what it would if it failed."""


def score(findings: Iterable[Finding]) -> int:
    """0–100: 100 halved for every 80 points of open risk, capped by the worst finding.

    Each rule counts once, by its worst subject: three hundred files of one kind are one fault. The score only ever
    falls with what is open, so mending a finding never lowers it.
    """
    lost: dict[str, float] = {}
    cap = 100
    for finding in findings:
        points = 0.0
        if finding.status is Status.FAIL:
            points = finding.risk_removed
            cap = min(cap, CAPS.get(finding.risk, 100))
        elif finding.status is Status.UNKNOWN:
            points = finding.risk_removed * UNKNOWN_WEIGHT
        lost[finding.rule] = max(points, lost.get(finding.rule, 0))
    return min(cap, math.floor(100 * math.pow(0.5, sum(lost.values()) / HALF_LIFE) + 0.5))
