"""Kernel settings, modules and mandatory access control."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace

from thornwall.facts.redact import PLAIN, TEXT
from thornwall.model.capture import Capture, FileRecord
from thornwall.model.fact import ABSENT, Fact, Known, Unknown
from thornwall.model.kernel import Assignment, Directive, Kernel, UdevRule, proc_path, sysctl_name
from thornwall.model.probe import Probe, Read, Redaction

SYSCTLS = (
    "dev.tty.ldisc_autoload",
    "fs.protected_fifos",
    "fs.protected_hardlinks",
    "fs.protected_regular",
    "fs.protected_symlinks",
    "fs.suid_dumpable",
    "kernel.core_pattern",
    "kernel.dmesg_restrict",
    "kernel.kexec_load_disabled",
    "kernel.kptr_restrict",
    "kernel.randomize_va_space",
    "kernel.sysrq",
    "kernel.unprivileged_bpf_disabled",
    "kernel.yama.ptrace_scope",
    "net.core.bpf_jit_harden",
    "net.ipv4.ip_forward",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.icmp_echo_ignore_broadcasts",
    "net.ipv4.icmp_ignore_bogus_error_responses",
    *(
        f"net.ipv4.conf.{interface}.{name}"
        for interface in ("all", "default")
        for name in ("accept_redirects", "accept_source_route", "log_martians", "rp_filter", "send_redirects")
    ),
    "net.ipv6.conf.all.accept_redirects",
    "net.ipv6.conf.default.accept_redirects",
    "net.ipv6.conf.all.accept_source_route",
    "net.ipv6.conf.default.accept_source_route",
    "net.ipv6.conf.all.disable_ipv6",
    "net.ipv6.conf.all.forwarding",
)
OF_INTERFACES = (
    *(f"net.ipv4.conf.*.{name}" for name in ("accept_redirects", "forwarding", "rp_filter", "send_redirects")),
    *(f"net.ipv6.conf.*.{name}" for name in ("accept_redirects", "forwarding")),
)
"""Settings whose value for a single interface decides."""
MODULES = (
    *("usb-storage", "uas", "dccp", "sctp", "rds", "tipc", "atm", "can", "firewire-core", "cramfs", "freevxfs", "hfs"),
    *("hfsplus", "jffs2", "udf"),
)
SYSCTL_DIRECTORIES = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d")
MODPROBE_DIRECTORIES = (
    "/etc/modprobe.d",
    "/run/modprobe.d",
    "/usr/local/lib/modprobe.d",
    "/usr/lib/modprobe.d",
    "/lib/modprobe.d",
)

_NAMES = "|".join(MODULES)
_MODULES = "/lib/modules/*/modules.builtin"
_DEPMOD = "/lib/modules/*/modules.softdep"  # a short file that depmod leaves for every kernel
BUILTIN = Redaction(
    "builtin",
    rf"""
    if (s ~ /\/({_NAMES})\.ko/) return s
    return ""
""",
)
"""Of the list of what is part of a kernel only the modules that we ask about."""
UDEV_RULES = "/etc/udev/rules.d/*.rules"
UDEV = Redaction(
    "udev",
    """
    if (s ~ /bInterfaceClass/ && s ~ /authorized/) return s
    return ""
