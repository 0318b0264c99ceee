"""An Ansible playbook that reaches the same state, with modules of ansible.builtin alone.

Ansible has no guard: the playbook refuses a host that is not as the plan found it, checks each way in before it takes
effect, leaves the removal of NOPASSWD for the end, and then logs in again. What could lock somebody out is said in it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from thornwall.model.change import Packages, Purpose
from thornwall.model.plan import Plan, Step, WayIn
from thornwall.report.plan import words
from thornwall.report.plan.ansible import gates, others, passwords, units
from thornwall.report.plan.ansible import steps as made_of
from thornwall.report.plan.ansible.parts import name_of
from thornwall.report.plan.yaml_text import Noted, Yaml, comment, dump
from thornwall.report.text import count, line
from thornwall.report.words import heading

_ONE_HOST = (
    "Made for this one host: it stops, before it changes anything, where a file is not as it was when the plan was "
    "made."
)
_NO_GUARD = (
    "Ansible takes nothing back by itself. Keep a second login open until the last task, a fresh login, is done; "
    "'thornwall harden' does the same under a guard on the device, and can undo it."
)


def render(plan: Plan) -> str:
    """The playbook: comments, one play, its handlers."""
    plan, later = words.at_once(plan)
    steps = _in_order(plan.steps)
    notify = _notifications(steps)
    handlers = list(units.handlers(steps)) if any(notify) and not plan.refused else []
    play: dict[str, Yaml] = {
        "name": f"Harden {name_of(heading(words.host(plan)))}",
        "hosts": "all",
        "become": True,
        "gather_facts": False,
    }
    if handlers:
        play["force_handlers"] = True
    if (asked := list(passwords.prompts(steps))) and not plan.refused:
        play["vars_prompt"] = asked
    body = [gates.refuse(plan.refused)] if plan.refused else list(_tasks(steps, notify))
    play["tasks"] = body or [{"name": "Nothing to change", "ansible.builtin.debug": {"msg": "Nothing to change."}}]
    if handlers:
        play["handlers"] = handlers
    return "\n".join(_head(plan, later)) + "\n---\n" + dump([play], ansible=True)


def _in_order(steps: Iterable[Step]) -> list[Step]:
    """As the plan has them, but sudo last: without the right password nothing can be done after it."""
    return sorted(steps, key=lambda step: (step.purpose is Purpose.SUDO, step.purpose))


def _head(plan: Plan, later: int) -> list[str]:
    how = _connection(plan.way_in)
    asked = [str(each["name"]) for each in passwords.prompts(_in_order(plan.steps))]
    if not passwords.asks_for_sudo(plan.steps):
        how += " --ask-become-pass"
    told = [
        f"{line(plan.target)}: the plan of thornwall, preset {plan.preset.name.lower()}, as a playbook.",
        "",
        f"    ansible-playbook {how} --check --diff FILE    # look first",
        f"    ansible-playbook {how} FILE",
        "",
        _ONE_HOST,
        _NO_GUARD,
    ]
    if asked:
        told.append(f"It asks for passwords; where nobody types, -e @FILE gives them: {', '.join(asked)}.")
    for number, what in (
        (later, "left to the first start of the system"),
        (len(plan.held), "held back by interlocks"),
        (len(plan.questions), "not planned until you answer"),
        (len(plan.by_hand), "left to be done by hand"),
    ):
        if number:
            told.append(f"Not in it: {count(number, 'finding')} {what} ('thornwall plan' shows them).")
    return [each for text in told for each in ([f"# {text}"] if text.startswith("    ") else comment(text))]


def _connection(way: WayIn) -> str:
    if way.kind == "local":
        return "-i localhost, -c local"
    host = shlex.quote(f"{line(way.name or way.address) or 'HOST'},")
    port = f" -e ansible_port={way.port}" if way.port not in {0, 22} else ""
    return f"-i {host} -u {shlex.quote(line(way.user) or 'USER')}{port}"


def _tasks(steps: list[Step], notify: list[tuple[str, ...]]) -> Iterator[Yaml]:
    if passwords.asks_for_sudo(steps):
        yield passwords.use()
    yield from gates.gates(steps)
    if any(isinstance(operation, Packages) for step in steps for operation in step.operations):
        yield Noted(("Where they cannot be fetched, those that are there have to do.",), others.LISTS)
    secrets, proved = passwords.accounts(steps), False
    for number, step in enumerate(steps):
        made = made_of.of_step(step, secrets)
        if step.purpose is Purpose.SUDO and not proved:
            made, proved = [*passwords.proof(), *made], True
        if made:
            first, *rest = [{**task, "notify": list(notify[number])} if notify[number] else task for task in made]
            yield Noted(_above(step), first)
            yield from rest
        last = number + 1 == len(steps) or steps[number + 1].purpose is not step.purpose
        if last and any(told for told, same in zip(notify, steps, strict=True) if same.purpose is step.purpose):
            yield gates.FLUSH
    if steps:
        yield from gates.fresh_login()
    if waiting := [step.title for step in steps if step.awaits_reboot]:
        yield gates.restart_needed(waiting)


def _above(step: Step) -> tuple[str, ...]:
    mends = f"Mends {words.rules_told(step.mends)}." if step.mends else ""
    return tuple(filter(None, [line(step.title), mends, *(line(f"May break: {text}") for text in step.may_break)]))


def _notifications(steps: list[Step]) -> list[tuple[str, ...]]:
    """For each step the handlers that its tasks notify.

    In a plan a unit reads its files again once, in the last step that wants it: so the steps of the same purpose before
    that one notify it too.
    """
    told: list[dict[str, None]] = [{} for _ in steps]
    for number, step in enumerate(steps):
        for unit, action in units.again(step):
            for earlier in range(number + 1):
                if steps[earlier].purpose is step.purpose:
                    told[earlier][units.handler_name(unit, action)] = None
    for number, step in enumerate(steps):
        if units.touches_units(step):
            told[number] = {units.RELOAD_SYSTEMD: None, **told[number]}
    return [tuple(names) for names in told]
