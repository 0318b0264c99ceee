"""The password that sudo will ask for must be the right one; a slip of the fingers is not the end of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from thornwall.errors import AuthenticationError, RefusedError
from thornwall.jobs import follow
from thornwall.jobs.link import Link, link_to
from thornwall.jobs.own_password import right_password
from thornwall.jobs.reach import Reaching
from thornwall.model.secret import Secret
from thornwall.transport.base import Nobody, Ran

NONCE = "n" * 16


def tried(monkeypatch: pytest.MonkeyPatch, typed: list[str], answer: Callable[[str], str]) -> tuple[str, int]:
    """What it ended with, and how many scripts the host ran: it answers as `answer` makes of each."""
    ran: list[str] = []

    async def run(_: Link, script: str, *, feed: Callable[[bytes], object], **__: float) -> Ran:
        ran.append(script)
        feed(f"{NONCE}\tPASSWORD\t{answer(script)}\n".encode())
        return Ran(0)

    monkeypatch.setattr(follow, "new_nonce", lambda: NONCE)
    monkeypatch.setattr(Link, "run", run)
    link = link_to("pi@host", Reaching(), Nobody())
    rest = iter(Secret(each) for each in typed[1:])
    done = right_password(link, "pi", Secret(typed[0]), lambda: next(rest, None), lambda _: None)
    return asyncio.run(done).reveal(), len(ran)


def holds_tulip(script: str) -> str:
    return "yes" if "tulip" in script else "no"


def test_the_second_may_be_right(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tried(monkeypatch, ["tulip"], holds_tulip) == ("tulip", 1)
    assert tried(monkeypatch, ["tulp", "tulip"], holds_tulip) == ("tulip", 2)


@pytest.mark.parametrize("typed", [["a", "b", "c", "tulip"], ["a"]], ids=["three wrong ones", "stopped"])
def test_nothing_begins_with_a_wrong_one(typed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AuthenticationError, match=r"not the password of pi on pi@host; nothing was changed") as caught:
        tried(monkeypatch, typed, holds_tulip)
    assert caught.value.hint is not None
    assert "--skip sudo" in caught.value.hint


def test_what_cannot_be_seen_is_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RefusedError, match=r"could not be seen \(locked\)"):
        tried(monkeypatch, ["a", "tulip"], lambda _: "locked")
