"""Fixes of the rules about settings of the kernel: a line of a file of ours each, and set now."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from thornwall.model.boot import Boot
from thornwall.model.change import EditLine, OwnLine, Purpose, Sysctl
from thornwall.model.fact import Known
from thornwall.model.finding import Finding
from thornwall.model.kernel import Kernel, own_of_a_container, sysctl_name
from thornwall.model.plan import Undoing
from thornwall.plan.fix import Fix, Hold, Make, Situation, Want, fix

SYSCTLS = "/etc/sysctl.d/99-thornwall.conf"
PATHS: tuple[str, ...] = ("/etc/sysctl.d/*", "/etc/sysctl.conf", "/etc/ufw/sysctl.conf")

# read after sysctl.d: by 'sysctl --system' of procps, and by ufw whenever it starts
_LATER = ("/etc/sysctl.conf", "/etc/ufw/sysctl.conf")
_PLAIN = re.compile(r"[A-Za-z0-9_./@-]+")
_ASSIGNMENT = re.compile(r"\s*-?\s*([A-Za-z0-9_./*-]+)\s*=\s*(\S*)\s*")


@dataclass(frozen=True, slots=True)
class _Settings:
    """What a rule wants of the kernel. `good`: other values that are right as well, by name."""

    rule: str
    title: str
    values: Mapping[str, str]
    good: Mapping[str, frozenset[str]] = field(default_factory=dict)
    undoing: Undoing = Undoing.EXACT
    fixed_by: str = ""  # a parameter of the kernel's, with which it takes no other value for long
    # a line for the interfaces that there are before systemd-sysctl, and the name in `values` that it goes with
    patterns: Mapping[str, str] = field(default_factory=dict)

    def of_interfaces(self, kernel: Kernel, *, anew: bool) -> _Settings:
        """With what single interfaces say otherwise, each by its name, so that it is set now as well.

        `anew`: also what is right now, since the kernel sets it anew when this plan ends forwarding.
        """
        if any(each.endswith(".send_redirects") for each in self.patterns):
            single = kernel.of_interfaces("ipv4", "send_redirects")
        elif anew:
            single = {n: "1" for v in ("ipv4", "ipv6") for n in kernel.of_interfaces(v, "accept_redirects")}
        else:
            single = kernel.redirects() if self.patterns else {}
        wrong = {name: "0" for name, value in single.items() if value != "0" and _PLAIN.fullmatch(name)}
        return replace(self, values={**self.values, **wrong})

    def pattern(self, name: str) -> str:
        """The line that says it at boot, of the setting of a single interface."""
        found = (each for each in self.patterns if fnmatch.fnmatchcase(name, each))
        return next(found, "") if name.split(".")[3:4] not in [["all"], ["default"]] else ""

    def right(self, name: str, value: str) -> bool:
        """Whether the setting may stay as it is."""
        return value == self.values[name] or value in self.good.get(name, ())


_SETTINGS = (
    _Settings(
        "rp-filter-off",
        "Check that packets come from where they can",
        {"net.ipv4.conf.all.rp_filter": "2"},
        {"net.ipv4.conf.all.rp_filter": frozenset({"1"})},
    ),
    _Settings(
        "icmp-redirects-accepted",
        "Let no neighbour change the routes",
        {
            f"net.{family}.conf.{each}.accept_redirects": "0"
            for family in ("ipv4", "ipv6")
            for each in ("all", "default")
        },
        patterns={
            f"net.{family}.conf.*.accept_redirects": f"net.{family}.conf.all.accept_redirects"
            for family in ("ipv4", "ipv6")
        },
    ),
    _Settings(
        "source-routing-accepted",
        "Let no sender choose the way of its packets",
        {"net.ipv4.conf.all.accept_source_route": "0", "net.ipv6.conf.all.accept_source_route": "0"},
        {"net.ipv6.conf.all.accept_source_route": frozenset({"-1"})},
    ),
    _Settings(
        "syncookies-off",
        "Withstand floods of half-open connections",
        {"net.ipv4.tcp_syncookies": "1"},
        {"net.ipv4.tcp_syncookies": frozenset({"2"})},
    ),
    _Settings(
        "icmp-redirects-sent",
        "Tell no neighbour other routes",
        {"net.ipv4.conf.all.send_redirects": "0", "net.ipv4.conf.default.send_redirects": "0"},
        patterns={"net.ipv4.conf.*.send_redirects": "net.ipv4.conf.all.send_redirects"},
    ),
    _Settings("broadcast-pings-answered", "Answer no ping to everybody", {"net.ipv4.icmp_echo_ignore_broadcasts": "1"}),
    _Settings(
        "martians-unlogged",
        "Log packets whose sender cannot be",
        {"net.ipv4.conf.all.log_martians": "1", "net.ipv4.conf.default.log_martians": "1"},
    ),
    _Settings(
        "kernel-pointers-shown",
        "Hide the kernel's addresses",
        {"kernel.kptr_restrict": "1"},
        {"kernel.kptr_restrict": frozenset({"2"})},
    ),
    _Settings("kernel-log-open", "Keep the kernel's log for root", {"kernel.dmesg_restrict": "1"}),
    _Settings(
        "ptrace-open",
        "Keep programs out of each other's memory",
        {"kernel.yama.ptrace_scope": "1"},
        {"kernel.yama.ptrace_scope": frozenset({"2", "3"})},
    ),
    _Settings("aslr-off", "Load programs at random addresses", {"kernel.randomize_va_space": "2"}),
    _Settings(
        "setuid-core-dumps",
        "Leave no memory of privileged programs on the disk",
        {"fs.suid_dumpable": "0"},
        {"fs.suid_dumpable": frozenset({"2"})},
    ),
    _Settings(
        "protected-links-off",
        "Follow no links of others in temporary folders",
        {"fs.protected_hardlinks": "1", "fs.protected_symlinks": "1"},
    ),
    # 2, not 1: the kernel lets nobody take 1 back before the next start
    _Settings(
        "unprivileged-bpf",
        "Keep eBPF for root",
        {"kernel.unprivileged_bpf_disabled": "2"},
        {"kernel.unprivileged_bpf_disabled": frozenset({"1"})},
    ),
    _Settings(
        "line-disciplines-autoload", "Let root alone have line disciplines loaded", {"dev.tty.ldisc_autoload": "0"}
    ),
    _Settings(
        "kexec-allowed",
        "Load no other kernel while this one runs",
        {"kernel.kexec_load_disabled": "1"},
        undoing=Undoing.REBOOT,
    ),
    _Settings("sysrq-keys-answered", "Answer no SysRq keys", {"kernel.sysrq": "0"}, fixed_by="sysrq_always_enabled"),
    _Settings("bpf-code-predictable", "Hide the constants of filters in the kernel", {"net.core.bpf_jit_harden": "2"}),
    # the kernel resets settings of single interfaces when it is switched
    _Settings(
        "ip-forwarding-on",
        "Pass on no packets that are for others",
        {"net.ipv4.ip_forward": "0", "net.ipv6.conf.all.forwarding": "0"},
        undoing=Undoing.REBOOT,
    ),
)


def _make(settings: _Settings) -> Make:
    def make(situation: Situation, finding: Finding) -> Iterator[Want]:
        if _is_fixed(situation, settings.fixed_by):
            return
        match situation.facts.kernel:
            case Known(kernel):
                yield from _settings(situation, kernel, settings)
            case _:
                return
        if finding.rule == "ip-forwarding-on":
            yield Hold(
                "forwards-for-others",
                "No program can see whether other devices reach each other through this one.",
                "Say that nothing needs it to forward; or say in the device's profile that it is a router.",
                accept=True,
            )

    return make


def _is_fixed(situation: Situation, parameter: str) -> bool:
    """Whether the kernel that runs was started with that parameter."""
    match situation.facts.boot:
        case Known(Boot(running=Known(words))):
            return bool(parameter) and parameter in {word.partition("=")[0] for word in words}
        case _:
            return False


def _settings(situation: Situation, kernel: Kernel, settings: _Settings) -> Iterator[Want]:
    """The settings that this kernel has; nothing at all where a file that counts more cannot be edited."""
    anew = bool(settings.patterns) and any(each.rule == "ip-forwarding-on" for each in situation.findings)
    settings = settings.of_interfaces(kernel, anew=anew)
    names = [name for name in settings.values if _has(situation, kernel, name)]
    wants: list[Want] = []
    for name in names:
        running = kernel.running.get(name)
        line = kernel.configured(name)
        right = isinstance(running, Known) and settings.right(name, running.value) and not anew
        if right and _stays(settings, name, kernel):
            continue
        overruled = _overruled(situation, name, settings)
        if overruled is None:
            return
        wants += overruled
        if _settable(situation, name):
            pattern = settings.pattern(name) if name not in kernel.assigned else ""
            wants.append(Sysctl(name, settings.values[name], pattern))
        elif line is not None:
            wants.append(OwnLine(SYSCTLS, name, f"{name} = {settings.values[name]}"))
    yield from dict.fromkeys(wants)
    for pattern, beside in settings.patterns.items():
        if beside in names:
            yield OwnLine(SYSCTLS, pattern, f"{pattern} = {settings.values[beside]}")


def _stays(settings: _Settings, name: str, kernel: Kernel) -> bool:
    line = kernel.configured(name)
    return line is None or settings.right(name, line.value)


def _has(situation: Situation, kernel: Kernel, name: str) -> bool:
    """Whether this kernel has the setting; of a folder, the kernel of the next start is taken to have it."""
    return isinstance(kernel.running.get(name), Known) or not situation.capture.live


def _settable(situation: Situation, name: str) -> bool:
    """In a container only the network's settings are its own; the others can be written into files alone."""
    host = situation.facts.host
    return own_of_a_container(name) or not (isinstance(host, Known) and host.value.container)


