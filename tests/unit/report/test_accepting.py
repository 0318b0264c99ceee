"""What is said of `--accept`: where it unlocks a hold, and where it comes to nothing."""

from __future__ import annotations

from thornwall.model.plan import Held, Mend, Plan
from thornwall.report.plan.accepting import idle, unlocked_by

CUPS = Held("service-off", "cups-listening", "host", "It is in use.", "Say so.", "service-off:cups.service")
FIREWALL = Held("firewall-on", "no-firewall", "host", "The port is not known.", "Let it in first.")


def said(*names: str) -> list[str]:
    return list(idle(Plan("pi", held=(CUPS, FIREWALL), idle_accepts=names)))


def test_nothing_to_say() -> None:
    assert said() == []


def test_a_line_for_each() -> None:
    assert said("service-off:avahi", "firewall-on", "wifi-on") == [
        "--accept service-off:avahi comes to nothing: what it holds back here is service-off:cups.service.",
        "--accept firewall-on comes to nothing: what it holds back here, no answer unlocks: see 'unlock' in the plan.",
        "--accept wifi-on comes to nothing: it holds nothing back in this plan.",
    ]


def test_a_host_cannot_steer() -> None:
    lying = Held("service-off", "x", "host", "", "", "service-off:\x1b[2J\nevil")
    (told,) = idle(Plan("pi", held=(lying,), idle_accepts=("service-off:x",)))
    assert told == "--accept service-off:x comes to nothing: what it holds back here is service-off: evil."


CABLE = Held("wifi-off", "wifi-on", "host", "It goes over Wi-Fi.", "Plug in a cable, and run it again.")
WORD = Held("wifi-on", "wifi-on", "host", "No program can see it.", "If it needs only its cable, say so.", "wifi-on")
KEY = Held("password-login-off", "x", "host", "No key.", "Put your key on the device.", "password-login-off")


def beside(held: Held, *others: Held) -> list[tuple[str, str]]:
    """All there is to say beside `unlock`."""
    return list(unlocked_by(Plan("pi", held=(held, *others)), held, (Mend(held.rule, held.subject),)))


def test_the_word_that_is_asked_for_is_no_second_way() -> None:
    assert beside(WORD) == [("to say so", "--accept wifi-on")]
    assert beside(KEY, WORD) == [("or all the same", "--accept password-login-off")]


def test_what_two_hold_is_unlocked_by_neither_alone() -> None:
    assert beside(CABLE, WORD) == [("besides", "wifi-on holds this too: each has to be unlocked.")]
    assert beside(WORD, CABLE) == [
        ("to say so", "--accept wifi-on"),
        ("besides", "wifi-off holds this too: each has to be unlocked."),
    ]


def test_an_option_is_fit_to_be_pasted() -> None:
    unit = Held("service-off", "x", "host", "It is in use.", "Say so.", "service-off:dev-a\\x2db.service")
    assert beside(unit) == [("to say so", r"--accept 'service-off:dev-a\x2db.service'")]


def test_a_password_that_no_step_sets() -> None:
    assert list(idle(Plan("pi", idle_passwords=("pi", "webcam")))) == [
        "No step of this plan sets the new password at hand for pi, webcam."
    ]


def test_a_password_for_nobody() -> None:
    assert list(idle(Plan("pi", nobodies=("wbcam",)))) == [
        "There is no account wbcam: the new password for it is not used."
    ]
