"""What is asked for planning: under a real sh, on roots made for the purpose, and from answers written by hand."""

from __future__ import annotations

import hashlib
import importlib
import os
import pkgutil
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
    situation = Situation(None, capture, found)  # type: ignore[arg-type]
    assert situation.state("/etc/sysctl.d/99-thornwall.conf") == Known("absent")
    assert situation.state("/etc/systemd/system/cups.service") == Known("link:/dev/null")
    for unknown in ("/etc/sudoers.d/pi", "/etc/sysctl.d/.hidden.conf", "/etc/sysctl.d/deep/er.conf", "/etc/never"):
        assert isinstance(situation.state(unknown), Unknown), unknown


def test_an_open_transaction_is_seen(shell: list[str], tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    for name, token in (("000001", "confirmed"), ("000002", "open")):
        (tmp_path / f"var/lib/thornwall/{name}/token").mkdir(parents=True)
        (tmp_path / f"var/lib/thornwall/{name}/token/{token}").touch()
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
        if not any(path.count("/") == each.count("/") and fnmatchcase(path, each) for each in originals.PATHS)
    }
    assert missing == set()
