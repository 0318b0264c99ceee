"""Kernel settings, modules and mandatory access control."""

from __future__ import annotations

from thornwall.model.capture import Capture
from thornwall.model.fact import Fact, Unknown
from thornwall.model.kernel import Kernel
from thornwall.model.probe import Probe

PROBES: tuple[Probe, ...] = ()


def parse(capture: Capture) -> Fact[Kernel]:  # noqa: ARG001
    """Not read yet."""
    return Unknown("it was not read")
