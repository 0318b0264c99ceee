"""`undo`, `history`, `status`, `confirm` and `forget`: changes that were made, from the command line."""

from __future__ import annotations

import datetime as dt
import json
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from thornwall.cli import options
from thornwall.errors import Exit, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any, TypeVar

    from thornwall.apply.events import Change
    from thornwall.cli.owner import Keyholder
    from thornwall.jobs.follow import Said
    from thornwall.jobs.link import Link

    T = TypeVar("T")

Number: TypeAlias = Annotated[
    str, typer.Argument(metavar="[CHANGE]", help="The number that 'thornwall history' shows; by default the newest.")
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="As JSON.")]
_LOCAL = "local:"
_NONE_CAME = "packages: none came or went"  # as the device calls it
_BRING = "--bring-back-known-passwords"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(undo)
    app.command()(history)
    app.command()(status)
    app.command()(confirm)
    app.command()(forget)


def undo(
    target: options.TargetArgument = "",
    change: Number = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also what somebody changed since (a copy is kept), and out of order.")
    ] = False,
    bring_back_known_passwords: Annotated[
        bool, typer.Option(_BRING, help="Even passwords that everybody knows, and empty ones.")
    ] = False,
    keep_packages: Annotated[
        bool, typer.Option("--keep-packages", help="Leave the packages that were installed for it.")
    ] = False,
    identity: options.Identity = None,
    accept_new: options.AcceptNew = False,
    secrets: options.SudoSecret = None,
    quiet: options.NoProgress = False,
) -> int:
    """Put a host back as it was before a change, byte for byte, and remove the packages that were installed for it."""
    from thornwall.cli.console import err, printable
    from thornwall.cli.repeated import addressed
    from thornwall.jobs.undo import Undoing, in_order, together
    from thornwall.jobs.undo import history as changes
    from thornwall.jobs.undo import undo as run

    if not yes:
        _somebody()
    way = _way(target, identity, accept_new, secrets, quiet=quiet)
    known = way.on("Asking", changes)
    with addressed(way.link.typed):
        going = together(known, change, packages=not keep_packages)
        if not force:
            in_order(known, going)
    # what had been taken back is asked for all the same: where clearing up was cut short, the host finishes it
    stands = [each for each in going if each.state != "undone"]
    if not yes and stands and not _agreed(stands, target, known_passwords=bring_back_known_passwords):
        err.print("Nothing was changed.")
        return Exit.OK
    first, *others = going
    packages = others[0].id if others else ""
    wanted = Undoing(first.id, packages, force, bring_back_known_passwords)

    def tell(text: str) -> None:
        err.print(printable(text), markup=False, soft_wrap=True)

    return _told(way.on("Taking back", partial(run, wanted, tell=tell)), going)


def _agreed(going: Sequence[Change], target: str, *, known_passwords: bool) -> bool:
    from thornwall.cli.console import err, printable, yes

    host = target or "this machine"
    err.print(f"To be taken back on {host}, so that what was mended is as open as before:", markup=False)
    for each in going:
        err.print(f"  {each.id}  {_when(each)}  {printable(each.title)}{_of_packages(each)}", markup=False)
        if each.reopens:
            err.print(f"  As before then: {printable(each.reopens)}.", markup=False, soft_wrap=True)
    if any(each.state == "open" and not each.packages for each in going):
        err.print("It was not confirmed, so all goes back as it was, known default passwords too.", markup=False)
    elif not known_passwords and not all(each.packages for each in going):
        err.print(f"Known default and empty passwords do not come back, unless with {_BRING}.", markup=False)
    return yes("Go on?")


def _of_packages(change: Change) -> str:
    """What becomes of packages, in brackets; nothing for another change."""
    if not change.packages:
        return ""
    upgraded = change.title.endswith((": upgrades", "; upgrades"))
    back = ", what went comes back" if "without " in change.title else ""
    return f" (what came in is removed again{back}{'; upgrades stay' * upgraded})"


def _packages_looked(change: Change) -> str:
    if change.title == _NONE_CAME:
        return "nothing had come"
    return "what it installed is gone" + " and what it removed is there" * ("without " in change.title)


