"""The commands of thornwall."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Annotated

import typer

from thornwall import __version__
from thornwall.errors import Exit, ThornwallError

_ABOUT = "Audit Raspberry Pis and other small Linux computers: what is wrong, how bad it is there, what to do first."

# The module below thornwall.cli that adds each command.
COMMANDS = {
    "audit": "audit",
    "capture": "audit",
    "surface": "audit",
    "plan": "harden",
    "harden": "harden",
    "undo": "undo",
    "history": "undo",
    "status": "undo",
    "confirm": "undo",
    "forget": "undo",
    "explain": "know",
    "rules": "know",
    "attest": "people",
    "profile": "people",
}


def build(wanted: str = "") -> typer.Typer:
    """The command line with the command that is wanted and its neighbours; with all where that is none of ours.

    All of them are needed for the help, for a mistyped word and for completion alone, and take a tenth of the
    time that `audit --help` has.
    """
    app = typer.Typer(
        name="thornwall",
        help=_ABOUT,
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    modules = [COMMANDS[wanted]] if wanted in COMMANDS else dict.fromkeys(COMMANDS.values())
    for name in modules:
        import_module(f"thornwall.cli.{name}").register(app)
    return app


def _root(
    version: Annotated[bool, typer.Option("--version", "-V", help="Show the version.", is_eager=True)] = False,
) -> None:
    if version:
        sys.stdout.write(f"thornwall {__version__}\n")
        raise typer.Exit


def run() -> int:
    """Run the command line; its exit code. Every error ends here, as words for a person."""
    try:
        result = build(sys.argv[1] if len(sys.argv) > 1 else "")(standalone_mode=False)
        sys.stdout.flush()
    except _usage_error() as error:
        error.show()  # type: ignore[attr-defined]
        return Exit.USAGE
    except ThornwallError as error:
        from thornwall.cli.console import show_error

        show_error(error)
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt, EOFError) as error:
        # Typer makes something else of the other two: an Abort, or of Ctrl-C a mere result
        if isinstance(error.__cause__ or error, EOFError):
            sys.stderr.write("The input ended where an answer was needed; nothing was changed.\n")
            return Exit.USAGE
        result = Exit.INTERRUPTED
    except BrokenPipeError:
        # whoever read our output has closed it; Python must not complain when it flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except Exception as error:  # noqa: BLE001 - the last resort: a fault of our own is no reason for a traceback
        return _fault(error)
    if result == Exit.INTERRUPTED:
        # (what had begun on a host is another error: StoppedError)
        sys.stderr.write("\nInterrupted; nothing was changed.\n")
    return result if isinstance(result, int) else Exit.OK


def _usage_error() -> type[BaseException]:
    """click's ClickException: Typer exports only what is below it, and from 0.26 on has a click of its own."""
    return typer.BadParameter.__mro__[2]


def _fault(error: Exception) -> int:
    if os.environ.get("THORNWALL_DEBUG"):
        raise error
    sys.stderr.write(
        f"Error: a fault of thornwall's own: {type(error).__name__}: {str(error)[:300]!a}\n"
        "Hint: please report it; THORNWALL_DEBUG=1 shows where it happened.\n"
    )
    return Exit.INTERNAL
