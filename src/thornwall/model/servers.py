"""Configuration of the programs that serve others: web, brokers, databases, shares."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Servers:
    """Configuration of the programs that serve others: web, brokers, databases, shares."""
