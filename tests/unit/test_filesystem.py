"""The walk on real trees under real shells, judged by os.lstat; its parser on anything."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thornwall.facts.filesystem import FULL, parse
from thornwall.facts.filesystem_walk import WALK
from thornwall.model.capture import Capture, CommandResult, Manifest
from thornwall.model.fact import Known
from thornwall.model.filesystem import FileSystem

BUSYBOX = shutil.which("busybox") or ""
SHELLS = ["dash", *(["busybox"] if BUSYBOX else [])]
NAMES = ["plain", "with blank", "tab\there", "quote'here", "-dash", "ünï", "semi;colon", "$(touch x)", "back\\slash"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small root file system of the account that runs the tests."""
    made = tmp_path / "root"
    for folder in (
        "etc/cron.d",
        "usr/local/bin",
        "usr/lib/systemd/system",
        "home/pi/.ssh",
        "home/pi/photos",
        "var/log",
    ):
        (made / folder).mkdir(parents=True)
    owner = f"me:x:{os.getuid()}:{os.getgid()}::/home/pi:/bin/sh\n"
    (made / "etc/passwd").write_text(f"root:x:0:0::/root:/bin/sh\n{owner}")
    (made / "etc/group").write_text(f"root:x:0:\nme:x:{os.getgid()}:\n")
    (made / "tmp").mkdir()
    (made / "tmp").chmod(0o1777)
    return made


def walk(root: Path, shell: str, scratch: Path) -> FileSystem:
    scratch.mkdir(exist_ok=True)
    path = os.environ["PATH"]
    applets_there = (
        subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=False).stdout.split()
        if BUSYBOX
        else []
    )
    if shell == "busybox":
        applets = scratch / "applets"
        applets.mkdir(exist_ok=True)
        for name in {"sh", "find", "stat", "cat", "nice", "timeout"} & set(applets_there):
            (applets / name).symlink_to(BUSYBOX) if not (applets / name).exists() else None
        path = str(applets)
    done = subprocess.run(
        [f"{scratch}/applets/sh" if shell == "busybox" else "dash", "-c", WALK],
        cwd=root,
        env={"S": str(scratch), "PATH": path, "LC_ALL": "C"},
        capture_output=True,
        check=False,
    )
    result = CommandResult("walk", done.stdout, done.stderr, done.returncode)
    capture = Capture(Manifest("t", "directory", 0), {}, {"walk": result})
    fact = parse(capture)
    assert isinstance(fact, Known), fact
    return fact.value


@pytest.mark.parametrize("shell", SHELLS)
def test_the_walk_sees_what_lstat_sees(root: Path, tmp_path: Path, shell: str) -> None:
    for number, name in enumerate(NAMES):
        (root / "etc" / name).write_text("x" * number)
        (root / "etc" / name).chmod(0o600 + number)
    (root / "etc/link").symlink_to("plain")
    (root / "etc/away").symlink_to("/etc/shadow")
    (root / "home/pi/.ssh/authorized_keys").write_text("")
    (root / "home/pi/photos/one.jpg").write_text("")
    seen = walk(root, shell, tmp_path / "scratch")
    for name in [*NAMES, "link", "away", "passwd"]:
        there = (root / "etc" / name).lstat()
        entry = seen.entry(f"/etc/{name}")
        assert entry is not None, name
        assert entry.mode == stat.S_IMODE(there.st_mode), name
        assert (entry.uid, entry.gid) == (there.st_uid, there.st_gid)
        assert (entry.size, entry.mtime) == (there.st_size, int(there.st_mtime))
        assert (entry.type == "l") == stat.S_ISLNK(there.st_mode)
    away, link = seen.entry("/etc/away"), seen.resolve("/etc/link")
    assert away is not None
    assert away.target == "/etc/shadow"
    assert link is not None
    assert link.path == "/etc/plain"
    assert seen.entry("/home/pi/.ssh/authorized_keys") is not None
    assert seen.entry("/home/pi/photos/one.jpg") is None, "only hidden files of homes are noted"
    assert seen.entry("/etc/nothing") is None
    assert seen.noted("/etc/nothing")
    assert seen.complete


