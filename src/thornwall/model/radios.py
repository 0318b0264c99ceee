"""Wi-Fi and Bluetooth: what is on, and how it is protected."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Radios:
    """Wi-Fi and Bluetooth: what is on, and how it is protected."""
