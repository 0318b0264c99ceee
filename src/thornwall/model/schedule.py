"""What runs by itself: cron, timers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Schedule:
    """What runs by itself: cron, timers."""
