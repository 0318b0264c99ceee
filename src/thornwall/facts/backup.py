"""What backs the device up."""

from __future__ import annotations

from thornwall.model.backup import Backup
from thornwall.model.capture import Capture
from thornwall.model.fact import Fact, Unknown
from thornwall.model.probe import Probe

PROBES: tuple[Probe, ...] = ()


def parse(capture: Capture) -> Fact[Backup]:  # noqa: ARG001
    """Not read yet."""
    return Unknown("it was not read")
