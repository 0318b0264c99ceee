"""Read a host, a directory or a capture: whatever the target is, what comes of it is a Capture."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from thornwall import __version__
from thornwall.collect.compile import compile_script
from thornwall.collect.stream import Progress, parse_stream
from thornwall.errors import HostAnswerError
from thornwall.facts.registry import probes
from thornwall.model.capture import Capture, Source
from thornwall.transport.base import Limits, Ran, Transport


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read. `password_seconds`: CPU time on the device for trying known default passwords.

    `planning`: also what a plan asks, such as the hashes of files that it may change.
    """

    limits: Limits = field(default_factory=Limits)
    password_seconds: float = 3
    planning: bool = False


@dataclass(frozen=True, slots=True)
class Before:
    """A script to be run before the host is read, over the same connection; `hear` is fed what it prints."""

    script: str
    hear: Callable[[bytes], None]


async def read_host(  # noqa: PLR0913
    transport: Transport,
    reading: Reading,
    step: Callable[[str], None],
    *,
    target: str,
    source: Source,
    root: Path | None = None,
    before: Before | None = None,
) -> tuple[Capture, Ran]:
    """Read over one connection.

    `target`: what to call it; `step` is told the name of each part as it begins; `root`: a mounted root instead.

    Raises UnreachableError, HostAnswerError, AuthenticationError, HostKeyError.
    """
    nonce = secrets.token_hex(12)
    asked = probes(planning=reading.planning)
    script = compile_script(
        asked,
        nonce=nonce,
        root=str(root or "/"),
        live=root is None,
        password_seconds=reading.password_seconds,
    )
    if before is not None:
        script = f"(\n{before.script}\n)\n(\n{script}\n)\n"
    chunks: list[bytes] = []
    progress = Progress(nonce, step)

    def feed(chunk: bytes) -> None:
        chunks.append(chunk)
        if before is not None:
            before.hear(chunk)
        progress.feed(chunk)

    ran = await transport.run(script, feed=feed, limits=reading.limits)
    try:
        capture = parse_stream(
            b"".join(chunks), nonce=nonce, probes=asked, target=target, source=source, version=__version__
        )
    except HostAnswerError as error:
        complaint = ran.stderr_tail.decode("ascii", "replace").strip().splitlines()
        if complaint and not chunks:
            raise HostAnswerError(f"{error.message} ({complaint[-1][:200]!a})", hint=error.hint) from error
        raise
    return capture, ran
