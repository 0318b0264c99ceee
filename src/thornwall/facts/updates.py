"""Packages, updates that wait, and whether they come by themselves."""

from __future__ import annotations

from thornwall.model.capture import Capture
from thornwall.model.fact import Fact, Unknown
from thornwall.model.probe import Probe
from thornwall.model.updates import Updates

PROBES: tuple[Probe, ...] = ()


def parse(capture: Capture) -> Fact[Updates]:  # noqa: ARG001
    """Not read yet."""
    return Unknown("it was not read")
