"""What PAM demands at a login and at a change of password."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pam:
    """What PAM demands at a login and at a change of password."""
