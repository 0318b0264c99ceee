"""Packages of services: what is installed can be started, and is one more thing to keep up to date."""

from __future__ import annotations

from collections.abc import Container, Iterator

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
from thornwall.model.record import record
from thornwall.model.rule import Context, Preset, Rule, Verdict, fail, passed, rule
from thornwall.rules.offered import Offer, started
from thornwall.rules.services_discovery import AVAHI, BROWSED, CUPS, RPCBIND
from thornwall.rules.services_login import ACCESS, RSH, STEPS, SURFACE, TELNET, TFTP
from thornwall.rules.updates_ask import updates


@record
class Served:
    """What a device seldom serves: its packages, the services that they bring, and packages that need them."""

    name: str
    packages: tuple[str, ...]
    offers: tuple[Offer, ...]
    needed_by: tuple[str, ...] = ()

    def removable(self, installed: Container[str]) -> tuple[str, ...]:
        """Those of its packages that are installed; none where something else needs them."""
        needed = any(name in installed for name in self.needed_by)
        return () if needed else tuple(name for name in self.packages if name in installed)


SERVED = (
    Served("telnet", ("inetutils-telnetd", "telnetd", "telnetd-ssl"), (TELNET,)),
    Served("rsh", ("rsh-redone-server", "rsh-server"), (RSH,)),
    Served("tftp", ("atftpd", "tftpd", "tftpd-hpa"), (TFTP,)),
    Served("avahi-daemon", ("avahi-daemon",), (AVAHI,), ("avahi-utils",)),
    Served("cups", ("cups", "cups-browsed", "cups-core-drivers", "cups-daemon"), (CUPS, BROWSED)),
    Served("rpcbind", ("rpcbind",), (RPCBIND,), ("nfs-common", "nfs-kernel-server", "nis", "ypbind-mt")),
)


@rule(
    "needless-service-installed",
    "A service that such a device seldom needs is installed",
    subject="services",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.SERVICE,
    likelihood=1,
    impact=2,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.STRICT,
    references=References(
        document=(SURFACE, STEPS),
        cis_debian12=("2.1.2", "2.1.11", "2.1.12", "2.1.15", "2.1.16"),
        ssg=(
            "package_avahi_removed",
            "package_cups_removed",
            "package_rpcbind_removed",
            "package_telnetd_removed",
            "package_inetutils-telnetd_removed",
            "package_tftpd-hpa_removed",
        ),
        etsi=("5.6-5", "5.6-6"),
        nist=ACCESS,
    ),
)
def needless_service_installed(ctx: Context) -> Iterator[Verdict]:
    """Whether a server that such a device seldom needs is installed, be it on or off.

    What:
        The package of a telnet, rsh or TFTP server, of Avahi, of the print server or of the port mapper is installed,
        and no package that needs it.
    Why:
        What is switched off can be switched on again, by an upgrade, a script or an intruder, and its programs lie
        there to be used. What is not installed needs no updates either.
    Remedy:
        Remove its packages, once you know that nobody uses the service. Their settings stay, for the day they are
        installed again. `apt-get -s remove` tells beforehand what would go with them.
    Risk of the remedy:
        The service is gone, with the programs that came in the same package. thornwall keeps what it removes on the
        device, and 'thornwall undo' puts it back.
    """
    installed = ctx.known(updates(ctx).packages, absent="the host has no dpkg")
    found = {served: names for served in SERVED if (names := served.removable(installed))}
    if not found:
        yield passed("None of the servers that are seldom needed is installed.")
        return
    services = ctx.known(ctx.host.services, absent="there are no services")
    for served, names in found.items():
        seen = [each for offer in served.offers for each in started(services, offer)]
        how = "and starts at boot" if seen else "though nothing starts it"
        listed = [Evidence(f"dpkg -l {name}", installed[name].version) for name in names]
        yield fail(
            f"A server for {served.name} is installed, {how}.",
            *listed,
            *seen[:2],
            subject=served.name,
            commands=(f"sudo apt-get remove {' '.join(names)}",),
        )


RULES: tuple[Rule, ...] = (needless_service_installed,)
