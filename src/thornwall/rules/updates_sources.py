"""Where packages come from: signed, and by whom."""

from __future__ import annotations

from collections.abc import Iterator

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
from thornwall.model.rule import Context, Rule, Verdict, fail, not_applicable, passed, rule, unknown
from thornwall.model.updates import AptSource, PackageLists, Updates
from thornwall.rules.updates_ask import FETCH, NIST, UPGRADE, updates


def _shown(source: AptSource) -> Evidence:
    return Evidence(source.file, source.text, source.line)


def _rest(found: Updates, said: str) -> Verdict:
    """The answer where no source is at fault."""
    if found.sources_gap is not None:
        return unknown(found.sources_gap.reason, mend=found.sources_gap.mend)
    if not found.sources:
        return not_applicable("apt has no sources")
    return passed(said, *(_shown(source) for source in found.sources[:8]))


@rule(
    "unsigned-apt-source",
    "apt installs packages that nobody has signed",
    subject="updates",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=5,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    references=References(
        document=(UPGRADE,),
        cis_debian12=("1.2.1.1", "1.2.1.2"),
        ssg=("apt_conf_disallow_unauthenticated",),
        etsi=("5.3-2", "5.3-9", "5.3-10"),
        nist=NIST,
        owasp_iot=("I4",),
        owasp_top10=("A08:2021",),
        cwe=(347,),
    ),
)
def unsigned_apt_source(ctx: Context) -> Iterator[Verdict]:
    """Whether a source or apt's configuration switches the check of signatures off.

    What:
        A source says `trusted=yes` or `allow-insecure=yes` (`Trusted:`, `Allow-Insecure:`), or apt.conf has
        APT::Get::AllowUnauthenticated or Acquire::AllowInsecureRepositories: packages are installed unseen.
    Why:
        Packages run as root when they are installed. Without a signature anybody on the way, or who breaks into the
        server, can put in what they like.
    Remedy:
        Have apt check the archive by its makers' key, and take `trusted=yes` out. Get the key over https, put it into
        /usr/share/keyrings, and name it with `signed-by=`. If the archive has no signature, do without it.
    Risk of the remedy:
        `apt-get update` complains of the archive until its key is right.
    """
    found = updates(ctx)
    failed = False
    for source in found.sources:
        if (source.yes("trusted") or source.yes("allow-insecure")) and not source.local:
            failed = True
            yield fail(f"Packages of {source.uri} are taken without a signature.", _shown(source), subject=source.uri)
    if isinstance(found.apt, Known):
        for name in (
            "APT::Get::AllowUnauthenticated",
            "Acquire::AllowInsecureRepositories",
            "Acquire::AllowWeakRepositories",
            "Acquire::AllowDowngradeToInsecureRepositories",
        ):
            value = found.apt.value.get(name)
            if value is not None and value.value.lower() in {"true", "yes", "1", "on", "with", "enable"}:
                failed = True
                yield fail(f"{name} is on.", Evidence(value.file, f'{name} "{value.value}"', value.line), subject=name)
    elif isinstance(found.apt, Unknown):
        failed = True
        yield unknown(found.apt.reason, mend=found.apt.mend)
    if not failed:
        yield _rest(found, "Every source is checked by its signature.")


_HOSTS = ("debian.org", "raspberrypi.com", "raspberrypi.org", "raspbian.org", "ubuntu.com")
_OWN = frozenset({"Debian", "Raspbian", "Raspberry Pi Foundation", "Ubuntu", "Debian Backports"})


@rule(
    "third-party-sources",
    "Packages come from other makers than the distribution",
    subject="updates",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.OUTDATED,
    likelihood=1,
    impact=4,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    references=References(
        document=("Existing software packages",),
        cis_debian12=("1.2.1.2",),
        ssg=("apt_sources_list_official",),
        etsi=("5.3-10",),
        nist=NIST,
        owasp_iot=("I5",),
        owasp_top10=("A08:2021",),
    ),
)
def third_party_sources(ctx: Context) -> Iterator[Verdict]:
    """Whether an archive of somebody else than the distribution is among apt's sources.

    What:
        apt's lists have an archive whose Release file names another origin than Debian, Raspberry Pi or Ubuntu.
    Why:
        Its makers can run anything as root on the device with their next update, and nobody else tells when it has a
        flaw, or that it is no longer kept up.
    Remedy:
        Look through these archives, and remove those that are no longer needed or kept up. That is the file in
        /etc/apt/sources.list.d, and the packages. There is nothing wrong with one that you use and trust: then accept
        the finding with a waiver.
    Risk of the remedy:
        Packages of a removed archive stay as they are, without updates.
    """
    found = updates(ctx)
    if isinstance(found.lists, Unknown):
        yield unknown(found.lists.reason, mend=found.lists.mend)
        return
    if not isinstance(found.lists, Known) or not found.lists.value.suites:
        yield _rest(found, "") if not found.sources else unknown("apt has no lists of packages", mend=FETCH)
        return
    foreign = [suite for suite in found.lists.value.suites if suite.origin not in _OWN]
    for suite in foreign:
        yield fail(
            f"{suite.origin or suite.site} offers packages.",
            Evidence(suite.file, f"Origin: {suite.origin or '(none)'}"),
            subject=suite.name,
        )
    unseen = list(_unseen(found, found.lists.value))
    for source in unseen:
        yield fail("Who makes it is not known: apt has no list of it.", _shown(source), subject=source.uri)
    if not foreign and not unseen:
        yield _rest(found, "All archives are the distribution's.")