@pytest.mark.parametrize("shell", SHELLS)
def test_what_stands_out_is_found_anywhere(root: Path, tmp_path: Path, shell: str) -> None:
    deep = root / "opt/a/b c/d"
    deep.mkdir(parents=True)
    wanted: dict[str, set[str]] = {"setid": set(), "open": set()}
    for name, mode, kind in (
        ("suid", 0o4755, "setid"),
        ("sgid", 0o2755, "setid"),
        ("open", 0o666, "open"),
        ("both", 0o4777, "setid open"),
        ("fine", 0o644, ""),
    ):
        (deep / name).write_text("")
        (deep / name).chmod(mode)
        for each in kind.split():
            wanted[each].add(f"/opt/a/b c/d/{name}")
    (root / "srv").mkdir()
    for name, mode in (("loose", 0o777), ("sticky", 0o1777), ("kept", 0o2755)):
        (root / "srv" / name).mkdir()
        (root / "srv" / name).chmod(mode)
    (root / "srv/link").symlink_to("/etc")
    wanted["open"].add("/srv/loose")
    seen = walk(root, shell, tmp_path / "scratch")
    assert {entry.path for entry in seen.setid} == wanted["setid"]
    assert {entry.path for entry in seen.world_writable} == wanted["open"]
    assert not seen.unowned


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_owners_are_judged_by_the_roots_own_accounts(root: Path, tmp_path: Path, shell: str) -> None:
    (root / "srv").mkdir()
    for name, uid, gid in (("nobodys", 4242, 0), ("no-group", 0, 4243), ("roots", 0, 0)):
        (root / "srv" / name).write_text("")
        os.chown(root / "srv" / name, uid, gid)
    seen = walk(root, shell, tmp_path / "scratch")
    assert {entry.path for entry in seen.unowned} == {"/srv/nobodys", "/srv/no-group"}
    entry = next(entry for entry in seen.unowned if entry.path == "/srv/nobodys")
    assert (entry.user, entry.group) == ("4242", "root")


def test_a_folder_with_many_files_hides_no_other(root: Path, tmp_path: Path) -> None:
    """More world-writable files than may be reported: the bound is said, and the rest is still seen."""
    crowd = root / "srv/share"
    crowd.mkdir(parents=True)
    for number in range(6000):
        path = crowd / f"picture-with-a-rather-long-name-{number:06}.jpeg"
        path.touch()
        path.chmod(0o666)
    (root / "usr/local/bin/tool").touch()
    (root / "usr/local/bin/tool").chmod(0o4755)
    seen = walk(root, "dash", tmp_path / "scratch")
    assert FULL in seen.limits
    assert not seen.complete
    assert 1000 < len(seen.world_writable) < 6000
    assert [entry.path for entry in seen.setid] == ["/usr/local/bin/tool"]
    assert seen.whole, "what is always noted came through"


def test_copies_in_containers_and_other_file_systems_are_left_out(root: Path, tmp_path: Path) -> None:
    for folder in ("var/lib/docker/overlay2/x", "home/pi/.local/share/containers/y", "proc/1", "run/z"):
        (root / folder).mkdir(parents=True)
        (root / folder / "su").touch()
        (root / folder / "su").chmod(0o4777)
    seen = walk(root, "dash", tmp_path / "scratch")
    assert not seen.setid
    assert not seen.world_writable


def _capture(stdout: bytes, stderr: bytes = b"") -> Capture:
    return Capture(Manifest("t", "ssh", 0), {}, {"walk": CommandResult("walk", stdout, stderr, 0)})


def _exercise(fact: object) -> None:
    if isinstance(fact, Known):
        seen = fact.value
        for path in [*seen.rows, "/", "", "/etc"]:
            seen.entry(path)
            seen.resolve(path)
        assert list(seen.under("/etc")) is not None
        assert seen.not_roots is not None


@given(st.binary(max_size=400), st.binary(max_size=80))
def test_any_bytes_are_taken(stdout: bytes, stderr: bytes) -> None:
    for start in (b"", b"! gnu\0", b"! \n"):
        _exercise(parse(_capture(start + stdout, stderr)))


FIELD = st.one_of(
    st.integers(-(10**20), 10**20).map(str), st.text("0123456789abcdef ./\t'\0\n", max_size=8), st.just("./etc/x")
)
RECORD = st.tuples(st.sampled_from("lswnug!x"), st.lists(FIELD, max_size=9)).map(
    lambda parts: parts[0] + " " + " ".join(parts[1])
)


@settings(max_examples=150)
@given(st.lists(RECORD, max_size=12), st.booleans())
def test_any_records_are_taken(records: list[str], gnu: bool) -> None:
    end = "\0" if gnu else "\n"
    _exercise(parse(_capture((("! gnu" if gnu else "! ") + end + end.join(records) + end).encode())))


def test_a_folder_that_was_refused_twice_counts_once() -> None:
    """Both walks meet it, and say so in their own ways."""
    told = b"find: '././root': Permission denied\nfind: './root': Permission denied\n"
    result = CommandResult("walk", b"! gnu\0! begun\0! end\0", told, 0)
    fact = parse(Capture(Manifest("t", "directory", 0), {}, {"walk": result}))
    assert isinstance(fact, Known)
    assert fact.value.blocked == ("/root",)
