"""Which of two Debian versions is the later one: the order of deb-version(7)."""

from __future__ import annotations

import functools
import re
from typing import TypeAlias

_PARTS = re.compile(r"(\D*)(\d*)", re.ASCII)
_END = -2  # the end of a run of characters: after `~`, before letters, which come before everything else

Part: TypeAlias = tuple[tuple[int, ...], int]
Key: TypeAlias = tuple[int, tuple[Part, ...], tuple[Part, ...]]


@functools.lru_cache(maxsize=4096)
def key(version: str) -> Key:
    """A key to sort versions by. Any text has one; what is no version has it as if it were one."""
    epoch, colon, rest = version.strip().partition(":")
    if not colon or not (epoch.isascii() and epoch.isdecimal()):
        epoch, rest = "0", version.strip()
    upstream, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "0")
    return int(epoch[:9]), _parts(upstream), _parts(revision)


def newer(one: str, other: str) -> bool:
    """Whether `one` is later than `other`: `newer("1.0", "1.0~rc1")`."""
    return one != other and key(one) > key(other)


def _parts(text: str) -> tuple[Part, ...]:
    """Runs of other characters and numbers in turn; trailing zeros and an absent number are the same."""
    parts = [((*map(_weight, word), _END), int(number[-4000:] or "0")) for word, number in _PARTS.findall(text)]
    while parts and parts[-1] == ((_END,), 0):
        parts.pop()
    return (*parts, ((_END,), 0))


def _weight(char: str) -> int:
    if char == "~":
        return -3
    return ord(char) if char.isascii() and char.isalpha() else ord(char) + 0x110000
