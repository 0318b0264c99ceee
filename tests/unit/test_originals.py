"""What is asked for planning: under a real sh, on roots made for the purpose, and from answers written by hand."""

from __future__ import annotations

import hashlib
import importlib
import os
import pkgutil
import shutil
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.unit.collect.test_script import read, shell
from thornwall.facts import originals
from thornwall.facts.registry import probes
from thornwall.model.capture import Capture, CommandResult, Manifest
from thornwall.model.fact import Known, Unknown
from thornwall.model.originals import OTHER, Originals
from thornwall.model.probe import Probe, Run
from thornwall.model.snapshot import Snapshot
from thornwall.plan import fixes
from thornwall.plan.fix import Situation

__all__ = ["shell"]
ROOT_LINE = "root ext4 rw,relatime\n"


def parsed(capture: Capture) -> Originals:
    found = originals.parse(replace(capture, manifest=replace(capture.manifest, uid=0)))
    assert isinstance(found, Known)
    return found.value


def said(readiness: str = ROOT_LINE, hashes: str = "end\n", reload: str = "") -> Capture:
    answers = {"readiness": readiness, "original-hashes": hashes, "pending-reload": reload}
    return Capture(
        Manifest("host", "ssh", 0),
        commands={name: CommandResult(name, text.encode(), b"", 0) for name, text in answers.items()},
    )


def test_only_planning_asks_for_them() -> None:
    assert not set(originals.PROBES) & set(probes())
    assert set(probes(planning=True)) == set(probes()) | set(originals.PROBES)


def test_every_kind_of_file_is_told_apart(shell: list[str], tmp_path: Path) -> None:
    root = tmp_path / "root"
    for folder in ("etc/ssh/sshd_config.d", "etc/systemd/system/x.wants", "etc/sysctl.d", "var/lib"):
        (root / folder).mkdir(parents=True)
    (root / "etc/ssh/sshd_config").write_bytes(b"Port 22\r\nno end")
    (root / "etc/fstab").touch()
    (root / "etc/sysctl.d/.hidden.conf").touch()
    (root / "etc/sysctl.d/two words.conf").touch()
    (root / "etc/systemd/system/cups.service").symlink_to("/dev/null")
    (root / "etc/systemd/system/x.wants/ssh.service").symlink_to("/usr/lib/systemd/system/ssh.service")
    (root / "etc/systemd/system/odd.service").symlink_to("a -> b")
    os.mkfifo(root / "etc/ssh/sshd_config.d/00-thornwall.conf")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "pi").write_text("of this machine")
    (root / "etc/sudoers.d").symlink_to(outside)
    (root / "etc/pam.d").symlink_to("../../outside")
    capture = read(shell, originals.PROBES, root)
    found = parsed(capture)
    assert found.hashes == {
        "/etc/ssh/sshd_config": hashlib.sha256(b"Port 22\r\nno end").hexdigest(),
        "/etc/fstab": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",  # of nothing
        "/etc/ssh/sshd_config.d/00-thornwall.conf": OTHER,
        "/etc/systemd/system/cups.service": "link:/dev/null",
        "/etc/systemd/system/x.wants": OTHER,
        "/etc/systemd/system/x.wants/ssh.service": "link:/usr/lib/systemd/system/ssh.service",
        "/etc/systemd/system/odd.service": OTHER,
        "/etc/sudoers.d/pi": OTHER,
        "/etc/pam.d/pi": OTHER,
    }
    assert found.free_kib > 0
    assert found.ssh_connection == ()
    situation = Situation(Snapshot(), capture, found)
    assert situation.state("/etc/sysctl.d/99-thornwall.conf") == Known("absent")
    assert situation.state("/etc/systemd/system/cups.service") == Known("link:/dev/null")
    for unknown in ("/etc/sudoers.d/pi", "/etc/sysctl.d/.hidden.conf", "/etc/sysctl.d/deep/er.conf", "/etc/never"):
        assert isinstance(situation.state(unknown), Unknown), unknown


