"""What lies on the disk of a virtual machine that runs, read from here: inside, emulated, that takes minutes."""

import shutil
from pathlib import Path

from .compare_walk import Contents, Facts, walk
from .tools import run
from .vm_agent import Agent
from .vm_disk import ROOT


def files(disk: Path, agent: Agent, excluded: str, known: Contents) -> dict[str, Facts]:
    """All below its root but what is mounted there, as `walk` has it. `disk` is the machine's own, a qcow2."""
    copy, raw, place = (disk.with_name(name) for name in ("copy.qcow2", "copy.img", "copy"))
    # while its file systems are frozen no write is under way, and the journal is empty
    with agent.frozen():
        shutil.copyfile(disk, copy)
    place.mkdir(exist_ok=True)
    try:
        run(["qemu-img", "convert", "-O", "raw", copy, raw])
        start, end = (mib * 1024 * 1024 for mib in ROOT)
        run(["mount", "-o", f"ro,noload,loop,offset={start},sizelimit={end - start}", raw, place])
        try:
            return walk(str(place), excluded, known)
        finally:
            run(["umount", place])
    finally:
        place.rmdir()
        copy.unlink()
        raw.unlink(missing_ok=True)
