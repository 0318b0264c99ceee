"""The options of this command that the next one, which is printed to be typed, has to repeat. None holds a secret."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from thornwall.errors import ThornwallError
from thornwall.model.typed import Typed

_BARE = re.compile(r"\bthornwall (?:undo|history|status|confirm)(?=$|['.,;:])")


@contextmanager
def addressed(typed: str) -> Iterator[None]:
    """Errors in here name commands without a host, as a device does: `typed`, the host's name, goes with them."""
    try:
        yield
    except ThornwallError as error:
        if typed and error.hint:
            error.hint = _BARE.sub(lambda found: f"{found[0]} {typed}", error.hint)
        raise


def typed(
    target: str,
    *,
    identity: Path | None,
    preset: str | None,
    policy: Path | None,
    profile: Path | None,
    ask_sudo_pass: bool = False,
) -> Typed:
    """How the host was named, reached and judged. `harden` asks for sudo's password by itself."""
    reaching = (*_words("--identity", identity), *(["--ask-sudo-pass"] if ask_sudo_pass else []))
    judging = (*_words("--preset", preset), *_words("--policy", policy), *_words("--profile", profile))
    return Typed(target, reaching, judging)


def choosing(
    only: list[str] | None, skip: list[str] | None, accept: list[str] | None, secrets: Path | None
) -> tuple[str, ...]:
    """What of a plan is done; the file of secrets by its name, unless it was standard input."""
    kept = None if secrets is None or str(secrets) == "-" else secrets
    named = (("--only", only), ("--skip", skip), ("--accept", accept))
    words = [word for name, values in named for word in _words(name, *(values or ()))]
    return (*words, *_words("--secrets", kept))


def _words(name: str, *values: str | Path | None) -> tuple[str, ...]:
    return tuple(word for value in values if value is not None for word in (name, str(value)))
