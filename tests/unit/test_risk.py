"""What moves the risk, and the laws of the score. Expected numbers are the tables of docs/risk.md, by hand."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thornwall.model.finding import (
    Attacker,
    Consequence,
    Effort,
    FaultClass,
    Finding,
    Fixable,
    Kind,
    Move,
    Reach,
    Remedy,
    Risk,
    Status,
)
from thornwall.model.matrix import risk_of
from thornwall.model.profile import Controls, Data, Online, Place, Profile, Shows, Talks
from thornwall.rules.risk import impact_moves, likelihood_moves, moved, score

LOCK = Profile(controls=(Controls.LOCK,))
GAME = Profile(controls=(Controls.DISPLAY,), online=Online.NO, talks=(Talks.NOTHING,))


def likelihood(own: Reach, reach: Reach, profile: Profile = Profile()) -> int:  # noqa: B008 - frozen
    return sum(move.by for move in likelihood_moves(own, reach, profile))


def impact(consequence: Consequence, profile: Profile) -> int:
    return sum(move.by for move in impact_moves(consequence, profile))


@pytest.mark.parametrize(
    ("own", "reach", "profile", "expected"),
    [
        (Reach.NETWORK, Reach.NETWORK, Profile(), 0),
        (Reach.NETWORK, Reach.INTERNET, Profile(), 1),
        (Reach.NETWORK, Reach.NETWORK, Profile(online=Online.EXPOSED), 1),
        (Reach.NETWORK, Reach.LOOPBACK, Profile(), -2),
        (Reach.NETWORK, Reach.FIREWALLED, Profile(), -2),
        (Reach.NETWORK, Reach.NETWORK, Profile(online=Online.NO), -3),
        (Reach.LOCAL, Reach.LOCAL, Profile(online=Online.EXPOSED), 0),
        (Reach.TOUCH, Reach.TOUCH, Profile(place=Place.PUBLIC), 2),
        (Reach.TOUCH, Reach.TOUCH, Profile(place=Place.LOCKED), -2),
        (Reach.NETWORK, Reach.NETWORK, Profile(place=Place.PUBLIC), 0),
    ],
)
def test_exposure_moves_the_likelihood(own: Reach, reach: Reach, profile: Profile, expected: int) -> None:
    assert likelihood(own, reach, profile) == expected


@pytest.mark.parametrize(
    ("consequence", "profile", "expected"),
    [
        (Consequence.TAKEOVER, Profile(), 0),
        (Consequence.TAKEOVER, LOCK, 2),
        (Consequence.TAKEOVER, GAME, -2),
        (Consequence.DISRUPTION, Profile(controls=(Controls.CAMERA,)), 0),
        (Consequence.DISCLOSURE, Profile(data=(Data.MEDICAL, Data.PERSONAL)), 2),
        (Consequence.TAKEOVER, Profile(controls=(Controls.APPLIANCE,), data=(Data.PASSWORDS,)), 2),
        (Consequence.DISRUPTION, Profile(shows=Shows.OTHERS), 1),
        (Consequence.BLINDNESS, Profile(data=(Data.MEDICAL,)), 0),
    ],
)
def test_the_profile_moves_the_impact(consequence: Consequence, profile: Profile, expected: int) -> None:
    assert impact(consequence, profile) == expected


def test_the_same_fault_on_a_door_lock_and_on_an_offline_game() -> None:
    """The first document's own example."""

    def level(profile: Profile) -> Risk:
        moves = [
            *likelihood_moves(Reach.NETWORK, Reach.NETWORK, profile),
            *impact_moves(Consequence.TAKEOVER, profile),
        ]
        likelihood_, impact_, _ = moved(4, 3, moves)
        return risk_of(likelihood_, impact_)

    assert level(LOCK) is Risk.EXTREME
    assert level(Profile()) is Risk.HIGH
    assert level(GAME) is Risk.LOW


def test_a_move_at_the_edge_counts_for_what_it_did() -> None:
    moves = [Move("impact", 2, "a"), Move("likelihood", 3, "b"), Move("impact", 1, "c")]
    assert moved(5, 4, moves) == (5, 5, (Move("impact", 1, "a"),))


def finding(status: Status, likelihood_: int, impact_: int, rule: str = "r") -> Finding:
    return Finding(
        rule=rule,
        subject="s",
        status=status,
        kind=Kind.MISCONFIGURATION,
        fault_class=FaultClass.CONFIGURATION,
        title="t",
        likelihood=likelihood_,
        impact=impact_,
        risk=risk_of(likelihood_, impact_),
        detail="",
        attacker=Attacker.WORM,
        remedy=Remedy("r", Effort.MINUTE),
        fixable=Fixable.AUTOMATIC,
    )


findings = st.lists(
    st.builds(finding, st.sampled_from(Status), st.integers(1, 5), st.integers(1, 5), st.sampled_from("abcdefgh")),
    min_size=1,
    max_size=40,
)


@given(findings, st.data())
def test_mending_never_lowers_the_score(some: list[Finding], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(some) - 1))
    mended = [*some[:at], dataclasses.replace(some[at], status=Status.PASS), *some[at + 1 :]]
    assert 0 <= score(some) <= score(mended) <= 100


@given(findings)
def test_no_good_score_with_something_extreme_open(some: list[Finding]) -> None:
    if any(one.status is Status.FAIL and one.risk is Risk.EXTREME for one in some):
        assert score(some) <= 40


def test_nothing_open_is_a_hundred() -> None:
    assert score([finding(Status.PASS, 5, 5), finding(Status.WAIVED, 5, 5), finding(Status.MANUAL, 5, 5)]) == 100


def test_three_hundred_of_a_kind_are_one_fault() -> None:
    one = finding(Status.FAIL, 2, 4)
    # 8 points of 80 that halve it: 100 * 0.5 ** 0.1
    assert score([one]) == score([one] * 300) == 93
    assert score([one, finding(Status.FAIL, 2, 4, "other")]) == 87
    assert score([finding(Status.UNKNOWN, 4, 4)]) == 97