def test_an_open_transaction_is_seen(shell: list[str], tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    for name, token in (("000001", "confirmed"), ("000002", "open")):
        (tmp_path / f"var/lib/thornwall/{name}/state").mkdir(parents=True)
        (tmp_path / f"var/lib/thornwall/{name}/state/{token}").touch()
    assert parsed(read(shell, originals.PROBES, tmp_path)).open_transaction == "000002"


def test_the_login_that_reads_is_found_through_sudo(shell: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    # the test's own process stands for the login; the shells below it have a clean environment, as sudo makes it
    monkeypatch.setenv("SSH_CONNECTION", "127.0.0.1 50000 127.0.0.2 22")
    found = parsed(read([*shell], originals.PROBES, Path("/"), live=True))
    assert found.ssh_connection == ("127.0.0.1", "50000", "127.0.0.2", "22")
    assert found.route_interface == "lo"
    assert found.root_type


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("root ext4 rw,relatime", {"root_type": "ext4", "read_only": False}),
        ("root ext4 ro,relatime,errors=remount-ro", {"root_type": "ext4", "read_only": True}),
        ("root ext4 rw,errors=remount-ro", {"root_type": "ext4", "read_only": False}),
        ("root overlay rw,lowerdir=/lower", {"root_type": "overlay", "read_only": False}),
        ("free 1000 4096 5000 400", {"free_kib": 4000, "free_inodes": 400}),
        ("free 1000 4096 0 0", {"free_kib": 4000, "free_inodes": -1}),  # btrfs
        ("free ? 4096 0 0", {"free_kib": -1, "free_inodes": -1}),
        ("dpkg 712 apt-get", {"dpkg_locked": "712 apt-get"}),
        (
            "ssh fe80::1%eth0 50000 fe80::2%eth0 22",
            {"ssh_connection": ("fe80::1%eth0", "50000", "fe80::2%eth0", "22"), "route_interface": "eth0"},
        ),
        (
            "ssh 2001:db8::1 50000 2001:db8::2 2222\nroute 2001:db8::1 from :: dev wlan0 src 2001:db8::2",
            {"ssh_connection": ("2001:db8::1", "50000", "2001:db8::2", "2222"), "route_interface": "wlan0"},
        ),
        ("ssh not an address 22", {"ssh_connection": (), "route_interface": ""}),
        ("ssh 10.0.0.1 99999 10.0.0.2 22", {"ssh_connection": ()}),
    ],
)
def test_what_the_host_says(line: str, expected: dict[str, object]) -> None:
    found = parsed(said(line + "\n"))
    assert {name: getattr(found, name) for name in expected} == expected


def test_units_that_wait_for_a_reload() -> None:
    answer = "Id=ssh.service\nNeedDaemonReload=no\n\nId=cups.service\nNeedDaemonReload=yes\n"
    assert parsed(said(reload=answer)).pending_reload == ("cups.service",)


def test_half_an_answer_is_no_answer() -> None:
    assert isinstance(originals.parse(said(hashes="f ./etc/fstab\n")), Unknown)
    assert isinstance(originals.parse(Capture(Manifest("host", "ssh", 0))), Unknown)
    assert isinstance(originals.parse(replace(said(), manifest=Manifest("host", "ssh", 1000))), Unknown)


def test_all_that_fixes_edit_is_asked_for() -> None:
    missing = {
        path
        for module in pkgutil.iter_modules(fixes.__path__)
        for path in getattr(importlib.import_module(f"thornwall.plan.fixes.{module.name}"), "PATHS", ())
        if not _asked(path)
    }
    assert missing == set()


