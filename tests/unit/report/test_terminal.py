"""The terminal: what it says, at which width, and that no host can steer it."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from io import StringIO

import pytest
from hypothesis import given, settings
from rich.cells import cell_len
from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from tests.unit.report.hostile import STEERING, TEXTS
from tests.unit.report.sample import EMPTY, JOURNAL, PASSWORD, PLANTED, TELNET, USB, finding, hostile, writable
from thornwall.model.capture import SUDO
from thornwall.model.finding import Effort, Finding, Fixable, Remedy, Report, Risk, Status
from thornwall.model.typed import Typed
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


def words(report: Report, form: str) -> str:
    """What is read in any format, on one line."""
    return " ".join(re.sub(r"<[^>]+>|```sh", " ", html.unescape(render(report, form))).split())


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


@pytest.mark.parametrize("form", ["terminal", "html", "markdown"])
def test_a_question_says_what_to_do_for_either_answer(form: str) -> None:
    """The command means yes: whoever would have to say no must not paste it."""
    text = words(PLANTED, form)
    asked = text[text.rindex("Only you can tell") :]
    assert re.search(r"If yes: (\$ )?thornwall attest ", asked)
    assert len(re.findall(r"thornwall attest", asked)) == asked.count("If yes:")
    assert "If the answer is no, that is a fault: 'thornwall explain RULE' says how to mend it." in asked
    assert "a waiver in your policy" in asked


@pytest.mark.parametrize("form", ["terminal", "html"])
def test_it_leads_on_to_a_plan(form: str) -> None:
    """As it was read and judged; by hand alone goes nothing, and a capture cannot be changed."""
    found = (
        replace(TELNET, fixable=Fixable.AUTOMATIC),
        replace(PASSWORD, fixable=Fixable.NEEDS_ANSWER),
        replace(USB, fixable=Fixable.BY_HAND),
        replace(JOURNAL, status=Status.PASS, fixable=Fixable.AUTOMATIC),
    )
    told = Typed("pi@host", ("--identity", "my key", "--ask-sudo-pass"), ("--preset", "strict"), plans=True)
    text = words(replace(PLANTED, findings=found, typed=told), form)
    assert (
        "thornwall can mend up to 2 of these 3 findings, and take that back. This shows how, and changes nothing:"
        in text
    )
    assert "thornwall plan pi@host --identity 'my key' --ask-sudo-pass --preset strict" in text
    for none in (
        replace(PLANTED, findings=found, typed=replace(told, plans=False)),
        replace(PLANTED, findings=found[2:], typed=told),
        replace(PLANTED, findings=found, typed=Typed()),
    ):
        assert "thornwall plan" not in words(none, form)


def test_what_is_first_of_all_is_said_last() -> None:
    last = show(PLANTED, 200).rstrip().splitlines()[-3:]
    assert last[1].startswith("$ thornwall plan ")
    assert last[2].startswith("First of all: ")


@pytest.mark.parametrize("form", ["terminal", "html", "markdown"])
def test_no_answer_is_asked_for_where_no_command_can_give_it(form: str) -> None:
    text = words(replace(PLANTED, typed=Typed()), form)
    assert "Have you restored a backup" in text
    assert "thornwall attest" not in text
    assert "If yes:" not in text


def test_what_it_was_judged_as_is_said_with_what_changes_it() -> None:
    """The owner's profile in a short line; the default as what it is."""
    kept = words(replace(PLANTED, profile={"data": "video", "place": "public"}), "terminal")
    assert "Judged by its profile: data video, place public" in kept
    assert "profile init" not in kept
    told = Typed("pi@host", ("--identity", "key"), plans=True)
    for form in ("terminal", "html"):
        text = words(replace(PLANTED, profile_told=False, typed=told), form)
        assert ("Judged as an unremarkable device at home" in text) == (form == "terminal")
        assert "nobody has said what it is for" in text
        assert re.search(r"\( ?thornwall profile init pi@host --identity key +changes that\)", text)
    captured = words(replace(PLANTED, profile_told=False, typed=Typed("pi@host")), "terminal")
    assert "(thornwall profile init pi@host --no-read changes that)" in captured
    assert "profile init" not in words(replace(PLANTED, profile_told=False, typed=Typed()), "terminal")


@pytest.mark.parametrize(("form", "least"), [("terminal", 5), ("markdown", 8), ("html", 8)])
def test_every_step_against_a_high_risk_is_shown_first(form: str, least: int) -> None:
    """With its command; of all others as many as make a handful."""

    def of(rule: str, number: int, likelihood: int, impact: int) -> list[Finding]:
        made = (f"{rule}-{each}" for each in range(number))
        return [
            finding(name, name, likelihood, impact, remedy=Remedy(f"Mend {name}.", Effort.MINUTE, (f"do {name}",)))
            for name in made
        ]

    def first(*found: Finding) -> set[str]:
        text = render(replace(PLANTED, findings=found), form)
        part = text[text.index("Do this first</h2" if form == "html" else "Do this first") :]
        ends = {"terminal": "EXTREME  ", "markdown": "## Extreme", "html": "</section"}[form]
        return set(re.findall(r"\bdo ([a-z]+-\d+)", part[: part.index(ends)]))

    extreme, high, low = of("extreme", 2, 5, 4), of("high", 9, 4, 4), of("low", 9, 1, 2)
    assert first(*extreme, *high, *low) == {each.rule for each in (*extreme, *high)}
    assert len(first(*extreme, *high[:1], *low)) == least
