"""Settings of the kernel that guard it from the network."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.finding import Attacker, Consequence, Effort, FaultClass, Fixable, Kind, Reach, References
from thornwall.model.rule import Context, Preset, Verdict, rule
from thornwall.rules.sysctl import demand, kernel, set_commands


@rule(
    "icmp-redirects-accepted",
    "Neighbours on the network may change the device's routes",
    subject="kernel",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=3,
    attacker=Attacker.NEAR,
    reach=Reach.NETWORK,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Connecting to the Internet",),
        cis_debian12=("3.3.5",),
        ssg=("sysctl_net_ipv4_conf_all_accept_redirects", "sysctl_net_ipv6_conf_all_accept_redirects"),
        etsi=("5.6-1",),
        cwe=(940,),
    ),
    commands=set_commands(
        "icmp-redirects-accepted",
        "net.ipv4.conf.all.accept_redirects = 0",
        "net.ipv4.conf.default.accept_redirects = 0",
        "net.ipv6.conf.all.accept_redirects = 0",
        "net.ipv6.conf.default.accept_redirects = 0",
        "net.ipv4.conf.*.accept_redirects = 0",
        "net.ipv6.conf.*.accept_redirects = 0",
    ),
)
def icmp_redirects_accepted(ctx: Context) -> Iterator[Verdict]:
    """ICMP redirects are obeyed.

    What:
        The settings `accept_redirects` of IPv4 and IPv6: `all`, `default` for new interfaces, and that of each
        interface there is. With IPv6 only the last one counts, and `all` and `default` do not change it; with IPv4 it
        counts beside `all`. An interface that forwards for others is left out: there `all` suffices.

    Why:
        A machine on the same network can tell the device to send its traffic through it, and read or change
        what passes.

    Remedy:
        Set the four `accept_redirects` to 0 in a file of its own in /etc/sysctl.d that sorts last, with a line with `*`
        for the interfaces that there are before the file is read, and load it. Since Debian 13 nothing reads
        /etc/sysctl.conf at boot.
    Risk of the remedy:
        None where there is one router. Where two share a network, a few packets take a detour.
    """
    yield from demand(
        ctx,
        {
            f"net.{family}.conf.{interface}.accept_redirects": ("0",)
            for family in ("ipv4", "ipv6")
            for interface in ("all", "default")
        }
        | dict.fromkeys(kernel(ctx).redirects(), ("0",)),
        "ICMP redirects are accepted.",
        "ICMP redirects are not accepted.",
    )


@rule(
    "source-routing-accepted",
    "Strangers may choose the way of their packets",
    subject="kernel",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=3,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Connecting to the Internet",),
        cis_debian12=("3.3.8",),
        ssg=("sysctl_net_ipv4_conf_all_accept_source_route", "sysctl_net_ipv6_conf_all_accept_source_route"),
        etsi=("5.6-1",),
        cwe=(940,),
    ),
    commands=set_commands(
        "source-routing-accepted",
        "net.ipv4.conf.all.accept_source_route = 0",
        "net.ipv6.conf.all.accept_source_route = 0",
    ),
)
def source_routing_accepted(ctx: Context) -> Iterator[Verdict]:
    """Packets with a source route are accepted.

    What:
        `net.ipv4.conf.all.accept_source_route` and its twin of IPv6. The kernel's default is off.

    Why:
        Source routes let packets around a firewall, and answers to a forged address come back to the forger.

    Remedy:
        Set `accept_source_route` to 0, for IPv4 and IPv6, in a file of its own in /etc/sysctl.d that sorts last, and
        load it. Since Debian 13 nothing reads /etc/sysctl.conf at boot.
    Risk of the remedy:
        None: nothing ordinary uses them.
    """
    yield from demand(
        ctx,
        {
            "net.ipv4.conf.all.accept_source_route": ("0",),
            "net.ipv6.conf.all.accept_source_route": ("0", "-1"),
        },
        "Source-routed packets are accepted.",
        "Source-routed packets are dropped.",
    )


@rule(
    "syncookies-off",
    "A flood of half-open connections silences the device",
    subject="kernel",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.DISRUPTION,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Connecting to the Internet",),
        cis_debian12=("3.3.10",),
        ssg=("sysctl_net_ipv4_tcp_syncookies",),
        etsi=("5.9-1",),
        cwe=(400,),
    ),
    commands=set_commands("syncookies-off", "net.ipv4.tcp_syncookies = 1"),
)
def syncookies_off(ctx: Context) -> Iterator[Verdict]:
    """TCP SYN cookies are off.

    What:
        The setting `net.ipv4.tcp_syncookies`, which every distribution has on.

    Why:
        With a trickle of forged packets anybody fills the table of half-open connections, and nobody gets
        through.

    Remedy:
        Set `net.ipv4.tcp_syncookies = 1` in a file of its own in /etc/sysctl.d that sorts last, and load it. Since
        Debian 13 nothing reads /etc/sysctl.conf at boot. Remove the line that switches it off.

    Risk of the remedy:
        None: the cookies are used only while the table is full.
    """
    yield from demand(
        ctx,
        {"net.ipv4.tcp_syncookies": ("1", "2")},
        "net.ipv4.tcp_syncookies is 0.",
        "SYN cookies are on.",
    )


@rule(
    "broadcast-pings-answered",
    "The device answers pings to everybody at once",
    subject="kernel",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=2,
    attacker=Attacker.NEAR,
    reach=Reach.NETWORK,
    consequence=Consequence.DISRUPTION,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Connecting to the Internet",),
        cis_debian12=("3.3.4",),
        ssg=("sysctl_net_ipv4_icmp_echo_ignore_broadcasts",),
        etsi=("5.6-2",),
        cwe=(406,),
    ),
    commands=set_commands("broadcast-pings-answered", "net.ipv4.icmp_echo_ignore_broadcasts = 1"),
)
def broadcast_pings_answered(ctx: Context) -> Iterator[Verdict]:
    """Pings to the broadcast address are answered.

    What:
        The setting `net.ipv4.icmp_echo_ignore_broadcasts`, which the kernel has on by itself.

    Why:
        A forged ping makes every such device answer the victim at once: a small flood becomes a large one.

    Remedy:
        Set `net.ipv4.icmp_echo_ignore_broadcasts = 1` in a file of its own in /etc/sysctl.d that sorts last, and load
        it. Since Debian 13 nothing reads /etc/sysctl.conf at boot. Remove the line that switches it off.

    Risk of the remedy:
        None in daily use.
    """
    yield from demand(
        ctx,
        {"net.ipv4.icmp_echo_ignore_broadcasts": ("1",)},
        "net.ipv4.icmp_echo_ignore_broadcasts is 0.",
        "Pings to the broadcast address are ignored.",
    )


@rule(
    "martians-unlogged",
    "Packets with impossible addresses leave no trace",
    subject="kernel",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=1,
    attacker=Attacker.NEAR,
    reach=Reach.NETWORK,
    consequence=Consequence.BLINDNESS,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.STRICT,
    references=References(
        document=("Enable Logging",),
        cis_debian12=("3.3.9",),
        ssg=("sysctl_net_ipv4_conf_all_log_martians", "sysctl_net_ipv4_conf_default_log_martians"),
        etsi=("5.10-1",),
        cwe=(778,),
    ),
    commands=set_commands(
        "martians-unlogged", "net.ipv4.conf.all.log_martians = 1", "net.ipv4.conf.default.log_martians = 1"
    ),
)
def martians_unlogged(ctx: Context) -> Iterator[Verdict]:
    """Packets whose source cannot be are dropped without a line in the log.

    What:
        The settings `net.ipv4.conf.all.log_martians` and `default`.

    Why:
        Such packets are a sign of somebody who forges addresses on the network, or of a wrong cable.

    Remedy:
        Set `log_martians` to 1 in a file of its own in /etc/sysctl.d that sorts last, and load it. Since Debian 13
        nothing reads /etc/sysctl.conf at boot.
    Risk of the remedy:
        On a badly configured network the log fills: SD cards wear.
    """
    yield from demand(
        ctx,
        {"net.ipv4.conf.all.log_martians": ("1",), "net.ipv4.conf.default.log_martians": ("1",)},
        "Martian packets are not logged.",
        "Martian packets are logged.",
    )


@rule(
    "icmp-redirects-sent",
    "The device may tell its neighbours other routes",
    subject="kernel",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=2,
    attacker=Attacker.NEAR,
    reach=Reach.NETWORK,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Connecting to the Internet",),
        cis_debian12=("3.3.2",),
        ssg=("sysctl_net_ipv4_conf_all_send_redirects", "sysctl_net_ipv4_conf_default_send_redirects"),
        etsi=("5.6-1",),
        cwe=(940,),
    ),
    commands=set_commands(
        "icmp-redirects-sent",
        "net.ipv4.conf.all.send_redirects = 0",
        "net.ipv4.conf.default.send_redirects = 0",
        "net.ipv4.conf.*.send_redirects = 0",
    ),
)
def icmp_redirects_sent(ctx: Context) -> Iterator[Verdict]:
    """ICMP redirects are sent once the device forwards packets.

    What:
        The settings `net.ipv4.conf.all.send_redirects`, that of each interface there is, either of which is enough to
        send them, and that of `default`, for interfaces to come. While nothing is forwarded the kernel sends none,
        whatever they say.

    Why:
        Only a router has a use for them. A device that was broken into and forwards packets sends others' traffic on
        new ways with them, through itself.

    Remedy:
        Set both to 0 in a file of its own in /etc/sysctl.d that sorts last, with a line with `*` for the interfaces
        that there are before the file is read, and load it.
    Risk of the remedy:
        None, except for a router with two ways on one network: its neighbours go on taking the longer one.
    """
    yield from demand(
        ctx,
        {"net.ipv4.conf.all.send_redirects": ("0",), "net.ipv4.conf.default.send_redirects": ("0",)}
        | dict.fromkeys(kernel(ctx).of_interfaces("ipv4", "send_redirects"), ("0",)),
        "ICMP redirects are sent once the device forwards packets.",
        "ICMP redirects are not sent.",
    )


RULES = (
    icmp_redirects_accepted,
    icmp_redirects_sent,
    source_routing_accepted,
    syncookies_off,
    broadcast_pings_answered,
    martians_unlogged,
)
