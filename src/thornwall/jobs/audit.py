"""A capture to a report."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from thornwall.errors import Exit
from thornwall.facts.registry import snapshot
from thornwall.jobs.judging import Judging
from thornwall.model.capture import Capture
from thornwall.model.fact import Known
from thornwall.model.finding import HostName, Report, Risk, Status
from thornwall.model.profile import Profile
from thornwall.model.snapshot import Snapshot
from thornwall.model.surface import Surface
from thornwall.rules.judge import judge
from thornwall.rules.registry import RULES
from thornwall.rules.risk import score
from thornwall.rules.surface import surface


def assess(capture: Capture, judging: Judging, *, address: str = "") -> Report:
    """Judge what was read."""
    facts = snapshot(capture)
    findings = judge(
        facts,
        RULES,
        policy=judging.policy,
        profile=judging.profile,
        attestations=judging.attestations,
        today=judging.today,
    )
    return Report(
        target=capture.manifest.target,
        host=host_name(facts, address),
        score=score(findings),
        findings=findings,
        captured_at=capture.manifest.captured_at,
        as_root=capture.root,
        live=capture.live,
        preset=judging.policy.preset.name.lower(),
        surface=surface(facts),
        notes=(*capture.manifest.limits, *judging.notes),
        profile=profile_words(judging.profile),
        profile_told=judging.profile_told,
    )


def surface_of(capture: Capture, *, address: str = "") -> tuple[HostName, Surface]:
    """The attack surface alone."""
    facts = snapshot(capture)
    return host_name(facts, address), surface(facts)


def host_name(facts: Snapshot, address: str = "") -> HostName:
    """What the report calls the host."""
    match facts.host:
        case Known(host):
            return HostName(host.hostname, host.pretty, host.model, host.kernel, address)
        case _:
            return HostName(address=address)


def profile_words(profile: Profile) -> dict[str, str]:
    """The profile as words for a reader."""

    def words(values: Iterable[StrEnum]) -> str:
        return ", ".join(map(str, values))

    return {
        "data": words(profile.data),
        "controls": words(profile.controls),
        "shows": str(profile.shows),
        "talks": words(profile.talks),
        "online": str(profile.online),
        "place": str(profile.place),
    }


def exit_code(report: Report, fail_on: Risk | None) -> Exit:
    """0: nothing at or above `fail_on` (None: never fail); 1: something; 3: what is unknown might be."""
    if fail_on is None:
        return Exit.OK
    at = [finding.status for finding in report.findings if finding.risk.rank >= fail_on.rank]
    if Status.FAIL in at:
        return Exit.FINDINGS
    return Exit.UNKNOWN if Status.UNKNOWN in at else Exit.OK
