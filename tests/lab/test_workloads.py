"""The workloads work, come back after a reboot, and are seen to fail one by one when each is broken."""

from collections.abc import Iterator

import pytest

from .host import Host, start
from .workloads import Workloads

BREAK = {
    "systemctl stop nginx": {"web"},
    "systemctl kill --signal=STOP weather": {"service"},
    "systemctl restart mosquitto": {"mqtt connection"},
    "nft add table inet t; nft 'add chain inet t c {type filter hook input priority 0;}'; "
    "nft add rule inet t c tcp dport 1883 drop": {"mqtt", "mqtt connection"},
    # IPv6 alone
    "nft add table ip6 t6; nft 'add chain ip6 t6 c {type filter hook input priority 0;}'; "
    "nft add rule ip6 t6 c tcp dport 80 drop": {"web"},
    "iptables -t nat -F DOCKER": {"published", "container out"},
    "iptables -t nat -F POSTROUTING": {"container out"},
    "sysctl -w net.ipv4.ip_forward=0": {"published", "container out"},
    "nft flush ruleset": {"published", "container out"},
}
MEND = (
    "nft delete table inet t 2>/dev/null; nft delete table ip6 t6 2>/dev/null; systemctl kill --signal=CONT weather; "
    "systemctl reset-failed nginx weather mosquitto docker; "  # its count of starts, which is limited
    "systemctl restart nginx weather mosquitto docker"
)


@pytest.fixture(scope="module")
def busy(release: str) -> Iterator[Workloads]:
    with start(release, "planted") as host, Workloads(host) as workloads:
        workloads.start()
        yield workloads


def test_all_work_and_go_on_after_a_reboot(planted: Host) -> None:
    with Workloads(planted) as workloads:
        workloads.start()
        assert set(workloads.working().values()) == {True}
        planted.reboot()
        assert not workloads.working()["mqtt connection"]
        workloads.reconnect()
        assert set(workloads.working(within=5).values()) == {True}


@pytest.mark.parametrize("command", BREAK)
def test_what_breaks_is_seen(busy: Workloads, command: str) -> None:
    assert set(busy.working(within=5).values()) == {True}
    busy.host.run(command, check=True)
    works = busy.working()
    assert {name for name in works if not works[name]} == BREAK[command]
    busy.host.run(MEND, check=True)
    busy.reconnect()
