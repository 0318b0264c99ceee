"""Databases that listen on the device alone: option files of MariaDB, conf.d of PostgreSQL on Debian."""

from __future__ import annotations

from thornwall.model.change import Activate, OwnLine
from thornwall.model.network import Network, Peer
from thornwall.plan.fix import Hold

from .small_host import SSHD, Host, listening, unit, wants


def database(program: str, port: int, of: str, *peers: Peer, **seen: str) -> Host:
    return Host(seen=seen, units=(unit(of),), network=Network((SSHD, listening("tcp", port, program, of)), peers))


def test_mariadb_listens_on_loopback_when_the_owner_says_so() -> None:
    files = {"/etc/mysql/mariadb.conf.d/50-server.cnf": "[mysqld]\nbind-address = 0.0.0.0\n"}
    hold, line, restart = wants(database("mariadbd", 3306, "mariadb.service", **files), "database-open-to-network")
    assert isinstance(hold, Hold)
    assert (hold.subject, hold.accept) == ("MariaDB", True)
    path = "/etc/mysql/mariadb.conf.d/zz-thornwall.cnf"
    assert line == OwnLine(path, "bind-address", "bind-address = 127.0.0.1", section="mysqld")
    assert restart == Activate("mariadb.service", "restart")


def test_whoever_uses_it_now_is_named() -> None:
    files = {"/etc/mysql/mariadb.conf.d/50-server.cnf": ""}
    peer = Peer("tcp", "192.168.1.5", 3306, "192.168.1.40", 51000, inbound=True)
    hold, *_ = wants(database("mariadbd", 3306, "mariadb.service", peer, **files), "database-open-to-network")
    assert isinstance(hold, Hold)
    assert "192.168.1.40" in hold.why


def test_postgresql_has_a_folder_for_each_cluster() -> None:
    main = "/etc/postgresql/17/main/postgresql.conf"
    said = {main: "include_dir = 'conf.d'\n"}
    _, line, restart = wants(
        database("postgres", 5432, "postgresql@17-main.service", **said), "database-open-to-network"
    )
    path = "/etc/postgresql/17/main/conf.d/zz-thornwall.conf"
    assert line == OwnLine(path, "listen_addresses", "listen_addresses = 'localhost'")
    assert restart == Activate("postgresql@17-main.service", "restart")
    assert (
        wants(database("postgres", 5432, "postgresql@17-main.service", **{main: ""}), "database-open-to-network") == []
    )


def test_other_databases_are_left_to_a_person() -> None:
    assert wants(database("redis-server", 6379, "redis-server.service"), "database-open-to-network") == []
