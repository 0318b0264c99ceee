"""What is out of date: packages, lists, the release itself, the running kernel, the firmware."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.fact import Absent, Known, Unknown
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
from thornwall.model.rule import (
    Context,
    Option,
    Preset,
    Rule,
    Verdict,
    fail,
    not_applicable,
    passed,
    rule,
    unknown,
)
from thornwall.model.updates import Candidate, PackageLists
from thornwall.rules import updates_automatic, updates_release, updates_sources
from thornwall.rules.updates_ask import DAY, FETCH, NIST, STEPS, UPGRADE, clock, day, lists, updates

_SHOWN = 40  # packages named in the evidence


def _age(ctx: Context, found: PackageLists) -> int:
    """How many days ago apt last looked."""
    return (clock(ctx) - found.refreshed) // DAY


def _told(pending: list[Candidate]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(each.suite.file, f"{each.package.name} {each.package.version} -> {each.version}")
        for each in sorted(pending, key=lambda each: each.package.name)[:_SHOWN]
    )


def _none_pending(ctx: Context, found: PackageLists, most: int) -> Verdict:
    """The answer where the lists name nothing: no better than the lists are."""
    if found.unread:
        return unknown(f"{found.unread[0]} is packed in a way that could not be read", mend="apt list --upgradable")
    if not found.suites:
        return unknown("apt has no lists of packages", mend=FETCH)
    if found.refreshed < 0 or _age(ctx, found) > most:
        when = f"of {day(found.refreshed)}" if found.refreshed >= 0 else "of an unknown date"
        return unknown(f"the lists are {when}, so newer updates are not known", mend=FETCH)
    return passed(f"Nothing is pending by the lists of {day(found.refreshed)}.")


@rule(
    "pending-security-updates",
    "Security updates are waiting",
    subject="updates",
    kind=Kind.VULNERABILITY,
    fault_class=FaultClass.UPDATES,
    likelihood=3,
    impact=4,
    attacker=Attacker.WORM,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.DOCUMENTS,
    commands=("sudo apt-get update", "sudo apt-get full-upgrade"),
    references=References(
        document=(UPGRADE, STEPS),
        cis_debian12=("1.2.2.1",),
        ssg=("security_patches_up_to_date",),
        etsi=("5.3-8",),
        nist=NIST,
        owasp_iot=("I5",),
        owasp_top10=("A06:2021",),
        cwe=(1395,),
    ),
    options=(Option("days", 7, "the age in days from which lists prove nothing any more"),),
)
def pending_security_updates(ctx: Context) -> Iterator[Verdict]:
    """Whether a security archive offers a newer version of an installed package.

    What:
        The lists that apt has fetched name newer versions of installed packages in a security archive.
    Why:
        Such an update mends a flaw that has been published: from then on everybody can look up how to use it.
    Remedy:
        Fetch and install the updates, and restart if the kernel was among them. Raspberry Pi advises `full-upgrade`
        over `upgrade`: it also installs what an update newly depends on.
    Risk of the remedy:
        Services restart, and a changed default can surprise. Have a backup, and do not cut the power meanwhile.
    """
    found = lists(ctx)
    pending = list(updates(ctx).pending(security=True))
    taken = [each for each in pending if not each.package.held]
    doubtful = found.doubtful
    if taken:
        what = "1 package has" if len(taken) == 1 else f"{len(taken)} packages have"
        yield fail(f"{what} a security update waiting.", *_told(taken))
    elif doubtful:
        yield unknown(
            f"{doubtful[0].package.name} {doubtful[0].package.version} is Raspberry Pi's own build: whether it has the "
            f"fix of Debian's {doubtful[0].version} cannot be told from the version",
            mend="compare the changelogs: apt changelog PACKAGE",
        )
    else:
        yield _none_pending(ctx, found, ctx.number("days"))


@rule(
    "held-security-updates",
    "A package is held back from its security update",
    subject="updates",
    kind=Kind.VULNERABILITY,
    fault_class=FaultClass.UPDATES,
    likelihood=2,
    impact=4,
    attacker=Attacker.WORM,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    commands=("sudo apt-mark unhold PACKAGE", "sudo apt-get install --only-upgrade PACKAGE"),
    references=References(
        document=(UPGRADE,), etsi=("5.3-8",), nist=NIST, owasp_iot=("I5",), owasp_top10=("A06:2021",), cwe=(1395,)
    ),
)
def held_security_updates(ctx: Context) -> Iterator[Verdict]:
    """Whether a package that `apt-mark hold` keeps back has a security update.

    What:
        Somebody has put a package on hold, and a security archive offers a newer version of it.
    Why:
        Holds are set to get past a bad day and then forgotten; `apt-get upgrade` passes over them from then on.
    Remedy:
        Find out why it was held, then `sudo apt-mark unhold PACKAGE` and upgrade it.
    Risk of the remedy:
        What the hold was for may come back: read the changelog first (`apt changelog PACKAGE`).
    """
    found = lists(ctx)
    held = [each for each in updates(ctx).pending(security=True) if each.package.held]
    for each in held:
        name = each.package.name
        commands = (f"sudo apt-mark unhold {name}", f"sudo apt-get install --only-upgrade {name}")
        yield fail(f"{name} is held at {each.package.version}.", *_told([each]), subject=name, commands=commands)
    if not held and found.unread:
        yield unknown(f"{found.unread[0]} is packed in a way that could not be read", mend="apt list --upgradable")
    elif not held:
        yield passed("No held package has a security update by apt's lists.")


@rule(
    "pending-updates",
    "Updates are waiting",
    subject="updates",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.OUTDATED,
    likelihood=2,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.DOCUMENTS,
    commands=("sudo apt-get update", "sudo apt-get full-upgrade"),
    references=References(document=(UPGRADE,), cis_debian12=("1.2.2.1",), etsi=("5.3-8",), nist=NIST),
    options=(Option("days", 30, "the age in days from which lists prove nothing any more"),),
)
def pending_updates(ctx: Context) -> Iterator[Verdict]:
    """Whether apt would upgrade packages, apart from security updates.

    What:
        The lists that apt has fetched name newer versions of installed packages, in archives that are not for security
        alone. Raspberry Pi's archive has no separate one: its security fixes are among these.
    Why:
        Fixes pile up; a device that is updated rarely breaks when it must be updated in a hurry.
    Remedy:
        Fetch and install the updates, and restart if the kernel was among them. Raspberry Pi advises `full-upgrade`
        over `upgrade`: it also installs what an update newly depends on.
    Risk of the remedy:
        Services restart, and a changed default can surprise. Have a backup, and do not cut the power meanwhile.
    """
    found = lists(ctx)
    plain = [each for each in updates(ctx).pending(security=False) if not each.suite.security and not each.package.held]
    if plain:
        what = "1 package" if len(plain) == 1 else f"{len(plain)} packages"
        yield fail(f"{what} can be upgraded.", *_told(plain))
    else:
        yield _none_pending(ctx, found, ctx.number("days"))


@rule(
    "stale-package-lists",
    "Nobody has looked for updates for a long time",
    subject="updates",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.UPDATES,
    likelihood=2,
    impact=3,
    attacker=Attacker.WORM,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    commands=(FETCH,),
    references=References(document=(UPGRADE,), etsi=("5.3-5",), nist=NIST, owasp_iot=("I5",)),
    options=(Option("days", 30, "the greatest age of apt's lists in days", strict=7),),
)
def stale_package_lists(ctx: Context) -> Iterator[Verdict]:
    """Whether apt's lists are missing or old.

    What:
        apt keeps lists of what the archives offer. They are missing, or were fetched longer ago than the policy allows.
    Why:
        As long as nobody looks, the device does not know that it has holes, and answers 'nothing to upgrade'.
    Remedy:
        Fetch the lists of packages now, and let that happen daily (rule no-automatic-updates).
    Risk of the remedy:
        None; it fetches about 10 MB.
    """
    found = updates(ctx)
    if isinstance(found.lists, Absent) and not isinstance(found.packages, Known):
        yield not_applicable("the host does not use apt")
        return
    answer = found.lists
    if isinstance(answer, Unknown):
        yield unknown(answer.reason, mend=answer.mend)
    elif isinstance(answer, Absent) or not answer.value.suites:
        yield fail("apt has no lists: it was never asked for updates.", Evidence("/var/lib/apt/lists"))
    elif answer.value.refreshed < 0:
        yield unknown("when apt last looked was not told", mend=FETCH)
    else:
        days = _age(ctx, answer.value)
        seen = Evidence("/var/lib/apt/lists", f"last fetched {day(answer.value.refreshed)}")
        if days > ctx.number("days"):
            yield fail(f"apt last looked for updates {days} days ago.", seen)
        else:
            yield passed(f"apt last looked for updates on {day(answer.value.refreshed)}.", seen)


RULES: tuple[Rule, ...] = (
    pending_security_updates,
    held_security_updates,
    pending_updates,
    stale_package_lists,
    *updates_release.RULES,
    *updates_automatic.RULES,
    *updates_sources.RULES,
)
