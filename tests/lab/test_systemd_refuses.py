"""systemd says no for a moment, as while it is executed anew: a change begins all the same, once, or is taken back."""

from __future__ import annotations

import time

import pytest

from thornwall.apply.events import Applied, Doing, Failed, Refused, Undone

from . import faults
from .host import Host
from .test_taking_back import bringing, brought, stocked
from .test_transaction import Rig, home, is_made, nothing_left, prepared, rig, small

__all__ = ["home", "rig", "stocked"]


@pytest.mark.parametrize(("times", "begins"), [(2, False), (1, True)])
def test_a_change_begins_once(rig: Rig, times: int, begins: bool) -> None:
    with faults.refusing_systemd_run(rig.host, "thornwall-apply-", times, begins=begins):
        before = prepared(rig)
        heard = rig.make(small(rig))
        heard.one(Applied)
        is_made(rig)
        done = [event.step for event in heard.events if isinstance(event, Doing)]
        assert len(done) == len(set(done)), done
        assert rig.undo().status == 0
        nothing_left(rig, before)


def test_a_change_that_cannot_begin_is_taken_back_at_once(rig: Rig) -> None:
    with faults.refusing_systemd_run(rig.host, "thornwall-apply-", 99):
        before = prepared(rig)
        began = time.monotonic()
        heard = rig.make(small(rig), window=600)
        failed = heard.one(Failed)
        assert isinstance(failed, Failed)
        assert (failed.step, "Connection reset by peer" in failed.why) == ("start", True)
        assert (heard.status, heard.has(Undone), heard.has(Doing)) == (10, True, False)
        assert time.monotonic() - began < 60
        nothing_left(rig, before)


@pytest.mark.parametrize(("times", "begins"), [(2, False), (1, True)])
def test_undo_begins(rig: Rig, times: int, begins: bool) -> None:
    with faults.refusing_systemd_run(rig.host, "thornwall-back-", times, begins=begins):
        before = prepared(rig)
        applied = rig.make(small(rig)).one(Applied)
        assert rig.confirm(applied).status == 0
        assert rig.undo().status == 0
        nothing_left(rig, before)


@pytest.mark.parametrize(("times", "begins"), [(2, False), (1, True)])
def test_packages_come_once(stocked: Host, times: int, begins: bool) -> None:
    with faults.refusing_systemd_run(stocked, "thornwall-packages-", times, begins=begins):
        assert "unattended-upgrades" in brought(stocked, "unattended-upgrades").came.split()


def test_packages_that_cannot_come_are_refused(stocked: Host) -> None:
    with faults.refusing_systemd_run(stocked, "thornwall-packages-", 99):
        (said,) = bringing(stocked, "unattended-upgrades")[-1:]
    assert isinstance(said, Refused)
    assert "Connection reset by peer" in said.why
    assert stocked.run("ls /var/lib/thornwall").stdout == "last\n"
