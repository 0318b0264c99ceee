"""What lies on the disk of a virtual machine that runs, read from here: inside, emulated, that takes minutes."""

import shutil
from pathlib import Path

from .compare_walk import Contents, Facts, walk
from .tools import run
from .vm_agent import Agent
from .vm_disk import mounted


def files(release: str, disk: Path, agent: Agent, excluded: str, known: Contents) -> dict[str, Facts]:
    """All that lies on its disk but the firmware, as `walk` has it. `disk` is the machine's own, a qcow2."""
    copy, raw, place = (disk.with_name(name) for name in ("copy.qcow2", "copy.img", "copy"))
    # while its file systems are frozen no write is under way, and the journal is empty
    with agent.frozen():
        shutil.copyfile(disk, copy)
    place.mkdir(exist_ok=True)
    try:
        run(["qemu-img", "convert", "-O", "raw", copy, raw])
        with mounted(release, raw, place):
            return walk(str(place), excluded, known)
    finally:
        place.rmdir()
        copy.unlink()
        raw.unlink(missing_ok=True)
