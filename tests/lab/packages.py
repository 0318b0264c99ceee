"""Packages at hand: what a host needs to install and to upgrade where it has no network, as if just downloaded."""

import hashlib
import shutil
import sys
import time
from pathlib import Path

from .images import Image, discard, run_inside
from .pool import in_use, pool, snapshot
from .settings import RECIPES, lab_dir
from .tools import locked, run

_RECIPE = RECIPES / "packages.sh"
_WHERE_APT_LOOKS = "var/cache/apt/archives"


def put(source: Image, root: Path) -> None:
    """Put them into a root made from an image: fetched first if the cache lacks them, which takes a minute or two."""
    files = [str(path) for path in sorted(_fetched(source).iterdir())]
    run(["cp", "--reflink=always", *files, root / _WHERE_APT_LOOKS])


def _fetched(source: Image) -> Path:
    release = source.name.partition("-")[0]
    digest = hashlib.sha256(_RECIPE.read_bytes()).hexdigest()[:8]
    folder = pool() / "packages" / f"{source.name}-{digest}"
    with in_use(), locked(lab_dir() / f"build-{release}.lock"):
        if not folder.exists():
            _fetch(source, release, folder)
    return folder


def _fetch(source: Image, release: str, folder: Path) -> None:
    """Let apt find out, in a copy of the image: it knows what is there, and which versions its lists have."""
    started = time.monotonic()
    print(f"lab: fetching packages for {source.name}", file=sys.stderr, flush=True)
    work = pool() / "work" / f"{source.name}-packages"
    discard(work)
    found = work / "packages"
    found.mkdir(parents=True)
    snapshot(source.root, work / "root")
    run_inside(work, release, "packages", {}, [f"--bind={found}:/run/lab/packages"])
    folder.parent.mkdir(exist_ok=True)
    variant = source.name.rpartition("-")[0]
    for older in folder.parent.glob(f"{variant}-*"):
        shutil.rmtree(older)
    found.rename(folder)
    discard(work)
    print(f"lab: fetched {folder.name} in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
