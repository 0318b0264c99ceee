"""Each fault is really in effect while it lasts, and gone after."""

import subprocess
import time
from collections.abc import Iterator

import pytest

from . import faults
from .compare import difference, snapshot
from .host import Host, start


@pytest.fixture(scope="module")
def target(release: str) -> Iterator[Host]:
    with start(release, "planted", packages=True) as host:
        yield host


def test_a_process_dies_when_a_marker_appears(target: Host) -> None:
    # One process alone: the child of a shell bears its parent's name until it is what it was started for.
    script = 'for (1..9) { open(F, ">>", "/run/journal-7"); print F "step $_\\n"; close(F); sleep 1 }'
    # The pattern is not that of this command itself, by the bracket.
    with faults.at(target, "/run/journal-*", "step 3\n", lambda: faults.kill(target, "step [$]_")) as fault:
        done = target.run(["perl", "-e", script])
    assert fault.struck
    assert len(fault.result) == 1  # type: ignore[arg-type]
    assert done.returncode in {-9, 137}
    assert target.run("tail -n1 /run/journal-7").stdout == "step 3\n"
    with faults.at(target, "/run/journal-*", "step 99", lambda: None) as never:
        time.sleep(0.05)
    assert not never.struck


def test_what_goes_wrong_at_the_marker_is_told(target: Host) -> None:
    target.run("echo go >/run/marker", check=True)
    with (
        pytest.raises(ZeroDivisionError),
        faults.at(target, "/run/marker", "go", lambda: 1 / 0) as fault,
    ):
        assert faults.wait_until(lambda: fault.struck)


def test_a_cut_link_carries_nothing_and_keeps_its_connections(target: Host) -> None:
    argv = ["ssh", "-F", "none", "-T", "-i", str(target.private_key), "-o", f"UserKnownHostsFile={target.known_hosts}"]
    with subprocess.Popen(
        [*argv, f"pi@{target.address}", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as session:
        assert session.stdin is not None
        assert session.stdout is not None
        session.stdin.write("before\n")
        assert session.stdout.readline() == "before\n"
        with faults.cut_link(target):
            for ipv6 in (False, True):
                assert target.login("true", ipv6=ipv6).returncode == 255
            assert target.run(["ping", "-c1", "-W1", target.controller]).returncode != 0
            session.stdin.write("during\n")
        assert session.stdout.readline() == "during\n"  # TCP sends it again
        session.stdin.close()
    assert target.login("true").returncode == 0


def test_a_full_disk_and_one_without_inodes(target: Host) -> None:
    target.run("mkdir -p /var/lib/thornwall && echo kept >/var/lib/thornwall/a", check=True)
    with faults.full(target, "/var/lib/thornwall"):
        done = target.run("cat /var/lib/thornwall/a && head -c 100k /dev/zero >/var/lib/thornwall/b")
        assert (done.stdout, "No space left" in done.stderr) == ("kept\n", True)
    with faults.full(target, "/var/lib/thornwall", spare_kib=64):
        assert target.run("head -c 32k /dev/zero >/var/lib/thornwall/b").returncode == 0
        assert target.run("head -c 128k /dev/zero >/var/lib/thornwall/c").returncode != 0
    with faults.full(target, "/var/lib/thornwall", inodes=True):
        assert target.run("echo more >>/var/lib/thornwall/a").returncode == 0
        assert "No space left" in target.run("touch /var/lib/thornwall/d").stderr
    assert target.run("cat /var/lib/thornwall/a && findmnt /var/lib/thornwall").stdout == "kept\nmore\n"
    target.run("rm -r /var/lib/thornwall", check=True)


def test_a_file_system_without_programs(target: Host) -> None:
    target.run("install -D /bin/true /srv/bin/true && /srv/bin/true", check=True)
    with faults.small(target, "/srv", options="noexec"):
        assert "Permission denied" in target.run("/srv/bin/true").stderr
    target.run("/srv/bin/true && rm -r /srv/bin", check=True)


def test_a_tiny_run(target: Host) -> None:
    with faults.tiny_run(target, spare_kib=16):
        assert "No space left" in target.run("head -c 64k /dev/zero >/run/much").stderr
        target.run("rm -f /run/much")
    target.run("head -c 64k /dev/zero >/run/much && rm /run/much", check=True)


def test_dpkg_is_locked(target: Host) -> None:
    install = "DEBIAN_FRONTEND=noninteractive apt-get --yes install attr"
    with faults.dpkg_locked(target):
        said = target.run(install, timeout=60)
        assert said.returncode == 100
        assert "lock" in said.stderr
        assert target.run("flock --nonblock /var/lib/dpkg/lock true").returncode == 0  # another kind of lock
        inode = target.run("stat -c %i /var/lib/dpkg/lock-frontend").stdout.strip()
        assert f":{inode} " in target.run("cat /proc/locks").stdout
    target.run(install, check=True, timeout=120)


def test_systemctl_hangs(target: Host) -> None:
    for name in ("systemctl", "/usr/bin/systemctl", "/bin/systemctl"):
        with faults.hung_systemctl(target):
            assert target.run(f"timeout 0.3 {name} is-active ssh").returncode == 124
        assert target.run(f"timeout 5 {name} is-active ssh").stdout == "active\n"


def test_a_frozen_init_starts_nothing(target: Host) -> None:
    with faults.frozen_init(target):
        assert target.run("timeout 1 systemctl start systemd-hostnamed").returncode == 124
    target.run("timeout 20 systemctl start systemd-hostnamed", check=True)


def test_frozen_processes_answer_nobody(target: Host) -> None:
    ask = "timeout 0.5 curl -s -o /dev/null http://127.0.0.1/"
    with faults.frozen(target, "^nginx: "):
        assert target.run(ask).returncode == 124
    assert target.run(ask).returncode == 0


@pytest.mark.parametrize("command", ["daemon-reload", "daemon-reexec"])
def test_systemd_is_kept_busy(target: Host, command: str) -> None:
    count = "journalctl --no-pager -q _PID=1 | grep -ci 'reload\\|reexec'"
    before = int(target.run(count).stdout)
    with faults.repeated(target, f"systemctl {command}", every=0.05):
        assert faults.wait_until(lambda: int(target.run(count).stdout) >= before + 3, 20)
    assert faults.wait_until(lambda: faults.processes(target, f"systemctl {command}") == [])
    assert faults.wait_until(lambda: target.run("systemctl is-active ssh").stdout == "active\n")


def test_a_power_cycle_keeps_files_and_forgets_the_rest(planted: Host) -> None:
    before = snapshot(planted)
    boot = planted.run("cat /proc/1/stat").stdout.split()[21]
    planted.run("nft add table inet stale; touch /run/gone; systemd-run --unit=gone sleep 1000", check=True)
    faults.power_cycle(planted)
    assert planted.run("cat /proc/1/stat").stdout.split()[21] != boot
    assert planted.login("true").returncode == 0
    assert difference(before, snapshot(planted)) == []
