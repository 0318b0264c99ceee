"""The terminal: what it says, at which width, and that no host can steer it."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from hypothesis import given, settings
from rich.cells import cell_len
from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from tests.unit.report.hostile import STEERING, TEXTS
from tests.unit.report.sample import EMPTY, PLANTED, finding, hostile, writable
from thornwall.model.capture import SUDO
from thornwall.model.finding import Report, Risk, Status
from thornwall.report import render
from thornwall.report.terminal import render_terminal


def show(report: Report, width: int = 80, *, colour: bool = False, verbose: bool = False, quiet: bool = False) -> str:
    file = StringIO()
    console = Console(
        file=file,
        width=width,
        color_system="256" if colour else None,
        force_terminal=colour,
        legacy_windows=False,
        _environ={},
    )
    render_terminal(report, console, verbose=verbose, quiet=quiet)
    return file.getvalue()


def bare(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


@pytest.mark.parametrize("width", [80, 120])
def test_planted(width: int, snapshot: SnapshotAssertion) -> None:
    assert bare(show(PLANTED, width)) == snapshot


def test_what_root_would_know_is_said_at_the_top() -> None:
    """Three findings are not known, of which the worst is high; root would tell two, and of those the worst is low."""
    unknown = [finding for finding in PLANTED.findings if finding.status is Status.UNKNOWN]
    others = tuple(finding for finding in PLANTED.findings if finding.status is not Status.UNKNOWN)
    waiting = [replace(finding, mend=SUDO, risk=Risk.LOW) for finding in unknown[:2]]
    seen = replace(PLANTED, findings=(*others, *waiting, replace(unknown[2], mend="", risk=Risk.HIGH)), as_root=False)
    told = show(seen, 120)
    line = next(line for line in told.splitlines() if line.startswith("Seen without root"))
    assert line.startswith("Seen without root: 2 checks could not be made, up to low. To know: run as root")
    assert told.index(line) < told.index("Do this first")
    assert "Seen without root" not in show(replace(seen, findings=others))
    assert "Seen without root" not in show(replace(seen, as_root=True))


def test_verbose(snapshot: SnapshotAssertion) -> None:
    assert bare(show(PLANTED, verbose=True)) == snapshot


def test_a_check_that_passed_names_its_subject_once() -> None:
    right = finding("rsh-listening", "rsh listens", 4, 5, status=Status.PASS, subject="rsh")
    once = show(replace(EMPTY, findings=(replace(right, detail="rsh does not listen."),)), verbose=True)
    assert "  rsh-listening  rsh does not listen.\n" in once
    other = show(replace(EMPTY, findings=(replace(right, detail="It does not listen."),)), verbose=True)
    assert "  rsh-listening: rsh  It does not listen.\n" in other


def test_quiet_is_one_look() -> None:
    text = bare(show(PLANTED, quiet=True))
    assert len(text.splitlines()) <= 10
    assert "18/100" in text
    assert "3 extreme" in text


def test_nothing_found() -> None:
    text = show(EMPTY)
    assert "Nothing serious was found." in text
    assert "Do this first" not in text


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_but_commands_which_stay_whole(width: int) -> None:
    for line in show(PLANTED, width, verbose=True).splitlines():
        assert cell_len(line) <= width or "$ " in line
    assert "sudo tee /etc/ssh/sshd_config.d/10-thornwall.conf" in show(PLANTED, 80, verbose=True)


def test_the_words_are_the_same_without_colour() -> None:
    coloured = Console(file=StringIO(), width=80, color_system="256", force_terminal=True, _environ={})
    with coloured.capture() as shown:
        render_terminal(PLANTED, coloured)
    assert "\x1b[" in shown.get()
    plain = "".join(
        part if index == 0 else part.partition("m")[2] for index, part in enumerate(shown.get().split("\x1b["))
    )
    assert bare(plain) == bare(show(PLANTED))


def test_many_subjects_are_one_finding() -> None:
    many = tuple(writable(f"/etc/{number}") for number in range(200))
    text = show(replace(PLANTED, findings=many))
    assert "and 197 more" in text
    assert len(text.splitlines()) < 60
    assert len(show(replace(PLANTED, findings=many), verbose=True).splitlines()) > 400


def test_markup_of_a_host_stays_text() -> None:
    text = bare(show(hostile("[/red][bold]x[/bold] :bomb:"), colour=False))
    assert "[/red][bold]x[/bold] :bomb:" in text


@settings(max_examples=40, deadline=None)
@given(TEXTS)
def test_a_host_cannot_steer(text: str) -> None:
    report = hostile(text)
    for shown in (render(report, "terminal"), show(report, verbose=True)):
        assert not STEERING.search(shown)


@settings(max_examples=40, deadline=None)
@given(TEXTS)
def test_every_escape_is_ours(text: str) -> None:
    for part in show(hostile(text), colour=True, verbose=True).split("\x1b")[1:]:
        assert part[0] == "["
        assert part[1:].partition("m")[0].replace(";", "").isdigit()
