"""A card that is hardened in another computer, and what its first start does by itself.

What is so afterwards is seen from outside, by the owner's own tools, and by the whole-system comparison.
"""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .compare import State, difference, snapshot
from .hardening import FULL, NEW, Desk
from .host import Host, start
from .network import Wire
from .test_harden import BOOTED, BRIDGE, UPGRADED, answers
from .workloads import Workloads

RELEASES = ["trixie", pytest.param("bookworm", marks=pytest.mark.skipif(not FULL, reason="with THORNWALL_FULL=1"))]
TABLE = "nft list table inet thornwall_start"
NO_UPGRADES = ("--skip", "pending-security-updates")


@contextmanager
def card(release: str, folder: Path, *, packages: bool) -> Iterator[tuple[Desk, Workloads, State]]:
    """A host in use, as it was after a start, and then switched off: its root is a card in this computer."""
    with start(release, "planted", packages=packages) as host, Workloads(host) as work:
        work.start()
        host.reboot()
        before = snapshot(host)
        host.machine.kill()
        yield Desk(host, folder), work, before


def harden(desk: Desk, *words: str) -> str:
    """Harden the card; what is said of it."""
    done = desk.run("harden", f"dir:{desk.host.root}", "--yes", "--secrets", desk.secrets(**NEW), *words)
    assert done.code == 0, done.stdout + done.stderr
    return " ".join(done.stdout.split())


def boot(desk: Desk) -> None:
    """The card is in its device again."""
    host = desk.host
    host.machine.boot(host.root, Wire(host.index).namespace, desk.folder / "console", outlive_owner=False)


def soon(desk: Desk, least: int = 20) -> None:
    """It does not wait for minutes until everything listens, but for these seconds."""
    script = desk.host.root / "etc/thornwall/first-start/run.sh"
    text = script.read_text()
    assert "LEAST=300 QUIET=180" in text
    script.write_text(text.replace("LEAST=300 QUIET=180", f"LEAST={least} QUIET=15"))


def waits(host: Host) -> bool:
    """Whether the job of the first start is still to be done."""
    return (host.root / "etc/thornwall").exists()


def monotonic(host: Host, unit: str, what: str) -> int:
    """When systemd saw it, in microseconds since the start."""
    return int(host.run(["systemctl", "show", "-P", what, unit], check=True).stdout)


def still(changed: list[str]) -> list[str]:
    """Without what every start of a container behind a bridge makes anew."""
    return [line for line in changed if not re.search(BRIDGE, line)]


def listen(host: Host, port: int) -> None:
    """Somebody's service that was not there before."""
    command = [
        "systemd-run",
        "--quiet",
        f"--unit=late-{port}",
        "python3",
        "-m",
        "http.server",
        str(port),
        "--bind",
        "::",
    ]
    host.run(command, check=True)
    for _ in range(50):
        if host.run(["ss", "-Hltn", f"sport = :{port}"]).stdout:
            return
        time.sleep(0.1)
    raise AssertionError("it does not listen")


@pytest.mark.parametrize("release", RELEASES)
def test_a_card_gets_its_firewall(release: str, tmp_path: Path) -> None:
    """With all that its owner runs still reachable, and nothing else; and the way back."""
    with card(release, tmp_path, packages=True) as (desk, work, before):
        host = desk.host
        said = harden(desk, *NO_UPGRADES)
        assert "At its first start" in said
        assert "no-firewall (host) is still there" not in said
        again = desk.run("plan", f"dir:{host.root}", "--format", "json", *NO_UPGRADES)
        planned = json.loads(again.stdout)
        assert [step["id"] for step in planned["steps"] if step["first_start"]] == []
        assert any("waits for its first start" in held["why"] for held in planned["held"])
        soon(desk)
        boot(desk)
        assert "drop" in host.run(TABLE, check=True).stdout
        filtered = monotonic(host, "thornwall-first-start-firewall.service", "ExecMainExitTimestampMonotonic")
        assert 0 < filtered < monotonic(host, "sysinit.target", "ActiveEnterTimestampMonotonic")
        assert "is still to be done" in desk.run("history", desk.where, "--secrets", desk.secrets(**NEW)).stdout
        desk.wait_for(lambda: not waits(host), 400)
        assert desk.changes() == ["0001 confirmed", "0002 confirmed", "0003 confirmed"]
        told = host.run("journalctl -o cat -u thornwall-first-start").stdout
        assert re.search(r"let in with SSH, since it listens:(?=.* 80/tcp)(?=.* 1883/tcp)(?=.* 8090/tcp) ", told), told
        assert host.run(TABLE).returncode != 0
        assert "thornwall-first" not in host.run("systemctl list-unit-files 'thornwall-*'").stdout
        for _ in range(2):
            work.reconnect()
            assert host.run("ufw status").stdout.startswith("Status: active")
            assert host.login("id -un").stdout == "pi\n"
            assert [name for name, works in work.working(within=20).items() if not works] == []
            listen(host, 9998)
            assert [each for each in (host.address, host.address6) if answers(each, 9998)] == []
            host.reboot()
        desk.wait_for(desk.back, 60)
        assert host.run("iptables -S FORWARD").stdout.startswith("-P FORWARD DROP\n")  # the workloads' own
        for number in ("0003", "0001"):
            undone = desk.undo()
            assert undone.code == 0, undone.stderr
            time.sleep(31 if FULL else 0)
            assert host.run("iptables -S FORWARD").stdout.startswith("-P FORWARD DROP\n")
            # the services of before are on again, and begin with a start, as they ended with one
            rests = "what is on again, and does not run before the next start of the host" in undone.stderr
            assert rests is (number == "0001")
            assert ("cups.service" in undone.stderr) is rests
        # sshd, which runs, has read its files of before
        assert host.login("id -un", methods=["password"]).stdout == "pi\n"
        assert host.run("systemctl is-active cups.service").stdout == "inactive\n"
        host.reboot()
        assert host.run("systemctl is-active cups.service").stdout == "active\n"
        ignored = [*UPGRADED, *BOOTED]
        assert still(difference(before, snapshot(host), packages=True, ignore=ignored)) == []


