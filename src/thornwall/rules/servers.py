"""Configuration of the programs that serve others: web, brokers, databases, shares."""

from __future__ import annotations

from thornwall.model.rule import Rule

RULES: tuple[Rule, ...] = ()
