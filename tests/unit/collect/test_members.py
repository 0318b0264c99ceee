"""The quick reader of a tar agrees with tarfile's own, whatever stands in it."""

import io
import tarfile
import zlib

from hypothesis import given, settings
from hypothesis import strategies as st

from thornwall.collect.archive import pack
from thornwall.collect.members import Member, by_tarfile, quick
from thornwall.model.capture import Capture, FileRecord, Manifest

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
KINDS = st.sampled_from(
    [*[tarfile.REGTYPE] * 5, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.AREGTYPE, b"g", b"S"]
)
FORMATS = st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])


def slowly(plain: bytes) -> list[Member] | None:
    """What tarfile makes of it."""
    try:
        return list(by_tarfile(plain))
    except (tarfile.TarError, ValueError, OverflowError, EOFError):
        return None


@st.composite
def infos(draw: st.DrawFn) -> tarfile.TarInfo:
    info = tarfile.TarInfo(draw(TEXT) or "x")
    info.type = draw(KINDS)
    info.linkname, info.uname, info.gname = draw(TEXT), draw(TEXT)[:8], draw(TEXT)[:8]
    info.mode, info.uid = draw(st.integers(0, 0o7777777)), draw(st.integers(0, 0o7777777))
    info.mtime = draw(st.integers(0, (1 << 33) - 1))
    return info


@st.composite
def tars(draw: st.DrawFn) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=draw(FORMATS)) as tar:
        for info in draw(st.lists(infos(), max_size=4)):
            content = draw(st.sampled_from([b"", b"x", b"y" * 511, b"z" * 512, b"w" * 1500]))
            info.size = len(content) if info.isreg() else draw(st.sampled_from([0, 0, 700]))
            tar.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return written.getvalue()


def agree(plain: bytes) -> None:
    read = quick(plain)
    assert read is None or read == slowly(plain)


@settings(max_examples=300)
@given(tars())
def test_reads_what_tarfile_writes(plain: bytes) -> None:
    agree(plain)


@settings(max_examples=300)
@given(tars(), st.lists(st.tuples(st.integers(0, 2047), st.integers(0, 255)), min_size=1, max_size=4))
def test_takes_no_broken_tar_for_a_whole_one(plain: bytes, changes: list[tuple[int, int]]) -> None:
    broken = bytearray(plain)
    for at, byte in changes:
        broken[at] = byte
    agree(bytes(broken))


@given(tars(), st.integers(0, 6000))
def test_takes_no_cut_tar_for_a_whole_one(plain: bytes, end: int) -> None:
    agree(plain[:end])


@given(st.binary(max_size=1600))
def test_takes_no_noise_for_a_tar(noise: bytes) -> None:
    agree(noise)


def test_a_capture_is_read_quickly() -> None:
    read = FileRecord("/etc/motd", "read", b"hello\n", 0o640, 0, 33, "root", "www-data", 6, 1_700_000_000)
    link = FileRecord("/etc/link", "link", None, 0o777, 0, 0, "root", "root", 4, 1_700_000_000, "motd")
    packed = pack(Capture(Manifest("pi@host", "ssh", 0), {each.path: each for each in (read, link)}))
    found = quick(zlib.decompress(packed, wbits=31))
    assert found is not None
    assert found == slowly(zlib.decompress(packed, wbits=31))
    assert found[1:] == [
        Member("files/etc/link", "link", (0o777, 0, 0, "root", "root"), 1_700_000_000, 0, b""),
        Member("files/etc/motd", "file", (0o640, 0, 33, "root", "www-data"), 1_700_000_000, 6, b"hello\n"),
    ]
