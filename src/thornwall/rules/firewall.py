"""Packet filters: whether there is one, whether it lasts, and what it lets in."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from thornwall.model.fact import Known
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
from thornwall.model.firewall import Keeper, Passage, Ruleset
from thornwall.model.rule import Context, Preset, Rule, Verdict, fail, not_applicable, passed, rule, unknown
from thornwall.rules import firewall_ports
from thornwall.rules.firewall_ask import BLOCK, STEPS, UFW, ask, basis, firewall, strangers, ufw
from thornwall.rules.offered import runs

ACCESS = ("Logical Access to Interfaces",)
filters = partial(
    rule,
    subject="firewall",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    attacker=Attacker.WORM,
    reach=Reach.NETWORK,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.AUTOMATIC,
)


@filters(
    "no-firewall",
    "There is no firewall",
    likelihood=2,
    impact=4,
    consequence=Consequence.TAKEOVER,
    preset=Preset.DOCUMENTS,
    commands=UFW,
    references=References(
        document=(BLOCK, STEPS, "Connecting to the Internet"),
        cis_debian12=("4.2.3", "4.3.9"),
        ssg=("check_ufw_active", "service_ufw_enabled", "service_nftables_enabled"),
        etsi=("5.6-1",),
        nist=ACCESS,
        owasp_iot=("I2",),
        cwe=(1327,),
    ),
)
def no_firewall(ctx: Context) -> Iterator[Verdict]:
    """Whether a packet filter decides who may talk to the device.

    What:
        Nothing that comes in would be dropped: the kernel has no filter rules for it, and none is set up at boot by
        ufw, nftables, firewalld or a script. nftables is installed on Debian and Raspberry Pi OS, but with no rules.
    Why:
        Every program that starts to listen, on purpose or not, is at once open to everybody. A filter is the layer that
        still holds when a service was forgotten.
    Remedy:
        Install ufw, let SSH in, and only then switch it on. What others use on this device, such as a web page (`sudo
        ufw allow 80/tcp`), needs a rule of its own. `ufw enable` asks a question: `--force` answers it.
    Risk of the remedy:
        Without the rule for SSH you lock yourself out. What other computers used on this device, a web page or a share,
        is closed until you allow its port as well.
    """
    found = firewall(ctx)
    match found.running:
        case Known(ruleset):
            if any(ruleset.filters(family) for family in ("ip", "ip6")):
                yield passed("Packets that come in are filtered.", *basis(found))
            else:
                off = tuple(_off(keeper) for keeper in found.keepers if not keeper.enabled)
                evidence = Evidence("nft list ruleset", "no rule drops what comes in")
                yield fail("No rule drops anything that comes in.", evidence, *off, commands=ufw(ctx))
            return
        case _:
            pass
    if not found.enabled:
        off = tuple(_off(keeper) for keeper in found.keepers)
        detail = "Nothing sets up a filter at boot: no ufw, nftables, firewalld or script that is enabled."
        yield fail(detail, *off, commands=ufw(ctx))
        return
    if not isinstance(found.at_boot, Known) and any(keeper.name in {"ufw", "firewalld"} for keeper in found.enabled):
        # their rules are for root's eyes, their switch is not: switched on, they filter
        yield passed("A firewall is switched on; which rules it has was not read.", *basis(found))
        return
    ruleset = ctx.known(found.at_boot, absent="no filter is set up")
    if any(ruleset.filters(family) for family in ("ip", "ip6")):
        yield passed("A filter is set up at boot.", *basis(found))
    else:
        yield fail("What is set up at boot drops nothing.", *basis(found), commands=ufw(ctx))


def _off(keeper: Keeper) -> Evidence:
    return Evidence(keeper.path, keeper.text or "not started at boot", keeper.line)


@filters(
    "firewall-default-accept",
    "The firewall lets in whatever no rule names",
    likelihood=2,
    impact=3,
    consequence=Consequence.TAKEOVER,
    preset=Preset.DOCUMENTS,
    commands=("sudo ufw allow ssh && sudo ufw default deny incoming",),
    references=References(
        document=(BLOCK,),
        cis_debian12=("4.2.7", "4.3.8", "4.4.2.1"),
        ssg=("set_ufw_default_rule", "nftables_ensure_default_deny_policy"),
        etsi=("5.6-1",),
        nist=ACCESS,
        cwe=(1188,),
    ),
)
def firewall_default_accept(ctx: Context) -> Iterator[Verdict]:
    """Whether the filter refuses what it was not told to admit.

    What:
        There are filter rules, but a connection to a port that none of them names is let in. Rules that only keep out
        single addresses, such as those of fail2ban, are of this kind.
    Why:
        A list of what is forbidden is never complete: the next program that listens is open.
    Remedy:
        Allow SSH and what else others need, and only then refuse the rest. With ufw that is `sudo ufw default deny
        incoming`, else `policy drop` in the input chain of /etc/nftables.conf.
    Risk of the remedy:
        What was reachable without a rule is no longer. Allow SSH first.
    """
    ruleset = ask(ctx)
    answer = ruleset.closed_by_default("ip")
    if answer is Passage.UNCLEAR:
        yield unknown("the rules of the firewall could not be followed")
    elif answer is Passage.OPEN:
        yield fail("A connection to a port that no rule names is let in.", *_bases(ruleset))
    else:
        yield passed("What no rule names is refused.", *_bases(ruleset))


def _bases(ruleset: Ruleset, family: str = "ip") -> tuple[Evidence, ...]:
    """The chains that decide, with their policies."""
    return tuple(
        Evidence(chain.path or ruleset.source, f"{chain.name}: policy {chain.policy}", chain.line)
        for chain in ruleset.base(family)
        if chain.hook == "input"
    )


@filters(
    "firewall-no-ipv6",
    "The firewall knows nothing of IPv6",
    likelihood=2,
    impact=3,
    consequence=Consequence.TAKEOVER,
    preset=Preset.DOCUMENTS,
    commands=("sudo sed -i 's/^IPV6=.*/IPV6=yes/' /etc/default/ufw", "sudo ufw reload"),
    references=References(
        document=(BLOCK,), cis_debian12=("4.4.3.1",), etsi=("5.6-1",), nist=ACCESS, owasp_iot=("I2",), cwe=(1327,)
    ),
)
def firewall_no_ipv6(ctx: Context) -> Iterator[Verdict]:
    """Whether what is refused over IPv4 is open over IPv6.

    What:
        IPv4 is filtered and refuses what no rule names; over IPv6 the same ports are open.
    Why:
        Every device on a home network has IPv6 addresses, often public ones. Whoever uses them passes by the filter.
    Remedy:
        Have the firewall cover IPv6 as well, with SSH allowed for both. With ufw write `IPV6=yes` into /etc/default/ufw
        and reload it; in /etc/nftables.conf use a table of family `inet`, which covers both; with iptables load the
        same rules with ip6tables.
    Risk of the remedy:
        Connections that came over IPv6 need a rule of their own: allow SSH for both first.
    """
    ruleset = ask(ctx)
    over4, over6 = ruleset.closed_by_default("ip"), ruleset.closed_by_default("ip6")
    if over4 in {Passage.OPEN, Passage.UNCLEAR}:
        yield not_applicable("IPv4 is not refused by default either")
    elif over6 is Passage.UNCLEAR:
        yield unknown("the rules for IPv6 could not be followed")
    elif over6 is not Passage.OPEN:
        yield passed("IPv6 is filtered like IPv4.", *_bases(ruleset, "ip6"))
    elif _has_ipv6(ctx):
        evidence = _bases(ruleset, "ip6") or (Evidence(ruleset.source, "no chain for IPv6"),)
        yield fail("What is refused over IPv4 is let in over IPv6.", *evidence)
    else:
        yield passed("The device has no IPv6 address.")


def _has_ipv6(ctx: Context) -> bool:
    """True unless the running host shows that it has no IPv6 address at all."""
    match ctx.host.network:
        case Known(network) if network.addresses:
            return any(":" in address.address for address in network.addresses)
        case _:
            return True


@filters(
    "firewall-not-persistent",
    "The firewall is gone after a reboot",
    likelihood=3,
    impact=3,
    consequence=Consequence.TAKEOVER,
    fault_class=FaultClass.CONFIGURATION,
    commands=(
        "sudo sh -c '{ echo flush ruleset; nft list ruleset; } > /etc/nftables.conf'",
        "sudo systemctl enable nftables.service",
    ),
    references=References(
        document=(BLOCK,),
        cis_debian12=("4.3.10", "4.3.9"),
        ssg=("nftables_rules_permanent", "service_nftables_enabled"),
        nist=("Device Configuration",),
    ),
)
def firewall_not_persistent(ctx: Context) -> Iterator[Verdict]:
    """Whether the rules that run now come back by themselves.

    What:
        The kernel filters what comes in, and nothing that is started at boot would set the rules up again.
    Why:
        After the next power cut the device is open, and nobody notices.
    Remedy:
        Write the rules to where they are loaded from at boot. That is /etc/nftables.conf, with nftables.service
        enabled; with ufw, enable ufw.service; with iptables, install iptables-persistent.
    Risk of the remedy:
        Rules that Docker or fail2ban add by themselves must not be saved with the others: look through the file.
    """
    found = firewall(ctx)
    if found.enabled:
        yield passed("The rules are set up at boot.", *basis(found))
        return
    ruleset = ctx.known(found.running, absent="there is no filter")
    if ruleset.closed_by_default("ip") is Passage.OPEN:
        yield not_applicable("nothing is refused by default now")
    else:
        yield fail("Packets are filtered now, but nothing sets the rules up at boot.", *_bases(ruleset))


@filters(
    "firewall-not-running",
    "The firewall is configured and does not run",
    likelihood=2,
    impact=4,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    commands=("systemctl status ufw nftables firewalld", "sudo nft list ruleset"),
    references=References(document=(BLOCK,), nist=("Device Configuration",), ssg=("check_ufw_active",)),
)
def firewall_not_running(ctx: Context) -> Iterator[Verdict]:
    """Whether the filter that is set up at boot is really there.

    What:
        ufw, nftables, firewalld or a script is enabled and would refuse what no rule names; the kernel refuses nothing.
    Why:
        The owner believes that the device is shielded. The unit may have failed, or somebody flushed the rules.
    Remedy:
        See why it did not start, mend that, and start it again. `systemctl status ufw nftables firewalld` tells.
    Risk of the remedy:
        None beyond what the owner asked for: see that its rules admit SSH.
    """
    found = firewall(ctx)
    if not found.enabled:
        yield not_applicable("no filter is set up at boot")
        return
    running = ctx.known(found.running, absent="there is no filter")
    planned = ctx.known(found.at_boot, absent="no filter is set up at boot")
    if planned.closed_by_default("ip") in {Passage.OPEN, Passage.UNCLEAR}:
        yield not_applicable("what is set up at boot refuses nothing by default")
    elif running.closed_by_default("ip") is Passage.OPEN:
        evidence = Evidence("nft list ruleset", "what no rule names is let in")
        yield fail("A filter is configured to start at boot, and is not there now.", evidence, *basis(found))
    else:
        yield passed("The filter that is configured is there.", *basis(found))


@filters(
    "firewall-no-logging",
    "The firewall writes down nothing",
    likelihood=1,
    impact=2,
    consequence=Consequence.BLINDNESS,
    effort=Effort.MINUTE,
    preset=Preset.DOCUMENTS,
    commands=("sudo ufw logging low",),
    references=References(
        document=(BLOCK, "Enable Logging"), etsi=("5.10-1",), nist=("Cybersecurity State Awareness",), cwe=(778,)
    ),
)
def firewall_no_logging(ctx: Context) -> Iterator[Verdict]:
    """Whether attempts that the filter refuses can be seen afterwards.

    What:
        The filter refuses connections and has no rule that logs them; with ufw, LOGLEVEL is off.
    Why:
        Knocking at closed ports is how an attack begins; ufw's log shows who knocks.
    Remedy:
        Switch the firewall's log on, with a limit. In an nftables chain, put `limit rate 5/minute log prefix "refused:
        "` before the end. The lines go to the kernel's log: `journalctl -k`.
    Risk of the remedy:
        Without a limit a flood fills the log and wears the SD card; ufw has one.
    """
    found = firewall(ctx)
    ruleset = ask(ctx)
    if ruleset.closed_by_default("ip") is Passage.OPEN:
        yield not_applicable("nothing is refused by default")
        return
    keeper = next((keeper for keeper in found.enabled if keeper.logging), None)
    if any(each.logs for each in ruleset.reachable("ip")) and not (keeper and keeper.logging == "off"):
        yield passed("What is refused is logged.", *basis(found))
    elif any(each.unclear for each in ruleset.reachable("ip")):
        yield unknown("the rules of the firewall could not be followed")
    else:
        yield fail("What the firewall refuses leaves no trace.", *basis(found))


@filters(
    "docker-bypasses-firewall",
    "Docker opens ports past the firewall",
    likelihood=3,
    impact=3,
    consequence=Consequence.TAKEOVER,
    fixable=Fixable.BY_HAND,
    references=References(document=(BLOCK, "Connecting to the Internet"), etsi=("5.6-1",), nist=ACCESS, cwe=(1327,)),
)
def docker_bypasses_firewall(ctx: Context) -> Iterator[Verdict]:
    """Whether published ports of containers are open although the firewall says otherwise.

    What:
        Docker publishes a container's port on every address, while a firewall is on. Docker's own rules come first:
        `ufw deny` does not close such a port.
    Why:
        The owner believes that the port is closed, and the whole network reaches the container.
    Remedy:
        Publish the port on loopback (`-p 127.0.0.1:8080:80`), if only the device itself uses it. Else put rules into
        the chain DOCKER-USER, which Docker leaves alone.
    Risk of the remedy:
        Other computers no longer reach the container at that port.
    """
    ruleset = ask(ctx)
    if ruleset.closed_by_default("ip") is Passage.OPEN:
        yield not_applicable("nothing is refused by default")
        return
    services = ctx.known(ctx.host.services, absent="there are no services")
    if not runs(ctx) and not services.starting("docker"):
        yield not_applicable("Docker is not started at boot")
        return
    network = ctx.known(ctx.host.network, absent="nothing listens")
    opened = strangers(network)
    if not opened:
        yield not_applicable("Docker publishes no port beyond loopback")
        return
    guard = next((chain for chain in ruleset.chains if chain.name == "DOCKER-USER"), None)
    guarded = guard is not None and any(each.verdict in {"drop", "jump"} for each in guard.rules)
    for socket in opened:
        evidence = Evidence("ss -tulpn", socket.line)
        if guarded:
            yield passed("DOCKER-USER filters what is published.", evidence, subject=socket.name)
        else:
            detail = f"Port {socket.port} of a container is open to the network, whatever the firewall says."
            yield fail(detail, evidence, subject=socket.name)


RULES: tuple[Rule, ...] = (
    no_firewall,
    firewall_default_accept,
    firewall_no_ipv6,
    firewall_not_persistent,
    firewall_not_running,
    firewall_no_logging,
    docker_bypasses_firewall,
    *firewall_ports.RULES,
)
