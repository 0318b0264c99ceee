"""Fixes of the rules about filesystem."""

from __future__ import annotations

from thornwall.plan.fix import Fix

FIXES: tuple[Fix, ...] = ()
