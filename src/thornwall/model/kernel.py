"""Kernel settings, modules and mandatory access control."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kernel:
    """Kernel settings, modules and mandatory access control."""
