"""The attack surface of a host: every way to it that the facts show."""

from __future__ import annotations

from thornwall.model.fact import Known, Unknown
from thornwall.model.snapshot import Snapshot
from thornwall.model.surface import Connection, Listener, Surface


def surface(host: Snapshot) -> Surface:
    """Everything through which the host can be attacked; what could not be read is listed in `gaps`."""
    match host.network:
        case Known(network):
            return Surface(
                listeners=tuple(
                    Listener(
                        each.protocol,
                        each.address,
                        each.port,
                        each.program,
                        each.pid,
                        each.user,
                        each.unit,
                        each.package,
                    )
                    for each in network.sockets
                ),
                connections=tuple(
                    Connection(
                        each.protocol,
                        f"{each.address}:{each.port}",
                        f"{each.peer}:{each.peer_port}",
                        each.program,
                        each.user,
                        each.inbound,
                    )
                    for each in network.connections
                ),
            )
        case Unknown(reason, _):
            return Surface(gaps=(f"sockets: {reason}",))
        case _:
            return Surface()
