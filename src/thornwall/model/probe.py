"""What is to be read of a host: files and commands, as data.

A subject in `thornwall.facts` lists its probes; `thornwall.collect` compiles those of every subject into one POSIX sh
script. The same script reads a live host and a mounted root (`live` commands are left out there).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from thornwall.model.record import record


@record
class Redaction:
    """How the lines of a file are cleansed of secrets on the device, before anything is sent.

    `awk` is the body of an awk function: it receives the line as `s` and must `return` the line that may be sent, and
    must give back exactly one line for each, so that line numbers stay true. `r_state` is a scratch variable that is
    empty at the first line of each file; `FILENAME` and `FNR` are as usual. It runs under mawk, gawk and busybox awk
    (no gensub, no \\y, no intervals `{n}`), and holds no single quote (write \\047).

    `strict`: it passes only what is known to be harmless, whatever the file holds. Only through such a filter is a
    symbolic link read that leads to a file which not everybody may read: its owner could make it lead to /etc/shadow.
    """

    name: str
    awk: str
    strict: bool = False


@record
class Read:
    """A file to read, or the files that match a glob (`*`, `?`, `[...]` as in sh, hidden files only by name).

    `pattern` is absolute, of plain characters (`A-Za-z0-9_./@:+,%~=-` and glob signs). Files larger than `limit` bytes
    are not sent (the fact turns Unknown). Everything goes through `redact`; what is not text does not belong here.
    """

    pattern: str
    redact: Redaction
    limit: int = 262_144


@record
class Run:
    """A command whose stdout, stderr and status are kept under `name`.

    `line` is one simple command: a program of the PATH with its arguments, written for sh (quoted where needed). With
    `shell=True` it is any sh text and runs in `sh -c`. It gets no stdin, `LC_ALL=C`, the current directory is the root
    of the audited system (`/`, or where a root is mounted), so relative paths (`./etc/passwd`) name the host's files.
    It is killed after `seconds`, which makes the fact Unknown; so does output beyond 8 MiB. `live`: it asks the running
    system, so it is left out for a mounted root. `root`: without root it says nothing, so it is not run. `beside`: it
    takes long and nothing waits for it, so it runs beside the others. `follows`: what it opens, or looks into, of a
    mounted root, as paths and globs like `./etc/passwd` or `./home/*`: it is not run there if one of them leads out
    through a link, to what is of the machine that mounted it.
    """

    name: str
    line: str
    seconds: int = 5
    shell: bool = False
    live: bool = True
    root: bool = False
    beside: bool = False
    follows: tuple[str, ...] = ()


Probe: TypeAlias = Read | Run


def skipped(probes: Iterable[Probe], *, live: bool, uid: int) -> dict[str, Literal["live", "root"]]:
    """The commands that are not run: `live` ones on a mounted root, `root` ones by an ordinary user."""
    reasons: dict[str, Literal["live", "root"]] = {}
    for probe in probes:
        if isinstance(probe, Run) and probe.live and not live:
            reasons[probe.name] = "live"
        elif isinstance(probe, Run) and probe.root and uid != 0:
            reasons[probe.name] = "root"
    return reasons
