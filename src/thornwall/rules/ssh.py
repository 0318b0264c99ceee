"""The SSH server as it judges a login."""

from __future__ import annotations

from thornwall.model.rule import Rule

RULES: tuple[Rule, ...] = ()
