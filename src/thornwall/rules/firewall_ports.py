"""Single ports of the packet filter: opened for nothing, or without a limit."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.finding import (
    Attacker,
    Consequence,
    Effort,
    Evidence,
    FaultClass,
    Fixable,
    Kind,
    Reach,
    References,
)
from thornwall.model.firewall import FilterRule, Passage
from thornwall.model.rule import Context, Preset, Rule, Verdict, fail, not_applicable, passed, rule, unknown
from thornwall.rules.firewall_ask import BLOCK, STEPS, ask

_HOUSEKEEPING = {("udp", 68), ("udp", 546), ("udp", 5353), ("udp", 1900)}
"""What ufw and firewalld admit of themselves for DHCP and discovery."""


@rule(
    "firewall-allows-unused-port",
    "The firewall opens a port that nobody listens on",
    subject="firewall",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=3,
    attacker=Attacker.VIRUS,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.NEEDS_ANSWER,
    preset=Preset.DOCUMENTS,
    references=References(
        document=(STEPS, BLOCK),
        ssg=("ufw_only_required_services",),
        etsi=("5.6-1", "5.6-5"),
        nist=("Logical Access to Interfaces",),
    ),
)
def firewall_allows_unused_port(ctx: Context) -> Iterator[Verdict]:
    """Whether rules have outlived the programs they were made for.

    What:
        A rule lets in a port by its number, and no program listens there.
    Why:
        The next program that takes the port, wanted or not, is open at once.
    Remedy:
        Delete the rule: `sudo ufw status numbered`, then `sudo ufw delete NUMBER`; or take it out of
        /etc/nftables.conf.
    Risk of the remedy:
        A program that listens only now and then is closed when it does.
    """
    ruleset = ask(ctx)
    if ruleset.closed_by_default("ip") is Passage.OPEN:
        yield not_applicable("nothing is refused by default")
        return
    network = ctx.known(ctx.host.network, absent="nothing listens")
    unused: dict[tuple[str, int], FilterRule] = {}
    used = False
    for opener, protocol, port in ruleset.opened():
        if (protocol, port) in _HOUSEKEEPING or "destination" in opener.only or "source" in opener.only:
            continue
        if any(not socket.loopback for socket in network.listening(protocol, port)):
            used = True
        else:
            unused.setdefault((protocol, port), opener)
    # a rule for both protocols is used if one of them is
    for (protocol, port), opener in unused.items():
        other = "udp" if protocol == "tcp" else "tcp"
        if len(opener.protocols or ()) > 1 and (other, port) not in unused:
            continue
        evidence = Evidence(opener.path or ruleset.source, opener.text, opener.line)
        yield fail(
            f"Nothing listens on {protocol} port {port}, which the firewall opens.",
            evidence,
            subject=f"{protocol}/{port}",
            commands=(f"sudo ufw delete allow {port}/{protocol}",)
            if "ufw" in opener.text or "ufw" in opener.path
            else (),
        )
    if not unused:
        yield passed("Every port that is opened is listened on." if used else "No port is opened by its number.")


@rule(
    "firewall-no-ssh-rate-limit",
    "The firewall does not slow down attempts to log in over SSH",
    subject="firewall",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=2,
    attacker=Attacker.WORM,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.STRICT,
    commands=("sudo ufw limit ssh",),
    references=References(
        document=(BLOCK,), ssg=("ufw_rate_limit",), etsi=("5.1-5",), nist=("Logical Access to Interfaces",), cwe=(307,)
    ),
)
def firewall_no_ssh_rate_limit(ctx: Context) -> Iterator[Verdict]:
    """Whether the filter counts connections to the SSH server.

    What:
        The port of the SSH server is let in without a limit on how often one address may try.
    Why:
        It makes guessing slower, and keeps the log readable. sshd's own MaxStartups and PerSourcePenalties help too.
    Remedy:
        Have the firewall refuse whoever connects to SSH too often. With ufw that is `sudo ufw limit ssh` in place of
        `ufw allow ssh`; in nftables a `limit rate` before the accept.
    Risk of the remedy:
        Programs that open many SSH connections one after another, such as Ansible or backups, are slowed down or
        refused.
    """
    ruleset = ask(ctx)
    network = ctx.known(ctx.host.network, absent="nothing listens")
    ports = {socket.port for socket in network.sockets if socket.program == "sshd" and not socket.loopback} or {22}
    judged = False
    for port in sorted(ports):
        answer = ruleset.passage("ip", "tcp", port)
        judged = judged or answer is not Passage.CLOSED
        if answer is Passage.UNCLEAR:
            yield unknown("the rules of the firewall could not be followed", subject=f"tcp/{port}")
        elif ruleset.counts(port):
            yield passed("Attempts are counted.", subject=f"tcp/{port}")
        elif answer is not Passage.CLOSED:
            evidence = Evidence(ruleset.source, f"tcp port {port}: {answer}")
            yield fail(f"Port {port} is let in as often as anybody likes.", evidence, subject=f"tcp/{port}")
    if not judged:
        yield not_applicable("the firewall lets nobody in to the SSH server")


RULES: tuple[Rule, ...] = (firewall_allows_unused_port, firewall_no_ssh_rate_limit)
