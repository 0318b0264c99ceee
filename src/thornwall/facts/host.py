"""Who the host is: os-release, hostname, kernel, model."""

from __future__ import annotations

import re

from thornwall.facts.redact import PLAIN
from thornwall.model.capture import Capture
from thornwall.model.fact import Fact, Known
from thornwall.model.host import Host
from thornwall.model.probe import Probe, Read

PROBES: tuple[Probe, ...] = (
    Read("/etc/os-release", PLAIN),
    Read("/usr/lib/os-release", PLAIN),
    Read("/etc/hostname", PLAIN),
    Read("/etc/rpi-issue", PLAIN),
    Read("/proc/sys/kernel/osrelease", PLAIN),
    Read("/proc/sys/kernel/hostname", PLAIN),
    Read("/proc/device-tree/model", PLAIN),
    Read("/sys/class/dmi/id/product_name", PLAIN),
    Read("/run/systemd/container", PLAIN),
)

_ASSIGNMENT = re.compile(r"^([A-Z_0-9]+)=(.*)$", re.MULTILINE)


def parse(capture: Capture) -> Fact[Host]:
    """Always Known: what the host does not say is an empty string."""
    release = os_release(_line(capture, "/etc/os-release") or _line(capture, "/usr/lib/os-release"))
    model = _line(capture, "/proc/device-tree/model").replace("\0", "").strip()
    return Known(
        Host(
            hostname=(_line(capture, "/proc/sys/kernel/hostname") or _line(capture, "/etc/hostname")).strip(),
            os_id=release.get("ID", ""),
            os_like=tuple(release.get("ID_LIKE", "").split()),
            version=release.get("VERSION_ID", ""),
            codename=release.get("VERSION_CODENAME", ""),
            pretty=release.get("PRETTY_NAME", ""),
            kernel=_line(capture, "/proc/sys/kernel/osrelease").strip(),
            model=model or _line(capture, "/sys/class/dmi/id/product_name").strip(),
            now=capture.manifest.captured_at,
            as_root=capture.root,
            live=capture.live,
            raspberry_pi="Raspberry Pi" in model or bool(_line(capture, "/etc/rpi-issue")),
            container=_line(capture, "/run/systemd/container").strip(),
        )
    )


def os_release(text: str) -> dict[str, str]:
    """The assignments of os-release(5), without their quotes."""
    return {name: value.strip().strip("\"'") for name, value in _ASSIGNMENT.findall(text)}


def _line(capture: Capture, path: str) -> str:
    match capture.read(path):
        case Known(text):
            return text
        case _:
            return ""
