"""The wire to a host: a network namespace, a veth pair with an IPv4 and an IPv6 address on each end, and no way out.

Host N has 10.213.N.2 and fd74:6872:6e77:N::2; this machine is .1 and ::1 on the same wire. Blackhole routes for the
whole of both networks catch what is meant for a host that is not there, and a rule for each wire drops what a host
sends through this machine to anywhere else, even when this machine forwards packets.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from .errors import LabError
from .settings import MAX_HOSTS, PREFIX4, PREFIX6
from .tools import run

# After the table of local addresses (0), before every other rule.
_RULE_PREFERENCE = "90"
_LAST_METRIC = "4294967295"


@dataclass(frozen=True)
class Wire:
    """Names and addresses of the wire of host number `index` (1 to 250)."""

    index: int

    @classmethod
    def of(cls, namespace: str) -> Self:
        """The wire that has a network namespace."""
        return cls(int(namespace.rpartition("-")[2]))

    @property
    def namespace(self) -> str:
        """The network namespace, as `ip netns` calls it."""
        return f"thornwall-{self.index}"

    @property
    def path(self) -> Path:
        """The file that the namespace is bound to."""
        return Path("/run/netns", self.namespace)

    @property
    def interface(self) -> str:
        """The end of the wire on this machine."""
        return f"thornwall{self.index}"

    @property
    def address(self) -> str:
        """IPv4 address of the host."""
        return f"{PREFIX4}.{self.index}.2"

    @property
    def address6(self) -> str:
        """IPv6 address of the host."""
        return f"{PREFIX6}:{self.index:x}::2"

    @property
    def controller(self) -> str:
        """IPv4 address of this machine, as the host sees it."""
        return f"{PREFIX4}.{self.index}.1"

    @property
    def controller6(self) -> str:
        """IPv6 address of this machine, as the host sees it."""
        return f"{PREFIX6}:{self.index:x}::1"


def reserve() -> Wire:
    """A wire that nobody on this machine has: its namespace is made, which is what takes it."""
    for index in range(1, MAX_HOSTS + 1):
        wire = Wire(index)
        if not wire.path.exists():
            try:
                run(["ip", "netns", "add", wire.namespace])
            except LabError:
                if wire.path.exists():
                    continue  # another process was quicker
                raise
            return wire
    raise LabError(f"{MAX_HOSTS} hosts run already")


def connect(wire: Wire) -> None:
    """Lay a reserved wire; both ends carry their addresses when this returns."""
    _catch_strays(wire)
    run(["sh", "-euc", _veth(wire)])


def renewal(wire: Wire) -> str:
    """A shell script that gives a wire's host a new network namespace, as a boot of a machine of its own would.

    Rules, addresses and settings of the network that were made while it ran are gone then. The name stays in use, so
    that nobody else takes it. Failed steps are passed over: the machine may be about to go.
    """
    new = f"{wire.namespace}-new"
    return f"""
ip link delete {wire.interface} 2>/dev/null
ip netns add {new} && umount --lazy {wire.path} && mount --bind /run/netns/{new} {wire.path}
ip netns delete {new}
{_veth(wire)}"""


def connect_tap(wire: Wire) -> None:
    """Lay a reserved wire that ends in a virtual machine, which has to give itself its addresses."""
    _catch_strays(wire)
    run(
        ["ip", "-batch", "-"],
        text_input=f"""
tuntap add {wire.interface} mode tap
addr add {wire.controller}/24 dev {wire.interface}
addr add {wire.controller6}/64 dev {wire.interface} nodad
link set {wire.interface} up
""",
    )


def _catch_strays(wire: Wire) -> None:
    run(["ip", "route", "replace", "blackhole", f"{PREFIX4}.0.0/16", "metric", _LAST_METRIC])
    run(["ip", "-6", "route", "replace", "blackhole", f"{PREFIX6}::/48", "metric", _LAST_METRIC])
    for family in ("-4", "-6"):
        run(["ip", family, "rule", "add", "pref", _RULE_PREFERENCE, "iif", wire.interface, "blackhole"])


def _veth(wire: Wire) -> str:
    """Shell commands that lay the wire of a container. The hardware addresses are the same at every boot."""
    near, far = (f"02:{end:02x}:00:00:00:{wire.index:02x}" for end in (1, 2))
    return f"""
ip -batch - <<END
link add {wire.interface} address {near} type veth peer name eth0 address {far} netns {wire.namespace}
addr add {wire.controller}/24 dev {wire.interface}
addr add {wire.controller6}/64 dev {wire.interface} nodad
link set {wire.interface} up
END
ip -n {wire.namespace} -batch - <<END
link set lo up
addr add {wire.address}/24 dev eth0
addr add {wire.address6}/64 dev eth0 nodad
link set eth0 up
END
"""


def disconnect(wire: Wire) -> None:
    """Take away all that connect made, whatever of it is there; the blackhole routes stay."""
    run(["ip", "link", "delete", wire.interface], check=False)
    for family in ("-4", "-6"):
        rule = ["ip", family, "rule", "del", "pref", _RULE_PREFERENCE, "iif", wire.interface, "blackhole"]
        run(rule, check=False)
    if wire.path.exists():
        run(["ip", "netns", "delete", wire.namespace])


def forget_routes() -> None:
    """Remove the blackhole routes, unless a host of another cache folder still runs."""
    if list(Path("/run/netns").glob("thornwall-*")):
        return
    run(["ip", "route", "del", "blackhole", f"{PREFIX4}.0.0/16"], check=False)
    run(["ip", "-6", "route", "del", "blackhole", f"{PREFIX6}::/48"], check=False)
