"""The list of rules, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING

from thornwall.model.finding import Fixable
from thornwall.model.matrix import risk_of
from thornwall.model.rule import Rule
from thornwall.report.text import count

if TYPE_CHECKING:
    from rich.console import Console

_MARKS = {Fixable.AUTOMATIC: "yes", Fixable.NEEDS_ANSWER: "asks", Fixable.BY_HAND: "no"}


def as_json(rules: Iterable[Rule]) -> str:
    """A list of objects; `fix` is `automatic`, `needs-answer` or `by-hand`."""
    from thornwall.report.json_text import dump, plain  # noqa: PLC0415

    return dump(
        [
            {
                "id": rule.id,
                "title": rule.title,
                "subject": rule.subject,
                "kind": str(rule.kind),
                "fix": str(rule.fixable),
                "references": plain(rule.references.as_dict()),
                "class": str(rule.fault_class),
                "likelihood": rule.likelihood,
                "impact": rule.impact,
                "risk": str(risk_of(rule.likelihood, rule.impact)),
                "preset": rule.preset.name.lower(),
                "effort_minutes": int(rule.effort),
                "needs": [str(need) for need in rule.needs],
                "attacker": str(rule.attacker),
            }
            for rule in rules
        ],
    )


def render_rules(rules: Iterable[Rule], console: Console) -> None:
    """Print them by subject, worst first."""
    from rich.padding import Padding  # noqa: PLC0415 - JSON needs no terminal
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from thornwall.report.terminal import STYLES, Page  # noqa: PLC0415

    page = Page(console, verbose=False)
    ranked = sorted(rules, key=lambda rule: (rule.subject, -rule.likelihood * rule.impact, rule.id))
    names = max((len(rule.id) for rule in ranked), default=0)
    for subject, about in groupby(ranked, key=lambda rule: rule.subject):
        page.title(subject)
        grid = Table.grid(padding=(0, 2))
        grid.add_column(width=7)
        # at 80 columns a long name may fold rather than squeeze what it means
        grid.add_column(width=min(names, page.width // 3), overflow="fold")
        grid.add_column(overflow="fold")
        grid.add_column(width=4)
        for rule in about:
            risk = risk_of(rule.likelihood, rule.impact)
            grid.add_row(
                Text(str(risk), style=STYLES[risk]),
                Text(rule.id, style="bold"),
                Text(rule.title),
                Text(_MARKS[rule.fixable], style="dim"),
            )
        console.print(Padding(grid, (0, 0, 0, 2)), width=page.width)
    console.print()
    page.say(
        f"{count(len(ranked), 'rule')}. The risk is that of an unremarkable device at home. Last column: whether "
        "mending it can be automated (yes), can after a question (asks), or not (no).",
    )
