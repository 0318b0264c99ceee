"""How a host is named and reached on the command line, for the commands that are printed to be typed."""

from __future__ import annotations

from thornwall.model.record import record

HERE = "this machine"  # what reports call it
LOCAL = "local:"  # and what a command does


@record
class Typed:
    """A target, and the options that a command about it has to repeat. No target: no command can name the host.

    `reaching`: how it is reached; `judging`: what it is judged by; `choosing`: what of a plan is done. `plans`: what
    was read can be planned for and changed; a capture cannot.
    """

    target: str = ""
    reaching: tuple[str, ...] = ()
    judging: tuple[str, ...] = ()
    choosing: tuple[str, ...] = ()
    plans: bool = False
