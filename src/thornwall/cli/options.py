"""The options that several commands share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

_HOW = "How the host is reached"
_WHAT = "What is judged"

TargetArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="[TARGET]",
        show_default=False,
        help="Nothing: this machine. user@host[:port] or an alias of ~/.ssh/config: over SSH. A directory: the root "
        "file system in it. A .tar.gz: a capture. ssh:, dir: or capture: in front settle any doubt.",
    ),
]
Identity: TypeAlias = Annotated[
    Path | None,
    typer.Option("--identity", "-i", metavar="FILE", help="Private key to log in with.", rich_help_panel=_HOW),
]
AcceptNew: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--accept-new", help="Accept the key of a host never seen before; never a changed one.", rich_help_panel=_HOW
    ),
]
AskSudoPass: TypeAlias = Annotated[
    bool, typer.Option("--ask-sudo-pass", "-K", help="Ask for the sudo password on the host.", rich_help_panel=_HOW)
]
SudoSecret: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--secrets",
        metavar="FILE",
        help="The file of 'harden --secrets': sudo's password. - is standard input.",
        rich_help_panel=_HOW,
    ),
]
NoSudo: TypeAlias = Annotated[
    bool, typer.Option("--no-sudo", help="Read as the login user; say what stays unknown.", rich_help_panel=_HOW)
]
Timeout: TypeAlias = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=1, help="For the whole read.", rich_help_panel=_HOW)
]
PasswordSeconds: TypeAlias = Annotated[
    float,
    typer.Option(
        "--password-seconds",
        metavar="SECONDS",
        min=0,
        max=600,
        help="CPU time on the device for trying known default passwords; 0 tries none.",
        rich_help_panel=_HOW,
    ),
]
Preset: TypeAlias = Annotated[
    str | None,
    typer.Option("--preset", metavar="NAME", help="documents, recommended or strict.", rich_help_panel=_WHAT),
]
PolicyFile: TypeAlias = Annotated[
    Path | None,
    typer.Option("--policy", metavar="FILE", help="Policy (TOML): rules, values, waivers.", rich_help_panel=_WHAT),
]
ProfileFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--profile",
        metavar="FILE",
        help="What the device is for (TOML); by default what 'thornwall profile init' kept for it.",
        rich_help_panel=_WHAT,
    ),
]
Output: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="Write there; its suffix decides, or --format. Several at once."
    ),
]
NoProgress: TypeAlias = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, and no word of success.")]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", "-q", help="Only the score and the counts; no progress.")]
Verbose: TypeAlias = Annotated[bool, typer.Option("--verbose", "-v", help="Everything, at full length.")]
