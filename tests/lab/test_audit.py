"""The main job on real hosts: every planted weakness is found with right evidence, none of them on the hardened twin.

What was planted is written down in tests/lab/recipes, and test_lab proves it by the owner's own tools.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

from thornwall.jobs.audit import assess
from thornwall.jobs.judging import Judging
from thornwall.jobs.reach import Reaching, read_target
from thornwall.model.finding import Report, Status
from thornwall.model.secret import Secret
from thornwall.transport.base import Nobody

from .host import Host, start
from .thornwall import Done, audit, home, thornwall

PLANTED: dict[str, str] = {
    "default-password": "pi",
    "sudo-nopasswd": "/etc/sudoers.d/010_pi-nopasswd:1 pi ALL=(ALL) NOPASSWD: ALL",
    "ssh-password-login": "/etc/ssh/sshd_config.d/50-owner.conf",
    "ssh-root-login": "/etc/ssh/sshd_config.d/50-owner.conf",
    "weak-password-hash": "webcam",
    "no-firewall": "nft",
    "avahi-listening": "5353",
    "cups-listening": "631",
    "rpcbind-listening": "111",
    "telnet-listening": "23",
    "http-without-tls": "80",
    "cron-runs-writable-script": "/etc/cron.d/backup-photos",
    "world-writable-in-etc": "/etc/motion.conf",
    "no-automatic-updates": "",
    "pending-security-updates": "",
    "volatile-journal": "volatile",
    "bluetooth-on": "",
    "wifi-on": "",
    "usb-storage-allowed": "",
    "no-second-factor": "",
    "no-backup": "",
}


PATIENT = ("--password-seconds", "60")
"""So that a busy machine does not decide how many passwords are tried."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def planted_audit(shared_planted: Host, folder: Path) -> Done:
    return audit(shared_planted, folder, *PATIENT)


@pytest.fixture(scope="module")
def directory_audit(shared_planted: Host, folder: Path) -> Done:
    return audit(shared_planted, folder, *PATIENT, target=f"dir:{shared_planted.root}")


@pytest.mark.parametrize("rule", PLANTED)
def test_each_planted_weakness_is_found(planted_audit: Done, rule: str) -> None:
    assert planted_audit.code == 1, planted_audit.stderr
    evidence = planted_audit.evidence(rule)
    assert evidence, f"{rule} was not found, or has no evidence"
    assert any(PLANTED[rule].lower() in text.lower() for text in evidence), evidence


def test_the_worst_comes_first(planted_audit: Done) -> None:
    first = planted_audit.report["findings"][0]
    assert (first["rule"], first["subject"], first["risk"]) == ("default-password", "pi", "extreme")


@pytest.mark.parametrize("rule", PLANTED)
def test_none_of_them_on_the_hardened_twin(hardened_audit: Done, rule: str) -> None:
    assert hardened_audit.code in {0, 1, 3}, hardened_audit.stderr
    assert rule not in hardened_audit.having("fail"), hardened_audit.evidence(rule)


@pytest.fixture(scope="module")
def hardened_audit(shared_hardened: Host, folder: Path) -> Done:
    return audit(shared_hardened, folder, *PATIENT, target=f"dir:{shared_hardened.root}")


class Owner(Nobody):
    """The owner of the hardened twin, who has the authenticator and knows the password."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def password(self, prompt: str) -> Secret | None:
        return Secret(self.host.sudo_password) if "sudo" in prompt else None

    def keyboard_interactive(
        self, title: str, instructions: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[Secret] | None:
        return [Secret(self.host.totp()) for _ in prompts]


@pytest.fixture(scope="module")
def hardened_live(shared_hardened: Host, folder: Path) -> Report:
    """Over SSH with key and one-time code, as root with sudo's password."""
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("HOME", home(shared_hardened, folder)["HOME"])
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    reaching = Reaching(identity=folder / ".ssh/id_ed25519", become="password", password_seconds=60)
    answer = read_target(f"pi@{shared_hardened.address}", reaching, Owner(shared_hardened), lambda name: None)
    monkeypatch.undo()
    assert answer.capture.root
    return assess(answer.capture, Judging("2026-01-01"))


def test_none_of_them_on_the_hardened_twin_live_either(hardened_live: Report) -> None:
    failed = {finding.rule: finding.detail for finding in hardened_live.failed()}
    assert {rule: detail for rule, detail in failed.items() if rule in PLANTED} == {}
    unknown = {finding.rule for finding in hardened_live.findings if finding.status is Status.UNKNOWN}
    assert not unknown & set(PLANTED)
    assert hardened_live.summary()["extreme"] == hardened_live.summary()["high"] == 0


def test_a_capture_says_what_the_live_host_says(shared_planted: Host, planted_audit: Done, folder: Path) -> None:
    kept = folder / "planted.tar.gz"
    done = thornwall(
        ["capture", f"{shared_planted.user}@{shared_planted.address}", "-o", str(kept), *PATIENT],
        home(shared_planted, folder),
        folder,
    )
    assert done.code == 0, done.stderr
    again = audit(shared_planted, folder, target=str(kept))
    assert statuses(again) == statuses(planted_audit)


def test_a_directory_says_what_it_can_tell(planted_audit: Done, directory_audit: Done) -> None:
    live, still = statuses(planted_audit), statuses(directory_audit)
    for rule, found in still.items():
        # what a directory cannot tell is unknown; of nothing else may it say something different
        # (and the kernel and the clock of a container are those of the machine around it, which its files do not know)
        around = rule in {"no-mac", "no-time-sync"} and live[rule] == {"not-applicable"}
        if "unknown" not in found and not around:
            assert found == live[rule], f"{rule}: directory {found}, live {live[rule]}"
    missed = [rule for rule in PLANTED if "fail" not in still[rule] and "unknown" not in still[rule]]
    assert not missed


