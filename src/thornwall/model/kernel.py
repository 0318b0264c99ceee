"""Kernel settings, modules and mandatory access control."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import field

from thornwall.model.fact import Fact, Known, Unknown
from thornwall.model.record import record

_UNREAD = Unknown("it was not read")
_REFUSING = frozenset({"/bin/false", "/bin/true", "/usr/bin/false", "/usr/bin/true", "false", "true", ":"})
_SWAP = str.maketrans("./", "/.")

STORAGE_REFUSED = (
    'ACTION=="add", SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_interface", ATTR{bInterfaceClass}=="08", ATTR{authorized}="0"'
)
"""A line of udev(7) by which no USB device is used as a disk (class 08); what else it is can be used."""


def proc_path(name: str) -> str:
    """`net.ipv6.conf.eth0/5.forwarding` -> `/proc/sys/net/ipv6/conf/eth0.5/forwarding`, as sysctl(8) has it."""
    return "/proc/sys/" + name.translate(_SWAP)


def own_of_a_container(name: str) -> bool:
    """Whether a container has that setting for itself: those of the network, but for the filters' compiler."""
    return name.startswith("net.") and not name.startswith("net.core.bpf")


def sysctl_name(path: str) -> str:
    """The other way round."""
    return path.removeprefix("/proc/sys/").translate(_SWAP)


@record
class Assignment:
    """A line of sysctl.d(5): `name` with dots, `value` as text."""

    name: str
    value: str
    path: str
    line: int


@record
class Directive:
    """A line of modprobe.d(5): `verb` (`blacklist`, `install`, `options`…), the module with `_` for `-`, the rest."""

    verb: str
    module: str
    rest: str
    path: str
    line: int

    @property
    def text(self) -> str:
        """As it would be typed."""
        return f"{self.verb} {self.module} {self.rest}".strip()

    @property
    def refuses(self) -> bool:
        """Whether it is an `install` that keeps the module from being loaded in any way."""
        return self.verb == "install" and self.rest.split()[:1] != [] and self.rest.split()[0] in _REFUSING


@record
class UdevRule:
    """A line of udev(7), as it stands."""

    text: str
    path: str
    line: int


@record
class Kernel:
    """What the kernel is told, and what it does.

    `running`: sysctl name (with dots) -> value now, Absent where this kernel has no such setting; empty for a
    directory; also of single interfaces (`net.ipv6.conf.eth0.accept_redirects`). `assigned`: what systemd-sysctl
    sets at boot, each name's last word; `patterns`: names with wildcards, in order. `modules`: those that are
    loaded; `builtin`: of those we ask about, those that are part of the kernel. `modprobe_unread`: why some file of
    modprobe.d could not be read. `lsm`: the active security modules; `apparmor`: profiles by mode (`enforce`,
    `complain`…); `selinux`: `enforcing`, `permissive` or `disabled`, Absent where it is not there. `usb_disks`:
    block devices that hang on USB (`sda`). `storage_refused`: a line by which udev authorizes no USB stick or disk;
    `udev_unread`: why some file that could hold one was not read. `replaced`: an update took the modules of the kernel
    that runs off the disk, so that none can be loaded before the next start.
    """

    running: Mapping[str, Fact[str]] = field(default_factory=dict)
    assigned: Mapping[str, Assignment] = field(default_factory=dict)
    patterns: tuple[Assignment, ...] = ()
    modules: Fact[frozenset[str]] = _UNREAD
    builtin: frozenset[str] = frozenset()
    directives: tuple[Directive, ...] = ()
    modprobe_unread: Unknown | None = None
    lsm: Fact[tuple[str, ...]] = _UNREAD
    apparmor: Fact[Mapping[str, int]] = _UNREAD
    selinux: Fact[str] = _UNREAD
    usb_disks: frozenset[str] = frozenset()
    storage_refused: UdevRule | None = None
    udev_unread: Unknown | None = None
    replaced: bool = False

    def configured(self, name: str) -> Assignment | None:
        """What a file sets the sysctl to at boot: a line with the full name beats one with wildcards."""
        if name in self.assigned:
            return self.assigned[name]
        matching = [each for each in self.patterns if fnmatch.fnmatchcase(name, each.name)]
        return matching[-1] if matching and name not in self.exempt else None

    @property
    def exempt(self) -> frozenset[str]:
        """Names that a line with `-` in front and no value takes out of the wildcards."""
        return frozenset(each.name for each in self.patterns if each.value == "")

    def of_interfaces(self, family: str, setting: str) -> dict[str, str]:
        """The values that a setting of `ipv4` or `ipv6` has now for each interface over which strangers come, by name.

        The loopback has none, and the ends of containers' cables are ports of a bridge, which gets what comes in.
        """
        start, end = f"net.{family}.conf.", f".{setting}"
        found = {}
        for name, value in self.running.items():
            interface = name.removeprefix(start).removesuffix(end)
            if name != f"{start}{interface}{end}" or not isinstance(value, Known):
                continue
            if interface not in {"all", "default", "lo"} and not interface.startswith("veth"):
                found[name] = value.value
        return found

    def redirects(self) -> dict[str, str]:
        """`accept_redirects` of each interface on which it decides, by name, as ip-sysctl of the kernel has it.

        With IPv6 it alone does, with IPv4 it or `all`; neither where packets are forwarded (with IPv4 both then).
        """
        forwards = self.of_interfaces("ipv4", "forwarding") | self.of_interfaces("ipv6", "forwarding")
        found = self.of_interfaces("ipv4", "accept_redirects") | self.of_interfaces("ipv6", "accept_redirects")
        return {
            name: value
            for name, value in found.items()
            if forwards.get(name.removesuffix("accept_redirects") + "forwarding", "0") == "0"
        }

    def directive(self, module: str, *verbs: str) -> Directive | None:
        """The last line on the module with one of the verbs."""
        wanted = module.replace("-", "_")
        found = [each for each in self.directives if each.module == wanted and each.verb in verbs]
        return found[-1] if found else None

    def in_use(self, module: str) -> bool:
        """Whether a bus that boards are made for is loaded, and so is used: of the rest that is no proof."""
        return module == "can" and isinstance(self.modules, Known) and module in self.modules.value

    def refused(self, module: str) -> Directive | None:
        """The `install` line that keeps the module out, if there is one and it can (a built-in module loads anyway)."""
        line = self.directive(module, "install")
        return line if line is not None and line.refuses else None
