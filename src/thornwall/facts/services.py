"""Units: what starts at boot, and what runs.

What starts at boot is told by links, so the answer is the same for a running host and for a mounted root: links into
`*.wants` and `*.requires` of the administrator (/etc) and of the distribution (/usr/lib), aliases, and masks. Only the
running state is asked of systemctl.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from thornwall.facts.redact import PLAIN, TEXT
from thornwall.facts.redact_commands import WORDS
from thornwall.model.capture import Capture
from thornwall.model.fact import Fact, Known, Unknown
from thornwall.model.probe import Probe, Read, Redaction, Run
from thornwall.model.services import InetdEntry, Services, Setting, Unit

UNIT = Redaction(
    "unit",
    r"""
    if (s ~ /^[ \t]*[#;]/) return "#"
    # a line that goes on belongs to the setting before it
    if (r_state == "Exec" || r_state == "hidden") {
        w_k = r_state
        if (s !~ /\\$/) r_state = ""
        if (w_k == "hidden") return "<redacted>"
        w_h = ""
        w_c = 0
    }
    # environments, credentials and what a program is given to read hold whatever the owner put there
    else if (match(s, /^[ \t]*(Environment|PassEnvironment|(Set|Import)Credential(Encrypted)?|StandardInput(Text|Data)|X-[A-Za-z-]*)[ \t]*=/)) {
        if (s ~ /\\$/) r_state = "hidden"
        return substr(s, 1, RLENGTH) "<redacted>"
    }
    else if (match(s, /^[ \t]*Exec[A-Za-z]*[ \t]*=[ \t]*[-@:+!|]*/)) {
        if (s ~ /\\$/) r_state = "Exec"
        w_k = "Exec"
        w_h = substr(s, 1, RLENGTH)
        s = substr(s, RLENGTH + 1)
        w_c = 1
    }
    else w_k = ""
    if (w_k == "Exec") {
"""  # noqa: E501
    + WORDS
    + r"""
        return w_h w_o
    }
"""
    + TEXT.awk,
)
"""Unit files: settings as TEXT, commands word by word, and no environment."""

_SUFFIXES = ("service", "socket", "path", "timer")
_OWN = ("/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system")
_VENDOR = "/usr/lib/systemd/system"

PROBES: tuple[Probe, ...] = (
    *(Read(f"{folder}/*.{suffix}", UNIT, 65_536) for folder in _OWN for suffix in _SUFFIXES),
    *(Read(f"{folder}/*.{kind}/*", UNIT, 65_536) for folder in _OWN for kind in ("wants", "requires", "upholds")),
    *(Read(f"{folder}/*.d/*.conf", UNIT, 65_536) for folder in _OWN),
    Read("/etc/systemd/system/default.target", PLAIN),
    Read("/etc/systemd/system/*.target", PLAIN),
    Read(f"{_VENDOR}/*.socket", UNIT, 16_384),
    Read("/etc/inetd.conf", TEXT),
    Read("/etc/inetd.d/*", TEXT),
    Read("/etc/xinetd.d/*", TEXT),
    Run("units", "systemctl list-units --all --no-legend --plain --no-pager"),
)

_ROOTS = frozenset({"/etc", "/run", "/usr/lib", "/usr/local/lib", "/lib"})
_HOW = frozenset({"wants", "requires", "upholds", "d"})
_TYPES = frozenset({"service", "socket", "path", "timer", "target", "mount", "automount", "swap", "slice", "scope"})
_COMMENT = ("", "#", ";")  # how a line begins that says nothing
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_SYSV = re.compile(r"/etc/rc[2-5]\.d/S\d\d([^/]+)")
_STARTS = re.compile(r"/(?:etc|run)/systemd/system/[^/]+\.(?:wants|requires|upholds)/[^/]+\Z")
_PRECEDENCE = {"etc": 0, "run": 1, "local": 2}


@dataclass(slots=True)
class _Seen:
    """What the files said so far."""

    fragments: dict[str, str] = field(default_factory=dict)  # unit -> path of its file, nearest place first
    masked: dict[str, str] = field(default_factory=dict)
    links: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # unit -> links that start it
    aliases: dict[str, str] = field(default_factory=dict)
    linked: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # unit -> alias links in /etc
    drop_ins: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    hints: dict[str, str] = field(default_factory=dict)  # unit -> where a link says that its file is
    sysv: dict[str, str] = field(default_factory=dict)
    default_target: str = ""


def parse(capture: Capture) -> Fact[Services]:
    """Known: what no link starts is not started, and live states are empty where nobody asked.

    Unknown of a folder that is no whole root: what starts at boot is told by units of packages as well.
    """
    seen = _Seen()
    walked = _walked(capture)
    for path, target in (*_records(capture), *walked):
        folder, _, name = path.rpartition("/")
        if target or folder != _VENDOR:
            _place(seen, path, target)
        elif name.rpartition(".")[2] in _TYPES:  # most are such: a file of the distribution's, the last to count
            seen.fragments.setdefault(name, path)
    vendors = any(path.startswith((_VENDOR, "/lib/systemd")) for path in seen.fragments.values())
    if not capture.live and not vendors and not seen.sysv:
        return Unknown("no unit of a package was seen: what starts at boot is not known", "audit the whole root")
    live = _live(capture)
    listed = bool(walked)
    names = {*seen.fragments, *seen.masked, *seen.links, *seen.linked, *live, *seen.sysv}
    moved = seen.links.keys() | seen.linked.keys() | seen.masked.keys()
    units: dict[str, Unit] = {}
    for name in sorted(names):
        path, active = seen.fragments.get(name, ""), live.get(name, "")
        if name not in moved and path.startswith(_VENDOR):
            units[name] = Unit(name, path, "disabled", (), active)  # most are such; what they would do nobody asks
        else:
            units[name] = _unit(capture, seen, name, active, listed)
    return Known(
        Services(
            units=units,
            aliases=seen.aliases,
            inetd=tuple(_inetd(capture)),
            default_target=seen.default_target,
            listed=listed,
            live=isinstance(capture.stdout("units"), Known),
        )
    )


def started_by(capture: Capture, name: str) -> str:
    """The link that starts this unit at boot; empty if none does or it is masked. For facts that need just one."""
    mask = capture.files.get(f"/etc/systemd/system/{name}")
    if mask is not None and (mask.target == "/dev/null" or mask.content == b""):
        return ""
    return next((path for path in capture.files if path.endswith(f"/{name}") and _STARTS.match(path)), "")


def _records(capture: Capture) -> Iterator[tuple[str, str]]:
    """Unit files and links that were read: path, and link target (empty for a file; `/dev/null` if it is empty)."""
    for path, record in capture.files.items():
        if "/systemd/system/" in path:
            empty = record.state == "read" and not record.target and not (record.content or b"").strip()
            yield path, "/dev/null" if empty else record.target


def _walked(capture: Capture) -> list[tuple[str, str]]:
    """The same from the walk of the file system, which also has what is not read."""
    result = capture.commands.get("walk")
    return [
        (path, target)
        for entry in (result.text.split("\0") if result else ())
        if ("/systemd/system/" in entry or "/etc/rc" in entry) and entry[0] in "fl"
        for path, _, target in [entry[entry.index("/") :].partition("\t")]
    ]


def _place(seen: _Seen, path: str, target: str) -> None:
    """A path below one of the unit folders: `<unit>`, `<unit>.wants/<unit>` or `<unit>.d/<name>.conf`."""
    if path.startswith("/etc/rc"):
        if found := _SYSV.fullmatch(path):
            seen.sysv.setdefault(f"{found[1]}.service", path)
        return
    root, _, rest = path.partition("/systemd/system/")
    folder, _, name = rest.rpartition("/")
    by, _, how = folder.rpartition(".")
    if root not in _ROOTS or (folder and (how not in _HOW or "/" in by)):
        return
    if how == "d":
        if name.endswith(".conf") and path not in seen.drop_ins[by]:
            seen.drop_ins[by].append(path)
    elif name.rpartition(".")[2] in _TYPES:
        if folder:
            _link(seen, path, name, target)
        else:
            _file(seen, path, name, target)


def _link(seen: _Seen, path: str, name: str, target: str) -> None:
    if path not in seen.links[name]:
        seen.links[name].append(path)
    if target.startswith("/"):
        seen.hints.setdefault(name, f"/usr{target}" if target.startswith("/lib/") else target)


def _file(seen: _Seen, path: str, name: str, target: str) -> None:
    if target == "/dev/null":
        if not path.startswith(("/usr/", "/lib/")) or name not in seen.fragments:
            seen.masked[name] = path
    elif target and name == "default.target":
        seen.default_target = seen.default_target or posixpath.basename(target)
    elif target and (unit := target.rpartition("/")[2]) != name:
        _alias(seen, path, name, unit)
    else:
        _fragment(seen, name, path)


def _alias(seen: _Seen, path: str, name: str, target: str) -> None:
    if name.endswith(target[target.find("@") :]) and "@" in target:  # foo@x.service -> foo@.service
        _fragment(seen, name, path)
        return
    seen.aliases.setdefault(name, target)
    if path.startswith("/etc/") and path not in seen.linked[target]:
        seen.linked[target].append(path)


def _fragment(seen: _Seen, name: str, path: str) -> None:
    path = f"/usr{path}" if path.startswith("/lib/") else path
    have = seen.fragments.get(name)
    if have is None or _rank(path) < _rank(have):
        seen.fragments[name] = path


def _rank(path: str) -> int:
    """How near a place is: /etc before /run before /usr/local before the distribution's."""
    return _PRECEDENCE.get(path.split("/", 3)[2 if path.startswith("/usr/local") else 1], 3)


def _unit(capture: Capture, seen: _Seen, name: str, active: str, listed: bool) -> Unit:
    path = seen.fragments.get(name, "")
    template = re.sub(r"@[^@]*\.", "@.", name) if "@" in name else name
    path = path or seen.fragments.get(template, "")
    links = [*seen.links.get(name, ()), *seen.linked.get(name, ())]
    if len(links) > 1:
        links.sort(key=_rank)
    if name in seen.masked:
        return Unit(name, seen.masked[name], "masked", (), active)
    if not path and name in seen.sysv:
        path, links = f"/etc/init.d/{name.removesuffix('.service')}", [seen.sysv[name]]
    if links and listed and not path and name not in seen.aliases:
        return Unit(name, "", "missing", tuple(links), active)
    path = path or seen.hints.get(name, "")
    state = "disabled"
    if links:
        state = "enabled" if any(link.startswith("/etc/") for link in links) else "static"
    return Unit(name, path, state, tuple(links), active, tuple(_settings(capture, seen, name, template, path)))


def _settings(capture: Capture, seen: _Seen, name: str, template: str, path: str) -> Iterator[Setting]:
    if path:
        yield from _parsed(capture, path)
    drop_ins = {*seen.drop_ins.get(name, ()), *seen.drop_ins.get(template, ())}
    if not drop_ins:
        return
    nearest: dict[str, str] = {}  # of two drop-ins of one name the nearer counts
    for each in sorted(drop_ins, key=_rank, reverse=True):
        nearest[posixpath.basename(each)] = each
    for _, each in sorted(nearest.items()):
        yield from _parsed(capture, each)


def _parsed(capture: Capture, path: str) -> Iterable[Setting]:
    record = capture.files.get(path)
    return settings(path, record.text) if record is not None and record.content is not None else ()


def settings(path: str, text: str) -> Iterator[Setting]:
    """The assignments of a unit file: comments and blank lines left out, continued lines joined."""
    section, begun, value = "", 0, ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line[:1] in _COMMENT and (line or not begun):
            continue
        if not begun:
            if line[0] == "[":
                section = line.strip("[]")
                continue
            begun = number
        if raw[-1:] == "\\":
            value += raw[:-1] + " "
            continue
        key, equals, given = (value + raw).partition("=")
        if equals and _KEY.fullmatch(key := key.strip()):
            yield Setting(section, key, given.strip(), path, begun)
        begun, value = 0, ""


def _live(capture: Capture) -> dict[str, str]:
    """Unit -> active state, as systemctl has it."""
    match capture.stdout("units"):
        case Known(text):
            rows = (line.split(None, 4) for line in text.splitlines())
            return {row[0]: row[2] for row in rows if len(row) >= 4 and "." in row[0] and row[1] != "not-found"}
        case _:
            return {}


def _inetd(capture: Capture) -> Iterator[InetdEntry]:
    for path in ("/etc/inetd.conf", *sorted(p for p in capture.files if p.startswith("/etc/inetd.d/"))):
        match capture.read(path):
            case Known(text):
                yield from _inetd_conf(path, text.splitlines())
            case _:
                continue
    for path in sorted(p for p in capture.files if p.startswith("/etc/xinetd.d/")):
        match capture.read(path):
            case Known(text):
                yield from _xinetd(path, text.splitlines())
            case _:
                continue


def _inetd_conf(path: str, lines: Iterable[str]) -> Iterator[InetdEntry]:
    for number, line in enumerate(lines, 1):
        words = line.split()
        if len(words) < 6 or line.startswith("#"):
            continue
        # behind tcpd the real server is the first argument
        server = words[6] if len(words) > 6 and posixpath.basename(words[5]) == "tcpd" else words[5]
        name = words[0].rpartition(":")[2]
        yield InetdEntry(name, words[2], words[4], server, path, number, line)


def _xinetd(path: str, lines: Iterable[str]) -> Iterator[InetdEntry]:
    name, begun, values = "", 0, dict[str, str]()
    text = ""
    for number, line in enumerate(lines, 1):
        words = line.split()
        if words[:1] == ["service"] and len(words) > 1:
            name, begun, values, text = words[1], number, {}, line
        elif words[:1] == ["}"] and name:
            if values.get("disable", "no") != "yes":
                protocol = values.get("protocol", "tcp")
                yield InetdEntry(name, protocol, values.get("user", ""), values.get("server", ""), path, begun, text)
            name = ""
        elif len(words) >= 3 and words[1] in {"=", "+="}:
            values[words[0]] = words[2]
