"""A step as a card: what it comes to at a glance, every operation and every diff when it is open."""

from __future__ import annotations

from collections import Counter

from thornwall.model.plan import Step, Undoing
from thornwall.report.page.elements import Child, Html, prose, tag
from thornwall.report.plan import operations, words
from thornwall.report.plan.diff import Line
from thornwall.report.plan.operations import Shown
from thornwall.report.text import line

CHANGES = 200  # of one step
LINES = 400  # of one diff
_SIGNS = {"+": "come", "-": "gone", "@": "place", "\\": "note", " ": None}
_VERBS = {"new": "comes", "remove": "goes", "mask": "goes", "stop": "goes"}
_MANY = {"mode": "modes and owners", "set now": "kernel settings", "account": "account fields", "new": "new files"}
_GLANCE = 3  # things named in the summary of a card


def step_card(number: int, step: Step) -> Html:
    """Closed it says what is touched; open it says all."""
    told = operations.shown(step, whole=False)
    return tag(
        "details",
        tag(
            "summary",
            tag("span", number, class_="count", aria_hidden="true"),
            tag("span", tag("strong", line(step.title)), tag("span", _glance(told), class_="subjects"), class_="head"),
            tag("span", _pills(step), class_="pills"),
        ),
        tag("div", _why(step), [_change(each) for each in told[:CHANGES]], _beyond(told), class_="steps-body"),
        class_="card step way" if step.purpose.way_in else "card step",
        id=f"s{number}",
    )


def _pills(step: Step) -> list[Child]:
    kept = "pill" if step.undoing is Undoing.EXACT else "pill need"
    pills: list[Child] = [tag("span", words.undoing(step), class_=kept)]
    if step.awaits_reboot:
        pills.append(tag("span", "awaits a restart", class_="pill need"))
    if step.first_start:
        pills.append(tag("span", "at its first start", class_="pill need"))
    return pills


def _glance(told: tuple[Shown, ...]) -> str:
    """`new /etc/x, reload ssh.service and 3 more`; many of one kind are counted."""
    kinds = Counter(each.verb for each in told)
    parts = [f"{each.verb} {each.what}" for each in told if kinds[each.verb] <= _GLANCE]
    parts += [f"{number} {_MANY.get(verb, f'× {verb}')}" for verb, number in kinds.items() if number > _GLANCE]
    more = f" and {len(parts) - _GLANCE} more" if len(parts) > _GLANCE else ""
    return ", ".join(parts[:_GLANCE]) + more


def _why(step: Step) -> Html:
    rows: list[Child] = []
    if step.mends:
        rules: list[Child] = []
        for rule, subjects in words.mended(step.mends):
            named = f" {', '.join(subjects[:5])}{f' and {len(subjects) - 5} more' if len(subjects) > 5 else ''}"
            rules.append(tag("span", tag("code", rule), named if subjects else "", class_="rule"))
        rows += [tag("dt", "mends"), tag("dd", rules)]
    for sentence in step.may_break:
        rows += [tag("dt", "may break", class_="warn"), tag("dd", prose(line(sentence)))]
    rows += [tag("dt", "undo"), tag("dd", words.UNDOING_TOLD[step.undoing])]
    return tag("dl", rows, class_="pair")


def _change(told: Shown) -> Html:
    what: list[Child] = [tag("code", told.what)]
    if told.note:
        what.append(tag("span", told.note, class_="note-text"))
    return tag(
        "div",
        tag("p", tag("b", told.verb, class_=_VERBS.get(told.verb)), tag("span", what), class_="operation"),
        _commands(told.commands) if told.commands else None,
        _diff(told.diff) if told.diff else None,
        class_="change",
    )


def _commands(commands: tuple[str, ...]) -> Html:
    return tag("pre", tag("code", "\n".join(commands)), class_="commands", tabindex=0)


def _diff(lines: tuple[Line, ...]) -> Html:
    places = sum(each.sign == "@" for each in lines)
    # where all that changed stands in one place, its numbers tell nothing
    told = [each for each in lines if each.sign != "@" or places > 1]
    shown = [tag("span", f"{_text(each)}\n", class_=_SIGNS[each.sign]) for each in told[:LINES]]
    more = len(told) - LINES
    if more > 0:
        shown.append(tag("span", f"… and {more} more lines: the JSON of the plan has them all.\n", class_="note"))
    return tag("pre", shown, class_="diff", tabindex=0)


def _text(each: Line) -> str:
    return f"@@ {each.text} @@" if each.sign == "@" else f"{each.sign} {each.text}"


def _beyond(told: tuple[Shown, ...]) -> Html | None:
    more = len(told) - CHANGES
    return tag("p", f"… and {more} more: the JSON of the plan has them all.", class_="aside") if more > 0 else None