def _unseen(found: Updates, lists: PackageLists) -> Iterator[AptSource]:
    """Sources of other hosts than the distribution's that apt has not fetched a list of, each address once."""
    fetched = [suite.file.rpartition("/")[2] for suite in lists.suites]
    said = set()
    for source in found.sources:
        place = source.uri.partition("://")[2].rstrip("/")
        name = place.replace("/", "_")
        official = place.partition("/")[0].endswith(_HOSTS)
        if place and not source.local and not official and not any(file.startswith(name) for file in fetched):
            if source.uri not in said:
                yield source
            said.add(source.uri)


@rule(
    "orphaned-packages",
    "Installed packages get no updates from anywhere",
    subject="updates",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.OUTDATED,
    likelihood=1,
    impact=3,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    commands=("apt list '?obsolete'",),
    references=References(
        document=("Top IoT Vulnerabilities/Misconfiguration",),
        etsi=("5.3-1",),
        nist=NIST,
        owasp_iot=("I5",),
        owasp_top10=("A06:2021",),
        cwe=(1104,),
    ),
)
def orphaned_packages(ctx: Context) -> Iterator[Verdict]:
    """Whether an installed package is offered by no archive that apt knows. Kernels, which change names, do not count.

    What:
        Packages are installed that none of apt's archives has: downloaded by hand, from an archive that was removed, or
        dropped by the distribution.
    Why:
        Nobody mends their flaws, and `apt-get upgrade` never mentions them.
    Remedy:
        Remove those that are not needed; for the rest find an archive, or watch their makers. `apt list '?obsolete'`
        shows them.
    Risk of the remedy:
        What needs a removed package goes with it: read what apt asks before you agree.
    """
    found = updates(ctx)
    if isinstance(found.lists, Unknown):
        yield unknown(found.lists.reason, mend=found.lists.mend)
        return
    if not isinstance(found.lists, Known) or not found.lists.value.suites:
        if isinstance(found.packages, Known):
            yield unknown("apt has no lists of packages", mend=FETCH)
        else:
            yield not_applicable("the host does not use apt")
        return
    lists = found.lists.value
    if lists.unread:
        yield unknown(f"{lists.unread[0]} is packed in a way that could not be read", mend="apt list '?obsolete'")
        return
    names = sorted({name for name in lists.orphans if not name.startswith("linux-")})
    if names:
        what = "1 package is" if len(names) == 1 else f"{len(names)} packages are"
        shown = (Evidence("apt list '?obsolete'", name) for name in names[:40])
        yield fail(f"{what} offered by no archive.", *shown)
    else:
        yield passed("Every installed package has an archive.")


@rule(
    "rpi-update-used",
    "The kernel comes from rpi-update",
    subject="updates",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.OUTDATED,
    likelihood=1,
    impact=3,
    attacker=Attacker.FAR,
    reach=Reach.LOCAL,
    consequence=Consequence.DISRUPTION,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    commands=("sudo apt-get install --reinstall raspi-firmware '~i~n^linux-image-.*rpi'",),
    references=References(document=(UPGRADE,), etsi=("5.3-2",), nist=NIST, owasp_iot=("I5",)),
)
def rpi_update_used(ctx: Context) -> Iterator[Verdict]:
    """Whether rpi-update has put a test kernel and firmware in place of the packaged ones.

    What:
        A file .firmware_revision on the boot partition says that rpi-update was used.
    Why:
        It installs kernels that are still being tested, past the package system: later security updates of the kernel
        package may be mixed with it or not be used. Raspberry Pi says not to use it for regular updates.
    Remedy:
        Go back to the packaged kernel and firmware, restart, and remove the file .firmware_revision.
    Risk of the remedy:
        Hardware that only the test kernel supports stops working. Have a backup of the card.
    """
    found = updates(ctx)
    match found.rpi_update:
        case Known(mark):
            yield fail("rpi-update was used on this device.", Evidence(mark.file, mark.text))
        case Unknown(reason, mend):
            yield unknown(reason, mend=mend)
        case _:
            who = ctx.host.host
            if isinstance(who, Known) and not who.value.raspberry_pi:
                yield not_applicable("it is no Raspberry Pi")
            else:
                yield passed("There is no trace of it.")


RULES: tuple[Rule, ...] = (unsigned_apt_source, third_party_sources, orphaned_packages, rpi_update_used)
