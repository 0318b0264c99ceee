"""A plan as a playbook, run by Ansible: slow enough to stand with the tests on booted hosts."""

from __future__ import annotations

import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pexpect
import pytest

from tests.unit.report.plan_sample import files_in
from tests.unit.report.test_plan_ansible import PLAYBOOK, real, run
from thornwall.model.change import PutFile
from thornwall.report.plan import render

from .hardening import FULL, NEW, Desk
from .host import start

# the updates that wait take longer than all the rest
WHAT = () if FULL else ("--skip", "updates", "--skip", "tools")
RELEASES = ["trixie", pytest.param("bookworm", marks=pytest.mark.skipif(not FULL, reason="with THORNWALL_FULL=1"))]


@real
def test_ansible_writes_what_was_planned_twice_and_refuses_what_was_not(tmp_path: Path) -> None:
    folder = tmp_path / "root"
    folder.mkdir()
    plan = files_in(folder)
    playbook = tmp_path / "plan.yml"
    playbook.write_text(render(plan, "ansible"))
    # its last task becomes root by a fresh login, which a test cannot
    options = ("-e", "ansible_become=false", "--diff")
    first = run(playbook, *options)
    assert "changed=9" in first.stdout, first.stdout + first.stderr  # eight operations, and the folder
    for put in plan.steps[0].operations:
        if isinstance(put, PutFile):
            assert Path(put.path).read_bytes() == put.content, put.path
    assert (folder / "new" / "bytes").stat().st_mode & 0o7777 == 0o640
    assert not (folder / "gone").exists()
    assert (folder / "link").readlink() == Path("old")
    assert (folder / "open").stat().st_mode & 0o7777 == 0o600
    again = run(playbook, *options)
    assert "changed=0" in again.stdout, again.stdout
    (folder / "old").write_bytes(b"by somebody else\n")
    (folder / "new" / "json").unlink()
    refused = run(playbook, *options)
    assert refused.returncode == 2
    assert "is not as the plan found it: make a new plan of this host." in refused.stdout
    assert "changed=0" in refused.stdout
    assert not (folder / "new" / "json").exists()


def planned(desk: Desk) -> Path:
    """The plan of a host, as a playbook."""
    playbook = desk.folder / "plan.yml"
    done = desk.run("plan", desk.where, "-f", "ansible", "-o", str(playbook), "--secrets", desk.secrets(**NEW), *WHAT)
    assert done.code == 0, done.stderr
    assert not any(password in playbook.read_text() for password in NEW.values())
    return playbook


def played(desk: Desk, playbook: Path, *, sudo: str) -> str:
    """Have Ansible do it over SSH, with all passwords at hand; what it says, `RECAP` among it."""
    assert PLAYBOOK is not None
    asked = re.findall(r'name: (thornwall_password_\d+)\n +prompt: "?New password for ([a-z]+)', playbook.read_text())
    secrets = desk.folder / "vars.json"
    secrets.touch(mode=0o600)
    secrets.write_text(json.dumps({"thornwall_sudo_password": sudo, **{name: NEW[user] for name, user in asked}}))
    host = desk.host
    options = ["-F", "none", "-o", f"UserKnownHostsFile={host.known_hosts}", "-o", "IdentityAgent=none"]
    where = ["-i", f"{host.address},", "-u", host.user, "--private-key", str(host.private_key)]
    done = subprocess.run(
        [PLAYBOOK, *where, "-e", f"@{secrets}", "--diff", str(playbook)],
        env={
            **os.environ,
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_HOME": str(desk.folder / "ansible"),
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_SSH_ARGS": " ".join([*options, "-o", "ControlMaster=auto", "-o", "ControlPersist=30s"]),
            "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert not any(password in said for password in NEW.values())
    return said


def findings(desk: Desk) -> set[tuple[str, str, str]]:
    """Rule, subject and status of all that an audit finds; sudo's new password is typed."""
    report = desk.folder / "report.json"
    audit = desk.type("audit", desk.where, "-K", "-o", str(report))
    audit.expect("(?i)password.*: ")
    audit.sendline(NEW["pi"])
    audit.expect(pexpect.EOF)
    return {(each["rule"], each["subject"], each["status"]) for each in json.loads(report.read_text())["findings"]}


@real
@pytest.mark.parametrize("release", RELEASES)
def test_ansible_brings_a_second_copy_to_the_same_findings(release: str, tmp_path: Path) -> None:
    desks = []
    with start(release, "planted", packages=True) as one, start(release, "planted", packages=True) as two:
        for host in (one, two):
            (tmp_path / host.name).mkdir()
            desks.append(Desk(host, tmp_path / host.name))
        ours, theirs = desks
        playbook = planned(theirs)
        with ThreadPoolExecutor() as both:
            hardening = both.submit(ours.harden, *WHAT)
            played(theirs, playbook, sudo=two.sudo_password)
            hardened = hardening.result()
        assert hardened.code == 0, hardened.stdout + hardened.stderr
        for host in (one, two):
            host.reboot()  # some of it waits for that, and so does the guard of the first copy
        ours.wait_for(ours.back, 60)

        assert findings(theirs) == findings(ours)
        assert two.login("id -un").stdout == "pi\n"
        assert two.login("true", methods=["password"], password=NEW["pi"]).returncode == 255
        assert two.login("sudo -n true").returncode == 1
        again = played(theirs, playbook, sudo=NEW["pi"])
        assert " changed=0 " in again, again
