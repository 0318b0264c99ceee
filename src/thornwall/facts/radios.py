"""Wi-Fi and Bluetooth: what is on, and how it is protected."""

from __future__ import annotations

from thornwall.model.capture import Capture
from thornwall.model.fact import Fact, Unknown
from thornwall.model.probe import Probe
from thornwall.model.radios import Radios

PROBES: tuple[Probe, ...] = ()


def parse(capture: Capture) -> Fact[Radios]:  # noqa: ARG001
    """Not read yet."""
    return Unknown("it was not read")
