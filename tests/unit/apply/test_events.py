"""What the device says, and what a hostile one might."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thornwall.apply.events import Applied, Change, Doing, End, Event, Failed, Refused, Staged
from thornwall.apply.reader import Reader
from thornwall.errors import HostAnswerError

NONCE = "abcdef0123456789"
GOOD = f"""chatter
{NONCE}\tSTAGED\t0007
{NONCE}\tDOING\t1\t12\tunit:cups
some tool says\tsomething
{NONCE}\tFAILED\tssh\tsshd: bad line 3
{NONCE}\tAPPLIED\t0007\t0a1b2c3d-44\t-3
{NONCE}\tREFUSED\tthe disk is full\tmake room
{NONCE}\tCHANGE\t0001\topen\t1700000000\t0.1\t-\t-\tguarded\tA title\t-\t-\t-\t-\t-
{NONCE}\tCHANGE\t0002\tundone\t1700000000\t0.1\t-\t-\t-\tAnother\t1700000300\t-\t-\t-\ttcp 23 answers again
{NONCE}\tCHANGE\t0003\tundone\t1700000000\t0.1\t-\t-\t-\tA third\t1700000300\tnot confirmed\trestarted\tnginx is down\t-
{NONCE}\tA_LATER_VERSION\tsays more
{NONCE}\tEND\t-
""".encode()
MEANT: list[Event] = [
    Staged("0007"),
    Doing(1, 12, "unit:cups"),
    Failed("ssh", "sshd: bad line 3"),
    Applied("0007", "0a1b2c3d-44", -3),
    Refused("the disk is full", "make room"),
    Change("0001", "open", 1700000000, "0.1", "", None, True, "A title"),
    Change("0002", "undone", 1700000000, "0.1", "", None, False, "Another", 1700000300, reopens="tcp 23 answers again"),
    Change(
        "0003",
        "undone",
        1700000000,
        "0.1",
        "",
        None,
        False,
        "A third",
        1700000300,
        "not confirmed",
        True,
        "nginx is down",
    ),
    End(),
]


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
def test_events_come_whatever_the_pieces(size: int) -> None:
    reader = Reader(NONCE)
    found = [event for start in range(0, len(GOOD), size) for event in reader.feed(GOOD[start : start + size])]
    assert found == MEANT


@pytest.mark.parametrize(
    "line",
    [
        "STAGED",
        "STAGED\tx",
        "STAGED\t../1",
        "DOING\tx\ty\tz",
        "APPLIED\t1\tKEY!\t3",
        "APPLIED\t1\t0a1b2c3d",
        "CHANGE\t1\twild",
        "ARMED\t٣",
    ],
)
def test_a_line_that_makes_no_sense_is_the_hosts_fault(line: str) -> None:
    with pytest.raises(HostAnswerError):
        Reader(NONCE).feed(f"{NONCE}\t{line}\n".encode())


def test_nothing_reaches_a_terminal() -> None:
    (event,) = Reader(NONCE).feed(f"{NONCE}\tREFUSED\t\x1b[2J\x1b]0;x\x07evil\tdo\x00 it\n".encode())
    assert isinstance(event, Refused)
    assert (event.why + event.what_to_do).isprintable()


def test_another_nonce_says_nothing() -> None:
    assert Reader(NONCE).feed(b"0000000000000000\tUNDONE\t0001\n") == []


def test_a_line_without_an_end() -> None:
    reader = Reader(NONCE)
    assert reader.feed(b"x" * 100_000) == []
    assert reader.feed(f"\n{NONCE}\tEND\t-\n".encode()) == [End()]
    with pytest.raises(HostAnswerError):
        reader.feed(NONCE.encode() + b"\tREFUSED\t" + b"x" * 100_000)


_WORDS = st.sampled_from([b"", b"-", b"1", b"0001", b"open", b"\xff", b"\x1b[1m", b"a b", b"9" * 30, "²".encode()])
_NAMES = st.sampled_from([b"STAGED", b"CHANGE", b"APPLIED", b"DOING", b"END", b"LEFT", b"BROUGHT", b"nothing"])
_LINES = st.builds(lambda name, words: b"\t".join([NONCE.encode(), name, *words]) + b"\n", _NAMES, st.lists(_WORDS))


@given(st.lists(st.one_of(st.binary(), _LINES)), st.integers(1, 50))
def test_whatever_comes_nothing_else_is_raised(pieces: list[bytes], size: int) -> None:
    data, reader = b"".join(pieces), Reader(NONCE)
    try:
        for start in range(0, len(data), size):
            reader.feed(data[start : start + size])
    except HostAnswerError:
        pass
