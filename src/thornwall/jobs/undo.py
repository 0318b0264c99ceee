"""What was changed, taken back: now, or long after."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from thornwall.apply import events
from thornwall.apply.compile import confirm_script, forget_script, history_script, undo_script
from thornwall.apply.text import number_of
from thornwall.errors import LinkBrokeError, RefusedError, UnreachableError, UsageError
from thornwall.jobs import unsaid
from thornwall.jobs.follow import Said, follow, stopped
from thornwall.jobs.link import Link
from thornwall.transport.target import SshTarget

Telling = Callable[[str], None]
_BEGUN = (
    "how far it had come is not known from here; what the host had begun to take back, it does to the end, also "
    "when it starts again. Once it answers, look, and undo again, which does no harm: thornwall history {}"
)
_SECONDS = 4800  # dpkg alone may take 900 to remove what came, and 3600 to put back what went


@dataclass(frozen=True, slots=True)
class Undoing:
    """What to take back, and how far to go. `id`: empty for the newest. `packages`: the id of its packages' record."""

    id: str = ""
    packages: str = ""
    force: bool = False
    bring_back_known_passwords: bool = False


async def history(link: Link, step: Telling, *, whole: bool = False) -> tuple[events.Change, ...]:
    """The changes that the host knows, the oldest first. `whole`: with all that each would give back."""
    said = Said(step)
    await follow(link, lambda nonce: history_script(nonce=nonce, root=str(link.root or "/"), whole=whole), said)
    said.need(events.End)
    given: dict[str, list[str]] = {}
    for line in said.all(events.GivesBack):
        given.setdefault(line.id, []).append(line.text)
    changes = tuple(
        replace(change, gives=tuple(given.get(change.id, ())))
        for change in sorted(said.all(events.Change), key=lambda change: int(change.id))
    )
    return unsaid.told(link.target, changes) if isinstance(link.target, SshTarget) else changes


def named(changes: tuple[events.Change, ...], id_: str) -> events.Change:
    """The one that has this number, with or without zeros before it. Raises RefusedError where none has."""
    number = number_of(id_)
    for change in changes:
        if change.id == number:
            return change
    raise RefusedError(f"there is no change {id_} on this host", hint="See: thornwall history")


def together(changes: tuple[events.Change, ...], id_: str = "", *, packages: bool = True) -> tuple[events.Change, ...]:
    """What is taken back for change `id_` (empty: the newest that stands), in this order: the change, and (`packages`)
    the packages that came for it just before, unless something else stands on them.

    Raises RefusedError where there is no such change.
    """
    standing = [each for each in changes if each.state in {"open", "confirmed", "undoing"}]
    if not id_ and not standing:
        raise RefusedError("there is no change that could be taken back on this host", hint="See: thornwall history")
    change = named(changes, id_) if id_ else standing[-1]
    others = [each for each in standing if each.id != change.id]
    if packages and not change.packages and others and others[-1].packages and others[-1].before(change):
        return change, others[-1]
    return (change,)


def in_order(changes: tuple[events.Change, ...], going: tuple[events.Change, ...]) -> None:
    """Raises RefusedError where changes that came later than `going` still stand: they may stand on it.

    What is gone is asked for all the same (its clearing up may have been cut short), and what is open is the newest.
    """
    if going[0].state != "confirmed":
        return
    taken = {change.id for change in going}
    standing = [each for each in changes if each.state in {"open", "confirmed", "undoing"} and each.id not in taken]
    if later := [each.id for each in standing if int(each.id) > int(going[0].id)]:
        raise RefusedError(
            f"nothing was changed: later changes are in the way: {', '.join(later)}",
            hint="Undo those first, the latest one before the others; --force does it out of order.",
        )


async def undo(wanted: Undoing, link: Link, step: Telling, tell: Telling = lambda _: None) -> Said:
    """Take a change back, then its packages, and follow that to its end. `tell`: hears what somebody changed since.

    Raises RefusedError where the device refuses at once.
    """

    def script(nonce: str) -> str:
        return undo_script(
            wanted.id,
            wanted.packages,
            nonce=nonce,
            root=str(link.root or "/"),
            force=wanted.force,
            bring_back_known_passwords=wanted.bring_back_known_passwords,
        )

    said = Said(step)
    with stopped(f"What the host had begun to take back, it does to the end. To look: thornwall history {link.typed}"):
        try:
            await follow(link, script, said, seconds=_SECONDS, busy=True)
        except UnreachableError as error:
            if said.heard or isinstance(error, LinkBrokeError):
                error.hint = _BEGUN.format(link.typed)
            raise
    for each in said.heard:
        match each:
            case events.Differs(path):
                tell(f"Changed since, {path}:")
            case events.Difference(text):
                tell(f"  {text}")
            case _:
                pass
    if said.first(events.Stuck) is None:
        _know(link, said.need(events.Undone).id, unsaid.Known())
    return said


def _know(link: Link, change: str, known: unsaid.Known) -> None:
    """What this machine knows of it from now on: it was confirmed, or taken back, as somebody wished."""
    if isinstance(link.target, SshTarget):
        unsaid.keep(link.target, change, known)


async def confirm_open(link: Link, step: Telling) -> str:
    """Confirm the one change that is open, from a login that began after it was done; its id."""
    if link.root:
        raise UsageError(
            f"{link.root} is a system that does not run: no login to it can prove anything.",
            hint=f"A change that waits goes back when it starts, or now: thornwall undo {link.typed}",
        )
    waiting = [change for change in await history(link, step) if change.state == "open"]
    if not waiting:
        raise UsageError("Nothing waits to be confirmed on this host.", hint="See: thornwall history")
    change = waiting[-1]
    if not change.key:
        raise RefusedError(f"change {change.id} is not done yet", hint="Wait until it is.")
    with stopped(f"It may have been confirmed by now. To look: thornwall status {link.typed}"):
        said = await follow(link, lambda nonce: confirm_script(change.id, nonce, key=change.key), Said(step))
    if taken := said.first(events.TakenBack):
        raise RefusedError(f"it is too late: {taken.why}")
    done = said.need(events.Confirmed).id
    _know(link, done, unsaid.Known(kept=time.time()))
    return done


async def forget(id_: str, link: Link, step: Telling) -> str:
    """Remove the record of a change with the originals that it keeps; its id."""
    root = str(link.root or "/")
    with stopped(f"It may have been forgotten by now. To look: thornwall history {link.typed}"):
        said = await follow(link, lambda nonce: forget_script(id_, nonce=nonce, root=root), Said(step))
    return said.need(events.Forgotten).id
