"""The grammar of sudoers(5): text to statements, includes followed. Whom they concern is `facts/sudo.py`'s matter."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from thornwall.model.fact import Fact, Known, Unknown
from thornwall.model.record import record
from thornwall.model.sudo import Default, Place

Item: TypeAlias = tuple[bool, str]  # (negated, text without its quotes and escapes)

MAX_FILES = 512  # sudo itself stops at 128 levels of includes


@record
class Command:
    """One command specification: tags and run-as already inherited along its list."""

    command: str
    negated: bool = False
    users: tuple[Item, ...] | None = None  # None: no run-as specification
    nopasswd: bool | None = None


@record
class Spec:
    """`users hosts = commands`, one for each part between colons."""

    users: tuple[Item, ...]
    hosts: tuple[Item, ...]
    commands: tuple[Command, ...]
    place: Place


@dataclass(slots=True)
class Statements:
    """Everything that the files say, in the order in which sudo reads it."""

    specs: list[Spec] = field(default_factory=list)
    defaults: list[Default] = field(default_factory=list)
    aliases: dict[str, dict[str, tuple[Item, ...]]] = field(
        default_factory=lambda: defaultdict(dict)
    )  # by kind: "User"
    files: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    unread: dict[str, Unknown] = field(default_factory=dict)
    bad: list[Place] = field(default_factory=list)


class _BadLineError(Exception):
    pass


_INCLUDE = re.compile(r"[ \t]*[#@]include(dir)?[ \t]+(?:\"([^\"]+)\"|((?:\\.|[^\s\\\"])+))[ \t]*(?:#.*)?")
_DEFAULTS = re.compile(r"Defaults(?![A-Za-z_])(?:([:@>!])[ \t]*)?")
_ALIAS = re.compile(r"(User|Runas|Host|Cmnd|Cmd)_Alias[ \t]+")
_ALIAS_NAME = re.compile(r"[ \t]*([A-Z][A-Z0-9_]*)[ \t]*=[ \t]*")
_BLANK = re.compile(r"[ \t]*")
_NOT = re.compile(r"(?:![ \t]*)*")
_QUOTED = r"\"(?:[^\"\\]|\\.)*\""
_ITEM = re.compile(
    rf"{_QUOTED}"
    r"|(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f.]*(?:/[0-9A-Fa-f:]+)?"
    r"|(?:%:)?(?:\\.|[^\s,:=!()\"\\])+"
)
_OPTION = re.compile(
    rf"(?:ROLE|TYPE|PRIVS|LIMITPRIVS|APPARMOR_PROFILE|CWD|CHROOT|TIMEOUT|NOTBEFORE|NOTAFTER)[ \t]*=[ \t]*"
    rf"(?:{_QUOTED}|(?:\\.|[^\s,:\\])+)[ \t]*"
)
_TAG = re.compile(r"(NO)?(PASSWD|EXEC|SETENV|LOG_INPUT|LOG_OUTPUT|MAIL|FOLLOW|INTERCEPT)[ \t]*:[ \t]*")
_DIGEST = re.compile(r"sha(?:224|256|384|512)[ \t]*:[ \t]*[0-9A-Za-z+/]+=*[ \t]*,?[ \t]*")
_NAME = re.compile(r"(?:ALL|[A-Z][A-Z0-9_]*|list)(?=[ \t]*(?:[,:=]|$))")
_REGEX = re.compile(r"\^(?:\\.|[^\\#\n])*?\$(?=[\s,:]|$)(?:[ \t]+\^(?:\\.|[^\\#\n])*?\$(?=[\s,:]|$))?")
_COMMAND = re.compile(rf"(?:{_QUOTED}|(?:sudoedit\b|/)(?:\\.|[^\s,:=#\\\"])*)(?:[ \t]+(?:{_QUOTED}|\\.|[^,:#\\\"])*)?")
_PARAMETER = re.compile(
    rf"((?:![ \t]*)*)([a-z_]+)(?:[ \t]*(\+=|-=|=)[ \t]*({_QUOTED}|(?:\\.|[^\s,\\\"])+|))?[ \t]*(?:,[ \t]*|$)"
)
_ESCAPE = re.compile(r"\\(.)")


def read(
    path: str,
    text: Fact[str],
    open_file: Callable[[str], Fact[str]],
    list_dir: Callable[[str], Fact[list[str]]],
    host: str,
) -> Statements:
    """The statements of `path` and of what it includes.

    `open_file` gives the text of a file, `list_dir` the paths of the files in a directory in the order of their names.
    `host`: the short host name, for `%h` in the name of an included file.
    """
    found = Statements()
    _file(found, path, text, _Reader(open_file, list_dir, host), 0)
    return found


@record
class _Reader:
    open_file: Callable[[str], Fact[str]]
    list_dir: Callable[[str], Fact[list[str]]]
    host: str


def _file(found: Statements, path: str, text: Fact[str], reader: _Reader, depth: int) -> None:
    match text:
        case Known(content) if depth < 64 and len(found.files) < MAX_FILES:
            found.files.append(path)
        case Unknown() as unknown:
            found.unread[path] = unknown
            return
        case Known():
            found.unread[path] = Unknown(f"{path} is included too deeply")
            return
        case _:
            return
    for number, line in logical_lines(content):
        place = Place(path, number, line.strip())
        include = _INCLUDE.fullmatch(line) if "include" in line else None
        if include:
            _include(found, include, place, reader, depth)
            continue
        statement = line.strip()
        if not statement:
            continue
        try:
            _statement(found, statement, place)
        except _BadLineError:
            found.bad.append(place)


def _include(found: Statements, include: re.Match[str], place: Place, reader: _Reader, depth: int) -> None:
    name = (include[2] or _ESCAPE.sub(r"\1", include[3])).replace("%h", reader.host)
    if not name.startswith("/"):
        name = place.file.rpartition("/")[0] + "/" + name
    if not include[1]:
        _file(found, name, reader.open_file(name), reader, depth + 1)
        return
    match reader.list_dir(name.rstrip("/")):
        case Known(paths):
            for path in paths:
                last = path.rpartition("/")[2]
                if "." in last or last.endswith("~"):
                    found.skipped.append(path)
                else:
                    _file(found, path, reader.open_file(path), reader, depth + 1)
        case Unknown() as unknown:
            found.unread[name] = unknown
        case _:
            pass


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without their comments, those that end in a backslash joined, under the number of the first.

    A comment is not continued. Lines that include another file come as they are.
    """
    start, parts = 0, list[str]()
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.rstrip("\r")
        if not parts:
            if not line or line.startswith(("# ", "##")) or line == "#":
                continue
            start = number
            if "include" in line and _INCLUDE.fullmatch(line):
                yield number, line
                continue
        line = _without_comment(line)
        if line.endswith("\\"):
            parts.append(line[:-1])
            continue
        yield start, "".join([*parts, line])
        parts = []
    if parts:
        yield start, "".join(parts)


