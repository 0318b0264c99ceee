"""The playbook: modules of ansible.builtin alone, exact files, nothing secret, and Ansible itself takes and runs it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings

from tests.unit.report.hostile import STEERING, TEXTS
from tests.unit.report.plan_sample import ACCOUNTS, FULL, NOTHING, REFUSED, SUDO, hostile_plan
from thornwall.model.change import PutFile
from thornwall.model.plan import Plan
from thornwall.report.plan import render

PLAYBOOK = shutil.which("ansible-playbook", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
real = pytest.mark.skipif(PLAYBOOK is None, reason="no ansible-playbook here (pip install ansible-core)")

WORDS = {
    "name", "register", "changed_when", "failed_when", "loop", "loop_control", "notify", "environment", "when", "vars",
    "become", "check_mode", "no_log", "ignore_errors",
}  # fmt: skip


class Reader(yaml.SafeLoader):
    """Reads `!unsafe` as its text."""


Reader.add_constructor("!unsafe", lambda loader, node: str(node.value))


def read(plan: Plan) -> Any:
    (play,) = yaml.load(render(plan, "ansible"), Reader)  # noqa: S506 - a SafeLoader
    return play


def modules(plan: Plan) -> Iterator[tuple[str, Any, Any]]:
    """(module, its arguments, the task) of all tasks and handlers."""
    play = read(plan)
    for task in [*play["tasks"], *play.get("handlers", [])]:
        (module,) = set(task) - WORDS
        yield module, task[module], task


def test_only_modules_that_every_ansible_has() -> None:
    used = {module for module, *_ in modules(FULL)}
    assert used == {
        f"ansible.builtin.{name}"
        for name in (
            "apt", "assert", "command", "copy", "debug", "file", "getent", "meta", "set_fact", "shell", "stat",
            "systemd", "user",
        )
    }  # fmt: skip


def test_files_are_exact() -> None:
    copies = {arguments["dest"]: arguments for module, arguments, _ in modules(FULL) if module.endswith(".copy")}
    planned = [put for step in FULL.steps for put in step.operations if isinstance(put, PutFile)]
    for put in planned:
        if b"\xff" in put.content:
            continue  # no text: by base64, as the run shows
        written = copies[put.path]
        assert written["content"].encode() == put.content
        assert written.get("mode") == (None if put.keep_meta else f"{put.mode:04o}")
    assert len(planned) == len(copies) + 1


def test_whatever_may_change_something_says_so_truly() -> None:
    for module, _, task in modules(FULL):
        if module.rpartition(".")[2] in {"shell", "command"}:
            assert "changed_when" in task, task["name"]


def test_ways_in_are_checked_before_they_count() -> None:
    copies = {arguments["dest"]: arguments for module, arguments, _ in modules(FULL) if module.endswith(".copy")}
    assert copies["/etc/ssh/sshd_config.d/00-thornwall.conf"]["validate"] == "/usr/sbin/sshd -t -f %s"
    assert copies["/etc/sudoers.d/zz-thornwall"]["validate"] == "/usr/sbin/visudo -cf %s"
    names = [task["name"] for task in read(FULL)["tasks"]]
    order = [
        "Stop where it is not what the plan was made for",
        "Install libpam-pwquality, ufw, unattended-upgrades",
        "Give pi the new password",
        "Run ufw",
        "Check what sshd will read",
        "Stop unless the password for sudo is right",
        "Remove /etc/sudoers.d/010_pi-nopasswd",
        "Log in again, and become root",
    ]
    assert [name for name in names if name in order] == order


def test_what_is_notified_is_there_and_runs_in_time() -> None:
    play = read(FULL)
    handlers = {handler["name"] for handler in play["handlers"]}
    waiting: set[str] = set()
    for task in play["tasks"]:
        if task.get("ansible.builtin.meta") == "flush_handlers":
            waiting = set()
        waiting |= set(task.get("notify", []))
        assert waiting <= handlers
        if "password for sudo" in task["name"]:
            assert not waiting
    assert not waiting


def test_no_secret_and_none_on_a_command_line() -> None:
    play = read(FULL)
    assert [asked["name"] for asked in play["vars_prompt"]] == ["thornwall_sudo_password", "thornwall_password_1"]
    assert all(asked["private"] and asked["unsafe"] for asked in play["vars_prompt"])
    for _, arguments, task in modules(FULL):
        if re.search("password_1|sudo_password|become_password", str(task)):
            assert task["no_log"]
            assert "password" not in str(arguments.get("argv", "")) + str(arguments.get("cmd", ""))
            assert "password" not in str(task.get("environment", ""))


def test_sudo_asks_on_the_command_line_where_the_playbook_does_not() -> None:
    assert "--ask-become-pass" not in render(FULL, "ansible")
    without = replace(FULL, steps=tuple(step for step in FULL.steps if step not in {SUDO, ACCOUNTS}))
    assert "--ask-become-pass" in render(without, "ansible")
    assert "vars_prompt" not in read(without)


def test_a_refused_plan_does_nothing() -> None:
    (task,) = read(REFUSED)["tasks"]
    assert "The root is an overlay" in task["ansible.builtin.fail"]["msg"]
    (task,) = read(NOTHING)["tasks"]
    assert task["ansible.builtin.debug"]


@settings(max_examples=20, deadline=None)
@given(TEXTS)
def test_a_host_adds_no_task_and_no_template(text: str) -> None:
    plan = replace(hostile_plan(text), refused=())
    written = render(plan, "ansible")
    assert not STEERING.search(written)
    usual = [module for module, *_ in modules(replace(hostile_plan("x"), refused=()))]
    made = [module for module, *_ in modules(plan)]
    assert set(made) <= set(usual)
    assert len(made) <= len(usual)


def run(playbook: Path, *options: str) -> subprocess.CompletedProcess[str]:
    assert PLAYBOOK is not None
    return subprocess.run(
        [PLAYBOOK, "-i", "localhost,", "-c", "local", *options, str(playbook)],
        env={
            **os.environ,
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_HOME": str(playbook.parent / "home"),
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@real
@pytest.mark.xdist_group("ansible")
@pytest.mark.parametrize(
    "plan",
    [FULL, REFUSED, replace(hostile_plan("{{ lookup('pipe', 'false') }}\n- x: y\x1b[31m'`id`"), refused=())],
    ids=["full", "refused", "hostile"],
)
def test_ansible_reads_it(plan: Plan, tmp_path: Path) -> None:
    playbook = tmp_path / "plan.yml"
    playbook.write_text(render(plan, "ansible"))
    done = run(playbook, "--syntax-check")
    assert done.returncode == 0, done.stderr
