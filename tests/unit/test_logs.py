"""journald.conf and its drop-ins, against systemd-analyze, and against whatever a host may answer."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thornwall.facts import logs
from thornwall.model.capture import Capture, CommandResult, FileRecord, Manifest
from thornwall.model.fact import Known
from thornwall.model.probe import Read

READS = tuple(probe.pattern for probe in logs.PROBES if isinstance(probe, Read))


def capture(files: dict[str, bytes], told: bytes = b"") -> Capture:
    records = {path: FileRecord(path, "read", content, 0o644, 0, 0) for path, content in files.items()}
    commands = {"log-files": CommandResult("log-files", told, b"", 0)}
    return Capture(Manifest("host", "ssh", 0, 1_763_800_000, reads=READS), records, commands)


def storage(files: dict[str, bytes]) -> str:
    there = b"81ed root root ./usr/lib/systemd/systemd-journald\n"
    match logs.parse(capture(files, there)):
        case Known(value) if isinstance(value.journal, Known):
            return value.journal.value["storage"].value
        case other:
            pytest.fail(f"{other}")


NAMES = ["10-a.conf", "40-b.conf", "99-c.conf", "40-b.conf.bak"]
FOLDERS = ["/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd"]
TREES = st.dictionaries(
    st.tuples(
        st.sampled_from(FOLDERS), st.sampled_from([*(f"journald.conf.d/{name}" for name in NAMES), "journald.conf"])
    ),
    st.sampled_from(["volatile", "persistent", "none", "auto"]),
    min_size=1,
    max_size=6,
)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze to compare with")
@settings(deadline=None)  # it starts systemd-analyze
@given(tree=TREES)
def test_the_file_that_counts_is_the_last_that_systemd_shows(
    tree: dict[tuple[str, str], str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("root")
    files: dict[str, bytes] = {}
    for (folder, name), value in tree.items():
        path = f"{folder}/{name}"
        files[path] = f"[Journal]\nStorage={value}\n".encode()
        real = Path(f"{root}{path}")
        real.parent.mkdir(parents=True, exist_ok=True)
        real.write_bytes(files[path])
    command = ["systemd-analyze", f"--root={root}", "cat-config", "systemd/journald.conf"]
    said = subprocess.run(command, check=False, capture_output=True, text=True)
    shutil.rmtree(root)
    if said.returncode:
        return
    values = re.findall(r"^Storage=(\w+)$", said.stdout, re.MULTILINE)
    assert storage(files) == (values[-1] if values else "auto")


@given(
    st.dictionaries(
        st.sampled_from([*READS[:4], "/etc/rsyslog.conf", "/etc/systemd/journald.conf.d/a.conf"]), st.binary()
    )
)
def test_no_bytes_raise(files: dict[str, bytes]) -> None:
    logs.parse(capture(files))


@given(st.text())
def test_no_answer_of_stat_raises(told: str) -> None:
    logs.parse(capture({}, told.encode()))


@pytest.mark.parametrize(
    ("line", "sends"),
    [
        ("*.* @@loghost:514", True),
        ("*.* @192.0.2.7", True),
        ("*.* @@(o,z9)[2001:db8::1]:514", True),
        ('action(type="omfwd" target="loghost" port="514" protocol="tcp")', True),
        ("# *.* @@loghost", False),
        ("$ActionFileOwner root@host", False),
        ("*.* -/var/log/syslog", False),
        ("mail.* /var/log/mail@host.log", False),
    ],
)
def test_lines_that_send_the_log_away(line: str, sends: bool) -> None:
    match logs.parse(capture({"/etc/rsyslog.conf": line.encode()})):
        case Known(value) if isinstance(value.remote, Known):
            assert bool(value.remote.value) == sends
        case other:
            pytest.fail(f"{other}")
