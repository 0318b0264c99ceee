"""What was updated while it ran, and is to start anew: under guard, as part of the change that follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from thornwall.model.change import Operation, Purpose, UnitDo
from thornwall.model.plan import Plan, Step, Undoing

STEP = "updated-services"
_TITLE = "Restart what was updated while it ran"
_SSH = frozenset({"ssh.service", "sshd.service"})
_AGAIN = frozenset({"reload", "restart"})


def with_restarts(plan: Plan, units: Sequence[str]) -> Plan:
    """The plan with these units restarted, each once: where a step has it read its settings again, in that step.

    A new program runs only after a restart; a reload is none. The rest comes after all other services and before the
    ways in, of which SSH is the last.
    """
    steps = tuple(
        replace(step, operations=tuple(_anew(each, units) for each in step.operations)) for step in plan.steps
    )
    done = {unit for step in steps for each in step.operations for unit in _again(each)}
    left = [unit for unit in units if unit not in done]
    own = _step(STEP, Purpose.SERVICES, [unit for unit in left if unit not in _SSH])
    ssh = _step(f"{STEP}-ssh", Purpose.SSH, [unit for unit in left if unit in _SSH])
    before = [step for step in steps if step.purpose <= Purpose.SERVICES]
    after = [step for step in steps if step.purpose > Purpose.SERVICES]
    return replace(plan, steps=(*before, *own, *after, *ssh))


def _step(id_: str, purpose: Purpose, units: Sequence[str]) -> list[Step]:
    operations = tuple(UnitDo("restart", (unit,)) for unit in units)
    return [Step(id_, purpose, _TITLE, operations, undoing=Undoing.KEEPS)] if units else []


def _again(operation: Operation) -> tuple[str, ...]:
    """The units that read their settings again, or start anew, by it."""
    return operation.units if isinstance(operation, UnitDo) and operation.action in _AGAIN else ()


def _anew(operation: Operation, units: Sequence[str]) -> Operation:
    if isinstance(operation, UnitDo) and set(_again(operation)).intersection(units):
        return replace(operation, action="restart")
    return operation
