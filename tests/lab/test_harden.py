"""The main job on booted hosts, as a user types it: harden, look from outside, undo, and nothing has changed.

What is so on the host is read with its own tools, from outside, and by the whole-system comparison.
"""

import re
import socket
from contextlib import closing
from pathlib import Path

import pytest

from .compare import difference, snapshot
from .hardening import FULL, NEW, WITHOUT_PACKAGES, Desk, costs
from .host import Host, start
from .workloads import Workloads

RELEASES = ["trixie", pytest.param("bookworm", marks=pytest.mark.skipif(not FULL, reason="with THORNWALL_FULL=1"))]
BOOTED = ("/var/lib/mosquitto",)  # the broker writes there whenever it ends
BRIDGE = r" (docker0|veth1)[: ]"  # made anew at every boot, with random addresses
UPGRADED = {  # no undo takes an upgrade back
    "/etc/ca-certificates.conf*": "the new ca-certificates",
    "/etc/timezone": "written again by the new tzdata, with the same bytes",
    "/etc/ssl/certs": "made of them by update-ca-certificates",
    "/var/lib/ghostscript": "made anew by the new ghostscript",
}
CLOSED = (23, 111, 631)  # telnet, rpcbind, cups


def answers(address: str, port: int) -> bool:
    with closing(socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)) as tried:
        tried.settimeout(1)
        return tried.connect_ex((address, port)) == 0


def is_hardened(host: Host, work: Workloads) -> None:
    """As somebody sees it who tries."""
    assert host.login("id -un").stdout == "pi\n"
    for password in (host.password, NEW["pi"]):
        assert host.login("true", methods=["password"], password=password).returncode == 255
    assert host.login("sudo -n true").returncode == 1
    assert host.login(f"echo {NEW['pi']} | sudo -S -p '' id -un").stdout == "root\n"
    assert host.login("true", user="root").returncode == 255
    open_ = [(address, port) for address in (host.address, host.address6) for port in CLOSED if answers(address, port)]
    assert open_ == []
    assert [name for name, works in work.working(within=10).items() if not works] == []


@pytest.mark.parametrize("release", RELEASES)
def test_harden_and_undo(release: str, tmp_path: Path) -> None:
    with start(release, "planted", packages=True) as host, Workloads(host) as work:
        work.start()
        desk = Desk(host, tmp_path)
        planned = desk.plan()
        wanted = {(mend["rule"], mend["subject"]) for step in planned["steps"] for mend in step["mends"]}
        before = snapshot(host)

        with costs(host) as cost:
            done = desk.harden()
            figures = cost()
        print(f"{release}: {figures}")
        assert done.code == 0, done.stdout + done.stderr
        assert "is hardened, and the change is confirmed" in done.stdout
        assert "what answered before still does (tcp 80, 1883, 8080, 8090)" in done.stdout  # 8080: of a container
        is_hardened(host, work)
        assert figures.logins <= 3 + 1  # and one that is a proof
        assert figures.look + figures.change <= 900
        assert not any(password in done.stdout + done.stderr for password in NEW.values())

        again = desk.plan()
        assert again["steps"] == []
        assert again["before"]["score"] >= planned["before"]["score"] + 30
        assert wanted
        nothing = desk.harden()
        assert (nothing.code, "Nothing was changed" in nothing.stderr) == (0, True)

        assert desk.changes() == ["0001 confirmed", "0002 confirmed"]
        assert desk.undo("--keep-packages").code == 0
        brought = snapshot(host)
        assert desk.harden().code == 0
        is_hardened(host, work)
        assert desk.undo().code == 0
        assert difference(brought, snapshot(host)) == []
        assert desk.undo().code == 0
        assert desk.changes() == ["0001 undone", "0002 undone", "0003 undone"]
        changed = difference(before, snapshot(host), packages=True, ignore=[*UPGRADED])
        changed = [line for line in changed if "/__pycache__/" not in line]  # compiled anew for an upgraded Python
        assert changed == []


def test_undo_takes_the_packages_along_that_came_for_it(tmp_path: Path) -> None:
    with start("trixie", "planted", packages=True) as host:
        desk = Desk(host, tmp_path)
        before = snapshot(host)
        done = desk.harden("--only", "no-firewall")
        assert "sudo sh /var/lib/thornwall/0001/undo.sh" in done.stdout
        assert host.run("ufw status").stdout.startswith("Status: active")
        with desk.type("undo", desk.where, "--bring-back-known-passwords") as child:
            child.expect(r"0002 .*harden recommended.*0001 .*packages: ufw \(what came in is removed again\).*Go on\? ")
            child.sendline("y")
            child.read()
        assert child.exitstatus == 0
        assert desk.changes() == ["0001 undone", "0002 undone"]
        assert difference(before, snapshot(host), packages=True) == []


