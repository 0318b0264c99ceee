"""Where in a plan that starts anew which was updated while it ran."""

from __future__ import annotations

from thornwall.model.change import Purpose, PutFile, UnitDo
from thornwall.model.plan import Plan, Step
from thornwall.plan.restarts import restarted, with_restarts

FILE = PutFile("/etc/x", b"x", "absent")
SERVERS = Step("nginx", Purpose.SERVERS, "nginx", (FILE, UnitDo("reload", ("nginx.service",))))
OFF = Step("off", Purpose.SERVICES, "off", (UnitDo("stop", ("cups.socket", "cups.service")),))
SSH = Step("ssh", Purpose.SSH, "ssh", (FILE, UnitDo("reload", ("ssh.service",))))
PLAN = Plan("pi", (SERVERS, OFF, SSH))


def told(found: Plan) -> list[tuple[Purpose, list[object]]]:
    return [(step.purpose, [each for each in step.operations if isinstance(each, UnitDo)]) for step in found.steps]


def test_nothing_to_restart_is_the_same_plan() -> None:
    assert with_restarts(PLAN, ()) == PLAN


def test_after_the_services_and_before_the_ways_in_and_ssh_last() -> None:
    """So that a login under the new rules is tried before sshd starts anew."""
    found = with_restarts(PLAN, ("ssh.service", "mosquitto.service", "nginx.service", "mosquitto.service"))
    assert told(found) == [
        (Purpose.SERVERS, [UnitDo("reload", ("nginx.service",))]),
        (Purpose.SERVICES, [UnitDo("stop", ("cups.socket", "cups.service"))]),
        (Purpose.SERVICES, [UnitDo("renew", ("mosquitto.service", "nginx.service"))]),
        (Purpose.SSH, [UnitDo("reload", ("ssh.service",))]),
        (Purpose.SSH, [UnitDo("renew", ("ssh.service",))]),
    ]
    assert restarted(found) == ("mosquitto.service", "nginx.service", "ssh.service")


def test_what_the_plan_stops_stays_so() -> None:
    assert with_restarts(PLAN, ("cups.service",)) == PLAN
