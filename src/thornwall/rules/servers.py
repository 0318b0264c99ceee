"""Servers: how those that listen are configured.

Web servers: servers_web.py; shares and controls: servers_open.py; cameras: servers_cameras.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from thornwall.model.fact import Known, Unknown
from thornwall.model.finding import Attacker, Consequence, Effort, Evidence, FaultClass, Fixable, References
from thornwall.model.network import is_loopback
from thornwall.model.rule import Context, Preset, Rule, Verdict, fail, passed, unknown
from thornwall.model.servers import Config, Directive
from thornwall.rules import servers_cameras, servers_open, servers_web
from thornwall.rules.offered import Offer, standing
from thornwall.rules.servers_web import configured, servers

ACCESS = ("Logical Access to Interfaces",)
SURFACE = "Identify the attack surface"

MOSQUITTO = Offer("mosquitto", units=("mosquitto",), programs=("mosquitto",), ports=("tcp/1883", "tcp/8883"))


def shown(directive: Directive) -> Evidence:
    """The line of the configuration."""
    return Evidence(directive.path, f"{directive.name} {directive.value}".strip(), directive.line)


def outside(address: str) -> bool:
    """Whether a listening address is more than loopback; empty means every address."""
    return not (address == "localhost" or address.startswith("/") or is_loopback(address))


@configured(
    "mqtt-anonymous",
    "The MQTT broker asks for no login",
    fault_class=FaultClass.CONFIGURATION,
    likelihood=3,
    impact=4,
    attacker=Attacker.FAR,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    commands=("sudo mosquitto_passwd -c /etc/mosquitto/passwd NAME", "sudo systemctl restart mosquitto"),
    references=References(
        document=(SURFACE,), etsi=("5.5-5",), nist=ACCESS, owasp_iot=("I2", "I3"), owasp_top10=("A07:2021",), cwe=(306,)
    ),
)
def mqtt_anonymous(ctx: Context) -> Iterator[Verdict]:
    """Whether anybody may read and send messages of the home.

    What:
        mosquitto listens beyond loopback with `allow_anonymous true`. Since version 2 the default is that it listens on
        loopback alone, and that a listener of one's own asks for a login.
    Why:
        Whoever reaches it sees every sensor, and switches every lamp, lock and heater that listens to it.
    Remedy:
        Ask for a name and a password: make a file with `mosquitto_passwd`, and name it in /etc/mosquitto/conf.d. The
        lines are `allow_anonymous false` and `password_file /etc/mosquitto/passwd`; then restart it.
    Risk of the remedy:
        Every sensor and program that uses the broker needs the name and the password first.
    """
    stands = standing(ctx, MOSQUITTO)
    if not stands.open:
        yield passed("No MQTT broker can be reached beyond loopback.")
        return
    config = ctx.known(servers(ctx).config("mosquitto"), absent="mosquitto has no configuration")
    listeners = [each for each in config.all("listener") if _listens_outside(each)]
    anonymous = config.last("allow_anonymous")
    if anonymous is not None and anonymous.value.lower() == "true" and listeners:
        evidence = (shown(anonymous), *map(shown, listeners[:2]), *stands.evidence)
        yield fail("Anybody may use the MQTT broker, without a login.", *evidence, reach=stands.reach)
    else:
        yield passed("The MQTT broker asks for a login.", *map(shown, listeners[:1]))


def _listens_outside(listener: Directive) -> bool:
    words = listener.value.split()
    return bool(words) and (len(words) == 1 or outside(words[1]))


@configured(
    "mqtt-without-tls",
    "The MQTT broker does not encrypt",
    fault_class=FaultClass.SERVICE,
    likelihood=2,
    impact=2,
    attacker=Attacker.NEAR,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.HOUR,
    fixable=Fixable.BY_HAND,
    references=References(
        document=("Encryption",), etsi=("5.5-1",), nist=("Data Protection",), owasp_iot=("I7",), cwe=(319,)
    ),
)
def mqtt_without_tls(ctx: Context) -> Iterator[Verdict]:
    """Whether messages and passwords go to the broker in the clear.

    What:
        A listener of mosquitto beyond loopback has no certificate (`certfile`).
    Why:
        Names and passwords of all sensors can be read by whoever is on the same network.
    Remedy:
        Give the listener `cafile`, `certfile` and `keyfile`, on port 8883, and tell the clients to use TLS.
    Risk of the remedy:
        Small sensors may not manage TLS: keep those on a network of their own.
    """
    stands = standing(ctx, MOSQUITTO)
    if not stands.open:
        yield passed("No MQTT broker can be reached beyond loopback.")
        return
    config = ctx.known(servers(ctx).config("mosquitto"), absent="mosquitto has no configuration")
    failed = False
    for number, each in enumerate(config.directives):
        if each.name != "listener" or not _listens_outside(each):
            continue
        own = [following.name for following in config.directives[number + 1 :]]
        own = own[: own.index("listener")] if "listener" in own else own
        if "certfile" not in own:
            failed = True
            port = each.value.split()[0]
            detail = f"The MQTT broker takes connections on port {port} without encryption."
            yield fail(detail, shown(each), subject=f"tcp/{port}", reach=stands.reach)
    if not failed:
        yield passed("Every listener beyond loopback has a certificate.")


Judge = Callable[[Config], tuple[Directive | None, str]]


def _redis(config: Config) -> tuple[Directive | None, str]:
    bound = config.last("bind")
    unguarded = config.value("protected-mode", "yes") == "no"
    addresses = bound.value.split() if bound else []
    open_ = (not bound and unguarded) or any(outside(word.lstrip("-")) for word in addresses)
    guarded = bool(config.value("requirepass")) or config.last("aclfile") is not None
    if open_ and unguarded and not guarded:
        return bound or config.last("protected-mode"), "Redis is open to the network without a password"
    return None, ""


def _mongodb(config: Config) -> tuple[Directive | None, str]:
    bound = config.last("bindip") or config.last("bindipall")
    addresses = bound.value.replace(",", " ").split() if bound else []
    open_ = any(outside(word) for word in addresses if word != "false")
    if open_ and config.value("authorization") not in {"enabled", "true"}:
        return bound, "MongoDB is open to the network without a login"
    return None, ""


def _influxdb(config: Config) -> tuple[Directive | None, str]:
    bound = config.last("bind-address", "http")
    if config.path.endswith(".toml") or (bound and not outside(bound.value.rpartition(":")[0].strip("[]"))):
        return None, ""
    if config.value("auth-enabled", "false", "http").lower() != "true":
        first = config.last("auth-enabled", "http") or bound
        return first or Directive("[http]", "auth-enabled is not set", config.path, 1), "InfluxDB asks for no login"
    return None, ""


def _memcached(config: Config) -> tuple[Directive | None, str]:
    bound = config.last("-l")
    if bound is None:
        return Directive("-l", "is not set", config.path, 1), "memcached is open to the network; it knows no login"
    addresses = bound.value.replace(",", " ").split()
    if any(outside(word) for word in addresses):
        return bound, "memcached is open to the network; it knows no login"
    return None, ""


def _mysql(config: Config) -> tuple[Directive | None, str]:
    for name in ("skip-grant-tables", "skip_grant_tables"):
        each = config.last(name)
        if each is not None and each.value.lower() not in {"0", "off", "false"}:
            return each, "MariaDB lets everybody in: its tables of rights are switched off"
    return None, ""


def _postgresql(config: Config) -> tuple[Directive | None, str]:
    for each in config.directives:
        words = each.value.split()
        remote = each.name.startswith("host") and len(words) > 3 and not is_loopback(words[2].partition("/")[0])
        if remote and words[2] not in {"samehost", "localhost"} and "trust" in words[3:5]:
            return each, "PostgreSQL lets other machines in without a password (trust)"
    return None, ""


_DATABASES: tuple[tuple[str, Offer, Judge], ...] = (
    (
        "redis",
        Offer("redis", ("redis-server", "valkey-server"), ("redis-server", "valkey-server"), ("tcp/6379",)),
        _redis,
    ),
    ("mongodb", Offer("mongodb", ("mongod", "mongodb"), ("mongod",), ("tcp/27017",)), _mongodb),
    ("influxdb", Offer("influxdb", ("influxdb",), ("influxd",), ("tcp/8086",)), _influxdb),
    ("memcached", Offer("memcached", ("memcached",), ("memcached",), ("tcp/11211", "udp/11211")), _memcached),
    ("mysql", Offer("mysql", ("mariadb", "mysql"), ("mariadbd", "mysqld"), ("tcp/3306",)), _mysql),
    ("pg_hba", Offer("postgresql", ("postgresql", "postgresql@.service"), ("postgres",), ("tcp/5432",)), _postgresql),
)


@configured(
    "database-without-login",
    "A database lets others in without a password",
    fault_class=FaultClass.CONFIGURATION,
    likelihood=3,
    impact=4,
    attacker=Attacker.WORM,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.DOCUMENTS,
    references=References(
        document=(SURFACE,), etsi=("5.5-5",), nist=ACCESS, owasp_iot=("I2",), owasp_top10=("A07:2021",), cwe=(306,)
    ),
)
def database_without_login(ctx: Context) -> Iterator[Verdict]:
    """Whether a database can be read and changed by whoever reaches it.

    What:
        Redis with `protected-mode no` and no password, MongoDB without `authorization: enabled`, InfluxDB 1 without
        `auth-enabled`, memcached beyond loopback, MariaDB with `skip-grant-tables`, PostgreSQL with `trust` for other
        machines: each while it can be reached from the network.
    Why:
        Robots look for just that, copy the data, delete it and ask for money. Redis and PostgreSQL also run commands.
    Remedy:
        Bind the database to 127.0.0.1, and have it ask for a password. That is `requirepass` of Redis, `authorization:
        enabled` of MongoDB, `scram-sha-256` in pg_hba.conf of PostgreSQL, `-l 127.0.0.1` and `-U 0` of memcached.
    Risk of the remedy:
        Programs need the password, or must run on the device itself.
    """
    found = servers(ctx)
    told = False
    for name, offer, judge in _DATABASES:
        stands = standing(ctx, offer)
        if not stands.open:
            continue
        match found.config(name):
            case Known(config):
                directive, fault = judge(config)
                if directive is not None:
                    told = True
                    yield fail(f"{fault}.", shown(directive), *stands.evidence, subject=offer.name, reach=stands.reach)
            case Unknown(reason, mend):
                told = True
                yield unknown(reason, subject=offer.name, mend=mend)
            case _:
                continue
    if not told:
        yield passed("No database lets others in without a login.")


@configured(
    "docker-api-open",
    "The Docker daemon takes orders over the network",
    fault_class=FaultClass.INTERFACE,
    likelihood=4,
    impact=5,
    attacker=Attacker.WORM,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.BY_HAND,
    commands=("sudo systemctl edit docker.service", "sudo systemctl restart docker.service"),
    references=References(document=(SURFACE,), etsi=("5.5-5", "5.6-1"), nist=ACCESS, owasp_iot=("I3",), cwe=(306,)),
)
def docker_api_open(ctx: Context) -> Iterator[Verdict]:
    """Whether Docker can be told over TCP to run anything as root.

    What:
        dockerd listens on a TCP port beyond loopback, usually 2375, without asking for a certificate.
    Why:
        Whoever reaches it starts a container with the whole disk in it, and is root. Worms look for port 2375.
    Remedy:
        Take `-H tcp://…` out of the unit, or `hosts` out of /etc/docker/daemon.json. From another machine use
        `docker -H ssh://user@device`.
    Risk of the remedy:
        Programs that manage Docker from elsewhere over TCP, such as Portainer, need SSH or certificates.
    """
    services = ctx.known(ctx.host.services, absent="there are no services")
    match servers(ctx).config("docker"):
        case Known(config):
            hosts = [each for each in config.all("host") if each.value.startswith("tcp://")]
            verify = config.last("tlsverify") is not None
        case Unknown(reason, mend):
            yield unknown(reason, mend=mend)
            return
        case _:
            hosts, verify = [], False
    seen = [shown(each) for each in hosts if outside(each.value.removeprefix("tcp://").rpartition(":")[0].strip("[]"))]
    unit = services.unit("docker.service")
    for each in unit.commands if unit else ():
        if "-H tcp://" in each.value and "-H tcp://127." not in each.value:
            seen.append(Evidence(each.path, f"{each.key}={each.value}", each.line))
            verify = verify or "--tlsverify" in each.value
    stands = standing(ctx, Offer("docker", ("docker",), ("dockerd",), ("tcp/2375",)))
    live = isinstance(ctx.host.network, Known)
    if verify:
        yield passed("It asks for a certificate.", *seen)
    elif (live and stands.open) or (not live and seen and services.starting("docker")):
        yield fail("Docker takes orders from the network without asking who gives them.", *seen, *stands.evidence)
    else:
        yield passed("Docker takes no orders over the network.")


@configured(
    "snmp-default-community",
    "SNMP answers to the community string from the factory",
    fault_class=FaultClass.PASSWORDS,
    likelihood=2,
    impact=3,
    attacker=Attacker.FAR,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.NEEDS_ANSWER,
    references=References(
        document=("Raspberry Pi considerations", SURFACE),
        cis_debian12=("2.1.15",),
        ssg=("snmpd_not_default_password",),
        etsi=("5.1-1",),
        nist=ACCESS,
        owasp_iot=("I1",),
        cwe=(1393,),
    ),
)
def snmp_default_community(ctx: Context) -> Iterator[Verdict]:
    """Whether the device can be questioned with the word 'public'.

    What:
        snmpd listens beyond loopback and takes the community string `public` or `private`. Debian's own configuration
        has `public`, but on loopback alone.
    Why:
        It tells addresses, processes and software to whoever asks; with a writing community it can also be changed.
    Remedy:
        If nothing watches the device by SNMP, disable snmpd. Else use SNMPv3 (`net-snmp-create-v3-user`) and take the
        community lines out of /etc/snmp/snmpd.conf.
    Risk of the remedy:
        The monitoring must be told the new login.
    """
    stands = standing(ctx, Offer("snmpd", ("snmpd",), ("snmpd",), ("udp/161",)))
    if not stands.open:
        yield passed("No SNMP agent can be reached beyond loopback.")
        return
    config = ctx.known(servers(ctx).config("snmpd"), absent="snmpd has no configuration")
    addresses = [word for each in config.all("agentaddress") for word in each.value.replace(",", " ").split()]
    if addresses and not any(outside(_host(word)) for word in addresses):
        yield passed("snmpd listens on loopback alone.", *map(shown, config.all("agentaddress")))
        return
    names = ("rocommunity", "rwcommunity", "rocommunity6", "rwcommunity6")
    known = [each for name in names for each in config.all(name) if each.value.split()[:1] in (["public"], ["private"])]
    for each in known:
        yield fail("SNMP answers to a word that everybody knows.", shown(each), subject=each.name, reach=stands.reach)
    if not known:
        yield passed("It does not answer to 'public' or 'private'.")


def _host(word: str) -> str:
    """`udp:127.0.0.1:161`, `[::1]`, `127.0.0.1`: the address."""
    bare = word.removeprefix("udp:").removeprefix("udp6:").removeprefix("tcp:")
    return bare.strip("[]") if bare.startswith("[") else bare.partition(":")[0]


RULES: tuple[Rule, ...] = (
    *servers_web.RULES,
    mqtt_anonymous,
    mqtt_without_tls,
    database_without_login,
    docker_api_open,
    snmp_default_community,
    *servers_open.RULES,
    *servers_cameras.RULES,
)
