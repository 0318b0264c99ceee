"""After a failed proof: whether the host is back is what it was seen to be, never what one hopes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import pytest

from thornwall.errors import AuthenticationError, Exit, HostKeyError, StoppedError, ThornwallError, UnreachableError
from thornwall.jobs import follow, proof
from thornwall.jobs.follow import stopped
from thornwall.jobs.judging import Judging
from thornwall.jobs.link import Link, link_to
from thornwall.jobs.proof import Proving, back
from thornwall.jobs.reach import Reaching
from thornwall.model.finding import HostName, Report
from thornwall.model.outcome import Outcome
from thornwall.model.plan import Plan
from thornwall.prove.claims import Claims
from thornwall.transport.base import Nobody, Ran

NONCE = "n" * 16
UNREACHABLE = UnreachableError("no connection")
Answer = str | ThornwallError


@dataclass
class Host:
    """Gives one answer to each login: lines of the device, or an error. The last one again and again."""

    answers: list[Answer]
    logins: int = 0
    scripts: list[str] = field(default_factory=list)

    async def run(self, script: str, *, feed: Callable[[bytes], object], seconds: float = 0, idle: float = 0) -> Ran:
        assert idle == seconds > 0  # what it runs there may be silent all that time
        self.scripts.append(script)
        answer = self.answers[min(self.logins, len(self.answers) - 1)]
        self.logins += 1
        if isinstance(answer, ThornwallError):
            raise answer
        feed("".join(f"{NONCE}\t{line}\n" for line in answer.splitlines()).encode())
        return Ran(0)


def proving(host: Host, monkeypatch: pytest.MonkeyPatch) -> Proving:
    monkeypatch.setattr(follow, "new_nonce", lambda: NONCE)
    monkeypatch.setattr(proof, "_PAUSE", 0.0)
    link = link_to("pi@host", Reaching(), Nobody())
    monkeypatch.setattr(Link, "run", lambda _, script, **rest: host.run(script, **rest))
    return Proving(link, cast("Plan", None), Claims(), Judging(today="2026-11-22"), lambda _: None)


OPEN = "CHANGE\t0007\topen\t0\t1\t-\t20\tguarded\tharden\t-\nEND\t-"

BACK: dict[str, tuple[list[Answer], bool, str]] = {
    "at once": (["TAKING_BACK\tit was asked for\nUNDONE\t0007"], True, ""),
    "after a while": ([UNREACHABLE, AuthenticationError("sudo"), "UNDONE\t0007"], True, ""),
    "the host forgot what it had not begun": (["REFUSED\tthere is no such change\t-", "END\t-"], True, ""),
    "another change is not this one": (
        ["REFUSED\tthere is no such change\t-", "CHANGE\t0006\tconfirmed\t0\t1\t-\t-\t-\tx\t-\nEND\t-"],
        True,
        "",
    ),
    "it is at it already": (["REFUSED\tthe record is damaged\t-", OPEN, "UNDONE\t0007"], True, ""),
    "it could not": (["STUCK\tthe disk is broken", OPEN], False, "The device says: the disk is broken."),
    "the host is another": ([HostKeyError("CHANGED")], False, "Its key is another one now"),
}


@pytest.mark.parametrize("case", BACK)
def test_back(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers, verified, note = BACK[case]
    host = Host(answers)
    before = Outcome("pi@host", cast("Report", None), transaction="0007")
    outcome = asyncio.run(back(proving(host, monkeypatch), before, "a proof failed"))
    assert (outcome.taken_back, outcome.verified, outcome.failed) == (True, verified, "a proof failed")
    assert " ".join(outcome.notes).startswith(note)
    assert bool(outcome.notes) == bool(note)
    assert "0007" in host.scripts[0]


def test_never_seen_is_never_said(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host([UNREACHABLE])
    monkeypatch.setattr(proof, "_REBOOT", 0.0)
    waiting = proving(host, monkeypatch)
    waiting.window = 0.05
    before = Outcome("pi@host", cast("Report", None), transaction="0007")
    outcome = asyncio.run(back(waiting, before, "it is gone"))
    assert (outcome.taken_back, outcome.verified) == (True, False)
    assert host.logins > 1


def test_ctrl_c_tells_what_goes_on() -> None:
    async def work() -> None:
        with stopped("The host takes it back."):
            await asyncio.sleep(60)

    async def interrupted() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(StoppedError, match=r"Interrupted\. The host takes it back\.") as caught:
        asyncio.run(interrupted())
    assert caught.value.exit_code is Exit.INTERRUPTED


def test_what_could_not_be_tried_once_it_is_kept_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def shut(_: Link, script: str, **rest: object) -> Ran:
        raise UNREACHABLE

    about = proving(Host([]), monkeypatch)
    about.claims = Claims(sudo_asks=True)
    about.plan = Plan("pi@host", ())
    monkeypatch.setattr(Link, "as_login", shut)
    (proof_,) = asyncio.run(proof.refused(about))
    assert (proof_.ok, proof_.detail) == (False, "could not be tried: no connection")


@pytest.mark.parametrize(("found", "tried"), [(["192.0.2.7"], {80}), ([], {22, 80})])
def test_the_port_of_ssh_is_tried_once(found: list[str], tried: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """As a greeting; but where the host is reached by a name that nothing here resolves, as the others."""
    asked: set[int] = set()

    async def addresses(name: str, port: int) -> tuple[str, ...]:
        return tuple(found)

    async def greets(address: str, port: int) -> bool:
        return True

    async def open_ports(address: str, ports: set[int]) -> frozenset[int]:
        asked.update(ports)
        return frozenset(ports)

    about = proving(Host([]), monkeypatch)
    about.claims = Claims(kept=(22, 80))
    about.plan = Plan("pi@host", (), host=HostName("pi", address="192.0.2.7"))
    for replaced in (addresses, greets, open_ports):
        monkeypatch.setattr(proof, replaced.__name__, replaced)
    asyncio.run(about.look_before())
    assert asked == tried
    assert about.families == tuple(found)
