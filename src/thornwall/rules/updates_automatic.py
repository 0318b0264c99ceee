"""Whether updates come by themselves, and from every archive that matters."""

from __future__ import annotations

import fnmatch
import re
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
from thornwall.model.host import Host
from thornwall.model.rule import (
    Context,
    Preset,
    Rule,
    UnansweredError,
    Verdict,
    fail,
    not_applicable,
    passed,
    rule,
    unknown,
)
from thornwall.model.schedule import Job
from thornwall.model.services import Services
from thornwall.model.updates import AptConfig, AptValue, Suite, Updates
from thornwall.rules.updates_ask import NIST, STEPS, host, updates

_PERIODIC = "APT::Periodic::"
_LISTS_ON = 'APT::Periodic::Update-Package-Lists "1";'
_INSTALL_ON = 'APT::Periodic::Unattended-Upgrade "1";'
_PI = "origin=Raspberry Pi Foundation,codename=${distro_codename},label=Raspberry Pi Foundation"
_CONF = "/etc/apt/apt.conf.d/20auto-upgrades"
_UPGRADES = re.compile(
    r"\bunattended-upgrades?\b|\b(?:apt|apt-get|aptitude|dnf5?|yum)\b[^|;&]*\b(?:full-|dist-|safe-)?(?:upgrade|update)\b"
)
_INSTALLS = re.compile(r"\bunattended-upgrades?\b|upgrade|\b(?:dnf5?|yum)\b[^|;&]*\bupdate\b")


def _apt(found: Updates) -> AptConfig:
    """apt's configuration, empty where there are no files of it."""
    match found.apt:
        case Known(value):
            return value
        case Unknown(reason, mend):
            raise UnansweredError(unknown(reason, mend=mend))
        case _:
            return AptConfig()


def _on(value: AptValue | None) -> bool:
    """Whether an interval of APT::Periodic means that it is done: `1`, `12h`, `always`, not `0`."""
    return value is not None and value.value.strip().lower() not in {"", "0", "0d", "0h", "0m", "0s", "no", "false"}


def _shown(value: AptValue) -> Evidence:
    return Evidence(value.file, f'{value.name} "{value.value}"', value.line)


def _jobs(ctx: Context) -> Iterator[Job]:
    """Jobs of cron and timers that install updates."""
    match ctx.host.schedule:
        case Known(schedule):
            for job in schedule.jobs:
                if job.enabled and _UPGRADES.search(job.command) and _INSTALLS.search(job.command):
                    yield job
        case _:
            return


def _missing(found: Updates, config: AptConfig, services: Services) -> Iterator[tuple[str, Evidence]]:
    """What keeps unattended-upgrades from running, each with what shows it."""
    packages = found.packages
    if isinstance(packages, Known) and "unattended-upgrades" not in packages.value:
        yield "unattended-upgrades is not installed", Evidence("dpkg -l unattended-upgrades", "not installed")
    switch = config.get(f"{_PERIODIC}Enable")
    if switch is not None and not _on(switch):
        yield "APT::Periodic::Enable switches it off", _shown(switch)
    for name, what in (
        ("Update-Package-Lists", "the lists of packages are not fetched by themselves"),
        ("Unattended-Upgrade", "nothing is installed by itself"),
    ):
        value = config.get(_PERIODIC + name)
        if not _on(value):
            yield what, _shown(value) if value else Evidence("apt-config dump", f"{_PERIODIC}{name} is not set")
    for timer in ("apt-daily.timer", "apt-daily-upgrade.timer"):
        unit = services.unit(timer)
        if unit is None or not unit.enabled:
            state = unit.state if unit is not None else "not enabled"
            yield f"{timer} is {state}", Evidence(f"systemctl is-enabled {timer}", state)


@rule(
    "no-automatic-updates",
    "Updates do not come by themselves",
    subject="updates",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.UPDATES,
    likelihood=3,
    impact=3,
    attacker=Attacker.WORM,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.DOCUMENTS,
    commands=(
        "sudo apt-get install unattended-upgrades",
        f"printf '%s\\n' '{_LISTS_ON}' '{_INSTALL_ON}' | sudo tee {_CONF}",
        "sudo systemctl enable --now apt-daily.timer apt-daily-upgrade.timer",
    ),
    references=References(
        document=(STEPS,),
        ssg=("dnf-automatic_apply_updates",),
        etsi=("5.3-4", "5.3-5"),
        nist=NIST,
        owasp_iot=("I5",),
    ),
)
def no_automatic_updates(ctx: Context) -> Iterator[Verdict]:
    """Whether something fetches and installs security updates without anybody asking.

    What:
        Nothing installs updates by itself: unattended-upgrades is missing, or switched off in apt.conf.d, or apt's two
        timers are off; and no job of cron or of a timer does it instead.
    Why:
        A small device is set up once and forgotten. Worms use flaws within days of their publication.
    Remedy:
        Install unattended-upgrades, and switch its daily runs on. On Raspberry Pi OS add its own archive, which the
        package does not know (rule automatic-updates-miss-origin). On Fedora: dnf-automatic with `apply_updates = yes`.
    Risk of the remedy:
        Services restart at night when they are updated. A device that is switched off by pulling its plug may be caught
        in the middle.
    """
    found = updates(ctx)
    jobs = list(_jobs(ctx))
    if jobs:
        yield passed("A job installs them.", *(Evidence(job.source, job.command, job.line) for job in jobs))
        return
    services = ctx.known(ctx.host.services, absent="nothing starts services here")
    if isinstance(found.packages, Absent):
        yield from _dnf(found, services)
        return
    if isinstance(found.packages, Unknown):
        yield unknown(found.packages.reason, mend=found.packages.mend)
        return
    config = _apt(found)
    missing = list(_missing(found, config, services))
    if missing:
        yield fail(f"{'; '.join(why for why, _ in missing)}.", *(seen for _, seen in missing))
        return
    told = (config.get(_PERIODIC + name) for name in ("Update-Package-Lists", "Unattended-Upgrade"))
    yield passed("unattended-upgrades runs every day.", *(_shown(value) for value in told if value))


