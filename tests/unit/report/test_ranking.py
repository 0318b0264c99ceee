"""What to do first: by risk removed for the work, extreme risks before all."""

from __future__ import annotations

import random

from tests.unit.report.sample import PLANTED, WRITABLE, finding
from thornwall.model.finding import Effort, Finding, HostName, Need, Remedy, Report, Status
from thornwall.report.ranking import cures, groups, steps


def report(*findings: Finding) -> Report:
    return Report("t", HostName(), 50, findings)


def of(rule: str, likelihood: int, impact: int, effort: Effort, **more: str) -> Finding:
    return finding(rule, rule, likelihood, impact, remedy=Remedy(f"mend {rule}", effort), **more)  # type: ignore[arg-type]


def order(*findings: Finding) -> list[str]:
    return [step.lead.rule for step in steps(report(*findings))]


def test_less_work_first() -> None:
    assert order(of("slow", 3, 3, Effort.HOUR), of("quick", 2, 2, Effort.MINUTE)) == ["quick", "slow"]


def test_extreme_comes_before_everything() -> None:
    assert order(of("quick", 4, 4, Effort.MINUTE), of("worst", 5, 4, Effort.HOUR)) == ["worst", "quick"]


def test_then_what_ends_a_high_risk() -> None:
    found = of("quick", 3, 3, Effort.MINUTE), of("high", 3, 4, Effort.HOUR), of("worst", 5, 5, Effort.HOUR)
    assert order(*found) == ["worst", "high", "quick"]


def test_ties_keep_the_order_of_the_report() -> None:
    assert order(*(of(name, 2, 3, Effort.MINUTE) for name in "cab")) == ["c", "a", "b"]


def test_one_remedy_for_two_rules_adds_up() -> None:
    shared = Remedy("Install the updates.", Effort.TEN_MINUTES, ("apt full-upgrade",), (Need.REBOOT,))
    one, two = (finding(rule, rule, 3, 3, remedy=shared) for rule in ("kernel-old", "openssl-old"))
    alone = of("alone", 3, 3, Effort.TEN_MINUTES)
    first, second = steps(report(alone, one, two))
    assert [found.rule for found in first.findings] == ["kernel-old", "openssl-old"]
    assert (first.removed, second.removed) == (18, 9)
    assert first.commands == ("apt full-upgrade",)
    assert first.needs == (Need.REBOOT,)


def test_one_fault_in_many_places_does_not_push_an_open_door_down() -> None:
    many = [of("writable", 2, 3, Effort.MINUTE, subject=f"/etc/{number}") for number in range(300)]
    assert order(*many, of("nopasswd", 4, 4, Effort.MINUTE)) == ["nopasswd", "writable"]


def test_only_what_failed_is_a_step() -> None:
    assert order(of("fine", 5, 5, Effort.MINUTE, status=Status.PASS)) == []


def test_shuffled_findings_give_the_same_steps() -> None:
    findings = [of(str(number), number % 5 + 1, number % 3 + 1, Effort.MINUTE) for number in range(20)]
    wanted = [(step.worst, step.removed) for step in steps(report(*findings))]
    random.Random(1).shuffle(findings)
    assert [(step.worst, step.removed) for step in steps(report(*findings))] == wanted


def test_findings_alike_are_read_as_one() -> None:
    grouped = groups(PLANTED.findings)
    assert sum(len(group.findings) for group in grouped) == len(PLANTED.findings)
    assert WRITABLE in [group.findings for group in grouped]


def test_what_is_not_known_is_told_by_what_would_make_it_known_and_what_hides_most_is_first() -> None:
    more = finding("clock", "t", 1, 1, status=Status.UNKNOWN, detail="no clock", mend="wait")
    first, second = cures(report(more, *PLANTED.findings))
    assert (first.mend, [(gap.reason, len(gap.findings)) for gap in first.gaps]) == (
        "run with sudo, or as root",
        [("sshd -T needs root", 1), ("/etc/sudoers could not be read", 2)],
    )
    assert first.gaps[0].worst.rule == "pam-second-factor"
    assert (second.mend, second.findings) == ("wait", (more,))
