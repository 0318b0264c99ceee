"""A wrong command line is answered with words and exit code 2, also where nothing has brought the package click."""

import subprocess
import sys

import pytest

# None in sys.modules makes an import fail as if the package were not there.
_WITHOUT_CLICK = "import sys; sys.modules['click'] = None; from thornwall.__main__ import main; main()"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["audit", "--nonsense"], "--nonsense"),
        (["nonsense"], "nonsense"),
        (["explain"], "RULE"),
        (["audit", "--timeout", "soon"], "soon"),
        (["audit", "--fail-on", "hgih"], "medium"),
    ],
)
def test_wrong_usage(arguments: list[str], words: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _WITHOUT_CLICK, *arguments], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert words in ran.stderr
    assert "fault" not in ran.stderr
    assert not ran.stdout


def test_help_needs_no_click() -> None:
    ran = subprocess.run([sys.executable, "-c", _WITHOUT_CLICK, "audit", "--help"], capture_output=True, check=False)
    assert ran.returncode == 0
    assert b"TARGET" in ran.stdout


@pytest.mark.parametrize(
    "arguments",
    [["plan", "--accept", "wifi-of"], ["harden", "--yes", "--accept", "service-off", "--accept", "wifi-of:wlan0"]],
)
def test_what_is_accepted_must_have_a_name(arguments: list[str]) -> None:
    ran = subprocess.run([sys.executable, "-m", "thornwall", *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "There is no interlock 'wifi-of'." in ran.stderr
    assert "Did you mean 'wifi-off'? --accept takes: account-lock, allow-users, " in ran.stderr
