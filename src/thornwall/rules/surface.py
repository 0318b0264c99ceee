"""The attack surface of a host: every way to it that the facts show."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.fact import Absent, Known, Unknown
from thornwall.model.finding import Status
from thornwall.model.network import Network, Socket
from thornwall.model.profile import Profile
from thornwall.model.rule import Context, answers
from thornwall.model.servers import Site
from thornwall.model.services import Services
from thornwall.model.snapshot import Snapshot
from thornwall.model.surface import Connection, Listener, PhysicalWay, Surface
from thornwall.rules.exposure import exposure
from thornwall.rules.offered import Offer
from thornwall.rules.registry import RULES
from thornwall.rules.servers import MOSQUITTO
from thornwall.rules.servers_web import WEB
from thornwall.rules.services_discovery import AVAHI, BROWSED, CUPS, RPCBIND, UPNP
from thornwall.rules.services_login import CONSOLES, FTP, RDP, RSH, SMALL, TELNET, TFTP, VNC
from thornwall.rules.services_shares import NFS, RSYNC, SMB
from thornwall.rules.speaks import speech
from thornwall.rules.surface_people import people, ways_in

_SSH = Offer("ssh", units=("ssh", "sshd"), ports=("tcp/22",))
_OFFERS = (
    *(_SSH, TELNET, FTP, RSH, TFTP, SMALL, VNC, RDP, *CONSOLES, AVAHI, CUPS, BROWSED, RPCBIND, UPNP, NFS, SMB, RSYNC),
    *(MOSQUITTO, *WEB.values()),
)
_RADIOS = {"wifi-on": "Wi-Fi", "bluetooth-on": "Bluetooth", "wifi-access-point-open": "Wi-Fi access point"}
_PHYSICAL = {
    "usb-devices-allowed": "USB devices",
    "usb-storage-allowed": "USB storage",
    "usb-gadget-on": "USB gadget",
    "serial-console-open": "serial console",
    "autologin-console": "console",
    "autologin-desktop": "desktop",
    "root-shell-at-boot": "kernel command line",
    "ssh-boot-flag": "SSH switch on the card",
    "boot-seed-secrets-left": "first-boot files on the card",
    "card-not-encrypted": "SD card",
}
_STATES = {Status.FAIL: "open", Status.PASS: "closed", Status.UNKNOWN: "unknown", Status.MANUAL: "unknown"}


def surface(host: Snapshot) -> Surface:
    """Everything through which the host can be attacked; what could not be read is listed in `gaps`."""
    persons = tuple(people(host))
    return Surface(
        listeners=tuple(_listeners(host)),
        connections=tuple(_connections(host)),
        radios=tuple(_ways(host, _RADIOS)),
        physical=tuple(_ways(host, _PHYSICAL)),
        ways_in=tuple(ways_in(host, persons)),
        people=persons,
        gaps=tuple(_gaps(host)),
    )


def _listeners(host: Snapshot) -> Iterator[Listener]:
    match host.network:
        case Known(network):
            for socket in network.sockets:
                yield _listener(host, socket)
        case _:
            yield from _at_boot(host)


def _listener(host: Snapshot, socket: Socket) -> Listener:
    reach, layers = exposure(host, socket)
    sites = _sites(host, socket)
    spoken = speech(socket, any(site.tls for site in sites))
    sends_on = bool(sites) and all(site.redirects for site in sites)
    return Listener(
        protocol=socket.protocol,
        address=socket.address + (f"%{socket.interface}" if socket.interface else ""),
        port=socket.port,
        program=socket.script.rpartition("/")[2] or socket.program,
        pid=socket.pid,
        user=socket.user,
        unit=_unit(host, socket),
        package=socket.package,
        reach=reach,
        layers=(*layers, "it only sends visitors on to https") if sends_on else layers,
        speaks=spoken.name,
        plaintext=spoken.plaintext and not sends_on,
        role=spoken.role,
    )


def _unit(host: Snapshot, socket: Socket) -> str:
    """Its service; for a socket that systemd holds, the socket unit whose file names the port."""
    if "systemd" not in socket.program and socket.unit != "init.scope":
        return socket.unit
    if not isinstance(host.services, Known):
        return socket.unit
    for unit in host.services.value.units.values():
        if unit.enabled and any(each.value.rpartition(":")[2] == str(socket.port) for each in unit.listens):
            return unit.name
    return socket.unit


def _sites(host: Snapshot, socket: Socket) -> tuple[Site, ...]:
    """What the configuration of the web server that listens there says of the port."""
    if not isinstance(host.servers, Known):
        return ()
    software = {"httpd": "apache2"}.get(socket.program, socket.program)
    match host.servers.value.sites.get(software):
        case Known(sites):
            return tuple(site for site in sites if site.port == socket.port)
        case _:
            return ()


def _at_boot(host: Snapshot) -> Iterator[Listener]:
    """What a host that does not run will open: the usual ports of the services that start at boot."""
    services = host.services.value if isinstance(host.services, Known) else Services()
    for offer in _OFFERS:
        units = services.starting(*offer.units)
        inetd = services.inetd_unit
        if not units and not (inetd and any(entry.name in offer.inetd for entry in services.inetd)):
            continue
        unit = units[0].name if units else inetd.name if inetd else ""
        for name in offer.ports[:1]:
            protocol, _, port = name.partition("/")
            socket = Socket(protocol, "*", int(port), unit=unit)
            yield _listener(host, socket)


def _connections(host: Snapshot) -> Iterator[Connection]:
    network = host.network.value if isinstance(host.network, Known) else Network()
    for peer in network.connections:
        local, remote = _endpoint(peer.address, peer.port), _endpoint(peer.peer, peer.peer_port)
        yield Connection(peer.protocol, local, remote, peer.program, peer.user, peer.inbound)


def _endpoint(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _ways(host: Snapshot, wanted: dict[str, str]) -> Iterator[PhysicalWay]:
    """Radios and ports, by what their rules say of them: the surface and the findings cannot differ."""
    for rule in RULES:
        if rule.id not in wanted:
            continue
        values = {option.name: option.default for option in rule.options}
        for verdict in answers(rule, Context(host, Profile(), values)):
            state = _STATES.get(verdict.status)
            if state is not None:
                name = wanted[rule.id]
                named = name if verdict.subject in {"host", name} else f"{name} ({verdict.subject})"
                yield PhysicalWay(named, state, verdict.detail)


def _gaps(host: Snapshot) -> Iterator[str]:
    """What could not be read, one sentence a subject."""
    facts = (
        ("The sockets that listen", host.network),
        ("The packet filter", host.firewall.value.running if isinstance(host.firewall, Known) else host.firewall),
        ("Passwords", host.accounts.value.shadow if isinstance(host.accounts, Known) else host.accounts),
        ("Rights through sudo", host.sudo.value.policy if isinstance(host.sudo, Known) else host.sudo),
        ("The SSH server", host.ssh),
        ("Radios", host.radios.value.adapters if isinstance(host.radios, Known) else host.radios),
    )
    for what, fact in facts:
        match fact:
            case Unknown(reason, _):
                yield f"{what}: {reason}."
            case Known() | Absent():
                continue
    if isinstance(host.network, Known) and not host.network.value.processes:
        yield "Which programs listen: that is told to root alone."
    if not isinstance(host.network, Known):
        yield "The listeners shown are those that start at boot, on their usual ports."
