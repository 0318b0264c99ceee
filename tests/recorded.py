"""What real hardenings did to hosts: captures of before, after and undone, and the steps of which a model cannot know.

`python -m tests.lab.laws_captures` records them; `tests/unit/plan/test_laws_recorded.py` has the laws. One archive
holds all captures, for they are much alike: a tenth of what they would take by themselves. To have one as the program
reads it: `tar xf tests/hosts/laws-trixie.tar.xz main/before.tar && gzip main/before.tar`.
"""

from __future__ import annotations

import gzip
import io
import json
import shlex
import tarfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from thornwall.collect.archive import pack, unpack
from thornwall.model.capture import Capture
from thornwall.model.change import (
    AccountDo,
    Chmod,
    DropFile,
    Operation,
    Packages,
    PutFile,
    PutLink,
    SysctlDo,
    Tool,
    UnitDo,
    sha256,
)
from thornwall.model.plan import Step

RELEASE = "trixie"
HOSTS = Path(__file__).parent / "hosts"
ARCHIVE = HOSTS / f"laws-{RELEASE}.tar.xz"
TABLE = HOSTS / "laws.json"
WHEN = ("before", "after", "undone")
_LISTENS = "who holds the socket is told by the answer of a command, which no file changes"
BEYOND = {
    "database-open-to-network": _LISTENS,
    "llmnr-listening": _LISTENS,
    "backup-open-to-others": "its list of files is a command's of its own",
    "password-hash-in-passwd": "passwd's own field is chpasswd's to write",
    "rpcbind-listening": _LISTENS,
    "rsh-listening": _LISTENS,
    "small-services-listening": _LISTENS,
}
"""What a host in memory cannot show although no tool does it, so that it is recorded: rule -> why."""


def table() -> dict[str, dict[str, Any]]:
    """By trial: what the owner wished, and the steps that were done, of those that `steps` takes."""
    found: dict[str, dict[str, Any]] = json.loads(TABLE.read_text()) if TABLE.exists() else {}
    return found


def capture(trial: str, when: str) -> Capture:
    """What was captured then."""
    return unpack(gzip.compress(_archived()[f"{trial}/{when}.tar"], 0), f"{trial} {when}")


@cache
def _archived() -> Mapping[str, bytes]:
    if not ARCHIVE.exists():
        return {}
    with tarfile.open(ARCHIVE) as tar:
        return {each.name: file.read() for each in tar if (file := tar.extractfile(each)) is not None}


def keep(trial: str, captures: Mapping[str, Capture], wished: Mapping[str, Any], done: Iterable[Step]) -> None:
    """In place of what was there of that trial."""
    files = {name: data for name, data in _archived().items() if name.partition("/")[0] != trial}
    files |= {f"{trial}/{when}.tar": gzip.decompress(pack(each)) for when, each in captures.items()}
    HOSTS.mkdir(exist_ok=True)
    with tarfile.open(ARCHIVE, "w:xz") as tar:
        for name, data in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    _archived.cache_clear()
    TABLE.write_text(json.dumps(table() | {trial: {**wished, "steps": steps(done)}}, indent=1, sort_keys=True) + "\n")


def elsewhere(step: Step) -> bool:
    """Whether a tool does it, whose effects no model in memory has."""
    enabling = any(isinstance(each, UnitDo) and each.action == "enable" for each in step.operations)
    return enabling or any(isinstance(each, Tool | Packages) for each in step.operations)


def steps(made: Iterable[Step]) -> dict[str, dict[str, Any]]:
    """Those of them of which a model does not know what they come to, by id: what they mend, and what they do."""
    return {
        step.id: {
            "mends": sorted(f"{mend.rule} {mend.subject}" for mend in step.mends),
            "operations": [line for each in step.operations for line in _told(each)],
        }
        for step in made
        if elsewhere(step) or any(mend.rule in BEYOND for mend in step.mends)
    }


def _told(operation: Operation) -> list[str]:  # noqa: PLR0911 - one for each kind of operation
    """An operation in words that no other deed has."""
    match operation:
        case Tool():
            undo = [("undo", *words) for words in (*operation.undo_before, *operation.undo_after)]
            return [f"{operation.name}: {shlex.join(words)}" for words in (*operation.run, *undo)]
        case Packages():
            words = [f"install {' '.join(operation.install)}"] * bool(operation.install)
            words += [f"remove {' '.join(operation.remove)}"] * bool(operation.remove)
            words += ["upgrade"] * operation.upgrade + ["refresh"] * operation.refresh
            return [f"packages: {each}" for each in words]
        case UnitDo():
            return [f"{operation.action} {' '.join(operation.units)}"]
        case PutFile():
            return [f"put {operation.path} {operation.mode:o} {sha256(operation.content)[:12]}"]
        case PutLink():
            return [f"link {operation.path} {operation.target}"]
        case DropFile():
            return [f"drop {operation.path}"]
        case Chmod():
            return [f"chmod {operation.path} {operation.mode or 0:o} {operation.user}:{operation.group}"]
        case SysctlDo():
            return [f"sysctl {operation.key}={operation.value}"]
        case AccountDo():
            return [f"account {operation.user} {operation.field} {operation.value}"]
