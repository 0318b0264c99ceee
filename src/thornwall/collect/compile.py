"""Probes to one POSIX sh script: one script in, one stream out (`thornwall.collect.stream` reads it)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from functools import lru_cache
from importlib import resources

from thornwall.model.probe import Probe, Read, Redaction, Run

_PATTERN = re.compile(r"/[A-Za-z0-9_./@:+,%~=*?\[\]!-]+")
_NAME = re.compile(r"[a-z][A-Za-z0-9-]*")
_GLOB = re.compile(r"[*?\[]")
_MARK = re.compile(r"@([a-z_]+)@")


def compile_script(
    probes: Iterable[Probe], *, nonce: str, root: str = "/", live: bool = True, password_seconds: float = 3
) -> str:
    """The script that reads a host.

    `nonce`: letters and digits that the host cannot guess; every line of ours in the stream begins with it. `root`:
    the directory to read; with `live=False` it is a mounted root, and commands that ask the running system are left
    out. `password_seconds`: CPU time for trying known default passwords, 0 to try none.
    """
    values = {"nonce": nonce, "root": shlex.quote(root), "password_seconds": f"{password_seconds:g}"}
    return "".join(values[part] if at % 2 else part for at, part in enumerate(_parts(tuple(probes), live=live)))


@lru_cache(8)
def _parts(probes: tuple[Probe, ...], *, live: bool) -> list[str]:
    """What is the same for every host that is asked the same; each second part is the name of a value of this one."""
    reads = [probe for probe in probes if isinstance(probe, Read)]
    runs = [probe for probe in probes if isinstance(probe, Run) and (live or not probe.live)]
    folder = resources.files("thornwall.collect")
    template = _MARK.split(folder.joinpath("script.sh").read_text())
    filled = {
        "live": "1" if live else "0",
        "choose": "\n".join(f"  {line}" for line in (*_directories(reads), *map(_want, reads))),
        "commands": "\n".join(f"  {_run(run, live=live)}" for run in sorted(runs, key=lambda run: not run.beside)),
        "strict": "|".join(_strict(reads)) or "-",
        "awk": shlex.quote(_awk(folder.joinpath("files.awk").read_text(), reads)),
    }
    parts = [""]
    for text, name in zip(template[::2], [*template[1::2], ""], strict=True):
        parts[-1] += text
        if name in filled:
            parts[-1] += filled[name]
        elif name:
            parts += [name, ""]
    return parts


def _fill(template: str, values: dict[str, str]) -> str:
    return _MARK.sub(lambda match: values[match[1]], template)


def _want(read: Read) -> str:
    if not _PATTERN.fullmatch(read.pattern):
        raise ValueError(f"not a pattern of plain characters: {read.pattern}")
    return f"want {read.redact.name} {read.limit} '.{read.pattern}'"


def _directories(reads: list[Read]) -> list[str]:
    """Every folder on the way to a pattern, once: `dir 1` where its names are listed, `dir 0` where it is entered."""
    found: dict[str, bool] = {}
    for read in reads:
        parts = read.pattern.strip("/").split("/")
        for depth in range(1, len(parts)):
            folder = "./" + "/".join(parts[:depth])
            found[folder] = found.get(folder, False) or bool(_GLOB.search(parts[depth]))
    return [
        f"dir {int(listed)} '{folder}'"
        for folder, listed in found.items()
        if not folder.startswith(("./proc", "./sys", "./usr"))
    ]


def _run(run: Run, *, live: bool) -> str:
    if not _NAME.fullmatch(run.name):
        raise ValueError(f"not a name for a command: {run.name}")
    line = f"run {run.name} {run.seconds} " + (f"sh -c {shlex.quote(run.line)}" if run.shell else run.line)
    if run.follows and not live:
        if not all(_PATTERN.fullmatch(path.removeprefix(".")) for path in run.follows):
            raise ValueError(f"not paths of plain characters: {run.follows}")
        line = f"if out {run.name} {' '.join(run.follows)}; then :; else {line}; fi"
    if run.beside:
        line = f"{{ {line}; }} &"
    return f'[ "$UID_" != 0 ] || {line}' if run.root else line


def _awk(template: str, reads: list[Read]) -> str:
    filters: dict[str, Redaction] = {read.redact.name: read.redact for read in reads}
    functions = "\n".join(f"function r_{name}(s, l, w) {{\n{filter_.awk}\n}}" for name, filter_ in filters.items())
    dispatch = "\n".join(f'  if (class == "{name}") return r_{name}(s)' for name in filters)
    return _fill(template, {"dispatch": dispatch, "strict": "|".join(_strict(reads)), "functions": functions})


def _strict(reads: list[Read]) -> list[str]:
    return sorted({read.redact.name for read in reads if read.redact.strict})