def test_one_without_a_network_waits(tmp_path: Path) -> None:
    """Filtered meanwhile; and whoever takes the change back takes the job along."""
    with card("trixie", tmp_path, packages=False) as (desk, work, before):
        host = desk.host
        harden(desk)
        for package in (host.root / "var/cache/apt/archives").glob("*.deb"):
            package.unlink()  # (the workloads brought theirs along)
        boot(desk)
        assert host.login("id -un").stdout == "pi\n"
        desk.wait_for(lambda: answers(host.address, 1883), 60)
        work.reconnect()
        assert [name for name, works in work.working(within=60).items() if not works] == []
        assert waits(host)
        assert "drop" in host.run(TABLE, check=True).stdout
        assert desk.changes() == ["0001 confirmed"]
        assert desk.undo().code == 0
        desk.wait_for(lambda: host.run(TABLE).returncode != 0, 30)
        desk.wait_for(lambda: host.run("systemctl -q is-active thornwall-first-start").returncode != 0, 30)
        host.reboot()
        ignored = [*BOOTED, "/var/lib/apt/lists"]  # (where apt looked for packages)
        assert still(difference(before, snapshot(host), ignore=ignored)) == []


def test_one_that_would_shut_ssh_out_goes_back(tmp_path: Path) -> None:
    """Its ufw does not do as it is told."""
    with card("trixie", tmp_path, packages=True) as (desk, _, _):
        host = desk.host
        harden(desk, "--only", "no-firewall")
        wrapper = host.root / "usr/local/lib/ufw-wrapper"
        wrapper.write_text('#!/bin/sh\ncase $* in "allow 22/tcp") exit 0 ;; esac\nexec /usr/sbin/ufw.real "$@"\n')
        wrapper.chmod(0o755)
        hook = "if [ -f /usr/sbin/ufw ] && [ ! -e /usr/sbin/ufw.real ]; then mv /usr/sbin/ufw /usr/sbin/ufw.real; "
        hook += "cp /usr/local/lib/ufw-wrapper /usr/sbin/ufw; fi"
        (host.root / "etc/apt/apt.conf.d/99-ufw").write_text(f'DPkg::Post-Invoke {{"{hook}";}};\n')
        soon(desk)
        boot(desk)
        desk.wait_for(lambda: desk.changes()[2:] == ["0003 undone"], 400)
        assert desk.changes() == ["0001 confirmed", "0002 confirmed", "0003 undone"]
        # filtered all the same, and tried again
        listen(host, 9998)
        assert [each for each in (host.address, host.address6) if answers(each, 9998)] == []
        assert answers(host.address, 80)
        assert waits(host)
        assert host.login("id -un").stdout == "pi\n"
        assert "-P INPUT ACCEPT" in host.run("iptables -S INPUT").stdout
        (*_, last) = json.loads(desk.run("history", desk.where, "--json", "--secrets", desk.secrets(**NEW)).stdout)
        assert last["why"].startswith("nobody was let in on port 22 any more")


def test_what_comes_late_is_not_cut_off(tmp_path: Path) -> None:
    """Nor does what hangs at boot, a program in the foreground of rc.local, keep the job from beginning."""
    with card("trixie", tmp_path, packages=True) as (desk, _, _):
        host = desk.host
        harden(desk, "--only", "no-firewall")
        soon(desk, least=70)
        # (sshd listens on a port that nobody was told of when the card was read)
        (host.root / "etc/ssh/sshd_config.d/50-owner.conf").write_text("Port 22\nPort 2222\n")
        units = host.root / "etc/systemd/system"
        (units / "late.service").write_text(
            "[Service]\nExecStartPre=sleep 40\nType=exec\nExecStart=python3 -m http.server 8099 --bind ::\n"
        )
        (units / "late.timer").write_text("[Timer]\nOnBootSec=1\n")
        (units / "timers.target.wants/late.timer").symlink_to("/etc/systemd/system/late.timer")
        boot(desk)
        after = host.run(["systemctl", "show", "-P", "After", "thornwall-first-start.service"]).stdout.split()
        assert not {"multi-user.target", "rc-local.service", "graphical.target"} & {*after}
        desk.wait_for(lambda: answers(host.address, 8099), 120)
        desk.wait_for(lambda: not waits(host), 400)
        assert host.run("ufw status").stdout.startswith("Status: active")
        assert answers(host.address6, 8099)
        assert answers(host.address, 2222)
        assert host.login("id -un").stdout == "pi\n"
        undone = desk.undo()
        assert undone.code == 0, undone.stderr
        assert desk.changes() == ["0001 confirmed", "0002 undone", "0003 undone"]
