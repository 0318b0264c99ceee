"""Fixes of the rules about ssh."""

from __future__ import annotations

from thornwall.plan.fix import Fix

FIXES: tuple[Fix, ...] = ()
