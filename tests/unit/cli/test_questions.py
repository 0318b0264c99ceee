"""The questions of `profile init`, answered as a person would."""

from __future__ import annotations

from pathlib import Path

import pytest

from thornwall.cli.console import yes
from thornwall.cli.people import profile_init
from thornwall.cli.questions import MEANING, ask_profile, news, parse_numbers
from thornwall.model.profile import Controls, Data, Online, Place, Profile, Shows, Talks
from thornwall.rules.settings import parse_profile


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


def test_nothing_goes_with_no_other_answer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    typed = iter(["1 4", "4", "3,1", "1", "", "2 1", "1", "", ""])
    monkeypatch.setattr("builtins.input", lambda: next(typed))
    profile = ask_profile(Profile(), {})
    assert profile == Profile(data=(Data.VIDEO,), talks=(Talks.NOTHING,))
    assert capsys.readouterr().err.count("1 says that there is nothing") == 3


def test_only_a_guess_that_differs_from_the_kept_answer_is_told() -> None:
    kept = Profile(data=(Data.VIDEO,), online=Online.INTERNET)
    guess = Profile(data=(Data.PERSONAL,), online=Online.INTERNET, shows=Shows.PRIVATE)
    reasons = {"data": "smbd runs there", "online": "it has a default route", "shows": "lightdm runs there"}
    assert news(kept, guess, reasons) == {
        "data": "personal files, names, habits (smbd runs there)",
        "shows": "something for its owner alone (lightdm runs there)",
    }


def test_asked_again_enter_keeps_the_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr("thornwall.cli.console.interactive", lambda: True)
    typed = iter(["4", "3", "", "", "", "3", *[""] * 6])
    monkeypatch.setattr("builtins.input", lambda: next(typed))
    for _ in range(2):
        assert profile_init("pi@camera.example", no_read=True) == 0
        kept = parse_profile((tmp_path / "thornwall/profiles/camera.example.toml").read_text(), "")
        assert kept == Profile(
            data=(Data.VIDEO,), controls=(Controls.CAMERA,), place=Place.SHARED, name="camera.example"
        )
    assert " *4  pictures, video or sound" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "said", "seen"),
    [
        (["y"], True, 0),
        (["NO"], False, 0),
        ([""], False, 0),
        (["clear", "v", "yes"], True, 1),
        (["v", "x", "n"], False, 1),
    ],
)
def test_what_is_no_answer_is_asked_again(
    typed: list[str], said: bool, seen: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers, shown = iter(typed), list[str]()
    monkeypatch.setattr("builtins.input", lambda: next(answers))
    assert yes("Make 1 change?", lambda: shown.append("all")) is said
    assert len(shown) == seen
    assert list(answers) == []
    assert capsys.readouterr().err.count("Make 1 change? [y/N] ") == len(typed)
