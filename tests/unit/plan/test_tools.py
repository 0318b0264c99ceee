"""Fixes of the rules about programs that watch over the system: what is installed, and what switches it on."""

from __future__ import annotations

import subprocess

import pytest

from thornwall.model.change import EditLine, Packages, Tool, UnitsOn, WriteFile
from thornwall.plan.fixes import tools

from .ways import Host

BASH = "bash\t5.2.37-2\tarm64\tbash\tinstall\n"
AIDE = BASH + "aide-common\t0.19\tall\taide\tinstall\naide\t0.19\tarm64\taide\tinstall\n"


@pytest.mark.parametrize(
    ("rule", "package"),
    [("updates-leave-old-code-running", "needrestart"), ("update-news-untold", "apt-listchanges")],
)
def test_a_package_is_the_whole_of_it(rule: str, package: str) -> None:
    assert Host({}, {"packages": BASH}).wants(rule) == (Packages((package,)),)


def test_the_first_database_is_built_later_and_once() -> None:
    """aideinit reads every file: nobody waits for that while a change is to be confirmed."""
    wants = Host({}, {"packages": BASH}).wants("no-file-integrity-check")
    assert wants[0] == Packages(("aide", "aide-common"))
    assert wants[-1] == UnitsOn(("thornwall-aide.timer", "dailyaidecheck.timer"))
    assert Host({}, {"packages": AIDE}).wants("no-file-integrity-check") == wants[2:]
    service, timer = (want.content.decode() for want in wants if isinstance(want, WriteFile))
    assert "ConditionPathExists=!/var/lib/aide/aide.db\n" in service
    assert "OnActiveSec=15min\n" in timer


def test_aide_reckons_one_checksum_of_each_file() -> None:
    """The file comes with the package: in the plan before that a tool changes its line, and afterwards an edit does."""
    (tool,) = (want for want in Host({}, {"packages": BASH}).wants("no-file-integrity-check") if isinstance(want, Tool))
    text = "Checksums = H\ndatabase_attrs = Checksums\n"
    (argv,) = tool.run
    sed = subprocess.run([*argv[:1], *argv[2:3]], input=text, capture_output=True, text=True, check=True)
    assert sed.stdout == "Checksums = sha512\ndatabase_attrs = Checksums\n"
    assert tool.keeps == (argv[-1],) == ("/etc/aide/aide.conf",)
    host = Host({"/etc/aide/aide.conf": "# which\n" + text}, {"packages": AIDE})
    wants = host.wants("no-file-integrity-check")
    assert wants[0] == EditLine("/etc/aide/aide.conf", 2, "Checksums = H", "Checksums = sha512")
    chosen = Host({"/etc/aide/aide.conf": "Checksums = sha256+rmd160\n"}, {"packages": AIDE})
    assert chosen.wants("no-file-integrity-check") == wants[1:]  # somebody's own choice stays


def test_debsums_comes_and_is_told_to_look() -> None:
    assert Host({}, {"packages": BASH}).wants("package-files-unchecked") == (
        Packages(("debsums",)),
        WriteFile(tools.DEBSUMS, b"CRON_CHECK=weekly\n"),
    )
    there = {"packages": BASH + "debsums\t3.0.2.1\tall\tdebsums\tinstall\n"}
    host = Host({tools.DEBSUMS: "# how often\nCRON_CHECK=never\n"}, there)
    assert host.wants("package-files-unchecked") == (
        EditLine(tools.DEBSUMS, 2, "CRON_CHECK=never", "CRON_CHECK=weekly"),
    )
    host.mended("package-files-unchecked")
