"""The page of a plan: needs nothing but itself, says what it must, and nothing of a host becomes markup."""

from __future__ import annotations

import re
import shutil
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.unit.report.hostile import STEERING, TEXTS
from tests.unit.report.plan_sample import FULL, HELD, KERNEL, MODES, NOTHING, REFUSED, SSHD, hostile_plan
from tests.unit.report.sample import HOSTILE_TEXT
from tests.unit.report.test_browser import BROWSER, load
from tests.unit.report.test_page import Read, contrast
from thornwall.model.change import Chmod, PutFile
from thornwall.model.plan import Plan
from thornwall.report import page as common
from thornwall.report.plan import page, render

STYLES = [Path(str(package.__file__)).with_name("style.css").read_text() for package in (common, page)]
KNOWN = set(Read(render(FULL, "html")).tags)


def flat(text: str) -> str:
    return " ".join(text.split())


def test_the_policy_allows_exactly_our_style_and_script() -> None:
    read = Read(render(FULL, "html"))
    (policy,) = [value for value in read.of("content") if "default-src" in value]
    assert "".join(read.raw["style"]) == "".join(STYLES)
    hashes = [b64encode(sha256("".join(read.raw[name]).encode()).digest()).decode() for name in ("style", "script")]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; base-uri 'none'; "
        "form-action 'none'"
    )


def test_nothing_comes_from_elsewhere() -> None:
    text = render(FULL, "html")
    read = Read(text)
    assert not {"img", "link", "iframe", "object", "embed", "base", "form", "video", "audio"} & set(read.tags)
    assert not read.of("src") + read.of("style")
    assert "url(" not in text
    outside = {link for link in read.of("href") if not link.startswith("#")}
    assert all(re.fullmatch(r"https://cwe\.mitre\.org/data/definitions/\d+\.html", link) for link in outside)


def test_every_link_leads_somewhere_and_every_id_is_one() -> None:
    for plan in (FULL, NOTHING, REFUSED):
        read = Read(render(plan, "html"))
        ids = read.of("id")
        assert len(ids) == len(set(ids))
        assert {link[1:] for link in read.of("href") if link.startswith("#")} <= set(ids)


def test_it_says_what_it_must() -> None:
    text = flat(" ".join(Read(render(FULL, "html")).words))
    said = [step.title for step in FULL.steps] + [held.unlock for held in HELD]
    said += [flat(line) for line in SSHD.decode().splitlines()]
    said += [
        "15 steps would mend 30 findings. Nothing has been changed.",
        "A key alone has just logged in.",
        "Whoever has no key on the device is locked out.",
        "what is updated (step 2); nor the password of pi that everybody knows (a change that nobody confirms goes",
        "ufw --force enable",
        "0 → 1",
        "--accept service-in-use:mosquitto.service",
        "Which password shall bob have?",
        "sudo apt-get purge telnetd inetutils-telnetd",
        "thornwall harden pi@raspberrypi.local",
    ]
    for words in said:
        assert words in text, words


def test_a_refusal_comes_first_and_leads_to_no_command() -> None:
    words = [word for word in map(flat, Read(render(REFUSED, "html")).words) if word]
    assert words.index("Nothing may be changed on this host now") < words.index("Plan")
    assert "thornwall harden pi@raspberrypi.local" not in words


def test_long_plans_stay_a_page() -> None:
    many = replace(MODES, operations=tuple(Chmod(f"/etc/{number}", 0o600) for number in range(5000)))
    long = replace(KERNEL, operations=(PutFile("/etc/x", b"line\n" * 50_000, "absent"),))
    text = render(replace(FULL, steps=(many, long)), "html")
    assert len(text) < 300_000
    assert "and 4800 more" in text
    assert "and 49600 more lines" in text


@settings(max_examples=30, deadline=None)
@given(TEXTS)
def test_a_host_adds_no_markup(text: str) -> None:
    written = render(hostile_plan(text), "html")
    written.encode()
    assert not STEERING.search(written)
    read = Read(written)
    assert set(read.tags) <= KNOWN
    assert (read.tags["script"], read.tags["style"], read.tags["body"]) == (1, 1, 1)
    assert "".join(read.raw["style"]) == "".join(STYLES)
    assert not [name for _, name, _ in read.attributes if name.startswith("on") or name == "style"]
    assert all(link.startswith(("#", "https://cwe.mitre.org/")) for link in read.of("href"))


def mixed(one: str, two: str, part: float) -> str:
    """What color-mix(in srgb) shows of `one` laid over `two`."""
    pairs = [(int(one[at : at + 2], 16), int(two[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(a * part + b * (1 - part)):02x}" for a, b in pairs)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_diffs_can_be_read(scheme: str) -> None:
    """WCAG 2 AA: 4.5 for text."""
    light, dark = re.findall(r":root \{(.*?)\}", STYLES[0], re.DOTALL)[:2]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light))
    if scheme == "dark":
        colours |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", dark))
    tints = re.findall(r"color-mix\(in srgb, var\(--(\w+)\) (\d+)%, transparent\)", STYLES[1])
    assert len(tints) == 2
    for name, part in tints:
        assert contrast(colours["ink"], mixed(colours[name], colours["sunk"], int(part) / 100)) >= 4.5


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here (apt-get install chromium)")
@pytest.mark.parametrize("plan", [FULL, REFUSED, hostile_plan(HOSTILE_TEXT)], ids=["full", "refused", "hostile"])
def test_the_console_of_a_browser_is_silent(plan: Plan, tmp_path: Path) -> None:
    assert shutil.which(str(BROWSER))
    document, console = load(tmp_path, render(plan, "html"), "#s1")
    assert not console
    assert "Open all</button>" in document  # so the script ran
    assert re.search(r'<details[^>]* id="s1" open=""', document)
