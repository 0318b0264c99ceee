"""Disks for virtual machines, as a Raspberry Pi's card is laid out: a FAT partition for the firmware, and ext4.

One release has /var on a partition of its own, as servers do: records that lie there are another disk's to keep.
"""

import hashlib
import pickle
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
_FIRMWARE_AT, _ROOT_AT, _VAR_AT, _END = 8, 136, 4096, 5632
VAR_APART = ("bookworm",)
"""The releases whose machines have /var on a partition of its own."""


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
    if release in VAR_APART:
        with (root / "etc/fstab").open("a") as fstab:
            fstab.write(f"PARTUUID={_DISK_ID.removeprefix('0x')}-03  /var  ext4  defaults  0  0\n")
    _partition(draft / "disk.img", root, var_apart=release in VAR_APART)
    (draft / "contents").write_bytes(pickle.dumps(_contents(release, draft / "disk.img", work)))
    discard(work)
    for older in folder.parent.glob(f"{release}-*"):
        if older != draft and not list((lab_dir() / "vm-run").glob(f"{release}-*")):  # a machine may stand on it
            shutil.rmtree(older)
    draft.rename(folder)
    print(f"lab: made {folder.name} in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


def _partition(path: Path, root: Path, *, var_apart: bool) -> None:
    run(["truncate", "--size", f"{_END if var_apart else _VAR_AT}M", path])
    table = f"""label: dos
label-id: {_DISK_ID}
start={_FIRMWARE_AT}MiB, size={_ROOT_AT - _FIRMWARE_AT}MiB, type=c
start={_ROOT_AT}MiB, size={_VAR_AT - _ROOT_AT}MiB, type=83
"""
    if var_apart:
        table += f"start={_VAR_AT}MiB, type=83\n"
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
    if var_apart:
        _fill(path, "var", root / "var", _VAR_AT, _END)
        shutil.rmtree(root / "var")
        (root / "var").mkdir()
    _fill(path, "rootfs", root, _ROOT_AT, _VAR_AT)


def _fill(disk: Path, label: str, source: Path, start: int, end: int) -> None:
    """Make an ext4 in the partition from `start` to `end` (MiB), with what is in `source`."""
    offset = f"offset={start * 1024 * 1024}"
    run(["mkfs.ext4", "-q", "-L", label, "-d", source, "-E", offset, disk, f"{(end - start) * 1024}k"])


@contextmanager
def mounted(release: str, path: Path, place: Path) -> Iterator[None]:
    """The file systems of a disk (raw) at `place`, for reading."""
    with ExitStack() as stack:
        for below, start, end in (("", _ROOT_AT, _VAR_AT), ("var", _VAR_AT, _END))[: 1 + (release in VAR_APART)]:
            part = f"offset={start * 1024 * 1024},sizelimit={(end - start) * 1024 * 1024}"
            run(["mount", "-o", f"ro,noload,loop,{part}", path, place / below])
            stack.callback(run, ["umount", place / below])
        yield


def _contents(release: str, path: Path, work: Path) -> Contents:
    """Read all files of the disk, here, where that takes seconds."""
    place = work / "mounted"
    place.mkdir()
    known: Contents = {}
    with mounted(release, path, place):
        walk(str(place), "(?!)", known)
    return known
