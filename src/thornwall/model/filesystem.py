"""Modes, owners and mounts: what one walk of the local file systems saw."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FileSystem:
    """Modes, owners and mounts: what one walk of the local file systems saw."""
