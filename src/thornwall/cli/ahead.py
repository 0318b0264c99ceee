"""What is needed once the host has answered, got ready while it is still at work: that is most of an audit's time."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

from thornwall.cli.console import Step


def beside(work: Callable[[], object], step: Step) -> Step:
    """`step`, which at its first call, when the host is at work, begins `work` in a thread."""
    begun = False

    def stepped(name: str) -> None:
        nonlocal begun
        if not begun:
            begun = True
            Thread(target=work).start()
        step(name)

    return stepped


def judging() -> None:
    """Import what judges and shows, and read what the rules say of themselves."""
    import thornwall.jobs.audit
    import thornwall.report.terminal  # noqa: F401
    from thornwall.rules.registry import RULES

    for rule in RULES:
        rule.remedy()
