"""What kept a change from being confirmed, while the device cannot be told: kept here for `status` and `history`.

$XDG_STATE_HOME/thornwall/unsaid.json, a table of hosts, each a table of changes. It is a help, and no record: where it
cannot be read or written, nothing fails.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from thornwall.apply.events import Change
from thornwall.jobs.store import key, state_folder
from thornwall.transport.text import printable

_MOST = 64 * 1024  # bytes
_TEXT = 1000  # characters of one reason


def keep(target: str, change: str, why: str) -> None:
    """Keep why `change` of the host `target` was not confirmed from here; forget it, where `why` is empty."""
    kept = _read()
    of_host = {number: told for number, told in kept.pop(key(target), {}).items() if number != change}
    if why:
        of_host[change] = why[:_TEXT]
    if of_host:
        kept[key(target)] = of_host
    with contextlib.suppress(OSError):
        _write(kept)


def told(target: str, changes: Iterable[Change]) -> tuple[Change, ...]:
    """The changes, with what is known here alone of why they were not confirmed."""
    kept = _read().get(key(target), {})
    return tuple(
        replace(change, unsaid=printable(kept[change.id], _TEXT))
        if change.id in kept and change.state in {"open", "undoing", "undone"}
        else change
        for change in changes
    )


def _path() -> Path:
    return state_folder() / "unsaid.json"


def _read() -> dict[str, dict[str, str]]:
    try:
        with _path().open("rb") as file:
            found = json.loads(file.read(_MOST))
    except (OSError, ValueError, RecursionError):
        return {}
    hosts = found.items() if isinstance(found, dict) else ()
    return {
        host: {number: why for number, why in changes.items() if isinstance(why, str)}
        for host, changes in hosts
        if isinstance(changes, dict)
    }


def _write(kept: dict[str, dict[str, str]]) -> None:
    path = _path()
    if not kept:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.touch(mode=0o600)
    new.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    new.replace(path)
