"""The SSH server as it judges a login."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SshServer:
    """The SSH server as it judges a login."""
