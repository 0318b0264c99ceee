"""Captured hosts as the planner sees them, for the laws in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from thornwall.facts.registry import snapshot
from thornwall.model.capture import Capture
from thornwall.model.fact import ABSENT, Fact, Known
from thornwall.model.finding import Status
from thornwall.model.originals import Originals
from thornwall.model.plan import Answers, Plan, WayIn
from thornwall.model.policy import Policy
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

SUBJECTS: Mapping[str, str] = {rule.id: rule.subject for rule in RULES}
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


def situation(
    capture: Capture,
    preset: Preset = Preset.STRICT,
    accepts: Collection[str] = ANSWERABLE,
    originals: Fact[Originals] = ABSENT,
) -> Situation:
    """An owner who says yes to `accepts`; without `originals`, which real plans ask for, each file is known whole."""
    facts, policy = snapshot(capture), Policy(preset)
    found = judge(facts, RULES, policy=policy, profile=Profile())
    hashes = {path: memory.state(capture, path) for path in capture.files}
    whole = Originals(hashes, asked=tuple("/*" * depth for depth in range(1, 9)), free_kib=10**7)
    names = facts.accounts.value.by_name if isinstance(facts.accounts, Known) else {}
    return Situation(
        facts=facts,
        capture=capture,
        originals=originals.value if isinstance(originals, Known) else whole,
        way_in=OVER_SSH if capture.live else AT_REST,
        answers=Answers({name: Secret("Tulip-9-kettle-rain") for name in names}, frozenset(accepts)),
        preset=preset,
        values={rule.id: policy.values_of(rule) for rule in RULES if rule.options},
        findings=tuple(each for each in found if each.status is Status.FAIL),
    )


def verdicts(there: Situation) -> dict[tuple[str, str], Status]:
    """By rule and subject."""
    found = judge(there.facts, RULES, policy=Policy(there.preset), profile=Profile())
    return {(each.rule, each.subject): each.status for each in found}


def plan(there: Situation, choice: Choice) -> Plan:
    """What mends it."""
    return make_plan(there, FIXES, INTERLOCKS, SUBJECTS, choice)
