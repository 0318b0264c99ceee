"""Who the host is."""

from __future__ import annotations

from thornwall.model.record import record


@record
class Host:
    """Identity of the machine and of the read. Strings are empty where the host does not say.

    `os_id`, `os_like`, `version`, `codename`, `pretty`: os-release(5). `model`: the device tree's, or DMI's product
    name. `now`: the host's own clock, seconds since 1970 (-1 unknown). `raspberry_pi`: by device tree, or by the files
    that only Raspberry Pi OS has. `container`: the kind that systemd-detect-virt would name, empty for none.
    """

    hostname: str = ""
    os_id: str = ""
    os_like: tuple[str, ...] = ()
    version: str = ""
    codename: str = ""
    pretty: str = ""
    kernel: str = ""
    model: str = ""
    now: int = -1
    as_root: bool = False
    live: bool = True
    raspberry_pi: bool = False
    container: str = ""

    @property
    def debian_like(self) -> bool:
        """Debian, Raspberry Pi OS, Ubuntu and their kin: apt and dpkg."""
        return bool({"debian", "raspbian", "ubuntu"} & {self.os_id, *self.os_like})

    @property
    def fedora_like(self) -> bool:
        """Fedora, Red Hat's and their kin: dnf and rpm."""
        return bool({"fedora", "rhel", "centos"} & {self.os_id, *self.os_like})
