"""After a failed proof: whether the host is back is what it was seen to be, never what one hopes."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import pytest

from thornwall.apply.events import Applied, Change
from thornwall.errors import AuthenticationError, Exit, HostKeyError, StoppedError, ThornwallError, UnreachableError
from thornwall.jobs import back as going_back
from thornwall.jobs import follow, proof, refusals, unsaid
from thornwall.jobs import proving as proven
from thornwall.jobs.back import back
from thornwall.jobs.follow import stopped
from thornwall.jobs.judging import Judging
from thornwall.jobs.link import Link, link_to
from thornwall.jobs.proving import Proving
from thornwall.jobs.reach import Reaching
from thornwall.model.change import AccountDo, AccountField, Purpose
from thornwall.model.finding import HostName, Report
from thornwall.model.outcome import Outcome, Proof
from thornwall.model.plan import Plan, Step
from thornwall.prove.claims import Claims
from thornwall.transport.base import Limits, Nobody, Ran
from thornwall.transport.target import SshTarget

NONCE = "n" * 16
UNREACHABLE = UnreachableError("no connection")
Answer = str | ThornwallError


@dataclass
class Host:
    """Gives one answer to each login: lines of the device, or an error. The last one again and again."""

    answers: list[Answer]
    logins: int = 0
    scripts: list[str] = field(default_factory=list)

    async def run(self, script: str, *, feed: Callable[[bytes], object], limits: Limits) -> Ran:
        assert limits.idle_seconds == limits.seconds > 0  # what it runs there may be silent all that time
        assert not limits.busy  # a link that broke is found out soon
        self.scripts.append(script)
        answer = self.answers[min(self.logins, len(self.answers) - 1)]
        self.logins += 1
        if isinstance(answer, ThornwallError):
            raise answer
        feed("".join(f"{NONCE}\t{line}\n" for line in answer.splitlines()).encode())
        return Ran(0)


def proving(host: Host, monkeypatch: pytest.MonkeyPatch) -> Proving:
    monkeypatch.setattr(follow, "new_nonce", lambda: NONCE)
    for module in (proof, going_back):
        monkeypatch.setattr(module, "PAUSE", 0.0)
    link = link_to("pi@host", Reaching(), Nobody())
    monkeypatch.setattr(Link, "run", lambda _, script, **rest: host.run(script, **rest))
    return Proving(link, Plan("pi@host", ()), Claims(), Judging(today="2026-11-22"), lambda _: None)


APPLIED = Applied("0007", "0a1b2c3d-44", 60)
OPEN = "CHANGE\t0007\topen\t0\t1\t-\t20\tguarded\tharden\t-\t-\t-\t-\t-\nEND\t-"

UNDONE = OPEN.replace("\topen", "\tundone")
NO_RECORD = "REFUSED\tthere is no such change\t-"
OTHER = "CHANGE\t0006\tconfirmed\t0\t1\t-\t-\t-\tx\t-\t-\t-\t-\t-\nEND\t-"

BACK: dict[str, tuple[list[Answer], bool, str]] = {
    "at once": (["TAKING_BACK\tit was asked for\nUNDONE\t0007"], True, ""),
    "after a while": ([UNREACHABLE, AuthenticationError("sudo"), "UNDONE\t0007"], True, ""),
    "it is at it already": (["REFUSED\tthe record is damaged\t-", OPEN, "UNDONE\t0007"], True, ""),
    "not at once, and after its restart": (["STUCK\tnginx does not run", OPEN, UNREACHABLE, UNDONE], True, ""),
    "what it had made it forgot": ([NO_RECORD, "END\t-"], False, "The host that answers there keeps no record of"),
    "what it had made another took the place of": ([NO_RECORD, OTHER], False, "The host that answers there keeps no"),
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


@pytest.mark.parametrize("history", ["END\t-", OTHER])
def test_what_had_not_begun_is_told_as_such(history: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host forgets what it had not begun when the link broke: nothing was compared, for nothing was changed."""
    before = Outcome("pi@host", cast("Report", None), transaction="0007")
    about = proving(Host([NO_RECORD, history]), monkeypatch)
    about.window, there = 60, cast("SshTarget", about.link.target)
    about.begin("0007")
    assert unsaid.on_its_way(there, time.time())
    outcome = asyncio.run(back(about, before, "the link broke", applied=False))
    assert (outcome.taken_back, outcome.verified, outcome.begun) == (True, True, False)
    assert unsaid.on_its_way(there, time.time()) == ""  # nothing waits there


