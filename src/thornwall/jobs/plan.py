"""A capture to a plan: the audit, what it would take to mend what it found, and how the host would stand then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from thornwall.facts import originals as originals_of
from thornwall.facts.registry import snapshot
from thornwall.jobs.audit import Judging, assess
from thornwall.model.capture import Capture
from thornwall.model.fact import Known
from thornwall.model.finding import Finding, Report, Status
from thornwall.model.originals import Originals
from thornwall.model.plan import Answers, Mend, Plan, Standing, WayIn
from thornwall.model.rule import Value
from thornwall.plan.fix import Situation
from thornwall.plan.planner import Choice, make_plan
from thornwall.plan.registry import FIXES, INTERLOCKS
from thornwall.rules.registry import RULES
from thornwall.rules.risk import score
from thornwall.transport.base import Ran


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and what it was made of."""

    plan: Plan
    report: Report
    situation: Situation = field(repr=False)


def originals(capture: Capture) -> Originals:
    """What was read for planning; nothing at all where it was not."""
    match originals_of.parse(capture):
        case Known(found):
            return found
        case _:
            return Originals()


def way_in(capture: Capture, ran: Ran, name: str, found: Originals, *, password_proved: bool = False) -> WayIn:
    """How the connection that read the host came in. `name`: the host as the user called it."""
    if capture.manifest.source == "directory":
        return WayIn("offline")
    if capture.manifest.source != "ssh":
        return WayIn("local", uid=capture.manifest.uid)
    peer, _, address, port = (*found.ssh_connection, "", "", "", "")[:4]
    return WayIn(
        kind="ssh",
        user=ran.user,
        uid=0 if ran.user == "root" else -1,
        name=name,
        address=address or ran.address,
        port=int(port) if port.isdigit() else 0,
        peer=peer,
        interface=found.route_interface,
        methods=tuple(filter(None, [ran.method])),
        key_proved=ran.method == "publickey",
        password_proved=password_proved or ran.sudo_password,
    )


def make(  # noqa: PLR0913 - what a plan depends on
    capture: Capture,
    judging: Judging,
    way: WayIn,
    *,
    answers: Answers | None = None,
    choice: Choice | None = None,
    address: str = "",
) -> Planned:
    """Judge what was read, and plan what mends it."""
    report = assess(capture, judging, address=address)
    situation = Situation(
        facts=snapshot(capture),
        capture=capture,
        originals=originals(capture),
        way_in=way,
        answers=answers or Answers(),
        preset=judging.policy.preset,
        profile=judging.profile,
        values=_values(judging),
        findings=report.failed(),
    )
    subjects = {rule.id: rule.subject for rule in RULES}
    plan = make_plan(situation, FIXES, INTERLOCKS, subjects, choice)
    plan = replace(
        plan,
        host=report.host,
        before=Standing(report.score, report.summary()),
        after=standing_after(report, plan.mends),
    )
    return Planned(plan, report, situation)


def standing_after(report: Report, mends: tuple[Mend, ...]) -> Standing:
    """Score and counts once these findings are mended."""
    mended = {(mend.rule, mend.subject) for mend in mends}

    def after(finding: Finding) -> Finding:
        gone = finding.status is Status.FAIL and (finding.rule, finding.subject) in mended
        return replace(finding, status=Status.PASS) if gone else finding

    then = replace(report, findings=tuple(after(finding) for finding in report.findings))
    return Standing(score(then.findings), then.summary())


def _values(judging: Judging) -> Mapping[str, Mapping[str, Value]]:
    return {rule.id: judging.policy.values_of(rule) for rule in RULES if rule.options}
