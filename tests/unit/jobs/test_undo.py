"""What is told of an undo that nobody could follow to its end."""

from __future__ import annotations

import asyncio

import pytest

from thornwall.errors import LinkBrokeError, ThornwallError, UnreachableError
from thornwall.jobs.link import Link, link_to
from thornwall.jobs.reach import Reaching
from thornwall.jobs.undo import Undoing, undo
from thornwall.transport.base import Nobody


@pytest.mark.parametrize(
    ("error", "begun"),
    [
        (LinkBrokeError("the connection broke after 0 bytes", hint="try again"), True),  # it may have begun
        (UnreachableError("it refuses the connection", hint="try again"), False),
    ],
)
def test_a_link_that_breaks(error: ThornwallError, begun: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Link, "run", run)
    with pytest.raises(UnreachableError) as caught:
        asyncio.run(undo(Undoing("0002"), link_to("pi@roof", Reaching(), Nobody()), lambda _: None))
    assert ("what the host had begun to take back, it does to the end" in caught.value.hint) is begun
    assert ("undo again, which does no harm" in caught.value.hint) is begun
