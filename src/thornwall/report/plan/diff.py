"""Unified diffs of what a plan writes, line by line, fit to be read: what a file held comes from the host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff

from thornwall.report.text import clean

_UNENDED = "\x00"  # marks a last line without its newline; no text that is compared holds it
NO_NEWLINE = "No newline at end of file"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a diff. `sign`: `+`, `-`, a space, `@` (where it stands: `-3,4 +3,5`) or a backslash (a remark)."""

    sign: str
    text: str


def decoded(content: bytes) -> str | None:
    """The text of a file, or None where it is not text: not UTF-8, or with NUL in it."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return None if "\x00" in text else text


def lines(before: bytes | None, after: bytes | None, context: int = 3) -> tuple[Line, ...]:
    """The differences; None is a file that is not there. Empty where one of the two is no text, or nothing differs.

    A carriage return is shown as `␍`; other control characters as `clean` has them.
    """
    old, new = decoded(before or b""), decoded(after or b"")
    if old is None or new is None:
        return ()
    return tuple(Line(each.sign, _shown(each.text)) for each in _lines(_cut(old), _cut(new), context))


def _cut(text: str) -> list[str]:
    cut = text.split("\n")
    last = cut.pop()
    return [*cut, last + _UNENDED] if last else cut


def _lines(old: list[str], new: list[str], context: int) -> Iterator[Line]:
    for number, told in enumerate(unified_diff(old, new, n=context, lineterm="")):
        if number < 2:
            continue  # the names of the files
        if told.startswith("@@"):
            yield Line("@", told.strip("@ "))
            continue
        yield Line(told[0], told[1:].removesuffix(_UNENDED))
        if told.endswith(_UNENDED):
            yield Line("\\", NO_NEWLINE)


def _shown(text: str) -> str:
    return clean(text.replace("\r", "␍")).replace("\n", "�")


def unified(path: str, before: bytes | None, after: bytes | None) -> str:
    """As `diff -u` prints it, to the byte, with `/dev/null` for what is not there; empty where there is none."""
    old, new = decoded(before or b""), decoded(after or b"")
    if old is None or new is None or old == new:
        return ""
    body = [
        f"@@ {line.text} @@" if line.sign == "@" else f"\\ {line.text}" if line.sign == "\\" else line.sign + line.text
        for line in _lines(_cut(old), _cut(new), 3)
    ]
    head = [f"--- {'/dev/null' if before is None else path}", f"+++ {'/dev/null' if after is None else path}"]
    return "\n".join([*head, *body]) + "\n"
