"""What the packet filter lets in."""

from __future__ import annotations

from thornwall.model.rule import Rule

RULES: tuple[Rule, ...] = ()
