"""The page in a real browser: nothing is refused by its own policy, nothing is an error, and its script runs."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.report.plan_sample import FULL
from tests.unit.report.sample import HOSTILE_TEXT, PLANTED, hostile
from thornwall.model.finding import Report
from thornwall.report import render
from thornwall.report.plan import render as render_plan

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium here (apt-get install chromium)")


def load(tmp_path: Path, text: str, fragment: str = "") -> tuple[str, list[str]]:
    """The document after its script ran, and what the console said."""
    assert BROWSER is not None
    page = tmp_path / "page.html"
    page.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--allow-file-access-from-files",  # the page in the frame of a phone is looked into
            "--enable-logging=stderr",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            f"{page.as_uri()}{fragment}",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout, [line for line in done.stderr.splitlines() if re.search(r"CONSOLE[:(]", line)]


@pytest.mark.parametrize("report", [PLANTED, hostile(HOSTILE_TEXT)], ids=["planted", "hostile"])
def test_the_console_is_silent(tmp_path: Path, report: Report) -> None:
    document, console = load(tmp_path, render(report, "html"))
    assert not console
    assert "Open all</button>" in document  # so the script ran


def test_a_link_opens_its_card(tmp_path: Path) -> None:
    document, _ = load(tmp_path, render(PLANTED, "html"), "#f2")
    assert re.findall(r'<details[^>]* id="(f\d+)"[^>]* open=""', document) == ["f2"]


def test_another_script_would_be_refused_aloud(tmp_path: Path) -> None:
    text = render(PLANTED, "html").replace("</body>", "<script>document.title = 'taken'</script></body>")
    document, console = load(tmp_path, text)
    assert any("Content Security Policy" in line for line in console)
    assert "<title>taken" not in document


# A window of chromium is never as narrow as a phone: a frame is. What is folded is opened first.
PHONE = """<!doctype html>
<iframe id="phone" src="inside.html" style="width: 390px; height: 800px; border: 0"></iframe>
<script>
addEventListener("load", () => {
  const page = document.getElementById("phone").contentDocument;
  const all = (selector) => [...page.querySelectorAll(selector)];
  all("details").forEach((fold) => { fold.open = true; });
  document.title = JSON.stringify({
    width: page.documentElement.scrollWidth,
    links: all("nav a").map((link) => link.getBoundingClientRect().right),
    commands: all(".command code, .commands code").map((code) => {
      const tops = new Set([...code.getClientRects()].map((line) => line.top));
      return [code.textContent, tops.size];
    }),
  });
});
</script>"""


@pytest.mark.parametrize("page", ["report", "plan"])
def test_on_a_phone(tmp_path: Path, page: str) -> None:
    """Nothing is wider than the screen, every section's link is in sight, and no command is broken."""
    text = render(PLANTED, "html") if page == "report" else render_plan(FULL, "html")
    (tmp_path / "inside.html").write_text(text, encoding="utf-8")
    document, _ = load(tmp_path, PHONE)
    title = re.search("<title>(.*?)</title>", document)
    assert title is not None
    seen = json.loads(html.unescape(title[1]))
    assert seen["width"] <= 390
    assert len(seen["links"]) > 3
    assert max(seen["links"]) <= seen["width"]
    assert len(seen["commands"]) > 3
    assert max(len(command) for command, _ in seen["commands"]) > 50  # some would not fit
    assert [command for command, lines in seen["commands"] if lines != len(command.split("\n"))] == []


WIDE = """<!doctype html>
<iframe id="screen" src="inside.html" style="width: 1280px; height: 800px; border: 0"></iframe>
<script>
addEventListener("load", () => {
  const page = document.getElementById("screen").contentDocument;
  const right = (selector) => [...page.querySelectorAll(selector)].map((each) => each.getBoundingClientRect().right);
  const bottom = page.getElementById("matrix").getBoundingClientRect().bottom;
  const steps = [...page.querySelectorAll(".steps > li")].map((step) => step.getBoundingClientRect());
  document.title = JSON.stringify({
    matrix: page.getElementById("matrix").getBoundingClientRect().left,
    beside: steps.filter((step) => step.top < bottom).map((step) => step.right),
    below: steps.filter((step) => step.top >= bottom).map((step) => step.right),
    findings: right("#findings")[0],
  });
});
</script>"""


def test_nothing_is_blank_below_the_matrix(tmp_path: Path) -> None:
    """The steps beside it leave it its place; those that come after it take the whole width."""
    (tmp_path / "inside.html").write_text(render(PLANTED, "html"), encoding="utf-8")
    document, _ = load(tmp_path, WIDE)
    title = re.search("<title>(.*?)</title>", document)
    assert title is not None
    seen = json.loads(html.unescape(title[1]))
    assert seen["beside"]
    assert max(seen["beside"]) < seen["matrix"]
    assert seen["below"]
    assert set(seen["below"]) == {seen["findings"]}
