"""The order of Debian versions, against dpkg itself."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thornwall.facts.debversion import key, newer

# What makes versions hard: epochs, tildes, Raspberry Pi's builds, back-ports, binary rebuilds, leading zeros.
PIECES = [
    "0",
    "1",
    "9",
    "10",
    "007",
    "a",
    "z",
    "A",
    ".",
    "+",
    "~",
    "~~",
    "-",
    "rc",
    "+deb12u3",
    "+rpt1",
    "~bpo12+1",
    "+b2",
]
UPSTREAM = st.lists(st.sampled_from(PIECES), max_size=6).map("".join).map(lambda text: "1" + text)
VERSIONS = st.builds(lambda epoch, rest: epoch + rest.rstrip("-"), st.sampled_from(["", "0:", "1:", "2:"]), UPSTREAM)


@pytest.mark.skipif(not shutil.which("dpkg"), reason="needs dpkg to compare with")
@settings(max_examples=150, deadline=None)
@given(VERSIONS, VERSIONS)
def test_order_is_that_of_dpkg(one: str, other: str) -> None:
    asked = subprocess.run(["dpkg", "--compare-versions", one, "gt", other], check=False, capture_output=True)
    assert newer(one, other) == (asked.returncode == 0)


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_any_text_has_a_place_in_one_order(one: str, two: str, three: str) -> None:
    first, second, third = sorted([one, two, three], key=key)
    assert not newer(first, second)
    assert not newer(second, third)
    assert not newer(first, third)


def test_digits_without_end_are_no_trouble() -> None:
    assert newer("2" * 100_000, "1")
