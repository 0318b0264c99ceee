"""Sockets, addresses, routes and connections."""

from __future__ import annotations

from thornwall.model.capture import Capture
from thornwall.model.fact import Fact, Unknown
from thornwall.model.network import Network
from thornwall.model.probe import Probe

PROBES: tuple[Probe, ...] = ()


def parse(capture: Capture) -> Fact[Network]:  # noqa: ARG001
    """Not read yet."""
    return Unknown("it was not read")
