"""sshd_config(5) for fixes: where a line of ours wins, and what a wish would set.

sshd keeps the first value that it reads. Debian includes /etc/ssh/sshd_config.d/*.conf at the top of its file, so a
drop-in whose name sorts first wins; where it does not, the line that wins is edited.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from thornwall.model.change import Activate, EditLine, OwnLine, Wish, WriteFile
from thornwall.model.fact import Known
from thornwall.model.ssh import Setting, SshServer
from thornwall.plan.fix import Situation
from thornwall.plan.lines import exact_lines

MAIN = "/etc/ssh/sshd_config"
FOLDER = "/etc/ssh/sshd_config.d/"
DROP_IN = f"{FOLDER}00-thornwall.conf"
PATHS: tuple[str, ...] = (MAIN, f"{FOLDER}*")

_COMMAND_LINE = ("/etc/default/ssh", "/etc/sysconfig/sshd")
_LINE = re.compile(r'([ \t]*)"?([A-Za-z0-9]+)"?(?:[ \t]*=[ \t]*|[ \t]+)(\S.*?)[ \t\r]*')
_ALIASES = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "skeyauthentication": "kbdinteractiveauthentication",
    "pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A keyword as people write it, the value that it is to have, and which values are to be replaced."""

    keyword: str
    value: str
    wrong: Callable[[str], bool]


def server(situation: Situation) -> SshServer | None:
    """The server, if all of its configuration could be read."""
    match situation.facts.ssh:
        case Known(found) if found.gap is None:
            return found
        case _:
            return None


def settle(situation: Situation, *wanted: Wanted) -> tuple[Wish, ...]:
    """Make settings hold, in general and in the Match blocks that say otherwise; nothing where one cannot be.

    A block whose file may not be edited keeps its value: the finding about it stays for a person.
    """
    found = server(situation)
    if found is None:
        return ()
    wishes: list[Wish] = []
    for each in wanted:
        general = _general(situation, found, each)
        if general is None:
            return ()
        wishes += general
        blocks = found.matching_root if each.keyword == "PermitRootLogin" else found.matching
        for _, inner in blocks(each.keyword):
            if each.wrong(inner.value) and (edit := rewritten(situation, inner, each)):
                wishes.append(edit)
    return (*dict.fromkeys(wishes), *activate(situation)) if wishes else ()


def in_block(situation: Situation, path: str, number: int | None, keyword: str, value: str) -> tuple[Wish, ...]:
    """Set a keyword in the Match block that has the line: in its place, or as a line of its own behind it."""
    line = line_at(situation, path, number)
    said = parsed(line or "")
    if line is None or said is None or not number:
        return ()
    indent, name, _ = said
    new = f"{indent}{keyword} {value}"
    if name != keyword.lower():
        new = f"{line}\n{new}"
    return (EditLine(path, number, line, new), *activate(situation))


def activate(situation: Situation) -> tuple[Wish, ...]:
    """sshd reads its files again; nothing where it does not run, or is started for each connection.

    One that systemd listens for (`ssh.socket`) dies of a reload: it binds its addresses anew, and cannot. (Of a system
    at rest it is not known which will listen.)
    """
    match situation.facts.services:
        case Known(services):
            for name in ("ssh", "sshd"):
                unit = services.unit(f"{name}.service")
                if unit is not None and unit.active in {"", "active", "reloading", "activating"}:
                    anew = not situation.capture.live or services.active(f"{name}.socket")
                    return (Activate(unit.name, "restart" if anew else "reload"),)
        case _:
            pass
    return ()


def _general(situation: Situation, found: SshServer, wanted: Wanted) -> list[Wish] | None:
    """The wishes that make it hold outside Match blocks; None where nothing can."""
    holds = found.setting(wanted.keyword)
    if holds is None or holds.file in _COMMAND_LINE:
        return None
    if holds.command and any(line.name == holds.name for line in found.lines):
        return None  # sshd says another thing than its files
    if not wanted.wrong(holds.value):
        return []
    place = _included_at(situation)
    if holds.file and holds.file != DROP_IN and place and _comes_first(situation, holds, place):
        edit = rewritten(situation, holds, wanted)
        return [edit] if edit else None
    own = OwnLine(DROP_IN, wanted.keyword, f"{wanted.keyword} {wanted.value}")
    if place:
        return [own]
    first = line_at(situation, MAIN, 1)
    if first is None:
        return None
    # our file alone: what else lies in the folder was never in force
    return [EditLine(MAIN, 1, first, f"Include {DROP_IN}\n{first}"), own]


def _included_at(situation: Situation) -> int:
    """The line of the main file that includes our drop-in, outside Match blocks; 0 for none."""
    for number, pattern in _includes(situation):
        if fnmatch.fnmatchcase(DROP_IN, pattern):
            return number
    return 0


def _includes(situation: Situation) -> Iterator[tuple[int, str]]:
    match situation.capture.read(MAIN):
        case Known(text):
            pass
        case _:
            return
    for number, line in enumerate(text.split("\n"), 1):
        said = parsed(line)
        if said is None:
            continue
        _, name, value = said
        if name == "match":
            return
        if name == "include":
            for pattern in value.split():
                yield number, posixpath.join("/etc/ssh", pattern.strip("\"'"))


def _comes_first(situation: Situation, holds: Setting, place: int) -> bool:
    """Whether sshd reads the setting before our drop-in."""
    if holds.file == MAIN:
        return holds.line < place
    if posixpath.dirname(holds.file) == FOLDER.rstrip("/"):
        return holds.file < DROP_IN
    return any(number < place for number, _ in _includes(situation))


def line_at(situation: Situation, path: str, number: int | None) -> str | None:
    """The line as it stands, counted from 1; None where that is not proven."""
    lines = exact_lines(situation, path)
    return lines[number - 1] if number and number <= len(lines) else None


def rewritten(situation: Situation, setting: Setting, wanted: Wanted) -> EditLine | None:
    """The line of a setting with the wanted value."""
    line = line_at(situation, setting.file, setting.line)
    said = parsed(line or "")
    if line is None or said is None or said[1] != wanted.keyword.lower():
        return None
    return EditLine(setting.file, setting.line, line, f"{said[0]}{wanted.keyword} {wanted.value}")


def parsed(line: str) -> tuple[str, str, str] | None:
    """Indent, keyword (lower case, old names resolved) and the rest of a line; None for none."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    name = found[2].lower()
    return found[1], _ALIASES.get(name, name), found[3]


def would_set(wish: Wish) -> Iterator[tuple[str, str]]:
    """Keyword and value of each line of sshd_config that a wish would write."""
    match wish:
        case OwnLine(path=path, line=text) | EditLine(path=path, new=str(text)):
            pass
        case WriteFile(path=path, content=content):
            text = content.decode("utf-8", "replace")
        case _:
            return
    if path != MAIN and not path.startswith(FOLDER):
        return
    before = {parsed(line) for line in wish.old.split("\n")} if isinstance(wish, EditLine) else set()
    for line in text.split("\n"):
        said = parsed(line)
        if said is not None and said not in before:
            yield said[1], said[2].strip("\"'")
