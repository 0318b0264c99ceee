"""Text that a hostile host would send, and what no report may hold outside of JSON's own escapes."""

from __future__ import annotations

import re

from hypothesis import strategies as st

from tests.unit.report.sample import HOSTILE_TEXT

PIECES = (
    "\x1b[31m", "\x1b]0;title\x07", "\x1b]8;;http://evil/\x1b\\", "\x9b2J", "\x1bc", "\x1bP", "\x00", "\r", "\n", "\t",
    "\u202e", "\u2066", "\u200b", "\ufeff", "\ud800", "\U000e0041", "\u2028", "[/red]", "[bold]", "[link=http://evil]",
    "<script>alert(1)</script>", "</style>", "</script>", "--><!--", "]]>", "&amp;", "&#x3c;", '"', "'", "`", "``", "|",
    "\\", "=1+1", "+1", "-1", "@SUM(A1)", "# x", "- [x] ", "![x](http://evil)", "<http://evil>", "javascript:alert(1)",
    "host", "://", "%0a", "..", "{x}", "${x}", ":bomb:", "é", "日本", "🥧",
)  # fmt: skip

TEXTS = st.one_of(
    st.just(HOSTILE_TEXT),
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    st.text(st.characters(), max_size=60),
)

STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2060-\u2069\ufeff\u2028\u2029\ud800-\udfff\U000e0000-\U000e007f]",
)
