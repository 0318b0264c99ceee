"""Modes, owners and mounts: what one walk of the local file systems saw."""

from __future__ import annotations

from thornwall.model.capture import Capture
from thornwall.model.fact import Fact, Unknown
from thornwall.model.filesystem import FileSystem
from thornwall.model.probe import Probe

PROBES: tuple[Probe, ...] = ()


def parse(capture: Capture) -> Fact[FileSystem]:  # noqa: ARG001
    """Not read yet."""
    return Unknown("it was not read")
