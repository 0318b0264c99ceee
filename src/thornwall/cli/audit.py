"""`audit`, `capture` and `surface`: the commands that read a host."""

from __future__ import annotations

import datetime as dt
import shlex
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thornwall.cli import options
from thornwall.errors import Exit, UsageError

if TYPE_CHECKING:
    from thornwall.jobs.judging import Judging
    from thornwall.jobs.reach import Answer, Reaching


class FailOn(StrEnum):
    """The least risk that makes the exit code 1."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    EXTREME = "extreme"
    NEVER = "never"


class Shape(StrEnum):
    """How the surface is written."""

    TERMINAL = "terminal"
    JSON = "json"
    HTML = "html"
    MARKDOWN = "markdown"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog=_CODES)(audit)
    app.command()(capture)
    app.command()(surface)


_CODES = (
    "Exit codes: 0 nothing at or above --fail-on · 1 something · 2 wrong usage · 3 what could not be read might hide "
    "something at that level · 4 unreachable · 5 authentication refused · 6 host key changed or not known."
)


def audit(
    target: options.TargetArgument = "",
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format", "-f", metavar="FORMAT", help="terminal, json, html, sarif, junit, csv, markdown. Several too."
        ),
    ] = None,
    output: options.Output = None,
    fail_on: Annotated[FailOn, typer.Option(help="The least risk that makes the exit code 1.")] = FailOn.HIGH,
    preset: options.Preset = None,
    policy: options.PolicyFile = None,
    profile: options.ProfileFile = None,
    identity: options.Identity = None,
    accept_new: options.AcceptNew = False,
    ask_sudo_pass: options.AskSudoPass = False,
    no_sudo: options.NoSudo = False,
    timeout: options.Timeout = 120,
    password_seconds: options.PasswordSeconds = 3,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Find what is wrong with a host, ranked by what the device does, with evidence and remedy. Changes nothing."""
    from thornwall.cli.output import destinations, write_report
    from thornwall.model.finding import Risk

    where = destinations(formats or [], output or [])
    reaching = reaching_for(identity, accept_new, ask_sudo_pass, no_sudo, timeout, password_seconds)
    judging = judging_for(target, preset, policy, profile)
    answer = _read(target, reaching, quiet=quiet)
    from thornwall.cli.repeated import typed
    from thornwall.jobs.audit import assess, exit_code
    from thornwall.jobs.named import answered, can_be_planned
    from thornwall.jobs.store import with_host

    told = typed(
        answered(target, answer.capture.manifest),
        identity=identity,
        preset=preset,
        policy=policy,
        profile=profile,
        ask_sudo_pass=ask_sudo_pass,
    )
    live = can_be_planned(target)
    judging = judging if live else with_host(judging, answer.capture.manifest)
    report = assess(answer.capture, judging, address=answer.address)
    report = replace(report, typed=replace(told, plans=live))
    write_report(report, where, verbose=verbose, quiet=quiet)
    return exit_code(report, None if fail_on is FailOn.NEVER else Risk(str(fail_on)))


def capture(
    target: options.TargetArgument = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The .tar.gz to write; needed.")
    ] = None,
    identity: options.Identity = None,
    accept_new: options.AcceptNew = False,
    ask_sudo_pass: options.AskSudoPass = False,
    no_sudo: options.NoSudo = False,
    timeout: options.Timeout = 120,
    password_seconds: options.PasswordSeconds = 3,
    quiet: options.NoProgress = False,
) -> int:
    """Keep the evidence of a host as a plain .tar.gz: to audit later, to compare, or to send. Holds no secrets."""
    from thornwall.cli.console import err
    from thornwall.cli.output import can_be_written
    from thornwall.collect.archive import save
    from thornwall.transport.target import capture_typed

    if output is None:
        raise UsageError("Where should the capture go?", hint="Add -o FILE.tar.gz.")
    can_be_written([output])
    reaching = reaching_for(identity, accept_new, ask_sudo_pass, no_sudo, timeout, password_seconds)
    answer = _read(target, reaching, quiet=quiet, judged=False)
    save(answer.capture, output)
    if not quiet:
        audited = shlex.quote(capture_typed(output))
        err.print(f"Wrote {output}; audit it with: thornwall audit {audited}", markup=False, soft_wrap=True)
    return Exit.OK


def surface(
    target: options.TargetArgument = "",
    shape: Annotated[Shape, typer.Option("--format", "-f", help="How it is written.")] = Shape.TERMINAL,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there.")] = None,
    identity: options.Identity = None,
    accept_new: options.AcceptNew = False,
    ask_sudo_pass: options.AskSudoPass = False,
    no_sudo: options.NoSudo = False,
    timeout: options.Timeout = 120,
    quiet: options.NoProgress = False,
) -> int:
    """Show the attack surface: sockets and who can reach them, connections, radios, ports, ways in, people."""
    from thornwall.cli.output import can_be_written, write_surface

    can_be_written([output] if output else [])
    reaching = reaching_for(identity, accept_new, ask_sudo_pass, no_sudo, timeout, password_seconds=0)
    answer = _read(target, reaching, quiet=quiet)
    from thornwall.jobs.audit import surface_of

    host, found = surface_of(answer.capture, address=answer.address)
    write_surface(found, host, answer.capture.manifest.target, str(shape), output)
    return Exit.OK


def reaching_for(
    identity: Path | None,
    accept_new: bool,
    ask_sudo_pass: bool,
    no_sudo: bool,
    timeout: float,
    password_seconds: float,
) -> Reaching:
    """The options as one. Raises UsageError."""
    from thornwall.jobs.reach import Reaching

    if ask_sudo_pass and no_sudo:
        raise UsageError("--ask-sudo-pass and --no-sudo exclude each other.")
    return Reaching(
        identity=identity,
        accept_new=accept_new,
        become="password" if ask_sudo_pass else "never" if no_sudo else "if-possible",
        seconds=timeout,
        password_seconds=password_seconds,
    )


def _read(target: str, reaching: Reaching, *, quiet: bool, judged: bool = True) -> Answer:
    from thornwall.cli import ahead
    from thornwall.cli.console import Person, interactive
    from thornwall.jobs.reach import read_target
    from thornwall.transport.base import Nobody

    person = Person()
    with person.sees(f"Reading {target or 'this machine'}", quiet=quiet) as step:
        asker = person if interactive() else Nobody()
        return read_target(target, reaching, asker, ahead.beside(ahead.judging, step) if judged else step)


def read_for(target: str, identity: Path | None, accept_new: bool, ask_sudo_pass: bool, *, quiet: bool) -> Answer:
    """Read a host for another command, without trying passwords on it."""
    reaching = reaching_for(identity, accept_new, ask_sudo_pass, no_sudo=False, timeout=120, password_seconds=0)
    return _read(target, reaching, quiet=quiet)


def judging_for(target: str, preset: str | None, policy: Path | None, profile: Path | None) -> Judging:
    """What is judged by: policy, profile, and what was answered before."""
    from thornwall.jobs import store
    from thornwall.jobs.judging import Judging

    return Judging(
        today=dt.datetime.now(dt.UTC).date().isoformat(),
        policy=store.policy(policy, preset),
        profile=store.profile(profile, target),
        profile_told=profile is not None or store.profile_path(target).exists(),
        attestations=store.attestations(store.attestations_path(), store.key(target)),
    )
