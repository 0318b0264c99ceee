"""User-data: cloud-init takes it, it is exact, and its script does what it says and leaves what is not as planned."""

from __future__ import annotations

import shutil
import subprocess
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings

from tests.unit.report.hostile import STEERING, TEXTS
from tests.unit.report.plan_sample import FULL, NOTHING, REFUSED, SSH, SUDO, files_in, hostile_plan
from thornwall.model.change import ABSENT, PutFile
from thornwall.model.plan import Plan
from thornwall.report.plan import render
from thornwall.report.plan.cloud_script import FOLDER, SCRIPT

CLOUD_INIT = shutil.which("cloud-init")
HOSTILE = replace(hostile_plan("{{ x }}\n- x: y\x1b[31m'$(touch /tmp/x)`id`"), refused=())


def read(plan: Plan) -> Any:
    text = render(plan, "cloud-init")
    assert text.startswith("#cloud-config\n")
    return yaml.safe_load(text)


def files(plan: Plan) -> dict[str, Any]:
    return {file["path"]: file for file in read(plan)["write_files"]}


def test_what_it_is_made_of() -> None:
    value = read(FULL)
    assert list(value) == ["package_update", "package_upgrade", "packages", "write_files", "runcmd", "power_state"]
    assert value["packages"] == ["libpam-pwquality", "ufw", "unattended-upgrades"]
    assert value["runcmd"] == [f"sh {SCRIPT}"]
    assert value["power_state"]["mode"] == "reboot"
    assert read(NOTHING) == read(REFUSED) == {}


def test_new_files_are_exact_and_edits_and_ways_in_wait_for_the_script() -> None:
    written = files(FULL)
    for step in FULL.steps:
        for put in step.operations:
            if isinstance(put, PutFile) and put.expect == ABSENT and not step.purpose.way_in:
                file = written[put.path]
                content = file["content"] if "encoding" not in file else file["content"] + " in base64"
                assert content == (put.content.decode() if put.path != "/etc/cron.deny" else "//4AYmluYXJ5 in base64")
                assert file["permissions"] == f"{put.mode:04o}"
            elif isinstance(put, PutFile):
                assert put.path not in written
                (place,) = [
                    path for path in written if path.startswith(FOLDER) and path.endswith(put.path.split("/")[-1])
                ]
                assert written[place]["content"].encode() == put.content
                assert f"put {place} {put.path} {put.expect} " in written[SCRIPT]["content"]


def test_nobody_is_locked_out_of_a_copy_that_is_not_set_up() -> None:
    for step, condition in ((SSH, "has_key"), (SUDO, "has_password")):
        text = files(replace(FULL, steps=(step,)))[SCRIPT]["content"]
        inside = text.partition(f"if {condition}; then\n")[2].partition("\nelse\n")[0]
        assert inside.count("put ") == 1
        assert text.count(f"put {FOLDER}") == 1


def test_no_password_is_set_and_that_is_said() -> None:
    text = render(FULL, "cloud-init")
    assert "# Not in it: the new password of pi." in text
    assert "chpasswd" not in text


@settings(max_examples=30, deadline=None)
@given(TEXTS)
def test_a_host_cannot_steer_or_break_it(text: str) -> None:
    plan = replace(hostile_plan(text), refused=())
    written = render(plan, "cloud-init")
    assert not STEERING.search(written)
    assert yaml.safe_load(written)["runcmd"] == [f"sh {SCRIPT}"]


@pytest.mark.parametrize("plan", [FULL, HOSTILE], ids=["full", "hostile"])
@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_shells_take_the_script(plan: Plan, shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    script = tmp_path / "run.sh"
    script.write_text(files(plan)[SCRIPT]["content"])
    command = [shell, "-n", str(script)] if shell != "busybox" else [shell, "sh", "-n", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def boot(plan: Plan, folder: Path) -> subprocess.CompletedProcess[str]:
    """What cloud-init would do with files and the script, in a folder of this machine."""
    for path, file in files(plan).items():
        place = Path(path.replace(FOLDER, str(folder)))
        place.parent.mkdir(parents=True, exist_ok=True)
        if file.get("encoding") == "b64":
            place.write_bytes(b64decode(file["content"]))
        else:
            place.write_bytes(file["content"].replace(FOLDER, str(folder)).encode())
        place.chmod(int(file["permissions"], 8))
    return subprocess.run(["sh", str(folder / "run.sh")], capture_output=True, text=True, check=False)


def test_the_script_does_what_was_planned_and_leaves_the_rest(tmp_path: Path) -> None:
    root, scratch = tmp_path / "root", tmp_path / "scratch"
    root.mkdir()
    plan = files_in(root)
    assert boot(plan, scratch).stderr == ""
    for put in plan.steps[0].operations:
        if isinstance(put, PutFile):
            assert Path(put.path).read_bytes() == put.content, put.path
    assert not (root / "gone").exists()
    assert (root / "link").readlink() == Path("old")
    assert (root / "open").stat().st_mode & 0o7777 == 0o600
    assert boot(plan, scratch).stderr == ""  # again: nothing is left to say
    (root / "old").write_bytes(b"by somebody else\n")
    (root / "link").unlink()
    (root / "link").symlink_to("elsewhere")
    assert boot(plan, scratch).stderr.splitlines() == [
        f"thornwall: left as it was: {root}/old is not as the plan found it",
        f"thornwall: left as it was: {root}/link is not as the plan found it",
    ]
    assert (root / "old").read_bytes() == b"by somebody else\n"


@pytest.mark.skipif(CLOUD_INIT is None, reason="no cloud-init here (apt-get install cloud-init)")
@pytest.mark.parametrize("plan", [FULL, NOTHING, REFUSED, HOSTILE], ids=["full", "nothing", "refused", "hostile"])
def test_cloud_init_takes_it(plan: Plan, tmp_path: Path) -> None:
    assert CLOUD_INIT is not None
    user_data = tmp_path / "user-data"
    user_data.write_text(render(plan, "cloud-init"))
    done = subprocess.run([CLOUD_INIT, "schema", "-c", str(user_data)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
