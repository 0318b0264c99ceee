"""The header of a tar member, read quickly: tarfile asks for one field after another, twice for the checksum."""

from __future__ import annotations

import struct
import tarfile
import zlib

_FIELDS = struct.Struct("100s7sc7sc7sc11sc11sc6s2sc100s8s32s32s16xc166x")
_ENDS = b"\0\0\0\0\0\0 ustar\x0000\0"


class Header(tarfile.TarInfo):
    """Pass it as `tarinfo`. What is not as Python writes a file or a link with a short name is left to tarfile."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Header:
        """The header in 512 bytes. Raises tarfile.HeaderError and ValueError."""
        if len(buf) == _FIELDS.size:
            name, mode, e1, uid, e2, gid, e3, size, e4, mtime, e5, checksum, e6, kind, *rest = _FIELDS.unpack(buf)
            link, magic, user, group, prefix = rest
            ends = e1 + e2 + e3 + e4 + e5 + e6 + magic + prefix
            numbers = mode + uid + gid + size + mtime + checksum
            plain = ends == _ENDS and kind in {tarfile.REGTYPE, tarfile.SYMTYPE} and numbers.isdigit()
            # the checksum counts itself as eight blanks; the low half of Adler's is 1 and the sum of the bytes
            if plain and zlib.adler32(buf) & 0xFFFF == (int(checksum, 8) + sum(buf[148:156]) - 256 + 1) % 65521:
                info = cls(_text(name, encoding, errors))
                info.type, info.chksum = kind, int(checksum, 8)
                info.mode, info.uid, info.gid = int(mode, 8), int(uid, 8), int(gid, 8)
                info.size, info.mtime = int(size, 8), int(mtime, 8)
                info.linkname = _text(link, encoding, errors)
                info.uname, info.gname = _text(user, encoding, errors), _text(group, encoding, errors)
                return info
        return super().frombuf(buf, encoding, errors)


def _text(field: bytes, encoding: str, errors: str) -> str:
    return field.partition(b"\0")[0].decode(encoding, errors)
