"""Fixes about updates, on the hosts of tests/cases/updates. The syntax is apt.conf(5)'s."""

from __future__ import annotations

from dataclasses import replace

from tests.casefolder import CASES, load
from thornwall.facts.registry import snapshot
from thornwall.jobs.audit import assess
from thornwall.jobs.judging import Judging
from thornwall.model.capture import Capture
from thornwall.model.change import EditLine, OwnLine, Packages, UnitsOn, sha256
from thornwall.model.originals import Originals
from thornwall.model.plan import Undoing
from thornwall.model.policy import Policy
from thornwall.model.rule import Preset
from thornwall.plan.fix import Situation, Want
from thornwall.plan.registry import FIXES

OURS = "/etc/apt/apt.conf.d/52thornwall"
PI = (
    'Unattended-Upgrade::Origins-Pattern:: "origin=Raspberry Pi Foundation,'
    'codename=${distro_codename},label=Raspberry Pi Foundation";'
)
LISTS = OwnLine(OURS, "APT::Periodic::Update-Package-Lists", 'APT::Periodic::Update-Package-Lists "1";')
INSTALL = OwnLine(OURS, "APT::Periodic::Unattended-Upgrade", 'APT::Periodic::Unattended-Upgrade "1";')


def case(name: str, **files: bytes) -> Capture:
    """The case, with other bytes in files of apt.conf.d."""
    capture = load(CASES / "updates" / name)
    changed = {f"/etc/apt/apt.conf.d/{path}": text for path, text in files.items()}
    records = {path: replace(capture.files[path], content=text) for path, text in changed.items()}
    return replace(capture, files={**capture.files, **records})


def wants(capture: Capture, rule: str) -> tuple[Want, ...]:
    hashes = {path: sha256(record.content or b"") for path, record in capture.files.items()}
    found = assess(capture, Judging("2026-11-23", Policy(Preset.STRICT))).failed()
    situation = Situation(snapshot(capture), capture, Originals(hashes, asked=("/etc/*/*/*",)), findings=found)
    mine = [each for each in found if each.rule == rule]
    assert mine
    return tuple(dict.fromkeys(want for each in mine for want in FIXES[rule].make(situation, each)))


def test_what_waits_is_installed_and_stays() -> None:
    capture = case("updates-waiting-on-a-real-host")
    told = (CASES / "updates/updates-waiting-on-a-real-host/apt-list-upgradable.txt").read_text()
    waiting = tuple(sorted(line.partition("/")[0] for line in told.splitlines() if "/" in line))
    assert wants(capture, "pending-security-updates") == (Packages(upgrade=True, refresh=True, waiting=waiting),)
    assert wants(capture, "pending-updates") == (Packages(upgrade=True, refresh=True, waiting=waiting),)
    assert {FIXES[rule].undoing for rule in ("pending-security-updates", "pending-updates")} == {Undoing.KEEPS}


def test_old_lists_are_fetched() -> None:
    assert wants(case("lists-of-last-year"), "stale-package-lists") == (Packages(refresh=True),)


def test_the_archive_that_is_left_out_is_named() -> None:
    capture = case("automatic-but-not-raspberry-pi")
    assert OwnLine(OURS, PI, PI) in wants(capture, "automatic-updates-miss-origin")


def test_debians_own_archive_where_no_pattern_names_it() -> None:
    """60mine clears what was said before it: `apt-config dump` shows nothing of a file of ours there."""
    capture = case("patterns-cleared")
    line = (
        'Unattended-Upgrade::Origins-Pattern:: "origin=Debian,codename=${distro_codename}-security,'
        'label=Debian-Security";'
    )
    wish = EditLine("/etc/apt/apt.conf.d/60mine", 0, "", line)
    assert wish in wants(capture, "automatic-updates-miss-origin")


def test_switched_off_by_a_later_file() -> None:
    capture = case("switched-off-by-a-later-file", **{"99local": b'# mine\nAPT::Periodic::Enable "0";\n'})
    assert wants(capture, "no-automatic-updates") == (
        OwnLine(OURS, "APT::Periodic::Enable", 'APT::Periodic::Enable "1";'),
        EditLine("/etc/apt/apt.conf.d/99local", 2, 'APT::Periodic::Enable "0";', 'APT::Periodic::Enable "1";'),
    )


def test_a_later_file_with_braces_is_left_to_a_person() -> None:
    assert wants(case("switched-off-by-a-later-file"), "no-automatic-updates") == ()


def test_an_earlier_file_does_not_matter() -> None:
    off = b'APT::Periodic::Update-Package-Lists "0";\nAPT::Periodic::Unattended-Upgrade "0";\n'
    capture = case("automatic-but-not-raspberry-pi", **{"20auto-upgrades": off})
    assert wants(capture, "no-automatic-updates") == (LISTS, INSTALL, OwnLine(OURS, PI, PI))


def test_timers_that_are_off() -> None:
    found = wants(case("timer-switched-off"), "no-automatic-updates")
    (units,) = [want for want in found if isinstance(want, UnitsOn)]
    assert set(units.units) <= {"apt-daily.timer", "apt-daily-upgrade.timer"}


def test_fedora_installs_what_it_fetches() -> None:
    capture = case("dnf-automatic-only-downloads")
    text = (capture.files["/etc/dnf/automatic.conf"].content or b"").decode().split("\n")
    number = next(n for n, line in enumerate(text, 1) if line.startswith("apply_updates"))
    found = wants(capture, "no-automatic-updates")
    assert found == (EditLine("/etc/dnf/automatic.conf", number, text[number - 1], "apply_updates = yes"),)