""",
)
"""Of rules for devices only those that let a sort of USB device in, or keep it out."""

PROBES: tuple[Probe, ...] = (
    *(Read(proc_path(name), PLAIN) for name in OF_INTERFACES),
    *(
        Read(proc_path(name), PLAIN)
        for name in SYSCTLS
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in OF_INTERFACES)
    ),
    *(Read(f"{folder}/*.conf", TEXT) for folder in (*SYSCTL_DIRECTORIES, *MODPROBE_DIRECTORIES)),
    Read("/etc/sysctl.conf", TEXT),
    Read(_MODULES, BUILTIN),
    Read(_DEPMOD, PLAIN),
    Read("/proc/modules", PLAIN),
    Read("/sys/kernel/security/lsm", PLAIN),
    Read("/sys/kernel/security/apparmor/profiles", PLAIN),
    Read("/sys/module/apparmor/parameters/enabled", PLAIN),
    Read("/sys/fs/selinux/enforce", PLAIN),
    Read("/etc/selinux/config", PLAIN),
    Read("/sys/block/sd*", PLAIN),
    Read(UDEV_RULES, UDEV),
)

_LINE = re.compile(r"(-?)\s*([^=\s]+)\s*(?:=\s*(.*?))?\s*$")
_KO = re.compile(r"/([\w-]+)\.ko")
# mass storage is class 08 of the USB specification; an interface has the attribute, and so has its device
_REFUSES_STORAGE = re.compile(
    r'(?=.*\bATTRS?\{bInterfaceClass\}=="08")(?=.*\bATTR\{(?:\.\./)?authorized\}="0")[^#].*',
)
_SELINUX = re.compile(r"^\s*SELINUX\s*=\s*(\w+)", re.MULTILINE)


def parse(capture: Capture) -> Fact[Kernel]:
    """Always Known; the parts that could not be read are Unknown in it."""
    assigned, patterns = _assignments(capture)
    return Known(
        Kernel(
            running=_running(capture) if capture.live else {},
            assigned=assigned,
            patterns=tuple(patterns),
            modules=_modules(capture),
            builtin=frozenset(_builtin(capture)),
            directives=tuple(_directives(capture)),
            modprobe_unread=_unread(capture, *(f"{folder}/*.conf" for folder in MODPROBE_DIRECTORIES)),
            lsm=_lsm(capture),
            apparmor=_apparmor(capture),
            selinux=_selinux(capture),
            usb_disks=frozenset(
                posixpath.basename(path)
                for path, _ in capture.glob("/sys/block/sd*")
                if "/usb" in capture.files[path].target
            ),
            storage_refused=next(_refusing(capture), None),
            udev_unread=_unread(capture, UDEV_RULES),
            replaced=_replaced(capture),
        )
    )


def _running(capture: Capture) -> dict[str, Fact[str]]:
    single = (sysctl_name(path) for pattern in OF_INTERFACES for path, _ in capture.glob(proc_path(pattern)))
    return {name: _value(capture, name) for name in (*SYSCTLS, *single)}


def _value(capture: Capture, name: str) -> Fact[str]:
    match capture.read(proc_path(name)):
        case Known(text):
            return Known(text.strip())
        case other:
            return other


def _in_order(capture: Capture, folders: tuple[str, ...]) -> Iterator[FileRecord]:
    """Files of configuration folders, as systemd and kmod read them: by name, and of two of a name the nearer one."""
    nearest: dict[str, FileRecord] = {}
    for folder in reversed(folders):
        for path, fact in capture.glob(f"{folder}/*.conf"):
            match fact:
                case Known(record):
                    nearest[posixpath.basename(path)] = replace(record, path=path)
                case _:
                    continue
    yield from (nearest[name] for name in sorted(nearest))


def _assignments(capture: Capture) -> tuple[dict[str, Assignment], list[Assignment]]:
    assigned: dict[str, Assignment] = {}
    patterns: list[Assignment] = []
    for record in _in_order(capture, SYSCTL_DIRECTORIES):
        for number, raw in enumerate(record.text.splitlines(), 1):
            line = raw.strip()
            match = _LINE.fullmatch(line) if line and line[0] not in "#;" else None
            if match is None:
                continue
            name, value = _dotted(match[2]), match[3]
            if value is None:
                if match[1]:
                    patterns.append(Assignment(name, "", record.path, number))
                continue
            each = Assignment(name, value, record.path, number)
            if any(sign in name for sign in "*?["):
                patterns.append(each)
            else:
                assigned[name] = each
    return assigned, patterns


def _dotted(name: str) -> str:
    """`net/ipv4/conf/eth0.100/x` -> dots and slashes swapped, as where the first separator is a slash."""
    first = re.search(r"[./]", name)
    return name.translate(str.maketrans("./", "/.")) if first and first[0] == "/" else name


def _directives(capture: Capture) -> Iterator[Directive]:
    for record in _in_order(capture, MODPROBE_DIRECTORIES):
        begun, joined = 0, ""
        for number, raw in enumerate(record.text.splitlines(), 1):
            begun = begun or number
            if raw.endswith("\\"):
                joined += raw[:-1] + " "
                continue
            words = (joined + raw).split(None, 2)
            if len(words) >= 2 and not words[0].startswith("#"):
                rest = words[2].strip() if len(words) > 2 else ""
                yield Directive(words[0], words[1].replace("-", "_"), rest, record.path, begun)
            begun, joined = 0, ""


def _refusing(capture: Capture) -> Iterator[UdevRule]:
    for path, fact in capture.glob(UDEV_RULES):
        text = fact.value.text if isinstance(fact, Known) else ""
        for number, line in enumerate(text.splitlines(), 1):
            if _REFUSES_STORAGE.fullmatch(line.strip()):
                yield UdevRule(line.strip(), path, number)


def _unread(capture: Capture, *patterns: str) -> Unknown | None:
    for pattern in patterns:
        for fact in (capture.blocked(pattern), *(fact for _, fact in capture.glob(pattern))):
            if isinstance(fact, Unknown):
                return fact
    return None


def _modules(capture: Capture) -> Fact[frozenset[str]]:
    if not capture.live:
        return Unknown("a directory cannot tell which modules are loaded", "audit the running host")
    match capture.read("/proc/modules"):
        case Known(text):
            return Known(frozenset(line.split(" ", 1)[0] for line in text.splitlines()))
        case other:
            return other


def _builtin(capture: Capture) -> Iterator[str]:
    """The modules that are part of the running kernel, or of any kernel of a directory."""
    kernel = _release(capture)
    for path, _ in capture.glob(_MODULES):
        if not kernel or path.split("/")[-2] == kernel:
            yield from (name.replace("-", "_") for name in _KO.findall(capture.files[path].text))


def _release(capture: Capture) -> str:
    """Of the kernel that runs; empty where that is not known, or none runs."""
    match capture.read("/proc/sys/kernel/osrelease") if capture.live else ABSENT:
        case Known(text):
            return text.strip()
        case _:
            return ""


def _replaced(capture: Capture) -> bool:
    """Whether there are modules of other kernels alone, while this one has loaded some of its own."""
    kernel, loaded = _release(capture), _modules(capture)
    there = {path.split("/")[-2] for pattern in (_MODULES, _DEPMOD) for path, _ in capture.glob(pattern)}
    return bool(kernel and there) and kernel not in there and isinstance(loaded, Known) and bool(loaded.value)


def _lsm(capture: Capture) -> Fact[tuple[str, ...]]:
    if not capture.live:
        return Unknown("a directory cannot tell which security modules the kernel runs", "audit the running host")
    match capture.read("/sys/kernel/security/lsm"):
        case Known(text):
            return Known(tuple(text.strip().split(",")))
        case Unknown() as unknown:
            return unknown
        case _:  # no securityfs: then by the traces of each
            apparmor = capture.files.get("/sys/module/apparmor/parameters/enabled")
            found = ("apparmor",) if apparmor is not None and apparmor.text.strip() == "Y" else ()
            return Known((*found, "selinux") if "/sys/fs/selinux/enforce" in capture.files else found)


def _apparmor(capture: Capture) -> Fact[dict[str, int]]:
    if not capture.live:
        return Unknown("a directory cannot tell which profiles are loaded", "audit the running host")
    match capture.read("/sys/kernel/security/apparmor/profiles"):
        case Known(text):
            modes: dict[str, int] = {}
            for line in text.splitlines():
                mode = line.rpartition("(")[2].rstrip(")")
                modes[mode] = modes.get(mode, 0) + 1
            return Known(modes)
        case other:
            return other


def _selinux(capture: Capture) -> Fact[str]:
    """The running state; of a directory, the configured one."""
    if capture.live:
        match capture.read("/sys/fs/selinux/enforce"):
            case Known(text):
                return Known("enforcing" if text.strip() == "1" else "permissive")
            case Unknown() as unknown:
                return unknown
            case _:
                return ABSENT
    match capture.read("/etc/selinux/config"):
        case Known(text):
            found = _SELINUX.search(text)
            return Known(found[1].lower()) if found else ABSENT
        case other:
            return other
