"""The whole-system comparison: everything that a change might have left behind, said line by line.

`snapshot` looks at a host, `difference` compares two looks at the same one. Of every path: kind, bytes, owner, mode,
ACL and other extended attributes, chattr's flags, links (their number, and with whom), the target of a symlink, the
mtime of files and of folders. Of the running system: units, sysctls, addresses, routes, rules, firewall tables,
listening sockets, mounts. Left out: ctime, atime and inode numbers, which no restoring can give back; what sessions
and loaded modules there are; and what `EXCLUDED` and `TRANSIENT` name, each with its reason.
"""

import base64
import difflib
import gzip
import json
import os
import pickle
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Protocol

from . import compare_walk
from .compare_walk import Contents, Facts
from .errors import LabError
from .host import Host
from .settings import lab_dir
from .vm import VM

EXCLUDED = {
    "/dev": "made anew at every boot",
    "/proc": "the kernel's view, looked at by its own tools below",
    "/home/*/.sudo_as_admin_successful": "sudo leaves it where an administrator first uses it",
    "/run": "gone with the next boot; what runs is compared below",
    "/sys": "the kernel's view",
    "/tmp": "scratch space",
    "/var/cache": "what can be made again, as the FHS has it; cups writes there whenever it stops",
    "/var/tmp": "scratch space, where systemd makes a folder for each service that it starts",
    "/var/www/html/photos": "the planted cron job copies photos there every quarter of an hour",
    "/var/lib/thornwall": "the program's own records: the vault and the journal stay on purpose",
    "/var/log": "logs, the journal, and the record of logins: they tell what happened, undo included",
    "/var/lib/systemd/random-seed": "written at every boot, so that no two boots start with the same",
    "/var/lib/systemd/timers": "when each timer last ran",
    "/var/lib/systemd/timesync/clock": "the time of the last look at the clock",
}
"""Paths, as shell patterns where `*` stays within one name: what is left out, with all below it, and why.

A folder in which one of them came or went has another mtime for that reason, so its mtime is not compared then."""

TRANSIENT = {
    r".+\.device": "hardware, which no change makes or removes",
    r".+\.slice": "come and go with the units in them",
    r"session-.+\.scope|user@.+|user-runtime-dir@.+|run-user-.+": "sessions of users",
    r"run-credentials-.+": "there while a service starts",
    r"sshd?@.+": "one for each connection",
    r"systemd-(hostnamed|localed|timedated)\.service|packagekit\.service": "started by a question, and end alone",
}
"""Units, as regular expressions for whole names."""

VOLATILE = {
    r"fs\.(aio-nr|dentry-state|file-nr|inode-.+|quota\..+)": "counters",
    r"kernel\.tainted": "the kernel's own notes of what went wrong, a slow emulated processor among it",
    r"fs\.epoll\.max_user_watches|net\.ipv4\.(tcp|udp)_mem|vm\.user_reserve_kbytes": "reckoned at boot from the memory "
    "that is free then; no rule sets them",
    r"kernel\.(ns_last_pid|pty\.nr|random\..+)": "counters, and random at every look",
    r"net\.netfilter\..+|net\.nf_conntrack_max": "there when the kernel has loaded a module, for all hosts of it",
    r"net\.ipv4\.tcp_fastopen_key": "random at every boot",
    r"user\..+|vm\..+_usage|.+\.route\.flush": "counters and triggers",
}
"""Sysctls, as regular expressions for whole names."""

_SCRIPT = """
section() { echo "=== $1"; }
# An IPv6 address is tentative for its first second or two: then its route comes.
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
    [ -n "$(ip -o -6 address show tentative)" ] || break
    sleep 0.1
done
# systemd may be too busy to answer in time, under emulation.
export SYSTEMD_BUS_TIMEOUT=600
patiently() { "$@" || "$@" || "$@"; }
section units; patiently systemctl list-units --all --plain --no-legend --full --no-pager
section unit-files; patiently systemctl list-unit-files --no-legend --full --no-pager
section sysctls; sysctl --all 2>/dev/null
section addresses; ip -j address
section routes; ip -o route show table all; ip -o -6 route show table all
section rules; ip -o rule; ip -o -6 rule
section nft; ! command -v nft >/dev/null || nft --stateless list ruleset
section legacy; cat /proc/net/ip_tables_names /proc/net/ip6_tables_names 2>/dev/null
section listeners; ss -tulwnpH
section ports; cat /proc/sys/net/ipv4/ip_local_port_range
section mounts; grep MemTotal /proc/meminfo; cat /proc/mounts
section packages; ! command -v dpkg-query >/dev/null ||
    dpkg-query -W -f '${binary:Package} ${Version} ${db:Status-Status}\n'
section owned; ! cd /var/lib/dpkg/info 2>/dev/null || grep . ./*.list
true
"""

