"""A target of the command line to a capture: reads the host, the directory or the file that it names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from thornwall.errors import UsageError
from thornwall.jobs.patience import patiently
from thornwall.jobs.read import Reading, read_host
from thornwall.model.capture import Capture, Source
from thornwall.transport.base import Asker, Become, Limits
from thornwall.transport.ssh import Access, SshTransport
from thornwall.transport.target import (
    CaptureTarget,
    DirectoryTarget,
    LocalTarget,
    SshTarget,
    parse_target,
)


@dataclass(frozen=True, slots=True)
class Reaching:
    """How to get to a host and become root there. Times in seconds."""

    identity: Path | None = None
    accept_new: bool = False
    become: Literal["never", "if-possible", "password"] = "if-possible"
    seconds: float = 120
    password_seconds: float = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """What was read. `address`: the IP address that answered, empty where none did; `refusal`: why not as root."""

    capture: Capture = field(repr=False)  # asyncio asks a finished task for its repr: all the evidence, as text
    address: str = ""
    refusal: str = ""


def read_target(text: str, reaching: Reaching, asker: Asker, step: Callable[[str], None]) -> Answer:
    """Read what `text` names. Raises any ThornwallError."""
    match parse_target(text):
        case CaptureTarget(path):
            from thornwall.collect.archive import load  # noqa: PLC0415

            return Answer(load(path))
        case target:
            return asyncio.run(_read(target, reaching, asker, step))


async def _read(
    target: LocalTarget | SshTarget | DirectoryTarget, reaching: Reaching, asker: Asker, step: Callable[[str], None]
) -> Answer:
    from thornwall.transport.local import LocalTransport  # noqa: PLC0415

    become = Become(reaching.become)
    limits = Limits(seconds=reaching.seconds, idle_seconds=min(60, reaching.seconds))
    reading = Reading(limits, reaching.password_seconds)
    if isinstance(target, SshTarget):
        access = Access(identity=reaching.identity, accept_new=reaching.accept_new)
        ssh = SshTransport(target, become=become, asker=asker, access=access)
        capture, ran = await patiently(lambda: read_host(ssh, reading, step, target=str(target), source="ssh"), step)
        return Answer(capture, ran.address, ran.refusal)
    here = LocalTransport(become=become, asker=asker)
    root = _root(target.path) if isinstance(target, DirectoryTarget) else None
    source: Source = "directory" if root else "local"
    capture, ran = await read_host(here, reading, step, target=str(root or target), source=source, root=root)
    return Answer(capture, refusal=ran.refusal)


def _root(path: Path) -> Path:
    root = path.resolve()
    if not (root / "etc").is_dir():
        raise UsageError(
            f"{path} holds no root file system: it has no etc.",
            hint="Name the folder where the card's second partition (rootfs) is mounted.",
        )
    return root
