"""Where in a plan that starts anew which was updated while it ran."""

from __future__ import annotations

from thornwall.model.change import Purpose, PutFile, UnitDo
from thornwall.model.plan import Plan, Step
from thornwall.plan.restarts import with_restarts

FILE = PutFile("/etc/x", b"x", "absent")


def plan(*steps: Step) -> Plan:
    return Plan("pi", steps)


def told(found: Plan) -> list[tuple[Purpose, list[object]]]:
    return [(step.purpose, [each for each in step.operations if isinstance(each, UnitDo)]) for step in found.steps]


SERVERS = Step("nginx", Purpose.SERVERS, "nginx", (FILE, UnitDo("reload", ("nginx.service",))))
OFF = Step("off", Purpose.SERVICES, "off", (UnitDo("stop", ("cups.service",)),))
SSH = Step("ssh", Purpose.SSH, "ssh", (FILE, UnitDo("reload", ("ssh.service",))))


def test_nothing_to_restart_is_the_same_plan() -> None:
    assert with_restarts(plan(OFF, SSH), ()) == plan(OFF, SSH)


def test_after_the_services_and_before_the_ways_in() -> None:
    found = with_restarts(plan(SERVERS, OFF, SSH), ("mosquitto.service", "cups.service"))
    assert told(found) == [
        (Purpose.SERVERS, [UnitDo("reload", ("nginx.service",))]),
        (Purpose.SERVICES, [UnitDo("stop", ("cups.service",))]),
        (Purpose.SERVICES, [UnitDo("restart", ("mosquitto.service",)), UnitDo("restart", ("cups.service",))]),
        (Purpose.SSH, [UnitDo("reload", ("ssh.service",))]),
    ]


def test_what_reads_its_settings_again_starts_anew_once() -> None:
    """A reload leaves the old program running."""
    found = with_restarts(plan(SERVERS, SSH), ("nginx.service", "ssh.service"))
    assert told(found) == [
        (Purpose.SERVERS, [UnitDo("restart", ("nginx.service",))]),
        (Purpose.SSH, [UnitDo("restart", ("ssh.service",))]),
    ]


def test_ssh_comes_last() -> None:
    """It is a way in, so that a login under the new rules is tried first."""
    found = with_restarts(plan(OFF), ("ssh.service", "mosquitto.service"))
    assert [(step.purpose, step.operations) for step in found.steps[1:]] == [
        (Purpose.SERVICES, (UnitDo("restart", ("mosquitto.service",)),)),
        (Purpose.SSH, (UnitDo("restart", ("ssh.service",)),)),
    ]
