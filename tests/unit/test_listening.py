"""Sockets, units and servers as they are read, against the tools that own them; and whatever bytes come."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thornwall.facts import network, servers, services
from thornwall.facts.servers_web import endpoint
from thornwall.model.capture import Capture, CommandResult, FileRecord, Manifest
from thornwall.model.fact import Known, Unknown
from thornwall.model.network import Network
from thornwall.model.probe import Read, Run
from thornwall.model.servers import Servers
from thornwall.model.services import Services

RUNS = {probe.name: probe for probe in network.PROBES if isinstance(probe, Run)}


def host(files: dict[str, bytes] | None = None, commands: dict[str, bytes] | None = None, uid: int = 0) -> Capture:
    reads = tuple(
        probe.pattern for subject in (network, services, servers) for probe in subject.PROBES if isinstance(probe, Read)
    )
    return Capture(
        Manifest("host", "ssh", uid, reads=(*reads, "/etc/passwd")),
        {path: FileRecord(path, "read", content) for path, content in (files or {}).items()},
        {name: CommandResult(name, out, b"", 0) for name, out in (commands or {}).items()},
    )


def net(capture: Capture) -> Network:
    fact = network.parse(capture)
    assert isinstance(fact, Known)
    return fact.value


def units(capture: Capture) -> Services:
    fact = services.parse(capture)
    assert isinstance(fact, Known)
    return fact.value


def configured(capture: Capture) -> Servers:
    fact = servers.parse(capture)
    assert isinstance(fact, Known)
    return fact.value


SHELLS = [["sh"], *([["busybox", "sh"]] if shutil.which("busybox") else [])]


@pytest.mark.skipif(not shutil.which("ss"), reason="needs ss")
@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_a_listener_of_this_very_process_is_described(tmp_path: Path, shell: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        (tmp_path / "c").mkdir()
        said = subprocess.run(RUNS["sockets"].line.split(), check=True, capture_output=True).stdout
        (tmp_path / "c" / "sockets.out").write_bytes(said)
        environment = {"S": str(tmp_path), "PATH": os.defpath, "LC_ALL": "C"}
        script = [*shell, "-c", RUNS["processes"].line]
        more = subprocess.run(script, check=True, capture_output=True, cwd="/", env=environment).stdout
        passwd = Path("/etc/passwd").read_bytes()
        found = net(host({"/etc/passwd": passwd}, {"sockets": said, "processes": more}))
        (ours,) = found.listening("tcp", server.getsockname()[1])
        assert ours.loopback
        assert ours.pid == os.getpid()
        assert ours.exe == str(Path("/proc/self/exe").readlink())
        assert ours.uid == os.geteuid()
        inbound = [peer for peer in found.connections if peer.peer_port == client.getsockname()[1]]
        assert [peer.inbound for peer in inbound] == [True]


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs /proc/net")
def test_proc_net_tells_what_ss_tells() -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6) as server:
        port = server.getsockname()[1]
        tables = {
            f"/proc/net/{name}": Path(f"/proc/net/{name}").read_bytes() for name in ("tcp", "tcp6", "udp", "udp6")
        }
    capture = host(tables)
    capture = Capture(capture.manifest, capture.files, {"sockets": CommandResult("sockets", b"", b"", 127)})
    (ours,) = net(capture).listening("tcp", port)
    assert (ours.address, ours.program, ours.uid) == ("*", "", os.geteuid())


def test_addresses_and_routes_of_proc_net() -> None:
    # as the kernel prints them; `ip address` and `ip route` showed the values that are expected
    tables = {
        "/proc/net/fib_trie": b"Main:\n  +-- 0.0.0.0/0 3 0 6\n     |-- 192.0.2.0\n        /24 link UNICAST\n"
        b"Local:\n  +-- 0.0.0.0/0 2 0 2\n        |-- 127.0.0.1\n           /32 host LOCAL\n"
        b"        |-- 192.0.2.2\n           /32 host LOCAL\n        |-- 192.0.2.255\n           /32 link BROADCAST\n",
        "/proc/net/route": b"Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
        b"eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        b"*\t0000D50A\t00000000\t0001\t0\t0\t4294967295\t0000FFFF\t0\t0\t0\n"
        b"eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n",
        "/proc/net/if_inet6": b"fd000000000000000000000000000002 04 40 00 82     eth0\n"
        b"00000000000000000000000000000001 01 80 10 80       lo\n",
    }
    found = net(host(tables, {"sockets": b""}))
    assert [(each.address, each.interface) for each in found.addresses] == [("192.0.2.2", "eth0"), ("fd00::2", "eth0")]
    assert [(each.destination, each.gateway) for each in found.routes] == [
        ("0.0.0.0/0", "192.0.2.1"),
        ("192.0.2.0/24", ""),
    ]


def test_a_directory_tells_no_sockets() -> None:
    assert isinstance(network.parse(Capture(Manifest("d", "directory", 0), {}, {})), Unknown)


WANTS = "etc/systemd/system/multi-user.target.wants"
UNIT = "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\nAlias=other.service\n"


@pytest.mark.skipif(not shutil.which("systemctl"), reason="needs systemctl")
def test_units_are_enabled_as_systemctl_says(tmp_path: Path) -> None:
    links = {
        f"{WANTS}/on.service": "/usr/lib/systemd/system/on.service",
        f"{WANTS}/masked.service": "/usr/lib/systemd/system/masked.service",
        "etc/systemd/system/masked.service": "/dev/null",
        "etc/systemd/system/other.service": "/usr/lib/systemd/system/aliased.service",
        "etc/systemd/system/sockets.target.wants/on.socket": "/usr/lib/systemd/system/on.socket",
    }
    names = ("on.service", "off.service", "masked.service", "aliased.service", "empty.service", "on.socket")
    for name in names:
        path = tmp_path / "usr/lib/systemd/system" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            UNIT if name.endswith("service") else "[Socket]\nListenStream=1\n[Install]\nWantedBy=sockets.target\n"
        )
    for name, target in links.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).symlink_to(target)
    (tmp_path / "etc/systemd/system/empty.service").write_text("")
    command = ["systemctl", f"--root={tmp_path}", "is-enabled", *names]
    told = subprocess.run(command, check=False, capture_output=True, text=True).stdout.split()
    walked = b"".join(
        f"{'l' if path.is_symlink() else 'f'} 644 0 0 0 0 ./{path.relative_to(tmp_path)}\t"
        f"{path.readlink() if path.is_symlink() else ''}\0".encode()
        for path in tmp_path.rglob("*.s*")
        if path.is_symlink() or path.is_file()
    )
    files = {"/etc/systemd/system/empty.service": b""}
    found = units(host(files, {"walk": walked}))
    assert [found.units[name].state for name in names] == told
    assert found.unit("other") == found.units["aliased.service"]


def test_a_drop_in_clears_and_adds() -> None:
    # systemd.unit(5): drop-ins in the order of their names; systemd.service(5): an empty ExecStart= resets the list
    folder = "/etc/systemd/system"
    found = units(
        host(
            {
                f"{folder}/x.service": b"[Service]\nExecStart=/1\nUser=a\n# ExecStart=/no\nExecStart=/2 \\\n three\n",
                f"{folder}/x.service.d/20-b.conf": b"[Service]\nUser=c\n",
                f"{folder}/x.service.d/10-a.conf": b"[Service]\nExecStart=\nExecStart=-/four\nUser=b\n",
            }
        )
    )
    unit = found.units["x.service"]
    assert [(each.value, each.line) for each in unit.all("ExecStart")] == [("-/four", 3)]
    assert unit.last("User") == "c"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80", ("", 80)),
        ("*:8080", ("", 8080)),
        ("[::]:80", ("", 80)),
        ("[::1]:81", ("::1", 81)),
        ("127.0.0.1:82", ("127.0.0.1", 82)),
        ("localhost", ("localhost", 631)),
        ("0.0.0.0", ("", 631)),  # noqa: S104
    ],
)
def test_endpoints(text: str, expected: tuple[str, int]) -> None:
    assert endpoint(text, 631) == expected


NGINX = """
http {{
  include /etc/nginx/other/*.conf;
  server {{
    listen 80; # listen 443 ssl;
    server_name "a b" 'c;d';
    {}
  }}
}}
"""


@pytest.mark.parametrize(
    ("inside", "redirects"),
    [
        ("return 301 https://$host$request_uri;", True),
        ("return 301 http://$host/;", False),
        ("# return 301 https://$host$request_uri;\n root /srv;", False),
        ("location / { return 308 https://a$request_uri; }", True),
        ("location /x { return 308 https://a$request_uri; } root /srv;", False),
        ("location ^~ /.well-known/acme-challenge/ { root /a; } location / { return 301 https://$host; }", True),
        ("location / { return 301 https://$host; } location /api { proxy_pass http://b; }", False),
        ("rewrite ^ https://$host$request_uri permanent;", True),
        ("return 444;", True),
        ("root /srv; location / { try_files $uri =404; }", False),
    ],
)
def test_what_only_redirects(inside: str, redirects: bool) -> None:
    sites = configured(host({"/etc/nginx/nginx.conf": NGINX.format(inside).encode()})).sites["nginx"]
    assert isinstance(sites, Known)
    assert [(site.port, site.tls, site.redirects, site.line) for site in sites.value] == [(80, False, redirects, 5)]


PATHS = [
    probe.pattern for subject in (network, services, servers) for probe in subject.PROBES if isinstance(probe, Read)
]
CONTENT = st.binary(max_size=200) | st.lists(
    st.sampled_from(
        [
            *(
                b"[Service]\n",
                b"ExecStart=",
                b"\\\n",
                b"server {",
                b"}",
                b";",
                b"listen ",
                b"80",
                b"ssl",
                b"include x;",
            ),
            *(
                b"<VirtualHost *:80>\n",
                b"Listen 80\n",
                b"\n",
                b"= ",
                b"service x\n{\n",
                b"disable = no\n",
                b'"',
                b"'",
                b"\0",
                b"#",
            ),
        ]
    ),
    max_size=30,
).map(b"".join)


@given(st.dictionaries(st.sampled_from(PATHS).map(lambda path: path.replace("*", "x")), CONTENT, max_size=4))
def test_no_file_stops_the_readers(files: dict[str, bytes]) -> None:
    capture = host(files)
    net_fact = network.parse(capture)
    assert isinstance(net_fact, Known | Unknown)
    units(capture)
    configured(capture)


LINE = st.lists(
    st.sampled_from(
        [
            *(
                "tcp",
                "udp",
                "LISTEN",
                "ESTAB",
                "UNCONN",
                "0",
                "0.0.0.0:22",
                "[::]:80",
                "*:9",
                "x:y",
                '(("a",pid=1,fd=2))',
            ),
            *(
                "users:",
                "P",
                "E",
                "A",
                "D",
                "1",
                "0::/system.slice/x.service",
                "./x.list:/usr/bin/x",
                "\n",
                "²",
                "99999999999",
            ),
        ]
    ),
    max_size=30,
).map(lambda words: " ".join(words).encode())


@given(LINE | st.binary(max_size=200), LINE | st.binary(max_size=200), st.binary(max_size=200))
def test_no_answer_stops_the_readers(sockets: bytes, processes: bytes, other: bytes) -> None:
    capture = host(
        {}, {"sockets": sockets, "processes": processes, "units": other, "walk": b"\0l x ./etc/rc2.d/" + other}
    )
    network.parse(capture)
    units(capture)


def test_what_is_no_list_of_sockets_is_not_silence() -> None:
    said = network.parse(host({}, {"sockets": b"fake-ss\n\xff\x00 garbage 1 2 3 4 5 6\n"}))
    assert isinstance(said, Unknown)
    assert "ss" in said.reason
