"""Whether a typed password is the account's own, asked of a booted host."""

from __future__ import annotations

import subprocess

import pytest

from thornwall.apply.events import Event, Matches
from thornwall.apply.password import password_script
from thornwall.apply.reader import Reader
from thornwall.model.secret import Secret

from .host import Host

NONCE = "0123456789abcdef"


def answer(host: Host, user: str, password: str, *, without: str = "") -> str:
    script = password_script(user, Secret(password), nonce=NONCE)
    script = script.replace(f"command -v {without}", "false") if without else script
    said = host.run("sh", input=script).stdout.encode()
    events: list[Event] = Reader(NONCE).feed(said)
    (event,) = events
    assert isinstance(event, Matches)
    return event.answer


@pytest.mark.parametrize("without", ["", "perl"])
def test_it_knows_the_right_one(planted: Host, without: str) -> None:
    awkward = 'it\'s "x" $HOME `id` \\ é'
    planted.run("chpasswd", input=f"webcam:{awkward}\n")
    assert answer(planted, planted.user, planted.password, without=without) == "yes"
    assert answer(planted, "webcam", awkward, without=without) == "yes"
    assert answer(planted, "webcam", "it's", without=without) == "no"
    planted.run("passwd -l webcam")
    assert answer(planted, "webcam", awkward, without=without) == "locked"
    assert answer(planted, "nobody-there", "x", without=without) == "locked"


def test_it_leaves_no_trace(planted: Host) -> None:
    answer(planted, planted.user, "a-wrong-one-of-mine")
    assert (
        "a-wrong-one-of-mine"
        not in planted.run("journalctl -o cat; grep -rl a-wrong-one /tmp /var/tmp /run 2>&1").stdout
    )
    before = planted.run(f"faillock --user {planted.user}").stdout
    answer(planted, planted.user, "another-wrong-one")
    assert planted.run(f"faillock --user {planted.user}").stdout == before


@pytest.mark.parametrize("without", ["", "perl"])
def test_it_knows_the_right_one_of_a_mounted_system(planted: Host, without: str) -> None:
    def of_root(user: str, password: str) -> str:
        script = password_script(user, Secret(password), nonce=NONCE, root=str(planted.root))
        script = script.replace(f"command -v {without}", "false") if without else script
        done = subprocess.run(["sh"], input=script.encode(), capture_output=True, check=True)
        (event,) = Reader(NONCE).feed(done.stdout)
        assert isinstance(event, Matches)
        return event.answer

    assert of_root(planted.user, planted.password) == "yes"
    assert of_root(planted.user, "another") == "no"
    assert of_root("nobody-there", "x") == "locked"
