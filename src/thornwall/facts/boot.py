"""The boot partition: config.txt, cmdline.txt, first-boot seeds."""

from __future__ import annotations

from thornwall.model.boot import Boot
from thornwall.model.capture import Capture
from thornwall.model.fact import Fact, Unknown
from thornwall.model.probe import Probe

PROBES: tuple[Probe, ...] = ()


def parse(capture: Capture) -> Fact[Boot]:  # noqa: ARG001
    """Not read yet."""
    return Unknown("it was not read")
