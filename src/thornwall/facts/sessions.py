"""/etc/profile and what belongs to it, limits of sessions, core dumps, the texts before a login."""

from __future__ import annotations

import posixpath

from thornwall.facts.redact import PLAIN, TEXT
from thornwall.model.capture import Capture, FileRecord
from thornwall.model.fact import Fact, Known, Unknown
from thornwall.model.probe import Probe, Read
from thornwall.model.sessions import Sessions

# in the order in which they are read; of settings the last word counts
_FILES = (
    *("/etc/profile.d/*.sh", "/etc/profile", "/etc/bash.bashrc"),
    *("/etc/security/limits.conf", "/etc/security/limits.d/*.conf"),
    "/etc/systemd/coredump.conf",
)
_DROP_INS = tuple(f"{folder}/systemd/coredump.conf.d/*.conf" for folder in ("/usr/lib", "/run", "/etc"))
_TEXTS = ("/etc/issue", "/etc/issue.net")

PROBES: tuple[Probe, ...] = (
    *(Read(path, TEXT) for path in (*_FILES, *_DROP_INS)),
    *(Read(path, PLAIN, limit=16_384) for path in _TEXTS),
)


def parse(capture: Capture) -> Fact[Sessions]:
    """Always Known: what could not be read is in `unread`."""
    found: dict[str, Fact[FileRecord]] = {}
    for pattern in (*_FILES, *_TEXTS):
        found |= dict(capture.glob(pattern))
        if blocked := capture.blocked(pattern):
            found[pattern] = blocked
    # drop-ins: by name, and of two of a name the one in /etc
    named: dict[str, tuple[str, Fact[FileRecord]]] = {}
    for pattern in _DROP_INS:
        if blocked := capture.blocked(pattern):
            found[pattern] = blocked
        named |= {posixpath.basename(path): (path, fact) for path, fact in capture.glob(pattern)}
    found |= dict(named[name] for name in sorted(named))
    files: dict[str, tuple[str, ...]] = {}
    unread: dict[str, Unknown] = {}
    for path, fact in found.items():
        match fact:
            case Known(record):
                files[path] = tuple(record.text.split("\n"))
            case Unknown() as why:
                unread[path] = why
            case _:
                continue
    return Known(Sessions(files, unread))
