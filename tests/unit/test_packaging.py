"""The wheel: built, installed without the repository, and run from there."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "src/thornwall"

pytestmark = pytest.mark.xdist_group("packaging")  # built once


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source archive, built without a network."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def installed(built: Path) -> Path:
    """The wheel as pip installs it into a folder of its own."""
    pytest.importorskip("pip")
    folder = built / "site"
    (wheel,) = built.glob("*.whl")
    offline = ["--no-deps", "--no-index", "--disable-pip-version-check", "--quiet"]
    subprocess.run([sys.executable, "-m", "pip", "install", *offline, "--target", str(folder), str(wheel)], check=True)
    return folder


def test_the_wheel_holds_the_package_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = (path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert inside == {str(path.relative_to(PACKAGE.parent)) for path in files}


def test_the_source_archive_holds_what_its_tests_need(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        tops = {Path(name).parts[1] for name in opened.getnames()}
    assert {"src", "tests", "docs", "tools", "Makefile", "pyproject.toml", "LICENSE"} <= tops
    assert not tops & {".venv", ".git", ".mypy_cache", ".pytest_cache", "dist"}


def test_it_runs_from_where_it_is_installed(installed: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    environment = os.environ | {"PYTHONPATH": f"{installed}:{os.environ.get('PYTHONPATH', '')}", "HOME": str(tmp_path)}

    def run(*command: str) -> str:
        return subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True).stdout

    where = "import thornwall; print(thornwall.__file__)"
    assert run(sys.executable, "-c", where).startswith(f"{installed}/")
    assert run(str(installed / "bin/thornwall"), "--version").startswith("thornwall ")
    # reads the script that goes to hosts, and the style of the page
    run(sys.executable, "-m", "thornwall", "audit", f"dir:{root}", "--fail-on", "never", "-o", "page.html")
    assert "prefers-color-scheme" in (tmp_path / "page.html").read_text()
