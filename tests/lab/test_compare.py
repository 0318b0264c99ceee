"""The whole-system comparison: silent where nothing changed, and told of each kind of change where one was made."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .compare import EXCLUDED, TRANSIENT, VOLATILE, State, difference, snapshot
from .compare_walk import Contents, walk
from .host import Host, start

# What is done, and the start of each line that must come of it: that, and nothing more.
CHANGES = {
    "printf '\\n' | dd of=/etc/motion.conf seek=1 bs=1 conv=notrunc && touch -d @1 /etc/motion.conf": [
        "/etc/motion.conf: mtime .* -> 1970-01-01T00:00:01.000000000, sha256 ",
    ],
    # a byte behind the back of mtime
    "touch -r /etc/fstab /run/keep; sed -i.old s/0/1/ /etc/fstab; touch -r /run/keep /etc/fstab; rm /etc/fstab.old": [
        "/etc/fstab: sha256 [0-9a-f]{12} -> [0-9a-f]{12}$",
        "/etc: mtime ",
    ],
    "chmod 0755 /etc/inetd.conf": ["/etc/inetd.conf: mode 0644 -> 0755$"],
    "chown pi:1 /etc/nanorc": ["/etc/nanorc: owner 0:0 -> 1000:1$"],
    "touch -d '2026-01-02 03:04:05.678901234Z' /etc/services": [
        "/etc/services: mtime .* -> 2026-01-02T03:04:05.678901234$",
    ],
    "touch -m /srv": ["/srv: mtime "],
    "touch -h /etc/mtab": ["/etc/mtab: mtime "],
    "mkdir /opt/a": ["/opt: mtime ", "/opt/a: new .folder 0755 0:0.$"],
    "rm -r /var/www/html": ["/var/www: mtime ", "/var/www/html: gone ", "/var/www/html/index[.a-z-]*.html: gone "],
    'python3 -c \'import os; os.setxattr("/etc/hosts", "user.mark", b"1")\'': [
        "/etc/hosts: xattr none -> .*user.mark",
    ],
    # version 2; user::rw-, user:1000:rw-, group::r--, mask::rw-, other::r--: the mask is what ls shows for the group
    "python3 -c 'import os, struct; e = [(1, 6, -1), (2, 6, 1000), (4, 4, -1), (16, 4, -1), (32, 4, -1)]; "
    'os.setxattr("/etc/profile", "system.posix_acl_access", struct.pack("<I", 2) + '
    'b"".join(struct.pack("<HHi", *x) for x in e))\'': ["/etc/profile: xattr none -> .*system.posix_acl_access"],
    "chattr +i /etc/shells": ["/etc/shells: flags none -> i$"],
    "ln /etc/issue /home/pi/issue; touch -d @2 /home/pi": [
        "/etc/issue: links 1 -> 2, linked none -> ",
        "/home/pi: mtime ",
        "/home/pi/issue: new ",
    ],
    "ln -sfn UTC /etc/localtime.new; mv -T /etc/localtime.new /etc/localtime": [
        "/etc/localtime: mtime .*target .* -> UTC"
    ],
    "mkfifo /var/lib/dbus/pipe": ["/var/lib/dbus: mtime ", "/var/lib/dbus/pipe: new .fifo "],
    "systemctl mask --quiet cron.service": [
        "/etc/systemd/system: mtime ",
        "/etc/systemd/system/cron.service: new .link ",
        "unit cron.service: loaded active, enabled -> masked active, masked",
    ],
    "systemctl stop cups.socket cups.path cups.service": [
        "unit cups.path: loaded active, enabled -> enabled$",
        "unit cups.service: loaded active, enabled -> enabled$",
        "unit cups.socket: loaded active, enabled -> enabled$",
        r"listener tcp 0\.0\.0\.0:631: gone .cupsd.$",
        r"listener tcp \[::\]:631: gone .cupsd.$",
    ],
    "systemd-run --quiet --unit=extra python3 -m http.server 8123; until ss -tln | grep -q :8123; do sleep .1; done": [
        "unit extra.service: new .loaded active, transient.$",
        r"listener tcp 0\.0\.0\.0:8123: new .python3.$",
    ],
    "systemd-run --quiet --unit=broken false; sleep 0.2": ["unit broken.service: new .loaded failed, transient.$"],
    "sysctl -qw net.ipv4.conf.all.log_martians=1": ["sysctl net.ipv4.conf.all.log_martians: 0 -> 1$"],
    "nft add table inet extra; nft add chain inet extra c; nft add rule inet extra c tcp dport 1 drop": [
        "nft table inet extra: new",
    ],
    "ip route add 192.0.2.0/24 dev eth0": ["route 192.0.2.0/24 dev eth0 scope link: new"],
    "ip address add 192.0.2.1/32 dev lo": ["link lo 192.0.2.1/32: new", "route local 192.0.2.1 dev lo "],
    "ip rule add pref 500 to 192.0.2.9 lookup main": ["rule 500:.*192.0.2.9.*: new"],
    "ip link set eth0 mtu 1400": ["link eth0: .* mtu 1500 .* -> .* mtu 1400 ", "sysctl net.ipv6.conf.eth0.mtu: "],
    "mount -t tmpfs -o mode=700 none /mnt": [
        "mount /mnt: new .tmpfs none ",
        "/mnt: mode 0755 -> 0700, mtime ",
        "unit mnt.mount: new ",
    ],
}
# What is left out on purpose.
SILENT = (
    "mkdir -p /var/lib/thornwall/1 && echo a >/var/lib/thornwall/1/b",
    "logger hello; echo x >>/var/log/extra.log",
    "touch /tmp/a /var/tmp/b /run/c /dev/shm/d",
    "touch /var/cache/e",
    "systemd-tmpfiles --clean",
    "systemctl daemon-reload",
    "systemctl restart ssh.service",
    "systemctl start systemd-hostnamed.service",
)


@pytest.fixture(scope="module")
def looked_at(release: str) -> Iterator[tuple[Host, State]]:
    with start(release, "planted") as host:
        yield host, snapshot(host)


def test_nothing_shows_where_nothing_changed(looked_at: tuple[Host, State]) -> None:
    host, before = looked_at
    assert host.login("sudo -n id; mkdir -p /tmp/x", methods=["password"]).returncode == 0
    assert host.login("sudo -n id").returncode == 0
    time.sleep(3)
    assert difference(before, snapshot(host)) == []


def test_what_is_left_out_does_not_show(looked_at: tuple[Host, State]) -> None:
    host, before = looked_at
    for command in SILENT:
        host.run(command, check=True)
    assert difference(before, snapshot(host)) == []


def test_every_kind_of_change_shows_and_nothing_else(looked_at: tuple[Host, State]) -> None:
    host, _ = looked_at
    before = snapshot(host)
    for command in CHANGES:
        host.run(command, check=True)
    lines = difference(before, snapshot(host))
    expected = sorted(pattern for patterns in CHANGES.values() for pattern in patterns)
    missing = [pattern for pattern in expected if not any(re.match(pattern, line) for line in lines)]
    unexpected = [line for line in lines if not any(re.match(pattern, line) for pattern in expected)]
    assert (missing, unexpected) == ([], [])


def test_a_reboot_shows_nothing(planted: Host) -> None:
    before = snapshot(planted)
    planted.reboot()
    assert difference(before, snapshot(planted)) == []


def test_reading_is_quick_and_remembers_nothing_that_changed(looked_at: tuple[Host, State]) -> None:
    host, _ = looked_at
    state = snapshot(host)
    seconds: list[float] = []
    while len(seconds) < 5 and min(seconds, default=9) > 3:
        begun = time.monotonic()
        state = snapshot(host)
        seconds.append(time.monotonic() - begun)
    assert min(seconds) <= 3, seconds
    # What was kept of earlier looks agrees with another tool on all of /etc.
    said = host.run("find /etc -type f -print0 | xargs -0 sha256sum", check=True).stdout
    other = {path: digest for digest, path in (line.split("  ", 1) for line in said.splitlines())}
    assert len(other) > 200
    assert {path: state.files[path]["sha256"] for path in other} == other


def test_a_rewrite_within_the_same_second_is_seen(looked_at: tuple[Host, State]) -> None:
    host, _ = looked_at
    fresh = "echo %s >/root/fresh; touch -d @5 /root/fresh; touch -d @5 /root"
    host.run(fresh % 1, check=True)
    before = snapshot(host)
    host.run(fresh % 2, check=True)
    lines = difference(before, snapshot(host))
    # sha256sum of '1\n' and of '2\n'
    assert lines == ["/root/fresh: sha256 4355a46b19d3 -> 53c234e5e847"]


def test_what_two_copies_wrote_in_one_instant_is_read_from_each(tmp_path: Path) -> None:
    file = tmp_path / "machine-id"
    file.write_text("1\n")
    status = file.stat()
    numbers = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    others: Contents = {numbers: {"sha256": "of the file of another copy, with all the same numbers"}}
    read = walk(str(tmp_path), "(?!)", others.copy(), copied=status.st_ctime_ns)
    assert read["/machine-id"]["sha256"].startswith("4355a46b19d3")  # sha256sum
    shared = walk(str(tmp_path), "(?!)", others.copy(), copied=status.st_ctime_ns + 1)
    assert shared["/machine-id"]["sha256"].startswith("of the file of another copy")


def test_every_omission_has_its_reason() -> None:
    for reasons in (EXCLUDED, TRANSIENT, VOLATILE):
        assert all(len(reason) > 5 for reason in reasons.values())


def test_an_upgrade_and_packages_that_came_and_went_can_be_passed_over(release: str) -> None:
    apt = "DEBIAN_FRONTEND=noninteractive apt-get --yes --no-install-recommends"
    with start(release, "planted", packages=True) as host:
        before = snapshot(host)
        installed = set(before.running["package"])
        # which updates wait, the archive alone decides
        waiting = re.findall(r"^Inst (lib\S+) \[", host.run("apt-get -s full-upgrade", check=True).stdout, re.MULTILINE)
        host.run(f"{apt} install {waiting[0]} libpam-pwquality restic", check=True, timeout=300)
        came = sorted(set(snapshot(host).running["package"]) - installed)
        assert {"libpam-pwquality:amd64", "restic"} <= set(came)
        shown = difference(before, snapshot(host), packages=True)
        assert any(line.startswith("/etc/pam.d/common-password: sha256 ") for line in shown)
        assert any(line.startswith("/usr/bin/restic: new ") for line in shown)
        assert not any(waiting[0] in line for line in shown)
        host.run(f"{apt} purge {' '.join(came)}", check=True, timeout=300)
        after = snapshot(host)
        assert any(line.startswith(f"package {waiting[0]}:") for line in difference(before, after))
        assert difference(before, after, packages=True) == []
