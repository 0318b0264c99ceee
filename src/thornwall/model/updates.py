"""Packages, updates that wait, and whether they come by themselves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Updates:
    """Packages, updates that wait, and whether they come by themselves."""
