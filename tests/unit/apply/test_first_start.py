"""The job that a system at rest finds on itself at its first start: texts that its shell takes, and what it lets in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from thornwall.apply.first_start import job
from thornwall.apply.text import template
from thornwall.errors import UsageError
from thornwall.model.change import ABSENT, Packages, Purpose, PutFile, PutLink, Tool
from thornwall.model.plan import Step

PACKAGES = Step("packages-install", Purpose.PACKAGES, "", (Packages(install=("ufw",)),), first_start=True)
UFW = Tool("ufw", (("ufw", "allow", "22/tcp"),), ("/etc/ufw",))
FIREWALL = Step("firewall-at-first-start", Purpose.FIREWALL, "Refuse", (UFW,), first_start=True)
JOB = job((PACKAGES, FIREWALL), title="harden $(reboot) `x`", ports=(22, 2222))
FILES = {each.path: each.content.decode() for each in JOB.operations if isinstance(each, PutFile)}
SCRIPTS = sorted(path for path in FILES if path.endswith(".sh"))


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("path", SCRIPTS)
def test_shellcheck_finds_nothing(path: str, tmp_path: Path) -> None:
    left_out = "SC2154,SC2034,SC3013,SC2015,SC2016,SC2174,SC2317,SC2329"  # as for every other script of the device
    file = tmp_path / "script"
    file.write_text(FILES[path])
    done = subprocess.run(["shellcheck", "-s", "sh", "-e", left_out, file], capture_output=True, text=True, check=False)
    assert done.stdout == ""


@pytest.mark.parametrize("shell", [["dash", "-n"], ["busybox", "ash", "-n"], ["bash", "--posix", "-n"]])
@pytest.mark.parametrize("path", SCRIPTS)
def test_every_shell_can_read_it(path: str, shell: list[str]) -> None:
    if shutil.which(shell[0]) is None:
        pytest.skip(f"{shell[0]} is not installed")
    done = subprocess.run(shell, input=FILES[path].encode(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_nothing_is_left_unfilled() -> None:
    left = [(path, word) for path, text in FILES.items() for word in re.findall(r"(?<!\$)@[a-z_]+@", text)]
    assert left == []


def test_the_same_steps_are_the_same_bytes() -> None:
    """What was shown is what is done; other steps are another job."""
    assert job((PACKAGES, FIREWALL), title="harden $(reboot) `x`", ports=(22, 2222)) == JOB
    assert job((PACKAGES, FIREWALL), title="harden $(reboot) `x`", ports=(22,)) != JOB


def test_it_takes_nothing_of_others() -> None:
    """Each of its files was not there before, so undo removes it; and the job itself removes each as well."""
    paths = {each.path for each in JOB.operations if isinstance(each, PutFile | PutLink)}
    assert all(each.expect == ABSENT for each in JOB.operations if isinstance(each, PutFile | PutLink))
    removes = FILES["/etc/thornwall/first-start/run.sh"]
    for path in paths:
        assert path.startswith("/etc/thornwall/first-start/") or f".{path}" in removes


def test_without_a_firewall_nothing_is_filtered() -> None:
    bare = job((PACKAGES,), title="harden", ports=(22,))
    paths = [each.path for each in bare.operations if isinstance(each, PutFile)]
    assert not any("firewall" in path or path.endswith("early.nft") for path in paths)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_is_none(port: int) -> None:
    with pytest.raises(UsageError):
        job((FIREWALL,), title="harden", ports=(22, port))


# as ss -Hltunp prints them (iproute2 6.1)
HEARD = """\
udp   UNCONN 0      0            0.0.0.0:68         0.0.0.0:*    users:(("dhclient",pid=400,fd=7))
udp   UNCONN 0      0            0.0.0.0:5353       0.0.0.0:*    users:(("avahi-daemon",pid=401,fd=12))
udp   UNCONN 0      0            0.0.0.0:48123      0.0.0.0:*    users:(("avahi-daemon",pid=401,fd=14))
udp   UNCONN 0      0                  *:51820            *:*
udp   UNCONN 0      0          127.0.0.1:323        0.0.0.0:*    users:(("chronyd",pid=402,fd=5))
udp   UNCONN 0      0      [fe80::1]%eth0:546           [::]:*    users:(("systemd-network",pid=200,fd=20))
udp   UNCONN 0      0            0.0.0.0:40000      0.0.0.0:*    users:(("mosh-server",pid=900,fd=4))
udp   UNCONN 0      0            0.0.0.0:111        0.0.0.0:*    users:(("rpcbind",pid=300,fd=5))
tcp   LISTEN 0      64           0.0.0.0:39115      0.0.0.0:*    users:(("rpc.mountd",pid=301,fd=5))
tcp   LISTEN 0      64           0.0.0.0:2049       0.0.0.0:*
tcp   LISTEN 0      128          0.0.0.0:22         0.0.0.0:*    users:(("sshd",pid=500,fd=3))
tcp   LISTEN 0      128             [::]:22            [::]:*    users:(("sshd",pid=500,fd=4))
tcp   LISTEN 0      511                *:80               *:*    users:(("nginx",pid=501,fd=6),("nginx",pid=502,fd=6))
tcp   LISTEN 0      4096   127.0.0.53%lo:53         0.0.0.0:*    users:(("systemd-resolve",pid=201,fd=15))
tcp   LISTEN 0      128            [::1]:631           [::]:*    users:(("cupsd",pid=503,fd=7))
tcp   LISTEN 0      50  [::ffff:127.0.0.1]:8005            *:*    users:(("java",pid=504,fd=60))
tcp   LISTEN 0      32      172.17.0.1:53         0.0.0.0:*    users:(("dnsmasq",pid=506,fd=9))
tcp   LISTEN 0      32       [fd00::1]:53            [::]:*    users:(("dnsmasq",pid=506,fd=8))
tcp   LISTEN 0      50                 *:8123             *:*    users:(("hass (core)",pid=505,fd=9))
"""


ADDRESSES = """\
2: eth0    inet 192.168.1.5/24 brd 192.168.1.255 scope global eth0\\       valid_lft forever preferred_lft forever
3: docker0    inet 172.17.0.1/16 brd 172.17.255.255 scope global docker0\\       valid_lft forever
4: br-0f    inet6 fd00::1/64 scope global nodad \\       valid_lft forever preferred_lft forever
"""


@pytest.mark.parametrize("awk", ["mawk", "gawk", "busybox"])
def test_what_others_can_reach(awk: str, tmp_path: Path) -> None:
    """DHCP and multicast DNS are let in by every firewall itself, as are the answers to a port that was just got."""
    found = shutil.which(awk)
    if found is None:
        pytest.skip(f"{awk} is not installed")
    (tmp_path / "ss").write_text(f"#!/bin/sh\ncat <<'END'\n{HEARD}END\n")
    (tmp_path / "ip").write_text(f"#!/bin/sh\ncat <<'END'\n{ADDRESSES}END\n")
    (tmp_path / "ip").chmod(0o755)
    (tmp_path / "ss").chmod(0o755)
    (tmp_path / "awk").symlink_to(found)
    script = tmp_path / "listening.sh"
    script.write_text(template("listening.sh"))
    told = subprocess.run(
        ["sh", script, "22/tcp"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    more = ["sh", str(script), "22/tcp", "100:120/any", "2049/udp", "any/tcp"]
    found_ = subprocess.run(more, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, capture_output=True, check=True)
    assert found_.stdout.split() == [b"51820/udp", b"40000/udp"]
    (tmp_path / "ss").write_text("#!/bin/sh\nexit 127\n")
    assert subprocess.run(["/bin/sh", script], env={"PATH": f"{tmp_path}:/bin"}, check=False).returncode != 0
    assert told.stdout.split() == ["51820/udp", "40000/udp", "111/udp", "2049/tcp", "80/tcp", "8123/tcp"]


# as iptables -S prints them (1.8.9), of `ufw allow 22/tcp`, `limit 22/tcp`, `allow log 22/tcp` and others
TO_SSH = "-A ufw-user-input -p tcp -m tcp --dport 22"
NEW = f"{TO_SSH} -m conntrack --ctstate NEW -m recent"
RULES = [
    ("-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT", True),
    ("-A ufw6-user-input -p tcp -m multiport --dports 20,22,80 -j ACCEPT", True),
    ("-A ufw-user-input -p tcp -m multiport --dports 20:30 -j ACCEPT", True),
    (f"{NEW} --set\n{NEW} --update --hitcount 6 -j ufw-user-limit\n{TO_SSH} -j ufw-user-limit-accept", True),
    (f"{TO_SSH} -j ufw-user-logging-input\n{TO_SSH} -j ACCEPT", True),
    ("-A ufw-user-input -p tcp -m tcp --dport 2222 -j ACCEPT", False),
    ("-A ufw-user-input -p udp -m udp --dport 22 -j ACCEPT", False),
    ("-A ufw-user-input -p esp -j ACCEPT", False),
    ("-A ufw-user-input -p tcp -m tcp --sport 22 -j ACCEPT", False),
    ("-A ufw-user-input -s 192.168.1.9/32 -p tcp -m tcp --dport 22 -j ACCEPT", False),
    (f"{TO_SSH} -j DROP\n{TO_SSH} -j ACCEPT", False),
    ("", False),
]


@pytest.mark.parametrize("awk", ["mawk", "gawk", "busybox"])
@pytest.mark.parametrize(("rules", "lets"), RULES)
def test_whether_ssh_is_let_in(rules: str, lets: bool, awk: str, tmp_path: Path) -> None:
    found = shutil.which(awk)
    if found is None:
        pytest.skip(f"{awk} is not installed")
    (tmp_path / "awk").symlink_to(found)
    for name in ("iptables", "ip6tables"):
        (tmp_path / name).write_text(f"#!/bin/sh\ncat <<'END'\n-P INPUT DROP\n{rules}\nEND\n")
        (tmp_path / name).chmod(0o755)
    script = FILES["/etc/thornwall/first-start/run.sh"].removesuffix("main\n")
    script += f"PATH={tmp_path}:$PATH\nlimited=1\nnl='\n'\nlets_in 22\n"
    done = subprocess.run(["sh", "-c", script], check=False)
    assert (done.returncode == 0) is lets


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("there", [True, False])
def test_a_filter_that_cannot_be_seen_lets_nobody_in(on: bool, there: bool, tmp_path: Path) -> None:
    """One that is not on lets everybody in, whatever iptables says."""
    if there:
        for name in ("iptables", "ip6tables"):
            (tmp_path / name).write_text("#!/bin/sh\necho 'iptables: Failed to initialize nft' >&2\nexit 1\n")
            (tmp_path / name).chmod(0o755)
    for name in ("grep", "timeout"):
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    (tmp_path / "etc/ufw").mkdir(parents=True)
    (tmp_path / "etc/ufw/ufw.conf").write_text(f"ENABLED={'yes' if on else 'no'}\n")
    script = FILES["/etc/thornwall/first-start/run.sh"].removesuffix("main\n")
    script += f"PATH={tmp_path}\ncd {tmp_path}\nlets_in 22\n"
    done = subprocess.run(["sh", "-c", script], check=False)
    assert (done.returncode == 0) is not on
