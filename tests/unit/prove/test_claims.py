"""What a plan claims to have closed from outside, and what has to go on answering."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.plan.test_planner import finding as sample
from thornwall.model.change import Purpose, UnitDo
from thornwall.model.fact import Known
from thornwall.model.finding import Evidence, Finding
from thornwall.model.firewall import Chain, FilterRule, Firewall, Ruleset
from thornwall.model.network import Network, Socket
from thornwall.model.plan import Mend, Plan, Step, WayIn
from thornwall.model.services import Services, Unit
from thornwall.model.snapshot import Snapshot
from thornwall.prove.claims import claims

SOCKETS = tuple(
    Socket("tcp", "*", port, unit=unit, line=f"tcp LISTEN *:{port} {unit}")
    for port, unit in ((22, "ssh.service"), (3306, "mariadb.service"), (8888, "pigpiod.service"), (631, "cups.service"))
)


def _finding(rule: str, port: int) -> Finding:
    (line,) = (socket.line for socket in SOCKETS if socket.port == port)
    return replace(sample(rule), evidence=(Evidence("ss -tulpn", line),))


def _claims(mended: Finding, *stopped: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    operations = (UnitDo("stop", stopped),) if stopped else ()
    step = Step("x", Purpose.SERVICES, "X", operations, (Mend(mended.rule, mended.subject),))
    found = claims(Plan("host", (step,)), (mended,), Snapshot(network=Known(Network(SOCKETS, processes=True))))
    return found.closed, found.kept


@pytest.mark.parametrize(
    ("rule", "port", "stopped"),
    [
        ("cups-listening", 631, ("cups.service",)),
        ("database-open-to-network", 3306, ()),  # on loopback from then on
        ("needless-service", 8888, ("pigpiod.service",)),  # its finding is about a unit, and names no port
    ],
)
def test_what_the_plan_closes_need_not_answer(rule: str, port: int, stopped: tuple[str, ...]) -> None:
    closed, kept = _claims(_finding(rule, port), *stopped)
    assert closed == (port,)
    assert set(kept) == {22, 3306, 8888, 631} - {port}


def test_a_unit_that_reads_its_files_again_goes_on_answering() -> None:
    finding = sample("ssh-log-level")
    step = Step("x", Purpose.SSH, "X", (UnitDo("reload", ("ssh.service",)),), (Mend(finding.rule, finding.subject),))
    found = claims(Plan("host", (step,)), (finding,), Snapshot(network=Known(Network(SOCKETS, processes=True))))
    assert (found.closed, found.kept) == ((), (22, 631, 3306, 8888))


def test_udp_ports_of_what_stops_are_told_and_none_that_the_kernel_gave() -> None:
    """avahi-daemon listens on 5353, and asks from a port of the kernel's choice."""
    sockets = tuple(
        Socket("udp", address, port, unit=unit, line=f"udp {address}:{port}")
        for address, port, unit in (
            ("*", 5353, "avahi-daemon.service"),
            ("*", 43210, "avahi-daemon.service"),
            ("*", 123, "chrony.service"),
            ("127.0.0.1", 323, "avahi-daemon.service"),
            ("*", 1900, "avahi-daemon.service"),
            ("*", 1900, "minidlna.service"),  # which goes on with it
        )
    )
    step = Step("x", Purpose.SERVICES, "X", (UnitDo("stop", ("avahi-daemon.service",)),), ())
    found = claims(Plan("host", (step,)), (), Snapshot(network=Known(Network(sockets, processes=True))))
    assert (found.closed, found.closed_udp, found.kept) == ((), (5353,), ())


@pytest.mark.parametrize(
    ("unit", "active", "bans"),
    [
        ("fail2ban", "active", "fail2ban"),
        ("sshguard", "active", "sshguard"),
        ("fail2ban", "inactive", ""),
        ("nginx", "active", ""),
    ],
)
def test_who_bans_for_failed_logins(unit: str, active: str, bans: str) -> None:
    name = f"{unit}.service"
    facts = Snapshot(services=Known(Services({name: Unit(name, active=active)}, live=True)))
    assert claims(Plan("host", ()), (), facts).bans == bans


def test_what_goes_on_to_a_container_must_go_on_answering() -> None:
    rule = FilterRule("dnat", protocols=frozenset({"tcp"}), ports=((8080, 8080),), forwards=True)
    chain = Chain("PREROUTING", "nat", "ip", (rule,), hook="prerouting", kind="nat")
    facts = Snapshot(
        network=Known(Network(SOCKETS, processes=True)), firewall=Known(Firewall(running=Known(Ruleset((chain,)))))
    )
    assert claims(Plan("host", ()), (), facts).kept == (22, 631, 3306, 8080, 8888)


@pytest.mark.parametrize(("user", "asks"), [("pi", True), ("anna", False), ("root", False)])
def test_sudo_is_tried_by_who_logs_in_alone(user: str, asks: bool) -> None:
    step = Step("x", Purpose.SUDO, "X", (), (Mend("sudo-nopasswd", "pi"),))
    assert claims(Plan("host", (step,), way_in=WayIn("ssh", user)), (), Snapshot()).sudo_asks is asks
