"""The words of a plan as a whole, the same in every format. Those of its operations: operations.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from thornwall.model.change import (
    ABSENT,
    AccountDo,
    Chmod,
    DropFile,
    Operation,
    Packages,
    Purpose,
    PutFile,
    PutLink,
    SysctlDo,
    Tool,
    UnitDo,
)
from thornwall.model.finding import Report, Risk
from thornwall.model.plan import Held, Mend, Plan, Step, Undoing, WayIn
from thornwall.report.plan.operations import masked
from thornwall.report.text import count, line
from thornwall.report.words import RISKS

PURPOSES = {
    Purpose.PACKAGES: "Packages",
    Purpose.PERMISSIONS: "Permissions",
    Purpose.KERNEL: "Kernel",
    Purpose.LOGS: "Logs",
    Purpose.UPDATES: "Updates",
    Purpose.SERVERS: "Servers",
    Purpose.SERVICES: "Services",
    Purpose.REMOVALS: "Packages to remove",
    Purpose.RADIOS: "Radios",
    Purpose.BOOT: "Boot and console",
    Purpose.SCHEDULE: "Scheduled jobs",
    Purpose.ACCOUNTS: "Accounts",
    Purpose.FIREWALL: "Firewall",
    Purpose.PAM: "Logins (PAM)",
    Purpose.SUDO: "sudo",
    Purpose.SSH: "SSH",
    Purpose.FIRST_START: "At its first start",
}

_UNDOING = {
    Undoing.EXACT: "undo: exact",
    Undoing.REBOOT: "undo: exact after a restart",
    Undoing.KEEPS: "undo: stays",
}

UNDOING_TOLD = {
    Undoing.EXACT: "Undo gives back what was there, to the byte and at once.",
    Undoing.REBOOT: "Undo gives back the files at once, and their effect with the next restart.",
    Undoing.KEEPS: "Undo brings back neither the version before an upgrade nor a password that everybody knows.",
}


def undoing(step: Step) -> str:
    """In a word or two, how a step is taken back: of accounts one password stays, and all else comes back."""
    if step.undoing is Undoing.KEEPS and not step.purpose.packages:
        return "undo: in part"
    return _UNDOING[step.undoing]


RECKONED = "As reckoned from what is mended; the audit after the change has the last word."
REFUSED = "Nothing may be changed on this host now"
_COUNTED = {"unknown": "not known", "manual": "questions"}
_FEW = 3  # rules of a step whose titles are written out


def about(purpose: Purpose) -> str:
    """What to say beside the name of a group, or nothing."""
    if purpose.packages:
        return "first of all, under a record of their own"
    if purpose is Purpose.FIRST_START:
        return "by a job that it finds on itself"
    return "a way in: read this" if purpose.way_in else ""


def grouped(steps: Iterable[Step]) -> Iterator[tuple[Purpose, list[tuple[int, Step]]]]:
    """Steps by purpose, in order, each with its number in the plan; those of a first start are one group."""
    group: list[tuple[int, Step]] = []
    for number, step in enumerate(steps, 1):
        if group and _group(group[-1][1]) is not _group(step):
            yield _group(group[-1][1]), group
            group = []
        group.append((number, step))
    if group:
        yield _group(group[-1][1]), group


def _group(step: Step) -> Purpose:
    return Purpose.FIRST_START if step.first_start else step.purpose


def at_once(plan: Plan) -> tuple[Plan, int]:
    """Without what is left to a first start, for those who reach the same state by other means; and how many findings
    that leaves.
    """
    now = tuple(step for step in plan.steps if _group(step) is not Purpose.FIRST_START)
    rest = replace(plan, steps=now)
    return rest, len(plan.mends) - len(rest.mends)


def mended(mends: Iterable[Mend]) -> list[tuple[str, list[str]]]:
    """Rules, each with its subjects; none where it is the host as a whole."""
    rules: dict[str, list[str]] = {}
    for mend in mends:
        subjects = rules.setdefault(line(mend.rule), [])
        if mend.subject != "host":
            subjects.append(line(mend.subject, 100))
    return list(rules.items())


def why_told(mends: Iterable[Mend], most: int = 3) -> str:
    """The same in words, where there are few: `There is no firewall (no-firewall)`."""
    every = tuple(mends)
    titles = {line(mend.rule): line(mend.title) for mend in every}
    told = rules_told(every, most)
    if len(titles) > _FEW or not all(titles.values()):
        return told
    by_rule = ((rule, rules_told((mend for mend in every if line(mend.rule) == rule), most)) for rule in titles)
    return "; ".join(f"{titles[rule]} ({shown})" for rule, shown in by_rule)


def rules_told(mends: Iterable[Mend], most: int = 3) -> str:
    """`default-password: pi; no-firewall`; of each rule at most so many subjects."""
    told = []
    for rule, subjects in mended(mends):
        more = f" and {len(subjects) - most} more" if len(subjects) > most else ""
        told.append(f"{rule}: {', '.join(subjects[:most])}{more}" if subjects else rule)
    return "; ".join(told)


def alike(held: Iterable[Held]) -> list[tuple[Held, tuple[Mend, ...]]]:
    """What the same interlock holds for the same reason is one entry, with all that it holds."""
    groups: dict[tuple[str, str, str, str], list[Held]] = {}
    for one in held:
        groups.setdefault((one.interlock, one.why, one.unlock, one.accept), []).append(one)
    return [(group[0], tuple(Mend(one.rule, one.subject) for one in group if one.rule)) for group in groups.values()]


def tally(plan: Plan) -> list[str]:
    """`4 files new`, `2 units masked`, …: only what there is."""
    number: Counter[str] = Counter()
    for step in plan.steps:
        for operation in step.operations:
            number.update(_counted(operation))
    told = (
        ("new", "new file", ""),
        ("changed", "changed file", ""),
        ("removed", "removed file", ""),
        ("link", "link", ""),
        ("mode", "mode or owner", "modes or owners"),
        ("mask", "unit masked", "units masked"),
        ("on", "unit switched on", "units switched on"),
        ("again", "unit reads its files again", "units read their files again"),
        ("sysctl", "kernel setting", ""),
        ("account", "account field", ""),
        ("tool", "command", ""),
        ("package", "package to install with what it needs", "packages to install with what they need"),
        ("gone", "package to remove", "packages to remove"),
    )
    parts = [count(number[key], one, many) for key, one, many in told if number[key]]
    return [*parts, "all updates"] if number["upgrade"] else parts


def _counted(operation: Operation) -> dict[str, int]:  # noqa: PLR0911 - one for each kind of operation
    match operation:
        case PutFile(expect=expect):
            return {"new" if expect == ABSENT else "changed": 1}
        case DropFile():
            return {"removed": 1}
        case PutLink():
            return {"mask" if masked(operation) else "link": 1}
        case Chmod():
            return {"mode": 1}
        case UnitDo(action, units):
            key = {"reload": "again", "restart": "again", "renew": "again", "enable": "on"}.get(action, "")
            return {key: len(units)} if key else {}
        case SysctlDo():
            return {"sysctl": 1}
        case AccountDo():
            return {"account": 1}
        case Tool(run=run):
            return {"tool": len(run)}
        case Packages(install, upgrade, remove=remove):
            return {"package": len(install), "upgrade": int(upgrade), "gone": len(remove)}


def changes(before: Mapping[str, int], after: Mapping[str, int]) -> list[tuple[str, str, int, int]]:
    """(name in the summary, words, before, after) of each count, risks first."""
    names = [*map(str, RISKS), *(name for name in {**before, **after} if name not in set(Risk))]
    return [(name, _COUNTED.get(name, name), before.get(name, 0), after.get(name, 0)) for name in names]


def host(plan: Plan) -> Report:
    """A report without findings, for the words that reports and plans share."""
    return Report(plan.target, plan.host, plan.before.score, (), preset=plan.preset.name.lower())


def way_in(way: WayIn) -> str:
    """How this very connection came in, as sentences."""
    if way.kind == "offline":
        rest = "A system at rest: its files are changed in place. What has to run for its change waits until it does."
        return rest + (f" Your key of {line(way.user)} has just signed a challenge." if way.key_proved else "")
    if way.kind == "local":
        over = f", over SSH from {line(way.peer)}" if way.peer else ""
        return f"At the machine itself{f', as {line(way.user)}' if way.user else ''}{over}."
    parts = [f"SSH as {line(way.user)}" if way.user else "SSH"]
    if way.peer:
        parts.append(f"from {line(way.peer)}")
    if way.address:
        address = f"[{line(way.address)}]" if ":" in way.address else line(way.address)
        parts.append(f"to {address}{f':{way.port}' if way.port else ''}")
    if way.interface:
        parts.append(f"through {line(way.interface)}")
    if way.methods:
        parts.append(f"by {line(', '.join(way.methods))}")
    proved = "A key alone has just logged in." if way.key_proved else "No key was proved."
    password = f"The password of {line(way.user) or 'the account'} was just checked." if way.password_proved else ""
    return " ".join(filter(None, [" ".join(parts) + ".", proved, password]))
