"""`explain` and `rules`: what thornwall knows."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from thornwall.errors import UsageError


class Shape(StrEnum):
    """How the rules are listed."""

    TERMINAL = "terminal"
    JSON = "json"


class Prose(StrEnum):
    """How a rule is explained."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(explain)
    app.command()(rules)


def _complete(incomplete: str) -> list[str]:
    from thornwall.rules.registry import RULES

    return [rule.id for rule in RULES if rule.id.startswith(incomplete)]


def explain(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="As in a report.", autocompletion=_complete)],
    shape: Annotated[Prose, typer.Option("--format", "-f", help="How it is written.")] = Prose.TERMINAL,
) -> None:
    """Explain a rule: what it looks at, why it matters, how to mend it, and what that may break."""
    from thornwall.cli.console import out
    from thornwall.report.explain import as_markdown, render_explanation
    from thornwall.rules.registry import RULES
    from thornwall.rules.settings import nearest

    found = next((known for known in RULES if known.id == rule), None)
    if found is None:
        raise UsageError(f"There is no rule {rule!r}.", hint=nearest(rule, (known.id for known in RULES)))
    if shape is Prose.MARKDOWN:
        sys.stdout.write(as_markdown(found))
    else:
        render_explanation(found, out)


def rules(
    shape: Annotated[Shape, typer.Option("--format", "-f", help="How they are listed.")] = Shape.TERMINAL,
) -> None:
    """List every rule: its name, what it finds, its risk, and whether thornwall can mend it."""
    from thornwall.cli.console import out
    from thornwall.report.rules import as_json, render_rules
    from thornwall.rules.registry import RULES

    if shape is Shape.JSON:
        sys.stdout.write(as_json(RULES))
    else:
        render_rules(RULES, out)
