"""What is switched off, and with what: unit names and inetd's lines are those of Debian's packages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from thornwall.model.change import Activate, EditLine, OwnLine, Packages, SetMode, Tool, UnitsOff
from thornwall.model.fact import Known
from thornwall.model.filesystem import Entry
from thornwall.model.network import Network
from thornwall.model.rule import Preset
from thornwall.model.schedule import Schedule
from thornwall.model.services import InetdEntry, Setting, Unit
from thornwall.plan.fix import Hold
from thornwall.plan.fixes.services import OFFERS
from thornwall.plan.planner import Choice, make_plan
from thornwall.plan.registry import FIXES, INTERLOCKS
from thornwall.rules import services_discovery, services_login, services_shares
from thornwall.rules.offered import Offer

from .small_host import SSHD, Host, judged, listening, unit, wants

INETD_CONF = (
    "#:STANDARD: These are standard services.\ntelnet\tstream\ttcp\tnowait\troot\t/usr/sbin/tcpd\t/usr/sbin/telnetd\n"
)
TELNET = InetdEntry("telnet", "tcp", "root", "/usr/sbin/telnetd", "/etc/inetd.conf", 2, INETD_CONF.splitlines()[1])
OTHER = InetdEntry(
    "9418", "tcp", "nobody", "/usr/bin/git", "/etc/inetd.conf", 3, "9418 stream tcp nowait nobody /usr/bin/git git"
)


def test_the_units_are_those_that_the_rules_know() -> None:
    offers = {
        offer.name: offer
        for module in (services_discovery, services_login, services_shares)
        for offer in (*vars(module).values(), *services_login.CONSOLES)
        if isinstance(offer, Offer)
    }
    by_other_means = {"llmnr", "mail", "x11"}
    assert set(offers) - by_other_means == set(OFFERS)
    for name in OFFERS:
        assert set(offers[name].units) <= set(OFFERS[name])


def test_what_would_start_it_again_goes_too() -> None:
    host = Host(
        units=(unit("cups.service"), unit("cups.socket"), unit("cups.path"), unit("ssh.service")),
        network=Network((SSHD, listening("tcp", 631, "cupsd", "cups.service"))),
    )
    assert wants(host, "cups-listening") == [UnitsOff(("cups.service", "cups.socket", "cups.path"))]


def test_what_runs_without_a_unit_is_left_to_a_person() -> None:
    host = Host(network=Network((SSHD, listening("tcp", 5900, "wayvnc", "user@1000.service"))))
    assert wants(host, "remote-desktop-listening") == []


def inetd(*entries: InetdEntry, text: str = INETD_CONF, seen: bool = False) -> Host:
    files = {"/etc/inetd.conf": text}
    return Host(
        files={} if seen else files,
        seen=files if seen else {},
        units=(unit("inetd.service"),),
        inetd=entries,
        network=Network((SSHD, listening("tcp", 23, "inetd", "inetd.service"))),
    )


def test_inetd_goes_where_nothing_else_is_left_to_it() -> None:
    assert wants(inetd(TELNET, seen=True), "telnet-listening") == [UnitsOff(("inetd.service",))]


def test_else_one_line_goes() -> None:
    text = INETD_CONF + OTHER.text + "\n"
    assert wants(inetd(TELNET, OTHER, text=text), "telnet-listening") == [
        EditLine("/etc/inetd.conf", 2, TELNET.text, f"#<off># {TELNET.text}"),
        Activate("inetd.service", "restart"),
    ]
    assert wants(inetd(TELNET, OTHER, text=text, seen=True), "telnet-listening") == []


@pytest.mark.parametrize(
    ("block", "number", "new"),
    [
        ("service telnet\n{\n\tdisable = no\n\tserver = /usr/sbin/telnetd\n}\n", 3, "\tdisable\t\t= yes"),
        ("service telnet\n{\n\tserver = /usr/sbin/telnetd\n}\n", 2, "{\n\tdisable\t\t= yes"),
    ],
)
def test_xinetd_is_told_in_the_block(block: str, number: int, new: str) -> None:
    path = "/etc/xinetd.d/telnet"
    host = Host(
        files={path: block},
        units=(unit("xinetd.service"),),
        inetd=(InetdEntry("telnet", "tcp", "root", "/usr/sbin/telnetd", path, 1, "service telnet"), OTHER),
        network=Network((SSHD, listening("tcp", 23, "xinetd", "xinetd.service"))),
    )
    edit, _ = wants(host, "telnet-listening")
    assert edit == EditLine(path, number, block.splitlines()[number - 1], new)


def test_the_resolver_goes_on_without_llmnr() -> None:
    host = Host(
        units=(unit("systemd-resolved.service"),),
        network=Network((SSHD, listening("udp", 5355, "systemd-resolve", "systemd-resolved.service"))),
    )
    path = "/etc/systemd/resolved.conf.d/99-thornwall.conf"
    assert wants(host, "llmnr-listening") == [
        OwnLine(path, "LLMNR", "LLMNR=no", section="Resolve"),
        Activate("systemd-resolved.service", "restart"),
    ]


def test_mail_is_taken_from_the_device_alone() -> None:
    path = "/etc/exim4/update-exim4.conf.conf"
    socket = listening("tcp", 25, "exim4", "exim4.service")
    host = Host(
        seen={path: "dc_local_interfaces=''\n"}, units=(unit("exim4.service"),), network=Network((SSHD, socket))
    )
    tool, restart = wants(host, "mail-server-listening")
    assert isinstance(tool, Tool)
    assert tool.run[1:] == (("update-exim4.conf",),)
    assert tool.keeps == (path, "/var/lib/exim4")
    assert restart == Activate("exim4.service", "restart")
    postfix = replace(host, units=(unit("postfix.service"),), network=Network((SSHD, listening("tcp", 25, "master"))))
    tool, _ = wants(postfix, "mail-server-listening")
    assert isinstance(tool, Tool)
    assert tool.run == (("postconf", "-e", "inet_interfaces = loopback-only"),)


def test_only_the_owner_knows_what_is_needless() -> None:
    host = Host(units=(unit("ModemManager.service"),))
    hold, off = wants(host, "needless-service")
    assert isinstance(hold, Hold)
    assert (hold.interlock, hold.subject, hold.accept) == ("needless-service", "ModemManager.service", True)
    assert off == UnitsOff(("ModemManager.service",))


def program(path: str, mode: int, uid: int, kind: str = "f") -> Entry:
    user = "root" if uid == 0 else "pi"
    return Entry(path, kind, mode, uid, uid, user, user, 10, 0, "")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "/opt/app/run.sh",
            [SetMode("/opt/app/run.sh", clear=0o002), SetMode("/opt/app", clear=0o022, user="root", group="root")],
        ),
        ("/home/pi/app/run.sh", []),
    ],
)
def test_programs_of_root_are_roots_but_a_home_is_its_owners(path: str, expected: list[SetMode]) -> None:
    folder = path.rpartition("/")[0]
    known = {path: program(path, 0o777, 0), folder: program(folder, 0o755, 1000, "d")}
    place = "/etc/systemd/system/app.service"
    settings = (Setting("Service", "ExecStart", f"{path} --all", place, 3),)
    host = Host(
        units=(Unit("app.service", place, "enabled", ("x",), "active", settings),),
        schedule=Schedule(programs=Known(known)),
    )
    assert wants(host, "unit-runs-writable-file") == expected


def test_a_step_of_each_service_and_one_for_inetd() -> None:
    host = inetd(TELNET, seen=True)
    host.units += (unit("avahi-daemon.service"), unit("avahi-daemon.socket"))
    host.network = Network((*host.network.sockets, listening("udp", 5353, "avahi-daemon", "avahi-daemon.service")))
    plan = make_plan(judged(host), FIXES, (), {})
    assert [step.id for step in plan.steps if step.id.startswith("service-")] == ["service-plaintext", "service-avahi"]


AVAHI = (unit("avahi-daemon.service"), unit("avahi-daemon.socket"))
ANNOUNCED = Network((SSHD, listening("udp", 5353, "avahi-daemon", "avahi-daemon.service")))


def installed(*packages: str, units: tuple[Unit, ...] = (), network: Network = ANNOUNCED) -> Host:
    return Host(units=units, network=network, packages=packages, preset=Preset.STRICT)


def test_what_is_switched_off_goes_with_its_packages() -> None:
    host = installed("avahi-daemon", "cups", "cups-client", "cups-daemon", units=AVAHI)
    assert wants(host, "needless-service-installed") == [
        Packages(remove=("avahi-daemon",)),
        Packages(remove=("cups", "cups-daemon")),
    ]
    steps = {step.id: step for step in make_plan(judged(host), FIXES, INTERLOCKS, {}).steps}
    assert steps["packages-remove"].operations == (Packages(remove=("avahi-daemon", "cups", "cups-daemon")),)
    assert list(steps).index("service-avahi") < list(steps).index("packages-remove")
    assert "Avahi" not in steps["packages-remove"].title


def test_what_stays_on_keeps_its_packages() -> None:
    """It listens to the device alone, so that nothing else finds fault with it."""
    host = installed("avahi-daemon", units=AVAHI, network=Network((SSHD,), processes=True))
    hold, _ = wants(host, "needless-service-installed")
    assert isinstance(hold, Hold)
    assert (hold.interlock, hold.subject, hold.accept) == ("service-stays-on", "avahi-daemon", True)
    plan = make_plan(judged(host), FIXES, INTERLOCKS, {}, Choice(only=frozenset({"needless-service-installed"})))
    assert plan.steps == ()
    allowed = replace(host, accepts=("service-stays-on:avahi-daemon",))
    (step,) = make_plan(
        judged(allowed), FIXES, INTERLOCKS, {}, Choice(only=frozenset({"needless-service-installed"}))
    ).steps
    assert step.operations == (Packages(remove=("avahi-daemon",)),)


def test_what_holds_a_unit_holds_its_package() -> None:
    """A login by a name of Avahi's."""
    host = installed("avahi-daemon", units=AVAHI)
    host.way_in = replace(host.way_in, name="raspberrypi.local")
    plan = make_plan(judged(host), FIXES, INTERLOCKS, {})
    held = {(one.interlock, one.rule) for one in plan.held}
    assert {("avahi-off", "avahi-listening"), ("avahi-off", "needless-service-installed")} <= held
    assert "packages-remove" not in {step.id for step in plan.steps}


def test_inetd_starts_a_server_too() -> None:
    host = inetd(TELNET, seen=True)
    host.packages, host.preset = ("inetutils-telnetd",), Preset.STRICT
    assert wants(host, "needless-service-installed") == [Packages(remove=("inetutils-telnetd",))]