def _dnf(found: Updates, services: Services) -> Iterator[Verdict]:
    installing = services.starting("dnf-automatic-install.timer")
    timers = services.starting("dnf-automatic.timer", "dnf5-automatic.timer", "dnf-automatic-install.timer")
    if not timers:
        if isinstance(found.dnf_automatic, Absent):
            yield unknown("which programs install updates on this distribution is not known")
        else:
            yield fail("No timer of dnf-automatic is enabled.", Evidence("systemctl is-enabled dnf-automatic.timer"))
        return
    match found.dnf_automatic:
        case Known(settings):
            apply = settings.get("commands.apply_updates")
            shown = Evidence(apply.file, apply.text, apply.line) if apply else Evidence(timers[0].where)
            if installing or (apply and apply.text.rpartition("=")[2].strip().lower() in {"yes", "true", "1"}):
                yield passed("dnf-automatic installs them.", shown)
            else:
                yield fail("dnf-automatic fetches updates, but does not install them.", shown)
        case Unknown(reason, mend):
            yield unknown(reason, mend=mend)
        case _:
            yield fail("dnf-automatic does not install updates by default.", Evidence(timers[0].where))


@rule(
    "automatic-updates-miss-origin",
    "Automatic updates leave an archive out",
    subject="updates",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.UPDATES,
    likelihood=3,
    impact=3,
    attacker=Attacker.WORM,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    commands=(
        f"echo 'Unattended-Upgrade::Origins-Pattern:: \"{_PI}\";' | sudo tee /etc/apt/apt.conf.d/52raspberrypi",
        "sudo unattended-upgrade --dry-run -v",
    ),
    references=References(document=(STEPS,), etsi=("5.3-4",), nist=NIST, owasp_iot=("I5",)),
)
def automatic_updates_miss_origin(ctx: Context) -> Iterator[Verdict]:
    """Whether unattended-upgrades takes what Raspberry Pi's archive and the security archive offer.

    What:
        unattended-upgrades only takes packages of the origins that its patterns name. Those that Debian ships do
        not name Raspberry Pi's archive, from which kernel, firmware, browser and desktop come.
    Why:
        The device looks as if it updated itself, and its kernel and browser never are.
    Remedy:
        Name the archive in a file of its own, /etc/apt/apt.conf.d/52raspberrypi, and see what a dry run says. On 32-bit
        systems add a pattern with `origin=Raspbian,codename=${distro_codename}` too.
    Risk of the remedy:
        Kernel and firmware change by themselves, and count from the next restart.
    """
    found = updates(ctx)
    who = host(ctx)
    services = ctx.known(ctx.host.services, absent="nothing starts services here")
    config = _apt(found)
    if not isinstance(found.packages, Known) or next(_missing(found, config, services), None) is not None:
        yield not_applicable("unattended-upgrades does not run")
        return
    lists = ctx.known(found.lists, absent="apt has no lists")
    suites = [suite for suite in lists.suites if _matters(suite)]
    patterns = list(_patterns(config))
    failed = False
    for suite in suites:
        if not any(_takes(pattern.value, suite, who) for pattern in patterns):
            failed = True
            near = patterns[0] if patterns else None
            seen = [Evidence(suite.file, f"Origin: {suite.origin}, Label: {suite.label}, Codename: {suite.codename}")]
            seen += [_shown(near)] if near else []
            yield fail(f"No pattern takes {suite.name}.", *seen, subject=suite.name)
    if not suites:
        yield unknown("apt's lists name no archive that matters here", mend="sudo apt-get update")
    elif not failed:
        yield passed("Every archive that matters is taken.", *(_shown(pattern) for pattern in patterns[:8]))


def _matters(suite: Suite) -> bool:
    own = suite.origin in {"Raspberry Pi Foundation", "Raspbian"} or "raspberrypi" in suite.site
    return suite.security or (own and suite.priority >= 500)


def _patterns(config: AptConfig) -> Iterator[AptValue]:
    yield from config.all("Unattended-Upgrade::Origins-Pattern")
    for value in config.all("Unattended-Upgrade::Allowed-Origins"):
        origin, _, archive = value.value.partition(":")
        yield AptValue(value.name, f"o={origin},a={archive}", value.file, value.line)


def _takes(pattern: str, suite: Suite, who: Host) -> bool:
    """Whether unattended-upgrades matches a suite with a pattern (`o=Debian,a=stable`): every word must agree."""
    filled = pattern.replace("${distro_codename}", who.codename).replace("${distro_id}", who.os_id.capitalize())
    if not filled.strip():
        return False
    if filled.strip() == "*":
        return True
    fields = {
        **dict.fromkeys(("o", "origin"), suite.origin),
        **dict.fromkeys(("l", "label"), suite.label),
        **dict.fromkeys(("a", "suite", "archive"), suite.suite),
        **dict.fromkeys(("n", "codename"), suite.codename),
        "site": suite.site,
        "c": "*",
        "component": "*",
    }
    for word in re.split(r"(?<!\\),", filled):
        name, _, wanted = word.strip().partition("=")
        has = fields.get(name.strip().lower())
        if has is None or (has != "*" and not fnmatch.fnmatchcase(has, wanted.strip())):
            return False
    return True


RULES: tuple[Rule, ...] = (no_automatic_updates, automatic_updates_miss_origin)
