"""What waits for the first start of a system at rest, and what of it nothing can do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from thornwall.model.change import Firewall, OwnLine, Packages, Purpose, PutFile, Tool, UnitDo, UnitsOff, UnitsOn, Wish
from thornwall.model.finding import Finding
from thornwall.model.plan import Plan, WayIn
from thornwall.plan.first_start import RUN, UNITS
from thornwall.plan.fix import Fix, Situation
from thornwall.plan.fixes.accounts import PWCONV
from thornwall.plan.interlocks.host import needs_running
from thornwall.plan.planner import Choice, make_plan
from thornwall.plan.registry import FIXES, INTERLOCKS

from .small_host import Host, judged, unit

CARD = Host(source="directory", way_in=WayIn("offline"), units=(unit("ssh.service", ""),), packages=("systemd-sysv",))
WAITS: tuple[Wish, ...] = (
    Packages(install=("ufw",)),
    Firewall(enable=True, allow=("22/tcp",)),
    Tool("pam", (("pam-auth-update",),), ()),
    UnitsOn(("chrony.service",)),
)


@pytest.mark.parametrize("wish", WAITS, ids=lambda wish: type(wish).__name__)
def test_a_card_of_debian_can_wait(wish: Wish) -> None:
    assert needs_running(CARD.situation(), wish) is None


@pytest.mark.parametrize("wish", WAITS, ids=lambda wish: type(wish).__name__)
@pytest.mark.parametrize(
    ("card", "why"),
    [
        (replace(CARD, os_id="alpine"), "a tool of its own|tools of the system itself"),
        (replace(CARD, packages=("sysvinit-core",)), "a tool of its own|tools of the system itself"),
        (
            replace(CARD, files={"/boot/firmware/cmdline.txt": "console=tty1 boot=overlay root=/dev/x\n"}),
            "a tool of its own|tools of the system itself",
        ),
        (replace(CARD, files={UNITS[1]: "[Unit]\n"}), "or a rest of one"),
        (replace(CARD, files={RUN: "main\n"}), "waits for its first start"),
    ],
    ids=["another system", "without systemd", "an overlay", "a rest", "one waits already"],
)
def test_it_holds(card: Host, why: str, wish: Wish) -> None:
    hold = needs_running(card.situation(), wish)
    assert hold is not None
    assert any(each in hold.why for each in why.split("|"))
    assert (hold.interlock, hold.accept) == ("needs-running", False)


def test_what_would_be_shut_or_lost_does_not_wait() -> None:
    """Nobody knows the port of SSH; or a tool would go over the new password that is written now."""
    for wish in (Firewall(enable=True), PWCONV):
        hold = needs_running(CARD.situation(), wish)
        assert hold is not None
        assert hold.interlock == "needs-running"


def test_what_is_a_matter_of_files_does_not_wait() -> None:
    assert needs_running(replace(CARD, os_id="alpine").situation(), UnitsOff(("cups.service",))) is None


def both(_: Situation, __: Finding) -> Iterator[Wish]:
    yield OwnLine("/etc/apt/apt.conf.d/52thornwall", "a", 'a "1";')
    yield Packages(("unattended-upgrades",))
    yield UnitsOn(("apt-daily.timer",))


MIXED = Fix("no-firewall", "automatic-updates", Purpose.UPDATES, "Updates", both)


def plan(card: Host, fixes: Mapping[str, Fix] = FIXES) -> Plan:
    return make_plan(judged(card), fixes, INTERLOCKS, {}, Choice(only=frozenset({"no-firewall"})))


def test_files_now_and_the_rest_then() -> None:
    now, packages, later = plan(CARD, {"no-firewall": MIXED}).steps
    assert [type(each) for each in now.operations] == [PutFile]
    assert [type(each) for each in packages.operations] == [Packages]
    assert later.operations == (UnitDo("enable", ("apt-daily.timer",)), UnitDo("start", ("apt-daily.timer",)))
    assert [step.first_start for step in (now, packages, later)] == [False, True, True]
    assert [step.id for step in (now, packages, later)] == [
        "automatic-updates",
        "packages-install",
        "automatic-updates-at-first-start",
    ]


def test_a_running_host_has_nothing_that_waits() -> None:
    made = plan(replace(CARD, source="ssh", way_in=Host().way_in))
    assert made.steps
    assert not any(step.first_start or step.id.endswith("first-start") for step in made.steps)
    assert "first-start" not in repr(made.steps)


def test_the_firewall_asks_then_what_listens() -> None:
    """Nobody has seen the system running, so what is to stay open is looked up at that time."""
    (step,) = [step for step in plan(CARD).steps if step.id == "firewall-at-first-start"]
    (tool,) = [each for each in step.operations if isinstance(each, Tool)]
    commands = [" ".join(argv) for argv in tool.run]
    opens = next(number for number, each in enumerate(commands) if "listening.sh" in each)
    assert opens < commands.index("ufw default deny incoming")
    assert any("allow routed" in each for each in commands)