_FIRMWARE = "/boot/firmware"  # on a partition of its own in a VM

PACKAGE_WORK = {
    "/var/lib/apt": "apt's records",
    "/var/lib/dpkg": "dpkg's records, with a copy of the status before",
    "/var/lib/man-db/auto-update": "man-db touches it whenever pages came or went",
    "/var/lib/pam": "what pam-auth-update last made, rewritten at every call",
    "/var/lib/systemd/deb-systemd-helper-enabled": "which units packages have enabled",
    "/var/lib/systemd/deb-systemd-helper-masked": "which units packages have masked",
    "/var/lib/ucf": "which configuration files packages have asked about, with copies of the records before",
}
"""More paths for `difference(…, packages=True)`: the records of packages that came and went, and why they change.

It also passes over the files of packages that have another version now, since no undo takes an upgrade back; over the
mtime of folders; and over that of the files in REWRITTEN."""

REWRITTEN = {
    "/etc/ld.so.cache": "made by ldconfig",
    "/etc/pam.d/common-*": "made by pam-auth-update",
}
"""Files that package work writes again with the same bytes."""


class Comparable(Protocol):
    """What can be looked at: something that runs commands as root inside a system."""

    def run(
        self,
        command: str | Sequence[str],
        *,
        input: str | None = None,  # noqa: A002 - as in Host
        timeout: float = 60,
        check: bool = False,
    ) -> CompletedProcess[str]:
        """Run a command as root inside."""


@dataclass(frozen=True)
class State:
    """A host at one moment.

    `files`: path -> facts. `running`: section -> thing -> what is so of it. `owned`: package -> its paths.
    """

    files: dict[str, Facts]
    running: dict[str, dict[str, str]]
    owned: dict[str, frozenset[str]] = field(repr=False)


_WORTH_KEEPING = 1000
# What is known of the files of each variant: all hosts of one image share their bytes.
_known: dict[str, Contents] = {}


def snapshot(host: Comparable) -> State:
    """Look at everything: in 1 s, the first time of an image in 6 s, in a VM in half a minute.

    LabError when the host cannot be read.
    """
    sections = _sections(host)
    running, owned = _running(sections), _owned(sections["owned"])
    if isinstance(host, Host):
        known = _recall(host)
        before = len(known)
        # By way of its init, so that what is mounted inside is seen as the host sees it.
        files = compare_walk.walk(f"/proc/{host.machine.leader()}/root", _excluded(), known, host.copied)
        if len(known) > before + _WORTH_KEEPING:
            _remember(host, known)
        return State(files, running, owned)
    if isinstance(host, VM):
        firmware = _walked_inside(host, _FIRMWARE, "(?!)")
        below = {_FIRMWARE + path.rstrip("/"): facts for path, facts in firmware.items()}
        return State(host.files(_excluded()) | below, running, owned)
    return State(_walked_inside(host, "/", _excluded()), running, owned)


def _walked_inside(host: Comparable, top: str, excluded: str) -> dict[str, Facts]:
    """The same for a machine that only runs commands."""
    script = Path(compare_walk.__file__).read_text()
    files: dict[str, Facts] = json.loads(_said(host, shlex.join(["python3", "-", top, excluded]), script))
    return files


def difference(before: State, after: State, *, ignore: Sequence[str] = (), packages: bool = False) -> list[str]:
    """What differs, one thing a line, sorted; empty when nothing does.

    `ignore`: more paths, as in EXCLUDED. `packages`: see PACKAGE_WORK.
    """
    ignored = re.compile(_pattern([*ignore, *(PACKAGE_WORK if packages else ())])).fullmatch
    upgraded = _upgraded(before, after) if packages else frozenset[str]()
    lines = []
    for path in sorted(before.files.keys() | after.files.keys()):
        old, new = before.files.get(path), after.files.get(path)
        if old == new or path in upgraded or ignored(path):
            continue
        line = _file_line(path, old, new, timeless=packages and _rewritten(path, old))
        if line:
            lines.append(line)
    for section, things in before.running.items():
        if packages and section == "package":
            continue
        others = after.running[section]
        for thing in sorted(things.keys() | others.keys()):
            lines += _running_lines(f"{section} {thing}", things.get(thing), others.get(thing))
    return lines


