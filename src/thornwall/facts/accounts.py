"""The accounts of the host, and how each can be entered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from thornwall.facts import accounts_keys, accounts_passwords
from thornwall.facts.accounts_redact import PASSWD, SHADOW
from thornwall.facts.redact import PLAIN
from thornwall.model.accounts import WEAK_HASHES, Account, Accounts, Group, Password, Value
from thornwall.model.capture import Capture
from thornwall.model.fact import ABSENT, Fact, Known, Unknown
from thornwall.model.probe import Probe, Read

PROBES: tuple[Probe, ...] = (
    Read("/etc/passwd", PASSWD, limit=1_048_576),
    Read("/etc/group", PASSWD, limit=1_048_576),
    Read("/etc/shadow", SHADOW, limit=1_048_576),
    Read("/etc/login.defs", PLAIN),
    *accounts_keys.PROBES,
    accounts_passwords.PROBE,
)

METHODS = WEAK_HASHES | {
    *("yescrypt", "gost-yescrypt", "scrypt", "bcrypt", "sha512crypt", "sha256crypt", "empty", "unknown"),
}
_NUMBER = re.compile(r"[0-9]{1,10}")
_LOGIN_DEFS = re.compile(r"[ \t]*([A-Z_][A-Z0-9_]*)[ \t=]+\"?([^\"#]*?)\"?[ \t]*(?:#.*)?")


def parse(capture: Capture) -> Fact[Accounts]:
    """Unknown only without /etc/passwd; what else could not be read is Unknown by itself."""
    match capture.read("/etc/passwd"):
        case Known(text):
            pass
        case Unknown() as unknown:
            return unknown
        case _:
            return Unknown("/etc/passwd is not there")
    accounts, malformed = _accounts(text)
    by_name = {account.name: account for account in reversed(accounts)}
    files, unread = accounts_keys.key_files(capture, by_name)
    return Known(
        Accounts(
            accounts=accounts,
            groups=_groups(capture),
            shadow=_shadow(capture),
            trials=accounts_passwords.parse(capture),
            key_files=files,
            unread_keys=unread,
            login_defs=_login_defs(capture),
            malformed=malformed,
        )
    )


def local_accounts(capture: Capture) -> Accounts:
    """Names, ids and groups alone, for subjects that need no more; empty where /etc/passwd could not be read."""
    match capture.read("/etc/passwd"):
        case Known(text):
            return Accounts(_accounts(text)[0], _groups(capture))
        case _:
            return Accounts(())


@lru_cache(maxsize=2)  # sudo asks as well
def _accounts(text: str) -> tuple[tuple[Account, ...], tuple[tuple[str, int], ...]]:
    accounts: list[Account] = []
    malformed: list[tuple[str, int]] = []
    for number, fields in _lines(text):
        if fields[0][:1] in {"+", "-"}:
            continue  # NIS: accounts that are not of this host
        if len(fields) != 7 or not fields[0] or not _NUMBER.fullmatch(fields[2]) or not _NUMBER.fullmatch(fields[3]):
            malformed.append(("/etc/passwd", number))
            continue
        name, password, uid, gid, gecos, home, shell = fields
        accounts.append(Account(name, int(uid), int(gid), home, shell, number, password, gecos))
    return tuple(accounts), tuple(malformed)


def _groups(capture: Capture) -> tuple[Group, ...]:
    match capture.read("/etc/group"):
        case Known(text):
            return _group_lines(text)
        case _:
            return ()


@lru_cache(maxsize=2)
def _group_lines(text: str) -> tuple[Group, ...]:
    return tuple(
        Group(fields[0], int(fields[2]), tuple(filter(None, fields[3].split(","))), number)
        for number, fields in _lines(text)
        if len(fields) == 4 and _NUMBER.fullmatch(fields[2])
    )


def _shadow(capture: Capture) -> Fact[Mapping[str, Password]]:
    match capture.read("/etc/shadow"):
        case Known(text):
            entries: dict[str, Password] = {}
            for number, fields in _lines(text):
                if len(fields) >= 2 and fields[0]:
                    entries.setdefault(fields[0], _password(fields, number))
            return Known(entries)
        case other:
            return other


def _password(fields: list[str], number: int) -> Password:
    word, _, method = fields[1].partition(",")
    locked = word == "locked"
    method = method if locked else word
    days = [_days(field) for field in fields[2:8]]
    days += [None] * (6 - len(days))
    changed, least, most, warn, inactive, expires = days
    return Password(
        method=method if method in METHODS or not method else "unknown",
        locked=locked,
        line=number,
        changed=changed,
        min_days=least,
        max_days=most,
        warn_days=warn,
        inactive_days=inactive,
        expires=expires,
    )


def _days(field: str) -> int | None:
    return int(field) if field and _NUMBER.fullmatch(field) else None


def _login_defs(capture: Capture) -> Fact[Mapping[str, Value]]:
    match capture.read("/etc/login.defs"):
        case Known(text):
            found: dict[str, Value] = {}
            for number, line in enumerate(text.split("\n"), 1):
                match = _LOGIN_DEFS.fullmatch(line) if line and line[0] != "#" else None
                if match and match[2]:
                    found[match[1]] = Value(match[2], number)
            return Known(found)
        case Unknown() as unknown:
            return unknown
        case _:
            return ABSENT


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line and not line.startswith("#"):
            yield number, line.split(":")