def test_what_stays_stuck_is_never_said_to_be_back(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(["STUCK\tnginx does not run", OPEN])
    monkeypatch.setattr(going_back, "REBOOT", 0.0)
    waiting = proving(host, monkeypatch)
    waiting.window = 0.2
    before = Outcome("pi@host", cast("Report", None), transaction="0007")
    outcome = asyncio.run(back(waiting, before, "a proof failed"))
    assert (outcome.verified, outcome.stuck) == (False, "nginx does not run")
    # the device tries again by itself: to ask it anew would only get in its way
    assert ["--frame" in script for script in host.scripts].count(True) == 1


def test_what_the_device_gives_up_is_told_at_once_and_not_as_what_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """It tries once more at its deadline, then with a restart; after that nobody need wait."""
    told: list[str] = []
    undoing = OPEN.replace("\topen", "\tundoing")
    stuck = undoing.replace("\t20\t", "\t-1\t").replace("harden\t-\t-\t-\t-", "harden\t-\t-\trestarted\tnginx is down")
    host = Host(["STUCK\tnginx does not run", undoing, UNREACHABLE, stuck, undoing, stuck, stuck, "never asked"])
    waiting = proving(host, monkeypatch)
    waiting.tell, waiting.window = told.append, 60
    outcome = asyncio.run(back(waiting, Outcome("pi@host", cast("Report", None), transaction="0007"), "a proof failed"))
    assert (outcome.gave_up, outcome.verified, outcome.late) == (True, False, False)
    assert outcome.stuck == "nginx is down"
    assert outcome.notes == ("The device started again for that.",)
    assert host.logins == 7
    assert told[1].startswith("Not everything goes back at once: nginx does not run. The device tries that again when")


@pytest.mark.parametrize(
    ("why", "cause"),
    [
        ("the host started again before anybody had confirmed it", "the change was still there to be confirmed"),
        ("nobody confirmed it in time", "a fresh login works"),  # that tells nothing of why nobody got in
    ],
)
def test_a_loss_of_power_is_the_cause_and_a_deadline_is_none(
    why: str, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host([UNDONE.replace("harden\t-\t-", f"harden\t-\t{why}"), "UNDONE\t0007"])
    about = proving(host, monkeypatch)
    about.missed = "no connection"
    shut_out = Proof("a fresh login works", ok=False, detail="no connection")
    outcome = Outcome("pi@host", cast("Report", None), transaction="0007", proofs=(shut_out,))
    found = asyncio.run(proof._not_kept(about, outcome, "not all was proved"))
    assert [each.name for each in found.proofs] == [cause]
    assert found.verified


def test_nobody_is_asked_for_a_password_only_to_know_why(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host([AuthenticationError("it asks"), "UNDONE\t0007"])
    about = proving(host, monkeypatch)
    about.missed = "no connection"
    muted: list[int] = []
    monkeypatch.setattr(Link, "ask_nobody", lambda _: muted.append(host.logins))
    outcome = Outcome("pi@host", cast("Report", None), transaction="0007", proofs=(Proof("x", ok=False),))
    found = asyncio.run(proof._not_kept(about, outcome, "not all was proved"))
    assert muted[0] == 0
    assert [each.name for each in found.proofs] == ["x"]


def test_what_somebody_has_confirmed_meanwhile_is_left_to_him(monkeypatch: pytest.MonkeyPatch) -> None:
    confirmed = OPEN.replace("\topen", "\tconfirmed")
    host = Host([UNREACHABLE, "REFUSED\tsomebody has confirmed change 0007 meanwhile\t-", confirmed])
    about = proving(host, monkeypatch)
    outcome = asyncio.run(back(about, Outcome("pi@host", cast("Report", None), transaction="0007"), "a proof failed"))
    assert (outcome.taken_back, outcome.stands) == (False, False)
    assert outcome.notes == ("Somebody has confirmed it meanwhile, and it stays: see whether you can log in.",)
    assert host.logins == 3
    assert all("KEEP=1" in script for script in host.scripts if "--frame" in script)


def test_what_this_program_asked_to_be_confirmed_goes_back_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was told that it could not be: then it must not stay either."""
    about = proving(Host(["UNDONE\t0007"]), monkeypatch)
    about.asked = True
    outcome = asyncio.run(back(about, Outcome("pi@host", cast("Report", None), transaction="0007"), "no answer"))
    assert outcome.verified


def test_one_look_that_finds_nobody_at_it_is_not_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the deadline and the guard's start, or before a restart."""
    undoing = OPEN.replace("\topen", "\tundoing")
    stuck = undoing.replace("\t20\t", "\t-1\t").replace("harden\t-\t-\t-\t-", "harden\t-\t-\t-\tnginx is down")
    host = Host(["STUCK\tnginx", stuck, UNREACHABLE, UNREACHABLE, stuck, UNREACHABLE, UNDONE])
    about = proving(host, monkeypatch)
    outcome = asyncio.run(back(about, Outcome("pi@host", cast("Report", None), transaction="0007"), "a proof failed"))
    assert (outcome.verified, outcome.gave_up) == (True, False)


def test_while_it_is_waited_for_the_deadline_does_not_pass_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    waiting = proving(Host([AuthenticationError("the login was refused")]), monkeypatch)
    monkeypatch.setattr(going_back, "REBOOT", 0.2)
    waiting.tell, waiting.window, waiting.claims = told.append, 0.05, Claims(password_refused=True)
    outcome = asyncio.run(back(waiting, Outcome("pi@host", cast("Report", None), transaction="0007"), "it is gone"))
    assert told[1:] == ["Its time is up, and it was not seen to be back yet: the login was refused."]
    assert outcome.late
    assert outcome.notes == ("Once it is back, SSH takes passwords again, should your key not open it any more.",)


def test_who_waits_is_told_what_failed_and_until_when(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    lock = AccountDo("pi", AccountField.PASSWORD, known_default=True)
    about = proving(Host([UNREACHABLE, UNREACHABLE, "UNDONE\t0007"]), monkeypatch)
    about.plan = Plan("pi@host", (Step("pi", Purpose.ACCOUNTS, "a new password", (lock,)),))
    about.claims, about.open_before = Claims(kept=(80, 443)), frozenset({80, 443})

    async def open_ports(address: str, ports: set[int]) -> frozenset[int]:
        return frozenset(ports - {443})

    monkeypatch.setattr(going_back, "open_ports", open_ports)
    about.tell = told.append
    proofs = (Proof("a fresh login works", ok=False, detail="it is refused"),)
    before = Outcome("pi@host", cast("Report", None), transaction="0007", proofs=proofs)
    outcome = asyncio.run(back(about, before, "what must hold did not"))
    (once,) = told
    assert once.startswith(
        "The change is not kept; this did not hold: a fresh login works: it is refused. pi@host takes it back by"
    )
    assert len(re.findall(r"\d\d:\d\d:\d\d", once)) == 2
    assert outcome.notes == (
        "The password of pi that everybody knows holds again: change it.",
        "tcp 443 does not answer now.",
    )


def test_never_seen_is_never_said(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host([UNREACHABLE])
    monkeypatch.setattr(going_back, "REBOOT", 0.0)
    waiting = proving(host, monkeypatch)
    waiting.window = 0.05
    before = Outcome("pi@host", cast("Report", None), transaction="0007")
    outcome = asyncio.run(back(waiting, before, "it is gone"))
    assert (outcome.taken_back, outcome.verified) == (True, False)
    assert host.logins > 1


def test_who_is_refused_knocks_less_and_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts wrong passwords there is not to shut the owner out."""
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def waited(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    refused: list[Answer] = [AuthenticationError("sudo")]
    about = proving(Host([*refused * 6, "UNDONE\t0007"]), monkeypatch)
    monkeypatch.setattr(going_back, "PAUSE", 7.0)
    monkeypatch.setattr(asyncio, "sleep", waited)
    outcome = asyncio.run(back(about, Outcome("pi@host", cast("Report", None), transaction="0007"), "a proof failed"))
    assert (outcome.verified, outcome.refused) == (True, "")
    assert pauses == [7, 14, 28, 56, 60, 60]


@pytest.mark.parametrize(
    ("misses", "heard"),
    [
        ([UNREACHABLE], []),  # a server that starts anew
        ([UNREACHABLE, UNREACHABLE, UNREACHABLE], ["no connection"]),
        ([AuthenticationError("sudo"), UNREACHABLE, AuthenticationError("sudo")], ["sudo", "no connection"]),
    ],
)
def test_what_does_not_work_yet_is_told_once_at_once(
    misses: list[ThornwallError], heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    about = proving(Host([*misses, "CONFIRMED\t0007"]), monkeypatch)
    about.tell, about.change, about.until = told.append, "0007", time.time() + 60
    asyncio.run(proof._retried(about, time.monotonic() + 60, lambda: proof._keep(about, APPLIED)))
    assert [text.partition(".")[0] for text in told] == [f"Not yet: {each}" for each in heard]
    assert all(re.search(r"It is tried again until \d\d:\d\d:\d\d \S+\.$", text) for text in told)
    # should nobody wait for the end of it
    (change,) = unsaid.told(
        cast("SshTarget", about.link.target), [Change("0007", "open", 0, "1", "", 20, True, "harden")]
    )
    assert change.unsaid == f"a login from here failed: {misses[-1].message}"


def test_that_a_host_answers_and_lets_nobody_look_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    about = proving(Host([UNREACHABLE, AuthenticationError("sudo on pi@host refused")]), monkeypatch)
    monkeypatch.setattr(going_back, "REBOOT", 0.0)
    about.window = 0.05
    outcome = asyncio.run(back(about, Outcome("pi@host", cast("Report", None), transaction="0007"), "it is gone"))
    assert (outcome.verified, outcome.refused) == (False, "sudo on pi@host refused")


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
    (proof_,) = asyncio.run(refusals.refused(about))
    assert (proof_.tried, proof_.detail) == (False, "no connection")


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
        monkeypatch.setattr(proven, replaced.__name__, replaced)
    asyncio.run(about.look_before())
    assert asked == tried
    assert about.families == tuple(found)