def _recall(host: Host) -> Contents:
    name = f"{host.release}-{host.variant}"
    if name not in _known:
        try:
            _known[name] = pickle.loads(_memory(host).read_bytes())  # noqa: S301 - our own, in a folder of root's
        except FileNotFoundError:
            _known[name] = {}
    return _known[name]


def _remember(host: Host, known: Contents) -> None:
    draft = _memory(host).with_suffix(f".{os.getpid()}")
    draft.write_bytes(pickle.dumps(known))
    draft.replace(_memory(host))


def _memory(host: Host) -> Path:
    return lab_dir() / f"known-{host.release}-{host.variant}"


def _excluded() -> str:
    return _pattern(EXCLUDED)


def _pattern(paths: Sequence[str] | dict[str, str]) -> str:
    """A regular expression for paths that are in a list, or below one that is."""
    return "|".join(re.escape(path).replace(r"\*", "[^/]*") + "(/.*)?" for path in paths) or "(?!)"


def _upgraded(before: State, after: State) -> frozenset[str]:
    old, new = before.running["package"], after.running["package"]
    changed = [name for name in old.keys() & new.keys() if old[name] != new[name]]
    return frozenset[str]().union(*(state.owned.get(name, ()) for name in changed for state in (before, after)))


def _rewritten(path: str, facts: Facts | None) -> bool:
    if facts is not None and facts["kind"] == "folder":
        return True
    return re.fullmatch(_pattern(REWRITTEN), path) is not None


def _file_line(path: str, old: Facts | None, new: Facts | None, *, timeless: bool) -> str:
    if old is None or new is None:
        there, word = (new, "new") if old is None else (old, "gone")
        assert there is not None
        return f"{path}: {word} ({there['kind']} {there['mode']} {there['owner']})"
    names = [name for name in (old | new) if old.get(name) != new.get(name)]
    if timeless or "left out" in names:  # see EXCLUDED
        names = [name for name in names if name not in {"left out", "mtime"}]
    if "sha256" in names and "size" in names:  # bytes say more than their number
        names.remove("size")
    if not names:
        return ""
    return f"{path}: " + ", ".join(f"{name} {_shown(name, old)} -> {_shown(name, new)}" for name in names)


def _shown(name: str, facts: Facts) -> str:
    value: Any = facts.get(name)
    if value is None or value == "":
        return "none"
    if name == "mtime":
        seconds, nanoseconds = divmod(int(value), 10**9)
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}"
    if name == "sha256":
        return str(value)[:12]
    return str(value)


def _running_lines(thing: str, old: str | None, new: str | None) -> Iterator[str]:
    if old == new:
        return
    if old is None or new is None:
        said = new or old or ""
        yield f"{thing}: {'new' if old is None else 'gone'}" + (f" ({said})" if said and "\n" not in said else "")
    elif "\n" in old or "\n" in new:
        for line in difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm=""):
            if not line.startswith(("---", "+++", "@@")):
                yield f"{thing}: {line}"
    else:
        yield f"{thing}: {old} -> {new}"


def _said(host: Comparable, command: str, text: str | None = None) -> str:
    """What a command says. Packed on the way: a VM's serial line carries a megabyte in five seconds."""
    packed = f"set -o pipefail 2>/dev/null; {{ {command}\n}} | gzip -1 | base64 -w0"
    done = host.run(["bash", "-c", packed], input=text, timeout=900)
    if done.returncode != 0:
        raise LabError(f"the host cannot be read: {done.stderr.strip()}")
    return gzip.decompress(base64.b64decode(done.stdout)).decode(errors="replace")


def _sections(host: Comparable) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in _said(host, _SCRIPT).splitlines():
        if line.startswith("=== "):
            lines = sections[line[4:]] = []
        else:
            lines.append(line)
    for name in ("units", "unit-files", "sysctls", "addresses", "mounts"):
        if not sections.get(name):
            raise LabError(f"no {name} can be read")
    return sections


def _owned(lines: list[str]) -> dict[str, frozenset[str]]:
    """Package, as dpkg-query names it -> its paths, by their real names where /lib is a link to /usr/lib."""
    owned: dict[str, set[str]] = {}
    for line in lines:
        package, _, path = line.removeprefix("./").partition(".list:")
        owned.setdefault(package, set()).add(re.sub(r"^/(bin|sbin|lib|lib64)(?=/)", r"/usr/\1", path))
    return {package: frozenset(paths) for package, paths in owned.items()}


