"""What a plan claims that somebody outside can try: pure, from the plan and the facts before it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from thornwall.model.change import UnitDo
from thornwall.model.fact import Known
from thornwall.model.finding import Finding, Status
from thornwall.model.firewall import Firewall, Ruleset
from thornwall.model.network import Socket
from thornwall.model.plan import Plan
from thornwall.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Claims:
    """What is tried from outside once the change is confirmed, and before.

    `closed`: TCP ports that must refuse; `closed_udp`: UDP ports of the same services, which nobody tries; `kept`: TCP
    ports that must go on answering, if they did before. Then: a login by password is refused, root may not log in, sudo
    asks the login's own account for a password. `bans`: the service that would shut this computer out for failed
    logins, if one runs.
    """

    closed: tuple[int, ...] = ()
    closed_udp: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()
    password_refused: bool = False
    root_refused: bool = False
    sudo_asks: bool = False
    bans: str = ""


_OWN = 32768  # from here on the kernel gives ports to whoever asks for any (net.ipv4.ip_local_port_range)
_BANNERS = ("fail2ban", "sshguard", "denyhosts", "crowdsec-firewall-bouncer")


def claims(plan: Plan, findings: Iterable[Finding], facts: Snapshot) -> Claims:
    """What the steps of `plan` claim of the host that `facts` tell of."""
    mended = {(mend.rule, mend.subject) for mend in plan.mends}
    rules = {mend.rule for mend in plan.mends}
    lines = {
        evidence.text
        for finding in findings
        if finding.status is Status.FAIL and (finding.rule, finding.subject) in mended and _listens(finding)
        for evidence in finding.evidence
    }
    outside = [socket for socket in _sockets(facts) if not socket.loopback]
    sockets = [socket for socket in outside if socket.protocol == "tcp"]
    stopped = _stopped(plan)
    gone = [socket for socket in outside if socket.line in lines or socket.unit in stopped]
    closed = {socket.port for socket in gone if socket.protocol == "tcp"}
    udp = {each.port for each in gone if each.protocol == "udp" and each.port < _OWN}
    # (several programs may share one)
    udp -= {each.port for each in outside if each.protocol == "udp" and each not in gone}
    return Claims(
        closed=tuple(sorted(closed)),
        closed_udp=tuple(sorted(udp)),
        kept=tuple(sorted(({socket.port for socket in sockets} | _forwarded(facts, closed)) - closed)),
        password_refused="ssh-password-login" in rules,
        root_refused=not rules.isdisjoint({"ssh-root-login", "ssh-root-key-login"}),
        sudo_asks=("sudo-nopasswd", plan.way_in.user) in mended,
        bans=next((name for name in _BANNERS if _runs(facts, name)), ""),
    )


def counts_logins(facts: Snapshot, port: int) -> bool:
    """Whether the firewall that `facts` tell of lets new connections to this TCP port in only so often."""
    ruleset = _ruleset(facts)
    return ruleset is not None and ruleset.counts(port)


def _forwarded(facts: Snapshot, closed: set[int]) -> frozenset[int]:
    ruleset = _ruleset(facts)
    return frozenset() if ruleset is None else ruleset.forwarded(closed)


def _ruleset(facts: Snapshot) -> Ruleset | None:
    match facts.firewall:
        case Known(Firewall(ruleset=Known(ruleset))):
            return ruleset
        case _:
            return None


def _listens(finding: Finding) -> bool:
    """Whether it is about a port; the last two leave it open on the device itself alone."""
    return finding.rule.endswith("-listening") or finding.rule in {"database-open-to-network", "camera-stream-open"}


def _stopped(plan: Plan) -> frozenset[str]:
    operations = (operation for step in plan.steps for operation in step.operations)
    stops = (each for each in operations if isinstance(each, UnitDo) and each.action == "stop")
    return frozenset(unit for each in stops for unit in each.units)


def _runs(facts: Snapshot, unit: str) -> bool:
    return isinstance(facts.services, Known) and facts.services.value.active(unit)


def _sockets(facts: Snapshot) -> tuple[Socket, ...]:
    match facts.network:
        case Known(network):
            return network.sockets
        case _:
            return ()


def ways_out(facts: Snapshot) -> frozenset[str]:
    """`IPv4`, `IPv6`: over which it has a default route."""
    routes = facts.network.value.default_routes if isinstance(facts.network, Known) else ()
    return frozenset("IPv6" if ":" in each.destination else "IPv4" for each in routes)
