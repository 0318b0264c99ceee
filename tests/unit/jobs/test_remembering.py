"""What was typed for one login of an action is used for the next, and for nobody else's."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from thornwall.jobs.link import link_to
from thornwall.jobs.reach import Reaching
from thornwall.jobs.remembering import Remembering
from thornwall.model.secret import Secret

BOX, BASTION, KEY = "password of pi@box", "password of me@bastion", "passphrase of /home/me/.ssh/id_ed25519"


class Person:
    """Types the name of what he is asked for, and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def password(self, prompt: str) -> Secret | None:
        self.asked.append(prompt)
        return Secret(prompt)

    def host_key(self, host: str, algorithm: str, fingerprint: str) -> bool | None:
        return None

    def keyboard_interactive(
        self, title: str, instructions: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[Secret] | None:
        self.asked.append(prompts[0][0])
        return [Secret(prompts[0][0]) for _ in prompts]


def typed(*prompts: str) -> tuple[Person, Remembering]:
    """Who has typed these for a login that worked."""
    person = Person()
    known = Remembering(person)
    first = known.login()
    for prompt in prompts:
        first.password(prompt)
    known.succeeded()
    person.asked.clear()
    return person, known


def revealed(*secrets: Secret | None) -> list[str]:
    """What they are."""
    return [secret.reveal() for secret in secrets if secret is not None]


def said(asker: Remembering, prompt: str) -> str | None:
    """What a new login gives."""
    secret = asker.login().password(prompt)
    return None if secret is None else secret.reveal()


def test_two_logins_at_once_each_get_it() -> None:
    person, known = typed(BOX)
    one, other = known.login(), known.muted().login()
    assert revealed(one.password(BOX), other.password(BOX)) == [BOX, BOX]
    assert person.asked == []


def test_what_was_refused_is_asked_for_and_not_given_again() -> None:
    person, known = typed(BOX)
    login = known.login()
    login.password(BOX)
    login.password(f"sorry, try again: {BOX}")
    assert person.asked == [f"sorry, try again: {BOX}"]
    assert said(known.muted(), BOX) == f"sorry, try again: {BOX}"  # the last that was typed


def test_nobody_gives_again_what_was_refused_without_an_answer() -> None:
    _, known = typed(BOX)
    silent = known.muted()
    for _ in range(2):  # a host that goes back takes the old one again: it is kept for that
        login = silent.login()
        assert login.password(BOX) is not None
        assert login.password(f"sorry, try again: {BOX}") is None


def test_each_hop_of_one_login_opens_the_key() -> None:
    person, known = typed(KEY)
    login = known.muted().login()
    assert revealed(login.password(KEY), login.password(KEY)) == [KEY, KEY]
    assert person.asked == []


def test_a_new_password_is_that_accounts_alone() -> None:
    _, known = typed(BOX, BASTION, KEY, "password of sudo on pi@box")
    now = known.with_password(Secret("new"), "pi@box").muted()
    assert [said(now, each) for each in (BOX, "password of sudo on pi@box")] == ["new", "new"]
    assert [said(now, each) for each in (BASTION, KEY)] == [BASTION, KEY]


def test_whose_a_new_password_is_ssh_knows(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    link = link_to("pi@box", Reaching(), Person())
    for prompt in (BOX, BASTION):
        link.asker.login().password(prompt)
    link.use_new_password(Secret("new"))
    assert [said(link.asker, each) for each in (BOX, BASTION)] == ["new", BASTION]


@pytest.mark.parametrize(
    ("prompt", "codes"),
    [
        ("Password: ", False),
        ("(pi@box) Password: ", False),
        ("pi's password: ", False),
        ("Verification code: ", True),
        ("One-time password (OATH) for `pi': ", True),
        ("Password & verification code: ", True),
        ("Enter one-time password: ", True),
    ],
)
def test_a_code_is_good_for_one_login(prompt: str, codes: bool) -> None:
    person = Person()
    known = Remembering(person)
    known.login().keyboard_interactive("pi@box", "", [(prompt, False)])
    known.succeeded()
    assert known.codes is codes
    assert known.muted().codes is codes
    given = known.muted().login().keyboard_interactive("pi@box", "", [(prompt, False)])
    assert revealed(*(given or ())) == ([] if codes else [prompt])
