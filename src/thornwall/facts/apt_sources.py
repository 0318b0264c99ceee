"""sources.list(5): where packages come from, in both formats."""

from __future__ import annotations

import re
from collections.abc import Iterator

from thornwall.facts.redact import TEXT
from thornwall.model.capture import Capture
from thornwall.model.fact import Absent, Known, Unknown
from thornwall.model.probe import Probe, Read
from thornwall.model.updates import AptSource

PROBES: tuple[Probe, ...] = (
    Read("/etc/apt/sources.list", TEXT),
    Read("/etc/apt/sources.list.d/*.list", TEXT),
    Read("/etc/apt/sources.list.d/*.sources", TEXT),
)

_LINE = re.compile(r"\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s*([^#]*)")
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]*)[ \t]*:[ \t]*(.*)")
_OPTIONS = ("trusted", "allow-insecure", "signed-by")
MOST = 200  # of combinations of addresses and suites in a stanza


def parse(capture: Capture) -> tuple[tuple[AptSource, ...], Unknown | None]:
    """Every source that is switched on, and why some may be missing."""
    found: list[AptSource] = []
    gap = capture.blocked("/etc/apt/sources.list.d/*.list")
    files = [("/etc/apt/sources.list", capture.record("/etc/apt/sources.list"))]
    files += [*capture.glob("/etc/apt/sources.list.d/*.list"), *capture.glob("/etc/apt/sources.list.d/*.sources")]
    for path, record in files:
        match record:
            case Known(file):
                found += _stanzas(path, file.text) if path.endswith(".sources") else _lines(path, file.text)
            case Unknown() as why:
                gap = gap or why
            case Absent():
                pass
    return tuple(found), gap


def _lines(path: str, text: str) -> Iterator[AptSource]:
    for number, line in enumerate(text.split("\n"), 1):
        match = _LINE.match(line)
        if match is None:
            continue
        given, uri, suite, components = match.groups()
        pairs = (word.partition("=") for word in (given or "").split())
        options = {name.lower().rstrip("+-"): value for name, _, value in pairs}
        yield AptSource(uri, suite, tuple(components.split()), path, number, line.strip(), options)


def _stanzas(path: str, text: str) -> Iterator[AptSource]:
    fields: dict[str, tuple[str, int]] = {}
    last = ""
    for number, line in enumerate([*text.split("\n"), ""], 1):
        if line.startswith("#"):
            continue
        if not line.strip():
            yield from _stanza(path, fields)
            fields, last = {}, ""
        elif line[0] in " \t" and last:
            value, at = fields[last]
            if len(value) < 10_000:
                fields[last] = (f"{value} {line.strip()}", at)
        elif match := _FIELD.match(line):
            last = match[1].lower()
            fields[last] = (match[2].strip(), number)


def _stanza(path: str, fields: dict[str, tuple[str, int]]) -> Iterator[AptSource]:
    def words(name: str) -> list[str]:
        return fields.get(name, ("", 0))[0].split()

    if "deb" not in words("types") or fields.get("enabled", ("yes", 0))[0].lower() in {"no", "false", "0", "off"}:
        return
    options = {name: fields[name][0] for name in _OPTIONS if name in fields}
    telling = next((name for name in ("trusted", "allow-insecure") if name in options), "uris")
    value, line = fields.get(telling, ("", 1))
    text = f"{telling.title()}: {value}" if telling != "uris" else f"URIs: {value}"
    pairs = [(uri, suite) for uri in words("uris") for suite in words("suites")]
    for uri, suite in pairs[:MOST]:
        yield AptSource(uri, suite, tuple(words("components")), path, line, text, options)
