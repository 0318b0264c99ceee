"""Where logs go, and whether they last."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Logs:
    """Where logs go, and whether they last."""
