"""Fixes about backups: copies of the system that lie open."""

from __future__ import annotations

import pytest

from tests.casefolder import CASES, load
from thornwall.facts.registry import snapshot
from thornwall.jobs.audit import assess
from thornwall.jobs.judging import Judging
from thornwall.model.change import SetMode
from thornwall.plan.fix import Situation
from thornwall.plan.registry import FIXES

from .test_filesystem import walked
from .ways import Host


def test_an_image_in_an_open_home() -> None:
    capture = load(CASES / "backup/image-left-in-an-open-home")
    found = [each for each in assess(capture, Judging("2026-11-23")).failed() if each.rule == "backup-open-to-others"]
    situation = Situation(snapshot(capture), capture)
    wishes = [wish for each in found for wish in FIXES["backup-open-to-others"].make(situation, each)]
    assert found
    assert [(wish.path, wish.mode) for wish in wishes if isinstance(wish, SetMode)] == [
        (each.subject, 0o600) for each in found
    ]


@pytest.mark.parametrize(
    ("copy", "expected"),
    [
        ("81a4 pi 999 ./home/pi/pi.img.gz", [SetMode("/home/pi/pi.img.gz", 0o600, owner="pi")]),
        ("81a4 root 999 ./srv/pi.img.gz", [SetMode("/srv/pi.img.gz", 0o600)]),
        # in a folder that is his, root does not follow what he may put there
        ("81a4 root 999 ./home/pi/pi.img.gz", []),
    ],
)
def test_who_closes_it(copy: str, expected: list[SetMode]) -> None:
    tree = ("d 755 0 0 ./home", "d 755 1000 1000 ./home/pi", "d 755 0 0 ./srv")
    there = Host({}, {"walk": walked(tree=tree), "backup-copies": f"{copy}\n"})  # stat -c '%f %U %s %n'
    assert list(there.wants("backup-open-to-others")) == expected
