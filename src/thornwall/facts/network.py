"""Sockets, addresses, routes and connections.

One `ss` tells the sockets; a second script, as root, adds what `ss` does not know of their processes: unit, program
file, interpreter's script, package. Where there is no `ss`, /proc/net has the sockets without their programs.
"""

from __future__ import annotations

import ipaddress
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from thornwall.facts.redact import PLAIN
from thornwall.model.capture import Capture
from thornwall.model.fact import Absent, Fact, Known, Unknown
from thornwall.model.network import Address, Network, Peer, Route, Socket
from thornwall.model.probe import Probe, Read, Run

# P pid effective-uid cgroup; E pid program file; A pid script of an interpreter; then grep's list-file:path
_PROCESSES = r"""
awk -v "out=$S/pids" '
function value(file, wanted, field,   line, words, found) {
  while ((getline line < file) > 0) if (line ~ wanted) { split(line, words); found = field ? words[field] : line }
  close(file)
  return found
}
{
  rest = $0
  while (match(rest, /pid=[0-9]+/)) {
    pid = substr(rest, RSTART + 4, RLENGTH - 4)
    rest = substr(rest, RSTART + RLENGTH)
    if (pid in seen || count >= 300) continue
    seen[pid] = 1
    count++
    uid = value("/proc/" pid "/status", "^Uid:", 3)
    print "P", pid, uid, value("/proc/" pid "/cgroup", "^(0::|[0-9]+:name=systemd:)", 0)
    print pid > out
  }
}' "$S/c/sockets.out"
[ -s "$S/pids" ] || exit 0
set --
while read -r pid; do set -- "$@" "/proc/$pid/exe"; done <"$S/pids"
ls -l "$@" >"$S/exes" 2>/dev/null
tries=0
exec 3>"$S/paths"
while read -r line; do
  case $line in *' -> '*) ;; *) continue ;; esac
  exe=${line##* -> } pid=${line% -> *}
  pid=${pid%/exe} pid=${pid##*/}
  printf 'E %s %s\n' "$pid" "$exe"
  exe=${exe% (deleted)}
  printf '%s\n%s\n' "$exe" "${exe#/usr}" >&3
  case ${exe##*/} in python* | node* | perl* | ruby* | php* | java | bash | dash | lua*) ;; *) continue ;; esac
  tries=$((tries + 1))
  [ "$tries" -gt 8 ] && continue
  # of its arguments only the first that is no option, and only if it looks like a path or a module
  tr '\0' '\n' <"/proc/$pid/cmdline" >"$S/arguments" 2>/dev/null || continue
  {
    read -r _
    while read -r argument; do
      case $argument in
        -c | -e | *[!A-Za-z0-9_./+-]*) break ;;
        -*) continue ;;
      esac
      printf 'A %s %s\n' "$pid" "$argument"
      printf '%s\n%s\n' "$argument" "${argument#/usr}" >&3
      break
    done
  } <"$S/arguments"
done <"$S/exes"
exec 3>&-
[ -d ./var/lib/dpkg/info ] && [ -s "$S/paths" ] || exit 0
printf 'D\n'
grep -xFf "$S/paths" ./var/lib/dpkg/info/*.list /dev/null
exit 0
"""

PROBES: tuple[Probe, ...] = (
    Run("sockets", "ss -H -tuanpe"),
    Run("processes", _PROCESSES, shell=True, root=True),
    *(Read(f"/proc/net/{table}", PLAIN) for table in ("tcp", "tcp6", "udp", "udp6")),
    *(Read(f"/proc/net/{table}", PLAIN) for table in ("fib_trie", "if_inet6", "route", "ipv6_route")),
)

_USERS = re.compile(r"users:\(\((?P<all>.*?)\)\)")
_SOCKET = re.compile(r"^(?:tcp|udp)\s+[A-Z0-9-]+\s+\d+\s+\d+\s+\S+\s+\S", re.MULTILINE)
_ONE = re.compile(r'"(?P<name>[^"]*)",pid=(?P<pid>\d+)')
_DETAILS = re.compile(r"\s+(?:timer:|uid:|ino:|sk:|cgroup:|v6only:|fwmark:).*$")
_PATTERN_UNIT = re.compile(r"[^/]+\.(?:service|scope)")
_CONTAINER = re.compile(r"/(?:(docker|libpod|crio|cri-containerd|lxc\.payload)[-./])[^/]*")
_LISTENING = {"LISTEN", "UNCONN"}
_HEX = re.compile(r"[0-9A-Fa-f]+")


