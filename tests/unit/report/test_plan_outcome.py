"""The end of `harden`: what it came to and how to go back; or what failed, and in which state the host is."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from hypothesis import given, settings
from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from tests.unit.report.hostile import STEERING, TEXTS
from tests.unit.report.sample import BLUETOOTH, PASSWORD, PLANTED, TELNET, hostile
from thornwall.model.finding import Status
from thornwall.model.outcome import Brought, Outcome, Proof
from thornwall.model.plan import Mend
from thornwall.report.plan.outcome import render, render_terminal

KEPT = (TELNET, BLUETOOTH)
AFTER = replace(
    PLANTED,
    score=71,
    findings=tuple(
        finding
        if finding.status is not Status.FAIL or finding in KEPT
        else replace(finding, status=Status.PASS, detail="It is as it should be.")
        for finding in PLANTED.findings
    ),
)
PROOFS = (
    Proof("a key logs in", True, "over IPv4 and IPv6"),
    Proof("sudo asks for the password, and takes it", True),
    Proof("a password is refused", True, "Permission denied (publickey)."),
    Proof("80/tcp answers", True),
)
DONE = Outcome(
    "pi@raspberrypi.local",
    PLANTED,
    AFTER,
    "0003-7f3a",
    "/var/lib/thornwall/0003-7f3a/undo.sh",
    PROOFS,
    awaits_reboot=("Switch off Bluetooth",),
    notes=("Two services were restarted.",),
)
FAILED = replace(
    DONE,
    after=None,
    proofs=(PROOFS[0], Proof("sudo takes the password", False, "sudo: PAM account management error"), PROOFS[2]),
    taken_back=True,
    verified=True,
    failed="A proof from outside did not hold.",
    awaits_reboot=("Switch off Bluetooth",),
    notes=(),
)


def show(outcome: Outcome, width: int = 80, *, verbose: bool = False) -> str:
    file = StringIO()
    console = Console(file=file, width=width, color_system=None, legacy_windows=False, _environ={})
    render_terminal(outcome, console, verbose=verbose)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("outcome", [DONE, FAILED], ids=["done", "failed"])
def test_whole(outcome: Outcome, snapshot: SnapshotAssertion) -> None:
    assert show(outcome) == snapshot


def test_what_stands_says_how_to_go_back_without_us() -> None:
    text = flat(show(DONE))
    assert DONE.stands
    assert "The change of raspberrypi is confirmed. 1 extreme finding is left." in text
    assert "$ thornwall undo pi@raspberrypi.local 0003-7f3a" in text
    assert "without this program, Python or a network" in text
    assert "$ sudo sh /var/lib/thornwall/0003-7f3a/undo.sh" in text
    assert text.count("✓") == 4


def test_what_was_mended_and_what_is_left() -> None:
    mended, _, left = show(DONE).partition("\nMended  ")[2].partition("\nLeft  ")
    assert PASSWORD.title in mended
    assert TELNET.title not in mended
    assert TELNET.title in left
    assert BLUETOOTH.title in left
    assert mended.startswith("14 findings ")  # sixteen failed, two still do
    assert left.startswith("2 findings ")


def test_after_a_failed_proof_everybody_knows_which_and_that_the_host_is_back() -> None:
    text = flat(show(FAILED))
    assert not FAILED.stands
    assert "TAKEN BACK: raspberrypi is as it was before" in text
    assert "sudo takes the password: sudo: PAM account management error" in text
    assert "A fresh login then found every file and every unit that the change had touched as recorded" in text
    assert "✗ sudo takes the password" in text
    for never in ("is hardened", "Before and after", "Awaits a restart", "To go back", "thornwall undo"):
        assert never not in text


def test_nobody_is_sent_to_look_for_a_cause_that_is_known() -> None:
    assert "Look into what failed" in flat(show(FAILED))
    lost = replace(
        FAILED, proofs=(), failed="it was taken back, since the host started again before anybody confirmed it"
    )
    noted = replace(lost, failed="the connection broke", notes=("The device says: the host started again.",))
    for each in (lost, noted):
        assert "Look into what failed" not in flat(show(each))
    other = replace(lost, proofs=(Proof("tcp 80", False, "it does not answer"),))
    assert "Look into what failed" in flat(show(other))
    text = flat(show(lost))
    assert "To try again: thornwall harden pi@raspberrypi.local" in text


def test_taken_back_but_not_seen_is_not_called_so() -> None:
    text = flat(show(replace(FAILED, verified=False)))
    assert "TAKING BACK: it was not seen that raspberrypi is as it was before" in text
    assert "TAKEN BACK" not in text
    assert "thornwall status pi@raspberrypi.local" in text


def test_hardened_is_where_nothing_extreme_is_left() -> None:
    after = replace(AFTER, findings=tuple(each for each in AFTER.findings if each != TELNET))
    text = flat(show(replace(DONE, after=after)))
    assert "raspberrypi is hardened, and the change is confirmed." in text
    assert "extreme finding" not in text


def test_what_had_not_begun_is_not_said_to_have_been_compared() -> None:
    text = flat(show(replace(FAILED, begun=False)))
    assert "NOT BEGUN: raspberrypi is as it was before" in text
    assert "had not begun when the connection broke, and nothing was changed" in text
    assert "fresh login" not in text


def test_to_try_again_is_to_type_the_same_again() -> None:
    text = flat(show(replace(FAILED, again=("--only", "ssh", "--confirm-within", "40"))))
    assert "to try again: thornwall harden pi@raspberrypi.local --only ssh --confirm-within 40" in text


def test_what_did_not_go_back_at_once_is_said_and_how_long_to_wait() -> None:
    text = flat(show(replace(FAILED, verified=False, stuck="nginx.service does not run", by="09:12:30")))
    assert "Not everything went back at once: nginx.service does not run." in text
    assert "takes everything back by itself when its time is up (09:12:30), if it must with one restart" in text
    assert "Once it answers: thornwall status pi@raspberrypi.local" in text
    assert "or else Should it never answer" in text


def test_what_comes_by_itself_is_counted_apart_from_what_is_left() -> None:
    """Together they are all that is a finding still."""
    mends = (Mend(BLUETOOTH.rule, BLUETOOTH.subject),)
    text = flat(show(replace(DONE, to_come=mends)))
    left, coming = text.index("Left 1 finding"), text.index("Mended at its first start 1 finding")
    assert left < text.index(TELNET.title, left) < coming < text.index(BLUETOOTH.title, coming)
    assert "at its first start" not in flat(show(DONE))
    assert "What its first start brings are changes of their own" in text
    assert "What its first start" not in flat(show(DONE))


def test_what_a_restart_mends_is_not_among_what_is_left() -> None:
    mends = (Mend(BLUETOOTH.rule, BLUETOOTH.subject),)
    text = flat(show(replace(DONE, at_start=mends)))
    left, coming = text.index("Left 1 finding"), text.index("Mended by a restart 1 finding")
    assert left < text.index(TELNET.title, left) < coming < text.index(BLUETOOTH.title, coming)
    assert "Mended by a restart" not in flat(show(DONE))


def test_what_could_not_be_judged_again_is_in_one_of_the_lists() -> None:
    """A filter of our own that waits for its first start, say, hides whether there is a firewall."""
    findings = tuple(
        replace(each, status=Status.UNKNOWN) if each.rule == BLUETOOTH.rule else each for each in AFTER.findings
    )
    after = replace(AFTER, findings=findings)
    text = flat(show(replace(DONE, after=after)))
    assert "Not known now 1 finding of before, which could not be judged again" in text
    assert BLUETOOTH.title in text.partition("Not known now")[2]
    coming = (Mend(BLUETOOTH.rule, BLUETOOTH.subject),)
    text = flat(show(replace(DONE, after=after, to_come=coming)))
    assert BLUETOOTH.title in text.partition("Mended at its first start 1 finding")[2]
    assert "Not known now" not in text
    # what was not known of another subject before, and is not now, hides nothing
    blind = replace(BLUETOOTH, status=Status.UNKNOWN, subject="another")
    before = replace(DONE.before, findings=(*DONE.before.findings, blind))
    rest = tuple(each for each in AFTER.findings if each.rule != BLUETOOTH.rule)
    text = flat(show(replace(DONE, before=before, after=replace(AFTER, findings=(*rest, blind)))))
    assert "Not known now" not in text


def test_what_was_given_up_is_not_said_to_go_on() -> None:
    text = flat(show(replace(FAILED, verified=False, stuck="nginx.service does not run", by="09:12:30", gave_up=True)))
    assert "NOT AS BEFORE: not all of raspberrypi could be taken back" in text
    assert "could be taken back: nginx.service does not run. The device does not try that again before" in text
    assert "to take back the rest: thornwall undo pi@raspberrypi.local" in text
    assert "takes everything back by itself" not in text


def test_what_is_past_is_told_as_past() -> None:
    text = flat(show(replace(FAILED, verified=False, by="09:12:30 UTC", late=True)))
    assert "Its time was up at 09:12:30 UTC: unless somebody has confirmed it, the device has taken everything" in text


def test_packages_that_came_are_not_as_before() -> None:
    told = flat(show(replace(FAILED, packages="0004", brought=Brought(9, 43, 1))))
    assert (
        "raspberrypi is as it was before, but for 9 packages that came, 1 package that went and 43 upgrades "
    ) in told
    assert "The upgrades stay: older versions are not brought back." in told
    told = flat(show(replace(FAILED, packages="0004", brought=Brought(1))))
    assert "as it was before, but for 1 package that came " in told
    assert "older versions" not in told


def test_a_proof_that_fails_after_the_confirmation_is_loud() -> None:
    outcome = replace(DONE, proofs=(*PROOFS[:2], Proof("a password is refused", False, "it logged in")))
    text = flat(show(outcome))
    assert "FAILED: look at raspberrypi" in text
    assert "a password is refused: it logged in" in text
    assert "thornwall undo pi@raspberrypi.local" in text
    assert "is hardened" not in text


def test_what_could_not_be_tried_is_said_and_not_counted() -> None:
    untried = Proof("root may not log in by password", True, "its password is not known here", tried=False)
    text = flat(show(replace(DONE, proofs=(*PROOFS, untried))))
    assert f"{len(PROOFS)} of {len(PROOFS)}, 1 could not be tried" in text
    assert "? not tried: root may not log in by password its password is not known here" in text


def test_steps_that_were_not_done_are_said_first() -> None:
    text = flat(show(replace(DONE, not_done=("Switch the firewall on", "Install updates"))))
    assert "is hardened in part: 2 steps could not be done. The rest is confirmed." in text
    assert "Not done what is needed for it did not come; the notes tell why" in text
    assert text.index("Switch the firewall on") < text.index("Before and after")


def test_what_can_no_longer_be_seen_is_not_called_mended() -> None:
    blind = replace(
        AFTER,
        findings=tuple(
            replace(finding, status=Status.UNKNOWN, subject="host") if finding.rule == PASSWORD.rule else finding
            for finding in AFTER.findings
        ),
    )
    mended = show(replace(DONE, after=blind)).partition("\nMended  ")[2].partition("\nLeft  ")[0]
    assert PASSWORD.title not in mended
    assert mended.startswith("13 findings ")


def test_what_is_new_is_said_by_itself() -> None:
    fresh = replace(TELNET, subject="tcp/2323")
    text = show(replace(DONE, after=replace(AFTER, findings=(*AFTER.findings, fresh))))
    assert "\nNew  1 finding that the audit before did not have" in text
    assert "A telnet server listens: tcp/2323" in text
    assert "\nNew  " not in show(DONE)


@settings(max_examples=40, deadline=None)
@given(TEXTS)
def test_a_host_cannot_steer(text: str) -> None:
    report = hostile(text)
    for taken_back in (True, False):
        outcome = Outcome(
            text, report, report, text, text, (Proof(text, False, text),), taken_back, False, (text,), text, (text,)
        )
        for shown in (render(outcome), show(outcome)):
            assert not STEERING.search(shown)


def test_packages_that_came_for_it_are_not_forgotten() -> None:
    done = show(replace(DONE, packages="0002"))
    assert "change 0003-7f3a, and 0002 for its packages" in done
    assert "$ sudo sh /var/lib/thornwall/0003-7f3a/undo.sh" in done
    assert "$ sudo sh /var/lib/thornwall/0002/undo.sh" in done
    failed = show(replace(FAILED, packages="0002"))
    assert "Still there" in failed
    assert "$ thornwall undo pi@raspberrypi.local 0002" in failed
    assert "Still there" not in show(FAILED)


def test_this_machine_is_named_as_a_command_takes_it() -> None:
    assert "thornwall undo local: " in show(replace(DONE, target="this machine"))


def test_printed_commands_reach_the_host_as_this_one_did() -> None:
    key = ("--identity", "my keys/pi")
    done = flat(show(replace(DONE, reaching=key)))
    assert "$ thornwall undo pi@raspberrypi.local --identity 'my keys/pi' 0003-7f3a" in done
    unseen = flat(show(replace(FAILED, verified=False, reaching=key)))
    assert "thornwall status pi@raspberrypi.local --identity 'my keys/pi'" in unseen
