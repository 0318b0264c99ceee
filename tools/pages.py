"""Rebuilds what documents show of the program itself: `make docs`.

docs/rules/*.md from the docstrings of the rules; with root (for the lab) also docs/pictures/*, from a real audit of the
planted host. `--check` writes nothing, and fails if a rule page is out of date.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from thornwall.model.rule import Rule
from thornwall.report.explain import as_markdown
from thornwall.rules.registry import RULES

DOCS = Path(__file__).parent.parent / "docs"
SCREENFUL = 44  # lines
CHROMIUM = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def rule_pages() -> dict[Path, str]:
    """Path to text: one page a rule, and their index by subject."""
    folder = DOCS / "rules"
    pages = {folder / f"{rule.id}.md": as_markdown(rule) for rule in RULES}
    pages[folder / "README.md"] = _index()
    return pages


def _index() -> str:
    subjects: dict[str, list[Rule]] = {}
    for rule in RULES:
        subjects.setdefault(rule.subject, []).append(rule)
    lines = [f"# Rules\n\n{len(RULES)} rules; `thornwall explain RULE` shows the same pages.\n"]
    for subject, rules in subjects.items():
        lines += [f"## {subject}\n", "| rule | what is wrong | from preset | mended |", "|---|---|---|---|"]
        lines += [
            f"| [{rule.id}]({rule.id}.md) | {rule.title} | {rule.preset.name.lower()} | {rule.fixable} |"
            for rule in rules
        ]
        lines.append("")
    return "\n".join(lines)


def write_rule_pages(*, check: bool) -> int:
    """Write the pages, or count those that are not as they should be."""
    pages = rule_pages()
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text() != text]
    stale += [path for path in (DOCS / "rules").glob("*.md") if path not in pages]
    if not check:
        (DOCS / "rules").mkdir(exist_ok=True)
        for path in stale:
            if path in pages:
                path.write_text(pages[path])
            else:
                path.unlink()
    for path in stale:
        print(f"{'stale' if check else 'wrote'} {path.relative_to(DOCS.parent)}")
    return len(stale) if check else 0


def pictures() -> None:
    """docs/pictures: the terminal and the page, of a real audit over SSH of the planted lab host."""
    from tests.lab import start  # noqa: PLC0415
    from tests.lab.thornwall import home, thornwall  # noqa: PLC0415
    from thornwall.collect.archive import load  # noqa: PLC0415
    from thornwall.jobs.audit import assess  # noqa: PLC0415
    from thornwall.jobs.judging import Judging  # noqa: PLC0415
    from thornwall.model.typed import Typed  # noqa: PLC0415
    from thornwall.report.page import render  # noqa: PLC0415
    from thornwall.report.terminal import render_terminal  # noqa: PLC0415

    target = DOCS / "pictures"
    target.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, start("trixie", "planted") as host:
        folder, kept = Path(scratch), Path(scratch) / "pi.tar.gz"
        done = thornwall(["capture", f"pi@{host.address}", "-o", str(kept)], home(host, folder), folder)
        if done.code:
            raise SystemExit(done.stderr)
        report = assess(load(kept), Judging("2026-01-01"))
        report = replace(report, typed=Typed(report.target, plans=True))
        printed = StringIO()
        console = Console(file=printed, width=100, force_terminal=True, color_system="truecolor")
        render_terminal(report, console)
        _terminal(printed.getvalue(), target / "terminal.svg")
        page = folder / "report.html"
        page.write_text(render(report))
        for name, size in (("report", "1400,2200"), ("report-phone", "390,1800")):
            _screenshot(page, target / f"{name}.png", size, folder)


def _terminal(printed: str, picture: Path) -> None:
    """The first screenful of what was printed, as an SVG that asks nobody for a font."""
    console = Console(record=True, width=100, file=StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi("\n".join(printed.splitlines()[:SCREENFUL])))
    svg = console.export_svg(title="thornwall audit pi@raspberrypi.local", theme=MONOKAI)
    picture.write_text(re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL))


def _screenshot(page: Path, picture: Path, size: str, folder: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("chromium is not installed")
    subprocess.run(
        [
            chromium,
            *CHROMIUM,
            f"--user-data-dir={folder}/chromium",
            f"--window-size={size}",
            f"--screenshot={picture}",
            page.as_uri(),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )


if __name__ == "__main__":
    CHECK = "--check" in sys.argv
    if write_rule_pages(check=CHECK):
        raise SystemExit("run 'make docs'")
    if not CHECK and os.getuid() == 0:
        pictures()
