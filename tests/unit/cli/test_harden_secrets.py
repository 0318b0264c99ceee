"""The file of secrets, and what is asked where nobody sits at a terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pexpect
import pytest

from thornwall.cli import console, owner
from thornwall.cli.owner import Keyholder, Owner, Secrets, read_secrets
from thornwall.errors import UsageError
from thornwall.model.plan import Question
from thornwall.model.secret import Secret

SUDO, AGAIN = "password of sudo on pi@host", "sorry, try again: password of sudo on pi@host"
BOTH = Secrets({"pi": Secret("new"), "root": Secret("other")}, Secret("old"))


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, "interactive", lambda: False)


def typed(person: Keyholder, *prompts: str) -> list[str | None]:
    answers = [person.password(prompt) for prompt in prompts]
    return [answer.reveal() if answer else None for answer in answers]


def test_the_newest_password_first_and_each_once() -> None:
    assert typed(Keyholder(BOTH), SUDO, AGAIN, AGAIN) == ["new", "old", None]
    hardening = Owner(BOTH, assume_yes=True, one_by_one=False, quiet=True, verbose=False, window=180)
    assert typed(hardening, SUDO, AGAIN, AGAIN) == ["old", "new", None]


def test_each_login_begins_anew() -> None:
    assert typed(Keyholder(BOTH), SUDO, SUDO, AGAIN) == ["new", "new", "old"]


def test_only_sudo_on_this_very_account() -> None:
    """No password of a host goes to another prompt: a jump host's, or that of a key."""
    others = ("password of pi@jump", "passphrase of /home/me/.ssh/id", "password of pi@host")
    assert typed(Keyholder(BOTH), *others) == [None, None, None]
    assert typed(Keyholder(BOTH), "password of sudo on eve@host", "sorry, try again: password of sudo on eve@host") == [
        "old",
        None,
    ]


def test_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, "getuser", lambda: "root")
    assert typed(Keyholder(BOTH), "password of sudo on this machine") == ["other"]


def test_nobody_is_asked_where_nobody_is() -> None:
    person = Keyholder(Secrets())
    assert person.password(SUDO) is None
    assert person.host_key("host", "ssh-ed25519", "SHA256:x") is None
    assert person.keyboard_interactive("", "", [("Code: ", False)]) is None


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [
        ('sudo = "x"', 0o644, "may be read by others"),
        ('sudo = "secret', 0o600, "is no TOML"),
        ('password = "x"', 0o600, "something else than sudo"),
        ('[passwords]\npi = "a:b"', 0o600, "'pi' is not one line"),
        ('[passwords]\npi = "seven77"', 0o600, "the new password of 'pi' has less than 8 characters"),
        ("[passwords]\npi = 5", 0o600, "'pi' is not one line"),
        ('sudo = ""', 0o600, "'sudo' is not one line"),
        ('[passwords]\npi = "raspberry"', 0o600, "the new password of 'pi' is one that everybody knows"),
        ('[passwords]\npi = "PASSWORD"', 0o600, "the new password of 'pi' is one that everybody knows"),
        ('[passwords]\nmarta = "Marta"', 0o600, "the new password of 'marta' is one that everybody knows"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, text: str, mode: int, told: str) -> None:
    path = tmp_path / "secrets.toml"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(UsageError) as caught:
        read_secrets(path)
    assert told in caught.value.message
    assert "secret\n" not in caught.value.message


def test_what_sudo_takes_now_may_be_what_everybody_knows(tmp_path: Path) -> None:
    path = tmp_path / "secrets.toml"
    path.write_text('sudo = "raspberry"')
    path.chmod(0o600)
    sudo = read_secrets(path).sudo
    assert sudo is not None
    assert sudo.reveal() == "raspberry"


def test_a_new_password_that_is_found_by_trying_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["raspberry", "seven77", "four words of mine", "four words of mine"])
    monkeypatch.setattr(owner, "getpass", lambda *_, **__: next(answers))
    person = Owner(Secrets(), assume_yes=False, one_by_one=False, quiet=True, verbose=False, window=180)
    given = person.new_password("pi", "Everybody knows the password of pi.")
    assert given is not None
    assert given.reveal() == "four words of mine"


