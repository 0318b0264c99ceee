"""From where a socket can be talked to, and what stands in between."""

from __future__ import annotations

from collections.abc import Iterable

from thornwall.model.fact import Known, Unknown
from thornwall.model.finding import Reach
from thornwall.model.firewall import Passage, Ruleset
from thornwall.model.network import Network, Socket, is_public
from thornwall.model.snapshot import Snapshot

NEAREST = (Reach.INTERNET, Reach.NETWORK, Reach.FIREWALLED, Reach.LOOPBACK)


def exposure(host: Snapshot, socket: Socket) -> tuple[Reach, tuple[str, ...]]:
    """Who can reach the socket, and the layers between, outermost first, as clauses."""
    network = host.network.value if isinstance(host.network, Known) else Network()
    if socket.loopback:
        return Reach.LOOPBACK, ("bound to loopback",)
    if network.inside(socket.address):
        return Reach.LOOPBACK, ("only containers of this host reach its address",)
    layers = [] if socket.any_address else [f"bound to {socket.interface or socket.address} alone"]
    filtered, clause = _filtered(host, socket)
    if filtered:
        return Reach.FIREWALLED, (clause, *layers)
    public = is_public(socket.address) or (socket.any_address and bool(network.public_ipv4))
    return (Reach.INTERNET if public and "ip" in socket.families else Reach.NETWORK), (clause, *layers)


def nearest(host: Snapshot, sockets: Iterable[Socket]) -> Reach | None:
    """The worst reach of all of them; None if there are none."""
    found = {exposure(host, socket)[0] for socket in sockets}
    return next((reach for reach in NEAREST if reach in found), None)


def published(socket: Socket) -> bool:
    """Whether Docker opened it for a container: its rules come before those of the firewall."""
    return socket.program == "docker-proxy" or socket.exe.endswith("/docker-proxy")


def _filtered(host: Snapshot, socket: Socket) -> tuple[bool, str]:
    """Whether the firewall drops it for everybody, and what it does in words."""
    if published(socket):
        return False, "a published container port, which passes by the firewall"
    match host.firewall:
        case Known(firewall):
            rules = firewall.ruleset
        case _:
            return False, "what the firewall does is not known"
    match rules:
        case Known(ruleset):
            return _passage(ruleset, socket)
        case Unknown(reason, _):
            return False, f"what the firewall does is not known ({reason})"
        case _:
            return False, "no firewall"


def _passage(ruleset: Ruleset, socket: Socket) -> tuple[bool, str]:
    answers = {ruleset.passage(family, socket.protocol, socket.port) for family in socket.families}
    if answers == {Passage.CLOSED}:
        return True, "the firewall drops it"
    if Passage.OPEN in answers:
        filters = any(ruleset.filters(family) for family in socket.families)
        return False, "the firewall lets it in" if filters else "no firewall"
    if Passage.UNCLEAR in answers:
        return False, "the rules of the firewall could not be followed"
    return False, "the firewall lets in only some (by address, interface or rate)"
