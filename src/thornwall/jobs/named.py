"""What a command calls the host that was read, whatever the target was that it was read from."""

from __future__ import annotations

from thornwall.errors import UsageError
from thornwall.model.capture import Manifest
from thornwall.model.typed import LOCAL
from thornwall.transport.target import CaptureTarget, LocalTarget, SshTarget, capture_typed, parse_host, parse_target


def host_of(manifest: Manifest) -> SshTarget | None:
    """The host that a capture was made of over SSH. Whoever sent the capture wrote that: it is a host, or nothing."""
    try:
        return parse_host(manifest.target) if manifest.source == "ssh" else None
    except UsageError:
        return None


def answered(target: str, manifest: Manifest) -> str:
    """The word under which answers are kept: a capture that names no host keeps its own."""
    match parse_target(target):
        case CaptureTarget(path):
            return named(target, manifest) or capture_typed(path)
        case _:
            return named(target, manifest)


def can_be_planned(target: str) -> bool:
    """Whether it is a host or a root, and not what was kept of one."""
    return not isinstance(parse_target(target), CaptureTarget)


def named(target: str, manifest: Manifest) -> str:
    """The word for it; empty where there is none: a capture of a machine by itself, or of a mounted root."""
    match parse_target(target):
        case LocalTarget():
            return LOCAL
        case CaptureTarget():
            host = host_of(manifest)
            return f"ssh:{host}" if host and not host.user else str(host or "")
        case SshTarget():
            return target  # as it was typed: without a prefix it might name a folder here as well
        case directory:
            return str(directory.path.resolve())
