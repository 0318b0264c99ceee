"""Fixes of the rules about sudo."""

from __future__ import annotations

from thornwall.plan.fix import Fix

FIXES: tuple[Fix, ...] = ()
