"""Wishes about files to bytes: what is expected is written out by hand, or follows from what was put together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thornwall.model.capture import Capture, FileRecord, Manifest
from thornwall.model.change import (
    Chmod,
    DropFile,
    EditLine,
    EditWords,
    OwnLine,
    PutFile,
    RemoveFile,
    SetMode,
    Wish,
    WriteFile,
    sha256,
)
from thornwall.model.originals import Originals
from thornwall.model.snapshot import Snapshot
from thornwall.plan.files import ConflictError, operations
from thornwall.plan.fix import Situation

DROP_IN = "/etc/ssh/sshd_config.d/00-thornwall.conf"
HEADER = "# Written by thornwall; 'thornwall undo' takes it back.\n"


def situation(files: dict[str, bytes], *, mode: int = 0o644, told: dict[str, str] | None = None) -> Situation:
    """A host with these files, all read in full (`told` replaces what the host says of their hashes)."""
    records = {
        path: FileRecord(path, content=text, mode=mode, uid=0, gid=0, user="root", group="root", size=len(text))
        for path, text in files.items()
    }
    hashes = {path: sha256(text) for path, text in files.items()} | (told or {})
    capture = Capture(Manifest("host", "ssh", 0, reads=tuple(files)), records)
    return Situation(
        Snapshot(), capture, Originals(hashes, asked=("/etc/*", "/boot/*", DROP_IN, "/etc/*/*", "/etc/*/*/*"))
    )


def one(host: Situation, path: str, *wishes: Wish) -> PutFile:
    (operation,) = operations(host, path, wishes)
    assert isinstance(operation, PutFile)
    return operation


def test_a_new_drop_in() -> None:
    put = one(situation({}), DROP_IN, OwnLine(DROP_IN, "PermitRootLogin", "PermitRootLogin no", mode=0o600))
    assert put.content == (HEADER + "PermitRootLogin no\n").encode()
    assert (put.expect, put.mode, put.user, put.group, put.keep_meta) == ("absent", 0o600, "root", "root", False)


def test_a_drop_in_that_was_there_keeps_its_other_lines() -> None:
    before = (HEADER + "PermitRootLogin yes\nX11Forwarding no\n").encode()
    put = one(situation({DROP_IN: before}), DROP_IN, OwnLine(DROP_IN, "PermitRootLogin", "PermitRootLogin no"))
    assert put.content == (HEADER + "PermitRootLogin no\nX11Forwarding no\n").encode()
    assert (put.expect, put.before, put.keep_meta) == (sha256(before), before, True)


def test_what_is_so_already_is_not_written() -> None:
    before = (HEADER + "PermitRootLogin no\n").encode()
    wish = OwnLine(DROP_IN, "PermitRootLogin", "PermitRootLogin no")
    assert operations(situation({DROP_IN: before}), DROP_IN, [wish]) == ()


def test_sections() -> None:
    path = "/etc/systemd/journald.conf.d/99-thornwall.conf"
    before = (HEADER + "[Journal]\nStorage=persistent\n").encode()
    wishes = [OwnLine(path, "SystemMaxUse", "SystemMaxUse=200M", "Journal"), OwnLine(path, "A", "A=1", "Other")]
    put = one(situation({path: before}), path, *wishes)
    assert put.content.decode() == HEADER + "[Journal]\nStorage=persistent\nSystemMaxUse=200M\n[Other]\nA=1\n"


def test_apt_has_other_comments() -> None:
    path = "/etc/apt/apt.conf.d/52thornwall"
    put = one(situation({}), path, OwnLine(path, "A::B", 'A::B "1";'))
    assert put.content.decode().startswith("// Written")


def test_two_fixes_that_want_different_lines() -> None:
    wishes = [OwnLine(DROP_IN, "LogLevel", f"LogLevel {level}") for level in ("INFO", "VERBOSE")]
    with pytest.raises(ConflictError, match="LogLevel"):
        operations(situation({}), DROP_IN, wishes)


def test_lines_of_somebody_elses_file() -> None:
    path = "/etc/inetd.conf"
    before = b"# services\ntelnet stream tcp nowait root /usr/sbin/telnetd\nident stream\n"
    put = one(
        situation({path: before}),
        path,
        EditLine(path, 2, "telnet stream tcp nowait root /usr/sbin/telnetd", None),
        EditLine(path, 3, "ident stream", "#ident stream"),
        EditLine(path, 0, "", "[all]\ndtoverlay=disable-bt"),
    )
    assert put.content == b"# services\n#ident stream\n[all]\ndtoverlay=disable-bt\n"
    assert put.keep_meta


def test_what_is_appended_stands_on_its_own_line() -> None:
    path = "/boot/config.txt"
    put = one(situation({path: b"arm_64bit=1"}), path, EditLine(path, 0, "", "[all]"))
    assert put.content == b"arm_64bit=1\n[all]\n"


def test_a_line_that_is_not_what_it_was_taken_for() -> None:
    path = "/etc/inetd.conf"
    with pytest.raises(ConflictError, match="line 1"):
        operations(situation({path: b"ftp\n"}), path, [EditLine(path, 1, "telnet", None)])


def test_the_one_line_of_the_kernel() -> None:
    path = "/boot/cmdline.txt"
    before = b"console=serial0,115200 console=tty1 root=PARTUUID=ab-02 rootwait\n"
    put = one(situation({path: before}), path, EditWords(path, ("console=serial0,115200",), ("lsm=apparmor",)))
    assert put.content == b"console=tty1 root=PARTUUID=ab-02 rootwait lsm=apparmor\n"


def test_two_lines_for_the_kernel_are_left_alone() -> None:
    path = "/boot/cmdline.txt"
    with pytest.raises(ConflictError, match="one line"):
        operations(situation({path: b"a\nb\n"}), path, [EditWords(path, ("a",))])


def test_a_file_of_which_something_was_left_out_is_not_edited() -> None:
    """The host's own hash is of more than what it let out."""
    path = "/etc/vsftpd.conf"
    host = situation({path: b"password=<redacted>\n"}, told={path: sha256(b"password=secret\n")})
    with pytest.raises(ConflictError, match="not read out"):
        operations(host, path, [EditLine(path, 0, "", "x")])
    assert operations(host, path, [RemoveFile(path)]) == (DropFile(path, sha256(b"password=secret\n"), None),)


