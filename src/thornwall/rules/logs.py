"""Where logs go, and whether they last."""

from __future__ import annotations

from thornwall.model.rule import Rule

RULES: tuple[Rule, ...] = ()
