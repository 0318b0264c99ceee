"""What the packet filter lets in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Firewall:
    """What the packet filter lets in."""
