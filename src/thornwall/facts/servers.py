"""Configuration of the programs that serve others: web, brokers, databases, shares."""

from __future__ import annotations

from thornwall.model.capture import Capture
from thornwall.model.fact import Fact, Unknown
from thornwall.model.probe import Probe
from thornwall.model.servers import Servers

PROBES: tuple[Probe, ...] = ()


def parse(capture: Capture) -> Fact[Servers]:  # noqa: ARG001
    """Not read yet."""
    return Unknown("it was not read")
