"""/etc/pam.d and /etc/security."""

from __future__ import annotations

import re
from collections.abc import Iterator

from thornwall.facts.pam_modules import MODULES, modules
from thornwall.model.capture import Capture
from thornwall.model.fact import ABSENT, Fact, Known, Unknown
from thornwall.model.pam import Conf, Include, Pam, PamLine
from thornwall.model.probe import Probe, Read, Redaction

# The general filter would take `-password optional …` for an option with a password. Only values of arguments that
# name a secret go: pam_mysql and pam_ldap have such, and pwquality's badwords are passwords of the past.
PAM = Redaction(
    "pam",
    r"""
    if (s ~ /^[ \t]*#/) return "#"
    gsub(/[$][0-9a-z]+[$][^: \t,;]*/, "<redacted>", s)
    # a program that is run, with its arguments
    if (match(s, /pam_(exec|script)[.]so([ \t]+[a-z][a-z_]*(=[^ \t]*)?)*[ \t]+\/[^ \t]*/)) s = substr(s, 1, RSTART + RLENGTH - 1)
    # [name=a value with blanks]
    gsub(/\[[A-Za-z_-]*(pass|passwd|password|secret|key|token|pin|pw|connect)[A-Za-z_-]*=[^] \t]*[ \t][^]]*\]/, "[<redacted>]", s)
    w_o = ""
    w_t = "([A-Za-z_-]*(pass|passwd|password|passphrase|secret|token|psk|skey|key|pin|pw|bindpw|connect)|badwords)[ \t]*=[ \t]*"
    while (match(tolower(s), w_t)) {
        w_h = substr(s, RSTART, RLENGTH)
        w_o = w_o substr(s, 1, RSTART + RLENGTH - 1)
        s = substr(s, RSTART + RLENGTH)
        if (w_h ~ /^badwords/) return w_o "<redacted>"
        sub(/^[^] \t]+/, "<redacted>", s)
    }
    return w_o s
""",  # noqa: E501
)

PROBES: tuple[Probe, ...] = (
    Read("/etc/pam.d/*", PAM),
    Read("/etc/security/faillock.conf", PAM),
    Read("/etc/security/pwquality.conf", PAM),
    Read("/etc/security/pwquality.conf.d/*.conf", PAM),
    MODULES,
)

_INCLUDE = re.compile(r"@include[ \t]+(\S+)")
_LINE = re.compile(
    r"(-?)(auth|account|password|session)[ \t]+(\[(?:[^\]\\]|\\.)*\]|[^\s\[]\S*)[ \t]+(\S+)(.*)", re.IGNORECASE
)
_ARGUMENT = re.compile(r"\[((?:[^\]\\]|\\.)*)\]|(\S+)")
_CONF = re.compile(r"([A-Za-z_]+)(?![^ \t=])[ \t=]*")
# libpwquality 1.4.5 reads the main file last, so that its word is final
_PWQUALITY = ("/etc/security/pwquality.conf.d/*.conf", "/etc/security/pwquality.conf")


def parse(capture: Capture) -> Fact[Pam]:
    """Absent where there is no /etc/pam.d."""
    services: dict[str, tuple[PamLine | Include, ...]] = {}
    unread: dict[str, Unknown] = {}
    for path, fact in capture.glob("/etc/pam.d/*"):
        name = path.rpartition("/")[2]
        match fact:
            case Known(record):
                services[name] = tuple(_entries(record.text, path))
            case Unknown() as unknown:
                unread[name] = unknown
            case _:
                pass
    if not services and not unread:
        return capture.blocked("/etc/pam.d/x") or ABSENT
    quality: dict[str, Conf] = {}
    for pattern in _PWQUALITY:
        for path, _ in capture.glob(pattern):
            quality |= {name.lower(): conf for name, conf in _settings(capture, path).items()}
    return Known(
        Pam(
            services=services,
            unread=unread,
            modules=modules(capture),
            faillock=_settings(capture, "/etc/security/faillock.conf"),
            pwquality=quality,
        )
    )


def _entries(text: str, path: str) -> Iterator[PamLine | Include]:
    for number, line in _logical(text):
        if include := _INCLUDE.match(line):
            yield Include(include[1].rpartition("/")[2])
        elif match := _LINE.match(line):
            kind, control = match[2].lower(), match[3]
            if control in {"include", "substack"}:
                yield Include(match[4].rpartition("/")[2], kind)
                continue
            arguments = tuple(a or b for a, b in _ARGUMENT.findall(match[5].partition(" #")[0]))
            yield PamLine(kind, control, match[4], arguments, path, number, silent=bool(match[1]))


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, those joined that end in a backslash, under the number of the first."""
    start, parts = 0, list[str]()
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if not parts:
            if not line or line[0] == "#":
                continue
            start = number
        if line.endswith("\\"):
            parts.append(line[:-1])
            continue
        yield start, " ".join([*parts, line])
        parts = []


def _settings(capture: Capture, path: str) -> dict[str, Conf]:
    found: dict[str, Conf] = {}
    match capture.read(path):
        case Known(text):
            for number, line in enumerate(text.split("\n"), 1):
                said = line.partition("#")[0].strip()
                match = _CONF.match(said)
                if match:
                    found[match[1]] = Conf(said[match.end() :], path, number)
        case _:
            pass
    return found
