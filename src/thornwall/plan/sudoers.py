"""sudoers(5) for fixes: where a line of ours has the last word, and lines without one of their parts.

sudo reads /etc/sudoers.d in the order of the names, and the last entry that matches decides.
"""

from __future__ import annotations

import re

from thornwall.model.fact import Known
from thornwall.model.sudo import Default, Place, Policy
from thornwall.plan.fix import Situation

FOLDER = "/etc/sudoers.d/"
DROP_IN = f"{FOLDER}zz-thornwall"
PATHS: tuple[str, ...] = ("/etc/sudoers", f"{FOLDER}*")
MODE = 0o440

_TAG = re.compile(r"\bNOPASSWD[ \t]*:[ \t]*")
_VALUE = r"(?:\"(?:[^\"\\]|\\.)*\"|(?:\\.|[^\s,\\\"])+|)"
_INCLUDES = re.compile(r"[ \t]*[#@]includedir[ \t]+\"?/etc/sudoers\.d/?\"?[ \t]*(?:#.*)?")


def reads_ours(situation: Situation) -> bool:
    """Whether sudo reads our drop-in at all."""
    match situation.capture.read("/etc/sudoers"):
        case Known(text):
            return any(_INCLUDES.fullmatch(line) for line in text.split("\n"))
        case _:
            return False


def overrules(situation: Situation, policy: Policy, place: Place) -> bool:
    """Whether sudo reads our drop-in after that line."""
    match situation.capture.read("/etc/sudoers"):
        case Known(text):
            included = [number for number, line in enumerate(text.split("\n"), 1) if _INCLUDES.fullmatch(line)]
        case _:
            return False
    if len(included) != 1:
        return False
    if place.file == "/etc/sudoers":
        return place.line < included[0]
    return place.file.startswith(FOLDER) and place.file in {file.path for file in policy.files} and place.file < DROP_IN


def without_nopasswd(line: str) -> str | None:
    """The line with its NOPASSWD tags taken out; None where it has none, or goes on in the next line."""
    if line.rstrip().endswith("\\") or "<redacted>" in line:
        return None
    plain = _TAG.sub("", line)
    return plain if plain != line else None


def without_parameter(line: str, name: str) -> str | None:
    """A Defaults line without one of its parameters; empty where nothing else stood there.

    None where the line is continued or the parameter cannot be told from the rest.
    """
    code, sharp, comment = line.partition(" #")
    head = re.match(r"[ \t]*Defaults(?:[:@>!][ \t]*\S+)?[ \t]+", code)
    if head is None or code.rstrip().endswith("\\"):
        return None
    parameter = re.compile(rf"(?:^|,)[ \t]*(?:![ \t]*)*{name}(?:[ \t]*[+-]?=[ \t]*{_VALUE})?[ \t]*(?=,|$)")
    rest, count = parameter.subn("", code[head.end() :].rstrip())
    if count != 1:
        return None
    rest = rest.strip(" \t,")
    return f"{head[0]}{rest}{sharp}{comment}" if rest else ""


def scoped(default: Default) -> str | None:
    """`Defaults`, `Defaults:pi`, as it begins a line of ours for the same; None for a list of commands."""
    if default.scope == "!" or any(not re.fullmatch(r"!?[A-Za-z0-9_.%#+-]+", name) for name in default.names):
        return None
    return f"Defaults{default.scope}{','.join(default.names)}"
