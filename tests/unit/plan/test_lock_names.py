"""Every interlock has a name that the command line knows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import thornwall.plan
from thornwall.plan.interlocks.names import ANSWERABLE, BY_DEED

NAMED_BY_A_VARIABLE = {"usb-storage", "usbguard"}
ASKED_FOR_BY_NAME = {"use-pam-no"}


def holds() -> Iterator[tuple[str, bool]]:
    """The name of each hold in the source, and whether it has a word about accepting; what `_needs` makes does."""
    for path in Path(thornwall.plan.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"Hold", "_needs"}:
                name = node.args[0]
                if isinstance(name, ast.Constant):
                    accept = any(keyword.arg == "accept" for keyword in node.keywords)
                    yield str(name.value), accept or node.func.id == "_needs"


def test_all_names_are_listed() -> None:
    assert {name for name, _ in holds()} | NAMED_BY_A_VARIABLE == ANSWERABLE | BY_DEED


def test_those_that_may_be_answered() -> None:
    assert {name for name, accept in holds() if accept} | NAMED_BY_A_VARIABLE | ASKED_FOR_BY_NAME == ANSWERABLE
    assert not ANSWERABLE & BY_DEED
