"""Fixes of the rules about packet filters: what is in use stays reachable, the rest is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator

from thornwall.model.change import Firewall, Packages, Purpose, Tool, UnitsOff, UnitsOn
from thornwall.model.fact import Known
from thornwall.model.finding import Finding
from thornwall.model.firewall import Passage
from thornwall.model.network import Network, Socket
from thornwall.model.rule import Preset
from thornwall.model.ssh import SshServer
from thornwall.plan.firewall_tools import RELOAD, chosen, facts, is_on, ufw_rules
from thornwall.plan.fix import Fix, Hold, Situation, Want, fix
from thornwall.plan.fixes.services import stopping
from thornwall.plan.interlocks import network as network_locks
from thornwall.plan.interlocks import workload
from thornwall.plan.lines import network_of, services_of

PATHS: tuple[str, ...] = ("/etc/ufw/*", "/etc/default/ufw", "/etc/firewalld/*.conf")

_STEP = "firewall"
_SS = "ss -tulpn"
_BY_ITSELF = {("udp", 68), ("udp", 546), ("udp", 5353)}
"""DHCP and multicast DNS: ufw and firewalld let their answers in by rules of their own."""
_PICKED = range(32_768, 61_000)
"""Where the kernel takes ports from for programs that do not care which they get."""
_WITH_PORT = re.compile(r"(?:\[[^]]*\]|[^:\[]*):(\d+)(?:\s.*)?")  # of ListenAddress
_BREAKS = (
    "What others used on this device, and what listens on no port now, is closed until you allow its port as well. "
    "Ports that are published for containers (Docker's) are forwarded, and stay open: the firewall does not see them."
)


def ssh_ports(situation: Situation) -> tuple[str, ...]:
    """The ports on which the SSH server really listens, and that of this very connection; else those it is told."""
    found = dict[int, None]()
    if situation.way_in.port:
        found[situation.way_in.port] = None
    told: list[int] = []
    if isinstance(situation.facts.ssh, Known):
        told = [port for port in _told(situation.facts.ssh.value) if 0 < port < 65_536]
    sockets = [each for each in network_of(situation).sockets if each.protocol == "tcp" and not each.loopback]
    listening = [
        each.port
        for each in sockets
        if each.program in {"sshd", "dropbear"}
        or each.unit in {"ssh.socket", "sshd.socket", "ssh.service", "sshd.service"}
        or (each.program in {"systemd", ""} and each.port in told)
    ]
    found |= dict.fromkeys(listening or told)
    return tuple(f"{port}/tcp" for port in found)


def _told(server: SshServer) -> Iterator[int]:
    """As sshd_config(5) has it: `Port` counts where an address says none of its own, or none is named."""
    addresses = [setting.value for setting in server.values("listenaddress")]
    outside = [each for each in addresses if not each.startswith(("127.", "[::1]", "::1", "localhost"))]
    with_port = [match[1] for each in outside if (match := _WITH_PORT.fullmatch(each))]
    yield from map(int, with_port)
    if len(with_port) < len(outside) or not addresses:
        yield from (int(each.value) for each in server.values("port") if each.value.isdecimal())


def stays_open(situation: Situation) -> tuple[str, ...]:
    """Every port that others can reach now and whose service this plan does not switch off, SSH first."""
    going, units = _going(situation)
    network = network_of(situation)
    found = dict.fromkeys(ssh_ports(situation))
    for socket in sorted(network.sockets, key=lambda each: (each.protocol, each.port)):
        if socket.loopback or network.inside(socket.address) or (socket.protocol, socket.port) in _BY_ITSELF:
            continue
        gone = socket.unit in units or (socket.program, socket.name) in going
        if not gone and not _picked(network, socket) and _reached(situation, socket):
            found[f"{socket.port}/{socket.protocol}"] = None
    return tuple(found)


def _going(situation: Situation) -> tuple[set[tuple[str, str]], set[str]]:
    """What no longer listens once the plan is done: program and port of sockets, and units."""
    going: set[tuple[str, str]] = set()
    units: set[str] = set()
    for finding, names in stopping(situation, lambda wish: _held(situation, wish)):
        lines = {each.text for each in finding.evidence if each.source == _SS}
        going |= {(each.program, each.name) for each in network_of(situation).sockets if each.line in lines}
        units |= set(names)
    return going, units


def _held(situation: Situation, wish: UnitsOff) -> bool:
    """Whether an interlock keeps the service: then it has to stay reachable too."""
    holds = (lock(situation, wish) for lock in (*network_locks.INTERLOCKS, *workload.INTERLOCKS))
    return any(
        hold is not None and not (hold.accept and situation.answers.accepted(hold.interlock, hold.subject))
        for hold in holds
    )


def _picked(network: Network, socket: Socket) -> bool:
    """Whether the port is one that its program just happened to get: answers to it come in without a rule."""
    if socket.program.startswith("rpc."):
        return socket.port != 2049
    if socket.protocol != "udp" or socket.port not in _PICKED or not socket.program:
        return False
    others = [each for each in network.sockets if each.program == socket.program and each.port != socket.port]
    return bool(others) and not network.listening("tcp", socket.port)


def _reached(situation: Situation, socket: Socket) -> bool:
    """Whether the filter of today lets it in: what is closed stays closed."""
    found = facts(situation)
    if found is None:
        return True
    family = "ip" if "ip" in socket.families else "ip6"
    return found.lets_in(family, socket.protocol, socket.port) != Known(False)


def _switch_on(situation: Situation, allow: tuple[str, ...]) -> Iterator[Want]:
    tool = chosen(situation)
    if not tool:
        return
    if not _has(situation, tool):
        yield Packages((tool,))
    # else the new firewall would be the next finding
    counted = ssh_ports(situation) if tool == "ufw" and situation.preset is Preset.STRICT else ()
    yield Firewall(enable=True, allow=allow, limit=counted, log=True, ipv6=True)


def _has(situation: Situation, tool: str) -> bool:
    return services_of(situation).unit(f"{tool}.service") is not None


@fix("no-firewall", step=_STEP, purpose=Purpose.FIREWALL, title="Refuse what nobody uses", may_break=(_BREAKS,))
def no_firewall(situation: Situation, _finding: Finding) -> Iterator[Want]:
    """The host's own tool, else ufw; in with what is in use, out with everything."""
    yield from _switch_on(situation, stays_open(situation))