@dataclass(slots=True)
class _Processes:
    """What the second script said: by pid, and the packages of paths."""

    uid: dict[int, int] = field(default_factory=dict)
    cgroup: dict[int, str] = field(default_factory=dict)
    exe: dict[int, str] = field(default_factory=dict)
    script: dict[int, str] = field(default_factory=dict)
    package: dict[str, str] = field(default_factory=dict)
    packages: bool = False


def parse(capture: Capture) -> Fact[Network]:
    """Unknown for a directory, and where neither `ss` nor /proc/net could be asked."""
    said = _sockets(capture)
    processes = _processes(capture)
    users = _users(capture)
    sockets: list[Socket] = []
    peers: list[Peer] = []
    match said:
        case Known(text):
            for line in text.splitlines():
                _ss(line, sockets, peers, processes.uid)
        case Unknown() | Absent():
            read = [_proc_net(capture, table) for table in ("tcp", "tcp6", "udp", "udp6")]
            if not capture.live or all(table is None for table in read):
                return said if isinstance(said, Unknown) else Unknown("the host has no 'ss' and no /proc/net")
            for table in read:
                for each in table or ():
                    (sockets if isinstance(each, Socket) else peers).append(each)  # type: ignore[arg-type]
    known = tuple(_described(socket, processes, users) for socket in sockets)
    listening = {(socket.protocol, socket.port) for socket in known}
    return Known(
        Network(
            sockets=known,
            connections=tuple(
                replace(
                    peer,
                    user=users.get(processes.uid.get(peer.pid, -1), ""),
                    inbound=(peer.protocol, peer.port) in listening,
                )
                for peer in peers
            ),
            addresses=tuple(_addresses(capture)),
            routes=tuple(_routes(capture)),
            processes=capture.root and isinstance(said, Known),
            packages=processes.packages,
        )
    )


def _sockets(capture: Capture) -> Fact[str]:
    """What ss said. No program passes for it that says something else: then nothing would seem to listen."""
    said = capture.stdout("sockets")
    if isinstance(said, Known) and said.value.strip() and not _SOCKET.search(said.value):
        return Unknown("'ss' answered what is no list of sockets")
    return said


def _ss(line: str, sockets: list[Socket], peers: list[Peer], uids: Mapping[int, int]) -> None:
    words = line.split()
    if len(words) < 6 or words[0] not in {"tcp", "udp"}:
        return
    protocol, state = words[0], words[1]
    local, peer = _endpoint(words[4]), _endpoint(words[5])
    if local is None or peer is None:
        return
    users = _USERS.search(line)
    holders = [(one["name"], int(one["pid"])) for one in _ONE.finditer(users["all"])] if users else []
    shown = " ".join(_DETAILS.sub("", line).split())
    if state in _LISTENING:
        program, pid = _holder(holders, uids)
        uid, group = _detail(line, "uid"), _detail(line, "cgroup")
        sockets.append(
            Socket(
                protocol,
                local[0],
                local[1],
                interface=local[2],
                program=program,
                pid=pid,
                uid=int(uid) if uid.isascii() and uid.isdigit() else 0,
                unit=_unit(group),
                container=_container(group),
                line=shown,
            )
        )
    elif state == "ESTAB":
        program, pid = holders[0] if holders else ("", -1)
        peers.append(Peer(protocol, local[0], local[1], peer[0], peer[1], program, pid, line=shown))


