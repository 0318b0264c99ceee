"""What becomes of units: one task for all that get the same, and handlers for those that read their files again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from thornwall.model.change import DropFile, PutFile, UnitDo
from thornwall.model.plan import Step
from thornwall.report.plan import operations
from thornwall.report.plan.ansible.parts import COMMAND, Task, name_of, within
from thornwall.report.plan.yaml_text import Template, Yaml

RELOAD_SYSTEMD = "Read the units again"
# `systemd` and not its newer name `systemd_service`, which Ansible 2.14, of Debian 12, does not have
_SYSTEMD = "ansible.builtin.systemd"


def touches_units(step: Step) -> bool:
    """Whether it writes or removes files of units, which systemd must then read again."""
    return any(
        isinstance(each, PutFile | DropFile) and within(each.path, "/etc/systemd/system") for each in step.operations
    )


def again(step: Step) -> list[tuple[str, str]]:
    """(unit, `reload` or `restart`) of those that must read their files again."""
    return [
        (unit, operation.action)
        for operation in step.operations
        if isinstance(operation, UnitDo) and operation.action in {"reload", "restart"}
        for unit in operation.units
    ]


def handler_name(unit: str, action: str) -> str:
    """`Reload ssh.service`."""
    return f"{action.capitalize()} {name_of(unit)}"


def handlers(steps: Sequence[Step]) -> Iterator[Task]:
    """Each runs only if something that notifies it has changed; systemd itself comes first."""
    if any(map(touches_units, steps)):
        yield {"name": RELOAD_SYSTEMD, _SYSTEMD: {"daemon_reload": True}}
    for unit, action in dict.fromkeys(each for step in steps for each in again(step)):
        yield _handler(unit, action)


def _handler(unit: str, action: str) -> Task:
    if action == "restart":
        return {"name": handler_name(unit, action), _SYSTEMD: {"name": unit, "state": "restarted"}}
    # `state: reloaded` fails where a unit knows no reload, and starts one that is not meant to run
    argv: list[Yaml] = ["systemctl", "try-reload-or-restart", unit]
    return {"name": handler_name(unit, action), COMMAND: {"argv": argv}, "changed_when": True}


def unit_tasks(step: Step) -> Iterator[Task]:
    """A unit that is masked and stopped, or enabled and started, is so in one task."""
    masked = [unit for each in step.operations if (unit := operations.masked(each))]
    stopped, started, enabled = (_named(step, action) for action in ("stop", "start", "enable"))
    unmasked = [unit for unit in _named(step, "unmask") if unit not in enabled]
    both = [unit for unit in masked if unit in stopped]
    on = [unit for unit in enabled if unit in started]
    reads: Task = {"daemon_reload": True} if touches_units(step) else {}
    todo: tuple[tuple[str, Task, list[str]], ...] = (
        ("Stop and mask", {"masked": True, "state": "stopped"}, both),
        ("Mask", {"masked": True}, [unit for unit in masked if unit not in both]),
        ("Stop", {"state": "stopped"}, [unit for unit in stopped if unit not in both]),
        ("Unmask", {"masked": False}, unmasked),
        ("Enable and start", {"masked": False, "enabled": True, "state": "started"}, on),
        ("Enable", {"masked": False, "enabled": True}, [unit for unit in enabled if unit not in on]),
        ("Start", {"state": "started"}, [unit for unit in started if unit not in on]),
    )
    return (_units(title, {**arguments, **reads}, names) for title, arguments, names in todo if names)


def _named(step: Step, action: str) -> list[str]:
    return [
        unit
        for operation in step.operations
        if isinstance(operation, UnitDo) and operation.action == action
        for unit in operation.units
    ]


def _units(title: str, arguments: Task, names: Sequence[str]) -> Task:
    # sockets, paths and timers first: they would start their service again
    ordered = sorted(dict.fromkeys(names), key=lambda name: name.endswith(".service"))
    name = f"{title} {name_of(', '.join(ordered))}"
    if len(ordered) == 1:
        return {"name": name, _SYSTEMD: {"name": ordered[0], **arguments}}
    return {"name": name, _SYSTEMD: {"name": Template("{{ item }}"), **arguments}, "loop": ordered}
