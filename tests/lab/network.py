"""The wire to a host: a network namespace, a veth pair with an IPv4 and an IPv6 address on each end, and no way out.

Host N has 10.213.N.2 and fd74:6872:6e77:N::2; this machine is .1 and ::1 on the same wire. Blackhole routes for the
whole of both networks catch what is meant for a host that is not there, and a rule for each wire drops what a host
sends through this machine to anywhere else, even when this machine forwards packets.
"""

from dataclasses import dataclass
from pathlib import Path

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
    run(["ip", "route", "replace", "blackhole", f"{PREFIX4}.0.0/16", "metric", _LAST_METRIC])
    run(["ip", "-6", "route", "replace", "blackhole", f"{PREFIX6}::/48", "metric", _LAST_METRIC])
    for family in ("-4", "-6"):
        run(["ip", family, "rule", "add", "pref", _RULE_PREFERENCE, "iif", wire.interface, "blackhole"])
    run(
        ["ip", "-batch", "-"],
        text_input=f"""
link add {wire.interface} type veth peer name eth0 netns {wire.namespace}
addr add {wire.controller}/24 dev {wire.interface}
addr add {wire.controller6}/64 dev {wire.interface} nodad
link set {wire.interface} up
""",
    )
    run(
        ["ip", "-n", wire.namespace, "-batch", "-"],
        text_input=f"""
link set lo up
addr add {wire.address}/24 dev eth0
addr add {wire.address6}/64 dev eth0 nodad
link set eth0 up
""",
    )


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
