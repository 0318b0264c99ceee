"""Fixes of the rules about updates."""

from __future__ import annotations

from thornwall.plan.fix import Fix

FIXES: tuple[Fix, ...] = ()