def test_a_firewall_that_counts_logins_is_not_taken_for_a_lock_out(tmp_path: Path) -> None:
    with start("trixie", "planted", packages=True) as host:
        install = "DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes install ufw"
        host.run(f"{install} && ufw limit ssh && ufw --force enable", check=True)
        desk = Desk(host, tmp_path)
        done = desk.harden("--only", "ssh", "--only", "sudo", "--only", "accounts")
        assert done.code == 0, done.stdout + done.stderr
        for proof in ("SSH answers at", "a login by password is refused", "your key does not let root in"):
            assert re.search(f"✓ +{proof}", done.stdout), done.stdout
        assert "wait for half a minute and log in again" in " ".join(done.stdout.split())
        assert not all(answers(host.address, 22) for _ in range(6))  # it does count
        whole = desk.run("history", desk.where, "0001", "--secrets", desk.secrets(**NEW))  # waits until it may
        assert whole.code == 0, whole.stderr
        assert re.search(r"(?m)^  account pi: ", whole.stdout), whole.stdout


ONLY = ("no-file-integrity-check", "no-password-quality", "services")
STRICT = () if FULL else [word for name in ONLY for word in ("--only", name)]
REMOVED = ("avahi-daemon", "cups-daemon", "inetutils-telnetd", "rpcbind")
ACCOUNTS = [f"/etc/{name}{end}" for name in ("passwd", "shadow", "group", "gshadow") for end in ("", "-")]
# of what AIDE keeps of a file, as its database names it, the checksums
CHECKSUMS = """\
sed 's,^database_out=.*,database_out=file:/run/aide.db,' /etc/aide/aide.conf >/run/aide.conf
aide --config /run/aide.conf --limit '^/etc/hostname$' --init >/dev/null
zcat /run/aide.db | sed -n 's/^@@db_spec //p' | tr ' ' '\\n' | grep -E '^(md5|sha|rmd|tiger|crc|gost|stribog|whirlpool)'
rm /run/aide.db /run/aide.conf
"""


def test_strict_is_taken_back_with_its_packages(tmp_path: Path) -> None:
    with start("trixie", "planted", packages=True) as host:
        desk = Desk(host, tmp_path)
        before = snapshot(host)
        done = desk.harden("--preset", "strict", *STRICT)
        assert done.code == 0, done.stdout + done.stderr
        states = host.run(["dpkg-query", "-W", "-f", "${db:Status-Status} ", *REMOVED]).stdout
        assert "config-files" in states
        assert "installed" not in states.split(), states
        assert host.run(CHECKSUMS, check=True).stdout == "sha512\n"
        undone = desk.undo("--keep-packages")
        assert (undone.code, "changed since" in undone.stderr) == (0, False), undone.stderr
        undone = desk.undo()
        assert undone.code == 0
        assert "what it removed is there" in undone.stderr
        # (its package keeps the account that it made: Debian's policy)
        assert "accounts that packages made, and do not take along: _aide" in " ".join(undone.stderr.split())
        assert host.run(["getent", "passwd", "_aide"]).returncode == 0
        ignored = [*UPGRADED, *ACCOUNTS, "/etc/printcap"]  # a link that cups makes whenever it is installed
        changed = difference(before, snapshot(host), packages=True, ignore=ignored)
        assert [line for line in changed if "/__pycache__/" not in line] == []


@pytest.mark.parametrize("release", RELEASES)
def test_undo_after_a_reboot(release: str, tmp_path: Path) -> None:
    with start(release, "planted") as host, Workloads(host) as work:
        work.start()
        host.reboot()  # so that both looks are at what a boot leaves
        work.reconnect()
        before = snapshot(host)
        desk = Desk(host, tmp_path)
        assert desk.harden(*WITHOUT_PACKAGES).code == 0
        host.reboot()
        work.reconnect()
        is_hardened(host, work)
        desk.wait_for(desk.back, 30)  # the guard of the boot has looked, and is gone
        assert desk.undo().code == 0
        changed = difference(before, snapshot(host), ignore=BOOTED)
        assert [line for line in changed if not re.search(BRIDGE, line)] == []
        assert [name for name, works in work.working(within=10).items() if not works] == []
