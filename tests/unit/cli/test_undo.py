"""What `thornwall undo` says, of what the device told."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from thornwall.apply.events import Change, Event, Left, Undone
from thornwall.cli import console, undo
from thornwall.cli.changes import show_one, show_table, stands
from thornwall.errors import (
    AuthenticationError,
    Exit,
    HostAnswerError,
    LinkBrokeError,
    NotRootError,
    RefusedError,
    ThornwallError,
    UnansweredError,
    UnreachableError,
    UsageError,
)
from thornwall.jobs import unsaid
from thornwall.jobs.follow import Said
from thornwall.jobs.link import Link, link_to
from thornwall.jobs.reach import Reaching
from thornwall.jobs.undo import confirm_open
from thornwall.transport.base import Nobody
from thornwall.transport.target import SshTarget

MADE, BACK = 1_795_000_000, 1_795_000_300  # `date -u -d @1795000300`: 2026-11-18 11:11:40
HARDENED = Change("0002", "confirmed", MADE, "1", "", None, False, "harden recommended")
TAKEN_BACK = Change("0002", "undone", MADE, "1", "", None, False, "harden recommended", BACK)
PACKAGES = Change("0001", "confirmed", MADE, "1", "", None, False, "packages: ufw")

Undo = Callable[..., str]


class Device:
    """Stands for the way to a device: knows these changes, and says this when one is to be taken back."""

    def __init__(self, changes: tuple[Change, ...], heard: tuple[Event, ...]) -> None:
        self.changes, self.heard = changes, heard

    @property
    def link(self) -> Link:
        return link_to("pi@host", Reaching(identity=Path("/home/me/my key")), Nobody())

    def on(self, doing: str, _: object) -> object:
        return self.changes if doing == "Asking" else Said(lambda _: None, heard=list(self.heard))


@pytest.fixture
def undone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Undo:
    def run(
        changes: tuple[Change, ...], *heard: Event, asked: str = "", agrees: bool | None = None, brings: bool = False
    ) -> str:
        def answer(question: str) -> bool:
            assert agrees is not None, question
            return agrees

        monkeypatch.setattr(undo, "_way", lambda *_, **__: Device(changes, heard))
        monkeypatch.setattr(undo, "_somebody", lambda: None)
        monkeypatch.setattr(console, "yes", answer)
        assert undo.undo("pi@host", asked, bring_back_known_passwords=brings) == Exit.OK
        return " ".join(capsys.readouterr().err.split())

    return run


def test_what_is_taken_back_now(undone: Undo) -> None:
    said = undone((HARDENED,), Undone("0002"), agrees=True)
    assert said.endswith("Change 0002 is taken back, and that was looked at: every file and unit is as it was.")


def test_what_had_been_taken_back_is_not_asked_for_and_not_said_to_be_done_now(undone: Undo) -> None:
    said = undone((TAKEN_BACK,), Undone("0002"), asked="2")
    assert said == "Change 0002 had been taken back already on 2026-11-18 11:11 UTC: there was nothing to do."


@pytest.mark.parametrize(
    ("ended", "told"),
    [(None, "already: there"), (999_999_999_999, "already on a day that no calendar has: there")],
)
def test_when_is_said_only_where_it_is_known(undone: Undo, ended: int | None, told: str) -> None:
    change = Change("0002", "undone", MADE, "1", "", None, False, "x", ended)
    assert told in undone((change,), Undone("0002"), asked="2")


def test_the_packages_of_what_had_been_taken_back_are_asked_for_alone(undone: Undo) -> None:
    said = undone((PACKAGES, TAKEN_BACK), Undone("0002"), Undone("0001"), asked="2", agrees=True)
    assert said.startswith("To be taken back on pi@host, so that what was mended is as open as before: 0001 ")
    assert "Change 0002 had been taken back already" in said
    assert "Change 0001 is taken back, and that was looked at: what it installed is gone." in said


@pytest.mark.parametrize(
    ("title", "told"),
    [
        ("packages: ufw", "packages: ufw (what came in is removed again)"),
        ("packages: unattended-upgrades", "packages: unattended-upgrades (what came in is removed again)"),
        ("packages: upgrades", "packages: upgrades (what came in is removed again; upgrades stay)"),
        ("packages: ufw; upgrades", "packages: ufw; upgrades (what came in is removed again; upgrades stay)"),
        ("harden recommended", "harden recommended"),
    ],
)
def test_no_upgrade_is_said_to_be_taken_back(undone: Undo, title: str, told: str) -> None:
    change = Change("0001", "confirmed", MADE, "1", "", None, False, title)
    assert undone((change,), agrees=False, brings=True).endswith(f"UTC {told} Nothing was changed.")


def test_the_way_to_bring_back_known_passwords_is_named_before_and_after(undone: Undo) -> None:
    why = "the password of pi: the one before was a known default or empty"
    change = replace(HARDENED, known=("pi",))
    said = undone((change,), Left(why), Left("/etc/x: something else is in it by now"), Undone("0002"), agrees=True)
    before, _, after = said.partition(" Left as it is: ")
    assert before.endswith("empty passwords do not come back, unless with --bring-back-known-passwords.")
    assert after.startswith(f"{why}; undo with --bring-back-known-passwords would have brought it back. ")
    assert "Left as it is: /etc/x: something else is in it by now. Change 0002 is taken back" in after


def test_it_is_not_named_where_it_is_given_or_no_password_is_concerned(undone: Undo) -> None:
    known = replace(HARDENED, known=("pi",))
    assert "--bring-back" not in undone((known,), Undone("0002"), agrees=True, brings=True)
    assert "--bring-back" not in undone((HARDENED,), Undone("0002"), agrees=True)
    assert "--bring-back" not in undone((PACKAGES,), Undone("0001"), agrees=True)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (TAKEN_BACK, "0002: taken back on 2026-11-18 11:11 UTC."),
        (
            replace(TAKEN_BACK, why="nobody confirmed it in time", restarted=True),
            "0002: taken back on 2026-11-18 11:11 UTC, since nobody confirmed it in time, and it took a restart.",
        ),
        (
            replace(TAKEN_BACK, why="nobody confirmed it in time", unsaid="the login was refused"),
            "0002: taken back on 2026-11-18 11:11 UTC, since nobody confirmed it in time; the login was refused.",
        ),
        (  # (the device has been told in the end)
            replace(
                TAKEN_BACK, why="too late; this did not hold: the login was refused", unsaid="the login was refused"
            ),
            "0002: taken back on 2026-11-18 11:11 UTC, since too late; this did not hold: the login was refused.",
        ),
        (  # (it was the device that had told)
            replace(TAKEN_BACK, why="it started again", unsaid="this did not hold: taken back, since it started again"),
            "0002: taken back on 2026-11-18 11:11 UTC, since it started again.",
        ),
        (
            replace(HARDENED, unsaid="this did not hold: a login by password is refused"),
            "0002: confirmed, but this did not hold: a login by password is refused.",
        ),
        (HARDENED, "0002: confirmed."),
    ],
)
def test_status_tells_for_what_the_last_change_was_taken_back(
    change: Change, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(undo, "_way", lambda *_, **__: Device((change,), ()))
    assert undo.status("pi@host") == Exit.OK
    said = " ".join(capsys.readouterr().out.split())
    assert said == f"Nothing waits to be confirmed. The last change, {told}"


def test_what_is_open_again_then_is_told_before_anybody_is_asked(undone: Undo) -> None:
    change = replace(HARDENED, reopens="tcp 23 answers again; SSH lets root\x1b log in", known=("pi",))
    said = undone((change,), agrees=False)
    assert "As before then: tcp 23 answers again; SSH lets root\N{REPLACEMENT CHARACTER} log in. Known default" in said
    assert "As before then" not in undone((HARDENED,), agrees=False)


def test_all_that_goes_back_is_shown_to_who_asks_for_it(
    undone: Undo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change = replace(HARDENED, gives=("Refuse logins of root", "  /etc/ssh/x: goes\x1b"))

    def asks_for_it(question: str, in_full: Callable[[], None]) -> bool:
        capsys.readouterr()
        in_full()
        shown = capsys.readouterr().err
        assert "Refuse logins of root\n  /etc/ssh/x: goes\N{REPLACEMENT CHARACTER}\n" in shown, question
        return False

    monkeypatch.setattr(console, "yes", asks_for_it)
    monkeypatch.setattr(undo, "_way", lambda *_, **__: Device((change,), ()))
    monkeypatch.setattr(undo, "_somebody", lambda: None)
    assert undo.undo("pi@host") == Exit.OK
    assert capsys.readouterr().err == "Nothing was changed.\n"


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        (
            replace(HARDENED, gives=("Let sudo ask", "  /etc/sudoers.d/x: as before"), reopens="y", known=("pi",)),
            "it gives back: 0002 harden recommended Let sudo ask /etc/sudoers.d/x: as before As before then: y. ",
        ),
        (TAKEN_BACK, "0002 2026-11-18 11:06 UTC taken back harden recommended"),
        (replace(PACKAGES, id="0002"), "0002 packages: ufw what came in is removed again"),
    ],
)
def test_one_change_is_shown_whole(
    change: Change, shown: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(undo, "_way", lambda *_, **__: Device((PACKAGES, change), ()))
    assert undo.history("pi@host", "2") == Exit.OK
    assert shown in " ".join(capsys.readouterr().out.split())
    with pytest.raises(RefusedError, match="there is no change 7 on this host"):
        undo.history("pi@host", "7")
    with pytest.raises(UsageError, match="not the number of a change: 'two'"):
        undo.history("pi@host", "two")
    assert undo.history("pi@host", "2", as_json=True) == Exit.OK
    (told,) = json.loads(capsys.readouterr().out)
    assert told["gives-back"] == (["what came in is removed again"] if change.packages else list(change.gives))
    assert told["known-passwords-of"] == list(change.known)


def test_what_nobody_has_confirmed_brings_a_known_password_back(capsys: pytest.CaptureFixture[str]) -> None:
    show_one(replace(OPEN, known=("pi",)))
    told = " ".join(capsys.readouterr().out.split())
    assert "until it is, the password of pi that everybody knows comes back too" in told
    assert "stays away" not in told
    show_one(OPEN, at_rest=True)
    assert "goes back at its next start" in capsys.readouterr().out


def test_a_number_alone_is_no_host() -> None:
    with pytest.raises(UsageError, match="3 is no host") as caught:
        undo.history("3")
    assert caught.value.hint.endswith("local: 3")


OPEN = Change("0003", "open", MADE, "1", "0a1b2c3d", 40, True, "harden recommended")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (OPEN, "is taken back in 40 s unless it is confirmed: thornwall confirm pi@host --identity '/home/me/my key'"),
        (replace(OPEN, left=None), "is taken back unless it is confirmed: thornwall confirm pi@host"),
        (replace(OPEN, state="undoing", why="it was asked for"), "is being taken back, since it was asked for."),
        (
            replace(OPEN, state="undoing", left=-9, why="x", stuck="nginx.service ran before and does not now"),
            "as a whole: nginx.service ran before and does not now. It does not try again before its next start. Mend",
        ),
        (
            replace(OPEN, unsaid="the login was refused"),
            "was not confirmed, since the login was refused. It is taken back in 40 s. Should you get in",
        ),
        (replace(OPEN, state="undoing", stuck="nginx"), "as a whole: nginx. It tries again in 40 s. Mend that, then:"),
        (replace(PACKAGES, state="open"), "The packages of change 0001 were cut off, unless they are about to begin."),
        (replace(PACKAGES, state="open", working=True), "The packages of change 0001 are on their way, and come to"),
    ],
)
def test_status_of_what_is_under_way(
    change: Change, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(undo, "_way", lambda *_, **__: Device((change,), ()))
    assert undo.status("pi@host") == Exit.FINDINGS
    assert told in " ".join(capsys.readouterr().out.split())


def test_a_system_at_rest_takes_back_what_waits_when_it_starts() -> None:
    told = stands(OPEN, "/mnt/card", at_rest=True)
    assert told.startswith(
        "Change 0003 was not confirmed when the system last ran: it takes that back by itself when it"
    )
    assert told.endswith("To do so now: thornwall undo /mnt/card 0003")


def test_a_system_at_rest_confirms_nothing(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    with pytest.raises(UsageError, match="a system that does not run: no login to it can prove anything"):
        asyncio.run(confirm_open(link_to(str(tmp_path), Reaching(), Nobody()), lambda _: None))


def test_no_to_undo_says_that_nothing_was_changed(undone: Undo) -> None:
    assert undone((HARDENED,), agrees=False).endswith("Nothing was changed.")


def test_what_was_not_confirmed_comes_back_whole(undone: Undo) -> None:
    said = undone((OPEN,), Undone("0003"), agrees=True)
    assert "all goes back as it was, known default passwords too." in said
    assert "--bring-back-known-passwords" not in said


def test_what_stands_on_it_is_told_before_anybody_is_asked(undone: Undo) -> None:
    later = replace(HARDENED, id="0003")
    with pytest.raises(RefusedError, match="later changes are in the way: 0003"):
        undone((HARDENED, later), asked="2")


def test_hints_name_the_host(undone: Undo) -> None:
    with pytest.raises(RefusedError) as caught:
        undone((HARDENED,), asked="7")
    assert caught.value.hint == "See: thornwall history pi@host --identity '/home/me/my key'"


def test_of_packages_that_did_not_come_nothing_is_gone(undone: Undo) -> None:
    nothing = replace(PACKAGES, title="packages: none came or went")
    assert undone((nothing,), Undone("0001"), agrees=True).endswith("that was looked at: nothing had come.")


def test_history_names_all_that_undo_takes_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(undo, "_way", lambda *_, **__: Device((PACKAGES, HARDENED), ()))
    assert undo.history("pi@host") == Exit.OK
    assert "Take 0002 back, with its packages (0001): thornwall undo pi@host" in capsys.readouterr().out


def test_what_waited_when_a_card_was_taken_out_waits_for_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    show_table((replace(HARDENED, state="open"),), "dir:/mnt", at_rest=True)
    assert "goes back at its next start" in " ".join(capsys.readouterr().out.split())
    show_table((replace(HARDENED, state="open"),), "pi@host")
    assert "waits to be confirmed" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            UnreachableError("nothing listens", hint="Is it on?"),
            "Change 0007 of this host was not confirmed from here. ",
        ),
        (
            AuthenticationError("refused", hint="Try another key."),
            "Change 0007 of this host was not confirmed from here",
        ),
        # it may be another host altogether
        (HostAnswerError("nonsense", hint="it may be compromised"), "it may be compromised"),
        # he is in, and this is what he did
        (NotRootError("3 wrong", hint="Check it."), "Check it.\nChange 0007 of this host was not confirmed from here"),
    ],
)
def test_who_does_not_get_in_is_told_of_the_change_that_waits(
    error: ThornwallError, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    link = link_to("pi@host", Reaching(), Nobody())
    assert isinstance(link.target, SshTarget)
    unsaid.keep(link.target, "0007", unsaid.Known("", time.time() + 100))
    with pytest.raises(ThornwallError) as caught, undo._waiting(link):
        raise error
    assert caught.value.hint.startswith(told)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            UnreachableError("nothing listens", hint="Is it on?"),
            "Is it on?\nChange 0007 of this host was confirmed from",
        ),
        (HostAnswerError("nonsense", hint="it may be compromised"), "it may be compromised"),
        # no reason to think of its card
        (NotRootError("3 wrong", hint="Check it."), "Check it."),
        (LinkBrokeError("broke", hint="Undo again."), "Undo again."),
        (UnansweredError("sudo asks", hint="run it in a terminal"), "run it in a terminal"),
    ],
)
def test_who_is_shut_out_later_is_told_of_the_change_that_was_confirmed(
    error: ThornwallError, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    link = link_to("pi@host", Reaching(), Nobody())
    assert isinstance(link.target, SshTarget)
    unsaid.keep(link.target, "0007", unsaid.Known(kept=time.time() - 100))
    with pytest.raises(ThornwallError) as caught, undo._waiting(link):
        raise error
    assert caught.value.hint.startswith(told)
    assert ("card" in caught.value.hint) is ("\n" in told)


@pytest.mark.parametrize(
    "text", ["[/etc/ssh/x] is gone", "[fe80::1] does not answer", "[link=https://x.example]y[/link]"]
)
def test_what_a_host_tells_is_no_markup(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change = replace(TAKEN_BACK, why=text, title=text)
    monkeypatch.setattr(undo, "_way", lambda *_, **__: Device((change,), ()))
    monkeypatch.setattr(console.out, "width", 200)
    assert undo.history("pi@host") == Exit.OK
    assert capsys.readouterr().out.count(text) == 2
