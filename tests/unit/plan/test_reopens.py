"""What is open again without a change: ports, what was mended of ways in, what was grave; the rest is counted."""

from __future__ import annotations

from typing import Any, cast

import pytest

from thornwall.model.change import AccountDo, AccountField, Purpose
from thornwall.model.finding import Finding, Risk
from thornwall.model.plan import Mend, Plan, Step
from thornwall.plan.reopens import reopens, went_with_packages


class Found:
    """A finding, as far as it is looked at here."""

    def __init__(self, rule: str, subject: str, title: str, risk: Risk) -> None:
        self.rule, self.subject, self.title, self.risk = rule, subject, title, risk


FOUND = [
    Found("world-writable-file", "/etc/x", "Anybody can write a file", Risk.MEDIUM),
    Found("cron-writable", "/bin/y", "Anybody can write what root runs", Risk.HIGH),
    Found("ssh-root-login", "host", "SSH lets root log in", Risk.EXTREME),
    Found("ssh-x11-forwarding", "host", "SSH forwards X11", Risk.LOW),
    Found("default-password", "pi", "Everybody knows a password", Risk.EXTREME),
    Found("left-alone", "host", "Nobody mends this", Risk.EXTREME),
]


def plan(*rules: str, purpose: Purpose = Purpose.SSH, closes: tuple[int, ...] = ()) -> Plan:
    mends = tuple(Mend(each.rule, each.subject) for each in FOUND if each.rule in rules)
    return Plan("host", (Step("step", purpose, "Step", (), mends),), closes=closes)


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (plan(), ""),
        (plan(closes=(23,)), "tcp 23 answers again"),
        (
            plan("ssh-x11-forwarding", "ssh-root-login", closes=(23, 631)),
            "tcp 23, 631 answer again; SSH lets root log in; SSH forwards X11",
        ),
        (
            plan("world-writable-file", "cron-writable", purpose=Purpose.PERMISSIONS),
            "Anybody can write what root runs (/bin/y); 1 finding more",
        ),
        (plan("world-writable-file", purpose=Purpose.PERMISSIONS), "1 finding of less risk"),
        # (undo leaves the new one)
        (plan("default-password", purpose=Purpose.ACCOUNTS), ""),
    ],
)
def test_ports_ways_in_and_what_is_grave(made: Plan, told: str) -> None:
    assert reopens(made, cast("list[Finding]", FOUND)) == told


def test_a_question_is_no_list() -> None:
    many: list[Any] = [Found("no-password", f"user{number}" * 40, "Nobody asks", Risk.HIGH) for number in range(30)]
    made = Plan("host", (Step("x", Purpose.ACCOUNTS, "X", (), tuple(Mend(f.rule, f.subject) for f in many)),))
    told = reopens(made, many).split("; ")
    assert (len(told), told[-1]) == (17, "14 findings more")
    assert max(map(len, told)) < 90


def test_the_password_before_is_named_unless_everybody_knows_it() -> None:
    sets = tuple(
        AccountDo(name, AccountField.PASSWORD, known_default=known) for name, known in (("webcam", False), ("pi", True))
    )
    made = Plan("host", (Step("x", Purpose.ACCOUNTS, "X", sets, ()),))
    assert reopens(made, []) == "the password before of webcam holds again"


def test_what_went_with_its_package_comes_back_with_it() -> None:
    """`strict` removes the package of telnet before all else: the plan that follows has no step for it."""
    telnet, package = Mend("telnet-listening", "telnet"), Mend("needless-service-installed", "inetutils-telnetd")
    cups, update = Mend("cups-listening", "cups"), Mend("pending-updates", "host")
    agreed = Plan(
        "host",
        (
            Step("packages-upgrade", Purpose.PACKAGES, "", (), (update,)),
            Step("packages-remove", Purpose.REMOVALS, "", (), (package,)),
            Step("service-telnet", Purpose.SERVICES, "", (), (telnet,)),
            Step("service-cups", Purpose.SERVICES, "", (), (cups,)),
        ),
    )
    now = Plan("host", (agreed.steps[3],), closes=(23, 631))
    gone = went_with_packages(agreed, now, {cups})
    assert gone == {telnet, package}
    found = cast("Any", [Found(telnet.rule, telnet.subject, "Telnet answers on the network", Risk.EXTREME)])
    assert reopens(now, found, gone) == "tcp 23, 631 answer again; Telnet answers on the network (telnet)"
    without = Plan("host", (agreed.steps[0], agreed.steps[2]))
    assert went_with_packages(without, Plan("host"), set()) == frozenset()
