"""Fixes of the rules about updates: those that wait, and those to come."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from thornwall.model.change import EditLine, OwnLine, Packages, Purpose, UnitsOn
from thornwall.model.fact import Known
from thornwall.model.finding import Finding
from thornwall.model.plan import Undoing
from thornwall.model.updates import AptConfig, AptValue, Suite, Updates
from thornwall.plan.fix import Fix, Situation, Want, fix

DROP_IN = "/etc/apt/apt.conf.d/52thornwall"
PATHS: tuple[str, ...] = ("/etc/apt/apt.conf", "/etc/apt/apt.conf.d/*", "/etc/dnf/automatic.conf")

_PERIODIC = "APT::Periodic::"
_PATTERN = "Unattended-Upgrade::Origins-Pattern"
_TIMERS = ("apt-daily.timer", "apt-daily-upgrade.timer")
_DNF_TIMERS = ("dnf-automatic.timer", "dnf5-automatic.timer")
_READ = re.compile(r"/etc/apt/apt\.conf\.d/(?:[A-Za-z0-9_-]+|[A-Za-z0-9_.-]+\.conf)")  # by apt
_CLEARS = re.compile(
    r"^[ \t]*#clear[ \t]+(?:[^;\n]*[ \t])?\"?Unattended-Upgrade(?:::Origins-Pattern(?:::)?)?\"?[ \t;]",
    re.MULTILINE | re.IGNORECASE,
)
_PLAIN = re.compile(r"[A-Za-z0-9 ._+-]+")
_STAYS = ("A new version of a package is not taken back by undo.",)


def _upgrade(rule: str) -> Fix:
    def make(situation: Situation, _: Finding) -> Iterator[Want]:
        if isinstance(situation.facts.updates, Known) and isinstance(situation.facts.updates.value.lists, Known):
            waiting = sorted(each.package.name for each in situation.facts.updates.value.pending(security=False))
            yield Packages(upgrade=True, refresh=True, waiting=tuple(dict.fromkeys(waiting)))

    title = "Install the updates that are waiting"
    return Fix(rule, "updates", Purpose.PACKAGES, title, make, _STAYS, undoing=Undoing.KEEPS)


@fix("stale-package-lists", step="package-lists", purpose=Purpose.PACKAGES, title="Fetch the lists of packages")
def stale_lists(_: Situation, __: Finding) -> Iterator[Want]:
    """apt-get update."""
    yield Packages(refresh=True)


# automatic updates


def _updates(situation: Situation) -> Updates | None:
    return situation.facts.updates.value if isinstance(situation.facts.updates, Known) else None


def _on(value: AptValue | None) -> bool:
    return value is not None and value.value.strip().lower() not in {"", "0", "0d", "0h", "0m", "0s", "no", "false"}


def _option(situation: Situation, name: str, there: AptValue | None) -> Iterator[Want] | None:
    """The option switched on; None where a file that is read after ours sets it, and cannot be edited.

    apt reads apt.conf.d by name, and apt.conf after it: the last value counts.
    """
    line = f'{name} "1";'
    ours = OwnLine(DROP_IN, name, line)
    if there is None or (
        there.file != "/etc/apt/apt.conf" and posixpath.basename(there.file) <= posixpath.basename(DROP_IN)
    ):
        return iter((ours,))
    match situation.exact(there.file):
        case Known(content):
            lines = content.decode("utf-8", "surrogateescape").split("\n")
            old = lines[there.line - 1] if 0 < there.line <= len(lines) else ""
        case _:
            return None
    # only a line that holds the whole of it: one inside of braces names the rest above
    if not re.fullmatch(rf"\s*{re.escape(name)}\s+\"[^\"]*\"\s*;\s*", old, re.IGNORECASE):
        return None
    return iter((ours, EditLine(there.file, there.line, old, line)))


@fix(
    "no-automatic-updates",
    step="automatic-updates",
    purpose=Purpose.UPDATES,
    title="Install security updates by themselves, every day",
)
def automatic_updates(situation: Situation, _: Finding) -> Iterator[Want]:
    """unattended-upgrades with every archive that matters; or dnf-automatic where that is installed."""
    found = _updates(situation)
    if found is None:
        return
    if not isinstance(found.packages, Known):
        yield from _dnf(situation, found)
        return
    config = found.apt.value if isinstance(found.apt, Known) else AptConfig()
    wants: list[Want] = []
    if "unattended-upgrades" not in found.packages.value:
        wants.append(Packages(("unattended-upgrades",)))
    switch = config.get(f"{_PERIODIC}Enable")
    for name, needed in (("Enable", switch is not None), ("Update-Package-Lists", True), ("Unattended-Upgrade", True)):
        value = config.get(_PERIODIC + name)
        if not needed or _on(value):
            continue
        option = _option(situation, _PERIODIC + name, value)
        if option is None:
            return
        wants += option
    services = situation.facts.services
    off = [timer for timer in _TIMERS if isinstance(services, Known) and not services.value.enabled(timer)]
    if off:
        wants.append(UnitsOn(tuple(off)))
    if isinstance(found.lists, Known):
        patterns = " ".join(value.value for value in config.all(_PATTERN))
        own = [suite for suite in found.lists.value.suites if _raspberrys(suite) and suite.origin not in patterns]
        wants += [line for suite in own for line in _origin(situation, suite)]
    yield from dict.fromkeys(wants)


def _dnf(situation: Situation, found: Updates) -> Iterator[Want]:
    services = situation.facts.services
    if not isinstance(services, Known):
        return
    timer = next((name for name in _DNF_TIMERS if services.value.unit(name)), None)
    apply = found.dnf_automatic.value.get("commands.apply_updates") if isinstance(found.dnf_automatic, Known) else None
    if timer is None or apply is None or apply.line is None:
        return
    match situation.exact(apply.file):
        case Known(content):
            lines = content.decode("utf-8", "surrogateescape").split("\n")
        case _:
            return
    if apply.line <= len(lines) and not re.search(r"=\s*(yes|true|1)\s*$", lines[apply.line - 1], re.IGNORECASE):
        yield EditLine(apply.file, apply.line, lines[apply.line - 1], "apply_updates = yes")
    if not services.value.enabled(timer):
        yield UnitsOn((timer,))


def _raspberrys(suite: Suite) -> bool:
    own = suite.origin in {"Raspberry Pi Foundation", "Raspbian"} or "raspberrypi" in suite.site
    return own and suite.priority >= 500


@fix(
    "automatic-updates-miss-origin",
    step="automatic-updates",
    purpose=Purpose.UPDATES,
    title="Take automatic updates from every archive that matters",
)
def miss_origin(situation: Situation, finding: Finding) -> Iterator[Want]:
    """A pattern for the suite that the finding names."""
    found = _updates(situation)
    if found is not None and isinstance(found.lists, Known):
        for suite in found.lists.value.suites:
            if suite.name == finding.subject:
                yield from _origin(situation, suite)


def _origin(situation: Situation, suite: Suite) -> Iterator[Want]:
    """`Origins-Pattern:: "origin=…,codename=…,label=…";`: a list, to which each file adds."""
    host = situation.facts.host
    now = host.value.codename if isinstance(host, Known) else ""
    codename = suite.codename
    if now and (codename == now or codename.startswith(f"{now}-")):
        codename = "${distro_codename}" + codename.removeprefix(now)
    said = [("origin", suite.origin), ("codename", codename), ("label", suite.label)]
    if not codename:
        said.append(("suite", suite.suite))
    if not suite.origin:
        said.append(("site", suite.site))
    words = [(name, value) for name, value in said if value]
    if words and all(
        _PLAIN.fullmatch(value.replace("${distro_codename}", "")) or value == "${distro_codename}" for _, value in words
    ):
        line = f'{_PATTERN}:: "{",".join(f"{name}={value}" for name, value in words)}";'
        after = _cleared_after(situation)
        yield EditLine(after, 0, "", line) if after else OwnLine(DROP_IN, line, line)


def _cleared_after(situation: Situation) -> str:
    """The last file that takes back all patterns that were read before it, ours too; empty where none does."""
    names = [path for path, _ in situation.capture.glob("/etc/apt/apt.conf.d/*") if _READ.fullmatch(path)]
    found = ""
    for path in (*(each for each in names if each > DROP_IN), "/etc/apt/apt.conf"):
        match situation.capture.read(path):
            case Known(text) if _CLEARS.search(text):
                found = path
            case _:
                pass
    return found


FIXES: tuple[Fix, ...] = (
    _upgrade("pending-security-updates"),
    _upgrade("pending-updates"),
    stale_lists,
    automatic_updates,
    miss_origin,
)
