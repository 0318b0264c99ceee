"""The machine that a measurement was made on."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    """`load`: the load average of the last five minutes when it was described; memory in GiB."""

    processor: str
    cores: int
    memory: int
    system: str
    kernel: str
    python: str
    load: float

    @property
    def words(self) -> str:
        """One sentence without its full stop."""
        return (
            f"{self.cores} cores of {self.processor}, {self.memory} GiB, {self.system}, Linux {self.kernel}, "
            f"Python {self.python}, load average {self.load:.1f}"
        )


def describe() -> Machine:
    """This machine, now."""
    return Machine(
        processor=" ".join(_first("/proc/cpuinfo", r"model name\s*: (.+)").split()),
        cores=os.cpu_count() or 1,
        memory=round(int(_first("/proc/meminfo", r"MemTotal:\s+(\d+)", "0")) / 1024 / 1024),
        system=platform.freedesktop_os_release()["PRETTY_NAME"],
        kernel=re.match(r"[0-9.]*[0-9]", platform.release())[0],  # type: ignore[index]
        python=platform.python_version(),
        load=os.getloadavg()[1],
    )


def _first(path: str, pattern: str, default: str = "unknown") -> str:
    found = re.search(pattern, Path(path).read_text())
    return found[1] if found else default
