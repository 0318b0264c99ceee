"""Configuration of the servers that listen: web, databases, brokers, shares, cameras."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from thornwall.facts import servers_web
from thornwall.facts.redact import TEXT
from thornwall.facts.servers_config import NODE_RED, SETTINGS, assignments, javascript, plain, words
from thornwall.facts.servers_redact import APACHE, CADDY, HBA, LIGHTTPD, NGINX
from thornwall.model.capture import Capture
from thornwall.model.fact import ABSENT, Absent, Fact, Known, Unknown
from thornwall.model.network import is_loopback
from thornwall.model.probe import Probe, Read, Redaction
from thornwall.model.record import record
from thornwall.model.servers import Config, Directive, Servers

Parser = Callable[[str, str], Iterator[Directive]]


@record
class _Kind:
    """Where a server has its configuration: the main file (the first that is there), then what it includes."""

    mains: tuple[str, ...]
    parser: Parser
    includes: tuple[str, ...] = ()
    redact: Redaction = SETTINGS


_KINDS = {
    "cups": _Kind(("/etc/cups/cupsd.conf",), words),
    "cups-browsed": _Kind(("/etc/cups/cups-browsed.conf",), words),
    "mosquitto": _Kind(("/etc/mosquitto/mosquitto.conf",), words, ("/etc/mosquitto/conf.d/*.conf",)),
    "redis": _Kind(("/etc/redis/redis.conf", "/etc/valkey/valkey.conf", "/etc/redis.conf"), words),
    "mysql": _Kind(
        ("/etc/mysql/mariadb.cnf", "/etc/mysql/my.cnf", "/etc/my.cnf"),
        assignments,
        ("/etc/mysql/conf.d/*.cnf", "/etc/mysql/mariadb.conf.d/*.cnf", "/etc/mysql/mysql.conf.d/*.cnf"),
    ),
    "influxdb": _Kind(("/etc/influxdb/influxdb.conf", "/etc/influxdb/config.toml"), assignments),
    "mongodb": _Kind(("/etc/mongod.conf", "/etc/mongodb.conf"), assignments),
    "memcached": _Kind(("/etc/memcached.conf",), words),
    "samba": _Kind(("/etc/samba/smb.conf",), assignments),
    "nfs": _Kind(("/etc/exports",), plain, ("/etc/exports.d/*.exports",), TEXT),
    "vsftpd": _Kind(("/etc/vsftpd.conf", "/etc/vsftpd/vsftpd.conf"), assignments),
    "snmpd": _Kind(("/etc/snmp/snmpd.conf",), words, ("/etc/snmp/snmpd.conf.d/*.conf",)),
    "motion": _Kind(("/etc/motion/motion.conf", "/etc/motion.conf"), words, ("/etc/motion/conf.d/*.conf",)),
    "motioneye": _Kind(("/etc/motioneye/motion.conf",), words),
    "wayvnc": _Kind(("/etc/wayvnc/config",), assignments, ("/home/*/.config/wayvnc/config",)),
    "pihole": _Kind(("/etc/pihole/pihole.toml", "/etc/pihole/setupVars.conf"), assignments),
    "exim4": _Kind(("/etc/exim4/update-exim4.conf.conf",), assignments),
    "postfix": _Kind(("/etc/postfix/main.cf",), assignments),
}
_HBA = "/etc/postgresql/*/*/pg_hba.conf"
_POSTGRES = "/etc/postgresql/*/*/postgresql.conf"
_NODE_RED = ("/home/*/.node-red/settings.js", "/root/.node-red/settings.js")

PROBES: tuple[Probe, ...] = (
    *(Read(path, kind.redact) for kind in _KINDS.values() for path in (*kind.mains, *kind.includes)),
    Read(_HBA, HBA),
    Read(_POSTGRES, SETTINGS),
    *(Read(path, NODE_RED) for path in _NODE_RED),
    Read("/etc/docker/daemon.json", TEXT),
    Read("/etc/nginx/nginx.conf", NGINX),
    *(Read(f"/etc/nginx/{folder}/*", NGINX) for folder in ("conf.d", "sites-enabled", "sites-available", "snippets")),
    *(Read(f"/etc/apache2/{name}", APACHE) for name in ("apache2.conf", "ports.conf", "conf-enabled/*.conf")),
    *(
        Read(f"/etc/apache2/{folder}/*.conf", APACHE)
        for folder in ("sites-enabled", "sites-available", "conf-available")
    ),
    Read("/etc/httpd/conf/httpd.conf", APACHE),
    Read("/etc/httpd/conf.d/*.conf", APACHE),
    Read("/etc/lighttpd/lighttpd.conf", LIGHTTPD),
    *(Read(f"/etc/lighttpd/conf-{state}/*.conf", LIGHTTPD) for state in ("enabled", "available")),
    Read("/etc/caddy/Caddyfile", CADDY),
)
_WEB = {
    "nginx": servers_web.nginx,
    "apache2": servers_web.apache,
    "lighttpd": servers_web.lighttpd,
    "caddy": servers_web.caddy,
}


def parse(capture: Capture) -> Fact[Servers]:
    """Always Known; what a file says is known, absent or unknown for each server apart."""
    sites, configs = {}, {}
    for name, reader in _WEB.items():
        found, config = reader(capture)
        if not isinstance(found, Absent):
            sites[name], configs[name] = found, config
    configs |= {name: _config(capture, kind) for name, kind in _KINDS.items()}
    configs["postgresql"] = _globbed(capture, _POSTGRES, assignments)
    configs["pg_hba"] = _globbed(capture, _HBA, plain)
    for pattern in _NODE_RED:
        found_config = _globbed(capture, pattern, javascript)
        if not isinstance(configs.get("node-red"), Known):
            configs["node-red"] = found_config
    configs["docker"] = _docker(capture)
    return Known(
        Servers(
            sites=sites,
            configs={name: config for name, config in configs.items() if not isinstance(config, Absent)},
            cups_bound=_cups(configs["cups"]),
            browsed_bound=_browsed(configs["cups-browsed"]),
            mail_bound=_mail(configs["exim4"], configs["postfix"]),
        )
    )


def _config(capture: Capture, kind: _Kind) -> Fact[Config]:
    main = next((path for path in kind.mains if path in capture.files), "")
    paths = [main] if main else [path for path in kind.mains if isinstance(capture.record(path), Unknown)]
    if not paths:
        paths = [path for pattern in kind.includes for path, _ in capture.glob(pattern)]
        return _read(capture, paths, kind.parser) if paths else ABSENT
    paths = [paths[0], *(path for pattern in kind.includes for path, _ in capture.glob(pattern))]
    return _read(capture, paths, kind.parser)


def _globbed(capture: Capture, pattern: str, parser: Parser) -> Fact[Config]:
    blocked = capture.blocked(pattern)
    paths = [path for path, _ in capture.glob(pattern)]
    if not paths:
        return blocked or ABSENT
    return _read(capture, paths, parser)


def _read(capture: Capture, paths: list[str], parser: Parser) -> Fact[Config]:
    directives: list[Directive] = []
    for path in paths:
        match capture.read(path):
            case Known(text):
                directives += parser(text, path)
            case Unknown() as unknown:
                return unknown
            case Absent():
                continue
    return Known(Config(paths[0], tuple(directives)))


_HOST = re.compile(r"\"((?:tcp|unix|fd|npipe)://[^\"]*)\"")


def _docker(capture: Capture) -> Fact[Config]:
    """The hosts that dockerd listens on, and whether it asks for certificates."""
    path = "/etc/docker/daemon.json"
    match capture.read(path):
        case Known(text):
            found: list[Directive] = []
            for number, line in enumerate(text.splitlines(), 1):
                found += [Directive("host", each, path, number) for each in _HOST.findall(line)]
                if re.search(r"\"tlsverify\"\s*:\s*true", line):
                    found.append(Directive("tlsverify", "true", path, number))
            return Known(Config(path, tuple(found)))
        case other:
            return other


def _cups(config: Fact[Config]) -> Fact[bool]:
    """Any `Port`, or a `Listen` on an address that is not loopback nor a socket in the file system."""
    match config:
        case Known(found):
            listens = [each.value for each in found.all("listen") if not each.value.startswith("/")]
            hosts = [servers_web.endpoint(value, 631)[0] for value in listens]
            outside = any(not (host == "localhost" or is_loopback(host)) for host in hosts)
            return Known(bool(found.all("port")) or outside)
        case other:
            return other


def _browsed(config: Fact[Config]) -> Fact[bool]:
    """Whether it takes what CUPS servers announce: the old protocol must be named since version 1.28."""
    match config:
        case Known(found):
            names = ("browseremoteprotocols", "browseprotocols")
            return Known(any("cups" in each.value.lower().split() for name in names for each in found.all(name)))
        case other:
            return other


def _mail(exim: Fact[Config], postfix: Fact[Config]) -> Fact[bool]:
    match exim, postfix:
        case Known(found), _:
            addresses = [word for word in re.split(r"[;\s]+", found.value("dc_local_interfaces")) if word]
            # none at all means every address
            return Known(not addresses or any(not is_loopback(word) for word in addresses))
        case _, Known(found):
            words_ = found.value("inet_interfaces", "all").replace(",", " ").split()
            return Known(any(not (word in {"loopback-only", "localhost"} or is_loopback(word)) for word in words_))
        case (Unknown() as unknown, _) | (_, Unknown() as unknown):
            return unknown
        case _:
            return Unknown("how the mail server is configured was not read")
