"""What counts as a backup: commands as people write them, by what the tools' manuals say that they do."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thornwall.facts import backup as facts
from thornwall.model.capture import Capture, CommandResult, FileRecord, Manifest
from thornwall.model.fact import Known
from thornwall.model.probe import Read
from thornwall.rules import backup as rules

READS = tuple(probe.pattern for probe in facts.PROBES if isinstance(probe, Read))


def capture(files: dict[str, bytes], told: str = "") -> Capture:
    records = {path: FileRecord(path, "read", content, 0o644, 0, 0) for path, content in files.items()}
    commands = {"backup-copies": CommandResult("backup-copies", told.encode(), b"", 0)}
    return Capture(Manifest("host", "ssh", 0, 1_763_800_000, reads=READS), records, commands)


@pytest.mark.parametrize(
    "command",
    [
        "/usr/bin/restic -r sftp:u@h:/x backup /home",
        "tar czf /mnt/x.tgz /home /etc",
        "tar -c -f x.tar /",
        "/bin/tar --exclude=/proc -czpf /media/usb/b.tgz /",
        "cd / && tar czf - etc home | ssh host 'cat > x.tgz'",
        "rsync -aHAX --delete / pi@nas:/backup/",
        "rsync -a -e ssh /home/ backup@host.lan::mod > /dev/null 2>&1",
        "rsync -a /home/ /mnt/usb/ >>/var/log/rsync.log",
        'rsync -avz /home "$DEST"',
        "dd if=/dev/mmcblk0 bs=4M | gzip > /mnt/pi.gz",
        "nice -n 19 borgmatic --verbosity 1",
        "borg create --stats repo::a /",
        "rclone sync /home remote:x",
        "duplicity /home sftp://host//backup",
        "#!/bin/sh\n# nightly\nset -e\nrestic backup /etc",
    ],
)
def test_makes_a_backup(command: str) -> None:
    assert rules._makes(command)


@pytest.mark.parametrize(
    "command",
    [
        "cp -u /home/pi/photos/* /var/www/html/photos/",
        "tar xzf /home/pi/x.tgz",
        "tar tf c.tar",
        "tar -xf /home/etc.tar -C /",
        "restic check",
        "restic snapshots",
        "RANDOM=$(dd if=/dev/urandom bs=2)",
        "rsync -a /home/pi/photos/ /var/www/html/",
        "rsync -a nas:/photos/ /home/pi/photos/",
        "borgmatic list",
        "# restic backup /",
        "echo backup",
        "test -x /usr/bin/borg || exit",
        "/usr/libexec/dpkg/dpkg-db-backup",
    ],
)
def test_makes_none(command: str) -> None:
    assert not rules._makes(command)


@pytest.mark.parametrize("word", ["tar -c ", "rsync a ", "borg ", "restic ", "dd ", "nice ", '"', "zfs send"])
def test_no_line_takes_long(word: str) -> None:
    started = time.process_time()
    rules._makes((word * 2000)[:1999])
    rules._makes(word * 1_000_000)
    assert time.process_time() - started < 1


@given(st.dictionaries(st.sampled_from(["/etc/cron.daily/a", "/usr/local/bin/backup"]), st.binary()), st.text())
def test_nothing_raises(files: dict[str, bytes], told: str) -> None:
    match facts.parse(capture(files, told)):
        case Known(value):
            for text in value.scripts.values():
                rules._makes(text)
        case other:
            pytest.fail(f"{other}")
