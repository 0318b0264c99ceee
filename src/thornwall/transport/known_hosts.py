"""The known_hosts files of OpenSSH: which keys are trusted for a host, where each one stands, and how one is added.

Lines that are not understood are skipped, as ssh(1) does; names match as in sshd(8), SSH_KNOWN_HOSTS FILE FORMAT.
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hmac
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

_MAX_FILE = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class KnownKey:
    """One line. `marker`: empty, `cert-authority` or `revoked`; `key`: 'ssh-ed25519 AAAA…'."""

    file: Path
    line: int
    marker: str
    key: str

    @property
    def algorithm(self) -> str:
        """The key's type, such as ssh-ed25519."""
        return self.key.partition(" ")[0]

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Trust:
    """What is known of a host: its keys, the authorities that may certify it, and keys that must not be used.

    `elsewhere`: keys of the same host name without the port, good enough to trust, no reason to distrust.
    """

    keys: tuple[KnownKey, ...] = ()
    authorities: tuple[KnownKey, ...] = ()
    revoked: tuple[KnownKey, ...] = ()
    elsewhere: tuple[KnownKey, ...] = ()


def name_of(host: str, port: int) -> str:
    """How a host is written in the file: `host`, or `[host]:port` where the port is not 22."""
    return host.lower() if port == 22 else f"[{host.lower()}]:{port}"


def look_up(files: Iterable[Path], host: str, port: int) -> Trust:
    """What the files say of a host. A file that cannot be read says nothing."""
    name = name_of(host, port)
    found: dict[str, list[KnownKey]] = {"": [], "cert-authority": [], "revoked": [], "elsewhere": []}
    for file in files:
        for number, line in enumerate(_lines(file), 1):
            entry = _split(line)
            if entry is None:
                continue
            marker, patterns, key = entry
            if _matches(patterns, name):
                found[marker].append(KnownKey(file, number, marker, key))
            elif not marker and name != host.lower() and _matches(patterns, host.lower()):
                found["elsewhere"].append(KnownKey(file, number, marker, key))
    return Trust(*(tuple(found[kind]) for kind in ("", "cert-authority", "revoked", "elsewhere")))


def add(file: Path, host: str, port: int, key: str, *, hashed: bool) -> None:
    """Append a key in one write, so that two writers do not mix; a new file is for the owner alone. Raises OSError."""
    name = name_of(host, port)
    if hashed:
        salt = secrets.token_bytes(20)
        name = f"|1|{_base64(salt)}|{_base64(_digest(salt, name))}"
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        glue = b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""
        os.write(descriptor, glue + f"{name} {key}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lines(file: Path) -> Sequence[str]:
    try:
        with file.open("rb") as stream:
            return stream.read(_MAX_FILE).decode("utf-8", "replace").split("\n")
    except OSError:
        return ()


def _split(line: str) -> tuple[str, str, str] | None:
    words = line.split()
    marker = ""
    if words and words[0].startswith("@"):
        marker = words.pop(0)[1:]
    if len(words) < 3 or words[0].startswith("#") or marker not in {"", "cert-authority", "revoked"}:
        return None
    return marker, words[0], f"{words[1]} {words[2]}"


def _matches(patterns: str, name: str) -> bool:
    if patterns.startswith("|"):
        return _matches_hash(patterns, name)
    matched = False
    for pattern in patterns.lower().split(","):
        negated = pattern.startswith("!")
        # brackets are part of a name here, not a set of characters
        if fnmatch.fnmatchcase(name, pattern.removeprefix("!").replace("[", "[[]")):
            if negated:
                return False
            matched = True
    return matched


def _matches_hash(pattern: str, name: str) -> bool:
    try:
        _, version, salt, digest = pattern.split("|")
        return version == "1" and hmac.compare_digest(_digest(base64.b64decode(salt), name), base64.b64decode(digest))
    except (ValueError, binascii.Error):
        return False


def _digest(salt: bytes, name: str) -> bytes:
    return hmac.digest(salt, name.encode(), "sha1")


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
