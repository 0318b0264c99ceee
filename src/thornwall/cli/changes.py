"""The changes that a host remembers, in words: how each stands, why, and what to do."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from thornwall.apply.events import Change
from thornwall.cli.console import out, printable
from thornwall.jobs.undo import together
from thornwall.model.outcome import undo_path

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console


def stands(change: Change, typed: str, *, at_rest: bool = False) -> str:
    """How it is with a change that is neither kept nor gone, and what to do. `at_rest`: the system does not run."""
    if at_rest and not change.packages and not change.stuck:
        return (
            f"Change {change.id} was not confirmed when the system last ran: it takes that back by itself when it "
            f"starts. To do so now: thornwall undo {typed} {change.id}"
        )
    left = f"in {change.left} s" if change.left is not None and change.left > 0 else ""
    if change.packages and change.state == "open" and change.working:
        return f"The packages of change {change.id} are on their way, and come to their end by themselves: wait."
    if change.packages and change.state == "open":
        return (
            f"The packages of change {change.id} were cut off, unless they are about to begin. Look again in a moment; "
            f"to take back what came: thornwall undo {typed} {change.id}"
        )
    if change.stuck:
        goes_on = "It does not try again before its next start" if change.gave_up else f"It tries again {left}"
        return (
            f"Change {change.id} is not taken back as a whole: {printable(change.stuck)}. {goes_on}. "
            f"Mend that, then: thornwall undo {typed}"
        )
    if change.state == "undoing":
        return f"Change {change.id} is being taken back{why(change)}."
    when = f" {left}" if left else ""
    if change.unsaid:
        return (
            f"Change {change.id} was not confirmed, since {printable(change.unsaid)}. It is taken back{when}. "
            f"Should you get in after all, and want to keep it: thornwall confirm {typed}"
        )
    return f"Change {change.id} is taken back{when} unless it is confirmed: thornwall confirm {typed}"


def last(change: Change) -> str:
    """A sentence on the newest change, where nothing waits."""
    when = f" on {time_of(change.ended)}" if change.state == "undone" and change.ended is not None else ""
    return f" The last change, {change.id}: {state_of(change)}{when}{why(change)}."


def state_of(change: Change) -> str:
    """In a word or two."""
    if change.packages and change.state in {"open", "confirmed"}:
        return "made" if change.state == "confirmed" else "on its way" if change.working else "cut off"
    return _STATES.get(change.state, change.state)


def why(change: Change) -> str:
    """For what it was taken back, and what that took; or what does not hold although it stands."""
    if change.state == "confirmed":
        return f", but {printable(change.unsaid)}" * bool(change.unsaid)
    again = change.unsaid in change.why or (change.why and change.why in change.unsaid)  # the device had told that why
    reasons = [change.why] + [change.unsaid] * (not again)
    since = "; ".join(printable(each) for each in reasons if each)
    told = f", since {since}" * bool(since) + ", and it took a restart" * change.restarted
    return told + f"; stuck: {printable(change.stuck)}" * bool(change.stuck)


def json_of(change: Change) -> dict[str, object]:
    """As `--json` has it."""
    return {
        "id": change.id,
        "state": change.state,
        "made": change.made,
        "title": change.title,
        "version": change.version,
        "seconds-left": change.left,
        "guarded-at-boot": change.guarded,
        "first-start-to-come": change.job,
        "taken-back": change.ended,
        "why": change.why,
        "restarted": change.restarted,
        "stuck": change.stuck,
        "reopens": change.reopens,
        "gives-back": [of_packages(change)] if change.packages and change.state != "undone" else list(change.gives),
        "known-passwords-of": list(change.known),
        "seen-from-here": change.unsaid,
    }


def show_table(changes: tuple[Change, ...], typed: str, *, at_rest: bool = False) -> None:
    """Print all of them, and how to take the newest back. `typed`: the host, as the words of a command. `at_rest`: as
    for `stands`.
    """
    from rich.table import Table
    from rich.text import Text

    if not changes:
        out.print("No change of thornwall's is known on this host.", markup=False)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("change", "made", "state", "what"):
        table.add_column(heading)
    for change in changes:
        waits = at_rest and change.state == "open" and not change.packages
        state = "goes back at its next start" if waits else f"{state_of(change)}{why(change)}"
        # (as text: what a host tells is no markup)
        table.add_row(change.id, when_made(change), Text(state), Text(printable(change.title)))
    out.print(table)
    if any(change.job for change in changes):
        out.print(JOB, markup=False)
    if any(change.state == "confirmed" for change in changes):
        first, *others = together(changes)
        packages = f", with its packages ({others[0].id})" if others else ""
        out.print(f"Take {first.id} back{packages}: thornwall undo {typed}", markup=False)
        out.print(f"Without thornwall, on the host: sudo sh {undo_path(first.id)}", markup=False)


def of_packages(change: Change) -> str:
    """What becomes of packages once the change, which is theirs, is taken back."""
    upgraded = change.title.endswith((": upgrades", "; upgrades"))
    back = ", what went comes back" if "without " in change.title else ""
    return f"what came in is removed again{back}{'; upgrades stay' * upgraded}"


def show_one(change: Change, *, at_rest: bool = False) -> None:
    """Print how it stands, and all that taking it back gives back. `at_rest`: as for `stands`."""
    waits = at_rest and change.state == "open" and not change.packages
    state = "goes back at its next start" if waits else f"{state_of(change)}{why(change)}"
    out.print(f"{change.id}  {when_made(change)}  {state}", markup=False)
    if change.state == "undone":
        out.print(printable(change.title), markup=False)
        return
    out.print("Taken back, it gives back:", markup=False)
    show_whole([change], out)
    if change.reopens:
        out.print(f"\nAs before then: {printable(change.reopens)}.", markup=False)
    if change.known and change.state != "open":
        out.print(
            f"The password of {printable(', '.join(change.known))} that everybody knows stays away.", markup=False
        )


def show_whole(changes: Iterable[Change], console: Console) -> None:
    """Print all that taking each back gives back, line by line."""
    for change in changes:
        console.print(f"\n{change.id}  {printable(change.title)}", markup=False, style="bold")
        for line in (of_packages(change),) if change.packages else change.gives:
            console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
        if change.known and change.state == "open":
            names = printable(", ".join(change.known))
            console.print(
                f"It is not confirmed: until it is, the password of {names} that everybody knows comes back too.",
                markup=False,
            )


def when_made(change: Change) -> str:
    """By the device's clock."""
    return time_of(change.made) if change.made else "?"


def time_of(seconds: int) -> str:
    """Day and time of seconds since 1970, as a host tells them."""
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError):
        return "a day that no calendar has"


JOB = (
    "What had to wait for the first start is still to be done, in part at least: a job on the host does it, once it "
    "gets its packages and, for the firewall, nothing new begins to listen (five minutes at least, from its last start "
    "on). While another change waits, it does not; what it could not do it tries again, after an hour at first, and "
    "with every start. "
    "How far it is, on the host: sudo journalctl -u thornwall-first-start"
)
_STATES = {
    "open": "waits to be confirmed",
    "confirmed": "confirmed",
    "undoing": "is being taken back",
    "undone": "taken back",
    "rehearsal": "not begun",
}
