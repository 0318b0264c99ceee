"""The accounts of the host, and how each can be entered."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts of the host, and how each can be entered."""
