"""Fixes about files: which bits, and who takes them away."""

from __future__ import annotations

import pytest

from thornwall.model.change import EditLine, OwnLine, SetMode
from thornwall.plan.fix import Hold, Want
from thornwall.plan.registry import FIXES

from .ways import NOW, Host

# seven hundred and more folders of a real host, here the few that matter
TREE = (
    "d 755 0 0 ./etc",
    "d 755 0 0 ./home",
    "d 700 1000 1000 ./home/pi",
    "d 755 0 0 ./usr/local/bin",
    "d 755 0 0 ./srv",
)


def walked(*entries: str, tag: str = "l", tree: tuple[str, ...] = TREE) -> str:
    """An answer of the walk: each `f 4755 0 0 ./x` noted for a reason: w(orld-writable), s(et-ID), l(isted)."""
    names = "u 0 root\0g 0 root\0u 1000 pi\0g 1000 pi\0u 1001 webcam\0g 1001 webcam\0g 27 sudo\0g 110 ssl-cert\0"
    rows = [(tag, *entry.split()) for entry in entries] + [("l", *entry.split()) for entry in tree]
    lines = "".join(f"{row[0]} {' '.join(row[1:5])} 10 {NOW} {row[5]}\t\0" for row in rows)
    return f"! gnu\0{names}{lines}! end\0"


def host(*entries: str, tag: str = "l", files: dict[str, str | None] | None = None) -> Host:
    return Host(files or {}, {"walk": walked(*entries, tag=tag)})


def wishes(found: tuple[Want, ...]) -> list[SetMode]:
    return [want for want in found if isinstance(want, SetMode)]


def test_a_file_in_etc() -> None:
    assert host("f 666 0 0 ./etc/motion.conf", tag="w").wants("world-writable-in-etc") == (
        SetMode("/etc/motion.conf", clear=0o002),
    )


def test_many_files_of_a_folder_are_one_finding_and_all_are_closed() -> None:
    names = [f"./etc/many/{letter}.conf" for letter in "abcdefgh"]
    there = host(*(f"f 666 0 0 {name}" for name in names), tag="w")
    assert wishes(there.wants("world-writable-in-etc")) == [SetMode(name[1:], clear=0o002) for name in names]


def test_a_file_elsewhere_is_asked_about() -> None:
    wish, hold = host("f 666 0 0 ./srv/film.mkv", tag="w").wants("world-writable-file")[::-1]
    assert isinstance(hold, Hold)
    assert (hold.accept, hold.subject) == (True, "/srv/film.mkv")
    assert wish == SetMode("/srv/film.mkv", clear=0o002)


def test_what_others_own_its_owner_changes() -> None:
    there = host("f 666 1000 1000 ./srv/film.mkv", tag="w")
    assert wishes(there.wants("world-writable-file")) == [SetMode("/srv/film.mkv", clear=0o002, owner="pi")]


def test_roots_file_in_somebodys_home_is_left_to_a_person() -> None:
    # where he may put a link in its place at any moment
    home = TREE[2].replace("700", "755")
    answer = walked("f 666 0 0 ./home/pi/log", tag="w", tree=(*TREE[:2], home))
    assert Host({}, {"walk": answer}).wants("world-writable-file") == ()


def test_a_folder_for_all_gets_the_sticky_bit() -> None:
    there = host("d 777 0 0 ./srv/share", tag="w")
    assert there.wants("world-writable-directory") == (SetMode("/srv/share", set=0o1000),)


HOME = "d 755 1001 1001 ./home/webcam"


def test_an_open_home_is_closed_by_its_owner() -> None:
    assert host(HOME).wants("home-directory-open") == (SetMode("/home/webcam", clear=0o007, owner="webcam"),)


def test_a_web_server_keeps_its_passage() -> None:
    unit: dict[str, str | None] = {
        "/etc/systemd/system/multi-user.target.wants/nginx.service": "[Service]\nExecStart=/usr/sbin/nginx\n"
    }
    assert host(HOME, files=unit).wants("home-directory-open") == (
        SetMode("/home/webcam", clear=0o006, owner="webcam"),
    )