def _told(said: Said, going: tuple[Change, ...]) -> Exit:
    """How it ended, in words."""
    from thornwall.apply import events
    from thornwall.cli.console import err, printable

    for left in said.all(events.Left):
        bring = f"; undo with {_BRING} would have brought it back" if left.what.startswith("the password of ") else ""
        err.print(f"Left as it is: {printable(left.what)}{bring}.", markup=False)
    for aside in said.all(events.Aside):
        err.print(f"{printable(aside.path)} was changed since; that is kept as {printable(aside.kept)}.", markup=False)
    done = {each.id for each in said.all(events.Undone)}
    rest = "all else, every file and unit," if said.first(events.Left) else "every file and unit"
    for each in going:
        if each.id in done and each.state == "undone":
            on = f" on {_time(each.ended)}" if each.ended else ""
            err.print(f"Change {each.id} had been taken back already{on}: there was nothing to do.", markup=False)
        elif each.id in done:
            looked = _packages_looked(each) if each.packages else f"{rest} is as it was"
            err.print(f"Change {each.id} is taken back, and that was looked at: {looked}.", markup=False)
    if stuck := said.first(events.Stuck):
        err.print(f"Not everything could be taken back: {printable(stuck.why)}.", markup=False)
        return Exit.UNSURE
    if len(done) < len(going):
        refused = said.need(events.Refused)
        why = f"{printable(refused.why)}; {printable(refused.what_to_do)}"
        err.print(f"Change {going[-1].id} stays, the packages that came for it: {why}.", markup=False)
        return Exit.REFUSED
    return Exit.OK


def history(
    target: options.TargetArgument = "",
    as_json: Json = False,
    identity: options.Identity = None,
    accept_new: options.AcceptNew = False,
    secrets: options.SudoSecret = None,
    quiet: options.NoProgress = False,
) -> int:
    """Show the changes that a host remembers, and how each stands."""
    from thornwall.jobs.undo import history as run

    way = _way(target, identity, accept_new, secrets, quiet=quiet)
    changes = way.on("Asking", run)
    if as_json:
        sys.stdout.write(json.dumps([_as_json(change) for change in changes], indent=2) + "\n")
    else:
        _table(changes, way.link.typed)
    return Exit.OK


def status(
    target: options.TargetArgument = "",
    as_json: Json = False,
    identity: options.Identity = None,
    accept_new: options.AcceptNew = False,
    secrets: options.SudoSecret = None,
    quiet: options.NoProgress = False,
) -> int:
    """Say whether a change waits to be confirmed, and for how long. Exit code 1 if one does."""
    from thornwall.cli.console import out
    from thornwall.jobs.undo import history as run

    way = _way(target, identity, accept_new, secrets, quiet=quiet)
    changes = way.on("Asking", run)
    waiting = [change for change in changes if change.state in {"open", "undoing"}]
    if as_json:
        sys.stdout.write(json.dumps([_as_json(change) for change in waiting], indent=2) + "\n")
    for change in waiting if not as_json else ():
        out.print(_stands(change, way.link.typed), markup=False)
    if not waiting and not as_json:
        out.print(f"Nothing waits to be confirmed.{_last(changes[-1]) if changes else ''}", markup=False)
    return Exit.FINDINGS if waiting else Exit.OK


def _stands(change: Change, typed: str) -> str:
    """How it is with a change that is neither kept nor gone, and what to do."""
    left = f"in {change.left} s" if change.left is not None and change.left > 0 else ""
    if change.packages and change.state == "open":
        return (
            f"The packages of change {change.id} are on their way, or were cut off. "
            f"To be told which, and to take back what was cut off: thornwall undo {typed} {change.id}"
        )
    if change.stuck:
        goes_on = f"It tries again {left}" if left else "It does not try again before its next start"
        return (
            f"Change {change.id} is not taken back as a whole: {_printable(change.stuck)}. {goes_on}. "
            f"Mend that, then: thornwall undo {typed}"
        )
    if change.state == "undoing":
        return f"Change {change.id} is being taken back{_why(change)}."
    when = f" {left}" if left else ""
    if change.unsaid:
        return (
            f"Change {change.id} was not confirmed, since {_printable(change.unsaid)}. It is taken back{when}. "
            f"Should you get in after all, and want to keep it: thornwall confirm {typed}"
        )
    return f"Change {change.id} is taken back{when} unless it is confirmed: thornwall confirm {typed}"


def _last(change: Change) -> str:
    when = f" on {_time(change.ended)}" if change.state == "undone" and change.ended is not None else ""
    return f" The last change, {change.id}: {_state(change)}{when}{_why(change)}."


def _state(change: Change) -> str:
    if change.packages and change.state in {"open", "confirmed"}:
        return "made" if change.state == "confirmed" else "on its way, or cut off"
    return _STATES.get(change.state, change.state)


def _why(change: Change) -> str:
    """For what it was taken back, and what that took."""
    reasons = [change.why] + [change.unsaid] * (change.unsaid not in change.why)
    since = "; ".join(_printable(each) for each in reasons if each)
    why = f", since {since}" * bool(since) + ", with a restart" * change.restarted
    return why + f"; stuck: {_printable(change.stuck)}" * bool(change.stuck)


