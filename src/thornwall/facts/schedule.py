"""What runs by itself: cron, timers."""

from __future__ import annotations

from thornwall.model.capture import Capture
from thornwall.model.fact import Fact, Unknown
from thornwall.model.probe import Probe
from thornwall.model.schedule import Schedule

PROBES: tuple[Probe, ...] = ()


def parse(capture: Capture) -> Fact[Schedule]:  # noqa: ARG001
    """Not read yet."""
    return Unknown("it was not read")