def _holder(holders: Sequence[tuple[str, int]], uids: Mapping[int, int]) -> tuple[str, int]:
    """The program and process to name where several hold a socket that listens: the one that the others came from.

    That is the master (nginx, apache2: root's), not the worker that answers: who breaks into a service gains at most
    what its master may, and an attack surface shows the bound. The lowest number was there first; where numbers have
    begun anew, root's process of the same program counts more. systemd is passed over where a service holds the
    socket too: it opened it, and does not answer there.
    """
    services = [each for each in holders if each[0] != "systemd"] or holders
    if not services:
        return "", -1
    program, _ = min(services, key=lambda each: each[1])
    same = [pid for name, pid in services if name == program]
    return program, min(same, key=lambda pid: (uids.get(pid) != 0, pid))


def _detail(line: str, name: str) -> str:
    """What ss says behind ` name:`, empty where it does not."""
    return line.partition(f" {name}:")[2].partition(" ")[0]


def _endpoint(text: str) -> tuple[str, int, str] | None:
    """`[fe80::1]%eth0:22`, `127.0.0.53%lo:53`, `*:80`: address, port (0 for `*`), interface."""
    host, _, port = text.rpartition(":")
    if not host or (not (port.isascii() and port.isdigit() and len(port) < 6) and port != "*"):
        return None
    address, _, interface = host.replace("[", "").replace("]", "").partition("%")
    return address, 0 if port == "*" else int(port), interface


def _unit(cgroup: str) -> str:
    """The innermost service of a cgroup path; a scope where there is no service."""
    found = _PATTERN_UNIT.findall(cgroup)
    services = [name for name in found if name.endswith(".service") and not name.startswith("user@")]
    return str((services or found or [""])[-1])


def _container(cgroup: str) -> str:
    match = _CONTAINER.search(cgroup)
    return str(match[1]) if match else ""


def _processes(capture: Capture) -> _Processes:
    found = _Processes()
    match capture.stdout("processes"):
        case Known(text):
            lines = text.splitlines()
        case _:
            return found
    for line in lines:
        kind, _, rest = line.partition(" ")
        words = rest.split(" ", 2)
        if kind == "D":
            found.packages = True
        elif found.packages:
            owner, _, path = line.partition(".list:")
            found.package.setdefault(path, owner.rpartition("/")[2].partition(":")[0])
        elif len(words) < 2 or not words[0].isascii() or not words[0].isdigit() or len(words[0]) > 10:
            continue
        elif kind == "P":
            found.uid[int(words[0])] = int(words[1]) if words[1].isascii() and words[1].isdigit() else -1
            found.cgroup[int(words[0])] = words[2] if len(words) > 2 else ""
        elif kind in {"E", "A"}:
            (found.exe if kind == "E" else found.script)[int(words[0])] = rest.partition(" ")[2]
    return found


def _described(socket: Socket, processes: _Processes, users: dict[int, str]) -> Socket:
    exe = processes.exe.get(socket.pid, "").removesuffix(" (deleted)")
    script = processes.script.get(socket.pid, "")
    uid = processes.uid.get(socket.pid, socket.uid)
    cgroup = processes.cgroup.get(socket.pid, "")
    owned = script if script and script.startswith("/") else exe
    return replace(
        socket,
        uid=uid,
        user=users.get(uid, str(uid) if uid >= 0 else ""),
        exe=exe,
        script=script,
        unit=_unit(cgroup) or socket.unit,
        container=_container(cgroup) or socket.container,
        package=processes.package.get(owned) or processes.package.get(owned.removeprefix("/usr"), ""),
    )


def _users(capture: Capture) -> dict[int, str]:
    match capture.read("/etc/passwd"):
        case Known(text):
            rows = (line.split(":") for line in text.splitlines())
            return {int(row[2]): row[0] for row in reversed(list(rows)) if len(row) > 3 and row[2].isdecimal()}
        case _:
            return {0: "root"}


def _proc_net(capture: Capture, table: str) -> list[Socket | Peer] | None:
    match capture.read(f"/proc/net/{table}"):
        case Known(text):
            return [each for line in text.splitlines()[1:] if (each := _proc_line(table.rstrip("6"), line))]
        case _:
            return None


