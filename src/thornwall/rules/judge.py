"""A snapshot, a policy and a profile to findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias

from thornwall.model.finding import Consequence, Finding, Move, Reach, Remedy, Status, Waiver
from thornwall.model.matrix import risk_of
from thornwall.model.policy import Attestation, Policy
from thornwall.model.profile import Profile
from thornwall.model.rule import Context, Rule, Verdict, answers
from thornwall.model.snapshot import Snapshot
from thornwall.rules.risk import impact_moves, likelihood_moves, moved

_ORDER = {
    status: place
    for place, status in enumerate(
        (Status.FAIL, Status.UNKNOWN, Status.MANUAL, Status.WAIVED, Status.PASS, Status.NOT_APPLICABLE)
    )
}


def judge(  # noqa: PLR0913
    snapshot: Snapshot,
    rules: Iterable[Rule],
    *,
    policy: Policy,
    profile: Profile,
    attestations: Iterable[Attestation] = (),
    today: str = "",
) -> tuple[Finding, ...]:
    """Every rule of the policy, judged. `today` (ISO date) decides which waivers and attestations still hold.

    The order: what fails, worst first and then by risk removed per minute of work; unknown; manual; the rest.
    """
    attested = {a.rule: a for a in attestations if a.until >= today}
    waivers = [waiver for waiver in policy.waivers if waiver.until >= today]
    gains = {consequence: tuple(impact_moves(consequence, profile)) for consequence in Consequence}
    reached = {(own, reach): tuple(likelihood_moves(own, reach, profile)) for own in Reach for reach in Reach}
    unset = Context(snapshot, profile)
    findings = [
        finding
        for rule in rules
        if policy.has(rule)
        for finding in _judge_one(
            rule,
            Context(snapshot, profile, policy.values_of(rule)) if rule.options else unset,
            gains[rule.consequence],
            reached,
        )
    ]
    if waivers or attested:
        findings = [_settle(finding, waivers, attested) for finding in findings]
    return tuple(sorted(findings, key=_rank))


def _rank(finding: Finding) -> tuple[int, int, float, str, str]:
    risk = -finding.risk.rank if finding.status in {Status.FAIL, Status.UNKNOWN} else 0
    worth = -finding.risk_removed / finding.remedy.effort
    return _ORDER[finding.status], risk, worth, finding.rule, finding.subject


_Reached: TypeAlias = Mapping[tuple[Reach, Reach], tuple[Move, ...]]  # from a rule's own reach to that on the host


def _judge_one(rule: Rule, context: Context, gains: tuple[Move, ...], reached: _Reached) -> list[Finding]:
    try:
        verdicts = answers(rule, context)
    except Exception as error:  # noqa: BLE001 - a fault in one rule must not cost the owner the whole report
        verdicts = [Verdict(Status.UNKNOWN, detail=f"a fault of thornwall's own: {error!r}"[:200])]
    own = rule.remedy()
    return [_finding(rule, verdict, own, gains, reached) for verdict in verdicts]


def _finding(rule: Rule, verdict: Verdict, remedy: Remedy, gains: tuple[Move, ...], reached: _Reached) -> Finding:
    if verdict.commands:
        remedy = Remedy(remedy.text, remedy.effort, verdict.commands, remedy.needs, remedy.may_break)
    moves = (*verdict.moves, *reached[rule.reach, verdict.reach or rule.reach], *gains)
    likelihood, impact, moved_by = moved(rule.likelihood, rule.impact, moves)
    return Finding(
        rule=rule.id,
        subject=verdict.subject,
        status=verdict.status,
        kind=rule.kind,
        fault_class=rule.fault_class,
        title=rule.title,
        likelihood=likelihood,
        impact=impact,
        risk=risk_of(likelihood, impact),
        detail=verdict.detail,
        attacker=rule.attacker,
        remedy=remedy,
        fixable=rule.fixable,
        references=rule.references,
        moved_by=moved_by,
        evidence=verdict.evidence,
        mend=verdict.mend,
        why=rule.section("Why"),
    )


def _settle(finding: Finding, waivers: Iterable[Waiver], attested: dict[str, Attestation]) -> Finding:
    if finding.status is Status.MANUAL and finding.rule in attested:
        answer = attested[finding.rule]
        note = f"Attested by {answer.by}, until {answer.until}" + (f": {answer.note}" if answer.note else "")
        return replace(finding, status=Status.PASS, detail=note)
    if finding.status in {Status.FAIL, Status.MANUAL}:
        for waiver in waivers:
            if waiver.rule == finding.rule and waiver.subject in {"*", finding.subject}:
                return replace(finding, status=Status.WAIVED, waiver=waiver)
    return finding
