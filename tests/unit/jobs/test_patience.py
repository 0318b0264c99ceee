"""A connection that a host refuses is made once more after half a minute, where that may be its firewall's count."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import cast

import pytest

from thornwall.errors import AuthenticationError, CountedError, ThornwallError, UnreachableError
from thornwall.jobs import unsaid
from thornwall.jobs.link import Link, link_to
from thornwall.jobs.patience import patiently
from thornwall.jobs.reach import Reaching
from thornwall.transport.base import Nobody
from thornwall.transport.target import SshTarget

REFUSED = CountedError("pi@roof refuses the connection")
COUNTED = 30  # ufw(8): "6 or more connections in the last 30 seconds"


class Host:
    """One that answers the logins in turn as it is told to. `waited`: seconds, before each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: ThornwallError | None) -> None:
        self.answers, self.waited, self.said = list(answers), 0.0, list[str]()
        monkeypatch.setattr(asyncio, "sleep", self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.waited += seconds

    async def login(self) -> str:
        if error := self.answers.pop(0):
            raise error
        return "in"

    def tried(self, link: Link | None = None) -> str:
        login = patiently if link is None else link.patiently
        try:
            return asyncio.run(login(self.login, self.said.append))
        except ThornwallError as error:
            return error.message


def test_who_gets_in_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch, None)
    assert (host.tried(), host.waited, host.said) == ("in", 0, [])


def test_a_refused_connection_is_made_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch, REFUSED, None)
    assert host.tried() == "in"
    assert host.waited > COUNTED
    assert "counts logins" in host.said[0]


def test_it_is_made_once_more_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch, REFUSED, REFUSED)
    assert host.tried() == REFUSED.message
    assert host.answers == []


@pytest.mark.parametrize("error", [UnreachableError("no way there"), AuthenticationError("refused the login")])
def test_what_is_something_else_is_told_at_once(error: ThornwallError, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch, error)
    assert (host.tried(), host.waited) == (error.message, 0)


def test_while_a_change_waits_nothing_else_is_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    link = link_to("pi@roof", Reaching(), Nobody())
    assert Host(monkeypatch, REFUSED, None).tried(link) == "in"
    link.patient = False
    assert Host(monkeypatch, REFUSED).tried(link) == REFUSED.message
    link.patient = True
    unsaid.keep(cast("SshTarget", link.target), "0007", unsaid.Known(until=time.time() + 60))
    assert Host(monkeypatch, REFUSED).tried(link) == REFUSED.message  # who waits here is told that it goes back