def _running(sections: dict[str, list[str]]) -> dict[str, dict[str, str]]:
    low, high = map(int, sections["ports"][0].split())
    return {
        "unit": _units(sections["units"], sections["unit-files"]),
        "sysctl": _sysctls(sections["sysctls"]),
        "link": _links(sections["addresses"]),
        "route": {re.sub(r" (expires|error) \S+", "", line).strip(): "" for line in sections["routes"]},
        "rule": {" ".join(line.split()): "" for line in sections["rules"]},
        "nft": _tables(sections["nft"]),
        "iptables-legacy": dict.fromkeys(sections["legacy"], ""),
        "listener": _listeners(sections["listeners"], range(low, high + 1)),
        "mount": _mounts(sections["mounts"]),
        "package": dict(line.split(" ", 1) for line in sections["packages"]),
    }


def _units(units: list[str], files: list[str]) -> dict[str, str]:
    """Unit -> its load, active and enabled state. One that is idle and loaded is the same as one not in memory."""
    leave = re.compile("|".join(TRANSIENT)).fullmatch
    states: dict[str, list[str]] = {}
    for line in units:
        unit, load, active = line.split()[:3]
        if not leave(unit) and (active != "inactive" or load not in {"loaded", "not-found"}):
            states.setdefault(unit, []).append(f"{load} {active}")
    for line in files:
        unit, enabled = line.split()[:2]
        if not leave(unit):
            states.setdefault(unit, []).append(enabled)
    return {unit: ", ".join(said) for unit, said in states.items()}


def _sysctls(lines: list[str]) -> dict[str, str]:
    leave = re.compile("|".join(VOLATILE)).fullmatch
    settings = (line.partition(" = ")[::2] for line in lines)
    return {name: " ".join(value.split()) for name, value in settings if not leave(name)}


def _links(lines: list[str]) -> dict[str, str]:
    links = {}
    for link in json.loads("\n".join(lines)):
        name = link["ifname"]
        links[name] = f"{link.get('address')} mtu {link['mtu']} {','.join(sorted(link['flags']))}"
        for address in link["addr_info"]:
            links[f"{name} {address['local']}/{address['prefixlen']}"] = address["scope"]
    return links


def _tables(lines: list[str]) -> dict[str, str]:
    """Table -> its text, without comments and without what counts down."""
    tables: dict[str, list[str]] = {}
    current: list[str] = []
    for line in lines:
        if line.startswith("table "):
            current = tables[line.removesuffix(" {")] = []
        elif not line.startswith("#"):
            current.append(re.sub(r" expires \w+", "", line))
    return {name: "\n".join(text) for name, text in tables.items()}


def _listeners(lines: list[str], ephemeral: range) -> dict[str, str]:
    """Open socket -> the programs that hold it, but for systemd's own children, `(sd-…`, which do for an instant.

    Not the UDP ports that the kernel picks for those who only ask.
    """
    found = {}
    for line in lines:
        protocol, _, _, _, local, *rest = line.split()
        port = local.rpartition(":")[2]
        if protocol == "udp" and port.isdigit() and int(port) in ephemeral:
            continue
        found[f"{protocol} {local}"] = " ".join(sorted(set(re.findall(r'\("((?!\(sd-)[^"]+)",pid', " ".join(rest)))))
    return found


def _mounts(lines: list[str]) -> dict[str, str]:
    """Where -> what is mounted, the last on top. Not what sessions and starting services mount.

    The first line is the memory: half of it is the size of a tmpfs for which the kernel tells none.
    """
    found: dict[str, str] = {}
    half = f"size={int(lines[0].split()[1]) // 2}k"
    for line in lines[1:]:
        source, target, kind, options = line.split()[:4]
        if target.startswith(("/run/user/", "/run/credentials/")):
            continue
        options = re.sub(r",(fd|pgrp|pipe_ino)=\d+", "", options)
        # reckoned at each boot from the memory that is free then: some pages more or less
        if kind == "tmpfs":
            said = options.split(",")
            options = ",".join(sorted(said if any(each.startswith("size=") for each in said) else [*said, half]))
        options = re.sub(r"\b(size|nr_inodes)=(\d+)", lambda told: f"{told[1]}={int(told[2]):.2g}", options)
        found[target] = " over ".join(filter(None, (f"{kind} {source} {options}", found.get(target))))
    return found
