"""A plan as a playbook, run by Ansible: slow enough to stand with the tests on booted hosts."""

from __future__ import annotations

from pathlib import Path

from tests.unit.report.plan_sample import files_in
from tests.unit.report.test_plan_ansible import real, run
from thornwall.model.change import PutFile
from thornwall.report.plan import render


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
