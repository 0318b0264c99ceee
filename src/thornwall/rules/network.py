"""The network: what listens without being known, what goes out in the clear, and whether it is needed at all."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.capture import SUDO
from thornwall.model.fact import Known
from thornwall.model.finding import (
    Attacker,
    Consequence,
    Effort,
    Evidence,
    FaultClass,
    Fixable,
    Kind,
    Need,
    Reach,
    References,
)
from thornwall.model.network import Socket, is_loopback, is_public
from thornwall.model.profile import Online
from thornwall.model.rule import Context, Preset, Rule, Verdict, fail, not_applicable, passed, rule, unknown
from thornwall.model.services import Services
from thornwall.rules.exposure import exposure
from thornwall.rules.offered import SS, runs

SURFACE = "Identify the attack surface"
ACCESS = ("Logical Access to Interfaces",)


@rule(
    "unknown-listener",
    "A program of unknown origin listens on the network",
    subject="network",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.SERVICE,
    likelihood=2,
    impact=3,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.DOCUMENTS,
    references=References(
        document=(SURFACE, "Current Connections", "Existing software packages"),
        cis_debian12=("2.1.22",),
        etsi=("5.6-5",),
        nist=("Device Identification",),
        owasp_iot=("I2",),
    ),
)
def unknown_listener(ctx: Context) -> Iterator[Verdict]:
    """Whether everything that listens comes from a package.

    What:
        A program listens beyond loopback whose file belongs to no package of the distribution: written by somebody,
        downloaded, or started by an intruder. For Python, Node.js and the like it is the script that counts.
    Why:
        Nobody updates it with the rest of the system, and nobody but its author has looked at it. A listener that the
        owner does not know either is how an intrusion shows.
    Remedy:
        Find out what it is: the evidence names the program, its process and its unit. If it is yours, have it reviewed,
        keep it up to date, and bind it to loopback where only the device itself uses it. If it is nobody's, take the
        device off the network.
    Risk of the remedy:
        What the program served is gone when you stop it.
    """
    network = ctx.known(ctx.host.network, absent="nothing listens")
    beyond = {each.name: each for each in reversed(network.sockets) if not each.loopback and not each.container}
    if not network.processes:
        yield unknown("which programs listen is told to root alone", mend=SUDO)
        return
    if not network.packages:
        yield unknown("which package a program belongs to could not be asked")
        return
    strange = [each for each in reversed(beyond.values()) if each.exe and not each.package]
    for socket in strange:
        what = socket.script or socket.exe
        by = f", as {socket.user}" if socket.user else ""
        evidence = (Evidence(SS, socket.line), Evidence(socket.exe, f"{socket.unit or 'no unit'}; in no package"))
        reach, _ = exposure(ctx.host, socket)
        detail = f"{what} listens on {socket.name}{by}, and belongs to no package."
        yield fail(detail, *evidence, subject=f"{socket.name} {what}", reach=reach)
    if not strange:
        yield passed("Every program that listens beyond loopback belongs to a package.")


@rule(
    "open-resolver",
    "The device answers name lookups for the whole Internet",
    subject="network",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.SERVICE,
    likelihood=4,
    impact=3,
    attacker=Attacker.WORM,
    reach=Reach.INTERNET,
    consequence=Consequence.DISRUPTION,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    references=References(
        document=(SURFACE, "Have fun! with security in mind"), etsi=("5.6-1",), nist=ACCESS, cwe=(406,)
    ),
)
def open_resolver(ctx: Context) -> Iterator[Verdict]:
    """Whether strangers can use the device's name server.

    What:
        A name server (dnsmasq, Pi-hole, unbound, bind) listens on UDP port 53 of a public address, and no firewall
        keeps strangers out.
    Why:
        Botnets send it small questions in the name of their victim, and it floods the victim with long answers.
    Remedy:
        Let it answer your own network alone. That is `interface=eth1` and `bind-interfaces` of dnsmasq, the setting
        'allow only local requests' of Pi-hole, or a firewall that admits port 53 from there only.
    Risk of the remedy:
        Devices outside that network can no longer use it.
    """
    services = ctx.known(ctx.host.services, absent="there are no services")
    if not runs(ctx) and not services.starting("dnsmasq", "pihole-FTL", "unbound", "named", "bind9"):
        yield passed("No name server starts at boot.")
        return
    network = ctx.known(ctx.host.network, absent="nothing listens")
    resolvers = [each for each in network.listening("udp", 53) if not each.loopback]
    if not resolvers:
        yield passed("Nothing answers name lookups of others.")
        return
    for socket in resolvers:
        reach, layers = exposure(ctx.host, socket)
        evidence = Evidence(SS, socket.line)
        if reach is Reach.INTERNET:
            detail = f"{socket.program or 'A program'} answers on a public address: {', '.join(layers)}."
            yield fail(detail, evidence, subject=socket.name)
            return
    yield passed("It answers the local network alone.", Evidence(SS, resolvers[0].line))


_CLEAR = {
    ("tcp", 21): "FTP",
    ("tcp", 23): "telnet",
    ("tcp", 110): "POP3",
    ("tcp", 143): "IMAP",
    ("tcp", 389): "LDAP",
    ("tcp", 512): "rexec",
    ("tcp", 513): "rlogin",
    ("tcp", 514): "rsh or syslog",
    ("tcp", 873): "rsync",
    ("tcp", 1883): "MQTT",
    ("tcp", 3306): "MySQL",
    ("tcp", 5900): "VNC",
    ("tcp", 6379): "Redis",
}


@rule(
    "plaintext-connection",
    "The device talks to another in the clear",
    subject="network",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=2,
    attacker=Attacker.NEAR,
    reach=Reach.NETWORK,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.HOUR,
    fixable=Fixable.BY_HAND,
    preset=Preset.DOCUMENTS,
    references=References(
        document=("Encryption", "Connecting to the Internet", "Current Connections"),
        etsi=("5.5-1", "5.5-6"),
        nist=("Data Protection",),
        owasp_iot=("I7",),
        cwe=(319,),
    ),
)
def plaintext_connection(ctx: Context) -> Iterator[Verdict]:
    """Whether a connection is open whose protocol is known to send everything in the clear.

    What:
        While the host was read, a connection was open, to or from another machine, on the port of a protocol without
        encryption: telnet, FTP, POP3, IMAP, LDAP, MQTT on 1883, VNC, Redis and others.
    Why:
        As a client, too, the device gives away its passwords to whoever is on the way, and the way through the
        Internet is long.
    Remedy:
        Use the encrypted sibling of the protocol, or carry it through a VPN or an SSH tunnel. The siblings: SSH, SFTP,
        IMAPS (993), LDAPS (636), MQTT over TLS (8883).
    Risk of the remedy:
        Both sides must know the encrypted protocol, and have the right time for certificates to be accepted.
    """
    network = ctx.known(ctx.host.network, absent="nothing is connected")
    seen: set[tuple[str, str]] = set()
    for each in network.connections:
        if is_loopback(each.peer) or is_loopback(each.address):
            continue
        port = each.port if each.inbound else each.peer_port
        name = _CLEAR.get((each.protocol, port))
        if name is None or (name, each.peer) in seen:
            continue
        seen.add((name, each.peer))
        where = f"{'from' if each.inbound else 'to'} {each.peer}"
        far = Reach.INTERNET if is_public(each.peer) else Reach.NETWORK
        detail = f"A {name} connection {where} is open, without encryption."
        yield fail(detail, Evidence("ss -tunap", each.line), subject=f"{name} {where}", reach=far)
    if not seen:
        yield passed("No connection was open whose protocol is known to be in the clear.")


@rule(
    "network-not-needed",
    "The device is on a network and need not be",
    subject="network",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=3,
    attacker=Attacker.WORM,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.DOCUMENTS,
    needs=(Need.HANDS,),
    references=References(
        document=("Connecting to the Internet", "What kind of target is your device?"), etsi=("5.6-1",), nist=ACCESS
    ),
)
def network_not_needed(ctx: Context) -> Iterator[Verdict]:
    """Whether a device that could do without a network is connected to one.

    What:
        The profile says that the device need not be on a network, and it has an address on one.
    Why:
        Just being on the network makes it a target, and disconnecting it takes most of the attack surface away.
    Remedy:
        Pull the cable, or switch the radio off, and connect it only for updates. For Wi-Fi: `sudo rfkill block wifi`,
        or `dtoverlay=disable-wifi` in config.txt.
    Risk of the remedy:
        You need a keyboard and a screen to manage it, the clock drifts without a time server, and updates wait until
        you connect it again.
    """
    if ctx.profile.online not in {Online.NO, Online.NEEDLESS}:
        yield not_applicable("the profile says that the device needs a network")
        return
    network = ctx.known(ctx.host.network, absent="there is no network")
    outside = [each for each in network.addresses if not each.address.startswith(("fe80:", "169.254."))]
    if outside:
        shown = tuple(Evidence("ip address", f"{each.interface} {each.address}") for each in outside[:4])
        yield fail("The profile says that it need not be connected, and it is.", *shown)
    else:
        yield passed("It has no address on a network.")


_DATABASES = {
    "mysqld": "MySQL",
    "mariadbd": "MariaDB",
    "postgres": "PostgreSQL",
    "redis-server": "Redis",
    "valkey-server": "Valkey",
    "mongod": "MongoDB",
    "influxd": "InfluxDB",
    "memcached": "memcached",
    "etcd": "etcd",
    "couchdb": "CouchDB",
    "beam.smp": "an Erlang program (CouchDB, RabbitMQ)",
    "prometheus": "Prometheus",
    "prometheus-node": "Prometheus node exporter",
    "java": "",
}
_DATABASE_UNITS = {
    "mysql": "MySQL",
    "mariadb": "MariaDB",
    "postgresql": "PostgreSQL",
    "redis-server": "Redis",
    "mongod": "MongoDB",
    "influxdb": "InfluxDB",
    "memcached": "memcached",
}


@rule(
    "database-open-to-network",
    "A database can be reached from the network",
    subject="network",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.SERVICE,
    likelihood=2,
    impact=4,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.NEEDS_ANSWER,
    preset=Preset.DOCUMENTS,
    references=References(
        document=(SURFACE,),
        etsi=("5.6-1", "5.6-5"),
        nist=ACCESS,
        owasp_iot=("I2",),
        owasp_top10=("A05:2021",),
        cwe=(1327,),
    ),
)
def database_open_to_network(ctx: Context) -> Iterator[Verdict]:
    """Whether a database listens where only programs on the device itself need it.

    What:
        A database server (MariaDB, PostgreSQL, Redis, MongoDB, InfluxDB, memcached and others) listens beyond loopback.
    Why:
        Most databases are used by one program on the same device. Open to the network they are searched for, and
        emptied, by robots within hours.
    Remedy:
        Have the database listen on 127.0.0.1 alone. That is `bind-address` of MariaDB, `listen_addresses` of
        PostgreSQL, `bind` of Redis, `bindIp` of MongoDB. Who needs it from elsewhere takes an SSH tunnel, or gets a
        firewall rule for one address.
    Risk of the remedy:
        Programs on other machines that use the database directly can no longer connect.
    """
    services = ctx.known(ctx.host.services, absent="there are no services")
    if not isinstance(ctx.host.network, Known) and not runs(ctx):
        if any(services.starting(name) for name in _DATABASE_UNITS):
            yield unknown("where a database listens is seen on the running host", mend="audit the running host")
        else:
            yield passed("No database starts at boot.")
        return
    network = ctx.known(ctx.host.network, absent="nothing listens")
    found: dict[str, Socket] = {}
    for socket in network.sockets:
        name = _database(socket, services)
        if name and not socket.loopback:
            found.setdefault(f"{name} {socket.name}", socket)
    for subject, socket in found.items():
        reach, layers = exposure(ctx.host, socket)
        detail = f"{subject.split()[0]} listens beyond loopback on {socket.name}: {', '.join(layers)}."
        yield fail(detail, Evidence(SS, socket.line), subject=subject, reach=reach)
    if not found:
        yield passed("No database listens beyond loopback.")


def _database(socket: Socket, services: Services) -> str:
    """What database it is; by its program, else by the port that only it has and the unit that starts it."""
    if socket.program:
        return _DATABASES.get(socket.program, "")
    ports = {
        3306: "mariadb",
        5432: "postgresql",
        6379: "redis-server",
        27017: "mongod",
        8086: "influxdb",
        11211: "memcached",
    }
    unit = ports.get(socket.port, "")
    return _DATABASE_UNITS[unit] if unit and services.starting(unit, "mysql" if unit == "mariadb" else unit) else ""


RULES: tuple[Rule, ...] = (
    unknown_listener,
    database_open_to_network,
    open_resolver,
    plaintext_connection,
    network_not_needed,
)