def _printable(text: str) -> str:
    from thornwall.cli.console import printable

    return printable(text)


def confirm(
    target: options.TargetArgument = "",
    identity: options.Identity = None,
    accept_new: options.AcceptNew = False,
    secrets: options.SudoSecret = None,
    quiet: options.NoProgress = False,
) -> int:
    """Keep the change that waits: from a login that is newer than it, so that the way in is proved."""
    from thornwall.cli.console import err
    from thornwall.jobs.undo import confirm_open

    done = _way(target, identity, accept_new, secrets, quiet=quiet).on("Confirming", confirm_open)
    err.print(f"Change {done} stays. 'thornwall undo' takes it back at any time.", markup=False)
    return Exit.OK


def forget(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="As for 'thornwall harden'; local: is this machine.")],
    change: Annotated[str, typer.Argument(metavar="CHANGE", help="The number that 'thornwall history' shows.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
    identity: options.Identity = None,
    accept_new: options.AcceptNew = False,
    secrets: options.SudoSecret = None,
    quiet: options.NoProgress = False,
) -> int:
    """Remove what a host keeps of a change, old password hashes among it. It cannot be undone any more."""
    from thornwall.cli.console import err
    from thornwall.cli.console import yes as agreed
    from thornwall.jobs.undo import forget as run

    if not yes:
        _somebody()
        if not agreed(f"Forget change {change} on {target}? It can then not be taken back any more."):
            return Exit.OK
    done = _way(target, identity, accept_new, secrets, quiet=quiet).on("Forgetting", partial(run, change))
    err.print(f"Change {done} is forgotten.", markup=False)
    return Exit.OK


def _somebody() -> None:
    from thornwall.cli.console import interactive

    if not interactive():
        raise UsageError("There is nobody to ask.", hint="Add --yes.")


@dataclass(frozen=True, slots=True)
class _Way:
    """To the host, and whoever knows its passwords."""

    target: str
    link: Link
    person: Keyholder
    quiet: bool

    def on(self, doing: str, work: Callable[[Link, Callable[[str], None]], Coroutine[Any, Any, T]]) -> T:
        """Do this there, while somebody sees that it goes on."""
        import asyncio

        from thornwall.cli.repeated import addressed

        busy = self.person.sees(f"{doing} on {self.target or 'this machine'}", quiet=self.quiet)
        with addressed(self.link.typed), busy as step:
            return asyncio.run(work(self.link, step))


def _way(target: str, identity: Path | None, accept_new: bool, secrets: Path | None, *, quiet: bool) -> _Way:
    from thornwall.cli.audit import reaching_for
    from thornwall.cli.owner import Keyholder, read_secrets
    from thornwall.jobs.link import link_to

    person = Keyholder(read_secrets(secrets))
    reaching = reaching_for(identity, accept_new, ask_sudo_pass=True, no_sudo=False, timeout=120, password_seconds=0)
    return _Way(target, link_to(target, reaching, person), person, quiet)


def _as_json(change: Change) -> dict[str, object]:
    return {
        "id": change.id,
        "state": change.state,
        "made": change.made,
        "title": change.title,
        "version": change.version,
        "seconds-left": change.left,
        "guarded-at-boot": change.guarded,
        "taken-back": change.ended,
        "why": change.why,
        "restarted": change.restarted,
        "stuck": change.stuck,
        "reopens": change.reopens,
        "not-confirmed": change.unsaid,
    }


def _table(changes: tuple[Change, ...], typed: str) -> None:
    from rich.table import Table

    from thornwall.cli.console import out, printable
    from thornwall.jobs.undo import together
    from thornwall.model.outcome import undo_path

    if not changes:
        out.print("No change of thornwall's is known on this host.", markup=False)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("change", "made", "state", "what"):
        table.add_column(heading)
    for change in changes:
        state = f"{_state(change)}{_why(change)}"
        table.add_row(change.id, _when(change), state, printable(change.title))
    out.print(table)
    if any(change.state == "confirmed" for change in changes):
        first, *others = together(changes)
        packages = f", with its packages ({others[0].id})" if others else ""
        out.print(f"Take {first.id} back{packages}: thornwall undo {typed}", markup=False)
        out.print(f"Without thornwall, on the host: sudo sh {undo_path(first.id)}", markup=False)


def _when(change: Change) -> str:
    return _time(change.made) if change.made else "?"


def _time(seconds: int) -> str:
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError):
        return "a day that no calendar has"


_STATES = {
    "open": "waits to be confirmed",
    "confirmed": "confirmed",
    "undoing": "is being taken back",
    "undone": "taken back",
    "rehearsal": "never made",
}
