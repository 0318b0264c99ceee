"""`undo`, `history`, `status`, `confirm` and `forget`: changes that were made, from the command line."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from thornwall.cli import options
from thornwall.errors import (
    AuthenticationError,
    Exit,
    HostAnswerError,
    LinkBrokeError,
    NotRootError,
    UnansweredError,
    UnreachableError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence
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
    known = way.on("Asking", partial(changes, whole=not yes))
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
    from thornwall.cli.changes import of_packages, show_whole, when_made
    from thornwall.cli.console import err, printable, yes

    host = target or "this machine"
    err.print(f"To be taken back on {host}, so that what was mended is as open as before:", markup=False)
    for each in going:
        packages = f" ({of_packages(each)})" * each.packages
        err.print(f"  {each.id}  {when_made(each)}  {printable(each.title)}{packages}", markup=False)
        if each.reopens:
            err.print(f"  As before then: {printable(each.reopens)}.", markup=False)
    if any(each.state == "open" and not each.packages for each in going):
        err.print("It was not confirmed, so all goes back as it was, known default passwords too.", markup=False)
    elif not known_passwords and any(each.known for each in going):
        err.print(f"Known default and empty passwords do not come back, unless with {_BRING}.", markup=False)
    if not any(each.gives for each in going):
        return yes("Go on?")
    err.print("To see every file, unit and account that goes back first, answer v.", style="dim")
    return yes("Go on?", partial(show_whole, going, err))


def _packages_looked(change: Change) -> str:
    if change.title == _NONE_CAME:
        return "nothing had come"
    return "what it installed is gone" + " and what it removed is there" * ("without " in change.title)


def _told(said: Said, going: tuple[Change, ...]) -> Exit:
    """How it ended, in words."""
    from thornwall.apply import events
    from thornwall.cli.changes import time_of
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
            on = f" on {time_of(each.ended)}" if each.ended else ""
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
    change: Annotated[
        str, typer.Argument(metavar="[CHANGE]", help="The number of one: show all that taking it back would give back.")
    ] = "",
    as_json: Json = False,
    identity: options.Identity = None,
    accept_new: options.AcceptNew = False,
    secrets: options.SudoSecret = None,
    quiet: options.NoProgress = False,
) -> int:
    """Show the changes that a host remembers, and how each stands."""
    from thornwall.apply.text import number_of
    from thornwall.cli.changes import json_of, show_one, show_table
    from thornwall.cli.repeated import addressed
    from thornwall.jobs.undo import history as run
    from thornwall.jobs.undo import named

    if change:
        number_of(change)
    way = _way(target, identity, accept_new, secrets, quiet=quiet)
    changes = way.on("Asking", partial(run, whole=as_json or bool(change)))
    with addressed(way.link.typed):
        changes = (named(changes, change),) if change else changes
    if change and not as_json:
        show_one(changes[0], at_rest=way.link.root is not None)
    elif as_json:
        sys.stdout.write(json.dumps([json_of(change) for change in changes], indent=2) + "\n")
    else:
        show_table(changes, way.link.typed, at_rest=way.link.root is not None)
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
    from thornwall.cli.changes import JOB, json_of, last, stands
    from thornwall.cli.console import out
    from thornwall.jobs.undo import history as run

    way = _way(target, identity, accept_new, secrets, quiet=quiet)
    changes = way.on("Asking", partial(run, whole=as_json))
    waiting = [change for change in changes if change.state in {"open", "undoing"}]
    if as_json:
        sys.stdout.write(json.dumps([json_of(change) for change in waiting], indent=2) + "\n")
    for change in waiting if not as_json else ():
        out.print(stands(change, way.link.typed, at_rest=way.link.root is not None), markup=False)
    if not waiting and not as_json:
        out.print(f"Nothing waits to be confirmed.{last(changes[-1]) if changes else ''}", markup=False)
        if any(change.job for change in changes):
            out.print(JOB, markup=False)
    return Exit.FINDINGS if waiting else Exit.OK


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
        with addressed(self.link.typed), _waiting(self.link), busy as step:
            return asyncio.run(work(self.link, step))


@contextmanager
def _waiting(link: Link) -> Iterator[None]:
    """Whoever does not get in while a change waits there is told that it goes back, not to look for another cause."""
    from thornwall.jobs.unsaid import lately_kept, on_its_way
    from thornwall.transport.target import SshTarget

    try:
        yield
    except (UnreachableError, AuthenticationError) as error:
        # (an answer that is none has a hint of its own, and so has a question that nobody answers)
        if isinstance(link.target, SshTarget) and not isinstance(error, (HostAnswerError, UnansweredError)):
            now = time.time()
            waits, got_in = on_its_way(link.target, now), isinstance(error, (NotRootError, LinkBrokeError))
            # (a change that waits tells more of a login that fails than what ssh supposes)
            own = "" if waits and not got_in else error.hint
            kept = "" if waits or got_in else lately_kept(link.target, now)
            error.hint = "\n".join(filter(None, [own, waits, kept]))
        raise


def _way(target: str, identity: Path | None, accept_new: bool, secrets: Path | None, *, quiet: bool) -> _Way:
    from thornwall.cli.audit import reaching_for
    from thornwall.cli.owner import Keyholder, read_secrets
    from thornwall.jobs.link import link_to

    if target.isascii() and target.isdigit():
        raise UsageError(f"{target} is no host.", hint=f"A change of this machine: thornwall history {_LOCAL} {target}")
    person = Keyholder(read_secrets(secrets))
    reaching = reaching_for(identity, accept_new, ask_sudo_pass=True, no_sudo=False, timeout=120, password_seconds=0)
    return _Way(target, link_to(target, reaching, person), person, quiet)