@fix(
    "firewall-default-accept",
    step=_STEP,
    purpose=Purpose.FIREWALL,
    title="Refuse what no rule names",
    may_break=(_BREAKS,),
)
def default_accept(situation: Situation, _finding: Finding) -> Iterator[Want]:
    """The same, where there are rules that admit everything else."""
    yield from _switch_on(situation, stays_open(situation))


@fix("firewall-no-ipv6", step=_STEP, purpose=Purpose.FIREWALL, title="Filter IPv6 as well", may_break=(_BREAKS,))
def no_ipv6(situation: Situation, _finding: Finding) -> Iterator[Want]:
    """ufw has a switch for it; rules of the owner's own making are his."""
    if chosen(situation) == "ufw" and is_on(situation, "ufw"):
        yield Firewall(allow=stays_open(situation), ipv6=True)


@fix("firewall-not-persistent", step=_STEP, purpose=Purpose.FIREWALL, title="Set the firewall up at every start")
def not_persistent(situation: Situation, _finding: Finding) -> Iterator[Want]:
    """For rules of ufw or firewalld; what somebody typed into nft cannot be told from what a program added."""
    yield from _switch_on(situation, ssh_ports(situation))


@fix("firewall-not-running", step=_STEP, purpose=Purpose.FIREWALL, title="Start the firewall that is configured")
def not_running(situation: Situation, _finding: Finding) -> Iterator[Want]:
    """As it is configured, with SSH let in. nftables.service empties all tables, so it starts only where none is."""
    if chosen(situation):
        yield from _switch_on(situation, ssh_ports(situation))
        return
    found = facts(situation)
    if found is None or {keeper.name for keeper in found.enabled} != {"nftables"}:
        return
    empty = isinstance(found.running, Known) and not found.running.value.chains
    ports = ssh_ports(situation)
    if empty and ports and all(_will_let_in(situation, int(port.partition("/")[0])) for port in ports):
        yield UnitsOn(("nftables.service",))


def _will_let_in(situation: Situation, port: int) -> bool:
    found = facts(situation)
    if found is None or not isinstance(found.at_boot, Known):
        return False
    return all(found.at_boot.value.passage(family, "tcp", port) is Passage.OPEN for family in ("ip", "ip6"))


@fix("firewall-no-logging", step=_STEP, purpose=Purpose.FIREWALL, title="Log what the firewall refuses")
def no_logging(situation: Situation, _finding: Finding) -> Iterator[Want]:
    """With the limit that the tool has by itself."""
    tool = chosen(situation)
    if tool and is_on(situation, tool):
        yield Firewall(log=True)


@fix(
    "firewall-no-ssh-rate-limit",
    step=_STEP,
    purpose=Purpose.FIREWALL,
    title="Count connections to the SSH server",
)
def no_rate_limit(situation: Situation, finding: Finding) -> Iterator[Want]:
    """`ufw limit`, in the place of the rule that admits everybody."""
    protocol, _, number = finding.subject.partition("/")
    if chosen(situation) == "ufw" and number.isdecimal():
        yield Firewall(limit=(f"{number}/{protocol}",))


@fix(
    "firewall-allows-unused-port",
    step="firewall-unused",
    purpose=Purpose.FIREWALL,
    title="Close ports that nobody listens on",
)
def unused_port(situation: Situation, finding: Finding) -> Iterator[Want]:
    """Only where one plain rule of ufw's opens it, and the owner says that nothing will listen there."""
    protocol, _, number = finding.subject.partition("/")
    if not (is_on(situation, "ufw") and number.isdecimal()):
        return
    opening = [rule for rule in ufw_rules(situation) if rule.names(int(number), protocol)]
    if len(opening) != 1 or not opening[0].everywhere or opening[0].action not in {"allow", "limit"}:
        return
    rule = opening[0]
    # a rule for both protocols may serve the other one
    if rule.app or rule.ports != number or rule.protocol != protocol:
        return
    yield Hold(
        "firewall-allows-unused-port",
        f"No program can see whether something that does not run now is to be reached on {finding.subject}.",
        "If no program that runs now and then needs it, say so.",
        subject=finding.subject,
        accept=True,
    )
    run = (("ufw", "delete", rule.action, f"{number}/{protocol}"),)
    yield Tool("ufw", run, ("/etc/ufw", "/etc/default/ufw"), undo_after=(RELOAD,))


FIXES: tuple[Fix, ...] = (
    no_firewall,
    default_accept,
    no_ipv6,
    not_persistent,
    not_running,
    no_logging,
    no_rate_limit,
    unused_port,
)
