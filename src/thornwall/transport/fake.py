"""A host made of an answer: for tests of what lies above, for laws that run thousands of times, for speed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from thornwall.errors import HostAnswerError
from thornwall.transport.base import KIB, Feed, Limits, Ran

_PIECE = 64 * KIB


@dataclass
class FakeTransport:
    """Answers every script with `answer`: pieces of stdout, and seconds to wait where a number stands between them.

    Then it raises `error`, or returns `ran`. The limits hold as they do for a real host. `scripts`: what it was sent.
    """

    answer: Iterable[bytes | float] = ()
    ran: Ran = field(default_factory=lambda: Ran(0, became_root=True))
    error: Exception | None = None
    name: str = "fake host"
    scripts: list[str] = field(default_factory=list)

    async def run(self, script: str, *, feed: Feed, limits: Limits) -> Ran:
        """See `Transport.run`."""
        self.scripts.append(script)
        try:
            async with asyncio.timeout(limits.seconds):
                await self._play(feed, limits)
        except TimeoutError:
            raise HostAnswerError(f"{self.name} was not done after {limits.seconds:g} s; stopped") from None
        if self.error is not None:
            raise self.error
        return replace(self.ran, stderr_tail=self.ran.stderr_tail[-limits.stderr_bytes :])

    async def _play(self, feed: Feed, limits: Limits) -> None:
        left = limits.total_bytes
        for item in self.answer:
            if not isinstance(item, bytes):
                await asyncio.sleep(min(item, limits.idle_seconds))
                if item > limits.idle_seconds:
                    raise HostAnswerError(f"{self.name} sent nothing for {limits.idle_seconds:g} s")
                continue
            left -= len(item)
            if left < 0:
                raise HostAnswerError(f"{self.name} sent more than {limits.total_bytes} bytes on stdout; stopped")
            for start in range(0, len(item), _PIECE):
                feed(item[start : start + _PIECE])
