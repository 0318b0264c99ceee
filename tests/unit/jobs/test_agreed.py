"""What packages bring into a plan was not agreed to."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from thornwall.jobs import harden
from thornwall.jobs.link import link_to
from thornwall.jobs.reach import Reaching
from thornwall.model.change import Packages, Purpose
from thornwall.model.plan import Answers, Mend, Plan, Step
from thornwall.plan.planner import Choice
from thornwall.transport.base import Nobody


def step(name: str, purpose: Purpose = Purpose.KERNEL) -> Step:
    return Step(name, purpose, name, (Packages(("x",)),), (Mend(name, "host"),))


def test_a_step_that_is_new_after_the_packages_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    agreed = Plan("host", (step("packages", Purpose.PACKAGES), step("old")))
    after = Plan("host", (step("old"), step("new"), step("not-to-be-had", Purpose.PACKAGES)))
    work = harden._Work(
        link_to("pi@host", Reaching(), Nobody()), cast("Any", None), cast("Any", None), harden.Wanted(),
        lambda _: None, Answers(), Choice(skip=frozenset({"backup"})),
    )  # fmt: skip
    work.planned = cast("Any", SimpleNamespace(plan=agreed))

    async def read(work: harden._Work, before: object = None) -> None:
        work.planned = cast("Any", SimpleNamespace(plan=after))

    monkeypatch.setattr(harden, "_read", read)
    monkeypatch.setattr(harden, "_again", lambda _: None)
    asyncio.run(harden._bring(work, Packages(("x",))))
    unwanted = frozenset({Mend("new", "host"), Mend("not-to-be-had", "host")})
    assert work.choice == replace(Choice(skip=frozenset({"backup"})), not_mends=unwanted)
