"""What was updated while it ran, and is to start anew: under guard, as part of the change that follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from thornwall.model.change import Purpose, UnitDo
from thornwall.model.plan import Plan, Step, Undoing

_STEP = "updated-services"
_TITLE = "Restart what was updated while it ran"
_SSH = frozenset({"ssh.service", "sshd.service"})


def with_restarts(plan: Plan, units: Sequence[str]) -> Plan:
    """The plan with these units started anew, but for those that it stops.

    They come after all other services and before the ways in, of which SSH is the last.
    """
    operations = [each for step in plan.steps for each in step.operations if isinstance(each, UnitDo)]
    stopped = {unit for each in operations if each.action == "stop" for unit in each.units}
    wanted = [unit for unit in dict.fromkeys(units) if unit not in stopped]
    own = _step(_STEP, Purpose.SERVICES, [unit for unit in wanted if unit not in _SSH])
    ssh = _step(f"{_STEP}-ssh", Purpose.SSH, [unit for unit in wanted if unit in _SSH])
    before = [step for step in plan.steps if step.purpose <= Purpose.SERVICES]
    after = [step for step in plan.steps if step.purpose > Purpose.SERVICES]
    return replace(plan, steps=(*before, *own, *after, *ssh))


def restarted(plan: Plan) -> tuple[str, ...]:
    """The units that the plan starts anew, since they were updated."""
    operations = (each for step in plan.steps for each in step.operations if isinstance(each, UnitDo))
    return tuple(unit for each in operations if each.action == "renew" for unit in each.units)


def _step(id_: str, purpose: Purpose, units: Sequence[str]) -> list[Step]:
    operation = UnitDo("renew", tuple(units))
    return [Step(id_, purpose, _TITLE, (operation,), undoing=Undoing.KEEPS)] if units else []
