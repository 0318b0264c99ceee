"""What this machine alone knows of a change: that it waits, until when, and why it was not confirmed.

$XDG_STATE_HOME/thornwall/unsaid.json, a table of hosts, each a table of changes. It is a help, and no record: where it
cannot be read or written, nothing fails.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from thornwall.apply.events import Change
from thornwall.jobs.store import key, state_folder
from thornwall.transport.text import printable

REBOOT = 180.0
"""Seconds that a host may need to start again, if it has to."""
_MOST = 64 * 1024  # bytes
_TEXT = 1000  # characters of one reason


@dataclass(frozen=True, slots=True)
class Known:
    """`until`: when the device takes it back, in seconds since 1970 by this machine's clock; 0: it does not."""

    why: str = ""
    until: float = 0.0


def keep(target: str, change: str, known: Known) -> None:
    """Keep what is known of `change` of the host `target`; nothing is what there is no need to keep."""
    kept = _read()
    of_host = {number: told for number, told in kept.pop(key(target), {}).items() if number != change}
    if known != Known():
        of_host[change] = replace(known, why=known.why[:_TEXT])
    if of_host:
        kept[key(target)] = of_host
    with contextlib.suppress(OSError):
        _write(kept)


def told(target: str, changes: Iterable[Change]) -> tuple[Change, ...]:
    """The changes, with what is known here alone: why one was not confirmed, or what did not hold once it was."""
    kept = _read().get(key(target), {})
    return tuple(
        replace(change, unsaid=kept[change.id].why) if change.id in kept and change.state != "rehearsal" else change
        for change in changes
    )


def on_its_way(target: str, now: float) -> str:
    """For whoever cannot get in just now: that a change of this host goes back by itself, and by when; else empty."""
    waiting = [(each.until, number) for number, each in _read().get(key(target), {}).items() if each.until]
    if not waiting or max(waiting)[0] + REBOOT < now:
        return ""
    until, number = max(waiting)
    return (
        f"Change {printable(number)} of this host was not confirmed from here. The device takes it back by itself, by "
        f"{clock(until)} or with a restart soon after: do nothing, and try again some minutes later."
    )


def clock(seconds: float) -> str:
    """The time of day here, with its zone, of seconds since 1970."""
    return time.strftime("%H:%M:%S %Z", time.localtime(seconds))


def _path() -> Path:
    return state_folder() / "unsaid.json"


def _read() -> dict[str, dict[str, Known]]:
    try:
        with _path().open("rb") as file:
            found = json.loads(file.read(_MOST))
    except (OSError, ValueError, RecursionError):
        return {}
    hosts = found.items() if isinstance(found, dict) else ()
    return {
        host: {number: one for number, each in changes.items() if (one := _known(each)) is not None}
        for host, changes in hosts
        if isinstance(changes, dict)
    }


def _known(found: object) -> Known | None:
    match found:
        case {"why": str(why), "until": int() | float() as until} if 0 <= until < 1 << 34:  # (no calendar has more)
            return Known(printable(why, _TEXT), float(until))
        case _:
            return None


def _write(kept: dict[str, dict[str, Known]]) -> None:
    path = _path()
    if not kept:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.touch(mode=0o600)
    table = {
        host: {number: {"why": each.why, "until": each.until} for number, each in changes.items()}
        for host, changes in kept.items()
    }
    new.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    new.replace(path)
