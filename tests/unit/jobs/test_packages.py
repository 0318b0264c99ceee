"""Packages come on whoever watches: a link that breaks meanwhile is made anew, and all is heard from the start."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import replace

import pytest

from thornwall.errors import (
    AuthenticationError,
    HostAnswerError,
    HostKeyError,
    LinkBrokeError,
    ThornwallError,
    UnansweredError,
    UnreachableError,
)
from thornwall.jobs.packages import Bringing, left_of
from thornwall.jobs.read import Before
from thornwall.model.change import Packages

STAGED = "STAGED\t0007"
CAME = "BROUGHT\t0007\tufw\t-\t-\t-"
BROKE = LinkBrokeError("the connection broke")
HINT = "packages were on their way"
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
        for line in lines:
            before.hear(f"{nonce[1]}\t{line}\n".encode())
        if error:
            raise error

    def tell(self, text: str) -> None:
        self.told.append(text)

    def bring(self) -> Bringing:
        bringing = Bringing(Packages(("ufw",)), lambda _: None)
        asyncio.run(bringing.watch(self.read, self, HINT))
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


@pytest.mark.parametrize(
    ("heard", "error"),
    [
        ([STAGED, "BROUGHT\t0007"], None),  # a line that makes no sense
        ([STAGED, CAME], HostAnswerError("garbage")),  # what was read of the host then
        ([STAGED], UnansweredError("nobody to ask")),
        ([STAGED], HostKeyError("another machine")),
    ],
)
def test_what_is_no_broken_link_is_told_at_once(
    heard: list[str], error: ThornwallError | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = Device(monkeypatch, (heard, error))
    with pytest.raises(type(error or HostAnswerError(""))) as caught:
        device.bring()
    assert HINT in caught.value.hint
    assert device.now == 0


def test_whoever_watched_may_be_killed_on_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """As by a restart of the host, or for want of memory: the answer ends, and the connection ends in good order."""
    device = Device(monkeypatch, ([STAGED], HostAnswerError("it ended before")), ([STAGED, CAME], None))
    assert device.bring().brought.came == 1


def test_a_login_that_is_refused_meanwhile_is_tried_again_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = AuthenticationError("the system is going down (pam_nologin)", hint="check the key")
    device = Device(monkeypatch, ([STAGED], BROKE), ([], refused), ([], refused), ([STAGED, CAME], None))
    assert device.bring().brought.came == 1
    device = Device(monkeypatch, ([STAGED], BROKE), *[([], refused)] * 9)
    with pytest.raises(AuthenticationError) as caught:
        device.bring()
    assert caught.value.hint.splitlines() == ["check the key", HINT]
    assert len(device.links) == 5


def test_what_was_told_more_than_once_is_one_note(monkeypatch: pytest.MonkeyPatch) -> None:
    cut = "TROUBLE\tthe work on packages\tit was cut off"
    assert Device(monkeypatch, ([STAGED, cut, cut, CAME], None)).bring().notes == (
        "the work on packages had trouble: it was cut off",
    )


def test_a_link_that_breaks_for_ever_comes_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the host does."""
    device = Device(monkeypatch, *[([STAGED], BROKE)] * 200)
    with pytest.raises(LinkBrokeError):
        device.bring()
    assert len(device.links) >= 100


def test_what_is_left_of_work_that_was_cut_off() -> None:
    """No more than was agreed to, and no more than is wanted still."""
    agreed = Packages(
        ("ufw", "aide", "usbguard"), upgrade=True, refresh=True, remove=("cups",), off=("usbguard.service",)
    )
    now = Packages(("aide", "usbguard", "debsums"), upgrade=True, remove=("cups", "rpcbind"))
    left = Packages(("aide", "usbguard"), upgrade=True, remove=("cups",), off=("usbguard.service",))
    assert left_of(agreed, now) == left
    assert left_of(agreed, replace(now, upgrade=False)) == replace(left, upgrade=False)
    assert left_of(agreed, Packages(("debsums",))) is None
    assert left_of(agreed, None) is None


@pytest.mark.parametrize("cut", [True, False])
def test_work_that_was_cut_off_is_known_as_such(cut: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    trouble = "TROUBLE\tthe work on packages\tit was cut off" if cut else "TROUBLE\tupgrading\tno room"
    assert Device(monkeypatch, ([STAGED, trouble, CAME], None)).bring().cut_off is cut
