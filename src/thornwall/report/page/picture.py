"""The pictures of the page: the score as a ring, likelihood against impact as a matrix. Colours come from the style."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from thornwall.model.matrix import IMPACTS, LIKELIHOODS, risk_of
from thornwall.report.page.elements import Html, tag
from thornwall.report.ranking import Group
from thornwall.report.text import count

_CELL_WIDTH, _CELL_HEIGHT, _GAP = 72, 50, 4
_LEFT, _TOP = 120, 6
_RADIUS = 52


def ring(score: int) -> Html:
    """The score, 0–100, as a ring that is as full as the score is high."""
    around = 2 * math.pi * _RADIUS
    full = around * min(max(score, 0), 100) / 100
    level = "bad" if score < 50 else "fair" if score < 80 else "good"
    circle: dict[str, str | int] = {"cx": 64, "cy": 64, "r": _RADIUS, "fill": "none", "stroke_width": 11}
    return tag(
        "svg",
        tag("circle", class_="track", **circle),
        tag(
            "circle",
            class_=f"arc {level}",
            stroke_dasharray=f"{full:.1f} {around:.1f}",
            stroke_linecap="round" if score else "butt",
            transform="rotate(-90 64 64)",
            **circle,
        ),
        tag("text", score, x=64, y=60, class_="score"),
        tag("text", "of 100", x=64, y=88, class_="of"),
        viewBox="0 0 128 128",
        class_="ring",
        role="img",
        aria_label=f"Score {score} of 100",
    )


def matrix(cells: Mapping[tuple[int, int], Sequence[tuple[str, Group]]]) -> Html:
    """Likelihood from below upwards, impact from left to right.

    `cells`: by (likelihood, impact) the groups of findings there, each with the id of its card. A cell with findings is
    a link to its first card; the script makes it open all of them.
    """
    width = _LEFT + 5 * (_CELL_WIDTH + _GAP)
    height = _TOP + 5 * (_CELL_HEIGHT + _GAP) + 44
    parts: list[Html] = []
    for likelihood in range(5, 0, -1):
        y = _TOP + (5 - likelihood) * (_CELL_HEIGHT + _GAP)
        middle = y + _CELL_HEIGHT / 2 + 4
        parts.append(tag("text", LIKELIHOODS[likelihood - 1], x=_LEFT - 10, y=f"{middle:g}", class_="axis end"))
        parts += [_cell(likelihood, impact, y, cells.get((likelihood, impact), ())) for impact in range(1, 6)]
    below = _TOP + 5 * (_CELL_HEIGHT + _GAP) + 14
    for impact in range(1, 6):
        middle = _x(impact) + _CELL_WIDTH / 2
        parts.append(tag("text", IMPACTS[impact - 1], x=f"{middle:g}", y=below, class_="axis"))
    parts.append(tag("text", "impact on this device →", x=f"{(_LEFT + width) / 2:g}", y=below + 24, class_="name"))
    return tag(
        "svg",
        tag("title", "Likelihood against impact: how many findings lie where"),
        parts,
        viewBox=f"0 0 {width} {height}",
        class_="matrix",
        role="group",
        aria_label="Risk matrix",
    )


def _x(impact: int) -> int:
    return _LEFT + (impact - 1) * (_CELL_WIDTH + _GAP)


def _cell(likelihood: int, impact: int, y: int, here: Sequence[tuple[str, Group]]) -> Html:
    risk = risk_of(likelihood, impact)
    x = _x(impact)
    number = sum(len(group.findings) for _, group in here)
    box = tag(
        "rect",
        x=x,
        y=y,
        width=_CELL_WIDTH,
        height=_CELL_HEIGHT,
        rx=7,
        class_=f"cell {risk}{'' if number else ' none'}",
    )
    if not number:
        return box
    words = (
        f"{count(number, 'finding')}: likelihood {likelihood} ({LIKELIHOODS[likelihood - 1]}), "
        f"impact {impact} ({IMPACTS[impact - 1]}), {risk}"
    )
    middle, centre = x + _CELL_WIDTH / 2, y + _CELL_HEIGHT / 2
    return tag(
        "a",
        tag("title", words),
        box,
        tag("text", number, x=f"{middle:g}", y=f"{centre + 7:g}", class_=f"number {risk}"),
        href=f"#{here[0][0]}",
        data_cell=f"{likelihood}-{impact}",
        aria_label=words,
    )
