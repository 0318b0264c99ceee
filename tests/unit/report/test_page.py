"""The page: needs nothing but itself, says what it must, and nothing of a host becomes markup."""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.unit.report.hostile import STEERING, TEXTS
from tests.unit.report.sample import EMPTY, HOSTILE_TEXT, PLANTED, finding, hostile, writable
from thornwall.model.finding import Status
from thornwall.report import page, render
from thornwall.report.surface import render_surface
from thornwall.report.text import clean

OWN = Path(page.__file__).parent


class Read(HTMLParser):
    """Tags, attributes, text, and the text of scripts and styles, as a browser would take them apart."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.stack: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in {"meta", "br"}:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] in self.raw:
            self.raw[self.stack[-1]].append(data)
        else:
            self.words.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def of(self, name: str) -> list[str]:
        return [value for _, attribute, value in self.attributes if attribute == name]


KNOWN = set(Read(render(PLANTED, "html")).tags)


def test_a_check_that_passed_names_its_subject_once() -> None:
    right = finding("rsh-listening", "rsh listens", 4, 5, status=Status.PASS, subject="rsh")
    text = render(replace(EMPTY, findings=(replace(right, detail="rsh does not listen."),)), "html")
    assert "<code>rsh-listening</code> <span>rsh does not listen.</span>" in text


def test_the_policy_allows_exactly_our_style_and_script() -> None:
    read = Read(render(PLANTED, "html"))
    (policy,) = [value for value in read.of("content") if "default-src" in value]
    hashes = [b64encode(sha256("".join(read.raw[name]).encode()).digest()).decode() for name in ("style", "script")]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; base-uri 'none'; "
        "form-action 'none'"
    )


def test_nothing_comes_from_elsewhere() -> None:
    text = render(PLANTED, "html")
    read = Read(text)
    assert not {"img", "link", "iframe", "object", "embed", "base", "form", "video", "audio"} & set(read.tags)
    assert not read.of("src") + read.of("style")
    assert "url(" not in text
    assert "@import" not in text
    outside = {link for link in read.of("href") if not link.startswith("#")}
    assert all(re.fullmatch(r"https://cwe\.mitre\.org/data/definitions/\d+\.html", link) for link in outside)


def test_every_link_leads_somewhere_and_every_id_is_one() -> None:
    read = Read(render(PLANTED, "html"))
    ids = read.of("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in read.of("href") if link.startswith("#")} <= set(ids)


def test_it_says_what_it_must() -> None:
    text = " ".join(Read(render(PLANTED, "html")).words)
    for words in (
        "raspberrypi",
        "Do this first",
        "passwd pi",
        "/etc/sudoers.d/010_pi-nopasswd:1",
        "pi ALL=(ALL) NOPASSWD: ALL",
        "SSH answers the whole local network, and no firewall is in front",
        "starts at 4",
        "CIS Debian 12",
        "CWE-521",
        "hands on the device",
        "Have you restored a backup of this device within the last year?",
        "/etc/sudoers could not be read",
        "the printers are found by it",
        "The walk of /srv stopped after 100,000 entries.",
        "inetutils-inetd.service",
        "laptop@home",
        "halved for every 80 points",
    ):
        assert words in text, words


def test_cells_of_the_matrix_lead_to_their_findings() -> None:
    read = Read(render(PLANTED, "html"))
    cells = [value for tag, name, value in read.attributes if (tag, name) == ("a", "data-cell")]
    assert sorted(cells) == sorted(
        {f"{finding.likelihood}-{finding.impact}" for finding in PLANTED.failed()},
    )
    cards = {value for tag, name, value in read.attributes if (tag, name) == ("details", "data-cell")}
    assert cards == set(cells)


@pytest.mark.parametrize("report", [EMPTY, replace(PLANTED, surface=None), replace(PLANTED, score=100)])
def test_with_parts_missing(report: object) -> None:
    Read(page.render(report))  # type: ignore[arg-type]


def test_a_thousand_findings_are_one_card() -> None:
    many = replace(PLANTED, findings=tuple(writable(f"/etc/{number}") for number in range(1000)))
    text = render(many, "html")
    assert text.count('class="card ') == 1
    assert len(text) < 200_000
    assert "900 more" in text


def test_the_surface_alone() -> None:
    assert PLANTED.surface is not None
    read = Read(render_surface(PLANTED.surface, PLANTED.host, PLANTED.target, "html"))
    assert "Attack surface" in " ".join(read.words)
    assert set(read.tags) <= KNOWN


@settings(max_examples=50, deadline=None)
@given(TEXTS)
def test_a_host_adds_no_markup(text: str) -> None:
    written = render(hostile(text), "html")
    written.encode()
    assert not STEERING.search(written)
    read = Read(written)
    assert set(read.tags) <= KNOWN
    assert (read.tags["script"], read.tags["style"], read.tags["body"]) == (1, 1, 1)
    assert "".join(read.raw["script"]) == (OWN / "script.js").read_text()
    assert "".join(read.raw["style"]) == (OWN / "style.css").read_text()
    assert not [name for _, name, _ in read.attributes if name.startswith("on") or name == "style"]
    assert all(link.startswith(("#", "https://cwe.mitre.org/")) for link in read.of("href"))


def test_the_text_of_a_host_is_there_to_be_read() -> None:
    assert clean(HOSTILE_TEXT).strip("\n") in Read(render(hostile(HOSTILE_TEXT), "html")).words


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, two: str) -> float:
    dark, light = sorted((luminance(one), luminance(two)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_enough_to_read(scheme: str) -> None:
    """WCAG 2 AA: 4.5 for text."""
    light, dark = re.findall(r":root \{(.*?)\}", (OWN / "style.css").read_text(), re.DOTALL)[:2]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light))
    if scheme == "dark":
        colours |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", dark))
    pairs = [(ink, ground) for ink in ("ink", "soft", "link", "up") for ground in ("paper", "card", "sunk")]
    pairs += [("down", "card"), ("down", "sunk"), ("down", "paper")]
    pairs += [(f"{risk}-ink", risk) for risk in ("extreme", "high", "medium", "low")]
    for ink, ground in pairs:
        assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
