"""One promise and what was measured; the table of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """`bound` and `measured` in `unit`; `at_least`: on which side of the bound it must be; `how`: in a few words."""

    name: str
    bound: float
    measured: float
    unit: str
    how: str
    at_least: bool = False

    @property
    def ok(self) -> bool:
        """Whether the promise is kept."""
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """Name, bound, measured, 'yes' or 'NO'."""
        side = "at least" if self.at_least else "at most"
        return (
            self.name,
            f"{side} {number(self.bound)} {self.unit}",
            f"{number(self.measured)} {self.unit}",
            "yes" if self.ok else "NO",
        )


HEADINGS = ("figure", "bound", "measured", "ok?")


def table(figures: Iterable[Figure], title: str) -> Table:
    """The figures for a terminal."""
    shown = Table(title=title, title_justify="left", caption_justify="left")
    for heading in HEADINGS:
        shown.add_column(heading, justify="left" if heading in {"figure", "ok?"} else "right")
    shown.add_column("how", style="dim", overflow="fold")
    for figure in figures:
        shown.add_row(*figure.cells, figure.how, style=None if figure.ok else "bold red")
    return shown


def number(value: float) -> str:
    """Three digits that count."""
    if value >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(values: Sequence[float], unit: str) -> str:
    """The best and the median of several runs, in words."""
    return f"best of {len(values)}: {number(min(values))} {unit}, median {number(median(values))} {unit}"
