"""How a network service is judged: by its sockets where the host runs, by what starts it where it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from thornwall.model.fact import Fact, Known, Unknown
from thornwall.model.finding import Evidence, Reach, Status
from thornwall.model.network import Network, Socket
from thornwall.model.record import record
from thornwall.model.rule import Context, UnansweredError, Verdict, fail, passed, unknown
from thornwall.model.services import COMPANIONS, Services, Unit
from thornwall.rules.exposure import nearest

SS = "ss -tulpn"


@record
class Offer:
    """A network service: what it is called, its units, programs, ports (`tcp/23`), and its names in inetd.conf.

    `sure`: whatever listens on one of its ports speaks it, even where the program is not known.
    """

    name: str
    units: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    inetd: tuple[str, ...] = ()
    sure: bool = False


INETD = {"inetd", "xinetd", "systemd", "inetutils-inetd"}
"""Programs that listen for others: what they offer is told by the port."""


def sockets(network: Network, services: Services, offer: Offer) -> tuple[Socket, ...]:
    """The sockets of that service that run now, loopback included."""
    starts = bool(services.starting(*offer.units)) or any(entry.name in offer.inetd for entry in services.inetd)
    units = () if offer.programs else {name if "." in name else f"{name}.service" for name in offer.units}
    found = []
    for socket in network.sockets:
        if socket.program and socket.program not in INETD:
            ours = socket.program in offer.programs or socket.unit in units
        else:
            ours = socket.name in offer.ports and (offer.sure or starts or socket.program in INETD)
        if ours:
            found.append(socket)
    return tuple(found)


def judge(  # noqa: PLR0913 - all but three by name, and few at a time
    ctx: Context,
    offer: Offer,
    fault: str,
    *,
    bound: Callable[[], Fact[bool]] | None = None,
    commands: tuple[str, ...] = (),
    disable: bool = False,
) -> Iterator[Verdict]:
    """Fails if the service can be reached beyond loopback.

    `fault`: the sentence to say, without its end. `bound`: for a host that does not run, whether its configuration
    has it listen beyond loopback (default: it does). `disable`: the remedy is to switch its units off, those that
    the host has.
    """
    services = ctx.known(ctx.host.services, absent="there are no services")
    match ctx.host.network:
        case Known(network):
            verdict = _live(ctx, services, offer, sockets(network, services, offer), fault)
        case unread:
            verdict = _at_boot(ctx, services, offer, bound, fault)
            if verdict.status is Status.PASS and runs(ctx):
                # nothing starts it, but something else may listen there
                verdict = unknown(unread.reason if isinstance(unread, Unknown) else "", subject=offer.name)
    if disable:
        commands = switch_off(services, offer.units)
    yield replace(verdict, commands=commands) if verdict.status is Status.FAIL else verdict


def switch_off(services: Services, names: Iterable[str]) -> tuple[str, ...]:
    """The command that switches units off, with the sockets and paths that would start them; none if none is there.

    Only units that the host has: systemctl stops at the first that does not exist.
    """
    wanted = [
        name
        for each in names
        for name in ((each,) if "." in each else (f"{each}.service", *(f"{each}{kind}" for kind in COMPANIONS)))
    ]
    there = [name for name in dict.fromkeys(wanted) if name in services.units and not services.masked(name)]
    return (f"sudo systemctl disable --now {' '.join(there)}",) if there else ()


def started(services: Services, offer: Offer) -> tuple[Evidence, ...]:
    """What starts it at boot: links of units, and lines of inetd's configuration."""
    found = [unit_evidence(unit) for unit in services.starting(*offer.units)]
    if services.inetd_unit is not None:
        lines = [entry for entry in services.inetd if entry.name in offer.inetd]
        found += [Evidence(entry.path, entry.text, entry.line) for entry in lines]
    return tuple(found)


def unit_evidence(unit: Unit) -> Evidence:
    """The link that starts a unit, and what it leads to."""
    return Evidence(unit.where, f"starts {unit.name}" if unit.links else unit.state)


def runs(ctx: Context) -> bool:
    """Whether a running host was asked, rather than a directory."""
    return isinstance(ctx.host.host, Known) and ctx.host.host.value.live


def _live(ctx: Context, services: Services, offer: Offer, found: tuple[Socket, ...], fault: str) -> Verdict:
    # its own port before those that it happened to get
    found = tuple(sorted(found, key=lambda socket: socket.name not in offer.ports))
    beyond = tuple(socket for socket in found if not socket.loopback)
    seen = tuple(Evidence(SS, socket.line) for socket in (beyond or found)[:4])
    if beyond:
        where = ", ".join(dict.fromkeys(socket.name for socket in beyond[:4]))
        evidence = (*seen, *started(services, offer))
        return fail(f"{fault} ({where}).", *evidence, subject=offer.name, reach=nearest(ctx.host, beyond))
    if found:
        return passed(f"{offer.name} listens on loopback alone.", *seen, subject=offer.name)
    return passed(f"{offer.name} does not listen.", subject=offer.name)


def _at_boot(
    ctx: Context, services: Services, offer: Offer, bound: Callable[[], Fact[bool]] | None, fault: str
) -> Verdict:
    evidence = started(services, offer)
    if not evidence:
        return passed(f"Nothing starts {offer.name} at boot.", subject=offer.name)
    if bound is not None:
        match bound():
            case Known(True):
                pass
            case Unknown(reason, mend):
                return unknown(reason, subject=offer.name, mend=mend)
            case _:
                return passed(f"{offer.name} is set to listen on loopback alone.", *evidence, subject=offer.name)
    return fail(f"{fault}: it starts at boot.", *evidence, subject=offer.name, reach=_planned(ctx, offer))


def _planned(ctx: Context, offer: Offer) -> Reach | None:
    """From where its usual ports will be reached, by the filter that is set up at boot."""
    ports = [name.partition("/") for name in offer.ports]
    return nearest(ctx.host, [Socket(protocol, "*", int(port)) for protocol, _, port in ports])


@record
class Standing:
    """Whether a service can be reached beyond loopback (or will be, once the host starts), and how that is seen."""

    open: bool
    reach: Reach | None = None
    evidence: tuple[Evidence, ...] = ()


def standing(ctx: Context, offer: Offer) -> Standing:
    """By its sockets where they are known, else by what starts at boot."""
    services = ctx.known(ctx.host.services, absent="there are no services")
    match ctx.host.network:
        case Known(network):
            beyond = [each for each in sockets(network, services, offer) if not each.loopback]
            evidence = tuple(Evidence(SS, each.line) for each in beyond[:2])
            return Standing(bool(beyond), nearest(ctx.host, beyond), evidence)
        case unread:
            evidence = started(services, offer)
            if not evidence and runs(ctx) and isinstance(unread, Unknown):
                raise UnansweredError(unknown(unread.reason, mend=unread.mend))
            return Standing(bool(evidence), _planned(ctx, offer), evidence)