def _proc_line(protocol: str, line: str) -> Socket | Peer | None:
    words = line.split()
    if len(words) < 8 or not words[7].isascii() or not words[7].isdigit():
        return None
    local, peer = _proc_endpoint(words[1]), _proc_endpoint(words[2])
    if local is None or peer is None:
        return None
    shown = f"{protocol} {words[3]} {local[0]}:{local[1]} {peer[0]}:{peer[1]}"
    if words[3] == ("0A" if protocol == "tcp" else "07"):
        # an IPv6 socket on every address answers IPv4 too unless it says otherwise, which this table does not show
        return Socket(protocol, "*" if local[0] == "::" else local[0], local[1], uid=int(words[7][:10]), line=shown)
    return Peer(protocol, *local, *peer, line=shown) if words[3] == "01" else None


def _proc_endpoint(text: str) -> tuple[str, int] | None:
    """`0100007F:0277`: the address as 32-bit words in the byte order of the host (little-endian on all we know)."""
    address, _, port = text.partition(":")
    if len(address) not in {8, 32} or len(port) != 4 or not _HEX.fullmatch(address + port):
        return None
    raw = bytes.fromhex(address)
    packed = struct.pack(f">{len(raw) // 4}I", *struct.unpack(f"<{len(raw) // 4}I", raw))
    return str(ipaddress.ip_address(packed)), int(port, 16)


def _addresses(capture: Capture) -> Iterator[Address]:
    """IPv4 from fib_trie, its interface from the route that covers it; IPv6 from if_inet6."""
    networks = [(ipaddress.ip_network(route.destination), route.interface) for route in _ipv4_routes(capture)]
    text = _text(capture, "fib_trie")
    seen: set[str] = set()
    last = ""
    for line in text.splitlines():
        words = line.split()
        if len(words) == 2 and words[0] in {"|--", "+--"}:
            last = words[1]
        elif words[:3] == ["/32", "host", "LOCAL"] and last not in seen and not last.startswith("127."):
            seen.add(last)
            try:
                address = ipaddress.ip_address(last)
            except ValueError:
                continue
            covering = [each for each in networks if address in each[0] and each[0].prefixlen]
            yield Address(last, max(covering, key=lambda each: each[0].prefixlen)[1] if covering else "")
    for line in _text(capture, "if_inet6").splitlines():
        words = line.split()
        if len(words) == 6 and len(words[0]) == 32 and _HEX.fullmatch(words[0]) and words[5] != "lo":
            yield Address(str(ipaddress.IPv6Address(bytes.fromhex(words[0]))), words[5])


def _routes(capture: Capture) -> Iterator[Route]:
    yield from _ipv4_routes(capture)
    for line in _text(capture, "ipv6_route").splitlines():
        words = line.split()
        if len(words) != 10 or words[9] == "lo" or not all(len(words[n]) == 32 for n in (0, 4)):
            continue
        if not _HEX.fullmatch(words[0] + words[1] + words[4] + words[8]) or len(words[8]) != 8:
            continue
        flags = int(words[8], 16)
        if flags & 1 and not flags & 0x80200000:  # up, not to this host itself, not a 'reject'
            target = ipaddress.IPv6Address(bytes.fromhex(words[0]))
            gateway = ipaddress.IPv6Address(bytes.fromhex(words[4]))
            yield Route(f"{target}/{int(words[1][:2], 16)}", str(gateway) if int(gateway) else "", words[9])


def _ipv4_routes(capture: Capture) -> Iterator[Route]:
    for line in _text(capture, "route").splitlines()[1:]:
        words = line.split()
        if (
            len(words) < 8
            or words[0] == "*"
            or not all(_HEX.fullmatch(words[n]) and len(words[n]) == 8 for n in (1, 2, 7))
        ):
            continue
        target, gateway, mask = (int.from_bytes(bytes.fromhex(words[n]), "little") for n in (1, 2, 7))
        bits = mask.bit_count()
        network = ipaddress.ip_network((target & mask, bits), strict=False)
        yield Route(str(network), str(ipaddress.IPv4Address(gateway)) if gateway else "", words[0])


def _text(capture: Capture, table: str) -> str:
    match capture.read(f"/proc/net/{table}"):
        case Known(text):
            return text
        case _:
            return ""