def statuses(done: Done) -> dict[str, set[str]]:
    """The statuses of each rule, over all subjects."""
    found: dict[str, set[str]] = {}
    for finding in done.report["findings"]:
        found.setdefault(finding["rule"], set()).add(finding["status"])
    return found


def test_nothing_is_written_to_the_device(planted: Host, folder: Path) -> None:
    planted.run("touch /var/tmp/mark; sync", check=True)
    assert audit(planted, folder).code == 1
    # sshd, sudo, PAM and the journal note the login; that is theirs
    changed = planted.run(
        "find / -xdev -newer /var/tmp/mark -not -path '/var/log/*' -not -path '/proc/*' -not -path '/sys/*'"
        " -not -path '/run/*' -not -path '/var/lib/systemd/*' -not -path '/var/lib/lastlog/*' -not -path '/dev/*'"
        " -not -name .sudo_as_admin_successful -type f",
        check=True,
    ).stdout
    assert changed == ""
    assert planted.run("ls -d /run/thornwall* /dev/shm/thornwall* /run/user/*/thornwall*").stdout == ""


def test_without_root_it_says_what_it_can_and_counts_the_rest(shared_planted: Host, folder: Path) -> None:
    done = audit(shared_planted, folder, "--no-sudo")
    assert done.code == 1
    assert "default-password" in done.having("unknown")
    assert {"telnet-listening", "ssh-password-login", "world-writable-in-etc"} <= done.having("fail")
    assert not done.having("fail") - audit(shared_planted, folder).having("fail"), "a false alarm without root"


def test_fish_as_login_shell_and_a_chatty_profile(planted: Host, folder: Path) -> None:
    planted.run("printf 'echo hello from bashrc\\n' >>/home/pi/.bashrc", check=True)
    assert audit(planted, folder).code == 1
    if planted.run("command -v fish").returncode == 0:
        planted.run("usermod -s /usr/bin/fish pi", check=True)
        assert audit(planted, folder).code == 1


def test_a_hundred_thousand_entries_in_one_folder(planted: Host, folder: Path) -> None:
    planted.run("mkdir /etc/many && cd /etc/many && seq 100000 | xargs touch", check=True, timeout=300)
    done = audit(planted, folder)
    assert done.code == 1
    assert "default-password" in done.having("fail")
    assert "world-writable-in-etc" in done.having("fail") | done.having("unknown")
    assert done.report["notes"] or "unknown" in statuses(done).get("world-writable-in-etc", set()) | {"unknown"}


def test_a_command_that_hangs_costs_its_limit_and_no_more(planted: Host, folder: Path) -> None:
    planted.run(
        "printf '#!/bin/sh\\nexec sleep 1000\\n' >/usr/local/sbin/nft; chmod 755 /usr/local/sbin/nft", check=True
    )
    done = audit(planted, folder, timeout=90)
    assert done.code == 1
    assert "default-password" in done.having("fail")
    unknown = [finding for finding in done.report["findings"] if "did not answer in time" in finding["detail"]]
    assert unknown or "no-firewall" in done.having("fail")


def fill(host: Host, *places: str) -> None:
    """Leave no room on these tmpfs; made small first, so that it does not take this machine's memory."""
    for place in places:
        host.run(f"mount -o remount,size=32M {place}; head -c 64M /dev/zero >{place}/fill", timeout=60)
        assert host.run(f"echo more >{place}/more").returncode != 0, place


def test_a_full_run_is_worked_around(planted: Host, folder: Path) -> None:
    fill(planted, "/run")
    assert audit(planted, folder).code == 1


def test_without_room_on_any_tmpfs_it_says_so(planted: Host, folder: Path) -> None:
    places = planted.run("findmnt -rnt tmpfs -o TARGET", check=True).stdout.split()
    fill(planted, *(place for place in places if place in {"/run", "/dev/shm", "/tmp"} or "/run/user" in place))
    done = audit(planted, folder, "--no-sudo")
    # a login may bring a new /run/user of its own, with room
    assert done.code in {1, 4}
    if done.code == 4:
        assert "no room" in done.stderr
        assert "df -h" in done.stderr


@pytest.fixture(scope="module")
def stock_audit(folder: Path, shared_stock: Host) -> Done:
    return audit(shared_stock, folder, target=f"dir:{shared_stock.root}")


def test_a_stock_debian_has_nothing_extreme(stock_audit: Done) -> None:
    assert stock_audit.report["summary"]["extreme"] == 0


def test_a_changed_host_key_is_refused(planted: Host, folder: Path) -> None:
    environment = home(planted, folder)
    planted.run("rm /etc/ssh/ssh_host_*; ssh-keygen -A; systemctl restart ssh", check=True)
    done = thornwall(["audit", f"pi@{planted.address}"], environment, folder)
    assert done.code == 6
    assert "known_hosts" in done.stderr
    assert "Traceback" not in done.stderr
    done = thornwall(["audit", f"pi@{planted.address}", "--accept-new"], environment, folder)
    assert done.code == 6


def test_a_host_that_is_not_there(folder: Path) -> None:
    with start("trixie", "stock") as host:
        environment, address = home(host, folder), host.address
    done = thornwall(["audit", f"pi@{address}", "--timeout", "10"], environment, folder, timeout=60)
    assert done.code == 4
    assert address in done.stderr
