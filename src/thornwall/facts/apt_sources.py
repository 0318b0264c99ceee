"""sources.list(5): where packages come from, in both formats."""

from __future__ import annotations

import re
from collections.abc import Iterator

from thornwall.facts.redact import TEXT
from thornwall.model.capture import Capture
from thornwall.model.fact import Absent, Known, Unknown
from thornwall.model.probe import Probe, Read, Redaction
from thornwall.model.updates import AptSource

HIDE_TOKENS = r"""
    # from `a_t` to `a_o`: words of a path that only a token can be: sixteen letters and digits mixed, or a UUID
    a_o = ""
    while (match(a_t, /[A-Za-z0-9-]+/)) {
        a_w = substr(a_t, RSTART, RLENGTH)
        a_o = a_o substr(a_t, 1, RSTART - 1)
        a_t = substr(a_t, RSTART + RLENGTH)
        a_n = split(a_w, a_p, "-")
        if (a_w !~ /[^0-9A-Fa-f-]/) { a_n = 1; a_p[1] = a_w }
        while (a_n) {
            if (length(a_p[a_n]) > 15 && a_p[a_n] ~ /[0-9].*[0-9]/ && a_p[a_n] ~ /[A-Za-z].*[A-Za-z].*[A-Za-z]/)
                a_w = "<redacted>"
            a_n--
        }
        a_o = a_o a_w
    }
    a_o = a_o a_t
"""
"""Statements of awk. Private archives have a token in their address, and so in the names of apt's lists."""

SOURCES = Redaction(
    "sources",
    rf"""
    a_l = ""
    while (match(s, /:\/\/[^ \t]*/)) {{
        a_l = a_l substr(s, 1, RSTART + 2)
        a_t = substr(s, RSTART + 3, RLENGTH - 3)
        s = substr(s, RSTART + RLENGTH)
        # what stands before the host is a login; the host passes
        if (match(a_t, /^[^\/]*@/)) {{
            a_l = a_l "<redacted>@"
            a_t = substr(a_t, RLENGTH + 1)
        }}
        match(a_t, /^[^\/?]*/)
        a_l = a_l substr(a_t, 1, RLENGTH)
        a_t = substr(a_t, RLENGTH + 1)
        sub(/[?].*/, "?<redacted>", a_t)
        {HIDE_TOKENS}
        a_l = a_l a_o
    }}
    s = a_l s
"""
    + TEXT.awk,
)
"""TEXT, and no token in an address."""

PROBES: tuple[Probe, ...] = (
    Read("/etc/apt/sources.list", SOURCES),
    Read("/etc/apt/sources.list.d/*.list", SOURCES),
    Read("/etc/apt/sources.list.d/*.sources", SOURCES),
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
