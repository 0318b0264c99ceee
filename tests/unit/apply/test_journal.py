"""What is handed on of a record's journal: whole lines alone, and to whoever comes later as well."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

from thornwall.apply.text import template

_BEGIN = """
LIVE=1 ID=0007 N=0123456789abcdef
setup
D=.
works() { return 1; }
"""


def looked(shell: list[str], folder: Path, undo: str, times: int) -> tuple[str, int]:
    """What is told, and how it ends, where somebody looks so often whether it goes on. `undo`: the record's undo.sh."""
    (folder / "state").mkdir()
    (folder / "state/open").touch()
    (folder / "journal").write_text(line(1, "STAGED", "0007"))
    (folder / "undo.sh").write_text(undo)
    script = "\n".join((*map(template, ("packages_tell.sh", "common.sh")), _BEGIN, *["still_working"] * times))
    done = subprocess.run([*shell, "-c", script], cwd=folder, capture_output=True, text=True, timeout=20, check=False)
    return done.stdout, done.returncode


def watched(shell: list[str], folder: Path, journal: str) -> str:
    """What is told to somebody who watches the packages of that record from its start."""
    (folder / "journal").write_text(journal)
    script = "\n".join((*map(template, ("packages_tell.sh", "common.sh")), _BEGIN, "watch"))
    done = subprocess.run([*shell, "-c", script], cwd=folder, capture_output=True, text=True, timeout=20, check=True)
    return done.stdout


@pytest.fixture(params=["dash", "busybox", "bash"])
def shell(request: pytest.FixtureRequest) -> list[str]:
    """Each shell that a host may have for /bin/sh."""
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return {"dash": ["dash"], "busybox": ["busybox", "ash"], "bash": ["bash", "--posix"]}[request.param]


def line(number: int, *words: str) -> str:
    text = "\t".join((str(number), "100", *words))
    return f"{text}\t{len(text)}\n"


def test_a_line_that_a_power_cut_tore_is_left_out(shell: list[str], tmp_path: Path) -> None:
    torn = ["2\t100\tDOING\t1\n", "3\t100\tTROUBLE\tx\tno ro\n", "\n", "4\t1", "\n"]
    rest = [line(5, "DOING", "1", "2", "upgrading"), line(6, "BROUGHT", "0007", "ufw", "-", "-", "-")]
    said = watched(shell, tmp_path, "".join((line(1, "STAGED", "0007"), *torn, *rest)))
    assert [text.split("\t")[1:] for text in said.splitlines()] == [
        ["STAGED", "0007"],
        ["DOING", "1", "2", "upgrading"],
        ["BROUGHT", "0007", "ufw", "-", "-", "-"],
    ]


_REFUSES = "printf '0123456789abcdef\\tREFUSED\\tsomebody else installs\\twait\\n'; exit 11\n"
_DIES = "exit 1\n"


@pytest.mark.parametrize(
    ("undo", "told"),
    [(_REFUSES, "REFUSED\tsomebody else installs\twait"), (_DIES, "REFUSED\tthe packages cannot be accounted for\t")],
)
def test_why_it_cannot_be_accounted_for_is_told(undo: str, told: str, shell: list[str], tmp_path: Path) -> None:
    said, status = looked(shell, tmp_path, undo, times=3)
    assert told in said
    assert status == 11


@pytest.mark.parametrize("undo", [_REFUSES, _DIES])
def test_who_comes_second_waits_for_who_does_it(undo: str, shell: list[str], tmp_path: Path) -> None:
    """However long dpkg takes: the disk is not to blame."""
    with (tmp_path / "undo.sh").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        said, status = looked(shell, tmp_path, undo, times=9)
    assert (said, status) == ("", 0)
