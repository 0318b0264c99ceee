"""A login under the new rules is tried again where a firewall that counts takes no more for half a minute."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from thornwall.apply.events import Canary
from thornwall.errors import (
    AuthenticationError,
    LinkBrokeError,
    LoopbackError,
    ThornwallError,
    TunnelError,
    UnreachableError,
)
from thornwall.jobs.canary import answer_canary
from thornwall.jobs.follow import Said

REFUSED = UnreachableError("host refuses the connection")
COUNTED = 30  # ufw(8): "6 or more connections in the last 30 seconds"


class Device:
    """One that answers the logins in turn as it is told to, and hears what is said to it."""

    def __init__(self, canary: list[ThornwallError | None], own: list[ThornwallError | None]) -> None:
        self.canary, self.own, self.said = canary, own, list[str]()

    async def run_canary(self, *_: object) -> None:
        if error := self.canary.pop(0):
            raise error

    async def run(self, script: str, **_: object) -> None:
        if error := self.own.pop(0):
            raise error
        self.said.append(script)


def tried(device: Device, monkeypatch: pytest.MonkeyPatch) -> float:
    """The seconds that were waited."""
    waited = [0.0]

    async def sleep(seconds: float) -> None:
        waited[0] += seconds

    said = Said(lambda _: None)
    said.hear(Canary("0007", 20022, "0123-4567-89ab"))
    monkeypatch.setattr(asyncio, "sleep", sleep)
    asyncio.run(answer_canary(cast("Any", device), said, None))
    assert (device.canary, device.own) == ([], [])
    return waited[0]


def test_a_login_that_works_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tried(Device([None], []), monkeypatch) == 0


def test_a_connection_that_is_refused_is_made_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device([REFUSED, None], [])
    assert tried(device, monkeypatch) > COUNTED
    assert device.said == []


def test_that_it_cannot_be_reached_is_said_once_more_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device waits for an answer, and would refuse the whole change without one."""
    device = Device([LoopbackError("no forwarding")], [REFUSED, None])
    assert tried(device, monkeypatch) > COUNTED
    assert "skip it could not be reached" in device.said[0]


def test_behind_a_jump_host_a_refused_connection_is_no_lack_of_forwarding(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device([TunnelError("the jump host cannot connect"), None], [])
    assert tried(device, monkeypatch) > COUNTED
    assert device.said == []


@pytest.mark.parametrize("error", [AuthenticationError("refused the login"), LinkBrokeError("it broke")])
def test_what_would_shut_the_owner_out_is_not_tried_again(
    error: ThornwallError, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = Device([error], [None])
    assert tried(device, monkeypatch) == 0
    assert f"no {error.message}" in device.said[0]
