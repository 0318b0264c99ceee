"""Units: what starts at boot, and what runs."""

from __future__ import annotations

from thornwall.model.capture import Capture
from thornwall.model.fact import Fact, Unknown
from thornwall.model.probe import Probe
from thornwall.model.services import Services

PROBES: tuple[Probe, ...] = ()


def parse(capture: Capture) -> Fact[Services]:  # noqa: ARG001
    """Not read yet."""
    return Unknown("it was not read")
