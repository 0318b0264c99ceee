"""The accounts of the host, and how each can be entered."""

from __future__ import annotations

from thornwall.model.accounts import Accounts
from thornwall.model.capture import Capture
from thornwall.model.fact import Fact, Unknown
from thornwall.model.probe import Probe

PROBES: tuple[Probe, ...] = ()


def parse(capture: Capture) -> Fact[Accounts]:  # noqa: ARG001
    """Not read yet."""
    return Unknown("it was not read")
