"""Programs that watch over the installed system, and that nobody misses until afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from thornwall.model.fact import Known, Unknown
from thornwall.model.finding import (
    Attacker,
    Consequence,
    Effort,
    Evidence,
    FaultClass,
    Fixable,
    Kind,
    Reach,
    References,
)
from thornwall.model.rule import Context, Option, Preset, Rule, Verdict, fail, passed, rule, unknown
from thornwall.model.updates import Package
from thornwall.rules.updates_ask import STEPS, updates

_BUILDER = "thornwall-aide.timer"  # builds the first database, some time after it was installed
_AWARE = ("Cybersecurity State Awareness",)


def _packages(ctx: Context) -> Mapping[str, Package]:
    return ctx.known(updates(ctx).packages, absent="the host has no dpkg")


def _needs(ctx: Context, good: str, bad: str) -> Iterator[Verdict]:
    """A pass where one of the option's packages is installed."""
    installed, names = _packages(ctx), ctx.words("packages")
    found = [name for name in names if name in installed]
    if found:
        yield passed(good, Evidence(f"dpkg -l {found[0]}", installed[found[0]].version))
    else:
        yield fail(bad, Evidence(f"dpkg -l {names[0]}", "not installed"))


@rule(
    "no-file-integrity-check",
    "Nobody would notice that a program was exchanged",
    subject="tools",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=3,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.BLINDNESS,
    effort=Effort.HOUR,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.STRICT,
    references=References(
        document=("Practical Steps to Secure IoT Devices",),
        cis_debian12=("6.3.1", "6.3.2"),
        ssg=("package_aide_installed", "aide_build_database", "aide_periodic_checking_systemd_timer"),
        etsi=("5.7-1",),
        nist=_AWARE,
        cwe=(353,),
    ),
    commands=(
        "sudo apt-get install aide aide-common",
        "sudo sed -i 's/^Checksums = H$/Checksums = sha512/' /etc/aide/aide.conf",
        "sudo aideinit",
        "sudo systemctl enable --now dailyaidecheck.timer",
    ),
    options=(
        Option(
            "packages",
            ("aide", "aide-dynamic", "tripwire", "samhain", "osquery", "wazuh-agent", "ossec-hids-agent"),
            "the programs that compare files with what they were",
        ),
    ),
)
def no_file_integrity_check(ctx: Context) -> Iterator[Verdict]:
    """No program compares the system's files with what they were.

    What:
        Whether AIDE, or another program that keeps checksums of the system's files, is installed; and AIDE's database,
        without which it has nothing to compare with.

    Why:
        Who takes a device over exchanges programs (sshd, ps) so as to stay. The files look the same; their checksums do
        not.

    Remedy:
        Install AIDE, have it reckon one checksum of each file in place of a dozen (`Checksums = sha512` in
        `/etc/aide/aide.conf`), build its first database, and compare every day. Keep a copy of
        `/var/lib/aide/aide.db` on another computer: who has root can write a new one.
    Risk of the remedy:
        The first database takes minutes of reading, on a slow card half an hour; each daily run as well, at the lowest
        priority. Updates show up as changes until `aideinit` is run again.
    """
    installed, services = _packages(ctx), ctx.host.services
    first = next((name for name in ctx.words("packages") if name in installed), "")
    if not first.startswith("aide") or (isinstance(services, Known) and services.value.enabled(_BUILDER)):
        yield from _needs(ctx, "Files are compared with what they were.", "Nothing compares files with what they were.")
        return
    match updates(ctx).aide_database:
        case Known(mark):
            yield passed("AIDE has a database to compare with.", Evidence(mark.file))
        case Unknown(reason, mend):
            yield unknown(reason, mend=mend)
        case _:
            yield fail("AIDE has no database to compare with.", Evidence("/var/lib/aide/aide.db", "is not there"))


