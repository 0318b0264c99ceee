"""Fixes of the rules about the network."""

from __future__ import annotations

import re
from collections.abc import Iterator

from thornwall.model.change import Activate, OwnLine, Purpose
from thornwall.model.finding import Finding
from thornwall.model.network import is_loopback
from thornwall.plan.fix import Fix, Hold, Situation, Want, fix
from thornwall.plan.lines import network_of, services_of

PATHS: tuple[str, ...] = (
    "/etc/mysql/mariadb.conf.d/*",
    "/etc/mysql/mysql.conf.d/*",
    "/etc/postgresql/*/*/conf.d/*",
)


@fix(
    "database-open-to-network",
    step="database",
    purpose=Purpose.SERVERS,
    title="Have the database listen on the device itself alone",
)
def database(situation: Situation, finding: Finding) -> Iterator[Want]:
    """MariaDB, MySQL and PostgreSQL read drop-ins; whether other machines use it, only the owner knows."""
    name, _, port = finding.subject.partition(" ")
    wishes = tuple(_mysql(situation) if name in {"MariaDB", "MySQL"} else _postgresql(situation, name))
    if wishes:
        number = port.rpartition("/")[2]
        others = {
            peer.peer
            for peer in network_of(situation).connections
            if peer.inbound and str(peer.port) == number and not is_loopback(peer.peer)
        }
        why = f"No program can see whether other machines use {name} at times."
        if others:
            why = f"{min(others)} uses {name} over the network now."
        unlock = "If only programs on the device itself need it, say so."
        yield Hold("database-open-to-network", why, unlock, subject=name, accept=True)
        yield from wishes


def _mysql(situation: Situation) -> Iterator[Want]:
    for folder in ("/etc/mysql/mariadb.conf.d", "/etc/mysql/mysql.conf.d"):
        unit = services_of(situation).unit("mariadb" if "mariadb" in folder else "mysql")
        if unit is not None and any(path.startswith(f"{folder}/") for path in situation.capture.files):
            # in these folders the last one wins
            yield OwnLine(f"{folder}/zz-thornwall.cnf", "bind-address", "bind-address = 127.0.0.1", section="mysqld")
            yield Activate(unit.name, "restart")
            return


def _postgresql(situation: Situation, name: str) -> Iterator[Want]:
    clusters = [
        path for path in situation.capture.files if re.fullmatch(r"/etc/postgresql/[^/]+/[^/]+/postgresql\.conf", path)
    ]
    if name != "PostgreSQL" or len(clusters) != 1:
        return
    if not re.search(r"^include_dir\s*=\s*'conf\.d'", situation.capture.files[clusters[0]].text, re.MULTILINE):
        return
    _, _, _, release, cluster, _ = clusters[0].split("/")
    folder = clusters[0].rpartition("/")[0]
    yield OwnLine(f"{folder}/conf.d/zz-thornwall.conf", "listen_addresses", "listen_addresses = 'localhost'")
    yield Activate(f"postgresql@{release}-{cluster}.service", "restart")


FIXES: tuple[Fix, ...] = (database,)
