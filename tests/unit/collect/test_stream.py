"""The stream of a hostile host: an answer, or an error in words."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from thornwall.collect.stream import parse_stream
from thornwall.errors import HostAnswerError
from thornwall.facts.registry import snapshot
from thornwall.model.capture import Capture
from thornwall.model.snapshot import Snapshot

NONCE = "abc"


def stream(**blobs: bytes) -> bytes:
    """What the script sends, by the script's own format: a table of lengths, then the bytes."""
    names = ["list", "status", "times", "meta", "links", "kernel", "files"]
    parts = {name: blobs.pop(name, b"") for name in names} | {f"c/{k}": v for k, v in blobs.items()}
    if not parts["files"]:
        parts["files"] = b"\x01abc E .\n"
    table = "".join(f"{len(blob):7d} {name}\n" for name, blob in parts.items())
    total = sum(map(len, parts.values()))
    head = f"abc BEGIN 1\nabc STEP files\nabc HOST 0 1700000000\nabc TABLE\n{table}{total:7d} total\nabc DATA\n"
    return head.encode() + b"".join(parts.values()) + b"\nabc END\n"


def parse(data: bytes) -> Capture:
    return parse_stream(data, nonce=NONCE, probes=(), target="pi@host", source="ssh")


def test_an_answer() -> None:
    capture = parse(
        b"Welcome to my shell!\n"
        + stream(
            list=b"R plain 100 ./etc/a\nD ./etc/shadow\nP ./proc/x\nB ./root\n",
            meta=b"81a4 0 0 root root 3 1600000000 ./etc/a\n",
            kernel=b"==> ./proc/x <==\n1\n",
            files=b"\x01abc F ./etc/a\nab\n\x01abc E .\n",
            status=b"0 ss\n",
            **{"ss.out": b"tcp\0\xff"},
        )
    )
    assert capture.manifest.uid == 0
    assert capture.manifest.blocked == ("/root",)
    assert capture.files["/etc/a"].content == b"ab\n"
    assert capture.files["/etc/a"].mode == 0o644
    assert capture.files["/etc/shadow"].state == "denied"
    assert capture.files["/proc/x"].content == b"1\n"
    assert capture.commands["ss"].stdout == b"tcp\0\xff"


def test_a_file_cannot_pass_for_a_frame() -> None:
    content = b"abc END\nabc TABLE\nabc DATA\n\x01abd F ./etc/b\n"
    capture = parse(stream(list=b"R plain 100 ./etc/a\n", files=b"\x01abc F ./etc/a\n" + content + b"\x01abc E .\n"))
    assert capture.files["/etc/a"].content == content


def test_what_was_not_read_to_its_end_is_no_short_file() -> None:
    meta = b"81a4 0 0 root root 3 1 ./etc/a\n81a4 0 0 root root 3 1 ./etc/b\n81a4 0 0 root root 0 1 ./etc/c\n"
    files = b"\x01abc F ./etc/a\n\x01abc F ./etc/b\nx\n\x01abc X ./etc/b\n\x01abc F ./etc/c\n\x01abc E .\n"
    names = b"R plain 100 ./etc/a\nR plain 100 ./etc/b\nR plain 100 ./etc/c\n"
    capture = parse(stream(list=names, meta=meta, files=files))
    assert {path: record.state for path, record in capture.files.items()} == {
        "/etc/a": "broken",
        "/etc/b": "broken",
        "/etc/c": "read",
    }


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "said nothing"),
        (b"bash: /bin/sh: not found\n", "not with evidence"),
        (b"\x1b]0;title\x07\x1b[31m", "not with evidence"),
        (stream()[:-1], "broke off"),
        (b"abc BEGIN 1\nabc ERROR scratch\n", "no room"),
        (b"abc BEGIN 1\nabc END\n\nabc END\n", "contradicts itself"),
        (stream().replace(b"      0 list", b"9999999 list"), "contradicts itself"),
        (stream().replace(b"      0 list", b"     -1 list"), "contradicts itself"),
        (stream().replace(b"HOST 0", b"HOST root"), "contradicts itself"),
    ],
)
def test_no_answer(data: bytes, words: str) -> None:
    with pytest.raises(HostAnswerError, match=words) as caught:
        parse(data)
    assert caught.value.message.isprintable()
    assert "pi@host" in caught.value.message


@settings(max_examples=300)
@given(st.data())
def test_any_damage_is_an_answer_or_an_error(data: st.DataObject) -> None:
    good = bytearray(
        stream(
            list=b"R plain 100 ./etc/a\nD ./etc/shadow\nM ./x\nO ./y\nL ./l\nX ./etc/a\n",
            meta=b"81a4 0 0 root root 3 1600000000 ./etc/a\n",
            links=b"a1ff 0 0 root root 3 1 './l' -> '/etc/a'\n",
            files=b"\x01abc F ./etc/a\nab\n\x01abc T ./z\n",
            status=b"0 ss\n124 walk\n",
        )
    )
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(good) - 1))
        good[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        capture = parse(bytes(good))
    except HostAnswerError:
        return
    assert isinstance(snapshot(capture), Snapshot)


@given(st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=300))
@example(b"S x\nR\nD\n", b"\n ", b"\x01abc F \n", b"x y z\n")
def test_any_parts(list_: bytes, meta: bytes, files: bytes, status: bytes) -> None:
    capture = parse(stream(list=list_, meta=meta, links=meta, kernel=files, files=files, status=status))
    assert isinstance(capture, Capture)
