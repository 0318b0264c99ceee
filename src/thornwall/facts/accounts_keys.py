"""authorized_keys(8): whose keys open which account."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping

from thornwall.facts.accounts_redact import KEYS
from thornwall.model.accounts import Account, AuthorizedKey, KeyFile
from thornwall.model.capture import SUDO, Capture, FileRecord
from thornwall.model.fact import Known, Unknown
from thornwall.model.probe import Probe, Read

NAMES = ("authorized_keys", "authorized_keys2")
HOMES = ("/root", "/home/*", "/var/*", "/var/lib/*", "/srv/*", "/opt/*")
PROBES: tuple[Probe, ...] = tuple(Read(f"{home}/.ssh/{name}", KEYS) for home in HOMES for name in NAMES)

_KEY = re.compile(
    r"(?:(?P<options>(?:[^\"\s]|\"(?:[^\"\\]|\\.)*\")+)[ \t]+)??"
    r"(?P<kind>(?:ssh|ecdsa|sk)-[a-z0-9@.-]+)[ \t]+(?P<blob>AAAA[A-Za-z0-9+/]+=*)(?:[ \t]+(?P<comment>.*))?"
)
_OPTION = re.compile(r"[A-Za-z0-9-]+(?:=(?:\"(?:[^\"\\]|\\.)*\"|[^,\"]*))?")


def key_files(capture: Capture, accounts: Mapping[str, Account]) -> tuple[tuple[KeyFile, ...], dict[str, Unknown]]:
    """The key files that were read, and by account why its files could not be."""
    owners = {account.home.rstrip("/"): account.name for account in accounts.values()}
    found: list[KeyFile] = []
    unread: dict[str, Unknown] = {}
    for probe in PROBES:
        if not isinstance(probe, Read):
            continue
        for path, fact in capture.glob(probe.pattern):
            name = owners.get(path.rpartition("/.ssh/")[0], "")
            match fact:
                case Known(record):
                    found.append(_file(path, name, record))
                case Unknown() as unknown if name:
                    unread[name] = unknown
                case _:
                    pass
    for account in accounts.values():
        if not account.has_shell:
            continue
        match capture.record(f"{account.home.rstrip('/')}/.ssh/{NAMES[0]}"):
            case Unknown() as unknown if account.uid == 0 or account.uid >= 1000 or unknown.mend == SUDO:
                unread.setdefault(account.name, unknown)
            case _:
                pass
    return tuple(found), unread


def _file(path: str, account: str, record: FileRecord) -> KeyFile:
    return KeyFile(path, account, tuple(_keys(record.text)), record.mode, record.uid, record.gid)


def _keys(text: str) -> Iterator[AuthorizedKey]:
    for number, line in enumerate(text.split("\n"), 1):
        match = _KEY.fullmatch(line.strip())
        if not match:
            continue
        try:
            blob = base64.b64decode(match["blob"], validate=True)
        except binascii.Error:
            continue
        digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
        yield AuthorizedKey(
            kind=match["kind"],
            fingerprint=f"SHA256:{digest}",
            line=number,
            bits=_bits(match["kind"], blob),
            comment=(match["comment"] or "").strip(),
            options=tuple(option.lower() for option in _OPTION.findall(match["options"] or "")),
        )


def _bits(kind: str, blob: bytes) -> int:
    """The size of the modulus: of RSA the third field of the blob (type, e, n), of DSA the second (type, p…)."""
    which = {"ssh-rsa": 2, "ssh-dss": 1}.get(kind)
    if which is None:
        return 0
    offset = 0
    for _ in range(which):
        offset += 4 + int.from_bytes(blob[offset : offset + 4], "big")
    length = int.from_bytes(blob[offset : offset + 4], "big")
    return int.from_bytes(blob[offset + 4 : offset + 4 + length], "big").bit_length()