@rule(
    "package-files-unchecked",
    "Files of packages rot, or are changed, and nobody sees it",
    subject="tools",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.LOCAL,
    consequence=Consequence.BLINDNESS,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Practical Steps to Secure IoT Devices",),
        etsi=("5.7-1",),
        nist=_AWARE,
        cwe=(353,),
    ),
    commands=(
        "sudo apt-get install debsums",
        "sudo sed -i 's/^CRON_CHECK=.*/CRON_CHECK=weekly/' /etc/default/debsums",
    ),
)
def package_files_unchecked(ctx: Context) -> Iterator[Verdict]:
    """Nothing compares installed files with the checksums that came with their packages.

    What:
        Whether debsums is installed, and `CRON_CHECK` in `/etc/default/debsums` lets it look every week (or day, or
        month).

    Why:
        SD cards lose bits without a word, and a program that half works is hard to tell from one that was changed.
        debsums tells which file is not what its package brought.

    Remedy:
        Install debsums, and let it look once a week: `CRON_CHECK=weekly`.
    Risk of the remedy:
        A few minutes of reading each week. Files that you changed yourself outside of /etc are named as well.
    """
    installed, found = _packages(ctx), updates(ctx).debsums
    if "debsums" not in installed:
        yield fail("debsums is not installed.", Evidence("dpkg -l debsums", "not installed"))
        return
    mark = ctx.known(found, absent="debsums has no /etc/default/debsums")
    evidence = Evidence(mark.file, mark.text, mark.line)
    if mark.text.partition("=")[2].strip("\"' ").lower() in {"daily", "weekly", "monthly"}:
        yield passed("Files of packages are checked.", evidence)
    else:
        yield fail("debsums is installed, but never looks by itself.", evidence)


@rule(
    "updates-leave-old-code-running",
    "After an update services go on running the old code",
    subject="tools",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.UPDATES,
    likelihood=2,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.STRICT,
    references=References(document=(STEPS,), etsi=("5.3-4",), nist=("Software Update",), owasp_iot=("I5",)),
    commands=("sudo apt-get install needrestart",),
    options=(Option("packages", ("needrestart", "debian-goodies"), "the programs that tell what must start again"),),
)
def updates_leave_old_code_running(ctx: Context) -> Iterator[Verdict]:
    """Nothing tells which services still have a replaced library in memory.

    What:
        Whether needrestart, or checkrestart of debian-goodies, is installed.

    Why:
        An update of a library exchanges the file; the services that have it open go on with the old code, and its flaw,
        until they start again. A device that never reboots does so for months.

    Remedy:
        Install needrestart: after each update it looks which services must start again, and restarts them or says so.
    Risk of the remedy:
        At a terminal it asks after each update; automatic updates are only followed by a line in their log.
    """
    yield from _needs(ctx, "What must start again is told.", "Nothing tells what must start again after an update.")


@rule(
    "update-news-untold",
    "Nobody is told what an update changes",
    subject="tools",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.UPDATES,
    likelihood=1,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.DISRUPTION,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(document=(STEPS,), etsi=("5.3-11",), nist=("Software Update",)),
    commands=("sudo apt-get install apt-listchanges",),
    options=(Option("packages", ("apt-listchanges",), "the programs that show news of packages"),),
)
def update_news_untold(ctx: Context) -> Iterator[Verdict]:
    """News of packages is not shown before they are upgraded.

    What:
        Whether apt-listchanges is installed, as it is on Raspberry Pi OS.

    Why:
        Makers of packages write down what an upgrade breaks, or what its owner must do by hand (a default that changed,
        a setting that is now refused). Unread, it becomes an outage, or a protection that silently ended.

    Remedy:
        Install apt-listchanges: `apt-get upgrade` then shows the news first.
    Risk of the remedy:
        One more text to leave with `q` in an upgrade at a terminal; automatic updates are not held up.
    """
    yield from _needs(ctx, "News of packages is shown.", "News of packages is not shown.")


RULES: tuple[Rule, ...] = (
    no_file_integrity_check,
    package_files_unchecked,
    updates_leave_old_code_running,
    update_news_untold,
)
