"""TARGET on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thornwall.errors import UsageError
from thornwall.transport.target import (
    CaptureTarget,
    DirectoryTarget,
    LocalTarget,
    PathKind,
    SshTarget,
    Target,
    parse_host,
    parse_target,
)

HERE: dict[str, PathKind] = {
    "raspberrypi": "directory",
    "lamp": "file",
    "pi.tar.gz": "file",
    "/mnt/card": "directory",
    "/": "directory",
    "captures/pi.tar.gz": "file",
    "/dev/null": "other",
    "notes/monday": "file",
}


def parse(text: str) -> Target:
    return parse_target(text, kind=lambda path: HERE.get(str(path), "none"), beside=lambda _: ["pi.tar.gz", "card"])


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("", LocalTarget()),
        ("local:", LocalTarget()),
        ("pi@raspberrypi.local", SshTarget("raspberrypi.local", "pi")),
        ("pi@raspberrypi", SshTarget("raspberrypi", "pi")),  # though a directory has that name: a user is named
        ("garage", SshTarget("garage")),
        ("local", SshTarget("local")),
        ("host:2222", SshTarget("host", "", 2222)),
        ("pi@10.0.0.7:22", SshTarget("10.0.0.7", "pi", 22)),
        ("fd00::7", SshTarget("fd00::7")),
        ("pi@[fd00::7]:2222", SshTarget("fd00::7", "pi", 2222)),
        ("[fe80::1%eth0]", SshTarget("fe80::1%eth0")),
        ("ssh:raspberrypi", SshTarget("raspberrypi")),
        ("ssh://pi@lamp:23/", SshTarget("lamp", "pi", 23)),
        ("j.doe@corp@bastion", SshTarget("bastion", "j.doe@corp")),
        ("dir:raspberrypi", DirectoryTarget(Path("raspberrypi"))),
        ("/mnt/card", DirectoryTarget(Path("/mnt/card"))),
        ("/", DirectoryTarget(Path("/"))),
        ("pi.tar.gz", CaptureTarget(Path("pi.tar.gz"))),
        ("captures/pi.tar.gz", CaptureTarget(Path("captures/pi.tar.gz"))),
        ("capture:notes/monday", CaptureTarget(Path("notes/monday"))),
        ("notes/monday", CaptureTarget(Path("notes/monday"))),
    ],
)
def test_what_it_names(text: str, target: Target) -> None:
    assert parse(text) == target


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("raspberrypi", "may be a host, or the directory", "dir:raspberrypi"),
        ("lamp", "may be a host, or the file", "capture:lamp"),
        ("po.tar.gz", "there is no po.tar.gz", "did you mean pi.tar.gz"),
        ("/mnt/cart", "there is no /mnt/cart", "did you mean /mnt/card"),
        ("dir:pi.tar.gz", "is not a directory", "capture:"),
        ("capture:/mnt/card", "is a directory", "dir:"),
        ("capture:/dev/null", "not a regular file", ".tar.gz"),
        ("ssh:", "names nothing", "ssh:pi@"),
        ("pi@host:0", "no port", ""),
        ("pi@host:65536", "no port", ""),
        ("pi@host:²", "no port", ""),
        ("pi@", "name of the host is empty", ""),
        ("@host", "name of the user is empty", ""),
        ("pi@-oProxyCommand=reboot", "holds what no name holds", ""),
        ("-l@host", "holds what no name holds", ""),
        ("pi@[fd00::g]:22", "is no IPv6 address", ""),
        ("pi@[fd00::1", "is written \\[address\\]:port", ""),
        ("pi@a\x1b[31mb", "holds what no name holds", ""),
    ],
)
def test_what_it_refuses(text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse(text)
    assert hint in caught.value.hint
    assert caught.value.message.isprintable()


def test_the_file_system_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "pi.tar.gz").touch()
    assert parse_target(str(tmp_path)) == DirectoryTarget(tmp_path)
    assert parse_target(str(tmp_path / "pi.tar.gz")) == CaptureTarget(tmp_path / "pi.tar.gz")
    with pytest.raises(UsageError, match="there is no") as caught:
        parse_target(str(tmp_path / "pj.tar.gz"))
    assert "pi.tar.gz" in caught.value.hint


@given(st.text())
def test_anything_is_a_target_or_an_error_for_people(text: str) -> None:
    error: UsageError | None = None
    target: Target | None = None
    try:
        target = parse_target(text, kind=lambda _: "none", beside=lambda _: [])
    except UsageError as caught:
        error = caught
    assert target is not None or (error is not None and error.message.isprintable() and error.hint)
    if isinstance(target, SshTarget):
        assert parse_host(str(target)) == target