@pytest.mark.parametrize(
    ("entry", "wish"),
    [
        ("f 644 0 0 ./etc/shadow", SetMode("/etc/shadow", 0o640, user="root", group="shadow")),
        (
            "f 644 0 0 ./etc/ssh/ssh_host_rsa_key",
            SetMode("/etc/ssh/ssh_host_rsa_key", 0o600, user="root", group="root"),
        ),
        ("f 640 0 27 ./etc/wireguard/wg0.conf", SetMode("/etc/wireguard/wg0.conf", clear=0o077)),
        ("f 644 0 110 ./etc/ssl/private/site.pem", SetMode("/etc/ssl/private/site.pem", clear=0o007)),
    ],
)
def test_secrets(entry: str, wish: SetMode) -> None:
    assert host(entry).wants("sensitive-file-mode", wish.path) == (wish,)


def test_a_key_in_an_open_home() -> None:
    there = host(HOME, "d 755 1001 1001 ./home/webcam/.ssh", "f 644 1001 1001 ./home/webcam/.ssh/id_rsa")
    assert there.wants("sensitive-file-mode") == (SetMode("/home/webcam/.ssh/id_rsa", clear=0o077, owner="webcam"),)


@pytest.mark.parametrize(
    ("entry", "wish"),
    [
        (
            "f 755 1000 1000 ./usr/local/bin/tool",
            SetMode("/usr/local/bin/tool", clear=0o022, user="root", group="root"),
        ),
        ("f 775 0 1000 ./usr/local/bin/tool", SetMode("/usr/local/bin/tool", clear=0o020)),
    ],
)
def test_what_root_runs_is_roots(entry: str, wish: SetMode) -> None:
    assert host(entry).wants("system-file-not-roots") == (wish,)


def test_set_user_id_is_asked_about() -> None:
    wish, hold = host("f 4755 0 0 ./usr/local/bin/tool", tag="s").wants("unexpected-setuid")[::-1]
    assert isinstance(hold, Hold)
    assert (hold.accept, hold.subject) == (True, "/usr/local/bin/tool")
    assert wish == SetMode("/usr/local/bin/tool", clear=0o6000)


def mounted(line: str, fstab: str) -> Host:
    return host(files={"/proc/mounts": f"/dev/mmcblk0p2 / ext4 rw 0 0\n{line}\n", "/etc/fstab": fstab})


FSTAB = "# <file system> <mount point> <type> <options>\nPARTUUID=5a1c7e09-02 / ext4 defaults,noatime 0 1\n"


@pytest.mark.parametrize(
    ("mount", "fstab", "wish", "asked"),
    [
        (
            "/dev/sda1 /home ext4 rw,relatime 0 0",
            "UUID=ab\t/home\text4\tdefaults,dev\t0 2\n",
            EditLine("/etc/fstab", 3, "UUID=ab\t/home\text4\tdefaults,dev\t0 2",
                     "UUID=ab\t/home\text4\tdefaults,nodev,nosuid\t0 2"),
            False,
        ),
        (
            "tmpfs /tmp tmpfs rw,nosuid,nodev,size=460000k,nr_inodes=1048576 0 0", "",
            OwnLine("/etc/systemd/system/tmp.mount.d/thornwall.conf", "Options",
                    "Options=mode=1777,strictatime,nodev,nosuid,noexec,size=460000k,nr_inodes=1048576", "Mount"),
            True,
        ),
        (
            "tmpfs /tmp tmpfs rw,nosuid,nodev 0 0", "tmpfs /tmp tmpfs nosuid,nodev,size=100M 0 0\n",
            EditLine("/etc/fstab", 3, "tmpfs /tmp tmpfs nosuid,nodev,size=100M 0 0",
                     "tmpfs /tmp tmpfs nosuid,nodev,size=100M,noexec 0 0"),
            True,
        ),
        (
            "tmpfs /dev/shm tmpfs rw,nosuid,nodev 0 0", "",
            EditLine("/etc/fstab", 0, "", "tmpfs /dev/shm tmpfs rw,nodev,nosuid,noexec 0 0"),
            False,
        ),
    ],
    ids=["home", "systemd's tmp", "tmp of fstab", "shm"],
)  # fmt: skip
def test_mount_options(mount: str, fstab: str, wish: EditLine | OwnLine, asked: bool) -> None:
    *holds, found = mounted(mount, FSTAB + fstab).wants("mount-options-missing")
    assert found == wish
    assert [hold.interlock for hold in holds if isinstance(hold, Hold)] == (["programs-in-tmp"] if asked else [])
    assert FIXES["mount-options-missing"].awaits_reboot
