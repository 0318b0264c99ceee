"""What PAM demands at a login and at a change of password."""

from __future__ import annotations

from thornwall.model.capture import Capture
from thornwall.model.fact import Fact, Unknown
from thornwall.model.pam import Pam
from thornwall.model.probe import Probe

PROBES: tuple[Probe, ...] = ()


def parse(capture: Capture) -> Fact[Pam]:  # noqa: ARG001
    """Not read yet."""
    return Unknown("it was not read")
