"""`profile` and `attest`: what only a person can say."""

from __future__ import annotations

import datetime as dt
import getpass
import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thornwall.cli import options
from thornwall.errors import Exit, UsageError

if TYPE_CHECKING:
    from thornwall.model.profile import Profile

profiles = typer.Typer(help="What the device is for: it decides how findings rank.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    profiles.command("init")(profile_init)
    profiles.command("show")(profile_show)
    app.add_typer(profiles, name="profile")
    app.command()(attest)


def profile_init(
    target: options.TargetArgument = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there, instead of where audits look.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Take what is guessed from the host; ask nothing.")] = False,
    no_read: Annotated[bool, typer.Option("--no-read", help="Do not read the host to guess.")] = False,
    identity: options.Identity = None,
    accept_new: options.AcceptNew = False,
    ask_sudo_pass: options.AskSudoPass = False,
    quiet: options.NoProgress = False,
) -> int:
    """Ask what the device is for, with guesses from the host itself, and keep the answers for its audits.

    Asked again, it marks the answers that were kept.
    """
    from thornwall.cli.audit import read_for
    from thornwall.cli.console import err, interactive
    from thornwall.cli.output import write_file
    from thornwall.cli.questions import ask_profile, news
    from thornwall.facts.registry import snapshot
    from thornwall.jobs import store
    from thornwall.model.profile import Profile
    from thornwall.rules.guess import guess_profile
    from thornwall.rules.settings import profile_text

    if not yes and not interactive():
        raise UsageError("There is nobody to ask.", hint="Add --yes to take what is guessed from the host.")
    path = output or store.profile_path(target)
    kept = store.profile(path, target) if path.is_file() and not yes else None
    guessed = Profile(name=store.key(target))
    reasons: dict[str, str] = {}
    if not no_read:
        answer = read_for(target, identity, accept_new, ask_sudo_pass, quiet=quiet)
        guessed, reasons = guess_profile(snapshot(answer.capture), store.key(target))
    if kept is not None:
        guessed, reasons = kept, news(kept, guessed, reasons)
    profile = guessed if yes else ask_profile(guessed, reasons)
    if output is None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_file(path, profile_text(profile))
    if not quiet:
        err.print(f"Wrote {path}", markup=False, soft_wrap=True)
        if output is None:
            err.print(f"'{shlex.join(['thornwall', 'audit', *filter(None, [target])])}' ranks by it.", markup=False)
    return Exit.OK


def profile_show(target: options.TargetArgument = "", profile: options.ProfileFile = None) -> int:
    """Show what is known of what a device is for, and how it moves the risk."""
    from thornwall.cli.console import out
    from thornwall.jobs import store
    from thornwall.report.profile import moves_as_comments
    from thornwall.rules.risk import profile_moves
    from thornwall.rules.settings import profile_text

    path = profile or store.profile_path(target)
    if profile is None and not path.exists():
        out.print(f"# {path} is not there: these are the defaults.", markup=False, soft_wrap=True)
    shown: Profile = store.profile(profile, target)
    # the whole stays TOML: it may go into a file
    told = f"{profile_text(shown)}\n{moves_as_comments(profile_moves(shown))}"
    out.print(told, markup=False, soft_wrap=True, end="")
    return Exit.OK


class _Until(StrEnum):
    """For the help."""

    DATE = "YYYY-MM-DD"


def _complete(incomplete: str) -> list[str]:
    from thornwall.rules.registry import RULES

    return [rule.id for rule in RULES if rule.asks and rule.id.startswith(incomplete)]


def attest(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="As for 'thornwall audit'; local: is this machine.")],
    rule: Annotated[str, typer.Argument(metavar="RULE", help="A rule with a question.", autocompletion=_complete)],
    until: Annotated[str, typer.Option("--until", metavar=_Until.DATE, help="The last day on which it holds.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who says so; by default your account.")] = "",
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="What was seen.")] = "",
) -> int:
    """Say yes, all is well, to what no program can see, until a date. Then the question comes back.

    A no is not kept: it is a fault, and 'thornwall explain RULE' says how to mend it.
    """
    from thornwall.cli.console import err
    from thornwall.jobs import store
    from thornwall.model.policy import Attestation
    from thornwall.rules.registry import RULES
    from thornwall.rules.settings import iso_date, nearest

    known = {each.id: each for each in RULES}
    if rule not in known:
        raise UsageError(f"There is no rule {rule!r}.", hint=nearest(rule, known))
    if not known[rule].asks:
        raise UsageError(
            f"{rule} asks nothing: thornwall sees it for itself.",
            hint="If you accept what it finds, write a waiver into a policy: see docs/policy.md.",
        )
    last_day = iso_date(until, "--until")
    if last_day < (today := dt.datetime.now(dt.UTC).date().isoformat()):
        raise UsageError(
            f"--until: {last_day} is past.", hint=f"Name the last day on which it holds; today is {today}."
        )
    answer = Attestation(rule, by.strip() or getpass.getuser(), last_day, note.strip())
    path = store.attestations_path()
    store.attest(path, store.key(target), answer)
    err.print(
        f"Kept in {path}: {rule} of {store.key(target)} is answered yes until {answer.until}.",
        markup=False,
        soft_wrap=True,
    )
    return Exit.OK
