"""What each login gets: the files that shells read, its limits, what is said before it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field

from thornwall.model.fact import Unknown
from thornwall.model.record import record


@record
class Said:
    """A line of a file: `found` is what the pattern that looked for it took of it."""

    file: str
    line: int
    text: str
    found: tuple[str, ...] = ()


@record
class Sessions:
    """The files as they stand, in the order in which they are read: path -> lines. `unread`: what could not be."""

    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unread: Mapping[str, Unknown] = field(default_factory=dict)

    def say(self, pattern: re.Pattern[str], *starts: str) -> Iterator[Said]:
        """The lines that the pattern finds, of the files whose path starts so; comments are left out."""
        for path, lines in self.files.items():
            if not path.startswith(starts):
                continue
            for number, line in enumerate(lines, 1):
                match = pattern.search(line) if not line.lstrip().startswith("#") else None
                if match:
                    yield Said(path, number, line.strip(), tuple(part or "" for part in match.groups()))

    def gap(self, *starts: str) -> Unknown | None:
        """The first of these files that could not be read."""
        return next((why for path, why in self.unread.items() if path.startswith(starts)), None)
