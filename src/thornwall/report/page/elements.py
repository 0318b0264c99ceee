"""HTML that is safe by construction: a string is always text; only `tag` and this package's own files are markup."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import TypeAlias

from thornwall.report.text import clean, spans

_VOID = frozenset({"meta", "br", "hr", "link", "input"})


@dataclass(frozen=True, slots=True)
class Html:
    """Markup. Made by `tag`; never made of a host's text."""

    text: str


Child: TypeAlias = "Html | str | int | Iterable[Child] | None"


def tag(name: str, /, *children: Child, **attributes: str | int | bool | None) -> Html:
    """An element. Strings, inside it and in attributes, are cleaned and escaped.

    `class_` is `class`, `aria_label` is `aria-label`. An attribute that is None or False is left out; True has
    no value.
    """
    opening = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    if name in _VOID:
        return Html(opening)
    return Html(f"{opening}{join(children).text}</{name}>")


def join(children: Iterable[Child]) -> Html:
    """One after the other."""
    return Html("".join(map(_child, children)))


def _child(child: Child) -> str:
    match child:
        case Html(text):
            return text
        case None:
            return ""
        case str():
            return escape(clean(child))
        case int():
            return str(child)
        case _:
            return join(child).text


def _attribute(key: str, value: str | int | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(clean(str(value)), quote=True)}"'


def prose(text: str) -> list[Child]:
    """A sentence of ours, `code` between backticks set as code."""
    return [tag("code", part) if is_code else part for is_code, part in spans(text)]


def paragraphs(text: str, **attributes: str) -> list[Child]:
    """A paragraph for each part between empty lines."""
    return [tag("p", prose(part), **attributes) for part in clean(text).split("\n\n") if part.strip()]
