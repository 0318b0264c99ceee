"""What to do first: remedies by the risk that they remove for the work that they cost, and findings put together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from thornwall.model.finding import Effort, Finding, Need, Report, Risk, Status


@dataclass(frozen=True, slots=True)
class Step:
    """One remedy and every failed finding that it mends, in the order of the report."""

    findings: tuple[Finding, ...]

    @property
    def lead(self) -> Finding:
        """The worst of them; the first among equals."""
        return max(self.findings, key=lambda finding: (finding.risk.rank, finding.risk_removed))

    @property
    def removed(self) -> int:
        """The risk (likelihood times impact) that it takes away, summed over the rules that it mends.

        Of one rule the worst finding counts: one fault in three hundred files is one way in, not three hundred, and
        must not push a door that stands open down the list.
        """
        worst: dict[str, int] = {}
        for finding in self.findings:
            worst[finding.rule] = max(finding.risk_removed, worst.get(finding.rule, 0))
        return sum(worst.values())

    @property
    def effort(self) -> Effort:
        """Done once for all of them, so as long as the longest."""
        return max(finding.remedy.effort for finding in self.findings)

    @property
    def worst(self) -> Risk:
        """The highest risk that it ends."""
        return self.lead.risk

    @property
    def commands(self) -> tuple[str, ...]:
        """All commands, each once, in order."""
        return tuple(dict.fromkeys(command for finding in self.findings for command in finding.remedy.commands))

    @property
    def needs(self) -> tuple[Need, ...]:
        """What any of them needs, each once."""
        return tuple(dict.fromkeys(need for finding in self.findings for need in finding.remedy.needs))


_URGENT = {Risk.EXTREME: 0, Risk.HIGH: 1}


def steps(report: Report) -> tuple[Step, ...]:
    """The remedies of all failed findings, best first.

    Those that end an extreme risk come first, then those that end a high one, whatever they cost; among them, and for
    all others, the highest risk removed a minute; ties by the risk removed, then by how many findings go, then as the
    report has them.
    """
    by_remedy: dict[str, list[Finding]] = {}
    for finding in report.failed():
        by_remedy.setdefault(finding.remedy.text or finding.rule, []).append(finding)
    unranked = [Step(tuple(findings)) for findings in by_remedy.values()]
    return tuple(
        sorted(
            unranked,
            key=lambda step: (
                _URGENT.get(step.worst, len(_URGENT)),
                -step.removed / int(step.effort),
                -step.removed,
                -len(step.findings),
            ),
        ),
    )


def shown_first(ranked: tuple[Step, ...], least: int) -> tuple[Step, ...]:
    """Of `steps`, every one that ends an extreme or a high risk, and as many others as make at least `least`."""
    urgent = sum(step.worst in _URGENT for step in ranked)
    return ranked[: max(urgent, least)]


@dataclass(frozen=True, slots=True)
class Group:
    """Findings of one rule that came out the same way, for one or many subjects."""

    findings: tuple[Finding, ...]

    @property
    def lead(self) -> Finding:
        """Any of them: rule, title, risk and what moved it are the same for all."""
        return self.findings[0]

    @property
    def commands(self) -> tuple[str, ...]:
        """All commands, each once, in order."""
        return Step(self.findings).commands


def groups(findings: Iterable[Finding]) -> tuple[Group, ...]:
    """Put together what a reader would read as one, in the order in which the first of each comes."""
    alike: dict[object, list[Finding]] = {}
    for finding in findings:
        key = (finding.rule, finding.status, finding.risk, finding.likelihood, finding.impact, finding.moved_by)
        alike.setdefault(key, []).append(finding)
    return tuple(Group(tuple(same)) for same in alike.values())


@dataclass(frozen=True, slots=True)
class Gap:
    """Why something is not known, and the findings that wait for it."""

    reason: str
    findings: tuple[Finding, ...]

    @property
    def worst(self) -> Finding:
        """The one that could hide most."""
        return max(self.findings, key=lambda finding: finding.risk_removed)


@dataclass(frozen=True, slots=True)
class Cure:
    """What would make things known (empty: nothing does), and all gaps that it would close."""

    mend: str
    gaps: tuple[Gap, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of all its gaps."""
        return tuple(finding for gap in self.gaps for finding in gap.findings)


def cures(report: Report) -> tuple[Cure, ...]:
    """The unknown findings by what would make them known, and by reason; those that could hide most come first."""
    found: dict[str, dict[str, list[Finding]]] = {}
    for finding in report.findings:
        if finding.status is Status.UNKNOWN:
            found.setdefault(finding.mend, {}).setdefault(finding.detail, []).append(finding)
    unranked = [
        Cure(mend, tuple(sorted((Gap(reason, tuple(same)) for reason, same in reasons.items()), key=_hidden)))
        for mend, reasons in found.items()
    ]
    return tuple(sorted(unranked, key=_hidden))


def _hidden(gap: Gap | Cure) -> tuple[int, int]:
    return -max(finding.risk_removed for finding in gap.findings), -len(gap.findings)