def _without_comment(line: str) -> str:
    """A `#` begins a comment, unless it is quoted, escaped, or begins a user or group id."""
    if "#" not in line:
        return line
    quoted, at = False, 0
    while at < len(line):
        sign = line[at]
        if sign == "\\":
            at += 1
        elif sign == '"':
            quoted = not quoted
        elif sign == "#" and not quoted and not _ID.match(line, at):
            return line[:at]
        at += 1
    return line


_ID = re.compile(r"#-?[0-9]")


def _statement(found: Statements, line: str, place: Place) -> None:
    if match := _DEFAULTS.match(line):
        found.defaults.extend(_defaults(line, match, place))
    elif match := _ALIAS.match(line):
        kind = match[1].replace("Cmnd", "Cmd")
        found.aliases[kind].update(_aliases(line, match.end(), kind))
    else:
        found.specs.extend(_specs(line, place))


def _defaults(line: str, match: re.Match[str], place: Place) -> list[Default]:
    scope, at = match[1] or "", match.end()
    names: tuple[str, ...] = ()
    if scope == "!":
        items, at = _commands(line, at, arguments=False)
        names = tuple(item.command for item in items)
    elif scope:
        listed, at = _list(line, at)
        names = tuple("!" * negated + text for negated, text in listed)
    at = _skip(line, at)
    defaults = []
    while at < len(line):
        parameter = _PARAMETER.match(line, at)
        if not parameter or parameter.end() == at:
            raise _BadLineError
        nots, name, operator, value = parameter.groups()
        defaults.append(
            Default(name, place, _unquote(value or ""), nots.count("!") % 2 == 0, operator or "", scope, names)
        )
        at = parameter.end()
    return defaults


def _aliases(line: str, at: int, kind: str) -> dict[str, tuple[Item, ...]]:
    aliases: dict[str, tuple[Item, ...]] = {}
    while True:
        name = _ALIAS_NAME.match(line, at)
        if not name:
            raise _BadLineError
        if kind == "Cmd":
            commands, at = _commands(line, name.end())
            items = tuple((command.negated, command.command) for command in commands)
        else:
            items, at = _list(line, name.end())
        aliases[name[1]] = items
        at = _skip(line, at)
        if at == len(line):
            return aliases
        if line[at] != ":":
            raise _BadLineError
        at += 1


