"""What is said of a change when its making is stopped: what was seen of it until then, and no more."""

from __future__ import annotations

from typing import Any, cast

import pytest

from thornwall.apply.events import Armed
from thornwall.jobs import agreement, harden
from thornwall.jobs.follow import Said
from thornwall.jobs.judging import Judging
from thornwall.jobs.link import link_to
from thornwall.jobs.proving import Proving
from thornwall.jobs.reach import Reaching
from thornwall.model.plan import Answers, Plan
from thornwall.plan.planner import Choice
from thornwall.prove.claims import Claims
from thornwall.transport.base import Nobody


def told(*, armed: bool = False, asked: bool = False, kept: bool = False) -> str:
    link = link_to("pi@host", Reaching(), Nobody())
    judging = Judging(today="2026-11-29")
    wanted = agreement.Wanted(window=90)
    work = agreement.Work(link, judging, cast("Any", None), wanted, lambda _: None, Answers(), Choice())
    work.said = Said(lambda _: None, heard=[Armed(17)] if armed else [])
    work.proving = Proving(link, Plan("pi@host"), Claims(), judging, lambda _: None, asked=asked, kept=kept)
    return harden._goes_on(work)


@pytest.mark.parametrize(
    ("seen", "start"),
    [
        (
            {},
            "The change had not begun; should it have at that very moment, the host takes it back by itself within 90",
        ),
        (
            {"armed": True},
            "Nobody confirms the change now: the host takes it back by itself within 90 seconds. To look:",
        ),
        ({"armed": True, "asked": True}, "It may have been confirmed by now; if not, the host takes it back by itself"),
        (
            {"armed": True, "asked": True, "kept": True},
            "The change is confirmed, and stays. To go back: thornwall undo",
        ),
    ],
)
def test_what_goes_on(seen: dict[str, bool], start: str) -> None:
    assert told(**seen).startswith(start)
