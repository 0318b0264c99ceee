"""apt.conf(5): scopes, lists, #clear; files in apt's order, so that the last word is the one that counts."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from thornwall.facts.redact import TEXT
from thornwall.model.capture import Capture
from thornwall.model.fact import ABSENT, Fact, Known, Unknown
from thornwall.model.probe import Probe, Read, Redaction
from thornwall.model.updates import AptConfig, AptValue

# `#clear` looks like a comment, which TEXT keeps back, and is none.
APT = Redaction("apt_conf", r"""if (s ~ /^[ \t]*#clear[ \t]+[A-Za-z0-9:"; -]*$/) return s""" + "\n" + TEXT.awk)

PROBES: tuple[Probe, ...] = (Read("/etc/apt/apt.conf.d/*", APT), Read("/etc/apt/apt.conf", APT))

_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?(?:\*/|\Z)|#(?P<clear>clear)\b|#[^\n]*|"(?P<quoted>[^"\n]*)"?|(?P<sign>[{};])|(?P<word>[^\s{};"]+)',
    re.DOTALL,
)
_FILE_NAME = re.compile(r"[A-Za-z0-9_.-]+")


def parse(capture: Capture) -> Fact[AptConfig]:
    """Unknown where a file could not be read: it may say anything."""
    building = _Building()
    files = [(path, record) for path, record in capture.glob("/etc/apt/apt.conf.d/*") if _counts(path)]
    main = capture.record("/etc/apt/apt.conf")
    if main is not ABSENT:
        files.append(("/etc/apt/apt.conf", main))
    if not files:
        return capture.blocked("/etc/apt/apt.conf.d/*") or ABSENT
    for path, record in files:
        match record:
            case Known(found):
                building.read(path, found.text)
            case Unknown() as why:
                return why
            case _:
                pass
    return Known(building.done())


def _counts(path: str) -> bool:
    """apt reads names of plain characters that have no extension, or `.conf`."""
    name = posixpath.basename(path)
    return bool(_FILE_NAME.fullmatch(name)) and ("." not in name or name.endswith(".conf"))


@dataclass(slots=True)
class _Building:
    single: dict[str, AptValue] = field(default_factory=dict)
    lists: dict[str, list[AptValue]] = field(default_factory=dict)

    def done(self) -> AptConfig:
        return AptConfig(self.single, {name: tuple(values) for name, values in self.lists.items()})

    def read(self, path: str, text: str) -> None:
        """Take over the statements of one file."""
        scope: list[str] = []
        words: list[tuple[str, str]] = []
        clearing, at = False, 1
        for line, kind, said in _tokens(text):
            if kind == "clear":
                clearing, words = True, []
            elif kind != "sign":
                words.append((kind, said))
                at = line
            elif said == "{":
                scope.append(words[0][1] if words else "")
                words = []
            else:
                if clearing:
                    for _, word in words:
                        self.clear(_join(scope, word))
                elif words:
                    self.statement(scope, words, AptValue("", words[-1][1], path, at))
                if said == "}" and scope:
                    scope.pop()
                words, clearing = [], False

    def statement(self, scope: list[str], words: list[tuple[str, str]], told: AptValue) -> None:
        kind, first = words[0]
        if len(words) == 1 and kind == "quoted":  # an item of the list that the scope is
            self.append(_join(scope, ""), told)
        elif first.endswith("::"):
            self.append(_join(scope, first[:-2]), told)
        else:
            name = _join(scope, first)
            value = told.value if len(words) > 1 else ""
            self.single[name.lower()] = AptValue(name, value, told.file, told.line)

    def append(self, name: str, told: AptValue) -> None:
        self.lists.setdefault(name.lower(), []).append(AptValue(name, told.value, told.file, told.line))

    def clear(self, name: str) -> None:
        low = name.lower()
        for kept in (self.single, self.lists):
            for each in [key for key in kept if key == low or key.startswith(f"{low}::")]:
                kept.pop(each)


def _join(scope: list[str], name: str) -> str:
    return "::".join(part for part in [*scope, name] if part)


def _tokens(text: str) -> Iterator[tuple[int, str, str]]:
    line, at = 1, 0
    for found in _TOKEN.finditer(text):
        line += text.count("\n", at, found.start())
        at = found.start()
        if found.lastgroup is not None:
            yield line, found.lastgroup, found[found.lastgroup]
