"""What a plan must know of a host beyond what an audit reads: exact files, and whether it may be changed at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

OTHER = "other"
"""What stands for a path that is there, and neither a file that could be read nor a link that can be told."""


@dataclass(frozen=True, slots=True)
class Originals:
    """`hashes`: by path, the sha256 of each file that a fix may edit, `link:TARGET`, or `other`. A path that was asked
    for and is not in it is absent.

    `contents`: the bytes of those that may be edited line by line and hold no secret. `asked`: patterns of the paths
    that were asked for (`*` does not cross `/`, nor match a dot at the front). `root_type`: file system of / (`ext4`,
    `overlay`). `free_kib`, `free_inodes`: where the records of a transaction are kept (/var/lib); -1: not known, or
    without limit. `dpkg_locked`: who holds dpkg's lock (`PID PROGRAM`), empty for nobody. `open_transaction`: the id of
    one that nobody confirmed yet. `pending_reload`: units whose files were changed since systemd read them.
    `ssh_connection`: peer, its port, own address, own port of the login that reads, empty where there is none;
    `route_interface`: by which its answers leave.
    """

    hashes: Mapping[str, str] = field(default_factory=dict)
    contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    asked: tuple[str, ...] = ()
    root_type: str = ""
    read_only: bool = False
    free_kib: int = -1
    free_inodes: int = -1
    dpkg_locked: str = ""
    open_transaction: str = ""
    pending_reload: tuple[str, ...] = ()
    ssh_connection: tuple[str, ...] = ()
    route_interface: str = ""
