"""The SSH server as it judges a login."""

from __future__ import annotations

from thornwall.model.capture import Capture
from thornwall.model.fact import Fact, Unknown
from thornwall.model.probe import Probe
from thornwall.model.ssh import SshServer

PROBES: tuple[Probe, ...] = ()


def parse(capture: Capture) -> Fact[SshServer]:  # noqa: ARG001
    """Not read yet."""
    return Unknown("it was not read")
