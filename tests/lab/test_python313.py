"""The unit tests under Debian trixie's own Python, with trixie's own tools: sshd, sudo, busybox, fish."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from .host import start
from .settings import lab_dir
from .tools import locked

_REPOSITORY = Path(__file__).parents[2]
_VERSION = "3.13"


@pytest.fixture(scope="module")
def dependencies() -> Path:
    """A folder with what thornwall and its tests import, for that Python: hosts have no network. Kept in the cache."""
    project = tomllib.loads((_REPOSITORY / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    digest = hashlib.sha256(json.dumps(wanted).encode()).hexdigest()[:12]
    folder = lab_dir() / f"python-{_VERSION}" / digest
    with locked(lab_dir() / f"python-{_VERSION}.lock"):
        if not folder.exists():
            shutil.rmtree(folder.parent, ignore_errors=True)
            draft = folder.with_suffix(".new")
            foreign = ["--python-version", _VERSION, "--only-binary=:all:", "--target", str(draft)]
            command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", *foreign, *wanted]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            draft.rename(folder)
    return folder


def test_the_unit_tests_pass_there(dependencies: Path) -> None:
    with start("trixie", "planted") as host:
        unneeded = shutil.ignore_patterns(".git", ".venv", ".*_cache", ".hypothesis", "__pycache__")
        shutil.copytree(_REPOSITORY, host.root / "srv/thornwall", symlinks=True, ignore=unneeded)
        shutil.copytree(dependencies, host.root / "srv/dependencies", symlinks=True)
        python = "cd /srv/thornwall && PYTHONPATH=/srv/thornwall/src:/srv/dependencies python3"
        assert host.run(f"{python} --version").stdout.startswith(f"Python {_VERSION}.")
        # a test that hangs is named, with its stack
        options = "-q --tb=short -n auto --dist loadgroup -p no:cacheprovider"
        limit = "-o faulthandler_timeout=60 -o faulthandler_exit_on_timeout=true"
        done = host.run(f"{python} -m pytest tests/unit {options} {limit}", timeout=600)
    said = done.stdout[-6000:] + done.stderr[-2000:]
    passed = re.search(r"\b(\d+) passed", said)
    assert done.returncode == 0, said
    assert passed, said
    assert int(passed[1]) > 100, said
