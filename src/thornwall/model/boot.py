"""The boot partition: config.txt, cmdline.txt, first-boot seeds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Boot:
    """The boot partition: config.txt, cmdline.txt, first-boot seeds."""
