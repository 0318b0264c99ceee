"""Connections are spread where the firewall counts them, and only there."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest

from thornwall.jobs.link import Link, link_to
from thornwall.jobs.reach import Reaching
from thornwall.transport.base import Nobody

HITS, SECONDS = 6, 30  # ufw(8): denied is who has tried "6 or more connections in the last 30 seconds"


def moments(link: Link, monkeypatch: pytest.MonkeyPatch, count: int = 13) -> list[float]:
    """When each of some connections is made; making one takes a second."""
    now = [1000.0]
    made = []

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    async def connect() -> None:
        for _ in range(count):
            await link.turn(lambda _: None)
            made.append(now[0])
            now[0] += 1

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(asyncio, "sleep", sleep)
    asyncio.run(connect())
    return made


def host(*, counted: bool) -> Link:
    link = link_to("pi@host", Reaching(), Nobody())
    link.counted = counted
    return link


def test_a_firewall_that_counts_is_never_met_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    made = moments(host(counted=True), monkeypatch)
    assert max(sum(0 <= then - moment < SECONDS for moment in made) for then in made) < HITS
    assert made[-1] - made[0] < 4 * SECONDS  # and no longer than need be


def test_others_are_not_kept_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    made = moments(host(counted=False), monkeypatch)
    assert {later - earlier for earlier, later in pairwise(made)} == {1}


def test_nothing_waits_beyond_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    link = host(counted=True)
    link.until = 1010
    made = moments(link, monkeypatch, count=6)
    assert made[-1] == 1005
