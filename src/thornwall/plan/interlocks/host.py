"""What stops every change on a host, and files that cannot be written where they lie."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from thornwall.model.change import (
    EditLine,
    EditWords,
    OwnLine,
    Packages,
    RemoveFile,
    SetMode,
    Sysctl,
    UnitsOff,
    UnitsOn,
    Wish,
    WriteFile,
)
from thornwall.model.fact import Known
from thornwall.model.filesystem import Mount
from thornwall.model.originals import Originals
from thornwall.plan import first_start
from thornwall.plan.fix import Hold, Interlock, Situation

MIN_KIB = 20 * 1024
MIN_INODES = 200
_VOLATILE = frozenset({"overlay", "aufs", "tmpfs", "ramfs", "rootfs", "squashfs", "erofs", "iso9660"})
_PACKAGES_KIB = 200 * 1024


def refusals(situation: Situation) -> tuple[Hold, ...]:
    """Why nothing may be changed on this host now; empty where all is well. No answer of the owner overrides them."""
    return tuple(_refusals(situation.originals, live=situation.capture.live))


def _refusals(originals: Originals, *, live: bool) -> Iterator[Hold]:
    if live and originals.root_type in _VOLATILE:  # a folder may well be kept on one
        yield Hold(
            "overlay-root",
            f"The root file system is of type {originals.root_type}: what is changed there is gone at the next start.",
            "Switch the read-only overlay off ('sudo raspi-config nonint disable_overlayfs', then reboot), harden, and"
            " switch it on again.",
        )
    elif originals.read_only:
        yield Hold(
            "read-only-root",
            "The root file system is mounted read-only.",
            "Mount it for writing ('sudo mount -o remount,rw /'). If the kernel made it so after an error, check the"
            " disk first: 'sudo dmesg' names it.",
        )
    if 0 <= originals.free_kib < MIN_KIB:
        yield Hold(
            "disk-full",
            f"Only {originals.free_kib // 1024} MiB are free for the copies that undo needs: {MIN_KIB // 1024} are"
            " needed.",
            "Make room: 'sudo apt-get clean' and 'sudo journalctl --vacuum-size=50M' often give enough.",
        )
    if 0 <= originals.free_inodes < MIN_INODES:
        yield Hold(
            "disk-full",
            f"The disk has room for {originals.free_inodes} more files (inodes): {MIN_INODES} are needed.",
            "Remove folders full of small files that nobody needs; 'df -i' shows what is left.",
        )
    if originals.dpkg_locked:
        pid, _, program = originals.dpkg_locked.partition(" ")
        yield Hold(
            "dpkg-locked",
            f"{program or 'A program'} (process {pid}) is installing packages: it may change what this plan expects.",
            "Wait until it has ended, then plan again.",
        )
    if originals.open_transaction:
        yield Hold(
            "transaction-open",
            f"An earlier change, {originals.open_transaction}, has been neither confirmed nor taken back.",
            "See 'thornwall status'. Packages that are still coming in end by themselves; what waits can be confirmed "
            "or undone, and else goes back by itself (on a system that does not run, when it starts); for what could "
            "not go back: 'thornwall undo' again.",
        )
    if originals.pending_reload:
        units = ", ".join(originals.pending_reload[:3]) + (" and others" if len(originals.pending_reload) > 3 else "")
        yield Hold(
            "pending-reload",
            f"Somebody has changed {units}, and systemd has not read it again: a change of ours would switch that on.",
            "Look at those changes, then 'sudo systemctl daemon-reload'.",
        )


def read_only_mount(situation: Situation, wish: Wish) -> Hold | None:
    """A file on a file system of its own that is mounted read-only, as the boot partition is with an overlay."""
    mount = _mount(situation, _path(wish))
    if mount is None or mount.path == "/" or "ro" not in mount.options:
        return None
    return Hold(
        "read-only-mount",
        f"{mount.path} is mounted read-only.",
        f"Mount it for writing: 'sudo mount -o remount,rw {mount.path}'.",
    )


def open_folder(situation: Situation, wish: Wish) -> Hold | None:
    """Root writes only where nobody else can put a link in its way: the device refuses the whole change otherwise."""
    tree = situation.facts.filesystem
    path = _path(wish) if not isinstance(wish, SetMode) else ""
    if isinstance(wish, UnitsOff | UnitsOn):
        path = "/etc/systemd/system/UNIT"
    while isinstance(tree, Known) and (path := posixpath.dirname(path)) not in {"", "/"}:
        entry = tree.value.entry(path)
        if entry is None:
            continue
        if entry.type == "l":
            why, unlock = f"{path} is a link.", "Mend it by hand, at the place that the link leads to."
        elif entry.mode & 0o022 or (entry.uid and situation.capture.live):
            why = f"Others than root may change what lies in {path} ({entry.described})."
            unlock = f"Take that right away ('sudo chown root {path}; sudo chmod go-w {path}'), then plan again."
        else:
            continue
        return Hold("open-folder", why, unlock, subject=path)
    return None


def modeless_mount(situation: Situation, wish: Wish) -> Hold | None:
    """A mode of a file whose file system keeps none: FAT has one for all of it, from the options of its mount."""
    mount = _mount(situation, wish.path) if isinstance(wish, SetMode) else None
    if mount is None or mount.type not in {"vfat", "exfat", "msdos", "ntfs", "ntfs3", "fuseblk"}:
        return None
    return Hold(
        "modeless-mount",
        f"{mount.path} is {mount.type}: its files have no modes or owners of their own.",
        f"Set umask, uid and gid in the line of {mount.path} in /etc/fstab.",
    )


def room_for_packages(situation: Situation, wish: Wish) -> Hold | None:
    """Packages that would fill the disk half-way through."""
    free = situation.originals.free_kib
    if not isinstance(wish, Packages) or not (wish.install or wish.upgrade) or not 0 <= free < _PACKAGES_KIB:
        return None
    return Hold(
        "room-for-packages",
        f"Only {free // 1024} MiB are free, and packages need room to unpack: {_PACKAGES_KIB // 1024} are asked for.",
        "Make room: 'sudo apt-get clean' and 'sudo journalctl --vacuum-size=50M' often give enough.",
    )


def needs_running(situation: Situation, wish: Wish) -> Hold | None:
    """What a program of the system itself does, or apt: nothing of a system at rest runs, least of all here."""
    return first_start.held(situation, wish)


def _path(wish: Wish) -> str:
    match wish:
        case OwnLine(path=path) | EditLine(path=path) | EditWords(path=path) | WriteFile(path=path):
            return path
        case RemoveFile(path=path) | SetMode(path=path):
            return path
        case Sysctl():
            return "/etc/sysctl.d/99-thornwall.conf"
        case _:
            return ""


def _mount(situation: Situation, path: str) -> Mount | None:
    """The file system on which the path lies; of a directory nothing is mounted."""
    match situation.facts.filesystem:
        case Known(tree) if path and situation.capture.live:
            under = [each for each in tree.mounts if f"{path}/".startswith(each.path.rstrip("/") + "/")]
            return max(enumerate(under), key=lambda each: (len(each[1].path), each[0]), default=(0, None))[1]
        case _:
            return None


INTERLOCKS: tuple[Interlock, ...] = (needs_running, read_only_mount, open_folder, modeless_mount, room_for_packages)
