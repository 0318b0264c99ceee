"""Everything that a file system holds, as far as the comparison of whole systems looks: run here or inside a host.

It stands alone, with nothing but Python's own library, because inside another machine it runs as
`python3 - ROOT PATTERN`, and writes its answer as JSON.
"""

import array
import contextlib
import fcntl
import hashlib
import json
import os
import re
import stat
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

# What chattr sets, by its own letters. The others (e, I, N…) are the file system's, and change by themselves.
CHATTR = {
    "s": 0x1,
    "u": 0x2,
    "c": 0x4,
    "S": 0x8,
    "i": 0x10,
    "a": 0x20,
    "d": 0x40,
    "A": 0x80,
    "m": 0x400,
    "j": 0x4000,
    "t": 0x8000,
    "D": 0x10000,
    "T": 0x20000,
    "C": 0x800000,
    "x": 0x2000000,
    "P": 0x20000000,
    "F": 0x40000000,
}
_GETFLAGS = 0x80086601  # FS_IOC_GETFLAGS
_KINDS = {stat.S_IFLNK: "link", stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket", stat.S_IFCHR: "char"}
_KINDS |= {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFBLK: "block"}
_SETTLED_NS = 2_000_000_000

Facts = dict[str, Any]
"""kind, mode, owner, mtime (ns); a file's size, sha256 and links; a link's target; a device's number; flags, xattr;
and of a folder the names in it that are left out."""
Contents = dict[tuple[int, ...], Facts]
"""What was read of a file (sha256, flags, xattr) by the numbers that change whenever any of it does."""


def walk(root: str, excluded: str, known: Contents | None = None, copied: int | None = None) -> dict[str, Facts]:
    """Path below `root` -> what is there; mounts are crossed, links never followed.

    `excluded` is a regular expression for whole paths: what matches is left out, and all below it. `known` saves
    reading again what has not changed since: changing bytes, flags or attributes changes the ctime, which nobody can
    set, so it is believed when it is old enough that a later change could not have the same. What copies of one root
    share is only what is older than them (`copied`, ns): files that two of them wrote in the same instant can have
    all the same numbers.
    """
    until = time.time_ns() - _SETTLED_NS if copied is None else copied
    skip = re.compile(excluded).fullmatch
    found: dict[str, Facts] = {}
    inodes: dict[tuple[int, int], list[str]] = {}
    unread: list[tuple[str, Facts, tuple[int, ...] | None]] = []
    folders = ["/"]
    while folders:
        path = folders.pop()
        real = root.rstrip("/") + path
        try:
            status = os.lstat(real)
            names = os.listdir(real) if stat.S_ISDIR(status.st_mode) else []  # noqa: PTH208 - names are wanted
        except FileNotFoundError:
            continue  # gone while we looked
        facts = found[path] = _facts(real, status)
        base = path.rstrip("/") + "/"
        left_out = sorted(name for name in names if skip(base + name))
        if left_out:
            facts["left out"] = left_out
        folders += [base + name for name in names if name not in left_out]
        if not stat.S_ISDIR(status.st_mode) and status.st_nlink > 1:
            inodes.setdefault((status.st_dev, status.st_ino), []).append(path)
        numbers = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        settled = status.st_ctime_ns < until
        if settled and known is not None and numbers in known:
            facts.update(known[numbers])
        else:
            unread.append((real, facts, numbers if settled else None))
    for paths in inodes.values():
        for path in paths:
            found[path]["linked"] = sorted(paths)  # link counts miss two pairs that swapped partners
    with ThreadPoolExecutor(2) as threads:
        for (_, facts, numbers_or_none), contents in zip(
            unread, threads.map(lambda item: _read(*item[:2]), unread, chunksize=1), strict=True
        ):
            facts.update(contents)
            if known is not None and numbers_or_none is not None:
                known[numbers_or_none] = contents
    return found


def _facts(real: str, status: os.stat_result) -> Facts:
    kind = _KINDS[stat.S_IFMT(status.st_mode)]
    facts: Facts = {
        "kind": kind,
        "mode": f"{stat.S_IMODE(status.st_mode):04o}",
        "owner": f"{status.st_uid}:{status.st_gid}",
        "mtime": status.st_mtime_ns,
    }
    if kind == "file":
        facts["size"] = status.st_size
    if kind != "folder":
        facts["links"] = status.st_nlink
    if kind == "link":
        with contextlib.suppress(FileNotFoundError):
            facts["target"] = os.readlink(real)  # noqa: PTH115 - as it is written
    if kind in {"char", "block"}:
        facts["device"] = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    return facts


def _read(real: str, facts: Facts) -> Facts:
    """What takes more than a stat: bytes, attributes (an ACL is one) and flags."""
    contents: Facts = {}
    try:
        attributes = {name: os.getxattr(real, name, follow_symlinks=False).hex() for name in _names(real)}
        if attributes:
            contents["xattr"] = attributes
        if facts["kind"] not in {"file", "folder"}:
            return contents
        # Without O_NOATIME the look itself would leave a trace.
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NOATIME | os.O_NONBLOCK)
    except FileNotFoundError:
        return contents
    try:
        if facts["kind"] == "file":
            digest = hashlib.sha256()
            while block := os.read(descriptor, 1 << 20):
                digest.update(block)
            contents["sha256"] = digest.hexdigest()
        number = array.array("L", [0])
        with contextlib.suppress(OSError):  # a file system without flags
            fcntl.ioctl(descriptor, _GETFLAGS, number)
            contents["flags"] = "".join(letter for letter, bit in CHATTR.items() if number[0] & bit)
    finally:
        os.close(descriptor)
    return contents


def _names(real: str) -> list[str]:
    try:
        return sorted(os.listxattr(real, follow_symlinks=False))
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        return []  # a file system without extended attributes


if __name__ == "__main__":
    json.dump(walk(sys.argv[1], sys.argv[2]), sys.stdout)
