"""The pages of the rules say what the rules say: 'make docs' was run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.pages import DOCS, rule_pages

PAGES = rule_pages()


def test_no_page_is_stale() -> None:
    assert sorted(path for path, text in PAGES.items() if not path.exists() or path.read_text() != text) == []


def test_no_page_is_left_of_a_rule_that_is_gone() -> None:
    assert sorted(path for path in (DOCS / "rules").glob("*.md") if path not in PAGES) == []


@pytest.mark.parametrize("page", [*sorted(DOCS.glob("*.md")), *sorted(DOCS.parent.glob("*.md"))])
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
