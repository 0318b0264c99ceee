"""Wi-Fi and Bluetooth: what is on, and how it is protected."""

from __future__ import annotations

from thornwall.model.rule import Rule

RULES: tuple[Rule, ...] = ()
