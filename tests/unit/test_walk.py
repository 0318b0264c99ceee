"""The walk under a real sh, on roots that try to keep it from seeing anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.casefolder import CASES, load
from tests.unit.collect.test_script import read
from thornwall.facts import filesystem
from thornwall.facts.filesystem import LATE, MANY, NONE
from thornwall.model.fact import Known
from thornwall.model.filesystem import FileSystem
from thornwall.model.probe import Probe, Run
from thornwall.rules.walked import rest


def walk(root: Path, passwd: str) -> FileSystem:
    (root / "etc").mkdir()
    (root / "usr").mkdir()
    (root / "etc/passwd").write_text(passwd)
    (root / "etc/group").write_text("root:x:0:\n")
    (root / "usr/tool").touch()
    (root / "usr/tool").chmod(0o4755)
    found = filesystem.parse(read(["sh"], filesystem.PROBES, root))
    assert isinstance(found, Known)
    return found.value


@pytest.mark.parametrize(
    "passwd",
    ["root:x:0:0:::\n", "root:x:0:0:::\nbig:x:99999999999999999999:1:::\n", "a:x:-1:-1:::\n:x:*:*:::\n"],
    ids=["plain", "huge", "odd"],
)
def test_no_account_blinds_the_walk(tmp_path: Path, passwd: str) -> None:
    seen = walk(tmp_path, passwd)
    assert [entry.path for entry in seen.setid] == ["/usr/tool"]
    assert seen.limits == ()


def test_a_hundred_thousand_accounts_are_told_and_blind_nothing(tmp_path: Path) -> None:
    seen = walk(tmp_path, "".join(f"u{n}:x:{n}:{n}::/:/bin/false\n" for n in range(100_000)))
    assert [entry.path for entry in seen.setid] == ["/usr/tool"]
    assert seen.limits == (MANY,)


def test_a_walk_that_cannot_begin_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystem, "PROBES", tuple(_broken(probe) for probe in filesystem.PROBES))
    seen = walk(tmp_path, "root:x:0:0:::\n")
    assert seen.setid == ()
    assert NONE in seen.limits


def _broken(probe: Probe) -> Probe:
    """The walk with a test that find does not know, as a find from elsewhere may not."""
    return replace(probe, line=probe.line.replace("-perm -4000", "-unheard-of")) if isinstance(probe, Run) else probe


def test_whoever_reads_of_a_walk_that_was_cut_off_is_told_what_to_do() -> None:
    seen = FileSystem(limits=(LATE,))
    (verdict,) = rest(seen)
    assert verdict.detail == "There may be more: the walk of the file systems was cut off after 12 seconds."
    assert "audit again while the device is idle" in verdict.mend
    assert "thornwall audit dir:/mnt" in verdict.mend


def test_a_late_walk_is_known_by_its_note() -> None:
    found = filesystem.parse(load(CASES / "filesystem/cut-off"))
    assert isinstance(found, Known)
    assert LATE in found.value.limits
