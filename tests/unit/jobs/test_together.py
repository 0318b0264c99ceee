"""What is taken back when somebody asks for one change."""

from __future__ import annotations

import pytest

from thornwall.apply.events import Change
from thornwall.errors import RefusedError
from thornwall.jobs.undo import together


def change(number: int, state: str = "confirmed", title: str = "harden recommended") -> Change:
    return Change(f"{number:04}", state, 0, "1", "", None, False, title)


PACKAGES = "packages: ufw"


@pytest.mark.parametrize(
    ("changes", "asked", "going"),
    [
        ([change(1), change(2)], "", ["0002"]),
        ([change(1, title=PACKAGES), change(2)], "", ["0002", "0001"]),
        ([change(1, title=PACKAGES), change(2)], "2", ["0002", "0001"]),
        ([change(1, title=PACKAGES), change(2)], "0001", ["0001"]),
        # alone, once the change that they came for is gone
        ([change(1, title=PACKAGES), change(2, "undone")], "", ["0001"]),
        # they came for another one
        ([change(1, title=PACKAGES), change(2, "undone"), change(3)], "", ["0003"]),
        # something else stands on them
        ([change(1, title=PACKAGES), change(2), change(3)], "2", ["0002"]),
        ([change(1, "undone", PACKAGES), change(2)], "", ["0002"]),
        ([change(1), change(2, "undone")], "2", ["0002"]),
        ([change(1), change(2, "rehearsal")], "", ["0001"]),
        ([change(1, title=PACKAGES), change(2, title=PACKAGES)], "", ["0002"]),
    ],
)
def test_a_hardening_takes_its_packages_along(changes: list[Change], asked: str, going: list[str]) -> None:
    assert [each.id for each in together(tuple(changes), asked)] == going
    assert [each.id for each in together(tuple(changes), asked, packages=False)] == going[:1]


@pytest.mark.parametrize("asked", ["", "7"])
def test_nothing_to_take_back(asked: str) -> None:
    with pytest.raises(RefusedError, match="there is no change"):
        together((change(1, "undone"),), asked)
