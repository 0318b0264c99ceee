"""Fixtures that hand booted hosts to tests.

`planted`, `stock` and `hardened` are a clean host for one test each; `shared_planted` and so on serve a whole session,
for tests that only look. The release is trixie unless THORNWALL_LAB_RELEASES names others ('trixie bookworm'), or a
test parametrizes `release` itself.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from .host import Host, start
from .settings import RELEASES
from .tools import missing

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all below this folder `lab`; where no lab can be, skip it, or fail it when THORNWALL_LAB says 'require'."""
    mine = [item for item in items if _HERE in item.path.parents]
    reason = missing() if mine else None
    for item in mine:
        item.add_marker("lab")
        if reason and os.environ.get("THORNWALL_LAB") != "require":
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what uses a release once for each that was asked for."""
    marked = {name for mark in metafunc.definition.iter_markers("parametrize") for name in str(mark.args[0]).split(",")}
    if "release" in metafunc.fixturenames and "release" not in marked:
        asked = os.environ.get("THORNWALL_LAB_RELEASES", RELEASES[0]).split()
        metafunc.parametrize("release", asked, scope="session")


@pytest.fixture
def planted(release: str) -> Iterator[Host]:
    """A host with weaknesses in it."""
    with start(release, "planted") as host:
        yield host


@pytest.fixture
def stock(release: str) -> Iterator[Host]:
    """A host with nothing changed since its installation."""
    with start(release, "stock") as host:
        yield host


@pytest.fixture
def hardened(release: str) -> Iterator[Host]:
    """A host with those weaknesses mended."""
    with start(release, "hardened") as host:
        yield host


@pytest.fixture(scope="session")
def shared_planted(release: str) -> Iterator[Host]:
    """A host with weaknesses in it, shared: look, do not touch."""
    with start(release, "planted") as host:
        yield host


@pytest.fixture(scope="session")
def shared_stock(release: str) -> Iterator[Host]:
    """A host with nothing changed since its installation, shared: look, do not touch."""
    with start(release, "stock") as host:
        yield host


@pytest.fixture(scope="session")
def shared_hardened(release: str) -> Iterator[Host]:
    """A host with those weaknesses mended, shared: look, do not touch."""
    with start(release, "hardened") as host:
        yield host
