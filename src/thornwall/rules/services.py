"""Services: what listens (see services_*.py), what nobody needs, and what root runs that others may change."""

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
from thornwall.model.rule import Context, Preset, Rule, Verdict, fail, not_applicable, passed, rule, unknown
from thornwall.model.schedule import Schedule
from thornwall.model.services import Unit
from thornwall.rules import services_discovery, services_login, services_packages, services_shares
from thornwall.rules.offered import unit_evidence
from thornwall.rules.services_login import ACCESS, DISABLE, STEPS

_NEEDLESS = {
    "ModemManager.service": "it looks for mobile modems on every serial port",
    "triggerhappy.service": "it starts programs for keys of a keyboard, as any user may set up",
    "rpi-connect.service": "it offers the screen and a shell through a server on the Internet",
    "rpi-connect-lite.service": "it offers a shell through a server on the Internet",
    "autofs.service": "it mounts whatever somebody asks for",
    "apport.service": "it sends reports of crashes, with memory in them",
    "whoopsie.service": "it sends reports of crashes, with memory in them",
    "speech-dispatcherd.service": "it speaks texts aloud",
    "geoclue.service": "it finds out where the device is",
    "pigpiod.service": "it lets programs, and by default the network, drive the GPIO pins",
    "snapd.service": "it installs and updates software from another store",
}


@rule(
    "needless-service",
    "A service runs that such a device seldom needs",
    subject="services",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.SERVICE,
    likelihood=1,
    impact=3,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.NEEDS_ANSWER,
    preset=Preset.DOCUMENTS,
    references=References(document=(STEPS, DISABLE), etsi=("5.6-5", "5.6-6"), nist=ACCESS),
)
def needless_service(ctx: Context) -> Iterator[Verdict]:
    """Whether something starts at boot that a device like this seldom uses.

    What:
        A service is enabled that images bring along, and that few owners use: ModemManager, triggerhappy, Raspberry Pi
        Connect, autofs, crash reporters and others.
    Why:
        Each unnecessary feature is a possible way in, and one more thing to keep up to date.
    Remedy:
        Switch the service off, if you do not use it. See before what depends on it: `systemctl list-dependencies
        --reverse NAME`.
    Risk of the remedy:
        What the service did no longer happens: for ModemManager mobile connections, for triggerhappy its keys, for
        Raspberry Pi Connect the remote access.
    """
    services = ctx.known(ctx.host.services, absent="there are no services")
    if not services.listed and not services.live:
        yield unknown("which units there are was not read", mend="audit the running host, or its root directory")
        return
    found = [unit for name in _NEEDLESS for unit in services.starting(name) if unit.name == name]
    for unit in found:
        commands = (f"sudo systemctl disable --now {unit.name}",)
        detail = f"{unit.name.removesuffix('.service')} starts at boot: {_NEEDLESS[unit.name]}."
        yield fail(detail, unit_evidence(unit), subject=unit.name, commands=commands)
    if not found:
        yield passed("None of the services that are seldom needed starts at boot.")


@rule(
    "unit-runs-writable-file",
    "A service runs a program that others may change",
    subject="services",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=3,
    impact=5,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Top IoT Vulnerabilities/Misconfiguration",),
        etsi=("5.6-7",),
        nist=("Device Configuration",),
        cwe=(732,),
    ),
)
def unit_runs_writable_file(ctx: Context) -> Iterator[Verdict]:
    """Whether a service that runs as root starts a file that others may write to.

    What:
        A unit in /etc/systemd/system runs, as root, a file that every user may write to, or that belongs to an ordinary
        account; or the folder it lies in is such.
    Why:
        Whoever may change the file decides what root runs at the next start: an ordinary account becomes root.
    Remedy:
        Give the file and its folder to root, and take the right to write from others. Or let the service run as that
        account: `User=` in its unit.
    Risk of the remedy:
        The account that edited the program in place needs sudo for that afterwards.
    """
    services = ctx.known(ctx.host.services, absent="there are no services")
    own = [
        unit for unit in services.units.values() if unit.settings and unit.name.endswith(".service") and _as_root(unit)
    ]
    if not own:
        yield not_applicable("no unit of the owner's runs a program as root")
        return
    schedule = ctx.known(ctx.host.schedule, absent="the programs of units were not looked at")
    told = [verdict for unit in own for verdict in _writable(unit, schedule)]
    yield from told
    if not told:
        yield passed("What the owner's units run as root, only root may change.")


def _as_root(unit: Unit) -> bool:
    return unit.last("User") in {"", "root", "0"} and unit.last("DynamicUser").lower() not in {"yes", "true", "1", "on"}


def _writable(unit: Unit, schedule: Schedule) -> Iterator[Verdict]:
    match schedule.programs:
        case Known(programs):
            pass
        case Unknown(reason, mend):
            yield unknown(reason, subject=unit.name, mend=mend)
            return
        case _:
            return
    for command in unit.commands:
        for word in command.value.lstrip("@-:+!").split():
            path = word.strip("\"'")
            steps = [path, path.rpartition("/")[0]] if path.startswith("/") and not path.startswith("//") else []
            for step in steps:
                entry = programs.get(step)
                if entry is None or entry.path.startswith(("/dev/", "/proc/", "/tmp")):  # noqa: S108 - never programs
                    continue
                if (entry.world_writable and not entry.sticky) or entry.uid >= 1000:
                    how = "every user may write to" if entry.world_writable else f"belongs to {entry.user}"
                    detail = f"{unit.name} runs {path} as root, and {step} {how}."
                    evidence = Evidence(command.path, f"{command.key}={command.value}", command.line)
                    commands = (f"sudo chown root:root {step}", f"sudo chmod go-w {step}")
                    yield fail(detail, evidence, Evidence(step, entry.described), subject=unit.name, commands=commands)
                    return


RULES: tuple[Rule, ...] = (
    *services_login.RULES,
    *services_discovery.RULES,
    *services_shares.RULES,
    *services_packages.RULES,
    needless_service,
    unit_runs_writable_file,
)
