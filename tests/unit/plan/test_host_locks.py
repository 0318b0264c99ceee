"""What stops every change on a host: each holds, and is unlocked by what it names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from thornwall.model.capture import Capture, Manifest, Source
from thornwall.model.change import (
    EditWords,
    Firewall,
    OwnLine,
    Packages,
    RemoveFile,
    SetMode,
    Sysctl,
    Tool,
    UnitsOff,
    UnitsOn,
    Wish,
)
from thornwall.model.fact import Known
from thornwall.model.filesystem import Entry, FileSystem, Mount
from thornwall.model.originals import Originals
from thornwall.model.plan import Answers
from thornwall.model.snapshot import Snapshot
from thornwall.plan.fix import Situation
from thornwall.plan.interlocks.host import INTERLOCKS, refusals

WELL = Originals(root_type="ext4", free_kib=20_480, free_inodes=200)


def situation(originals: Originals = WELL, *mounts: Mount, source: Source = "ssh") -> Situation:
    tree = FileSystem(mounts=(Mount("/dev/mmcblk0p2", "/", "ext4", ("rw", "noatime")), *mounts))
    return Situation(Snapshot(filesystem=Known(tree)), Capture(Manifest("host", source, 0)), originals)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("overlay-root", {"root_type": "overlay"}),
        ("overlay-root", {"root_type": "tmpfs"}),
        ("read-only-root", {"read_only": True}),
        ("disk-full", {"free_kib": 20_479}),
        ("disk-full", {"free_inodes": 199}),
        ("dpkg-locked", {"dpkg_locked": "712 apt-get"}),
        ("transaction-open", {"open_transaction": "000002"}),
        ("pending-reload", {"pending_reload": ("ssh.service",)}),
    ],
)
def test_each_stops_the_plan(name: str, changes: dict[str, object]) -> None:
    (hold,) = refusals(situation(replace(WELL, **changes)))  # type: ignore[arg-type]
    assert hold.interlock == name
    assert not hold.accept
    assert hold.why.endswith(".")
    assert hold.unlock


def test_no_answer_overrides_them() -> None:
    full = replace(situation(replace(WELL, free_kib=0)), answers=Answers(accepts=frozenset({"disk-full"})))
    assert [hold.interlock for hold in refusals(full)] == ["disk-full"]


def test_a_host_that_is_well_is_not_stopped() -> None:
    assert refusals(situation()) == ()
    assert refusals(situation(Originals())) == ()  # what is not known stops nothing: the device looks again
    assert refusals(situation(replace(WELL, free_inodes=-1, root_type="btrfs"))) == ()


def test_a_folder_may_lie_on_any_file_system() -> None:
    assert refusals(situation(replace(WELL, root_type="tmpfs"), source="directory")) == ()


BOOT = Mount("/dev/mmcblk0p1", "/boot/firmware", "vfat", ("rw", "fmask=0022"))


@pytest.mark.parametrize(
    ("wish", "mount", "held"),
    [
        (EditWords("/boot/firmware/cmdline.txt", add=("x",)), replace(BOOT, options=("ro",)), ["read-only-mount"]),
        (EditWords("/boot/firmware/cmdline.txt", add=("x",)), BOOT, []),
        (OwnLine("/boot/firmware2/x", "x", "x"), replace(BOOT, options=("ro",)), []),
        (Sysctl("kernel.kptr_restrict", "1"), Mount("/dev/sda1", "/etc", "ext4", ("ro",)), ["read-only-mount"]),
        (SetMode("/boot/firmware/config.txt", clear=0o022), BOOT, ["modeless-mount"]),
        (SetMode("/etc/motd", clear=0o022), BOOT, []),
    ],
)
def test_files_where_they_lie(wish: Wish, mount: Mount, held: list[str]) -> None:
    found = [lock(situation(WELL, mount), wish) for lock in INTERLOCKS]
    assert [hold.interlock for hold in found if hold] == held


def folders(*rows: str) -> Situation:
    """A host whose walk saw these: `d 0777 1000 /boot`."""
    there = {row.split()[3]: row for row in rows}
    entries = {path: Entry(path, *_entry(row)) for path, row in there.items()}
    tree = FileSystem(rows=dict.fromkeys(entries, ""))
    tree._decoded.update(entries)
    return replace(situation(), facts=Snapshot(filesystem=Known(tree)))


def _entry(row: str) -> tuple[str, int, int, int, str, str, int, int]:
    kind, mode, uid, _ = row.split()
    return kind, int(mode, 8), int(uid), 0, "pi" if int(uid) else "root", "root", 0, 0


CMDLINE = EditWords("/boot/firmware/cmdline.txt", add=("x",))


@pytest.mark.parametrize(
    ("wish", "row", "subject"),
    [
        (CMDLINE, "d 0777 0 /boot/firmware", "/boot/firmware"),
        (CMDLINE, "d 0775 0 /boot", "/boot"),
        (CMDLINE, "l 0777 0 /boot/firmware", "/boot/firmware"),
        (CMDLINE, "d 0755 1000 /boot/firmware", "/boot/firmware"),
        (UnitsOff(("cups.service",)), "d 0775 0 /etc/systemd/system", "/etc/systemd/system"),
        (RemoveFile("/etc/cron.d/x"), "d 1777 0 /etc/cron.d", "/etc/cron.d"),
    ],
)
def test_nothing_is_written_where_others_could_put_a_link(wish: Wish, row: str, subject: str) -> None:
    (hold,) = [hold for lock in INTERLOCKS if (hold := lock(folders(row), wish))]
    assert (hold.interlock, hold.subject, hold.accept) == ("open-folder", subject, False)


@pytest.mark.parametrize("row", ["d 0755 0 /boot/firmware", "d 0777 0 /etc", "d 0755 0 /boot"])
def test_a_folder_of_root_alone_is_written_to(row: str) -> None:
    assert [lock(folders(row), CMDLINE) for lock in INTERLOCKS if lock(folders(row), CMDLINE)] == []


def test_the_mode_of_an_open_folder_can_be_mended() -> None:
    there = folders("d 0777 0 /boot/firmware", "d 0777 0 /boot")
    wish = SetMode("/boot/firmware", clear=0o022)
    assert [hold for lock in INTERLOCKS if (hold := lock(there, wish))] == []


@pytest.mark.parametrize(
    ("wish", "mib", "held"),
    [
        (Packages(upgrade=True), 199, ["room-for-packages"]),
        (Packages(("auditd",)), 199, ["room-for-packages"]),
        (Packages(upgrade=True), 200, []),
        (Packages(refresh=True), 100, []),
    ],
)
def test_packages_need_room(wish: Wish, mib: int, held: list[str]) -> None:
    there = situation(replace(WELL, free_kib=mib * 1024))
    found = [lock(there, wish) for lock in INTERLOCKS]
    assert [hold.interlock for hold in found if hold] == held


@pytest.mark.parametrize(
    ("wish", "holds"),
    [
        (Packages(install=("ufw",)), True),
        (Packages(remove=("telnetd",)), True),
        (Firewall(enable=True), True),
        (Tool("pam", (("pam-auth-update",),), ()), True),
        (UnitsOn(("chrony.service",)), True),
        (UnitsOff(("cups.service",)), False),
        (Sysctl("kernel.dmesg_restrict", "1"), False),
    ],
)
def test_what_has_to_run_waits_for_a_system_that_does(wish: Wish, holds: bool) -> None:
    """Least of all may it be done to the machine at which the card is mounted."""

    def names(source: Source) -> list[str]:
        here = situation(replace(WELL, free_kib=10**6), source=source)
        return [hold.interlock for lock in INTERLOCKS if (hold := lock(here, wish)) is not None]

    assert names("directory") == (["needs-running"] if holds else [])
    assert names("ssh") == []
