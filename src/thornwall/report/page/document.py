"""The frame of a page: it needs nothing but itself.

The style and the script are two files beside this one; the page's Content-Security-Policy allows exactly these two, by
their hashes, and no network at all.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path

from thornwall.report.page.elements import Child, Html, tag
from thornwall.report.text import line

_HERE = Path(__file__).parent


@cache
def own(path: Path) -> Html:
    """A file of ours, as markup: never one of a host."""
    return Html(path.read_text(encoding="utf-8"))


def document(title: str, *body: Child, more_style: Html | None = None) -> str:
    """The whole page. `more_style`: a style sheet of ours that follows the common one."""
    style, script = own(_HERE / "style.css"), own(_HERE / "script.js")
    if more_style is not None:
        style = Html(style.text + more_style.text)
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; "
        "form-action 'none'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", line(title)),
        Html(f"<style>{style.text}</style>"),
    )
    skip = tag("a", "Skip to the content", href="#main", class_="skip")
    end = Html(f"<script>{script.text}</script>")
    return f"<!DOCTYPE html>\n{tag('html', head, tag('body', skip, body, end), lang='en').text}\n"


def _hash(own_: Html) -> str:
    return f"sha256-{b64encode(sha256(own_.text.encode()).digest()).decode()}"
