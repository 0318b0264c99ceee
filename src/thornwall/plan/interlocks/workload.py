"""Interlocks: workload."""

from __future__ import annotations

from thornwall.plan.fix import Interlock

INTERLOCKS: tuple[Interlock, ...] = ()
