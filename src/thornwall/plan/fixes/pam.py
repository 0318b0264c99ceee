"""Fixes of the rules about pam."""

from __future__ import annotations

from thornwall.plan.fix import Fix

FIXES: tuple[Fix, ...] = ()
