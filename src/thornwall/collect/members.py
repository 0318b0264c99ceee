"""The members of a tar in memory: read at once where they are as thornwall writes them, else by tarfile.

tarfile seeks, reads and asks for one field after another: five times the work for the two hundred members of a capture.
"""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import zlib
from collections.abc import Iterator
from typing import Literal, TypeAlias

from thornwall.model.record import record

Owner: TypeAlias = tuple[int, int, int, str, str]  # mode (permission bits), uid, gid, user, group

_BLOCK = 512
_END = bytes(_BLOCK)
# name, (mode, uid, gid), size, mtime, checksum, type, link's target, magic, (user, group), devices, prefix
_HEADER = struct.Struct("100s24s12s12s8sc100x8s64s16x1s166x")


@record
class Member:
    """One member. `kind`: `other` is all but a plain file or a symbolic link. `mtime`: seconds since 1970.

    `size` is what the header says; `content` is shorter where the tar is cut, and empty but for a plain file.
    """

    name: str
    kind: Literal["file", "link", "other"]
    owner: Owner
    mtime: int
    size: int
    content: bytes


def members(plain: bytes) -> Iterator[Member]:
    """All of them, in order. Raises tarfile.TarError, ValueError and OverflowError for what is no tar."""
    found = quick(plain)
    return by_tarfile(plain) if found is None else iter(found)


def quick(plain: bytes) -> list[Member] | None:
    """As `by_tarfile`; None where anything in it is not as Python writes plain files and links with short names."""
    found: list[Member] = []
    owners: dict[bytes, Owner] = {}  # few differ
    offset = 0
    try:
        while offset + _BLOCK <= len(plain):
            name, ids, size, mtime, checksum, kind, magic, names, prefix = _HEADER.unpack_from(plain, offset)
            if name[0] == 0:
                return found if plain.startswith(_END, offset) else None
            length, start = _number(size), offset + _BLOCK
            if magic + prefix != b"ustar\x0000\0" or not _summed(plain[offset:start], checksum):
                return None
            owner = owners.get(ids + names)
            if owner is None:
                owner = owners[ids + names] = _owner(ids, names)
            offset = start + (length + _BLOCK - 1) // _BLOCK * _BLOCK
            if kind == tarfile.SYMTYPE and length == 0:
                found.append(Member(_text(name), "link", owner, _number(mtime), 0, b""))
            elif kind == tarfile.REGTYPE and offset <= len(plain):
                content = plain[start : start + length]
                found.append(Member(_text(name), "file", owner, _number(mtime), length, content))
            else:
                return None
    except ValueError:
        pass
    return None


def by_tarfile(plain: bytes) -> Iterator[Member]:
    """As `members`, for every tar that tarfile reads."""
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as tar:
        for info in tar:
            file = info.isreg() and not info.issparse()
            owner = (stat.S_IMODE(info.mode), info.uid, info.gid, info.uname, info.gname)
            content = plain[info.offset_data : info.offset_data + info.size] if file else b""
            kind: Literal["file", "link", "other"] = "file" if file else "link" if info.issym() else "other"
            yield Member(info.name, kind, owner, int(info.mtime), info.size, content)


def _summed(block: bytes, checksum: bytes) -> bool:
    """Whether the header's sum is right. It counts itself as eight blanks; the low half of Adler's is 1 and the sum."""
    total = (zlib.adler32(block) & 0xFFFF) - 1
    return checksum == b"%06o\0 " % (total - sum(checksum) + 8 * ord(" "))


def _owner(ids: bytes, names: bytes) -> Owner:
    mode, uid, gid = (_number(ids[at : at + 8]) for at in (0, 8, 16))
    return stat.S_IMODE(mode), uid, gid, _text(names[:32]), _text(names[32:])


def _number(field: bytes) -> int:
    """Octal digits and a zero byte, as Python writes them. Raises ValueError for anything else."""
    digits = field[:-1]
    if field[-1] or not digits.isdigit():
        raise ValueError("no number")
    return int(digits, 8)


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")
