"""What could back the device up, and copies of it that lie about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from thornwall.model.fact import Fact, Unknown
from thornwall.model.record import record


@record
class Copy:
    """A file that by its name is an image or an archive of the device. `readable`: every account can get at it."""

    path: str
    mode: int
    user: str
    size: int
    readable: bool


NOT_READ = Unknown("it was not read")


@record
class Backup:
    """`scripts`: path -> text of the programs that jobs may run, secrets masked. `denied`: those that may not be read.

    `user_timers`: path of the link that starts a timer of a person's own systemd -> text of its service. `copies`:
    images and archives in home directories and usual places.
    """

    scripts: Mapping[str, str] = field(default_factory=dict)
    denied: tuple[str, ...] = ()
    user_timers: Mapping[str, str] = field(default_factory=dict)
    copies: Fact[tuple[Copy, ...]] = NOT_READ
