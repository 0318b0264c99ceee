"""A capture to a plan: the audit, what it would take to mend what it found, and how the host would stand then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from thornwall import __version__
from thornwall.apply.first_start import job, without_later
from thornwall.collect.archive import load
from thornwall.facts import originals as originals_of
from thornwall.facts.registry import snapshot
from thornwall.jobs.audit import assess
from thornwall.jobs.judging import Judging
from thornwall.jobs.link import Link
from thornwall.jobs.read import Before, Reading, read_host
from thornwall.jobs.store import with_host
from thornwall.model.capture import Capture
from thornwall.model.fact import Known
from thornwall.model.finding import Finding, Report, Risk, Status
from thornwall.model.originals import Originals
from thornwall.model.plan import Answers, Mend, Plan, Standing, WayIn
from thornwall.model.rule import Value
from thornwall.plan.first_start import waits
from thornwall.plan.fix import Situation
from thornwall.plan.fixes.firewall import ssh_ports
from thornwall.plan.planner import Choice, make_plan
from thornwall.plan.registry import FIXES, INTERLOCKS
from thornwall.plan.reopens import reopens
from thornwall.plan.ways_in import accounts_of, admins
from thornwall.prove.claims import claims
from thornwall.rules.registry import RULES
from thornwall.rules.risk import score
from thornwall.transport.base import Limits, Ran

_PACKAGES = 4 * 3600.0  # seconds that apt may take on a slow card behind a slow link


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the owner says before a plan is made. `password_proved`: the login's own password is known to be right."""

    answers: Answers = field(default_factory=Answers)
    choice: Choice = field(default_factory=Choice)
    password_proved: bool = False


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and what it was made of."""

    plan: Plan
    report: Report
    situation: Situation = field(repr=False)


async def look(
    link: Link, judging: Judging, wishes: Wishes, step: Callable[[str], None], before: Before | None = None
) -> Planned:
    """Read the host over one connection, and plan. Raises the errors of `Transport.run`."""
    seconds = link.reaching.seconds + (_PACKAGES if before else 0)
    limits = Limits(seconds=seconds, idle_seconds=_PACKAGES if before else min(60, seconds), busy=before is not None)
    reading = Reading(limits, link.reaching.password_seconds, planning=True)
    await link.turn(step)

    def read() -> Awaitable[tuple[Capture, Ran]]:
        target, source = str(link.target), link.source
        return read_host(link.transport(), reading, step, target=target, source=source, root=link.root, before=before)

    capture, ran = await link.patiently(read, step)
    link.asker.succeeded()
    way = way_in(capture, ran, link.name, originals(capture))
    planned = make(capture, judging, way, wishes, address=ran.address)
    if not link.root or not (user := await _at_hand(link, planned.situation)):
        return planned
    return make(capture, judging, replace(way, user=user, key_proved=True), wishes)


async def _at_hand(link: Link, situation: Situation) -> str:
    """The account of a system that does not run that a key at hand opens, and that becomes root; empty: none."""
    from thornwall.transport.ssh_hand import key_at_hand  # noqa: PLC0415 - for a mounted root alone

    accounts = accounts_of(situation)
    known = {
        key.fingerprint: admin.name
        for admin in admins(situation, by_key=True)
        for key in (accounts.keys_of(admin.name) if accounts else ())
        if key.free
    }
    return known.get(await key_at_hand(link.reaching.identity, known, link.asker.login()), "") if known else ""


def of_capture(path: Path, judging: Judging, wishes: Wishes) -> Planned:
    """The plan for the host that a saved capture tells of; who would carry it out logs in anew, and is asked anew."""
    capture = load(path)
    judging = with_host(judging, capture.manifest)
    found = originals(capture)
    offline = WayIn("offline")
    way = offline if not capture.live else way_in(capture, Ran(0), "", found)
    return make(capture, judging, way, wishes)


def originals(capture: Capture) -> Originals:
    """What was read for planning; nothing at all where it was not."""
    match originals_of.parse(capture):
        case Known(found):
            return found
        case _:
            return Originals()


def way_in(capture: Capture, ran: Ran, name: str, found: Originals) -> WayIn:
    """How the connection that read the host came in. `name`: the host as the user called it."""
    if capture.manifest.source == "directory":
        return WayIn("offline")
    peer, _, address, port = (*found.ssh_connection, "", "", "", "")[:4]
    if capture.manifest.source != "ssh":
        # (it may be a login of sshd's all the same, whose end is here)
        return WayIn(
            "local",
            uid=capture.manifest.uid,
            address=address,
            port=int(port) if port.isdigit() else 0,
            peer=peer,
            interface=found.route_interface if peer else "",
        )
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
        password_proved=ran.sudo_password,
    )


def make(capture: Capture, judging: Judging, way: WayIn, wishes: Wishes, *, address: str = "") -> Planned:
    """Judge what was read, and plan what mends it."""
    report = assess(capture, judging, address=address)
    way = replace(way, password_proved=way.password_proved or wishes.password_proved)
    situation = Situation(
        facts=snapshot(capture),
        capture=capture,
        originals=originals(capture),
        way_in=way,
        answers=wishes.answers,
        preset=judging.policy.preset,
        profile=judging.profile,
        values=_values(judging),
        findings=report.failed(),
    )
    subjects = {rule.id: rule.subject for rule in RULES}
    plan = make_plan(situation, FIXES, INTERLOCKS, subjects, wishes.choice)
    plan = _with_job(plan, situation, wishes.choice, report.failed())
    claimed = claims(plan, report.findings, situation.facts)
    plan = replace(
        plan,
        closes=claimed.closed,
        closes_udp=claimed.closed_udp,
        keeps=claimed.kept,
        host=report.host,
        as_root=report.as_root,
        before=Standing(report.score, report.summary()),
        after=standing_after(report, plan.mends),
        grave=_grave(report, plan.mends),
        keys_alone=_keys_alone(report),
        job_waits=waits(situation),
    )
    return Planned(plan, report, situation)


def _keys_alone(report: Report) -> bool:
    """Whether SSH takes no password from anybody as it is."""
    found = {each.status for each in report.findings if each.rule == "ssh-password-login"}
    typed = [each for each in report.failed() if each.rule == "ssh-keyboard-interactive-password"]
    return found == {Status.PASS} and not typed


def _with_job(plan: Plan, situation: Situation, choice: Choice, found: Sequence[Finding]) -> Plan:
    """With the step that leaves a job for what waits for the first start, before that."""
    later = tuple(step for step in plan.steps if step.first_start)
    if not later:
        return plan
    ports = [int(port.partition("/")[0]) for port in ssh_ports(situation)]
    step = job(
        later,
        title=choice.titled(plan.preset),
        ports=ports,
        version=__version__,
        reopens=lambda step: reopens(replace(plan, steps=(step,)), found),
    )
    return replace(plan, steps=(*without_later(plan.steps), step, *later))


def _grave(report: Report, mends: tuple[Mend, ...]) -> tuple[Mend, ...]:
    """What of extreme or high risk is none of these findings, worst first."""
    grave = [each for each in report.failed() if each.risk.rank >= Risk.HIGH.rank]
    found = (Mend(each.rule, each.subject, each.title) for each in sorted(grave, key=lambda each: -each.risk.rank))
    return tuple(each for each in dict.fromkeys(found) if each not in mends)


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
