"""apt_preferences(5): which archives and packages the administrator prefers or keeps out."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, replace

from thornwall.facts.redact import TEXT
from thornwall.model.capture import Capture
from thornwall.model.fact import Known
from thornwall.model.probe import Probe, Read
from thornwall.model.updates import Candidate, Suite

PROBES: tuple[Probe, ...] = (Read("/etc/apt/preferences", TEXT), Read("/etc/apt/preferences.d/*", TEXT))

_FIELD = re.compile(r"([A-Za-z-]+)[ \t]*:[ \t]*(.*)")
_RELEASE = {"a": "suite", "n": "codename", "o": "origin", "l": "label"}
MOST = 1000  # stanzas


@dataclass(frozen=True, slots=True)
class Pin:
    """One stanza. `packages`: globs, `*` for all; `kind`: release, origin or version; `value`: what it must match."""

    packages: tuple[str, ...]
    kind: str
    value: str
    priority: int

    @property
    def general(self) -> bool:
        """Whether it is about archives, not packages."""
        return self.packages == ("*",)

    def covers(self, suite: Suite, version: str = "") -> bool:
        """Whether a version of this archive is meant."""
        if self.kind == "version":
            return bool(version) and fnmatch.fnmatchcase(version, self.value)
        if self.kind == "origin":
            return suite.site == self.value.strip("\"'")
        return self.kind == "release" and all(self._agrees(word, suite) for word in self.value.split(","))

    def _agrees(self, word: str, suite: Suite) -> bool:
        name, _, wanted = word.strip().partition("=")
        field = _RELEASE.get(name.strip().lower())
        return field is not None and fnmatch.fnmatchcase(getattr(suite, field), wanted.strip().strip("\"'"))


def parse(capture: Capture) -> tuple[Pin, ...]:
    """The pins in apt's order: the files of preferences.d by name, after the main file."""
    pins: list[Pin] = []
    main = [("/etc/apt/preferences", capture.record("/etc/apt/preferences"))]
    for path, record in [*main, *capture.glob("/etc/apt/preferences.d/*")]:
        name = path.rpartition("/")[2]
        match record:
            case Known(file) if "." not in name or name.endswith(".pref"):
                pins += [pin for stanza in re.split(r"\n\s*\n", file.text)[:MOST] if (pin := _pin(stanza))]
            case _:
                pass
    return tuple(pins)


def _pin(stanza: str) -> Pin | None:
    fields: dict[str, str] = {}
    for line in stanza.split("\n"):
        if match := _FIELD.match(line):
            fields.setdefault(match[1].lower(), match[2].strip())
    kind, _, value = fields.get("pin", "").partition(" ")
    number = fields.get("pin-priority", "")
    if not fields.get("package") or not value or not re.fullmatch(r"-?\d{1,6}", number):
        return None
    return Pin(tuple(fields["package"].split()), kind.lower(), value.strip(), int(number))


def pinned(suite: Suite, pins: tuple[Pin, ...]) -> Suite:
    """The archive with the priority that the first general pin gives it."""
    found = next((pin.priority for pin in pins if pin.general and pin.covers(suite)), None)
    return suite if found is None else replace(suite, priority=found)


def priority(candidate: Candidate, pins: tuple[Pin, ...]) -> int:
    """The priority of a version: a pin of its package goes before that of its archive."""
    for pin in pins:
        named = any(fnmatch.fnmatchcase(candidate.package.name, glob) for glob in pin.packages)
        if named and not pin.general and pin.covers(candidate.suite, candidate.version):
            return pin.priority
    return candidate.suite.priority
