"""What runs out while a host changes: room in /run, inodes, the right to run what lies there.

It passes only as before and reachable.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from thornwall.apply.events import Applied, Refused

from . import faults
from .host import Host
from .random_faults import home_of
from .test_transaction import Rig, is_made, nothing_left, prepared, whole

Scarcity = Callable[[Host], AbstractContextManager[None]]

WINDOW = 15


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home_of(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def rig(planted: Host) -> Rig:
    return Rig(planted)


@pytest.mark.parametrize("spare", [0, 16, 256])
def test_no_room_in_run_before_it_begins(spare: int, rig: Rig) -> None:
    """Refused, or made and taken back: never a half of it."""
    before = prepared(rig)
    with faults.tiny_run(rig.host, spare_kib=spare):
        heard = rig.make(whole(rig), window=WINDOW)
        if not heard.has(Applied):
            assert heard.has(Refused), heard
    for change in rig.changes():
        rig.wait_for(change.id, "undone", 90)
    nothing_left(rig, before)


def test_no_room_in_run_once_it_is_made(rig: Rig) -> None:
    before = prepared(rig)
    applied = rig.make(whole(rig), window=WINDOW).one(Applied)
    assert isinstance(applied, Applied)
    with faults.tiny_run(rig.host, spare_kib=0):
        rig.wait_for(applied.id, "undone", 90)
    nothing_left(rig, before)


def test_no_inode_is_left_once_it_is_made(rig: Rig) -> None:
    rig.host.run("mkdir -m 700 -p /var/lib/thornwall", check=True)
    with faults.small(rig.host, "/var/lib/thornwall", inodes=1500):
        before = prepared(rig)
        applied = rig.make(whole(rig), window=WINDOW).one(Applied)
        assert isinstance(applied, Applied)
        is_made(rig)
        fill = "mkdir /var/lib/thornwall/fill; cd /var/lib/thornwall/fill; i=0; while : >$i; do i=$((i + 1)); done"
        rig.host.run(f"sh -c '{fill}' 2>/dev/null")
        deadline = time.monotonic() + 60
        while rig.host.run(f"ls /var/lib/thornwall/{applied.id}/state").stdout != "undone\n":
            assert time.monotonic() < deadline
            time.sleep(0.2)
        rig.host.run("rm -rf /var/lib/thornwall/fill", check=True)
        nothing_left(rig, before)


def test_nothing_may_be_run_where_the_record_lies(rig: Rig) -> None:
    """The scripts there are read by sh, and need no right to be run."""
    rig.host.run("mkdir -m 700 -p /var/lib/thornwall", check=True)
    with faults.small(rig.host, "/var/lib/thornwall", options="noexec"):
        before = prepared(rig)
        applied = rig.make(whole(rig), window=WINDOW).one(Applied)
        assert isinstance(applied, Applied)
        is_made(rig)
        deadline = time.monotonic() + 60
        while rig.host.run(f"ls /var/lib/thornwall/{applied.id}/state").stdout != "undone\n":
            assert time.monotonic() < deadline
            time.sleep(0.2)
        nothing_left(rig, before)
