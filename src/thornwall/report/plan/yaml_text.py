"""YAML for people: block style, whole files as literal blocks, and a quoted scalar wherever another could be misread.

Only what a playbook or user-data needs is written, so it needs no library. Every reader of YAML 1.1 and 1.2 gives back
exactly what went in; the tests ask one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TypeAlias


class Template(str):
    """Text in which Ansible shall read `{{ }}`; any other text with such braces is marked `!unsafe`: as it is."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Noted:
    """An item of a list with a comment above it, and an empty line above that."""

    comment: tuple[str, ...]
    value: Mapping[str, Yaml]


Yaml: TypeAlias = "Mapping[str, Yaml] | Sequence[Yaml] | Noted | str | int | bool"

_PLAIN = re.compile(r"[A-Za-z_/][\w./@+%~=<>()',-]*(?: [\w./@+%~=<>()',|-]+)*", re.ASCII)
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_BRACES = re.compile(r"\{[{%#]")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def dump(value: Mapping[str, Yaml] | Sequence[Yaml], *, ansible: bool = False) -> str:
    """The document, which ends in a newline. `ansible`: mark what is not to be read as a template."""
    return "\n".join(_block(value, "", ansible)) + "\n"


def comment(text: str, pad: str = "") -> list[str]:
    """Comment lines; each line of `text` is folded on its own."""
    return [
        f"{pad}# {part}".rstrip()
        for line in text.split("\n")
        for part in wrap(line, 110 - len(pad), break_long_words=False, break_on_hyphens=False) or [""]
    ]


def _block(value: Yaml, pad: str, ansible: bool) -> list[str]:
    if isinstance(value, Mapping):
        return [line for key, item in value.items() for line in _entry(key, item, pad, ansible)]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [line for item in value for line in _item(item, pad, ansible)]
    raise TypeError(f"no block for {type(value).__name__}")


def _entry(name: str, item: Yaml, pad: str, ansible: bool) -> list[str]:
    key = f"{_on_one_line(name)}:"
    if isinstance(item, Mapping | Sequence) and not isinstance(item, str) and item:
        return [pad + key, *_block(item, pad + "  ", ansible)]
    first, *rest = _scalar(item, pad + "  ", ansible)
    return [f"{pad}{key} {first}", *rest]


def _item(item: Yaml, pad: str, ansible: bool) -> list[str]:
    above: list[str] = []
    if isinstance(item, Noted):
        above = ["", *(line for text in item.comment for line in comment(text, pad))]
        item = item.value
    if isinstance(item, Mapping) and item:
        first, *rest = _block(item, pad + "  ", ansible)
        return [*above, f"{pad}- {first[len(pad) + 2 :]}", *rest]
    first, *rest = _scalar(item, pad + "  ", ansible)
    return [*above, f"{pad}- {first}", *rest]


def _scalar(value: Yaml, pad: str, ansible: bool) -> list[str]:
    """The first line goes behind the key; the rest, of a literal block, stand below with `pad` before them."""
    match value:
        case bool():
            return ["true" if value else "false"]
        case int():
            return [str(value)]
        case str():
            mark = "!unsafe " if ansible and _BRACES.search(value) and not isinstance(value, Template) else ""
            first, *rest = _text(value, pad)
            return [mark + first, *rest]
        case _ if not value:
            return ["{}" if isinstance(value, Mapping) else "[]"]
    raise TypeError(f"no scalar for {type(value).__name__}")


def _text(text: str, pad: str) -> list[str]:
    # what does not print, or turns the direction of writing, is only safe to be seen when it is escaped
    if "\n" in text and text.strip("\n") and text.replace("\n", "").replace("\t", "").isprintable():
        return _literal(text, pad)
    return [_on_one_line(text)]


def _on_one_line(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return f'"{"".join(map(_escaped, text))}"'


def _literal(text: str, pad: str) -> list[str]:
    body = text.rstrip("\n")
    ends = len(text) - len(body)
    # where the first line begins with a space or is empty, the depth cannot be seen from it
    depth = "2" if body[0] in " \n\t" else ""
    chomp = "-" if not ends else "" if ends == 1 else "+"
    lines = [pad + line if line else "" for line in body.split("\n")]
    return [f"|{depth}{chomp}", *lines, *[""] * (ends - 1)]


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    code = ord(char)
    if char.isprintable():
        return char
    if 0xD800 <= code <= 0xDFFF:
        return "�"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