CLEAN = {
    "etc/ssh/sshd_config": b"# Change to no to disable s/key passwords\n#PasswordAuthentication yes\n"
    b"# To change: the password must be set, see passwd(1)\nPasswordAuthentication yes\nPermitEmptyPasswords no\n",
    "etc/sudoers.d/010_pi-nopasswd": b"pi ALL=(ALL) NOPASSWD: ALL\n",
    "etc/pam.d/common-password": b"# here are the per-package modules\npassword\t[success=1]\tpam_unix.so yescrypt\n",
    "etc/login.defs": b"PASS_MAX_DAYS\t99999\nENCRYPT_METHOD YESCRYPT\n",
    "etc/sysctl.d/local.conf": b"kernel.sysrq = 0\r\n# no end",
    "etc/fstab": b"# <file system> <mount point>\nPARTUUID=ab-02 / ext4 defaults,noatime 0 1\n",
    "etc/mosquitto/mosquitto.conf": b"# password_file path\npassword_file /etc/mosquitto/passwd\nlistener 1883\n",
    "etc/nginx/sites-available/default": b"# listen [::]:443 ssl default_server;\nserver { listen 80; }\n",
}
DIRTY = {
    "etc/fstab": b"//nas/x /mnt cifs username=pi,password=hunter2 0 0\n",
    "etc/mosquitto/mosquitto.conf": b"listener 1883\nremote_password hunter2\n",
    "etc/mosquitto/conf.d/old.conf": b"#remote_password=hunter2\n",
    "etc/nginx/conf.d/up.conf": b'proxy_set_header Authorization "Basic cGk6aHVudGVyMg==";\n',
    "etc/nginx/conf.d/url.conf": b"# was: proxy_pass http://pi:hunter2@10.0.0.1/;\n",
    "etc/default/thing": b"API_KEY=hunter2\n",
    "etc/default/other": b"# pi:$y$j9T$hunter2hunter2$hunter2\n",
    "etc/ssh/sshd_config": b"#-----BEGIN OPENSSH PRIVATE KEY-----\n#hunter2\n#-----END OPENSSH PRIVATE KEY-----\n",
    "etc/pam.d/common-auth": b"auth required pam_mysql.so user=pam passwd=hunter2\n",
    "etc/redis/redis.conf": b"requirepass hunter2\n",
    "etc/redis/old.conf": b"# requirepass hunter2\n",
    "etc/motion/motion.conf": b"stream_authentication pi:hunter2\n",
    "etc/motion/conf.d/old.conf": b"; netcam_userpass pi:hunter2\n",
    "etc/default/large": b"x" * 300_000,
    "etc/crontab": b"0 1 * * * root true\n",  # a command line may hide anything
}


@pytest.mark.parametrize("awk", ["mawk", "gawk", "busybox"])
def test_only_files_without_a_secret_are_sent_and_those_to_the_byte(awk: str, tmp_path: Path) -> None:
    program = shutil.which(awk)
    if program is None:
        pytest.skip(f"{awk} is not installed")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "awk").symlink_to(program)
    clean, dirty = tmp_path / "clean", tmp_path / "dirty"
    for root, files in ((clean, CLEAN), (dirty, DIRTY)):
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
    probes = tuple(_with_path(probe, tools) for probe in originals.PROBES)
    assert parsed(read(["sh"], probes, clean)).contents == {f"/{path}": content for path, content in CLEAN.items()}
    capture = read(["sh"], probes, dirty)
    assert parsed(capture).contents == {}
    assert b"hunter2" not in capture.commands["original-contents"].stdout


def _with_path(probe: Probe, tools: Path) -> Probe:
    return replace(probe, line=f"PATH={tools}:$PATH\n{probe.line}") if isinstance(probe, Run) and probe.shell else probe


def test_what_was_sent_is_exact_only_while_its_hash_says_so() -> None:
    found = Originals(hashes={"/etc/fstab": hashlib.sha256(b"a").hexdigest()}, contents={"/etc/fstab": b"a"})
    situation = Situation(Snapshot(), said(), found)
    assert situation.exact("/etc/fstab") == Known(b"a")
    changed = replace(situation, originals=replace(found, contents={"/etc/fstab": b"b"}))
    assert isinstance(changed.exact("/etc/fstab"), Unknown)


def test_what_is_edited_is_hashed_too() -> None:
    assert [path for path in originals.EDITED if not _asked(path)] == []


def _asked(path: str) -> bool:
    return any(path.count("/") == each.count("/") and fnmatchcase(path, each) for each in originals.PATHS)
