"""`make audit`, with a thornwall that only says how it was called."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make here")


def program(path: Path, status: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\necho "called: $*"\nexit {status}\n')
    path.chmod(0o755)


@pytest.mark.parametrize("status", [0, 4])
@pytest.mark.parametrize("on_path", [False, True])
def test_audit_says_how_to_call_it(tmp_path: Path, status: int, on_path: bool) -> None:
    """Unless `thornwall` works as it is; on stderr, for `make audit ARGS='-f json' > FILE`."""
    program(tmp_path / "venv/bin/thornwall", status)
    (tmp_path / "venv/.run").touch()
    if on_path:
        program(tmp_path / "path/thornwall", 0)
    done = subprocess.run(
        ["make", "-s", "audit", f"VENV={tmp_path}/venv", "TARGET=pi@host", "ARGS=-f json"],
        cwd=REPOSITORY,
        env={"PATH": f"{tmp_path}/path:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "called: audit pi@host --fail-on never -f json\n"
    assert done.returncode == (2 if status else 0)  # make's own, for a command that failed
    assert ("Error 4" in done.stderr) == bool(status)
    told = f"thornwall is {tmp_path}/venv/bin/thornwall here: 'pipx install .' puts it on the PATH"
    assert (told in done.stderr) == (not on_path)
