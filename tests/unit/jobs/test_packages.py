"""Packages come on whoever watches: a link that breaks meanwhile is made anew, and all is heard from the start."""

from __future__ import annotations

import asyncio
import re
import time

import pytest

from thornwall.errors import AuthenticationError, HostAnswerError, LinkBrokeError, ThornwallError, UnreachableError
from thornwall.jobs.packages import Bringing
from thornwall.jobs.read import Before
from thornwall.model.change import Packages

STAGED = "STAGED\t0007"
CAME = "BROUGHT\t0007\tufw\t-\t-\t-"
BROKE = LinkBrokeError("the connection broke")
AWAY = UnreachableError("it does not answer")


class Device:
    """Answers each connection in turn: what it says on it, and how that ends (None: as it should)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *links: tuple[list[str], ThornwallError | None]) -> None:
        self.links, self.scripts, self.told = list(links), list[str](), list[str]()
        self.now = 0.0
        monkeypatch.setattr(asyncio, "sleep", self.sleep)
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def read(self, before: Before) -> None:
        lines, error = self.links.pop(0)
        self.scripts.append(before.script)
        nonce = re.search(r" N=(\w+)", before.script)
        assert nonce
        before.hear("".join(f"{nonce[1]}\t{line}\n" for line in lines).encode())
        if error:
            raise error

    def tell(self, text: str) -> None:
        self.told.append(text)

    def bring(self) -> Bringing:
        bringing = Bringing(Packages(("ufw",)), lambda _: None)
        asyncio.run(bringing.watch(self.read, self))
        return bringing


def test_a_link_that_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device(monkeypatch, ([STAGED, CAME], None))
    assert device.bring().brought.came == 1
    assert device.told == []


def test_a_link_that_breaks_is_made_anew_and_nothing_is_begun_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    trouble = "TROUBLE\tupgrading\tno room"
    device = Device(monkeypatch, ([STAGED, trouble], BROKE), ([], AWAY), ([STAGED, trouble, CAME], None))
    bringing = device.bring()
    assert (bringing.brought.came, bringing.record) == (1, "0007")
    assert bringing.notes == ("upgrading had trouble: no room",)  # and told once
    assert len(device.told) == 1
    first, *others = device.scripts
    assert "apt-get" in first
    assert all("ID=0007 " in script and "write_parts" not in script and "launch" not in script for script in others)


@pytest.mark.parametrize("error", [BROKE, AWAY])
def test_what_had_not_begun_is_not_waited_for(error: ThornwallError, monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device(monkeypatch, ([], error))
    with pytest.raises(UnreachableError, match=error.message):
        device.bring()


def test_a_host_that_stays_away_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device(monkeypatch, ([STAGED], BROKE), *[([], AWAY)] * 200)
    with pytest.raises(UnreachableError, match=AWAY.message):
        device.bring()
    assert 600 < device.now < 1800


@pytest.mark.parametrize("error", [HostAnswerError("garbage"), AuthenticationError("refused")])
def test_what_is_no_broken_link_is_told_at_once(error: ThornwallError, monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device(monkeypatch, ([STAGED], error))
    with pytest.raises(type(error), match=error.message):
        device.bring()


def test_a_link_that_breaks_for_ever_comes_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the host does: it is asked a hundred times and no more."""
    device = Device(monkeypatch, *[([STAGED], BROKE)] * 200)
    with pytest.raises(UnreachableError):
        device.bring()
    assert len(device.links) == 100
