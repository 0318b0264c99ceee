"""Fixes about what runs by itself: files that jobs run, tables of cron, who may have jobs."""

from __future__ import annotations

import pytest

from thornwall.model.change import SetMode, WriteFile

from .test_filesystem import walked
from .ways import NOW, Host

CRON: dict[str, str | None] = {"/etc/cron.d/photos": "*/5 * * * * root /opt/photos/sync.sh\n"}


def programs(*entries: str) -> str:
    """What the device tells of the programs: `f 777 0 0 ./opt/sync.sh`, folders too."""
    rows = [("p", *entry.split()) for entry in entries]
    return "".join(f"{row[0]} {' '.join(row[1:5])} 10 {NOW} {row[5]}\t\0" for row in rows)


def host(*entries: str, files: dict[str, str | None] | None = None, tree: tuple[str, ...] = ()) -> Host:
    answer = programs("d 755 0 0 ./opt", *entries)
    return Host(CRON if files is None else files, {"walk": walked(*tree), "programs": answer})


FOLDER = "d 755 0 0 ./opt/photos"


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        # /opt is not walked, so that its modes are said in full: 0777 without the others' right to write
        ((FOLDER, "f 777 0 0 ./opt/photos/sync.sh"), [SetMode("/opt/photos/sync.sh", 0o775)]),
        ((FOLDER, "f 775 0 1000 ./opt/photos/sync.sh"), [SetMode("/opt/photos/sync.sh", 0o755)]),
        ((FOLDER, "f 755 1000 1000 ./opt/photos/sync.sh"), [SetMode("/opt/photos/sync.sh", 0o755, user="root")]),
        (("d 777 0 0 ./opt/photos", "f 755 0 0 ./opt/photos/sync.sh"), [SetMode("/opt/photos", 0o775)]),
        # a folder of somebody's is not taken from him, and with it nothing is mended
        (("d 755 1000 1000 ./opt/photos", "f 777 0 0 ./opt/photos/sync.sh"), []),
    ],
)
def test_what_jobs_run(entries: tuple[str, ...], expected: list[SetMode]) -> None:
    assert list(host(*entries).wants("cron-runs-writable-script")) == expected


def test_what_the_walk_saw_loses_bits_alone() -> None:
    tree = ("f 777 0 0 ./opt/photos/sync.sh",)
    there = host(FOLDER, "f 777 0 0 ./opt/photos/sync.sh", tree=tree)
    assert there.wants("cron-runs-writable-script") == (SetMode("/opt/photos/sync.sh", clear=0o002),)


def test_a_script_in_a_home_is_left_to_a_person() -> None:
    files: dict[str, str | None] = {"/etc/cron.d/photos": "*/5 * * * * root /home/pi/sync.sh\n"}
    entries = ("d 755 0 0 ./home", "d 755 1000 1000 ./home/pi", "f 755 1000 1000 ./home/pi/sync.sh")
    assert host(*entries, files=files).wants("cron-runs-writable-script") == ()


def test_a_job_of_an_account_that_others_may_change() -> None:
    files: dict[str, str | None] = {"/etc/cron.d/photos": "*/5 * * * * pi /home/pi/sync.sh\n"}
    entries = ("d 755 0 0 ./home", "d 700 1000 1000 ./home/pi", "f 757 1000 1000 ./home/pi/sync.sh")
    assert host(*entries, files=files).wants("cron-runs-writable-script") == (
        SetMode("/home/pi/sync.sh", 0o755, owner="pi"),
    )


def test_a_service_of_the_hosts_own() -> None:
    unit = "[Service]\nExecStart=/opt/photos/sync.sh\n[Install]\nWantedBy=multi-user.target\n"
    files: dict[str, str | None] = {
        "/etc/systemd/system/photos.service": unit,
        "/etc/systemd/system/multi-user.target.wants/photos.service": unit,
    }
    there = host(FOLDER, "f 777 0 0 ./opt/photos/sync.sh", files=files)
    assert there.wants("unit-runs-writable-script") == (SetMode("/opt/photos/sync.sh", 0o775),)


@pytest.mark.parametrize(
    ("entry", "wish"),
    [
        ("f 646 0 0 ./etc/crontab", SetMode("/etc/crontab", clear=0o022)),
        ("f 644 1000 1000 ./etc/cron.d/x", SetMode("/etc/cron.d/x", clear=0o022, user="root", group="root")),
        # as Debian's package makes it
        (
            "d 777 0 0 ./var/spool/cron/crontabs",
            SetMode("/var/spool/cron/crontabs", 0o1730, user="root", group="crontab"),
        ),
    ],
)
def test_tables_of_cron(entry: str, wish: SetMode) -> None:
    assert host(tree=(entry,), files={}).wants("cron-file-writable") == (wish,)


def test_a_folder_in_crons_path() -> None:
    files: dict[str, str | None] = {"/etc/crontab": "PATH=/opt/tools:/usr/bin\n0 1 * * * root true\n"}
    assert host("d 777 0 0 ./opt/tools", files=files).wants("cron-path-unsafe") == (SetMode("/opt/tools", 0o775),)
    relative: dict[str, str | None] = {"/etc/crontab": "PATH=bin:/usr/bin\n0 1 * * * root true\n"}
    assert host(files=relative).wants("cron-path-unsafe") == ()


def test_people_and_those_with_jobs_may_go_on() -> None:
    files: dict[str, str | None] = {"/var/spool/cron/crontabs/daemon": "0 1 * * * true\n"}
    answer = walked("f 2755 0 27 ./usr/bin/crontab", tag="s", tree=("d 755 0 0 ./etc",))
    assert Host(files, {"walk": answer}).wants("cron-open-to-all") == (
        WriteFile("/etc/cron.allow", b"root\ndaemon\npi\n", 0o640, "root", "sudo"),  # group 27 of the walk
    )
