"""Units: what starts at boot, and what runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Services:
    """Units: what starts at boot, and what runs."""