def test_what_is_refused_three_times_is_said_to_stay(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(owner, "getpass", lambda *_, **__: "seven77")
    person = Owner(Secrets(), assume_yes=False, one_by_one=False, quiet=True, verbose=False, window=180)
    assert person.new_password("pi", "Everybody knows the password of pi.") is None
    assert capsys.readouterr().err.endswith("The password of pi is left as it is.\n")


def test_a_wrong_password_is_asked_for_again_only_where_it_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def types(prompt: str, **_: object) -> str:
        asked.append(prompt)
        return "right"

    monkeypatch.setattr(owner, "getpass", types)
    of_file = Owner(BOTH, assume_yes=False, one_by_one=False, quiet=True, verbose=False, window=180)
    assert of_file.own_password("pi", again=True) is None
    assert asked == []
    person = Owner(Secrets(), assume_yes=False, one_by_one=False, quiet=True, verbose=False, window=180)
    typed_again = person.own_password("pi", again=True)
    assert typed_again is not None
    assert typed_again.reveal() == "right"
    assert asked == ["That is not the password that pi has now. Once more (empty: stop, nothing is changed): "]


QUESTIONS = (
    Question("default-password", "pi", "Everybody knows the password of pi. Which new one shall pi have?", "pi"),
    Question("weak-password-hash", "pi", "It is kept badly. Which new one shall pi have?", "pi"),
    Question("empty-password", "webcam", "webcam has no password. Which new one shall webcam have?", "webcam"),
)


@pytest.mark.parametrize(
    ("given", "yes", "told"),
    [
        ((), False, "a new password is needed for pi, webcam. Nothing is changed before you have seen the plan"),
        (("pi",), False, "a new password is needed for webcam. Nothing is changed before"),
        # nobody is asked
        (("pi", "webcam"), False, ""),
        ((), True, ""),
    ],
)
def test_for_whom_a_password_is_needed_is_said_before_the_first_question(
    given: tuple[str, ...], yes: bool, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets = Secrets({name: Secret("four words of mine") for name in given})
    Owner(secrets, assume_yes=yes, one_by_one=False, quiet=True, verbose=False, window=180).before_questions(QUESTIONS)
    said = " ".join(capsys.readouterr().err.split())
    assert said.startswith(f"Before the plan: {told}") if told else not said


@pytest.mark.parametrize(
    ("key", "code", "told"), [("\x03", 130, "Interrupted; nothing was changed."), ("\x04", 2, "The input ended")]
)
def test_ctrl_c_and_ctrl_d_at_a_question(tmp_path: Path, key: str, code: int, told: str) -> None:
    words = ["-m", "thornwall", "profile", "init", "--no-read", "local:"]
    environment = os.environ | {"HOME": str(tmp_path), "TERM": "dumb"}
    with pexpect.spawn(sys.executable, words, env=environment, encoding="utf-8", timeout=60) as child:
        child.expect_exact("> ")
        child.send(key)
        assert told in child.read()
    assert child.exitstatus == code


def test_who_is_asked_while_a_change_waits_is_told_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """sudo's prompt alone does not say that the change is made, and that the clock runs."""
    monkeypatch.setattr(owner, "interactive", lambda: True)
    monkeypatch.setattr(console, "getpass", lambda *_, **__: "typed")
    person = owner.Owner(owner.Secrets(), assume_yes=False, one_by_one=False, quiet=True, verbose=False, window=180)
    person.password("password of sudo on pi@host")
    assert "waits until" not in capsys.readouterr().err
    person.waits_until("12:34:56 UTC")
    person.password("password of sudo on pi@host")
    assert "waits until 12:34:56 UTC for a login that works" in " ".join(capsys.readouterr().err.split())
    person.waits_until("")
    person.password("password of sudo on pi@host")
    assert "waits until" not in capsys.readouterr().err