def _specs(line: str, place: Place) -> list[Spec]:
    users, at = _list(line, 0)
    specs = []
    while True:
        hosts, at = _list(line, at)
        if not line.startswith("=", at):
            raise _BadLineError
        commands, at = _commands(line, at + 1, tags=True)
        specs.append(Spec(users, hosts, tuple(commands), place))
        if at == len(line):
            return specs
        if line[at] != ":":
            raise _BadLineError
        at += 1


def _list(line: str, at: int) -> tuple[tuple[Item, ...], int]:
    """Items between commas, and where what follows them begins."""
    items = []
    while True:
        at = _skip(line, at)
        negated, at = _negation(line, at)
        item = _ITEM.match(line, at)
        if not item:
            raise _BadLineError
        items.append((negated, _unquote(item[0])))
        at = _skip(line, item.end())
        if not line.startswith(",", at):
            return tuple(items), at
        at += 1


def _commands(line: str, at: int, *, tags: bool = False, arguments: bool = True) -> tuple[list[Command], int]:
    """Command specifications between commas. `tags`: run-as, options and tags may stand before each."""
    commands: list[Command] = []
    users: tuple[Item, ...] | None = None
    nopasswd: bool | None = None
    while True:
        at = _skip(line, at)
        if tags:
            if line.startswith("(", at):
                users, at = _runas(line, at + 1)
            nopasswd, at = _tags(line, at, nopasswd)
        while digest := _DIGEST.match(line, at):
            at = digest.end()
        negated, at = _negation(line, at)
        command = (
            _NAME.match(line, at) or _REGEX.match(line, at) or _COMMAND.match(line, at)
            if arguments
            else _ITEM.match(line, at)
        )
        if not command:
            raise _BadLineError
        commands.append(Command(" ".join(_ESCAPE.sub(r"\1", command[0]).split()), negated, users, nopasswd))
        at = _skip(line, command.end())
        if not line.startswith(",", at):
            return commands, at
        at += 1


def _tags(line: str, at: int, nopasswd: bool | None) -> tuple[bool | None, int]:
    while tag := _TAG.match(line, at) or _OPTION.match(line, at):
        if tag.re is _TAG and tag[2] == "PASSWD":
            nopasswd = tag[1] == "NO"
        at = tag.end()
    return nopasswd, at


def _runas(line: str, at: int) -> tuple[tuple[Item, ...], int]:
    """The users of `(users : groups)`; groups give no other user."""
    at = _skip(line, at)
    users: tuple[Item, ...] = ()
    if line[at : at + 1] not in {":", ")"}:
        users, at = _list(line, at)
    if line.startswith(":", at):
        at = _skip(line, at + 1)
        if not line.startswith(")", at):
            _, at = _list(line, at)
    if not line.startswith(")", at):
        raise _BadLineError
    return users, _skip(line, at + 1)


def _negation(line: str, at: int) -> tuple[bool, int]:
    match = _NOT.match(line, at)
    return (match[0].count("!") % 2 == 1, match.end()) if match else (False, at)


def _skip(line: str, at: int) -> int:
    match = _BLANK.match(line, at)
    return match.end() if match else at


def _unquote(text: str) -> str:
    if len(text) > 1 and text[0] == '"' == text[-1]:
        text = text[1:-1]
    return _ESCAPE.sub(r"\1", text)


class Answer(Enum):
    """What a list says of somebody; MAYBE: a netgroup or an address, which the files alone do not decide."""

    ALLOW = 1
    DENY = 2
    SILENT = 3
    MAYBE = 4


def ask(
    items: tuple[Item, ...],
    aliases: Mapping[str, tuple[Item, ...]],
    matches: Callable[[str], bool | None],
    depth: int = 0,
) -> Answer:
    """The last item of a list that matches decides; `matches` answers for one item that is no alias, None: maybe."""
    maybe = False
    for negated, text in reversed(items):
        members = aliases.get(text) if depth < 8 else None
        if members is not None:
            answer = ask(members, aliases, matches, depth + 1)
        else:
            answer = {True: Answer.ALLOW, False: Answer.SILENT, None: Answer.MAYBE}[matches(text)]
        if answer is Answer.MAYBE:
            maybe = True
        elif answer is not Answer.SILENT:
            allowed = (answer is Answer.ALLOW) != negated
            return Answer.MAYBE if maybe else Answer.ALLOW if allowed else Answer.DENY
    return Answer.MAYBE if maybe else Answer.SILENT
