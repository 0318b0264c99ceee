"""The quick reader of tar headers agrees with tarfile's own, whatever stands in them."""

import tarfile
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from thornwall.collect.header import Header

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=120)
KINDS = st.sampled_from(
    [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.AREGTYPE, b"g", b"S"]
)


def fields(kind: type[tarfile.TarInfo], block: bytes) -> Any:
    """What a reader makes of a block: the fields, or that it is none."""
    try:
        info = kind.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError):
        return "no header"
    return {name: getattr(info, name) for name in tarfile.TarInfo().get_info()} | {"type": info.type}


@st.composite
def headers(draw: st.DrawFn) -> bytes:
    info = tarfile.TarInfo(draw(TEXT) or "x")
    info.type = draw(KINDS)
    info.linkname, info.uname, info.gname = draw(TEXT), draw(TEXT), draw(TEXT)
    info.mode, info.uid = draw(st.integers(0, 0o7777777)), draw(st.integers(0, 1 << 33))
    info.size, info.mtime = draw(st.integers(0, 1 << 40)), draw(st.integers(0, 1 << 36))
    written = info.tobuf(draw(st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])), "utf-8", "surrogateescape")
    return written[-512:]


@given(headers())
def test_reads_what_tarfile_writes(block: bytes) -> None:
    assert fields(Header, block) == fields(tarfile.TarInfo, block) != "no header"


@given(headers(), st.lists(st.tuples(st.integers(0, 511), st.integers(0, 255)), min_size=1, max_size=4))
def test_takes_no_broken_header_for_a_whole_one(block: bytes, changes: list[tuple[int, int]]) -> None:
    broken = bytearray(block)
    for at, byte in changes:
        broken[at] = byte
    assert fields(Header, bytes(broken)) == fields(tarfile.TarInfo, bytes(broken))


@given(st.binary(max_size=1024))
def test_takes_no_noise_for_a_header(noise: bytes) -> None:
    assert fields(Header, noise) == fields(tarfile.TarInfo, noise)
