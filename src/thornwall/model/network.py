"""Sockets, addresses, routes and connections."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from thornwall.model.record import record

_ANY = {"0.0.0.0", "::", "*"}  # noqa: S104 - compared with, not bound to
_INSIDE = ("docker", "br-", "virbr", "lxc", "lxd", "incus", "podman", "cni", "veth", "ve-", "vb-")


@record
class Socket:
    """One socket that listens (TCP) or receives (UDP).

    `address` is `0.0.0.0`, `::`, `*` (every address of both families) or one address; `interface`: bound to it alone.
    `pid` is -1 and the strings are empty where the host did not tell (another user's process, or a socket of the
    kernel's own). `unit`: by the cgroup of the process; `exe`: its program file; `script`: what an interpreter runs;
    `package`: the one that owns the program (or the script). `line`: as `ss -tulpn` shows it.
    """

    protocol: str  # tcp or udp
    address: str
    port: int
    interface: str = ""
    program: str = ""
    pid: int = -1
    uid: int = -1
    user: str = ""
    unit: str = ""
    exe: str = ""
    script: str = ""
    package: str = ""
    container: str = ""
    line: str = ""

    @property
    def families(self) -> tuple[str, ...]:
        """`ip`, `ip6` or both: over which the socket answers."""
        if self.address == "*":
            return ("ip", "ip6")
        return ("ip6",) if ":" in self.address else ("ip",)

    @property
    def loopback(self) -> bool:
        """Whether only this host itself can talk to it."""
        return self.interface == "lo" or is_loopback(self.address)

    @property
    def any_address(self) -> bool:
        """Whether it answers on every interface."""
        return self.address in _ANY and not self.interface

    @property
    def name(self) -> str:
        """`tcp/23`: what findings call it."""
        return f"{self.protocol}/{self.port}"


@record
class Peer:
    """One established connection: who is at the other end."""

    protocol: str
    address: str
    port: int
    peer: str
    peer_port: int
    program: str = ""
    pid: int = -1
    user: str = ""
    inbound: bool = False  # our port is one that listens
    line: str = ""


@record
class Address:
    """One address of the host. `interface` is empty where the host did not tell which."""

    address: str
    interface: str = ""

    @property
    def public(self) -> bool:
        """Whether the whole Internet can route to it."""
        return is_public(self.address)


@record
class Route:
    """One route: `destination` as `address/bits`, `gateway` empty for a network that is directly attached."""

    destination: str
    gateway: str
    interface: str


@record
class Network:
    """What listens, who is connected, and where the host stands.

    `processes`: whether every socket's program could be seen (root). `packages`: whether programs could be matched
    with packages.
    """

    sockets: tuple[Socket, ...] = ()
    connections: tuple[Peer, ...] = ()
    addresses: tuple[Address, ...] = ()
    routes: tuple[Route, ...] = ()
    processes: bool = False
    packages: bool = False

    def listening(self, protocol: str, port: int) -> tuple[Socket, ...]:
        """The sockets on that port."""
        return tuple(each for each in self.sockets if each.protocol == protocol and each.port == port)

    @property
    def public_ipv4(self) -> tuple[str, ...]:
        """Public IPv4 addresses of the host itself: no router's address translation stands in front of it."""
        return tuple(each.address for each in self.addresses if each.public and ":" not in each.address)

    @property
    def default_routes(self) -> tuple[Route, ...]:
        """How it reaches other networks."""
        return tuple(each for each in self.routes if each.destination in {"0.0.0.0/0", "::/0"})

    def inside(self, address: str) -> bool:
        """Whether the address belongs to a bridge for containers or virtual machines of this very host."""
        return any(each.address == address and each.interface.startswith(_INSIDE) for each in self.addresses)


def is_loopback(address: str) -> bool:
    """127.0.0.0/8 and ::1, also mapped into IPv6."""
    return address.startswith("127.") or address == "::1" or address.lower().startswith("::ffff:127.")


@lru_cache(maxsize=4096)
def is_public(address: str) -> bool:
    """Whether it is a global unicast address, by the IANA registries; False for what is no address."""
    try:
        given = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return given.is_global and not given.is_multicast
