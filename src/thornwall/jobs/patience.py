"""A host that refuses a connection may count those of this computer, and takes one again after half a minute."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import TypeVar

from thornwall.errors import CountedError, ThornwallError

COUNTED_FOR = 31.0
"""Seconds after which `ufw limit` takes a connection again: it counts those of the last 30, and what it refuses too."""
T = TypeVar("T")


async def patiently(
    login: Callable[[], Awaitable[T]],
    step: Callable[[str], None],
    *,
    of: type[ThornwallError] = CountedError,
    but: tuple[type[ThornwallError], ...] = (),
) -> T:
    """The same login once more, where it failed by `of`, and by none of `but`: by default, where a host whose key is
    known here refused the connection.
    """
    try:
        return await login()
    except but:
        raise
    except of:
        await wait(COUNTED_FOR, "the host takes no connection; a firewall that counts logins takes one then", step)
        return await login()


async def wait(seconds: float, why: str, step: Callable[[str], None]) -> None:
    """Wait so long, rounded up, and say each second how much of it is left."""
    for left in range(math.ceil(seconds), 0, -1):
        step(f"waiting for {left} s: {why}")
        await asyncio.sleep(1)
