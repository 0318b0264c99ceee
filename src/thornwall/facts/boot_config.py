"""config.txt as the Raspberry Pi's firmware reads it: sections for boards, includes, lines of at most 98 characters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from thornwall.model.boot import ConfigLine

LONGEST = 98  # the firmware ignores the rest of a line
DEPTH = 4

_BOARDS: tuple[tuple[str, str], ...] = (  # filter, and the names of the boards that it is for
    ("pi0", r"Zero(?! 2)"),
    ("pi0w", r"Zero W"),
    ("pi02", r"Zero 2"),
    ("pi1", r"Pi Model [AB]|Compute Module Rev|Compute Module 1"),
    ("pi2", r"Pi 2 "),
    ("pi3", r"Pi 3 |Compute Module 3"),
    ("pi3+", r"Pi 3 Model [AB] Plus"),
    ("pi4", r"Pi 4|Pi 400|Compute Module 4"),
    ("pi400", r"Pi 400"),
    ("pi5", r"Pi 5|Compute Module 5"),
    ("pi500", r"Pi 500"),
    ("cm0", r"Compute Module 0"),
    ("cm1", r"Compute Module Rev|Compute Module 1"),
    ("cm3", r"Compute Module 3(?! Plus)"),
    ("cm3+", r"Compute Module 3 Plus"),
    ("cm4", r"Compute Module 4(?!S)"),
    ("cm4s", r"Compute Module 4S"),
    ("cm5", r"Compute Module 5"),
)
_PATTERNS = {name: re.compile(pattern) for name, pattern in _BOARDS}


def config_lines(path: str, text: str, model: str, included: Mapping[str, str]) -> Iterator[ConfigLine]:
    """Every setting in order. `model`: the board, empty if unknown; `included`: files that may be included, by name."""
    yield from _Reader(model, included).read(path, text, DEPTH)


class _Reader:
    """Sections that hold, over all included files: filters of one kind replace each other, kinds add up."""

    def __init__(self, model: str, included: Mapping[str, str]) -> None:
        self._model = model
        self._included = included
        self._filters: dict[str, bool | None] = {}
        self._names: dict[str, str] = {}

    def read(self, path: str, text: str, depth: int) -> Iterator[ConfigLine]:
        for number, raw in enumerate(text.splitlines(), 1):
            line = raw[:LONGEST].split("#", 1)[0].strip()
            if line.startswith("[") and "]" in line:
                self._section(line[1 : line.index("]")].strip().lower())
            elif line.startswith("include "):
                name = line[8:].strip()
                if depth and name in self._included and self._applies() is not False:
                    folder = path.rpartition("/")[0]
                    yield from self.read(f"{folder}/{name}", self._included[name], depth - 1)
            elif "=" in line:
                key, _, value = line.partition("=")
                section = "+".join(self._names.values()) or "all"
                yield ConfigLine(key.strip(), value.strip(), path, number, self._applies(), section)

    def _section(self, name: str) -> None:
        if name == "all":
            self._filters.clear()
            self._names.clear()
            return
        kind, holds = self._filter(name)
        self._filters[kind] = holds
        self._names[kind] = name

    def _filter(self, name: str) -> tuple[str, bool | None]:
        if name == "none":
            return "none", False
        if name in _PATTERNS:
            return "board", bool(_PATTERNS[name].search(self._model)) if self._model else None
        kind = re.split(r"[=:0-9]", name, maxsplit=1)[0] or "serial"
        return kind, False if name == "tryboot" else None  # a display, a pin or a serial number: who knows

    def _applies(self) -> bool | None:
        values = self._filters.values()
        if False in values:
            return False
        return None if None in values else True
