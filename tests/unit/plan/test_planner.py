"""The planner, with fixes and interlocks made for the test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from thornwall.model.change import (
    Activate,
    Chmod,
    OwnLine,
    Packages,
    Purpose,
    PutFile,
    SetMode,
    Sysctl,
    SysctlDo,
    UnitDo,
    Wish,
)
from thornwall.model.finding import (
    Attacker,
    Effort,
    FaultClass,
    Finding,
    Fixable,
    Kind,
    Remedy,
    Risk,
    Status,
)
from thornwall.model.plan import Answers, Mend, Plan
from thornwall.model.rule import Preset
from thornwall.plan.drafts import SYSCTLS
from thornwall.plan.fix import Ask, Fix, Hold, Interlock, Situation, Want, fix
from thornwall.plan.planner import Choice, make_plan

from .test_files import DROP_IN, HEADER, situation


def finding(rule: str, subject: str = "host", status: Status = Status.FAIL) -> Finding:
    return Finding(
        rule=rule,
        subject=subject,
        status=status,
        kind=Kind.MISCONFIGURATION,
        fault_class=FaultClass.CONFIGURATION,
        title=rule,
        likelihood=3,
        impact=3,
        risk=Risk.MEDIUM,
        detail="",
        attacker=Attacker.FAR,
        remedy=Remedy("", Effort.MINUTE),
        fixable=Fixable.AUTOMATIC,
    )


def wanting(rule: str, *wants: Want, step: str = "", purpose: Purpose = Purpose.KERNEL) -> Fix:
    @fix(rule, step=step or rule, purpose=purpose, title=f"Mend {rule}")
    def made(_: Situation, __: Finding) -> Iterator[Want]:
        yield from wants

    return made


def planned(
    *fixes: Fix,
    findings: tuple[Finding, ...] = (),
    locks: tuple[Interlock, ...] = (),
    host: Situation | None = None,
    choice: Choice | None = None,
) -> Plan:
    there = findings or tuple(finding(each.rule) for each in fixes)
    host = replace(host or situation({}), findings=there)
    subjects = {each.rule: "ssh" for each in fixes}
    return make_plan(host, {each.rule: each for each in fixes}, locks, subjects, choice)


SSHD = Activate("ssh.service")


def test_a_file_that_two_fixes_write_is_written_once() -> None:
    plan = planned(
        wanting("b", OwnLine(DROP_IN, "B", "B no"), SSHD, purpose=Purpose.SSH),
        wanting("other", SetMode("/etc/x", 0o600)),
        wanting("a", OwnLine(DROP_IN, "A", "A yes"), SSHD, purpose=Purpose.SSH),
    )
    assert [step.id for step in plan.steps] == ["other", "b"]
    put, reload = plan.steps[1].operations
    assert isinstance(put, PutFile)
    assert put.content == (HEADER + "B no\nA yes\n").encode()
    assert reload == UnitDo("reload", ("ssh.service",))
    assert plan.steps[1].mends == (Mend("b", "host"), Mend("a", "host"))
    assert plan.steps[1].title == "Mend b; Mend a"


def test_ways_in_come_last() -> None:
    purposes = [Purpose.SSH, Purpose.PERMISSIONS, Purpose.FIREWALL, Purpose.SUDO]
    fixes = [wanting(f"r{each}", SetMode(f"/etc/{each}", 0o600), purpose=each) for each in purposes]
    assert [step.purpose for step in planned(*fixes).steps] == sorted(purposes)


def test_kernel_settings_are_a_file_and_an_act() -> None:
    (step,) = planned(wanting("s", Sysctl("kernel.dmesg_restrict", "1"))).steps
    put, act = step.operations
    assert isinstance(put, PutFile)
    assert (put.path, put.content.decode()) == (SYSCTLS, HEADER + "kernel.dmesg_restrict = 1\n")
    assert act == SysctlDo("kernel.dmesg_restrict", "1", "")


def test_forwarding_comes_before_what_the_kernel_sets_anew_with_it() -> None:
    """Documentation/networking/ip-sysctl: a change of ip_forward resets the configuration of every interface."""
    keys = ("net.ipv4.conf.all.accept_redirects", "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")
    (step,) = planned(wanting("s", *(Sysctl(key, "0") for key in keys))).steps
    done = [operation.key for operation in step.operations if isinstance(operation, SysctlDo)]
    assert done == ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding", "net.ipv4.conf.all.accept_redirects"]


def test_packages_are_a_step_of_their_own_and_the_first() -> None:
    plan = planned(
        wanting("fw", Packages(install=("ufw",)), OwnLine(DROP_IN, "A", "A yes")),
        wanting("upd", Packages(install=("unattended-upgrades",))),
        wanting("pending", Packages(upgrade=True)),
    )
    assert [(step.id, step.undoing.name) for step in plan.steps] == [
        ("packages-install", "EXACT"),
        ("packages-upgrade", "KEEPS"),
        ("fw", "EXACT"),
    ]
    assert plan.steps[0].operations == (Packages(install=("ufw", "unattended-upgrades")),)
    assert plan.steps[2].after == ("packages-install",)
    assert Mend("fw", "host") in plan.steps[0].mends


def lock(situation: Situation, wish: Wish) -> Hold | None:
    if isinstance(wish, OwnLine) and wish.key == "PasswordAuthentication":
        return Hold("password-login-off", "No key has logged in.", "Log in with a key.")
    if isinstance(wish, SetMode):
        return Hold("service-off", "It is in use.", "Stop using it.", subject="cups", accept=True)
    return None


def test_one_held_wish_holds_the_whole_fix_and_no_other() -> None:
    password = OwnLine(DROP_IN, "PasswordAuthentication", "PasswordAuthentication no")
    plan = planned(
        wanting("password", OwnLine(DROP_IN, "KbdInteractiveAuthentication", "x"), password, step="ssh"),
        wanting("root", OwnLine(DROP_IN, "PermitRootLogin", "PermitRootLogin no"), step="ssh"),
        locks=(lock,),
    )
    (step,) = plan.steps
    (put,) = step.operations
    assert isinstance(put, PutFile)
    assert put.content == (HEADER + "PermitRootLogin no\n").encode()
    (held,) = plan.held
    assert (held.rule, held.interlock, held.accept) == ("password", "password-login-off", "")


def test_the_owner_may_accept_only_what_locks_nobody_out() -> None:
    fixes = (
        wanting("mode", SetMode("/etc/x", 0o600)),
        wanting("password", OwnLine(DROP_IN, "PasswordAuthentication", "PasswordAuthentication no")),
    )
    host = situation({})
    assert [each.accept for each in planned(*fixes, locks=(lock,), host=host).held] == ["service-off:cups", ""]
    for word in ("service-off", "service-off:cups"):
        answers = Answers(accepts=frozenset({word, "password-login-off"}))
        plan = planned(*fixes, locks=(lock,), host=replace(host, answers=answers))
        assert [step.id for step in plan.steps] == ["mode"]
        assert [each.rule for each in plan.held] == ["password"]
    other = replace(host, answers=Answers(accepts=frozenset({"service-off:avahi"})))
    assert len(planned(*fixes, locks=(lock,), host=other).held) == 2


@pytest.mark.parametrize(
    ("accepts", "idle"),
    [
        ({"service-off"}, ()),
        ({"service-off:cups"}, ()),
        ({"service-off:avahi", "service-off:cups", "wifi-on"}, ("service-off:avahi", "wifi-on")),
        # it holds, but no answer unlocks it
        ({"password-login-off"}, ("password-login-off",)),
    ],
)
def test_what_the_owner_accepts_in_vain_is_remembered(accepts: set[str], idle: tuple[str, ...]) -> None:
    fixes = (
        wanting("mode", SetMode("/etc/x", 0o600)),
        wanting("password", OwnLine(DROP_IN, "PasswordAuthentication", "PasswordAuthentication no")),
    )
    host = replace(situation({}), answers=Answers(accepts=frozenset(accepts)))
    assert planned(*fixes, locks=(lock,), host=host).idle_accepts == idle


def test_to_accept_use_pam_no_is_a_wish_of_its_own_where_a_guide_asks_for_it() -> None:
    accepting = replace(situation({}), answers=Answers(accepts=frozenset({"use-pam-no"})))
    assert planned(host=accepting).idle_accepts == ("use-pam-no",)
    assert planned(host=replace(accepting, preset=Preset.DOCUMENTS)).idle_accepts == ()


def test_what_cannot_be_made_exact_is_held_and_says_so() -> None:
    plan = planned(wanting("x", SetMode("/etc/x", clear=0o002)), wanting("y", SetMode("/etc/y", 0o600)))
    assert [step.id for step in plan.steps] == ["y"]
    (held,) = plan.held
    assert held.interlock == "not-exact"
    assert "mode of /etc/x" in held.why


def test_questions_and_what_is_left_to_a_person() -> None:
    plan = planned(
        wanting("asks", Ask("A new password for pi", "pi")),
        wanting("nothing"),
        findings=(finding("asks", "pi"), finding("nothing"), finding("no-fix"), finding("fine", status=Status.PASS)),
    )
    assert [(each.rule, each.account) for each in plan.questions] == [("asks", "pi")]
    assert [each.rule for each in plan.by_hand] == ["nothing", "no-fix"]
    assert plan.steps == ()


def test_only_and_skip_take_rules_and_subjects() -> None:
    fixes = (wanting("a", SetMode("/etc/a", 0o600)), wanting("b", SetMode("/etc/b", 0o600)))

    def ids(choice: Choice) -> list[str]:
        return [step.id for step in planned(*fixes, choice=choice).steps]

    assert ids(Choice(only=frozenset({"a"}))) == ["a"]
    assert ids(Choice(only=frozenset({"ssh"}))) == ["a", "b"]
    assert ids(Choice(skip=frozenset({"ssh"}))) == []
    assert ids(Choice(only=frozenset({"ssh"}), skip=frozenset({"b"}))) == ["a"]
    assert ids(Choice(not_steps=frozenset({"a"}))) == ["b"]
    assert ids(Choice(not_mends=frozenset({Mend("a", "host")}))) == ["b"]


def test_a_unit_reads_its_files_once_and_after_the_last_of_them() -> None:
    plan = planned(
        wanting("a", OwnLine(DROP_IN, "A", "A yes"), SSHD, purpose=Purpose.PAM),
        wanting("b", SetMode("/etc/ssh/sshd_config", 0o600), SSHD, purpose=Purpose.SSH),
    )
    reloads = [isinstance(step.operations[-1], UnitDo) for step in plan.steps]
    assert reloads == [False, True]
    assert isinstance(plan.steps[1].operations[0], Chmod)


def test_what_was_chosen_stands_in_the_title() -> None:
    assert Choice().titled(Preset.STRICT) == "harden strict"
    choice = Choice(only=frozenset({"ssh", "cups-listening"}), skip=frozenset({"sudo"}), not_steps=frozenset({"a"}))
    told = "harden recommended --only cups-listening --only ssh --skip sudo, some steps left out"
    assert choice.titled(Preset.RECOMMENDED) == told
