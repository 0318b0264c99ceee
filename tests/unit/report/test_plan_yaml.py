"""What is written as YAML is read back to the character, by a reader of others."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.report.hostile import TEXTS
from thornwall.report.plan.yaml_text import Noted, Template, dump

PIECES = [
    "", " ", "  x", "\tx", "x ", "# x", "?", "- x", "x: y", "x:", "{{ x }}", "%x", "...", "---", "é🥧", "\u2028",
    "\x85", "\r", "'", '"', "\\", "|", "> x",
]  # fmt: skip
WORDS = [
    "yes",
    "0644",
    "1e3",
    "~",
    "null",
    "=",
    "<<",
    "1_0",
    "2026-10-20",
    ".inf",
    "@x",
    "0x1f",
    "x #y",
    "a, b",
    "/x y",
]
LINES = st.lists(st.sampled_from(PIECES), max_size=6).map("\n".join)
KEYS = st.sampled_from([*WORDS, *PIECES])
SCALARS = TEXTS | LINES | st.sampled_from(WORDS)
VALUES = st.recursive(
    SCALARS | st.booleans() | st.integers(),
    lambda inner: (
        st.lists(SCALARS | st.dictionaries(KEYS, inner, max_size=3), max_size=3)
        | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=6,
)


def clean(value: Any) -> Any:
    """As it is read back: a lone surrogate cannot be written."""
    if isinstance(value, str):
        return "".join("�" if "\ud800" <= char <= "\udfff" else char for char in value)
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in value.items()}
    return [clean(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=500, deadline=None)
@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=3))
def test_it_is_read_back(value: Any) -> None:
    assert yaml.safe_load(dump(value)) == clean(value)


class Unsafe(yaml.SafeLoader):
    """Knows Ansible's mark."""


Unsafe.add_constructor("!unsafe", lambda loader, node: ("unsafe", str(node.value)))


@pytest.mark.parametrize("text", ["{{ x }}", "a\n{% raw %}\n", "x: {# y"])
def test_braces_are_taken_as_they_are(text: str) -> None:
    def read(document: str) -> Any:
        return yaml.load(document, Unsafe)  # noqa: S506 - a SafeLoader

    assert read(dump({"k": text}, ansible=True)) == {"k": ("unsafe", text)}
    assert read(dump({"k": Template(text)}, ansible=True)) == {"k": text}
    assert read(dump({"k": text})) == {"k": text}


def test_it_is_fit_to_be_read() -> None:
    value = [Noted(("Why.",), {"name": "Write /etc/x, then look", "copy": {"content": "a: b\n  c\n", "mode": "0644"}})]
    assert dump({"tasks": value}) == (
        "tasks:\n\n  # Why.\n  - name: Write /etc/x, then look\n    copy:\n      content: |\n"
        '        a: b\n          c\n      mode: "0644"\n'
    )
