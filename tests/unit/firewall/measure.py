"""Measures with real packets what each rule set here lets in, and writes measured.json. As root; needs nft, iptables.

Two network namespaces are joined by a veth pair; one listens on every port, the other connects. What nft and
iptables-save say of the loaded rules is kept beside each set (NAME.json, NAME.save).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PORTS = (22, 80, 443, 6001, 8080, 61001)
OUTSIDE, HOST = "twtest-a", "twtest-b"
SETUP = (
    f"ip netns add {OUTSIDE}",
    f"ip netns add {HOST}",
    f"ip link add outside netns {OUTSIDE} type veth peer name eth0 netns {HOST}",
    f"ip -n {OUTSIDE} addr add 198.51.100.1/24 dev outside",
    f"ip -n {HOST} addr add 198.51.100.2/24 dev eth0",
    f"ip -n {OUTSIDE} addr add fd99::1/64 dev outside nodad",
    f"ip -n {HOST} addr add fd99::2/64 dev eth0 nodad",
    *(f"ip -n {where} link set {link} up" for where, link in ((OUTSIDE, "outside"), (HOST, "eth0"), (HOST, "lo"))),
)
LISTEN = f"""
import select, socket
servers = []
for port in {PORTS}:
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        server = socket.socket(family)
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        server.bind((address, port))
        server.listen(50)
        servers.append(server)
print("ready", flush=True)
while True:
    for server in select.select(servers, [], [])[0]:
        server.accept()[0].close()
"""
CONNECT = f"""
import json, socket
found = dict()
for family, address, name in ((socket.AF_INET, "198.51.100.2", "ip"), (socket.AF_INET6, "fd99::2", "ip6")):
    for port in {PORTS}:
        with socket.socket(family) as client:
            client.settimeout(0.5)
            try:
                client.connect((address, port))
                found[name + " " + str(port)] = "open"
            except OSError:
                found[name + " " + str(port)] = "closed"
print(json.dumps(found))
"""


def inside(namespace: str, *command: str, given: str | None = None) -> str:
    ran = ["ip", "netns", "exec", namespace, *command]
    return subprocess.run(ran, check=True, capture_output=True, text=True, input=given).stdout


def probe() -> dict[str, str]:
    answer: dict[str, str] = json.loads(inside(OUTSIDE, sys.executable, "-c", CONNECT))
    return answer


def measure() -> dict[str, dict[str, str]]:
    found = {}
    for path in sorted(HERE.glob("*.nft")):
        inside(HOST, "nft", "flush", "ruleset")
        inside(HOST, "nft", "-f", str(path))
        (HERE / f"{path.stem}.json").write_text(inside(HOST, "nft", "--json", "list", "ruleset"))
        found[path.stem] = probe()
    for path in sorted(HERE.glob("*.v4.rules")):
        name = path.name.removesuffix(".v4.rules")
        inside(HOST, "nft", "flush", "ruleset")
        inside(HOST, "iptables-restore", given=path.read_text())
        inside(HOST, "ip6tables-restore", given=(HERE / f"{name}.v6.rules").read_text())
        saved = inside(HOST, "iptables-save"), inside(HOST, "ip6tables-save")
        (HERE / f"{name}.save").write_text(f"# family ip\n{saved[0]}# family ip6\n{saved[1]}")
        (HERE / f"{name}.save.json").write_text(inside(HOST, "nft", "--json", "list", "ruleset"))
        found[name] = probe()
    return found


def main() -> None:
    try:
        for command in SETUP:
            subprocess.run(command.split(), check=True)
        listen = ["ip", "netns", "exec", HOST, sys.executable, "-c", LISTEN]
        with subprocess.Popen(listen, stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            server.stdout.readline()
            found = measure()
            server.kill()
        (HERE / "measured.json").write_text(json.dumps(found, indent=1) + "\n")
    finally:
        for namespace in (OUTSIDE, HOST):
            subprocess.run(["ip", "netns", "delete", namespace], check=False)


if __name__ == "__main__":
    main()
