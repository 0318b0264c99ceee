"""Fixes of the rules about programs that watch over the installed system: packages, and what switches them on."""

from __future__ import annotations

import re
from collections.abc import Iterator

from thornwall.model.change import Packages, Purpose, Tool, UnitsOn, WriteFile
from thornwall.model.fact import Absent, Known
from thornwall.model.finding import Finding
from thornwall.plan.fix import Fix, Make, Situation, Want, fix
from thornwall.plan.lines import edit, exact_lines

DEBSUMS = "/etc/default/debsums"
_AIDE_CONF = "/etc/aide/aide.conf"
PATHS: tuple[str, ...] = (DEBSUMS, _AIDE_CONF, "/etc/systemd/system/*")

# Debian has AIDE reckon every checksum that it knows, a dozen for each file: nine times the work of this one each day
# (18 s to 2 s for 750 MB on a PC, aide 0.19), and four times as much to write to the card. Nobody can forge this one.
_EVERY, _ONE = "Checksums = H", "Checksums = sha512"

_AIDE = "thornwall-aide"
_SERVICE = """\
# Written by thornwall; 'thornwall undo' takes it back.
[Unit]
Description=First database of AIDE
ConditionPathExists=!/var/lib/aide/aide.db

[Service]
Type=oneshot
ExecStart=/usr/sbin/aideinit -y -f
Nice=19
IOSchedulingClass=idle
TimeoutStartSec=infinity
"""
_TIMER = """\
# Written by thornwall; 'thornwall undo' takes it back.
[Unit]
Description=First database of AIDE, some time after it was installed

[Timer]
OnActiveSec=15min

[Install]
WantedBy=timers.target
"""


def _installed(situation: Situation) -> bool:
    """Whether dpkg's list was read: else there is no apt to install with."""
    updates = situation.facts.updates
    return isinstance(updates, Known) and isinstance(updates.value.packages, Known)


@fix(
    "no-file-integrity-check",
    step="file-integrity",
    purpose=Purpose.SERVICES,
    title="Compare the system's files with what they were, every day",
    may_break=("AIDE builds its first database a quarter of an hour later, in the background.",),
)
def file_integrity(situation: Situation, _: Finding) -> Iterator[Want]:
    """The first database takes minutes: a timer of ours builds it when the change has long been confirmed."""
    updates = situation.facts.updates
    if not isinstance(updates, Known) or not isinstance(updates.value.packages, Known):
        return
    if "aide-common" not in updates.value.packages.value:
        yield Packages(("aide", "aide-common"))
        yield Tool("aide", (("sed", "-i", f"s/^{_EVERY}$/{_ONE}/", _AIDE_CONF),), keeps=(_AIDE_CONF,))
    elif isinstance(updates.value.aide_database, Absent):
        yield from _one_checksum(situation)
    yield WriteFile(f"/etc/systemd/system/{_AIDE}.service", _SERVICE.encode())
    yield WriteFile(f"/etc/systemd/system/{_AIDE}.timer", _TIMER.encode())
    yield UnitsOn((f"{_AIDE}.timer", "dailyaidecheck.timer"))


def _one_checksum(situation: Situation) -> Iterator[Want]:
    """Once the package is there. A database made before would differ in each line."""
    lines = exact_lines(situation, _AIDE_CONF)
    if _EVERY in lines:
        yield from edit(situation, _AIDE_CONF, lines.index(_EVERY) + 1, lambda _: _ONE)


@fix(
    "package-files-unchecked",
    step="package-files",
    purpose=Purpose.SCHEDULE,
    title="Compare installed files with their packages, every week",
)
def package_files(situation: Situation, finding: Finding) -> Iterator[Want]:
    """The package brings the file, whose one line is then changed."""
    line = next((each for each in finding.evidence if each.source == DEBSUMS), None)
    if line is not None:
        yield from edit(situation, DEBSUMS, line.line, lambda old: re.sub(r"=.*", "=weekly", old))
    elif _installed(situation):
        yield Packages(("debsums",))
        yield WriteFile(DEBSUMS, b"CRON_CHECK=weekly\n")


def _package(rule: str, title: str, name: str) -> Fix:
    def make(situation: Situation, _: Finding) -> Iterator[Want]:
        if _installed(situation):
            yield Packages((name,))

    made: Make = make
    return Fix(rule, "watching-tools", Purpose.PACKAGES, title, made)


FIXES: tuple[Fix, ...] = (
    file_integrity,
    package_files,
    _package("updates-leave-old-code-running", "Tell what must start again after an update", "needrestart"),
    _package("update-news-untold", "Show the news of packages", "apt-listchanges"),
)
