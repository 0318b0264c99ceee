"""A capture as a file: what was written comes back; what thornwall never wrote is refused in words."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thornwall.collect.archive import load, pack, save, unpack
from thornwall.errors import CaptureError
from thornwall.model.capture import Capture, CommandResult, FileRecord, FileState, Manifest

names = st.text(alphabet="abcXYZ019._@:+,%~=-", min_size=1, max_size=12).filter(lambda name: set(name) != {"."})
paths = st.lists(names, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
small = st.integers(-1, 2**31)
states: st.SearchStrategy[FileState] = st.sampled_from(get_args(FileState))
safe = st.text(alphabet=st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=20)


@st.composite
def records(draw: st.DrawFn) -> FileRecord:
    state = draw(states)
    content = draw(st.binary(max_size=200)) if state == "read" else None
    user, group = draw(names), draw(names)
    numbers = {key: draw(small) for key in ("uid", "gid", "size", "mtime")}
    mode = draw(st.integers(-1, 0o7777))
    target = draw(names) if state == "link" else ""
    return FileRecord(draw(paths), state, content, mode, user=user, group=group, target=target, **numbers)


@st.composite
def captures(draw: st.DrawFn) -> Capture:
    files = {record.path: record for record in draw(st.lists(records(), max_size=6))}
    # a path cannot be a file and a folder at once on a host; in a tar it could, and it is allowed
    commands = {
        name: CommandResult(name, draw(st.binary(max_size=50)), draw(st.binary(max_size=9)), draw(st.integers(0, 255)))
        for name in draw(st.lists(st.from_regex(r"[a-z][a-z0-9-]{0,9}", fullmatch=True), max_size=4))
    }
    manifest = Manifest(
        draw(safe), draw(st.sampled_from(["ssh", "local", "directory"])), draw(small), draw(small), limits=(draw(safe),)
    )
    return Capture(manifest, files, commands)


@given(captures())
def test_what_was_packed_comes_back(capture: Capture) -> None:
    again = unpack(pack(capture))
    assert again.manifest == capture.manifest
    assert again.commands == capture.commands
    assert again.files == capture.files
    assert pack(capture) == pack(again)


def sample() -> Capture:
    record = FileRecord("/etc/motd", "read", b"hello\n", 0o640, 0, 0, "root", "root", 6, 1_700_000_000)
    link = FileRecord("/etc/link", "link", None, 0o777, 0, 0, "root", "root", 4, 1_700_000_000, "motd")
    return Capture(
        Manifest("pi@host", "ssh", 0, 1_700_000_000, reads=("/etc/*",)),
        {record.path: record, link.path: link},
        {"ss": CommandResult("ss", b"out", b"err", 0)},
    )


def test_tar_opens_it(tmp_path: Path) -> None:
    save(sample(), tmp_path / "c.tar.gz")
    assert (tmp_path / "c.tar.gz").stat().st_mode & 0o777 == 0o600
    listed = subprocess.run(
        ["tar", "-tvzf", str(tmp_path / "c.tar.gz"), "--numeric-owner"], capture_output=True, text=True, check=True
    ).stdout
    assert "-rw-r----- 0/0" in listed
    assert "files/etc/link -> motd" in listed
    assert load(tmp_path / "c.tar.gz") == sample()


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(buffer.getvalue())


def member(
    name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, target: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, data


def manifest(**changes: object) -> tuple[tarfile.TarInfo, bytes]:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(pack(sample())))) as tar:
        file = tar.extractfile("manifest.json")
        assert file
        raw = json.load(file)
    return member("manifest.json", json.dumps(raw | changes).encode())


HOSTILE: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"hello",
    "gzip of nothing": lambda: gzip.compress(b""),
    "gzip of text": lambda: gzip.compress(b"x" * 2000),
    "cut": lambda: pack(sample())[:-30],
    "flipped": lambda: bytes(byte ^ 1 if at == 200 else byte for at, byte in enumerate(pack(sample()))),
    "bomb": lambda: gzip.compress(b"\0" * 200_000_000),
    "no manifest": lambda: tar_of(member("files/etc/motd", b"x")),
    "absolute": lambda: tar_of(manifest(), member("/etc/passwd", b"x")),
    "dots": lambda: tar_of(manifest(), member("files/../../etc/passwd", b"x")),
    "control": lambda: tar_of(manifest(), member("files/etc/\x1b[31mred", b"x")),
    "device": lambda: tar_of(manifest(), member("files/dev/sda", kind=tarfile.BLKTYPE)),
    "fifo": lambda: tar_of(manifest(), member("files/fifo", kind=tarfile.FIFOTYPE)),
    "hard link": lambda: tar_of(manifest(), member("files/a", kind=tarfile.LNKTYPE, target="/etc/shadow")),
    "link to commands": lambda: tar_of(manifest(), member("commands/a.out", kind=tarfile.SYMTYPE, target="/x")),
    "huge member": lambda: tar_of(manifest(), member("files/a", b"\0" * 10_000_000)),
    "many members": lambda: tar_of(*(member(f"files/{number}") for number in range(21_000))),
    "manifest is a list": lambda: tar_of(member("manifest.json", b"[]")),
    "manifest is deep": lambda: tar_of(member("manifest.json", b"[" * 200_000)),
    "manifest is no json": lambda: tar_of(member("manifest.json", b"\xff\xfe")),
    "other format": lambda: tar_of(manifest(format="thornwall.capture/9")),
    "wrong types": lambda: tar_of(manifest(uid="root")),
    "infinite": lambda: tar_of(
        member("manifest.json", b'{"format": "thornwall.capture/1", "source": "ssh", "uid": 1e999}')
    ),
    "files is text": lambda: tar_of(manifest(files="x")),
    "a file without content": lambda: tar_of(manifest(commands={})),
    "bad state": lambda: tar_of(manifest(files={"/a": {"state": "x"}})),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_captures_are_refused_in_words(name: str, tmp_path: Path) -> None:
    path = tmp_path / "evil.tar.gz"
    path.write_bytes(HOSTILE[name]())
    with pytest.raises(CaptureError) as caught:
        load(path)
    assert str(path) in caught.value.message
    assert caught.value.message.isprintable()
    assert sorted(tmp_path.iterdir()) == [path]


def test_absent_and_unreadable(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.tar.gz", tmp_path):
        with pytest.raises(CaptureError, match="could not be read"):
            load(path)
    with pytest.raises(CaptureError, match="could not be written"):
        save(sample(), tmp_path / "no" / "folder.tar.gz")


@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    for blob in (data, gzip.compress(data)):
        with pytest.raises(CaptureError):
            unpack(blob)


@settings(max_examples=300)
@given(st.data())
def test_any_damage(data: st.DataObject) -> None:
    plain = bytearray(gzip.decompress(pack(sample())))
    for _ in range(data.draw(st.integers(1, 8))):
        plain[data.draw(st.integers(0, len(plain) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(CaptureError):
        unpack(gzip.compress(bytes(plain), 1))
