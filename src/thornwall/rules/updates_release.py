"""How old the release, the running kernel and the firmware are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from thornwall.model.fact import Known
from thornwall.model.finding import (
    Attacker,
    Consequence,
    Effort,
    Evidence,
    FaultClass,
    Fixable,
    Kind,
    Need,
    Reach,
    References,
)
from thornwall.model.host import Host
from thornwall.model.rule import (
    Context,
    Preset,
    Rule,
    Verdict,
    fail,
    manual,
    not_applicable,
    passed,
    rule,
    unknown,
)
from thornwall.rules.updates_ask import NIST, STEPS, UPGRADE, clock, day, host, updates


@rule(
    "end-of-life-os",
    "The operating system gets no security updates any more",
    subject="updates",
    kind=Kind.VULNERABILITY,
    fault_class=FaultClass.OUTDATED,
    likelihood=3,
    impact=5,
    attacker=Attacker.WORM,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.HOUR,
    fixable=Fixable.BY_HAND,
    references=References(
        document=("Top IoT Vulnerabilities/Misconfiguration",),
        ssg=("installed_OS_is_vendor_supported",),
        etsi=("5.3-13",),
        nist=NIST,
        owasp_iot=("I5",),
        owasp_top10=("A06:2021",),
        cwe=(1104,),
    ),
)
def end_of_life_os(ctx: Context) -> Iterator[Verdict]:
    """Whether the release is past its last day of support.

    What:
        The release of the distribution has passed the day until which its makers publish security updates, long-term
        support by volunteers included.
    Why:
        From that day on every flaw that is found stays open, and `apt-get upgrade` says that all is well.
    Remedy:
        Have a backup, then move to the current release. Raspberry Pi advises a fresh image on another card; Debian and
        Ubuntu can also be upgraded in place, one release at a time.
    Risk of the remedy:
        A new release changes programs and their settings: plan an hour, and keep the old card.
    """
    who = host(ctx)
    if not who.os_id:
        yield unknown("os-release(5) was not read")
        return
    last = _end(who)
    seen = Evidence("/etc/os-release", f"{who.pretty or who.os_id} (VERSION_ID={who.version or 'none'})")
    if last is None:
        yield unknown(f"how long {who.pretty or who.os_id} is supported is not known to this version of thornwall")
    elif not last:
        yield not_applicable("it is a rolling release")
    elif day(clock(ctx)) > last:
        yield fail(f"Security updates ended on {last}.", seen)
    else:
        yield passed(f"It gets security updates until {last}.", seen)


_ENDS: Mapping[tuple[str, str], str] = {
    # Debian: the end of long-term support
    ("debian", "8"): "2020-06-30",
    ("debian", "9"): "2022-06-30",
    ("debian", "10"): "2024-06-30",
    ("debian", "11"): "2026-08-31",
    ("debian", "12"): "2028-06-30",
    ("debian", "13"): "2030-06-30",
    # Ubuntu: standard support, without subscription
    ("ubuntu", "16.04"): "2021-04-30",
    ("ubuntu", "18.04"): "2023-05-31",
    ("ubuntu", "20.04"): "2025-05-29",
    ("ubuntu", "22.04"): "2027-06-01",
    ("ubuntu", "24.04"): "2029-05-31",
    ("ubuntu", "24.10"): "2025-07-10",
    ("ubuntu", "25.04"): "2026-01-15",
    ("ubuntu", "25.10"): "2026-07-09",
    ("ubuntu", "26.04"): "2031-05-29",
    # Fedora: about 13 months
    ("fedora", "41"): "2025-12-31",
    ("fedora", "42"): "2026-06-30",
    ("fedora", "43"): "2026-12-31",
    ("fedora", "44"): "2027-06-30",
}
"""(ID, VERSION_ID) of os-release(5) -> the last day with security updates."""


def _end(who: Host) -> str | None:
    """The last day of support, '' for a rolling release, None where it is not known."""
    os_id = "debian" if who.os_id == "raspbian" else who.os_id
    if os_id in {"arch", "archarm", "opensuse-tumbleweed"} or (os_id == "debian" and not who.version):
        return ""
    known = _ENDS.get((os_id, who.version))
    if known is None and os_id in {"debian", "ubuntu", "fedora"} and who.version.replace(".", "").isdecimal():
        oldest = min((version for name, version in _ENDS if name == os_id), key=_number)
        if _number(who.version) < _number(oldest):
            return _ENDS[os_id, oldest]
    return known


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part or 0) for part in version[:20].split("."))


@rule(
    "reboot-pending",
    "A restart is due to use updates that are installed",
    subject="updates",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.UPDATES,
    likelihood=2,
    impact=3,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.BY_HAND,
    needs=(Need.REBOOT,),
    commands=("sudo systemctl reboot",),
    references=References(document=(UPGRADE,), etsi=("5.3-8",), nist=NIST, cwe=(1395,)),
)
def reboot_pending(ctx: Context) -> Iterator[Verdict]:
    """Whether the running kernel is older than the installed one, or a package asked for a restart.

    What:
        A newer kernel than the running one is installed, or /run/reboot-required says that an update needs a restart.
    Why:
        Until then the old kernel or library runs on, with the flaws that the update has mended.
    Remedy:
        Restart when it suits: `sudo systemctl reboot`.
    Risk of the remedy:
        The device is away for a minute; with a full-disk password or an overlay root somebody must be there.
    """
    who, found = host(ctx), updates(ctx)
    if not who.live:
        yield unknown("a directory does not run: only the running system can tell", mend="audit the running host")
        return
    if isinstance(found.reboot, Known):
        mark = found.reboot.value
        yield fail("A package asked for a restart.", Evidence(mark.file, mark.text))
        return
    if who.container:
        yield not_applicable("a container uses the kernel of its host")
        return
    packages = ctx.known(found.packages, absent="the kernel is not a package of dpkg")
    versions = {
        name.removeprefix("linux-image-"): each.version for name, each in packages.items() if _IMAGE.match(name)
    }
    if who.kernel not in versions:
        yield unknown(f"the running kernel {who.kernel} is not one of the installed packages")
        return
    newest = max((release for release in versions if _flavour(release) == _flavour(who.kernel)), key=_release_key)
    seen = (
        Evidence("uname -r", who.kernel),
        Evidence("dpkg -l 'linux-image-*'", f"linux-image-{newest} {versions[newest]}"),
    )
    if newest != who.kernel:
        yield fail(f"Kernel {newest} is installed, {who.kernel} runs.", *seen)
    elif found.kernel_build and _release_key(versions[newest]) > _release_key(found.kernel_build):
        yield fail(f"Kernel build {versions[newest]} is installed, {found.kernel_build} runs.", *seen)
    else:
        yield passed("The newest installed kernel runs.", *seen)


_IMAGE = re.compile(r"linux-image-\d[\w.+~-]*\Z")
_FLAVOUR = re.compile(r"[\d.]+(?:[+~][a-z0-9.~+]+)?(?:-\d+)?(.*)", re.DOTALL)
_DIGITS = re.compile(r"\d+")


def _flavour(release: str) -> str:
    """`-rpi-v8` of `6.12.25+rpt-rpi-v8`, `-amd64` of `6.1.0-32-amd64`: kernels that replace each other share it."""
    found = _FLAVOUR.match(release)
    return found[1] if found else release


def _release_key(release: str) -> tuple[int, ...]:
    """Kernel releases and builds differ in numbers alone; an epoch and a rebuild count for nothing."""
    return tuple(int(number[:9]) for number in _DIGITS.findall(release.rpartition(":")[2].partition("+b")[0]))


@rule(
    "firmware-updates",
    "The bootloader does not get its updates",
    subject="updates",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.OUTDATED,
    likelihood=1,
    impact=3,
    attacker=Attacker.NEAR,
    reach=Reach.TOUCH,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.DOCUMENTS,
    needs=(Need.REBOOT,),
    commands=("sudo apt-get install rpi-eeprom", "sudo systemctl enable rpi-eeprom-update", "sudo rpi-eeprom-update"),
    references=References(document=(STEPS,), etsi=("5.3-1", "5.3-4"), nist=NIST, owasp_iot=("I4",), cwe=(1329,)),
    asks=True,
)
def firmware_updates(ctx: Context) -> Iterator[Verdict]:
    """Whether rpi-eeprom-update runs at boot (Raspberry Pi 4, 5 and their kin; elsewhere a question).

    What:
        The Raspberry Pi 4 and 5 keep their bootloader in a memory of their own. rpi-eeprom-update brings it up to date
        at boot; here the package is missing, the service is off, or the version is frozen.
    Why:
        The bootloader decides what is started, from card, USB or network. Its makers mend flaws in it too.
    Remedy:
        Install rpi-eeprom and enable rpi-eeprom-update.service. `sudo rpi-eeprom-update` shows both versions. On other
        boards and PCs look at the maker's page; on PCs `fwupdmgr get-updates`.
    Risk of the remedy:
        Cutting the power while the bootloader is written can mean that the board must be recovered from a card.
    """
    who, found = host(ctx), updates(ctx)
    if who.container or not who.model:
        yield not_applicable("no board of its own is visible")
    elif not re.search(r"Raspberry Pi (?:4|5|400|500|Compute Module [45])", who.model):
        if "Raspberry Pi" in who.model:
            yield not_applicable("its bootloader is on the card, and comes with the packages")
        else:
            yield manual(f"Is the firmware of this {who.model} up to date?")
    elif isinstance(found.eeprom_frozen, Known):
        mark = found.eeprom_frozen.value
        yield fail("The bootloader's version is frozen.", Evidence(mark.file, mark.text, mark.line))
    else:
        services = ctx.known(ctx.host.services, absent="nothing starts services here")
        unit = services.unit("rpi-eeprom-update")
        if unit is not None and unit.enabled:
            yield passed("rpi-eeprom-update runs at boot.", Evidence(unit.where))
        else:
            yield fail("rpi-eeprom-update does not run at boot.", Evidence("systemctl is-enabled rpi-eeprom-update"))


RULES: tuple[Rule, ...] = (end_of_life_os, reboot_pending, firmware_updates)
