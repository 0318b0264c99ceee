"""The boot partition: config.txt, cmdline.txt, first-boot seeds."""

from __future__ import annotations

from thornwall.model.rule import Rule

RULES: tuple[Rule, ...] = ()
