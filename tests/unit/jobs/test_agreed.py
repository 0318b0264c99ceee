"""What packages bring into a plan was not agreed to."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from thornwall.errors import RefusedError
from thornwall.jobs import agreement, harden
from thornwall.jobs.link import link_to
from thornwall.jobs.reach import Reaching
from thornwall.model.change import Packages, Purpose, PutFile
from thornwall.model.plan import Answers, Held, Mend, Plan, Step
from thornwall.plan.agreed import not_agreed
from thornwall.plan.planner import Choice
from thornwall.plan.restarts import with_restarts
from thornwall.transport.base import Nobody


def step(name: str, purpose: Purpose = Purpose.KERNEL) -> Step:
    return Step(name, purpose, name, (Packages(("x",)),), (Mend(name, "host"),))


def test_a_step_that_is_new_after_the_packages_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = Purpose.PACKAGES
    agreed = Plan(
        "host", (step("packages", lost), step("not-to-be-had", lost), step("old"), step("gone"), step("done"))
    )
    after = Plan("host", (step("old"), step("new"), step("not-to-be-had", Purpose.PACKAGES)))
    work = agreement.Work(
        link_to("pi@host", Reaching(), Nobody()), cast("Any", None), cast("Any", None), agreement.Wanted(),
        lambda _: None, Answers(), Choice(skip=frozenset({"backup"})),
    )  # fmt: skip
    work.planned = cast("Any", SimpleNamespace(plan=agreed, report=SimpleNamespace(findings=())))
    report = SimpleNamespace(failed=lambda: [SimpleNamespace(rule="gone", subject="host")])

    async def read(work: agreement.Work, before: object = None) -> None:
        work.planned = cast("Any", SimpleNamespace(plan=after, report=report))

    monkeypatch.setattr(harden, "read", read)
    monkeypatch.setattr(harden, "plan_anew", lambda _: None)
    asyncio.run(harden._bring(work, Packages(("x",))))
    unwanted = frozenset({Mend("new", "host"), Mend("not-to-be-had", "host")})
    assert work.choice == replace(Choice(skip=frozenset({"backup"})), not_mends=unwanted)
    # (what is neither failing nor planned any more, the packages themselves have mended)
    assert work.not_done == ("not-to-be-had", "gone")


def test_what_packages_made_an_interlock_hold_is_told_with_its_reason() -> None:
    """An update of the kernel takes the modules of the running one, say."""
    agreed = Plan("host", (step("firewall"), step("old")))
    why = Held("firewall-on", "firewall", "host", "No filter can be loaded.", "Restart it.")
    before = Held("wifi-off", "wifi-on", "host", "Your way in leads through it.", "Plug in a cable.")
    now = Plan("host", (step("old"),), (before, why))
    assert harden._held_since(now, agreed) == ("No filter can be loaded. Restart it.",)


def test_what_was_updated_is_told_also_where_no_change_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would know otherwise that it runs in its old version."""
    plan = with_restarts(Plan("host", (step("old"),)), ("nginx.service", "ssh.service"))
    told: list[str] = []

    class Yes(Nobody):
        show = before_questions = staticmethod(lambda *_: None)
        agrees = wants = agrees_to_rest = staticmethod(lambda *_: True)
        tell = staticmethod(told.append)

    async def read(work: agreement.Work, before: object = None) -> None:
        work.planned = cast("Any", SimpleNamespace(plan=plan, report=None))

    async def refused(*_: object) -> None:
        raise RefusedError("the disk is full", hint="make room")

    for name, instead in (("read", read), ("ask", lambda _: None), ("packages_of", lambda _: None)):
        monkeypatch.setattr(harden, name, instead)
    monkeypatch.setattr(harden, "_transaction", refused)
    link = link_to("pi@host", Reaching(), Nobody())
    with pytest.raises(RefusedError, match="the disk is full"):
        asyncio.run(harden.harden(link, cast("Any", None), cast("Any", Yes()), agreement.Wanted(), lambda _: None))
    assert told == ["Updated, and perhaps still running in their old version: nginx.service, ssh.service."]


def test_what_hangs_on_packages_that_are_refused_is_not_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """But what mends something else too is."""
    both = replace(step("both"), mends=(Mend("aide", "host"), Mend("other", "host")))
    bare = replace(step("bare"), mends=())
    steps = (step("aide", Purpose.PACKAGES), replace(step("aide"), id="aide-settings"), both, bare)
    asked: list[tuple[str, int]] = []

    def wants(step: Step, number: int) -> bool:
        asked.append((step.id, number))
        return number != 1

    told: list[str] = []
    owner = cast("Any", SimpleNamespace(wants=wants, tell=told.append))
    link = link_to("pi@host", Reaching(), Nobody())
    wanted = agreement.Wanted()
    work = agreement.Work(link, cast("Any", None), owner, wanted, lambda _: None, Answers(), Choice())
    work.planned = cast("Any", SimpleNamespace(plan=Plan("host", steps)))
    monkeypatch.setattr(agreement, "plan_anew", lambda _: None)
    agreement.choose(work)
    assert asked == [("aide", 1), ("both", 3), ("bare", 4)]
    assert told == ["Step 2, 'aide', needs what is left out, and goes with it."]
    assert work.choice.not_steps == {"aide", "aide-settings"}


def updates(rule: str, *lines: str, before: bytes = b"") -> Step:
    content = before + "".join(f"{line}\n" for line in lines).encode()
    put = PutFile("/etc/apt/apt.conf.d/52thornwall", content, "absent", before=before or None)
    return Step("automatic-updates", Purpose.UPDATES, "updates", (put,), (Mend(rule, "host"),))


def test_another_finding_of_which_each_line_was_agreed_to_is_no_news() -> None:
    agreed = Plan("host", (updates("no-automatic-updates", "every day", "from here"),))
    assert not_agreed(agreed, Plan("host", (updates("automatic-updates-miss-origin", "from here"),))) == set()


@pytest.mark.parametrize(
    "now",
    [
        updates("new", "from here", "from there"),
        replace(updates("new", "from here"), id="another"),
        replace(step("new"), id="automatic-updates"),
    ],
)
def test_a_line_or_a_step_that_nobody_saw_was_not_agreed_to(now: Step) -> None:
    agreed = Plan("host", (updates("no-automatic-updates", "every day", "from here"),))
    assert not_agreed(agreed, Plan("host", (now,))) == {Mend("new", "host")}
