"""The firewall: what stays reachable, and in which commands: those of ufw(8) and firewall-cmd(1)."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from thornwall.model.change import Firewall, Packages, Tool, UnitsOn, Wish
from thornwall.model.fact import Known
from thornwall.model.firewall import Chain, FilterRule, Keeper, Ruleset
from thornwall.model.firewall import Firewall as Filter
from thornwall.model.kernel import Kernel
from thornwall.model.network import Network, Peer, Socket
from thornwall.model.rule import Preset
from thornwall.plan.firewall_tools import chosen, commands
from thornwall.plan.fix import Hold
from thornwall.plan.fixes.firewall import ssh_ports, stays_open

from .small_host import SSHD, Host, judged, listening, unit, wants

START = (
    "sed -i -e s|^IPT_SYSCTL=.*|IPT_SYSCTL=| -e s/^ENABLED=.*/ENABLED=yes/ /etc/default/ufw /etc/ufw/ufw.conf",
    "/lib/ufw/ufw-init start",
)
KEEPS = ("/etc/ufw", "/etc/default/ufw")
SETTINGS = 'IPV6=yes\nDEFAULT_INPUT_POLICY="DROP"\nIPT_SYSCTL=/etc/ufw/sysctl.conf\n'
INSTALLED = Keeper("ufw", False, Known(Ruleset()), "/etc/ufw/ufw.conf", 5, "ENABLED=no")


def tuples(*rules: str) -> str:
    return "### RULES ###\n" + "".join(f"\n### tuple ### {rule}\n-A ufw-user-input -j ACCEPT\n" for rule in rules)


def refusing(*ports: int, policy: str = "drop") -> Ruleset:
    """A filter of ufw that lets in these ports."""
    rules = tuple(
        FilterRule(f"dport {port} accept", "accept", protocols=frozenset({"tcp"}), ports=((port, port),))
        for port in ports
    )
    drops = FilterRule("dport 9 drop", "drop", protocols=frozenset({"tcp"}), ports=((9, 9),))
    bases = (Chain("INPUT", "filter", f, (*rules, drops), "input", "filter", 0, policy) for f in ("ip", "ip6"))
    mine = Chain("ufw-before-input", "filter", "ip", (FilterRule("-i lo -j ACCEPT", "accept", only=("interface",)),))
    return Ruleset((*bases, mine, Chain("ufw-user-input", "filter", "ip")))


def on(*ports: int, policy: str = "drop", logging: str = "low") -> Filter:
    """ufw, switched on."""
    rules = refusing(*ports, policy=policy)
    return Filter(Known(rules), (Keeper("ufw", True, Known(rules), "/etc/ufw/ufw.conf", 5, "ENABLED=yes", logging),))


def lines(wishes: tuple[Wish, ...]) -> list[str]:
    """The commands as a person would type them."""
    return [" ".join(words) for wish in wishes if isinstance(wish, Tool) for words in wish.run]


def test_what_is_in_use_stays_reachable() -> None:
    sockets = (
        SSHD,
        replace(SSHD, address="::"),
        listening("tcp", 2222, "sshd", "ssh.service"),
        listening("tcp", 80, "nginx", "nginx.service"),
        listening("tcp", 8088, "python3", "photos.service"),
        listening("tcp", 1883, "mosquitto", "mosquitto.service"),
        listening("tcp", 5432, "postgres", "postgresql.service", "127.0.0.1"),
        listening("udp", 68, "dhcpcd", "dhcpcd.service"),
        Socket("udp", "*", 51820, line="wireguard has no process"),
        listening("udp", 67, "dnsmasq", "dnsmasq.service"),
        listening("udp", 53, "dnsmasq", "dnsmasq.service"),
        listening("udp", 41234, "dnsmasq", "dnsmasq.service"),
        listening("tcp", 51413, "transmission-da", "transmission.service"),
        listening("udp", 51413, "transmission-da", "transmission.service"),
        listening("tcp", 9091, "transmission-da", "transmission.service"),
        listening("tcp", 46011, "rpc.statd", "rpc-statd.service"),
    )
    assert stays_open(Host(network=Network(sockets)).situation()) == (
        *("22/tcp", "2222/tcp"),
        *("80/tcp", "1883/tcp", "8088/tcp", "9091/tcp", "51413/tcp"),
        *("53/udp", "67/udp", "51413/udp", "51820/udp"),
    )


CUPS = (
    unit("cups.service"),
    unit("avahi-daemon.service"),
)
SERVED = (
    SSHD,
    listening("tcp", 631, "cupsd", "cups.service"),
    listening("udp", 5353, "avahi-daemon", "avahi-daemon.service"),
    listening("udp", 57310, "avahi-daemon", "avahi-daemon.service"),
)


def test_what_is_switched_off_is_not_let_in() -> None:
    host = Host(units=CUPS, network=Network(SERVED))
    assert stays_open(judged(host)) == ("22/tcp",)


def test_what_an_interlock_keeps_stays_reachable() -> None:
    client = Peer("tcp", "192.168.1.5", 631, "192.168.1.30", 40000, inbound=True)
    host = Host(units=CUPS, network=Network(SERVED, (client,)))
    assert stays_open(judged(host)) == ("22/tcp", "631/tcp")
    host.accepts = ("service-off:cups.service",)
    assert stays_open(judged(host)) == ("22/tcp",)


def test_what_is_closed_today_stays_closed() -> None:
    host = Host(network=Network((SSHD, listening("tcp", 8080, "python3"))), firewall=on(22))
    assert stays_open(host.situation()) == ("22/tcp",)


def test_ssh_is_where_it_listens_and_where_this_connection_came_in() -> None:
    by_socket = Socket("tcp", "*", 2200, program="systemd", unit="ssh.socket")
    host = Host(network=Network((by_socket,)))
    assert ssh_ports(host.situation()) == ("22/tcp", "2200/tcp")


@pytest.mark.parametrize(
    ("keepers", "running", "os_id", "tool"),
    [
        ((), Ruleset(), "debian", "ufw"),
        ((), Ruleset(), "fedora", "firewalld"),
        ((), Ruleset(), "gentoo", ""),
        ((INSTALLED,), Ruleset(), "gentoo", "ufw"),
        ((Keeper("firewalld", True, Known(Ruleset())), INSTALLED), Ruleset(), "debian", "firewalld"),
        ((Keeper("nftables", True, Known(refusing(22))), INSTALLED), refusing(22), "debian", ""),
        ((), Ruleset((Chain("mine", "own", "inet", (), "input", "filter", 0, "drop"),)), "debian", ""),
        ((INSTALLED,), refusing(22), "debian", "ufw"),
    ],
)
def test_the_tool_is_the_one_that_is_there(
    keepers: tuple[Keeper, ...], running: Ruleset, os_id: str, tool: str
) -> None:
    assert chosen(Host(firewall=Filter(Known(running), keepers), os_id=os_id).situation()) == tool


def test_a_new_firewall() -> None:
    host = Host(network=Network((SSHD, listening("tcp", 80, "nginx", "nginx.service"))))
    wish = Firewall(enable=True, allow=("22/tcp", "80/tcp"), log=True, ipv6=True)
    assert wants(host, "no-firewall") == [Packages(("ufw",)), wish]
    host.preset = Preset.STRICT
    assert wants(host, "no-firewall")[1] == replace(wish, limit=("22/tcp",))
    made = commands(host.situation(), wish)
    assert lines(made) == [
        "ufw allow 22/tcp",
        "ufw allow 80/tcp",
        "ufw default deny incoming",
        "ufw default allow outgoing",
        "ufw logging low",
        *START,
    ]
    tool = made[0]
    assert isinstance(tool, Tool)
    assert tool.keeps == KEEPS
    assert [command[:2] for command in tool.undo_before] == [("sh", "-c")]
    assert len(made) == 1  # its package enables the unit
    host.firewall = Filter(Known(Ruleset()), (INSTALLED,))
    assert commands(host.situation(), wish)[1] == UnitsOn(("ufw.service",))


def test_what_ufw_does_by_default_is_not_told_to_it() -> None:
    # as Debian's package brings it; with what the owner made of it ufw is told
    wish = Firewall(enable=True, allow=("22/tcp",))
    fresh = 'DEFAULT_INPUT_POLICY="DROP"\nDEFAULT_OUTPUT_POLICY="ACCEPT"\n'
    for settings, told in ((fresh, []), (fresh.replace('"DROP"', '"REJECT"'), ["ufw default deny incoming"])):
        made = lines(commands(Host(files={"/etc/default/ufw": settings}).situation(), wish))
        assert [line for line in made if " default " in line] == told
    strict = fresh.replace('"ACCEPT"', '"DROP"')
    made = lines(commands(Host(files={"/etc/default/ufw": strict}).situation(), wish))
    assert "ufw default allow outgoing" in made


def test_the_table_that_came_with_it_goes_with_it_but_no_other() -> None:
    wish = Firewall(enable=True, allow=("22/tcp",))

    def sweeping(*there: Chain) -> str:
        tool = commands(Host(firewall=Filter(Known(Ruleset(there)))).situation(), wish)[0]
        assert isinstance(tool, Tool)
        return tool.undo_before[0][2]

    assert "nft delete table ip filter" in sweeping()
    docker = sweeping(Chain("DOCKER", "filter", "ip"))
    assert "nft delete table ip filter" not in docker
    assert "nft delete table ip6 filter" in docker
    assert "flush" not in docker


@pytest.mark.parametrize(
    ("forwarding", "policies", "allowed"),
    [
        ("net.ipv4.ip_forward", {}, True),
        ("net.ipv6.conf.all.forwarding", {"ip": "drop"}, True),
        ("net.ipv4.ip_forward", {"ip": "accept", "ip6": "drop"}, True),
        # as Docker leaves it: what nobody admits is dropped, and stays so
        ("net.ipv4.ip_forward", {"ip": "drop"}, False),
        ("net.ipv4.conf.eth0.forwarding", {}, False),
    ],
)
def test_what_the_host_forwards_goes_on(forwarding: str, policies: dict[str, str], allowed: bool) -> None:
    chains = tuple(forward(family, policy) for family, policy in policies.items())
    host = Host(kernel=Kernel({forwarding: Known("1")}), firewall=Filter(Known(Ruleset(chains))))
    made = lines(commands(host.situation(), Firewall(enable=True, allow=("22/tcp",))))
    assert ("ufw default allow routed" in made) == allowed


def forward(family: str, policy: str) -> Chain:
    return Chain("FORWARD", "filter", family, (), "forward", "filter", 0, policy)


def test_undo_gives_the_policies_back_that_were_there() -> None:
    wish = Firewall(enable=True, allow=("22/tcp",))
    host = Host(firewall=Filter(Known(Ruleset((forward("ip", "drop"),)))))
    (command,) = cast("Tool", commands(host.situation(), wish)[0]).undo_before
    assert "\nsweep '' ACCEPT DROP ACCEPT\n" in command[2]
    assert "\nsweep '6' ACCEPT ACCEPT ACCEPT\n" in command[2]
    # chains that came into being, in a table that was there
    assert "nft delete chain ip filter INPUT" in command[2]
    assert "nft delete chain ip filter FORWARD" not in command[2]
    # until rules are loaded again nothing may be dropped by a policy alone
    loaded = Host(firewall=Filter(Known(Ruleset((*refusing(22).chains, forward("ip", "drop")))), (INSTALLED,)))
    (command,) = cast("Tool", commands(loaded.situation(), wish)[0]).undo_before
    assert "sweep '' ACCEPT ACCEPT ACCEPT" in command[2]


def test_ufw_that_admits_everything_learns_what_is_in_use_first() -> None:
    host = Host(
        files={
            "/etc/default/ufw": SETTINGS,
            "/etc/ufw/user.rules": tuples("limit tcp 22 0.0.0.0/0 any 0.0.0.0/0 in"),
            "/etc/ufw/user6.rules": tuples("limit tcp 22 ::/0 any ::/0 in"),
        },
        units=(unit("ufw.service"),),
        network=Network((SSHD, listening("tcp", 80, "nginx", "nginx.service"))),
        firewall=on(22, policy="accept"),
    )
    (wish,) = wants(host, "firewall-default-accept")
    assert isinstance(wish, Firewall)
    made = commands(host.situation(), wish)
    # the owner's own limit stays one
    assert lines(made) == ["ufw allow 80/tcp", "ufw default deny incoming", "ufw --force enable"]
    assert made == (Tool("ufw", made[0].run, KEEPS, undo_after=(("/lib/ufw/ufw-init", "force-reload"),)),)  # type: ignore[union-attr]


def test_rules_are_told_again_once_ipv6_is_on() -> None:
    rules = tuples("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in", "limit tcp 80 0.0.0.0/0 any 0.0.0.0/0 in")
    host = Host(
        files={"/etc/default/ufw": SETTINGS.replace("yes", "no"), "/etc/ufw/user.rules": rules},
        firewall=on(22, 80),
    )
    made = commands(host.situation(), Firewall(allow=("22/tcp", "80/tcp"), ipv6=True))
    assert lines(made) == [
        "sed -i s/^IPV6=.*/IPV6=yes/ /etc/default/ufw",
        "ufw reload",
        "ufw allow 22/tcp",
        "ufw limit 80/tcp",
    ]


@pytest.mark.parametrize(
    ("rule", "command"),
    [
        ("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in", "ufw limit 22/tcp"),
        ("allow any 22 0.0.0.0/0 any 0.0.0.0/0 in", "ufw limit 22"),
        ("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 OpenSSH - in", "ufw limit OpenSSH"),
        ("allow tcp 22,80 0.0.0.0/0 any 0.0.0.0/0 in", "ufw prepend limit 22/tcp"),
        ("allow tcp 22 0.0.0.0/0 any 192.168.1.0/24 in", "ufw limit 22/tcp"),
        ("limit tcp 22 0.0.0.0/0 any 0.0.0.0/0 in", ""),
    ],
)
def test_the_rule_that_admits_everybody_is_the_one_that_counts(rule: str, command: str) -> None:
    host = Host(files={"/etc/ufw/user.rules": tuples(rule)}, firewall=on(22))
    assert lines(commands(host.situation(), Firewall(limit=("22/tcp",)))) == ([command] if command else [])


def test_ufw_that_stands_still_is_switched_off_before_it_learns_rules() -> None:
    """`ufw allow` of a ufw that is on fails where its chains are not there."""
    host = Host(firewall=replace(on(22), running=Known(Ruleset())))
    made = commands(host.situation(), Firewall(enable=True, allow=("22/tcp",)))
    assert lines(made)[0] == "ufw --force disable"
    assert tuple(lines(made)[-2:]) == START
    assert isinstance(made[0], Tool)
    assert made[0].undo_after == ()
    assert commands(host.situation(), Firewall(log=True)) == ()


def test_rules_that_are_loaded_and_not_kept_are_loaded_again_by_undo() -> None:
    """`ufw enable` loads nothing where rules are loaded, and `ufw reload` nothing where it is off."""
    host = Host(firewall=Filter(Known(refusing(22)), (INSTALLED,)))
    made = commands(host.situation(), Firewall(enable=True, allow=("22/tcp",)))
    assert lines(made)[0] == "ufw --force disable"
    assert isinstance(made[0], Tool)
    (load,) = made[0].undo_after
    assert load[:2] == ("sh", "-c")
    assert "ufw-init start" in load[2]


def test_logging_is_switched_on_once() -> None:
    host = Host(firewall=on(22, logging="off"))
    assert wants(host, "firewall-no-logging") == [Firewall(log=True)]
    assert lines(commands(host.situation(), Firewall(log=True))) == ["ufw logging low"]
    assert commands(Host(firewall=on(22)).situation(), Firewall(log=True)) == ()


def test_firewalld_runs_or_is_told_before() -> None:
    keeper = Keeper("firewalld", True, Known(Ruleset()), "x", logging="off")
    host = Host(firewall=Filter(Known(Ruleset()), (keeper,)), units=(unit("firewalld.service"),))
    wish = Firewall(enable=True, allow=("22/tcp",), log=True)
    assert lines(commands(host.situation(), wish)) == [
        "firewall-cmd --permanent --add-port=22/tcp",
        "firewall-cmd --permanent --set-target=default",
        "firewall-cmd --reload",
        "firewall-cmd --set-log-denied=unicast",
    ]
    host.units = (unit("firewalld.service", "inactive"),)
    made = commands(host.situation(), wish)
    assert lines(made)[0] == "firewall-offline-cmd --add-port=22/tcp"
    assert made[-1] == UnitsOn(("firewalld.service",))


def test_rules_of_the_owners_own_making_are_his() -> None:
    host = Host(firewall=Filter(Known(refusing(22, policy="accept")), (Keeper("nftables", True, Known(Ruleset())),)))
    assert wants(host, "firewall-default-accept") == []
    assert commands(host.situation(), Firewall(enable=True, allow=("22/tcp",))) == ()


def test_nftables_is_started_only_where_no_table_would_be_lost() -> None:
    keeper = Keeper("nftables", True, Known(refusing(22)), "/etc/nftables.conf")
    host = Host(firewall=Filter(Known(Ruleset()), (keeper,)))
    assert wants(host, "firewall-not-running") == [UnitsOn(("nftables.service",))]
    docker = Chain("DOCKER", "filter", "ip")
    host.firewall = Filter(Known(Ruleset((docker,))), (keeper,))
    assert wants(host, "firewall-not-running") == []
    host.firewall = Filter(Known(Ruleset()), (replace(keeper, ruleset=Known(refusing(80))),))
    assert wants(host, "firewall-not-running") == []


@pytest.mark.parametrize(
    ("rule", "closes"),
    [
        ("allow tcp 8080 0.0.0.0/0 any 0.0.0.0/0 in", True),
        ("allow any 8080 0.0.0.0/0 any 0.0.0.0/0 in", False),  # may serve udp
        ("allow tcp 8080 0.0.0.0/0 any 0.0.0.0/0 Web - in", False),
        ("allow tcp 8000:8100 0.0.0.0/0 any 0.0.0.0/0 in", False),
    ],
)
def test_an_unused_port_is_closed_when_the_owner_says_so(rule: str, closes: bool) -> None:
    host = Host(files={"/etc/ufw/user.rules": tuples(rule)}, firewall=on(22, 8080))
    found = wants(host, "firewall-allows-unused-port")
    if not closes:
        assert found == []
        return
    hold, tool = found
    assert isinstance(hold, Hold)
    assert (hold.accept, hold.subject) == (True, "tcp/8080")
    assert isinstance(tool, Tool)
    assert tool.run == (("ufw", "delete", "allow", "8080/tcp"),)
