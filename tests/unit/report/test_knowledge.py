"""Rules and the attack surface, listed, explained and shown; formats, known by name and imported when asked for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO

import pytest
from hypothesis import given, settings
from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from tests.unit.report.hostile import STEERING, TEXTS
from tests.unit.report.sample import EMPTY, PLANTED, SURFACE, hostile
from thornwall.model.finding import Attacker, Consequence, Effort, FaultClass, Fixable, Kind, Need, Reach, References
from thornwall.model.rule import Context, Option, Preset, Verdict, passed, rule
from thornwall.model.surface import Listener
from thornwall.report import FORMATS, format_of, render
from thornwall.report.explain import as_markdown, render_explanation
from thornwall.report.rules import as_json, render_rules
from thornwall.report.surface import FORMATS as SURFACE_FORMATS
from thornwall.report.surface import render_surface, sockets
from thornwall.report.terminal import REMEDY
from thornwall.report.text import brief
from thornwall.report.words import RISK_RECKONED, SCORE_RECKONED
from thornwall.rules.registry import RULES
from thornwall.rules.risk import CAPS, HALF_LIFE


@rule(
    "telnet-server",
    "A telnet server listens",
    subject="servers",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.SERVICE,
    likelihood=4,
    impact=4,
    attacker=Attacker.WORM,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.NEEDS_ANSWER,
    preset=Preset.DOCUMENTS,
    references=References(document=("Connecting to the Internet",), cwe=(319,)),
    needs=(Need.REBOOT,),
    commands=("sudo apt-get purge telnetd",),
    options=(Option("ports", (23,), "ports that are telnet", strict=(23, 2323)),),  # type: ignore[arg-type]
)
def telnet(ctx: Context) -> Iterator[Verdict]:
    """A telnet server.

    What:
        Whether a program listens on the port of telnet.

    Why:
        Telnet sends passwords in the clear.

        Worms look for it.

    Remedy:
        Remove it: `apt-get purge telnetd`. Use SSH.

    Risk of the remedy:
        Old clients are left out.
    """
    yield passed()


def on_console(show: object, *args: object) -> str:
    file = StringIO()
    show(*args, Console(file=file, width=80, color_system=None, legacy_windows=False, _environ={}))  # type: ignore[operator]
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def test_rules_as_json() -> None:
    (listed,) = json.loads(as_json([telnet]))
    assert {key: listed[key] for key in ("id", "title", "subject", "kind", "fix", "references")} == {
        "id": "telnet-server",
        "title": "A telnet server listens",
        "subject": "servers",
        "kind": "misconfiguration",
        "fix": "needs-answer",
        "references": {"document": ["Connecting to the Internet"], "cwe": [319]},
    }


def test_rules_as_a_table(snapshot: SnapshotAssertion) -> None:
    assert on_console(render_rules, [telnet]) == snapshot


def test_explained_on_the_terminal(snapshot: SnapshotAssertion) -> None:
    assert on_console(render_explanation, telnet) == snapshot


def test_explained_in_markdown(snapshot: SnapshotAssertion) -> None:
    assert as_markdown(telnet) == snapshot


def test_the_reckoning_is_told_as_it_is_done() -> None:
    assert f"every {HALF_LIFE} points" in SCORE_RECKONED
    assert [str(cap) for cap in CAPS.values()] == ["40", "75"]
    assert all(f"at most {cap}" in SCORE_RECKONED for cap in CAPS.values())
    assert "from 20 extreme, from 12 high, from 5 medium" in RISK_RECKONED


def test_surface_on_the_terminal(snapshot: SnapshotAssertion) -> None:
    assert render_surface(SURFACE, PLANTED.host, PLANTED.target, "terminal") == snapshot


def test_the_same_program_on_two_addresses_is_shown_once() -> None:
    four, six = (Listener("tcp", address, 22, "sshd", reach=Reach.NETWORK) for address in ("0.0.0.0", "::"))  # noqa: S104
    other = replace(six, port=2222)
    assert sockets([four, other, six]) == [
        (replace(four, address=""), "0.0.0.0, ::"),
        (replace(other, address=""), "::"),
    ]


def test_surface_as_json() -> None:
    value = json.loads(render_surface(SURFACE, PLANTED.host, PLANTED.target, "json"))
    assert value["schema"] == "thornwall.surface/1"
    assert value["listeners"][1] == {
        "protocol": "tcp",
        "address": "0.0.0.0",  # noqa: S104
        "port": 23,
        "program": "inetutils-inetd",
        "pid": 412,
        "user": "root",
        "unit": "inetutils-inetd.service",
        "package": "inetutils-inetd",
        "reach": "network",
        "layers": ["asks for a login"],
        "speaks": "telnet",
        "plaintext": True,
        "role": "login",
    }


@settings(max_examples=40, deadline=None)
@given(TEXTS)
def test_a_hostile_surface(text: str) -> None:
    report = hostile(text)
    assert report.surface is not None
    for name in SURFACE_FORMATS:
        assert not STEERING.search(render_surface(report.surface, report.host, report.target, name))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_ends_in_a_newline(name: str) -> None:
    for report in (PLANTED, EMPTY):
        assert render(report, name).endswith("\n")


def test_the_format_that_a_file_asks_for() -> None:
    assert [
        format_of(name) for name in ("a.html", "B.JSON", "x.sarif", "x.md", "junit.xml", "x.csv", "x.pdf", "x")
    ] == [
        "html",
        "json",
        "sarif",
        "markdown",
        "junit",
        "csv",
        None,
        None,
    ]


def test_only_the_format_that_is_asked_for_is_imported() -> None:
    script = (
        "import sys; import thornwall.report as r; from thornwall.model.finding import *\n"
        "before = [m for m in sys.modules if m.startswith('thornwall.report.') or m.partition('.')[0] == 'rich']\n"
        "assert not before, before\n"
        "r.render(Report('t', HostName(), 1, ()), 'json')\n"
        "assert not [m for m in sys.modules if m.startswith('rich') or 'report.page' in m]\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_who_has_sudo_ask_is_told_how_to_audit_then() -> None:
    """Also where only as much of the remedy is shown as is quickly read."""
    (nopasswd,) = [each for each in RULES if each.id == "sudo-nopasswd"]
    assert "--ask-sudo-pass" in brief(nopasswd.remedy().text, REMEDY)
