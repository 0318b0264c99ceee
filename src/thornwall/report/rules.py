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
    from rich.text import Text  # noqa: PLC0415 - JSON needs no terminal

    from thornwall.report.terminal import STYLES, Page  # noqa: PLC0415

    ranked = sorted(rules, key=lambda rule: (rule.subject, -rule.likelihood * rule.impact, rule.id))
    with Page(console) as page:
        # at 80 columns a long name may fold rather than squeeze what it means
        names = min(max((len(rule.id) for rule in ranked), default=0), page.width // 3)
        for subject, about in groupby(ranked, key=lambda rule: rule.subject):
            page.title(subject)
            for rule in about:
                risk = risk_of(rule.likelihood, rule.impact)
                cells = (
                    (Text().append(str(risk), style=STYLES[risk]), 7),
                    (Text(_MARKS[rule.fixable], style="dim"), 4),
                    (Text(rule.id, style="bold"), names),
                )
                page.row(cells, rule.title, 2)
        page.blank()
        page.say(
            f"{count(len(ranked), 'rule')}. The risk is that of an unremarkable device at home. Second column: whether "
            "mending it can be automated (yes), can after a question (asks), or not (no).",
        )
