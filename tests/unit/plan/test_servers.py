"""Servers: lines as their manuals have them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from thornwall.model.change import Activate, EditLine, OwnLine, UnitsOff, Wish
from thornwall.model.fact import Known
from thornwall.model.network import Network
from thornwall.model.rule import Preset
from thornwall.model.servers import Config, Directive, Servers
from thornwall.plan.fix import Hold, Want

from .small_host import SSHD, Host, listening, unit, wants

NGINX = "/etc/nginx/nginx.conf"


def serving(program: str, port: int, name: str, config: Config, **files: str) -> Host:
    """A host with that server, its settings as they were read, and files that are known to the byte."""
    return Host(
        files=files,
        units=(unit(f"{program}.service"),),
        network=Network((SSHD, listening("tcp", port, program, f"{program}.service"))),
        servers=Servers(configs={name: Known(config)}),
    )


@pytest.mark.parametrize(
    ("software", "name", "before", "after"),
    [
        ("nginx", "autoindex", "    location / { autoindex  on; }", "    location / { autoindex  off; }"),
        ("apache2", "options", "\tOptions Indexes FollowSymLinks", "\tOptions FollowSymLinks"),
        ("apache2", "options", "Options Indexes", "Options None"),
        ("apache2", "options", "Options +Indexes", "Options -Indexes"),
        ("lighttpd", "dir-listing.activate", 'dir-listing.activate = "enable"', 'dir-listing.activate = "disable"'),
    ],
)
def test_folders_are_not_listed(software: str, name: str, before: str, after: str) -> None:
    path = "/etc/site.conf"
    value = {"nginx": "on", "lighttpd": "enable"}.get(software, before.strip().partition(" ")[2])
    config = Config(path, (Directive(name, value, path, 2),))
    host = serving(software, 80, software, config, **{path: f"# a comment\n{before}\n"})
    assert wants(host, "web-directory-listing") == [
        EditLine(path, 2, before, after),
        Activate(f"{software}.service"),
    ]
    host.seen, host.files = host.files, {}
    assert wants(host, "web-directory-listing") == []


def told(software: str, config: Config, **files: str) -> Sequence[Want]:
    host = serving(software, 80, software, config, **files)
    host.preset = Preset.STRICT
    return wants(host, "web-server-tells-version")


def test_nginx_takes_a_setting_once() -> None:
    includes = "http {\n    include /etc/nginx/conf.d/*.conf;\n}\n"
    own: list[Wish] = [
        OwnLine("/etc/nginx/conf.d/thornwall.conf", "server_tokens", "server_tokens off;"),
        Activate("nginx.service"),
    ]
    assert told("nginx", Config(NGINX), **{NGINX: includes}) == own
    assert told("nginx", Config(NGINX), **{NGINX: "http {\n}\n"}) == []
    said = Config(NGINX, (Directive("server_tokens", "build", NGINX, 2),))
    text = "http {\n    server_tokens build; # a comment\n}\n"
    assert told("nginx", said, **{NGINX: text}) == [
        EditLine(NGINX, 2, "    server_tokens build; # a comment", "    server_tokens off; # a comment"),
        Activate("nginx.service"),
    ]


def test_apache_takes_the_last_word() -> None:
    path = "/etc/apache2/conf-enabled/security.conf"
    config = Config("/etc/apache2/apache2.conf", (Directive("servertokens", "OS", path, 3),))
    assert told("apache2", config) == [
        OwnLine("/etc/apache2/conf-enabled/zz-thornwall.conf", "ServerTokens", "ServerTokens Prod"),
        Activate("apache2.service"),
    ]


VSFTPD = "/etc/vsftpd.conf"


def ftp(line: str, preset: Preset = Preset.RECOMMENDED) -> Host:
    directives = (Directive("anonymous_enable", "YES", VSFTPD, 2),) if line else ()
    host = serving("vsftpd", 21, "vsftpd", Config(VSFTPD, directives), **{VSFTPD: f"listen=YES\n{line}\n"})
    host.preset = preset
    return host


def test_ftp_goes_as_a_whole_with_its_own_finding() -> None:
    assert wants(ftp("anonymous_enable=YES"), "ftp-anonymous") == [UnitsOff(("vsftpd.service",))]


def test_else_ftp_asks_for_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    from thornwall.plan.fixes import servers  # noqa: PLC0415

    monkeypatch.setattr(servers, "_with_the_service", lambda *_: ())  # as if the owner kept the server
    restart = Activate("vsftpd.service", "restart")
    assert wants(ftp("anonymous_enable=YES"), "ftp-anonymous") == [
        EditLine(VSFTPD, 2, "anonymous_enable=YES", "anonymous_enable=NO"),
        restart,
    ]
    assert wants(ftp(""), "ftp-anonymous") == [EditLine(VSFTPD, 0, "", "anonymous_enable=NO"), restart]


def test_snmp_goes_when_the_owner_says_so() -> None:
    config = Config("/etc/snmp/snmpd.conf", (Directive("rocommunity", "public", "/etc/snmp/snmpd.conf", 1),))
    host = serving("snmpd", 161, "snmpd", config)
    host.network = Network((SSHD, listening("udp", 161, "snmpd", "snmpd.service")))
    hold, off = wants(host, "snmp-default-community")
    assert isinstance(hold, Hold)
    assert hold.accept
    assert off == UnitsOff(("snmpd.service",))


def test_motion_shows_the_device_alone_when_the_owner_says_so() -> None:
    path = "/etc/motion/motion.conf"
    text = "stream_port 8081\nstream_localhost off\nwebcontrol_localhost on\n"
    values = [line.split() for line in text.splitlines()]
    config = Config(path, tuple(Directive(name, value, path, n) for n, (name, value) in enumerate(values, 1)))
    host = serving("motion", 8081, "motion", config, **{path: text})
    hold, edit, restart = wants(host, "camera-stream-open")
    assert isinstance(hold, Hold)
    assert edit == EditLine(path, 2, "stream_localhost off", "stream_localhost on")
    assert restart == Activate("motion.service", "restart")