def test_a_link_is_not_written_through() -> None:
    with pytest.raises(ConflictError, match="symbolic link"):
        operations(situation({}, told={DROP_IN: "link:/tmp/x"}), DROP_IN, [OwnLine(DROP_IN, "A", "A b")])


def test_a_path_that_was_not_asked_for() -> None:
    with pytest.raises(ConflictError, match="was not read"):
        operations(situation({}), "/opt/x", [WriteFile("/opt/x", b"")])


@pytest.mark.parametrize("path", ["/etc/a b", "/etc/../root/x", "/etc/a\nb", "etc/x", "/etc/$(id)"])
def test_a_name_that_is_not_touched(path: str) -> None:
    with pytest.raises(ConflictError):
        operations(situation({}), path, [WriteFile(path, b"")])


def test_modes_add_up() -> None:
    path = "/etc/cron.d/x"
    host = situation({path: b""}, mode=0o777)
    wishes = [SetMode(path, clear=0o002), SetMode(path, clear=0o020, user="root"), SetMode(path, set=0o2000)]
    assert operations(host, path, wishes) == (Chmod(path, 0o2755, "", "", "", 0o777, "0777 root:root"),)


def test_a_folder_that_is_closed_needs_no_sticky_bit() -> None:
    path = "/etc/cron.d/x"
    host = situation({path: b""}, mode=0o777)
    both = [SetMode(path, clear=0o022), SetMode(path, set=0o1000)]
    assert operations(host, path, both) == (Chmod(path, 0o755, "", "", "", 0o777, "0777 root:root"),)
    assert operations(host, path, both[1:]) == (Chmod(path, 0o1777, "", "", "", 0o777, "0777 root:root"),)


def test_a_mode_that_is_right_already() -> None:
    path = "/etc/cron.d/x"
    assert operations(situation({path: b""}, mode=0o600), path, [SetMode(path, 0o600, user="root")]) == ()


def test_written_and_given_a_mode_at_once() -> None:
    path = "/etc/inetd.conf"
    put = one(situation({path: b"a\n"}, mode=0o666), path, EditLine(path, 1, "a", None), SetMode(path, clear=0o022))
    assert (put.content, put.mode, put.keep_meta) == (b"", 0o644, False)


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")), max_size=8
    ),
    st.data(),
)
def test_lines_that_no_fix_names_stay_as_they_are(lines: list[str], data: st.DataObject) -> None:
    path = "/etc/x"
    before = "".join(f"{line}\n" for line in lines).encode()
    gone = data.draw(st.sets(st.integers(1, len(lines)))) if lines else set()
    wishes = [EditLine(path, number, lines[number - 1], None) for number in gone]
    done = operations(situation({path: before}), path, wishes) if wishes else ()
    kept = "".join(f"{line}\n" for number, line in enumerate(lines, 1) if number not in gone).encode()
    assert (done[0].content if done else before) == kept  # type: ignore[union-attr]
