"""Who may become whom through sudo."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sudo:
    """Who may become whom through sudo."""
