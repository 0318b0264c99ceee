"""TCP ports, tried from here: what a neighbour on the network sees."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterable

SECONDS = 2.0  # a dropped packet gives no answer: this long is waited for one


async def open_ports(address: str, ports: Iterable[int], *, seconds: float = SECONDS) -> frozenset[int]:
    """Those of the TCP ports of `address` (name or IP address) that take a connection."""
    wanted = sorted(set(ports))
    answers = await asyncio.gather(*(_answers(address, port, seconds) for port in wanted))
    return frozenset(port for port, answer in zip(wanted, answers, strict=True) if answer)


async def greets(address: str, port: int, *, seconds: float = 5.0) -> bool:
    """Whether something there greets as an SSH server does (RFC 4253, 4.2)."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(address, port)
            try:
                return (await reader.readexactly(4)) == b"SSH-"
            finally:
                writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False


async def addresses(name: str, port: int) -> tuple[str, ...]:
    """The IP addresses of a host of that name, of both families; none where it cannot be resolved."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return tuple(dict.fromkeys(str(place[0]) for *_, place in found))


async def _answers(address: str, port: int, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(address, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