def _overruled(situation: Situation, name: str, settings: _Settings) -> list[EditLine] | None:
    """Edits of lines that would win over ours; None where one of them cannot be edited.

    systemd-sysctl takes the last file by name. What comes after all of them, ufw and sysctl.conf, is edited where it
    can be: an old /etc/sysctl.conf does nothing at boot.
    """
    edits: list[EditLine] = []
    kernel = situation.facts.kernel
    line = kernel.value.assigned.get(name) if isinstance(kernel, Known) else None
    if line is None and isinstance(kernel, Known) and settings.pattern(name):
        line = kernel.value.configured(name)  # a line with `*` behind ours would win over it
    if line is not None and not settings.right(name, line.value) and _after(line.path):
        if not line.path.startswith("/etc/"):
            return None
        edits += _edits(situation, line.path, name, settings)
        if not edits:
            return None
    for path in _LATER:
        edits += _edits(situation, path, name, settings)
    return edits


def _after(path: str) -> bool:
    return posixpath.basename(path) > posixpath.basename(SYSCTLS)


def _edits(situation: Situation, path: str, name: str, settings: _Settings) -> Iterator[EditLine]:
    match situation.exact(path):
        case Known(content):
            lines = content.decode("utf-8", "surrogateescape").split("\n")
        case _:
            return
    for number, text in enumerate(lines, 1):
        found = _ASSIGNMENT.fullmatch(text.removesuffix("\r"))
        if found and found[1].replace("/", ".") == name and not settings.right(name, found[2]):
            yield EditLine(path, number, text, f"{found[1]}={settings.values[name]}")


_SET = tuple(
    Fix(each.rule, "kernel-settings", Purpose.KERNEL, each.title, _make(each), undoing=each.undoing)
    for each in _SETTINGS
)


@fix(
    "kernel-settings-unpinned",
    step="kernel-settings",
    purpose=Purpose.KERNEL,
    title="Write down the kernel's settings as they are now",
)
def pinned(_: Situation, finding: Finding) -> Iterator[Want]:
    """What is right now goes into our file, unless another fix has its say about it."""
    for place in finding.evidence:
        name = sysctl_name(place.source)
        if _PLAIN.fullmatch(name):
            yield OwnLine(SYSCTLS, name, f"{name} = {place.text}")


FIXES: tuple[Fix, ...] = (*_SET, pinned)
