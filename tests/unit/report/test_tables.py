"""CSV, JUnit and Markdown: read back with readers of others."""

from __future__ import annotations

import csv
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from io import StringIO

import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt
from syrupy.assertion import SnapshotAssertion

from tests.unit.report.hostile import STEERING, TEXTS
from tests.unit.report.sample import EMPTY, HOSTILE_TEXT, PLANTED, hostile
from thornwall.model.finding import Report
from thornwall.report import render
from thornwall.report.surface import render_surface


def rows(report: Report) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(render(report, "csv"), newline="")))


def test_csv_has_a_row_for_each_finding() -> None:
    read = rows(PLANTED)
    assert [(row["rule"], row["subject"], row["status"]) for row in read] == [
        (finding.rule, finding.subject, str(finding.status)) for finding in PLANTED.findings
    ]
    assert read[0]["host"] == "raspberrypi"
    assert read[0]["evidence"] == "/etc/shadow:27: pi: the hash matches a known default"
    assert read[0]["effort_minutes"] == "1"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\n=", " =", "\x00=", "＝", "＋", "－", "＠"])
def test_no_cell_is_a_formula(start: str) -> None:
    for row in rows(hostile(f"{start}HYPERLINK(1)")):
        for name, cell in row.items():
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")), name


@settings(max_examples=40, deadline=None)
@given(TEXTS)
def test_csv_keeps_its_shape(text: str) -> None:
    written = render(hostile(text), "csv")
    assert not STEERING.search(written.replace("\r\n", "\n"))
    read = list(csv.reader(StringIO(written, newline=""), strict=True))
    assert {len(row) for row in read} == {23}
    assert len(read) == 7
    for row in read:
        assert not any(cell[:1] in {"=", "+", "-", "@", "\t"} for cell in row if cell)


def test_junit_counts_and_cases() -> None:
    suite = ET.fromstring(render(PLANTED, "junit")).find("testsuite")  # noqa: S314 - it is our own
    assert suite is not None
    assert {key: suite.get(key) for key in ("tests", "failures", "skipped", "errors")} == {
        "tests": "24",
        "failures": "16",
        "skipped": "6",
        "errors": "0",
    }
    cases = suite.findall("testcase")
    assert len(cases) == 24
    assert len({(case.get("classname"), case.get("name")) for case in cases}) == 24
    by_rule = {case.get("classname", "").removeprefix("thornwall."): case for case in cases}
    failure = by_rule["telnet-server"].find("failure")
    assert failure is not None
    assert failure.get("type") == "extreme"
    assert "$ sudo apt-get purge telnetd inetutils-telnetd" in (failure.text or "")
    assert [child.tag for child in by_rule["backup-tested"]] == ["skipped"]
    assert [child.tag for child in by_rule["shadow-readable"]] == []


@settings(max_examples=40, deadline=None)
@given(TEXTS)
def test_junit_is_always_xml(text: str) -> None:
    written = render(hostile(text), "junit")
    written.encode()
    assert not STEERING.search(written)
    assert len(list(ET.fromstring(written).iter("testcase"))) == 6  # noqa: S314 - that it is read is the test


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.links: set[str] = set()
        self.data: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.links |= {value or "" for name, value in attrs if name in {"href", "src"}}

    def handle_data(self, data: str) -> None:
        self.data.append(data)


def as_read(markdown: str) -> Tags:
    """What a forge makes of it: tables, strike-through, autolinks, and raw HTML let through."""
    forge = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tags = Tags()
    tags.feed(forge.render(markdown))
    return tags


def test_markdown(snapshot: SnapshotAssertion) -> None:
    assert render(PLANTED, "markdown") == snapshot


def test_markdown_reads_as_tables_lists_and_code() -> None:
    read = as_read(render(PLANTED, "markdown"))
    assert {"h1", "h2", "h3", "table", "ol", "ul", "pre", "code", "strong"} <= read.seen
    assert "/etc/sudoers.d/010_pi-nopasswd:1" in read.data
    assert "pi ALL=(ALL) NOPASSWD: ALL" in read.data


OURS = {
    "h1", "h2", "h3", "p", "table", "thead", "tbody", "tr", "th", "td", "ol", "ul", "li", "pre", "code", "strong",
}  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_markdown_of_a_host_is_only_text(text: str) -> None:
    report = hostile(text)
    assert report.surface is not None
    for written in (
        render(report, "markdown"),
        render_surface(report.surface, report.host, report.target, "markdown"),
    ):
        assert not STEERING.search(written)
        read = as_read(written)
        assert read.seen <= OURS
        assert not read.links
        # nothing that a forge makes a link of by itself, outside of code
        prose = re.sub(r"^ *(`{3,})sh\n.*?\n *\1$", "", written, flags=re.DOTALL | re.MULTILINE)
        prose = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", prose)
        assert not re.search(r"https?://|www\.|(?<!\w)@\w|(?<!&)#\d", prose)


def test_a_table_row_stays_a_row() -> None:
    report = hostile(HOSTILE_TEXT)
    assert report.surface is not None
    written = render_surface(report.surface, report.host, report.target, "markdown")
    (row,) = [line for line in written.splitlines() if line.startswith("| `")]
    assert row.count("|") == 6


def test_nothing_to_say() -> None:
    for name in ("csv", "junit", "markdown"):
        assert render(EMPTY, name)
