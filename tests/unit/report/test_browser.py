"""The page in a real browser: nothing is refused by its own policy, nothing is an error, and its script runs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.report.sample import HOSTILE_TEXT, PLANTED, hostile
from thornwall.model.finding import Report
from thornwall.report import render

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
