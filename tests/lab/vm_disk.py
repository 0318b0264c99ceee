"""Disks for virtual machines, as a Raspberry Pi's card is laid out: a FAT partition for the firmware, and ext4."""

import hashlib
import pickle
import secrets
import shutil
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .compare_walk import Contents, walk
from .images import Image, discard, image
from .packages import put
from .pool import in_use, pool, snapshot
from .settings import RECIPES, lab_dir
from .tools import locked, run

# In MiB, as the partitions of Raspberry Pi OS begin at 8. The disk id is the one that the planted fstab names.
_DISK_ID = "0x5a1c7e09"
_FIRMWARE_AT, _ROOT_AT, _END = 8, 136, 4096
ROOT = (_ROOT_AT, _END)
"""The root partition: from where to where on the disk, in MiB."""


@dataclass(frozen=True)
class Disk:
    """A disk that machines start from, never written to, and the kernel that boots it.

    `contents`: what is in its files, for the comparison of whole systems.
    """

    path: Path
    kernel: Path
    initrd: Path
    source: Image

    @cached_property
    def contents(self) -> Contents:
        """What its files hold, by numbers that no file written later has."""
        known: Contents = pickle.loads(self.path.with_name("contents").read_bytes())  # noqa: S301 - our own
        return known


def disk(release: str) -> Disk:
    """The disk of the planted host of a release; made first when the cache has none, in half a minute."""
    source = image(release, "vm")
    made_from = Path(__file__).read_bytes() + (RECIPES / "packages.sh").read_bytes()
    digest = hashlib.sha256(made_from).hexdigest()[:8]
    folder = lab_dir() / "vm" / f"{source.name}-{digest}"
    with in_use(), locked(lab_dir() / f"disk-{release}.lock"):
        if not folder.exists():
            _make(source, release, folder)
    return Disk(folder / "disk.img", folder / "kernel", folder / "initrd", source)


def _make(source: Image, release: str, folder: Path) -> None:
    started = time.monotonic()
    print(f"lab: making a disk of {source.name}", file=sys.stderr, flush=True)
    draft = folder.with_suffix(".new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    work = pool() / "work" / f"{source.name}-disk"
    discard(work)
    work.mkdir()
    root = work / "root"
    snapshot(source.root, root)
    put(image(release, "planted"), root)
    (root / "etc/machine-id").write_text(f"{secrets.token_hex(16)}\n")
    for name, pattern in (("kernel", "vmlinuz-*"), ("initrd", "initrd.img-*")):
        shutil.copy(next((root / "boot").glob(pattern)), draft / name)
    _partition(draft / "disk.img", root)
    (draft / "contents").write_bytes(pickle.dumps(_contents(draft / "disk.img", work)))
    discard(work)
    for older in folder.parent.glob(f"{release}-*"):
        if older != draft and not list((lab_dir() / "vm-run").glob(f"{release}-*")):  # a machine may stand on it
            shutil.rmtree(older)
    draft.rename(folder)
    print(f"lab: made {folder.name} in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


def _partition(path: Path, root: Path) -> None:
    run(["truncate", "--size", f"{_END}M", path])
    table = f"""label: dos
label-id: {_DISK_ID}
start={_FIRMWARE_AT}MiB, size={_ROOT_AT - _FIRMWARE_AT}MiB, type=c
start={_ROOT_AT}MiB, type=83
"""
    run(["sfdisk", "--quiet", path], text_input=table)
    # In a file of its own first: mkfs.vfat fits its clusters to the whole file.
    firmware = path.with_name("firmware.img")
    run(["truncate", "--size", f"{_ROOT_AT - _FIRMWARE_AT}M", firmware])
    run(["mkfs.vfat", "-F", "32", "-n", "BOOTFS", firmware])
    files = sorted((root / "boot/firmware").iterdir())
    run(["mcopy", "-s", "-i", firmware, *files, "::"])
    run(["dd", f"if={firmware}", f"of={path}", "bs=1M", f"seek={_FIRMWARE_AT}", "conv=notrunc,sparse"])
    firmware.unlink()
    # What is mounted over it would hide them.
    for file in files:
        file.unlink()
    offset = f"offset={_ROOT_AT * 1024 * 1024}"
    run(["mkfs.ext4", "-q", "-L", "rootfs", "-d", root, "-E", offset, path, f"{(_END - _ROOT_AT) * 1024}k"])


def _contents(path: Path, work: Path) -> Contents:
    """Read all files of the root partition, here, where that takes seconds."""
    place = work / "mounted"
    place.mkdir()
    known: Contents = {}
    run(["mount", "-o", f"ro,noload,loop,offset={_ROOT_AT * 1024 * 1024}", path, place])
    try:
        walk(str(place), "(?!)", known)
    finally:
        run(["umount", place])
    return known
