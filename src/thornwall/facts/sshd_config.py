"""sshd_config(5) as sshd reads it: Include where it stands, the first value wins (but see LAST), Match blocks apart."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from thornwall.model.capture import SUDO, Capture
from thornwall.model.fact import Absent, Known, Unknown
from thornwall.model.ssh import Match, Setting

MAIN = "/etc/ssh/sshd_config"
DEPTH = 16  # as sshd has it
FILES = 256  # files that include each other multiply

LAST = frozenset({"maxstartups"})
"""Keywords whose last value wins (by `sshd -T` of OpenSSH 9.2 and 10.0)."""

ACCUMULATE = frozenset(
    {"port", "listenaddress", "allowusers", "denyusers", "allowgroups", "denygroups", "hostkey", "hostcertificate"}
    | {"acceptenv", "setenv"}
)
ALIASES = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "skeyauthentication": "kbdinteractiveauthentication",
    "dsaauthentication": "pubkeyauthentication",
    "hostdsakey": "hostkey",
    "pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms",
    "hostbasedacceptedkeytypes": "hostbasedacceptedalgorithms",
    "keepalive": "tcpkeepalive",
}
_TIMES = frozenset({"logingracetime", "clientaliveinterval"})
_CASED = frozenset({"loglevel", "syslogfacility"})
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

_KEYWORD = re.compile(r'[ \t]*([^ \t="]+)[ \t]*=?[ \t]*(.*)', re.DOTALL)
_TIME = re.compile(r"(\d{1,9})([smhdw]?)", re.IGNORECASE)
_PIECE = re.compile(
    r"""(?P<blank>[ \t]+)|(?P<bare>[^ \t"'\\]+)|\\(?P<escaped>["'\\ ]|(?=.)|\Z)"""
    r"""|"(?P<double>(?:[^"\\]|\\.)*)"?|'(?P<single>(?:[^'\\]|\\.)*)'?""",
    re.DOTALL,
)
_ESCAPED = re.compile(r"""\\(["'\\])""")
_PLAIN = re.compile(r'[^"\'\\#]*\Z')


@dataclass(slots=True)
class Reading:
    """What reading the files in sshd's order gave."""

    lines: list[Setting] = field(default_factory=list)
    matches: list[Match] = field(default_factory=list)
    gap: Unknown | None = None
    before_gap: int = -1  # how many of `lines` are certain; -1: all
    files: int = 0

    def missed(self, why: Unknown) -> None:
        """A file could not be read: what follows it is uncertain, as the first value wins."""
        if self.gap is None:
            self.gap, self.before_gap = why, len(self.lines)

    @property
    def certain(self) -> list[Setting]:
        """The lines that nothing unread can override."""
        return self.lines if self.before_gap < 0 else self.lines[: self.before_gap]


@dataclass(slots=True)
class _Block:
    criteria: str
    file: str
    line: int
    settings: dict[str, Setting] = field(default_factory=dict)


def read(capture: Capture, path: str = MAIN) -> Reading:
    """Read `path` and what it includes. What is missing is skipped, as sshd does."""
    reading = Reading()
    _read(capture, path, None, reading, 0)
    return reading


def normal(name: str, value: str) -> str:
    """The value as `sshd -T` prints it, where that is plain."""
    low = value.lower()
    if name == "permitrootlogin" and low == "without-password":
        return "prohibit-password"
    if name in _TIMES:
        return seconds(value)
    if name in _CASED:
        return "QUIET" if low == "silent" else value.upper()
    if low in {"yes", "true"}:
        return "yes"
    if low in {"no", "false"}:
        return "no"
    return low if name in {"permitrootlogin", "allowtcpforwarding", "permittunnel"} else value


def seconds(value: str) -> str:
    """`2m30s` as `150`; what is no time is given back as it is."""
    parts = _TIME.findall(value)
    if not parts or "".join(number + unit for number, unit in parts) != value:
        return value
    return str(sum(int(number) * _UNITS[unit.lower()] for number, unit in parts))


def split(line: str) -> tuple[str, list[str]]:
    """One line as keyword (lower case, aliases resolved) and its arguments; an empty keyword for none."""
    line = line.rstrip(" \t\r\n\f")
    found = _KEYWORD.match(line)
    if found is None or found[1].startswith("#"):
        return "", []
    keyword = found[1].lower()
    return ALIASES.get(keyword, keyword), words(found[2])


def words(text: str) -> list[str]:
    """Arguments as sshd splits them: quotes of both kinds, backslash before either, `#` begins a comment."""
    if _PLAIN.match(text):
        return text.split()
    result: list[str] = []
    word: str | None = None
    for piece in _PIECE.finditer(text):
        if piece["blank"]:
            if word is not None:
                result.append(word)
            word = None
        elif piece["bare"] and word is None and piece[0].startswith("#"):
            break
        else:
            quoted = _ESCAPED.sub(r"\1", piece["double"] or piece["single"] or "")
            lone = "\\" if piece["escaped"] == "" else ""
            word = (word or "") + (piece["bare"] or piece["escaped"] or lone or quoted)
    if word is not None:
        result.append(word)
    return result


def _read(capture: Capture, path: str, outer: _Block | None, reading: Reading, depth: int) -> None:
    reading.files += 1
    if depth > DEPTH or reading.files > FILES:
        reading.missed(Unknown(f"{path}: too many files include each other"))
        return
    match capture.record(path):
        case Known(record):
            text = record.text
        case Absent():
            return
        case why:
            reading.missed(why)
            return
    block = outer
    for number, line in enumerate(text.split("\n"), 1):
        keyword, arguments = split(line)
        if not keyword or not arguments:
            continue
        if keyword == "include":
            for pattern in arguments:
                for name in _included(capture, pattern, reading):
                    _read(capture, name, block, reading, depth + 1)
        elif keyword == "match":
            block = _opened(_block(arguments, path, number, outer), reading)
        else:
            if block is not None and reading.matches[-1].settings is not block.settings:
                # a file that was included in its midst had blocks of its own, and comes before what follows
                block = _opened(_Block(block.criteria, block.file, block.line), reading)
            _keep(Setting(keyword, normal(keyword, " ".join(arguments)), path, number), block, reading)


def _keep(setting: Setting, block: _Block | None, reading: Reading) -> None:
    if block is None:
        reading.lines.append(setting)
    else:
        block.settings.setdefault(setting.name, setting)


def _opened(block: _Block, reading: Reading) -> _Block:
    reading.matches.append(Match(block.criteria, block.file, block.line, block.settings))
    return block


def _block(arguments: list[str], path: str, line: int, outer: _Block | None) -> _Block:
    criteria = " ".join(arguments)
    if outer is not None:  # a file that is included inside a Match block narrows it
        criteria = outer.criteria if criteria.lower() == "all" else f"{outer.criteria} {criteria}"
    return _Block(criteria, path, line)


def _included(capture: Capture, pattern: str, reading: Reading) -> Iterator[str]:
    if pattern.startswith("~"):
        reading.missed(Unknown(f"Include {pattern}: sshd reads it from a home directory", SUDO))
        return
    path = posixpath.normpath(posixpath.join("/etc/ssh", pattern))
    if not any(sign in path for sign in "*?["):
        yield path
        return
    if not _asked(capture, path):
        reading.missed(Unknown(f"{path} was not asked for, and sshd_config includes it"))
        return
    unsearchable = capture.blocked(path)
    if unsearchable is not None:
        reading.missed(unsearchable)
        return
    for name, _ in capture.glob(path):
        yield name


def _asked(capture: Capture, pattern: str) -> bool:
    everything = posixpath.join(posixpath.dirname(pattern), "*")
    return any(read in {pattern, everything} for read in capture.manifest.reads)
