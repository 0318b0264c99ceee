"""What this machine alone knows of a change: that it waits, until when, why it was not confirmed; or when it was.

$XDG_STATE_HOME/thornwall/unsaid.json, a table of hosts, each a table of changes. It is a help, and no record: where it
cannot be read or written, nothing fails.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from thornwall.apply.events import Change
from thornwall.jobs.store import key_of, state_folder
from thornwall.transport.target import SshTarget
from thornwall.transport.text import printable

REBOOT = 180.0
"""Seconds that a host may need to start again, if it has to."""
_MOST = 64 * 1024  # bytes
_TEXT = 1000  # characters of one reason
_NEVER = 1 << 34  # seconds since 1970: no calendar has more
_LATELY = 7 * 86400.0  # seconds in which whoever is shut out thinks of the change


@dataclass(frozen=True, slots=True)
class Known:
    """`until`: when the device takes it back; `kept`: when it was confirmed from here. Both in seconds since 1970 by
    this machine's clock; 0: not at all."""

    why: str = ""
    until: float = 0.0
    kept: float = 0.0


def keep(host: SshTarget, change: str, known: Known) -> None:
    """Keep what is known of `change` of `host`; nothing is what there is no need to keep."""
    with contextlib.suppress(OSError), _alone():
        kept = _read()
        # (the host that was spoken to last comes last)
        of_host = {number: told for number, told in kept.pop(key_of(host), {}).items() if number != change}
        if known != Known():
            of_host[change] = replace(known, why=known.why[:_TEXT])
        if of_host:
            kept[key_of(host)] = of_host
        _write(kept)


def told(host: SshTarget, changes: Iterable[Change]) -> tuple[Change, ...]:
    """The changes, with what is known here alone: why one was not confirmed, or what did not hold once it was."""
    kept = _read().get(key_of(host), {})
    return tuple(replace(change, unsaid=_of(kept.get(change.id, Known()), change.state)) for change in changes)


def _of(known: Known, state: str) -> str:
    """A reason not to confirm it is none any more where somebody did; what does not hold needs what stands."""
    fits = not known.until if state == "confirmed" else known.until and state in {"open", "undoing", "undone"}
    return known.why if fits else ""


def on_its_way(host: SshTarget, now: float) -> str:
    """For whoever cannot get in just now: that a change of this host goes back by itself, and by when; else empty."""
    known = _read().get(key_of(host), {})
    last = max((each.kept for each in known.values()), default=0.0)
    # (who has confirmed another one since knows what became of it; a new card counts from 1 again)
    waiting = [(each.until, number) for number, each in known.items() if each.until > last]
    if not waiting or max(waiting)[0] + REBOOT < now:
        return ""
    until, number = max(waiting)
    if until < now:
        return (
            f"Change {printable(number)} of this host was not confirmed from here, and its time was up at "
            f"{clock(until)}: unless somebody has confirmed it, it is back by now, or the device restarts for that. "
            "Try again in some minutes."
        )
    return (
        f"Change {printable(number)} of this host was not confirmed from here. Unless somebody has, the device takes "
        f"it back by itself, by {clock(until)} or with a restart soon after (without power: when it starts again): do "
        "nothing, and try again in some minutes."
    )


def lately_kept(host: SshTarget, now: float) -> str:
    """For whoever cannot get in any more: which change of this host was confirmed from here some days ago, and how the
    device goes back without a login; else empty."""
    kept = [(each.kept, number) for number, each in _read().get(key_of(host), {}).items() if each.kept]
    if not kept or not 0 <= now - max(kept)[0] < _LATELY:
        return ""
    seconds, number = max(kept)
    when = time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(seconds))
    return (
        f"Change {printable(number)} of this host was confirmed from here, {when}; a login worked then. Should that be "
        "why none does now: if SSH does not come up with the first start after it, the device takes it back, some "
        "minutes later; else put its card into another computer, and there: thornwall undo FOLDER, where the card is "
        "mounted."
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
        case {"why": str(why), "until": int() | float() as until, "kept": int() | float() as kept} if (
            0 <= until < _NEVER and 0 <= kept < _NEVER
        ):
            return Known(printable(why, _TEXT), float(until), float(kept))
        case _:
            return None


def _write(kept: dict[str, dict[str, Known]]) -> None:
    path = _path()
    if not kept:
        path.unlink(missing_ok=True)
        return
    text = _text(kept)
    while len(text) > _MOST:  # what is longest ago goes
        del kept[next(iter(kept))]
        text = _text(kept)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.touch(mode=0o600)
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def _text(kept: dict[str, dict[str, Known]]) -> str:
    table = {
        host: {number: {"why": each.why, "until": each.until, "kept": each.kept} for number, each in changes.items()}
        for host, changes in kept.items()
    }
    return json.dumps(table, indent=1) + "\n"


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Nobody else changes the file meanwhile: several hosts may be hardened at once."""
    folder = _path().parent
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
