"""Text of a host is made harmless, and nothing of it is lost that a reader could read."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.unit.report.hostile import STEERING, TEXTS
from thornwall.report.text import LIMIT, after_first_sentence, brief, clean, count, first_sentence, line, spans


@pytest.mark.parametrize(
    ("given_", "meant"),
    [
        ("plain", "plain"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("a\x1b]0;title\x07b", "a�]0;title�b"),  # the words of the title stay to be seen
        ("\x1b]never closed, evidence", "�]never closed, evidence"),
        ("abc\u202etxt.exe", "abc�txt.exe"),
        ("a\u200b\u200bb", "a�b"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a\tb", "a   b"),
        ("\ud800", "�"),
        ("Grüße 日本 🥧", "Grüße 日本 🥧"),
    ],
)
def test_clean(given_: str, meant: str) -> None:
    assert clean(given_) == meant


def test_a_text_without_end_is_cut() -> None:
    assert clean("x" * 10_000_000) == "x" * (LIMIT - 1) + "…"
    assert line("word " * 100, 10) == "word word…"


@given(TEXTS)
def test_nothing_steers(text: str) -> None:
    assert not STEERING.search(clean(text))
    assert "\n" not in line(text)


def test_sentences() -> None:
    text = "Set `PermitRootLogin no` in\n/etc/ssh/x.d. Then reload. It takes effect at once."
    assert first_sentence(text) == "Set `PermitRootLogin no` in /etc/ssh/x.d."
    assert after_first_sentence(text) == "Then reload. It takes effect at once."
    assert after_first_sentence("One alone.") == ""


def test_brief_keeps_whole_sentences() -> None:
    text = "One is here. Two is here. Three is here."
    assert [brief(text, limit) for limit in (1, 25, 26, 99)] == [
        "One is here.",
        "One is here. Two is here.",
        "One is here. Two is here.",
        text,
    ]


def test_code_is_found_between_backticks() -> None:
    assert spans("set `a` and `b") == [(False, "set "), (True, "a"), (False, " and `b")]


def test_count() -> None:
    assert [count(1, "check"), count(2, "check"), count(0, "entry", "entries")] == ["1 check", "2 checks", "0 entries"]
