"""The laws of every fix, in memory, on each host of tests/cases and tests/hosts.

What a plan mends is no finding once it is done, the second plan has nothing of it, and each operation knows the bytes
that it finds, which undo gives back.

`tests/lab/test_laws.py` has the same laws on booted hosts, where the owner's own tools say what is so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import pytest

from tests import casefolder
from thornwall.collect.archive import load
from thornwall.facts.registry import probes, snapshot
from thornwall.model.capture import Capture
from thornwall.model.change import Packages, Tool, UnitDo
from thornwall.model.fact import Known
from thornwall.model.finding import Status
from thornwall.model.originals import Originals
from thornwall.model.plan import Answers, Mend, Plan, Step, WayIn
from thornwall.model.policy import Policy
from thornwall.model.probe import Run
from thornwall.model.profile import Profile
from thornwall.model.rule import Preset
from thornwall.model.secret import Secret
from thornwall.plan.fix import Situation
from thornwall.plan.interlocks.names import ANSWERABLE
from thornwall.plan.planner import Choice, make_plan
from thornwall.plan.registry import FIXES, INTERLOCKS
from thornwall.rules.judge import judge
from thornwall.rules.registry import RULES

from . import memory

HOSTS = casefolder.CASES.parent / "hosts"
POLICY = Policy(Preset.STRICT)
SUBJECTS = {rule.id: rule.subject for rule in RULES}
OVER_SSH = WayIn(
    "ssh",
    "pi",
    1000,
    "host",
    "192.168.1.5",
    22,
    "192.168.1.9",
    "eth0",
    ("publickey",),
    key_proved=True,
    password_proved=True,
)
AT_REST = WayIn("offline", "pi", key_proved=True, password_proved=True)

_LISTENS = "who holds the socket is told by the answer of a command, which no file changes"
BEYOND = {
    "database-open-to-network": _LISTENS,
    "llmnr-listening": _LISTENS,
    "backup-open-to-others": "its list of files is a command's of its own",
    "password-hash-in-passwd": "passwd's own field is chpasswd's to write",
    "rpcbind-listening": _LISTENS,
    "rsh-listening": _LISTENS,
    "small-services-listening": _LISTENS,
}
"""What a host in memory cannot show: rule -> why."""
BEYOND_ON = {"laws-other-trixie": frozenset({"remote-console-listening", "telnet-listening"})}
"""Of single hosts: their sockets are inetd's and systemd's own."""


@cache
def cases() -> tuple[tuple[str, Capture], ...]:
    """Every host of tests/cases, and those of tests/hosts, on which the booted laws were tried; each that ran once more
    as a card, without what only a running one tells."""
    running = {probe.name for probe in probes() if isinstance(probe, Run) and probe.live}
    folders = [file.parent for file in sorted(casefolder.CASES.glob("*/*/expect.toml"))]
    hosts = [(str(folder.relative_to(casefolder.CASES)), casefolder.load(folder)) for folder in folders]
    hosts += [(file.name.partition(".")[0], load(file)) for file in sorted(HOSTS.glob("*.tar.gz"))]
    found: list[tuple[str, Capture]] = []
    for name, capture in hosts:
        if capture.manifest.uid:
            continue  # nobody plans without root's rights
        found.append((name, capture))
        if capture.live:
            told = {name_: said for name_, said in capture.commands.items() if name_ not in running}
            manifest = replace(capture.manifest, source="directory", skipped=dict.fromkeys(running, "live"))
            found.append((f"{name} at rest", replace(capture, manifest=manifest, commands=told)))
    return tuple(found)


def situation(capture: Capture) -> Situation:
    """All of it known to the byte, and an owner who says yes to whatever may be answered."""
    facts = snapshot(capture)
    found = judge(facts, RULES, policy=POLICY, profile=Profile())
    hashes = {path: memory.state(capture, path) for path in capture.files}
    names = facts.accounts.value.by_name if isinstance(facts.accounts, Known) else {}
    return Situation(
        facts=facts,
        capture=capture,
        originals=Originals(hashes, asked=tuple("/*" * depth for depth in range(1, 9)), free_kib=10**7),
        way_in=OVER_SSH if capture.live else AT_REST,
        answers=Answers({name: Secret("Tulip-9-kettle-rain") for name in names}, ANSWERABLE),
        preset=Preset.STRICT,
        values={rule.id: POLICY.values_of(rule) for rule in RULES if rule.options},
        findings=tuple(each for each in found if each.status is Status.FAIL),
    )


def plan(there: Situation) -> Plan:
    # (AppArmor is a package, and its step the kernel's command line, which others share)
    return make_plan(there, FIXES, INTERLOCKS, SUBJECTS, Choice(skip=frozenset({"no-mac"})))


def done_in_memory(made: Plan) -> tuple[Step, ...]:
    """Without what waits for a start, what a tool does that is not in memory, and all that hangs on such a step."""
    out = {mend for step in made.steps if _elsewhere(step) for mend in step.mends}
    return tuple(step for step in made.steps if not _elsewhere(step) and not out.intersection(step.mends))


def _elsewhere(step: Step) -> bool:
    enabling = any(isinstance(each, UnitDo) and each.action == "enable" for each in step.operations)
    tools = any(isinstance(each, Tool | Packages) for each in step.operations)
    return tools or enabling or step.first_start


@dataclass(frozen=True)
class Tried:
    """What the plan of a host is to mend, and what is a finding all the same once it is done; the host at the end."""

    wanted: frozenset[Mend]
    still: frozenset[Mend]
    awaiting: frozenset[Mend]
    second: frozenset[Mend]
    after: Capture
    back: Capture


@cache
def tried(number: int) -> Tried:
    """The host of that number, there and back."""
    name, capture = cases()[number]
    beyond = BEYOND.keys() | BEYOND_ON.get(name, frozenset())
    steps = done_in_memory(plan(situation(capture)))
    operations = [operation for step in steps for operation in step.operations]
    after = memory.done(capture, operations)
    then = situation(after)
    return Tried(
        wanted=frozenset(mend for step in steps for mend in step.mends if mend.rule not in beyond),
        still=frozenset(Mend(each.rule, each.subject) for each in then.findings),
        awaiting=frozenset(mend for step in steps if step.awaits_reboot and capture.live for mend in step.mends),
        second=frozenset(plan(then).mends),
        after=after,
        back=memory.undone(after, capture, reversed(operations)),
    )


NAMES = [name for name, _ in cases()]


@pytest.mark.parametrize("number", range(len(NAMES)), ids=NAMES)
def test_the_laws_hold(number: int) -> None:
    found = tried(number)
    mended = found.wanted - found.awaiting
    assert sorted(mend.rule for mend in mended & found.still) == []
    assert sorted(mend.rule for mend in mended & found.second) == []
    assert _of_disk(found.back) == _of_disk(cases()[number][1])


def _of_disk(capture: Capture) -> dict[str, object]:
    return {path: record for path, record in capture.files.items() if not path.startswith("/proc/")}


_TOOL = "ufw, firewalld, pam-auth-update, apt or systemd's own enable does it"
EXCEPT = BEYOND | dict.fromkeys(
    (
        *("firewall-no-ssh-rate-limit", "needless-service-installed", "no-auditd"),
        *("no-audit-rules",),
        *("no-file-integrity-check", "no-firewall", "no-time-sync", "pending-security-updates"),
        *("pending-updates", "stale-package-lists", "update-news-untold"),
        *("updates-leave-old-code-running",),
        *("firewall-allows-unused-port", "firewall-default-accept", "firewall-no-ipv6", "firewall-no-logging"),
        *("firewall-not-persistent", "firewall-not-running", "mail-server-listening", "no-login-throttle"),
        *("no-mac", "usb-devices-allowed"),
    ),
    _TOOL,
)


def test_every_fix_has_a_host_or_a_reason() -> None:
    seen = {mend.rule for number in range(len(NAMES)) for mend in tried(number).wanted - tried(number).still}
    assert sorted(FIXES.keys() - seen - EXCEPT.keys()) == []
    assert sorted(seen & EXCEPT.keys()) == []
    assert sorted(EXCEPT.keys() - FIXES.keys()) == []
