"""The btrfs loop file that holds every root, so that a clean copy is a snapshot: 20 ms, and no overlay to explain."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .settings import lab_dir
from .tools import locked, run

_SIZE = "24G"  # sparse: it takes what is in it


def pool() -> Path:
    """The mounted pool; made and mounted on first use."""
    base = lab_dir()
    mountpoint = base / "pool"
    with locked(base / "pool.lock"):
        if not mountpoint.is_mount():
            _mount(base / "pool.img", mountpoint)
    return mountpoint


def _mount(image: Path, mountpoint: Path) -> None:
    image.parent.chmod(0o755)
    if not image.exists():
        half_made = image.with_suffix(".new")
        half_made.unlink(missing_ok=True)
        run(["truncate", "--size", _SIZE, half_made])
        run(["mkfs.btrfs", "--quiet", half_made])
        half_made.rename(image)
    mountpoint.mkdir(exist_ok=True)
    run(["mount", "-o", "loop,noatime", image, mountpoint])
    for folder in ("images", "hosts", "work"):
        (mountpoint / folder).mkdir(exist_ok=True)
    mountpoint.chmod(0o700)


@contextmanager
def in_use() -> Iterator[None]:
    """Keep the pool mounted for as long as this lasts."""
    with locked(lab_dir() / "pool.users", shared=True):
        yield


def unmount() -> None:
    """Take the pool off this machine's file tree, unless it is in use; what is in it stays."""
    base = lab_dir()
    with contextlib.suppress(BlockingIOError), locked(base / "pool.users", wait=False), locked(base / "pool.lock"):
        if (base / "pool").is_mount():
            # Fails, rightly, while somebody stands in it.
            run(["umount", base / "pool"], check=False)


def create(path: Path) -> None:
    """An empty subvolume."""
    run(["btrfs", "subvolume", "create", path])


def snapshot(source: Path, target: Path, *, read_only: bool = False) -> None:
    """A copy of a subvolume."""
    run(["btrfs", "subvolume", "snapshot", *(["-r"] if read_only else []), source, target])


def delete(path: Path) -> None:
    """Remove a subvolume, and those that something inside it has made; nothing when it is not there."""
    if not path.exists():
        return
    top = path
    listing = run(["btrfs", "subvolume", "list", "-o", top])
    for line in sorted(listing.splitlines(), reverse=True):
        # 'ID 300 gen 12 top level 299 path hosts/a/root/var/lib/machines', relative to the pool
        delete(lab_dir() / "pool" / line.partition(" path ")[2])
    run(["btrfs", "subvolume", "delete", top])
