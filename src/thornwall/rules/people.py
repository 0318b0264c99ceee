"""What no program can see: questions about the place, the network around, the people, the habits."""

from __future__ import annotations

from thornwall.model.rule import Rule

RULES: tuple[Rule, ...] = ()
