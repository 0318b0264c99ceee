"""What the packet filter lets in."""

from __future__ import annotations

from thornwall.model.capture import Capture
from thornwall.model.fact import Fact, Unknown
from thornwall.model.firewall import Firewall
from thornwall.model.probe import Probe

PROBES: tuple[Probe, ...] = ()


def parse(capture: Capture) -> Fact[Firewall]:  # noqa: ARG001
    """Not read yet."""
    return Unknown("it was not read")
