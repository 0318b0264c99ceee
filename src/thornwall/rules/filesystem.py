"""Modes, owners and mounts: what one walk of the local file systems saw."""

from __future__ import annotations

from thornwall.model.rule import Rule

RULES: tuple[Rule, ...] = ()
