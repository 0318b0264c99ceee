"""Settings of the kernel that are right, and that nothing keeps right."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.fact import Known, Unknown
from thornwall.model.finding import (
    Attacker,
    Consequence,
    Effort,
    Evidence,
    FaultClass,
    Fixable,
    Kind,
    Reach,
    References,
)
from thornwall.model.kernel import own_of_a_container, proc_path
from thornwall.model.rule import Context, Verdict, fail, not_applicable, passed, rule, unknown
from thornwall.rules.sysctl import contained, kernel, set_commands

# what each distribution's kernel starts with is its makers' affair; forwarding is left to what needs it
_RIGHT = {
    "kernel.randomize_va_space": ("2",),
    "kernel.dmesg_restrict": ("1",),
    "kernel.kptr_restrict": ("1", "2"),
    "kernel.yama.ptrace_scope": ("1", "2", "3"),
    "fs.suid_dumpable": ("0",),
    "fs.protected_hardlinks": ("1",),
    "fs.protected_symlinks": ("1",),
    "fs.protected_fifos": ("1", "2"),
    "fs.protected_regular": ("1", "2"),
    "net.ipv4.tcp_syncookies": ("1", "2"),
    "net.ipv4.icmp_echo_ignore_broadcasts": ("1",),
    "net.ipv4.icmp_ignore_bogus_error_responses": ("1",),
    **{
        f"net.ipv4.conf.{each}.{name}": ("0",)
        for each in ("all", "default")
        for name in ("accept_redirects", "accept_source_route", "send_redirects")
    },
    **{
        f"net.ipv6.conf.{each}.{name}": ("0",)
        for each in ("all", "default")
        for name in ("accept_redirects", "accept_source_route")
    },
}


@rule(
    "kernel-settings-unpinned",
    "Some of the kernel's settings hold by its defaults alone",
    subject="kernel",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=1,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Top IoT Vulnerabilities/Misconfiguration",),
        cis_debian12=("1.5.1", "1.5.2", "3.3.3", "3.3.4", "3.3.8", "3.3.10"),
        ssg=(
            *("sysctl_kernel_randomize_va_space", "sysctl_net_ipv4_tcp_syncookies"),
            *("sysctl_net_ipv4_icmp_echo_ignore_broadcasts", "sysctl_net_ipv4_icmp_ignore_bogus_error_responses"),
            *("sysctl_net_ipv4_conf_all_accept_source_route", "sysctl_net_ipv6_conf_all_accept_source_route"),
        ),
        etsi=("5.6-7",),
        cwe=(1188,),
    ),
)
def kernel_settings_unpinned(ctx: Context) -> Iterator[Verdict]:
    """Settings that guard the device are right only because this kernel starts with them.

    What:
        The settings that the other rules about the kernel look at: those that are right now, while no file of sysctl.d
        says so. (What is wrong now is another rule's finding.)

    Why:
        A newer kernel, the kernel of Raspberry Pi in place of Debian's, or a program that changes one for an afternoon,
        brings another value, and nobody notices. What is written down holds at every start.

    Remedy:
        Write them down as they are, in a file in /etc/sysctl.d.
    Risk of the remedy:
        None now. What later needs another value must say so in a file that sorts behind this one.
    """
    facts, inside = kernel(ctx), contained(ctx)
    if not facts.running:
        yield unknown("what a kernel starts with is not in a folder", mend="audit the running host")
        return
    loose: list[Evidence] = []
    kept = 0
    for name, values in _RIGHT.items():
        if inside and not own_of_a_container(name):
            continue
        match facts.running.get(name):
            case Known(value) if value not in values:
                continue
            case Known(value) if facts.configured(name) is None:
                loose.append(Evidence(proc_path(name), value, 1))
            case Known():
                kept += 1
            case Unknown(reason, mend):
                yield unknown(reason, mend=mend)
                return
            case _:
                continue
    if loose:
        names = f"{len(loose)} settings are right by this kernel's default alone."
        lines = [f"{_name(each)} = {each.text}" for each in loose]
        yield fail(names, *loose, commands=set_commands("kernel-settings-unpinned", *lines))
    elif kept:
        yield passed("Files of sysctl.d keep the settings as they are.")
    else:
        yield not_applicable("This kernel has no such setting.")


def _name(seen: Evidence) -> str:
    return next(name for name in _RIGHT if proc_path(name) == seen.source)


RULES = (kernel_settings_unpinned,)
