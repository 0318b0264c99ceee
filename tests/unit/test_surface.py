"""The attack surface, of captured hosts and of sockets behind filters whose effect was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.casefolder import CASES, load
from thornwall.facts.registry import snapshot
from thornwall.model.capture import Capture, CommandResult, FileRecord, Manifest
from thornwall.model.finding import Reach
from thornwall.model.surface import Listener, Surface
from thornwall.report.surface import tally
from thornwall.rules.surface import surface

FILTERS = Path(__file__).parent / "firewall"


def of_case(name: str) -> Surface:
    return surface(snapshot(load(CASES / name)))


def named(found: Surface) -> dict[str, Listener]:
    return {f"{each.protocol}/{each.port} {each.address}": each for each in found.listeners}


def test_the_planted_host_shows_what_ss_shows() -> None:
    found = of_case("services/planted-running")
    # `ss -tuln` on that host had these
    assert {f"{each.protocol}/{each.port}" for each in found.listeners if each.port < 30000} == {
        *("tcp/22", "tcp/23", "tcp/80", "tcp/111", "tcp/631", "udp/111", "udp/5353"),
    }
    telnet = named(found)["tcp/23 0.0.0.0"]
    assert (telnet.program, telnet.unit, telnet.package, telnet.user) == (
        "inetd",
        "inetd.service",
        "openbsd-inetd",
        "root",
    )
    assert (telnet.reach, telnet.layers, telnet.plaintext, telnet.role) == (
        Reach.NETWORK,
        ("no firewall",),
        True,
        "login",
    )
    ssh = named(found)["tcp/22 ::"]
    assert (ssh.speaks, ssh.plaintext, ssh.role) == ("SSH", False, "login")
    assert any(way.method == "telnet" and "in the clear" in way.guard for way in found.ways_in)


def test_the_master_is_named_and_not_its_worker() -> None:
    # `ps` on that host had nginx's master of root as 104, and workers of www-data as 105 and 106
    web = named(of_case("services/planted-running"))["tcp/80 0.0.0.0"]
    assert (web.program, web.pid, web.user) == ("nginx", 104, "root")


@pytest.mark.parametrize(
    ("users", "uids", "named_"),
    [
        ((("nginx", 900), ("nginx", 31000)), {31000: 0, 900: 33}, ("nginx", 31000)),  # numbers have begun anew
        ((("gunicorn", 41), ("gunicorn", 40)), {40: 1000, 41: 1000}, ("gunicorn", 40)),
        ((("sh", 52), ("node", 50)), {50: 1000, 52: 0}, ("node", 50)),  # what it started has the socket from it
        ((("systemd", 1), ("rpcbind", 59)), {1: 0, 59: 101}, ("rpcbind", 59)),
        ((("systemd", 1),), {1: 0}, ("systemd", 1)),
        ((("apache2", 8), ("apache2", 7)), {}, ("apache2", 7)),
    ],
)
def test_who_is_named_where_several_hold_a_socket(
    users: tuple[tuple[str, int], ...], uids: dict[int, int], named_: tuple[str, int]
) -> None:
    holders = ",".join(f'("{name}",pid={pid},fd=3)' for name, pid in users)
    commands = {
        "sockets": f"tcp LISTEN 0 128 0.0.0.0:80 0.0.0.0:* users:({holders}) ino:1 sk:1\n",
        "processes": "".join(f"P {pid} {uid} 0::/\n" for pid, uid in uids.items()),
    }
    results = {name: CommandResult(name, out.encode(), b"", 0) for name, out in commands.items()}
    (web,) = surface(snapshot(Capture(Manifest("host", "ssh", 0), {}, results))).listeners
    assert (web.program, web.pid) == named_


def test_the_heading_counts_what_is_listed() -> None:
    both = (Listener("tcp", "192.0.2.9", 22), Listener("tcp", "::", 22), Listener("tcp", "::", 80))
    assert tally(both) == "2 listeners on 3 sockets"
    assert tally(both[1:]) == "2 sockets"
    assert tally(both[2:]) == "1 socket"


def test_a_directory_shows_what_starts_at_boot_and_says_so() -> None:
    found = of_case("services/planted-directory")
    assert {(each.port, each.unit) for each in found.listeners} == {
        (22, "ssh.service"),
        (23, "inetd.service"),
        (80, "nginx.service"),
        (111, "rpcbind.service"),
        (631, "cups.service"),
        (5353, "avahi-daemon.service"),
    }
    assert any("start at boot" in gap for gap in found.gaps)


def test_behind_ufw_and_with_a_redirect_to_https() -> None:
    listeners = named(of_case("services/hardened-running"))
    assert listeners["tcp/80 0.0.0.0"].layers == ("the firewall lets it in", "it only sends visitors on to https")
    assert not listeners["tcp/80 0.0.0.0"].plaintext
    assert listeners["tcp/443 ::"].speaks == "HTTPS"


SOCKETS = b"""tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=1,fd=3)) ino:1 sk:1
tcp LISTEN 0 128 *:8080 *:* users:(("app",pid=2,fd=3)) ino:2 sk:2
tcp LISTEN 0 128 127.0.0.1:6379 0.0.0.0:* users:(("redis-server",pid=3,fd=3)) ino:3 sk:3
tcp LISTEN 0 128 192.0.2.9:80 0.0.0.0:* users:(("nginx",pid=4,fd=3)) ino:4 sk:4
tcp LISTEN 0 128 0.0.0.0:9000 0.0.0.0:* users:(("docker-proxy",pid=5,fd=3)) ino:5 sk:5
tcp LISTEN 0 128 172.17.0.1:5432 0.0.0.0:* users:(("postgres",pid=6,fd=3)) ino:6 sk:6
tcp ESTAB 0 0 192.0.2.9:22 192.0.2.77:50000 users:(("sshd",pid=7,fd=3)) ino:7 sk:7
"""
ROUTES = b"""Iface	Destination	Gateway	Flags	RefCnt	Use	Metric	Mask	MTU	Window	IRTT
docker0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
"""
LOCAL = "Local:\n" + "".join(f"     |-- {each}\n        /32 host LOCAL\n" for each in ("172.17.0.1", "{}"))


def behind(filter_: str, own: str = "192.0.2.9") -> Surface:
    answer = (FILTERS / f"{filter_}.json").read_bytes() if filter_ else b'{"nftables": []}'
    files = {"/proc/net/route": ROUTES, "/proc/net/fib_trie": LOCAL.format(own).encode()}
    commands = {"sockets": SOCKETS, "nft": answer}
    return surface(
        snapshot(
            Capture(
                Manifest("host", "ssh", 0),
                {path: FileRecord(path, "read", content) for path, content in files.items()},
                {name: CommandResult(name, out, b"", 0) for name, out in commands.items()},
            )
        )
    )


@pytest.mark.parametrize(
    ("filter_", "key", "reach", "clause"),
    [
        # what policy-drop.nft and its fellows let in was measured (firewall/measured.json)
        ("policy-drop", "tcp/22 0.0.0.0", Reach.NETWORK, "the firewall lets it in"),
        ("policy-drop", "tcp/8080 *", Reach.FIREWALLED, "the firewall drops it"),
        ("ipv4-only", "tcp/8080 *", Reach.NETWORK, "the firewall lets it in"),
        ("interface-and-source", "tcp/80 192.0.2.9", Reach.NETWORK, "the firewall lets in only some"),
        ("policy-drop", "tcp/9000 0.0.0.0", Reach.NETWORK, "a published container port"),
        ("policy-drop", "tcp/6379 127.0.0.1", Reach.LOOPBACK, "bound to loopback"),
        ("policy-drop", "tcp/5432 172.17.0.1", Reach.LOOPBACK, "only containers"),
        ("", "tcp/22 0.0.0.0", Reach.NETWORK, "no firewall"),
    ],
)
def test_who_reaches_a_socket(filter_: str, key: str, reach: Reach, clause: str) -> None:
    listener = named(behind(filter_))[key]
    assert listener.reach is reach
    assert listener.layers[0].startswith(clause)


def test_a_public_address_is_reached_from_the_internet() -> None:
    listeners = named(behind("", own="8.8.8.8"))
    assert listeners["tcp/22 0.0.0.0"].reach is Reach.INTERNET
    assert listeners["tcp/80 192.0.2.9"].reach is Reach.NETWORK
    assert listeners["tcp/80 192.0.2.9"].layers[-1] == "bound to 192.0.2.9 alone"


def test_who_called_whom() -> None:
    (connection,) = behind("").connections
    assert (connection.local, connection.peer, connection.inbound) == ("192.0.2.9:22", "192.0.2.77:50000", True)


def test_what_was_not_read_is_a_gap_and_no_host_is_needed() -> None:
    found = surface(snapshot(Capture(Manifest("host", "ssh", 1000), {}, {})))
    assert not found.listeners
    assert any(gap.startswith("The sockets that listen") for gap in found.gaps)
