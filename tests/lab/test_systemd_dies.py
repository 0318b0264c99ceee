"""systemd crashes, or answers nobody any more, while a change waits: what it was to begin begins without it."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from thornwall.apply.events import Applied

from . import faults
from .test_taking_back import SLOW_BACK, step
from .test_transaction import Rig, home, is_made, mode, mutated, nothing_left, prepared, rig, small

__all__ = ["home", "rig"]

SOON = ("undo.sh", "GRACE=60", "GRACE=5")
NO_SECOND_HAND = ("unattended.sh", "! systemd || stand_by", ":")


def stop_systemd(rig: Rig) -> None:
    os.kill(rig.host.machine.leader(), signal.SIGSTOP)


def test_the_change_goes_and_the_host_starts_anew(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    before = prepared(rig)
    with mutated(monkeypatch, SOON):
        applied = rig.make(small(rig), window=15).one(Applied)
    assert isinstance(applied, Applied)
    is_made(rig)
    stop_systemd(rig)
    rig.wait_for(applied.id, "undone", 240)
    rig.settled()
    nothing_left(rig, before)
    journal = rig.journal(applied.id)
    assert "systemd does not answer" in journal
    assert journal.count("\tREBOOTING\t") == 1


def test_it_dies_while_the_change_is_taken_back(rig: Rig) -> None:
    before = prepared(rig)
    applied = rig.make(small(rig), window=15).one(Applied)
    assert isinstance(applied, Applied)
    while rig.state(applied.id) == "open":
        time.sleep(0.01)
    stop_systemd(rig)
    rig.wait_for(applied.id, "undone", 200)
    rig.settled()
    nothing_left(rig, before)


def test_the_timer_is_stopped_by_somebody(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    before = prepared(rig)
    with mutated(monkeypatch, SOON):
        applied = rig.make(small(rig), window=12).one(Applied)
    assert isinstance(applied, Applied)
    rig.host.run(f"systemctl stop thornwall-undo-{applied.id}.timer", check=True)
    rig.wait_for(applied.id, "undone", 60)
    nothing_left(rig, before)
    assert "\tREBOOTING\t" not in rig.journal(applied.id)


def test_the_second_hand_is_killed_and_begun_anew(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    before = prepared(rig)
    with mutated(monkeypatch, SOON):
        applied = rig.make(small(rig), window=20).one(Applied)
    assert isinstance(applied, Applied)
    assert faults.kill(rig.host, "undo.sh --boot")
    time.sleep(2)
    is_made(rig)
    rig.host.run(f"systemctl stop thornwall-undo-{applied.id}.timer", check=True)
    rig.wait_for(applied.id, "undone", 60)
    nothing_left(rig, before)


def test_the_second_hand_is_killed_while_it_takes_back(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    before = prepared(rig)
    with mutated(monkeypatch, SOON):
        applied = rig.make((*small(rig), *step(SLOW_BACK)), window=12).one(Applied)
    assert isinstance(applied, Applied)
    rig.host.run(f"systemctl stop thornwall-undo-{applied.id}.timer", check=True)
    assert faults.wait_until(lambda: rig.state(applied.id) == "undoing", 40)
    time.sleep(1.5)
    assert faults.kill(rig.host, "undo.sh --boot")
    rig.wait_for(applied.id, "undone", 60)
    nothing_left(rig, before)
    assert "\tREBOOTING\t" not in rig.journal(applied.id)


def test_it_dies_while_somebody_takes_the_change_back(rig: Rig) -> None:
    """His undo has sent the second hand home."""
    before = prepared(rig)
    applied = rig.make((*small(rig), *step(SLOW_BACK)), window=600).one(Applied)
    assert isinstance(applied, Applied)
    with ThreadPoolExecutor(1) as other:
        other.submit(rig.host.run, f"sh /var/lib/thornwall/{applied.id}/undo.sh", timeout=300)
        assert faults.wait_until(lambda: rig.state(applied.id) == "undoing")
        stop_systemd(rig)
        rig.wait_for(applied.id, "undone", 300)
    rig.settled()
    nothing_left(rig, before)


def test_nothing_of_it_stays_once_it_is_confirmed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    with mutated(monkeypatch, SOON):
        applied = rig.make(small(rig), window=12).one(Applied)
    assert isinstance(applied, Applied)
    running = f"systemctl is-active thornwall-boot-{applied.id}.service"
    assert rig.host.run(running).stdout == "active\n"
    assert rig.confirm(applied).status == 0
    assert rig.host.run(running).stdout == "inactive\n"
    time.sleep(20)
    is_made(rig)


def test_without_the_second_hand_the_change_stays(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    with mutated(monkeypatch, SOON, NO_SECOND_HAND):
        applied = rig.make(small(rig), window=15).one(Applied)
    assert isinstance(applied, Applied)
    stop_systemd(rig)
    try:
        time.sleep(60)
        assert (rig.state(applied.id), mode(rig)) == ("open", "644")
    finally:
        with suppress(ProcessLookupError):
            os.kill(rig.host.machine.leader(), signal.SIGCONT)
