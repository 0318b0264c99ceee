"""`plan` and `harden`: what would change, and the change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from thornwall.cli import options
from thornwall.errors import Exit, UsageError

if TYPE_CHECKING:
    from thornwall.cli.owner import Keyholder
    from thornwall.jobs.judging import Judging
    from thornwall.jobs.plan import Planned, Wishes
    from thornwall.jobs.reach import Reaching
    from thornwall.model.outcome import Outcome
    from thornwall.plan.planner import Choice

_WINDOW = 180  # seconds
_WHICH = "What is changed"

Only: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="RULE|AREA", help="Mend this alone. Several too.", rich_help_panel=_WHICH),
]
Skip: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--skip", metavar="RULE|AREA", help="Leave this as it is. Several too.", rich_help_panel=_WHICH),
]
Accept: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--accept",
        metavar="INTERLOCK[:SUBJECT]",
        help="Do it although the plan holds it back; only what can lock nobody out.",
        rich_help_panel=_WHICH,
    ),
]
SecretsFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--secrets",
        metavar="FILE",
        help="New passwords and sudo's, as TOML; - is standard input. Not to be readable by others.",
        rich_help_panel=_WHICH,
    ),
]
Format: TypeAlias = Annotated[
    str, typer.Option("--format", "-f", metavar="FORMAT", help="terminal, json, html, sh, ansible or cloud-init.")
]
Output: TypeAlias = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there.")]
Yes: TypeAlias = Annotated[
    bool, typer.Option("--yes", "-y", help="Ask nothing: what would need an answer is left out.")
]
Interactive: TypeAlias = Annotated[bool, typer.Option("--interactive", help="Ask for each step.")]
ConfirmWithin: TypeAlias = Annotated[
    int,
    typer.Option(
        "--confirm-within",
        metavar="SECONDS",
        min=30,
        max=3600,
        help="The device takes everything back unless a fresh login confirms it within this time.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(plan)
    app.command(epilog=_CODES)(harden)


_CODES = (
    "Exit codes: 0 done, confirmed and proved, or nothing to do · 1 done and confirmed, but something still works from "
    "outside that must not, or steps could not be done · 2 wrong usage · 4 unreachable · 5 authentication refused · "
    "6 host key changed or not known · 7 the host may not be changed now · 8 a proof failed, and the host is back as "
    "it was · 9 a proof failed, and whether it is back could not be seen, or not all could be put back · "
    "130 interrupted."
)


def plan(
    target: options.TargetArgument = "",
    shape: Format = "terminal",
    output: Output = None,
    only: Only = None,
    skip: Skip = None,
    accept: Accept = None,
    preset: options.Preset = None,
    policy: options.PolicyFile = None,
    profile: options.ProfileFile = None,
    identity: options.Identity = None,
    accept_new: options.AcceptNew = False,
    ask_sudo_pass: options.AskSudoPass = False,
    secrets: SecretsFile = None,
    timeout: options.Timeout = 120,
    password_seconds: options.PasswordSeconds = 3,
    quiet: options.NoProgress = False,
    verbose: options.Verbose = False,
) -> int:
    """Show what 'thornwall harden' would change, to the byte, and what could lock you out. Changes nothing."""
    from thornwall.cli.audit import judging_for, reaching_for
    from thornwall.cli.console import out
    from thornwall.cli.output import write_file
    from thornwall.cli.owner import Keyholder, read_secrets, tell_idle_accepts
    from thornwall.cli.repeated import choosing, typed
    from thornwall.jobs.named import named
    from thornwall.jobs.plan import Wishes
    from thornwall.jobs.script import script_of
    from thornwall.model.plan import Answers
    from thornwall.report.plan import PLAN_FORMATS
    from thornwall.rules.settings import nearest

    if shape != "sh" and shape not in PLAN_FORMATS:
        raise UsageError(f"There is no format {shape!r}.", hint=nearest(shape, [*PLAN_FORMATS, "sh"]))
    known = read_secrets(secrets)
    ask_sudo_pass = ask_sudo_pass or secrets is not None
    reaching = reaching_for(identity, accept_new, ask_sudo_pass, False, timeout, password_seconds)
    # which accounts get a new password is part of a plan, the password is not; of the script it would have to be
    passwords = {} if shape == "sh" else known.passwords
    wishes = Wishes(Answers(passwords, _accepts(accept)), _choice(only, skip))
    found = _look(target, reaching, judging_for(target, preset, policy, profile), wishes, Keyholder(known), quiet=quiet)
    where = named(target, found.situation.capture.manifest)
    told = typed(where, identity=identity, preset=preset, policy=policy, profile=profile)
    made = replace(found.plan, typed=replace(told, choosing=choosing(only, skip, accept, secrets)))
    tell_idle_accepts(made)
    if shape == "terminal" and output is None:
        from thornwall.report.plan.terminal import render_terminal

        render_terminal(made, out, verbose=verbose)
        return Exit.OK
    text = script_of(made, wishes.choice, root=_root(target)) if shape == "sh" else PLAN_FORMATS[shape].render(made)
    if output is None:
        out.file.write(text)
    else:
        write_file(output, text)
    return Exit.OK


def _root(target: str) -> str:
    """Where the system that would be changed is mounted; / for one that runs."""
    from thornwall.transport.target import DirectoryTarget, parse_target

    named = parse_target(target)
    return str(named.path.resolve()) if isinstance(named, DirectoryTarget) else "/"


def _look(
    target: str, reaching: Reaching, judging: Judging, wishes: Wishes, person: Keyholder, *, quiet: bool
) -> Planned:
    import asyncio

    from thornwall.jobs.link import link_to
    from thornwall.jobs.plan import look, of_capture
    from thornwall.transport.target import CaptureTarget, parse_target

    named = parse_target(target)
    if isinstance(named, CaptureTarget):
        return of_capture(named.path, judging, wishes)
    link = link_to(target, reaching, person)
    with person.sees(f"Reading {target or 'this machine'}", quiet=quiet) as step:
        return asyncio.run(look(link, judging, wishes, step))


def harden(
    target: options.TargetArgument = "",
    yes: Yes = False,
    interactive: Interactive = False,
    confirm_within: ConfirmWithin = _WINDOW,
    secrets: SecretsFile = None,
    only: Only = None,
    skip: Skip = None,
    accept: Accept = None,
    preset: options.Preset = None,
    policy: options.PolicyFile = None,
    profile: options.ProfileFile = None,
    identity: options.Identity = None,
    accept_new: options.AcceptNew = False,
    timeout: options.Timeout = 120,
    password_seconds: options.PasswordSeconds = 3,
    quiet: options.NoProgress = False,
    verbose: options.Verbose = False,
) -> int:
    """Mend what can be mended, as one change that the device takes back by itself unless you can still log in."""
    import asyncio

    from thornwall.cli.audit import judging_for, reaching_for
    from thornwall.cli.console import err, out
    from thornwall.cli.console import interactive as somebody
    from thornwall.cli.owner import Owner, read_secrets
    from thornwall.cli.repeated import addressed, choosing, typed
    from thornwall.jobs.agreement import Wanted
    from thornwall.jobs.harden import harden as run
    from thornwall.jobs.link import link_to
    from thornwall.report.plan.outcome import render_terminal

    if not yes and not somebody():
        raise UsageError("There is nobody to ask.", hint="Add --yes, after a look at 'thornwall plan'.")
    known = read_secrets(secrets)
    owner = Owner(
        known,
        assume_yes=yes,
        one_by_one=interactive,
        quiet=quiet,
        verbose=verbose,
        window=confirm_within,
    )
    link = link_to(target, reaching_for(identity, accept_new, True, False, timeout, password_seconds), owner)
    wanted = Wanted(_choice(only, skip), _accepts(accept), confirm_within, frozenset(known.passwords))
    judging = judging_for(target, preset, policy, profile)
    with addressed(link.typed), owner.sees(target or "this machine", quiet=quiet) as step:
        outcome = asyncio.run(run(link, judging, owner, wanted, step))
    if outcome is None:
        err.print("Nothing was changed.")
        return Exit.OK
    told = typed(target, identity=identity if link.name else None, preset=preset, policy=policy, profile=profile)
    window = () if confirm_within == _WINDOW else ("--confirm-within", str(confirm_within))
    again = (*told.judging, *choosing(only, skip, accept, secrets), *window, *("--interactive",) * interactive)
    render_terminal(replace(outcome, reaching=told.reaching, again=again), out, verbose=verbose)
    return _ended(outcome)


def _ended(outcome: Outcome) -> Exit:
    """The code that says how it went."""
    if outcome.taken_back:
        return Exit.TAKEN_BACK if outcome.verified else Exit.UNSURE
    return Exit.OK if outcome.stands and not outcome.not_done else Exit.FINDINGS


def _choice(only: list[str] | None, skip: list[str] | None) -> Choice:
    """Raises UsageError for what is neither a rule nor an area, as `thornwall rules` has them."""
    from thornwall.plan.planner import Choice
    from thornwall.rules.registry import RULES
    from thornwall.rules.settings import nearest

    areas = {rule.subject for rule in RULES}
    names = {rule.id for rule in RULES} | areas
    for name in (*(only or ()), *(skip or ())):
        if name not in names:
            near = nearest(name, names)
            hint = near if near.startswith("Did you mean") else f"Areas are {', '.join(sorted(areas))}. {near}"
            raise UsageError(f"There is neither a rule nor an area {name!r}.", hint=hint)
    return Choice(frozenset(only or ()), frozenset(skip or ()))


def _accepts(names: list[str] | None) -> frozenset[str]:
    """Raises UsageError for what begins with the name of no interlock."""
    from thornwall.plan.interlocks.names import ANSWERABLE, BY_DEED
    from thornwall.rules.settings import nearest

    for name in names or ():
        interlock = name.partition(":")[0]
        if interlock not in ANSWERABLE | BY_DEED:
            near = nearest(interlock, ANSWERABLE)
            every = f"--accept takes: {', '.join(sorted(ANSWERABLE))}."
            hint = f"{near} {every}" if near.startswith("Did you mean") else every
            raise UsageError(f"There is no interlock {interlock!r}.", hint=hint)
    return frozenset(names or ())
