"""Sockets, addresses, routes and connections."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Network:
    """Sockets, addresses, routes and connections."""
