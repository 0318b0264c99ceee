"""One rule of a packet filter while it is being read, whatever language it was written in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from thornwall.model.firewall import FilterRule

Ranges = tuple[tuple[int, int], ...]

_PROTOCOLS = frozenset({"tcp", "udp", "icmp", "other"})
_NUMBERS = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmp", "icmpv6": "icmp", "ipv6-icmp": "icmp"}

# the names of /etc/services that people write into filters; others stay unclear
SERVICES = {
    "ftp": 21,
    "ssh": 22,
    "telnet": 23,
    "smtp": 25,
    "domain": 53,
    "bootps": 67,
    "bootpc": 68,
    "tftp": 69,
    "http": 80,
    "pop3": 110,
    "sunrpc": 111,
    "ntp": 123,
    "netbios-ns": 137,
    "netbios-dgm": 138,
    "netbios-ssn": 139,
    "imap": 143,
    "imap2": 143,
    "snmp": 161,
    "ldap": 389,
    "https": 443,
    "microsoft-ds": 445,
    "submission": 587,
    "dhcpv6-client": 546,
    "dhcpv6-server": 547,
    "ipp": 631,
    "ldaps": 636,
    "domain-s": 853,
    "imaps": 993,
    "pop3s": 995,
    "openvpn": 1194,
    "mqtt": 1883,
    "nfs": 2049,
    "mysql": 3306,
    "mdns": 5353,
    "postgresql": 5432,
    "http-alt": 8080,
    "secure-mqtt": 8883,
}


@dataclass(slots=True)
class Draft:
    """Collects the conditions of one rule; `build` gives the rule."""

    text: str = ""
    verdict: str = ""
    target: str = ""
    family: str = ""
    protocols: frozenset[str] | None = None
    ports: Ranges | None = None
    not_ports: bool = False
    never: bool = False
    only: list[str] = field(default_factory=list)
    unless: list[str] = field(default_factory=list)
    unclear: bool = False
    logs: bool = False
    forwards: bool = False
    forwards_to: int = 0
    path: str = ""
    line: int | None = None

    def build(self) -> FilterRule:
        """The finished rule."""
        return FilterRule(
            text=self.text,
            verdict=self.verdict,
            target=self.target,
            family=self.family,
            protocols=self.protocols,
            ports=self.ports,
            not_ports=self.not_ports,
            never=self.never,
            only=tuple(dict.fromkeys(self.only)),
            unless=tuple(dict.fromkeys(self.unless)),
            unclear=self.unclear,
            logs=self.logs,
            forwards=self.forwards,
            forwards_to=self.forwards_to,
            path=self.path,
            line=self.line,
        )

    def copy(self) -> Draft:
        """A draft that can go its own way: for each element of a verdict map."""
        return Draft(
            self.text,
            self.verdict,
            self.target,
            self.family,
            self.protocols,
            self.ports,
            self.not_ports,
            self.never,
            list(self.only),
            list(self.unless),
            self.unclear,
            self.logs,
            self.forwards,
            self.forwards_to,
            self.path,
            self.line,
        )

    def some(self, word: str, negated: bool = False) -> None:
        """It matches only some packets (or all but some), by what the word says."""
        (self.unless if negated else self.only).append(word)

    def of_protocol(self, names: Iterable[str], negated: bool = False) -> None:
        """It wants one of these transport protocols (names or numbers)."""
        words = {_NUMBERS.get(name, name) for name in names}
        if words & {"all", "0", "ip", "ipv6"}:
            return
        wanted = frozenset(word if word in _PROTOCOLS else "other" for word in words)
        wanted = _PROTOCOLS - (wanted - {"other"}) if negated else wanted
        self.protocols = wanted if self.protocols is None else self.protocols & wanted

    def to_ports(self, ranges: Ranges | None, negated: bool = False) -> None:
        """It wants one of these destination ports; None: ports that were not understood."""
        if ranges is None or self.ports is not None:
            self.unclear = True
        else:
            self.ports, self.not_ports = ranges, negated

    def from_interface(self, names: Iterable[str], negated: bool = False) -> None:
        """It wants packets of these interfaces: those of loopback do not come from outside."""
        outside = [name for name in names if name != "lo"]
        if outside:
            self.some("interface", negated)
        elif not negated:
            self.never = True

    def in_state(self, states: Iterable[str], negated: bool = False) -> None:
        """It wants connections in these states: ours is new."""
        if ("new" in {state.lower() for state in states}) == negated:
            self.never = True

    def of_family(self, name: str, negated: bool = False) -> None:
        """It wants packets of that family: `ipv4`, `ip`, `ipv6`, `ip6`."""
        families = {"ipv4": "ip", "ip": "ip", "ipv6": "ip6", "ip6": "ip6"}
        wanted = families.get(name)
        if wanted is None:
            self.never = not negated  # arp and the like
            return
        wanted = {"ip": "ip6", "ip6": "ip"}[wanted] if negated else wanted
        if self.family and self.family != wanted:
            self.never = True
        self.family = wanted


def port(text: str) -> int | None:
    """A port by number or by name."""
    if text.isascii() and text.isdigit() and len(text) <= 5:
        return int(text)
    return SERVICES.get(text)


def port_range(text: str, sign: str = "-") -> tuple[int, int] | None:
    """`22`, `ssh`, `6000-6007`; an open end is the least or greatest port."""
    if sign in text and text not in SERVICES:
        low, _, high = text.partition(sign)
        first, last = port(low or "0"), port(high or "65535")
        return None if first is None or last is None else (first, last)
    single = port(text)
    return None if single is None else (single, single)


def ranges(words: Iterable[str], sign: str = "-") -> Ranges | None:
    """All of them, or None if one was not understood."""
    found = [port_range(word, sign) for word in words]
    return None if any(each is None for each in found) else tuple(each for each in found if each is not None)
