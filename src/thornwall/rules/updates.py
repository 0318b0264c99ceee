"""Packages, updates that wait, and whether they come by themselves."""

from __future__ import annotations

from thornwall.model.rule import Rule

RULES: tuple[Rule, ...] = ()
