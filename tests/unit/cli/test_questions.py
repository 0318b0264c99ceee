"""The questions of `profile init`, answered as a person would."""

from __future__ import annotations

import pytest

from thornwall.cli.questions import MEANING, ask_profile, parse_numbers
from thornwall.model.profile import Controls, Data, Online, Place, Profile, Shows, Talks


def test_every_answer_has_its_own_words() -> None:
    for kind in (Data, Controls, Shows, Talks, Online, Place):
        words = [MEANING[kind][member] for member in kind]
        assert len(set(words)) == len(words)


@pytest.mark.parametrize(
    ("typed", "most", "numbers"),
    [
        ("", 9, []),
        ("2", 1, [2]),
        ("1, 3", 9, [1, 3]),
        ("3 3", 9, [3]),
        ("1 2", 1, None),
        ("7", 9, None),
        ("x", 9, None),
    ],
)
def test_numbers(typed: str, most: int, numbers: list[int] | None) -> None:
    assert parse_numbers(typed, 6, most) == numbers


def test_answers_and_enter(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    typed = iter(["2,4", "9", "4", "", "", "", "4"])
    monkeypatch.setattr("builtins.input", lambda: next(typed))
    profile = ask_profile(Profile(name="pi"), {"shows": "a guess"})
    assert profile == Profile(
        data=(Data.PASSWORDS, Data.VIDEO), controls=(Controls.LOCK,), place=Place.PUBLIC, name="pi"
    )
    said = capsys.readouterr().err
    assert "guessed: a guess" in said
    assert "Please type numbers from 1 to 6" in said
    assert "other devices of the local network" in said
