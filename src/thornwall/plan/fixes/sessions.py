"""Fixes of the rules about sessions: idle shells, the umask of shells, core dumps, the text before a login."""

from __future__ import annotations

import re
from collections.abc import Iterator

from thornwall.model.change import EditLine, OwnLine, Purpose, Wish, WriteFile
from thornwall.model.finding import Evidence, Finding
from thornwall.plan.fix import Fix, Situation, fix
from thornwall.plan.lines import edit, exact_lines, seen_lines

PROFILE = "/etc/profile.d/thornwall.sh"
IDLE = "/etc/profile.d/thornwall-idle.sh"
LIMITS = "/etc/security/limits.d/99-thornwall.conf"
DUMPS = "/etc/systemd/coredump.conf.d/99-thornwall.conf"
BASHRC = "/etc/bash.bashrc"
PATHS: tuple[str, ...] = (
    *("/etc/profile", "/etc/profile.d/*", BASHRC, "/etc/security/*.conf", "/etc/security/*.d/*"),
    *("/etc/systemd/*.conf", "/etc/systemd/*.conf.d/*", "/etc/issue", "/etc/issue.net"),
)

_NOTICE = (
    "Authorized users only. This is a private system: every access to it is logged,\n"
    "and may be monitored, recorded and reported.\n"
)


@fix(
    "shell-never-idles-out",
    step="idle-shells",
    purpose=Purpose.ACCOUNTS,
    title="End shells that wait at their prompt for a quarter of an hour",
)
def idle(situation: Situation, finding: Finding) -> Iterator[Wish]:
    """For bash alone, and once in a session: the variable cannot be set again."""
    seconds = situation.values.get("shell-never-idles-out", {}).get("seconds", 900)
    places = list(seen_lines(finding))
    for place in places:
        yield from _put(situation, place, r"TMOUT=\d+", f"TMOUT={seconds}")
    if not places:
        text = f'if [ -n "${{BASH_VERSION-}}" ] && [ -z "${{TMOUT-}}" ]; then\n    typeset -xr TMOUT={seconds}\nfi\n'
        yield WriteFile(IDLE, text.encode())


def _put(situation: Situation, place: Evidence, pattern: str, text: str) -> Iterator[EditLine]:
    return edit(situation, place.source, place.line, lambda line: re.sub(pattern, text, line))


@fix(
    "shell-umask-open",
    step="shell-umask",
    purpose=Purpose.ACCOUNTS,
    title="Keep new files of shells from other accounts",
)
def umask(situation: Situation, finding: Finding) -> Iterator[Wish]:
    """Lines that take too little away are changed; where there is none, one is added."""
    value = str(situation.values.get("shell-umask-open", {}).get("umask", "027"))
    places = list(seen_lines(finding))
    for place in places:
        yield from _put(situation, place, r"umask\s+[0-7]+", f"umask {value}")
    if not places and finding.subject == "login shells":
        yield OwnLine(PROFILE, "umask", f"umask {value}")
    elif not places and exact_lines(situation, BASHRC):
        yield EditLine(BASHRC, 0, "", f"umask {value}")


@fix(
    "core-dumps-kept",
    step="core-dumps",
    purpose=Purpose.KERNEL,
    title="Keep the memory of crashed programs off the disk",
)
def core_dumps(situation: Situation, finding: Finding) -> Iterator[Wish]:
    """A drop-in that comes last. What comes later still is changed where it stands."""
    own = LIMITS if finding.subject == "limits" else DUMPS
    for place in seen_lines(finding):
        if place.source.rpartition("/")[0] == own.rpartition("/")[0] and place.source > own:
            text = r"\g<1>0" if own == LIMITS or "ProcessSizeMax" in place.text else r"\g<1>none"
            yield from _put(situation, place, r"(=\s*|core\s+)\S+", text)
    if own == LIMITS:
        yield OwnLine(LIMITS, "* hard core", "* hard core 0")
        yield OwnLine(LIMITS, "root hard core", "root hard core 0")
    else:
        yield OwnLine(DUMPS, "Storage", "Storage=none", "Coredump")
        yield OwnLine(DUMPS, "ProcessSizeMax", "ProcessSizeMax=0", "Coredump")


@fix(
    "login-screen-tells-system",
    step="notices",
    purpose=Purpose.PERMISSIONS,
    title="Say before a login that the system is private, and no more",
)
def notice(_: Situation, finding: Finding) -> Iterator[Wish]:
    """At the console with the host's name and the terminal, as Debian has it."""
    more = "\n\\n \\l\n\n" if finding.subject == "/etc/issue" else ""
    yield WriteFile(finding.subject, (_NOTICE + more).encode())


FIXES: tuple[Fix, ...] = (idle, umask, core_dumps, notice)
