"""Settings of the kernel that guard its memory and its users from each other."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.finding import Attacker, Consequence, Effort, FaultClass, Fixable, Kind, Reach, References
from thornwall.model.rule import Context, Preset, Verdict, rule
from thornwall.rules.sysctl import demand, set_commands


@rule(
    "kernel-pointers-shown",
    "The kernel shows its addresses to every account",
    subject="kernel",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=3,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Top IoT Vulnerabilities/Misconfiguration",),
        ssg=("sysctl_kernel_kptr_restrict",),
        etsi=("5.6-7",),
        cwe=(200,),
    ),
    commands=set_commands("kernel-pointers-shown", "kernel.kptr_restrict = 1"),
)
def kernel_pointers_shown(ctx: Context) -> Iterator[Verdict]:
    """Addresses of the kernel's code can be read in /proc by everybody.

    What:
        The setting `kernel.kptr_restrict`: 1 hides the addresses from ordinary accounts, 2 from root as well.

    Why:
        An attack on a flaw of the kernel has to know where things lie in memory; this hands the map to any
        program on the device.

    Remedy:
        Set `kernel.kptr_restrict = 1` in a file of its own in /etc/sysctl.d that sorts last, and load it. Since Debian
        13 nothing reads /etc/sysctl.conf at boot.

    Risk of the remedy:
        None in daily use; profilers (`perf`) need root.
    """
    yield from demand(
        ctx,
        {"kernel.kptr_restrict": ("1", "2")},
        "kernel.kptr_restrict is 0.",
        "Addresses of the kernel are hidden from ordinary accounts.",
    )


@rule(
    "kernel-log-open",
    "Every account may read the kernel's log",
    subject="kernel",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=2,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Top IoT Vulnerabilities/Misconfiguration",),
        ssg=("sysctl_kernel_dmesg_restrict",),
        etsi=("5.6-7",),
        cwe=(200,),
    ),
    commands=set_commands("kernel-log-open", "kernel.dmesg_restrict = 1"),
)
def kernel_log_open(ctx: Context) -> Iterator[Verdict]:
    """`dmesg` answers everybody.

    What:
        The setting `kernel.dmesg_restrict`. Debian's own kernels have it on.

    Why:
        The log names addresses, drivers and devices: what an attacker needs to choose and aim an attack on the
        kernel.

    Remedy:
        Set `kernel.dmesg_restrict = 1` in a file of its own in /etc/sysctl.d that sorts last, and load it. Since Debian
        13 nothing reads /etc/sysctl.conf at boot.

    Risk of the remedy:
        `dmesg` needs sudo.
    """
    yield from demand(
        ctx,
        {"kernel.dmesg_restrict": ("1",)},
        "kernel.dmesg_restrict is 0.",
        "The kernel's log is for root.",
    )


@rule(
    "ptrace-open",
    "A program may look into the memory of every other of the same account",
    subject="kernel",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=3,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Top IoT Vulnerabilities/Misconfiguration",),
        cis_debian12=("1.5.2",),
        ssg=("sysctl_kernel_yama_ptrace_scope",),
        etsi=("5.6-7",),
        cwe=(200,),
    ),
    commands=set_commands("ptrace-open", "kernel.yama.ptrace_scope = 1"),
)
def ptrace_open(ctx: Context) -> Iterator[Verdict]:
    """Yama's limit on ptrace is off.

    What:
        The setting `kernel.yama.ptrace_scope`: from 1 on a program may only be traced by those that started it.

    Why:
        One program of your account that is taken over reads the keys in ssh-agent, and the passwords in the
        browser, out of their memory.

    Remedy:
        Set `kernel.yama.ptrace_scope = 1` in a file of its own in /etc/sysctl.d that sorts last, and load it. Since
        Debian 13 nothing reads /etc/sysctl.conf at boot.

    Risk of the remedy:
        A debugger cannot attach to a program that runs already (`gdb -p`) without sudo.
    """
    yield from demand(
        ctx,
        {"kernel.yama.ptrace_scope": ("1", "2", "3")},
        "kernel.yama.ptrace_scope is 0.",
        "Programs are kept out of each other's memory.",
    )


@rule(
    "aslr-off",
    "Programs are loaded where an attacker expects them",
    subject="kernel",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=4,
    attacker=Attacker.FAR,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Top IoT Vulnerabilities/Misconfiguration",),
        cis_debian12=("1.5.1",),
        ssg=("sysctl_kernel_randomize_va_space",),
        cwe=(693,),
    ),
    commands=set_commands("aslr-off", "kernel.randomize_va_space = 2"),
)
def aslr_off(ctx: Context) -> Iterator[Verdict]:
    """The random layout of memory (ASLR) is off or halved.

    What:
        The setting `kernel.randomize_va_space`, which every distribution has at 2.

    Why:
        With a known layout, many a flaw in a network program that would only crash it runs the attacker's code
        instead.

    Remedy:
        Set `kernel.randomize_va_space = 2` in a file of its own in /etc/sysctl.d that sorts last, and load it. Since
        Debian 13 nothing reads /etc/sysctl.conf at boot. Remove the line that sets it lower.

    Risk of the remedy:
        None, except for a debugging session that wanted fixed addresses.
    """
    yield from demand(
        ctx,
        {"kernel.randomize_va_space": ("2",)},
        "kernel.randomize_va_space is not 2.",
        "The layout of memory is random.",
    )


@rule(
    "setuid-core-dumps",
    "Programs with others' rights leave their memory on the disk",
    subject="kernel",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=3,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Top IoT Vulnerabilities/Misconfiguration",),
        cis_debian12=("1.5.3",),
        ssg=("sysctl_fs_suid_dumpable",),
        etsi=("5.6-7",),
        cwe=(528,),
    ),
    commands=set_commands("setuid-core-dumps", "fs.suid_dumpable = 0"),
)
def setuid_core_dumps(ctx: Context) -> Iterator[Verdict]:
    """A set-user-ID program that crashes leaves a core file that its user may read.

    What:
        The setting `fs.suid_dumpable`: 0 writes none, 2 one that only root may read (Ubuntu's and
        systemd-coredump's way).

    Why:
        The memory of `sudo` or `passwd` holds password hashes. Whoever can make it crash could read them in the
        file.

    Remedy:
        Set `fs.suid_dumpable = 0` in a file of its own in /etc/sysctl.d that sorts last, and load it. Since Debian 13
        nothing reads /etc/sysctl.conf at boot.

    Risk of the remedy:
        None in daily use.
    """
    yield from demand(
        ctx,
        {"fs.suid_dumpable": ("0", "2")},
        "fs.suid_dumpable is 1.",
        "Crashing programs with others' rights leave nothing that users may read.",
    )


@rule(
    "protected-links-off",
    "Links in temporary folders may lead others' programs astray",
    subject="kernel",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=3,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Top IoT Vulnerabilities/Misconfiguration",),
        ssg=("sysctl_fs_protected_hardlinks", "sysctl_fs_protected_symlinks"),
        etsi=("5.6-7",),
        cwe=(59,),
    ),
    commands=set_commands("protected-links-off", "fs.protected_hardlinks = 1", "fs.protected_symlinks = 1"),
)
def protected_links_off(ctx: Context) -> Iterator[Verdict]:
    """The kernel follows links of other accounts in folders that everybody may write to.

    What:
        The settings `fs.protected_hardlinks` and `fs.protected_symlinks`, which every distribution has on.

    Why:
        An account puts a link to /etc/shadow where a program of root writes its temporary file, and root
        overwrites the wrong one.

    Remedy:
        Set `fs.protected_hardlinks = 1` and `fs.protected_symlinks = 1` in a file of its own in /etc/sysctl.d that
        sorts last, and load it. Since Debian 13 nothing reads /etc/sysctl.conf at boot. If a line switches them off,
        remove it.

    Risk of the remedy:
        None in daily use.
    """
    yield from demand(
        ctx,
        {"fs.protected_hardlinks": ("1",), "fs.protected_symlinks": ("1",)},
        "fs.protected_hardlinks or fs.protected_symlinks is 0.",
        "Links of others are not followed in temporary folders.",
    )


@rule(
    "unprivileged-bpf",
    "Every account may load programs into the kernel",
    subject="kernel",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=4,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Top IoT Vulnerabilities/Misconfiguration",),
        ssg=("sysctl_kernel_unprivileged_bpf_disabled",),
        etsi=("5.6-7",),
        cwe=(250,),
    ),
    commands=set_commands("unprivileged-bpf", "kernel.unprivileged_bpf_disabled = 1"),
)
def unprivileged_bpf(ctx: Context) -> Iterator[Verdict]:
    """eBPF is open to ordinary accounts.

    What:
        The setting `kernel.unprivileged_bpf_disabled`: 1 keeps it off until the next boot, 2 lets root switch
        it on again.

    Why:
        The checker that these programs have to pass had many flaws, and each made root of any account.

    Remedy:
        Set `kernel.unprivileged_bpf_disabled = 1` in a file of its own in /etc/sysctl.d that sorts last, and load it.
        Since Debian 13 nothing reads /etc/sysctl.conf at boot.

    Risk of the remedy:
        None in daily use: what traces or filters with eBPF runs as root.
    """
    yield from demand(
        ctx,
        {"kernel.unprivileged_bpf_disabled": ("1", "2")},
        "kernel.unprivileged_bpf_disabled is 0.",
        "eBPF is for root.",
    )


@rule(
    "kexec-allowed",
    "Root may replace the running kernel",
    subject="kernel",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=2,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.STRICT,
    references=References(
        document=("Top IoT Vulnerabilities/Misconfiguration",),
        ssg=("sysctl_kernel_kexec_load_disabled",),
        etsi=("5.6-7",),
        cwe=(250,),
    ),
    commands=set_commands("kexec-allowed", "kernel.kexec_load_disabled = 1"),
)
def kexec_allowed(ctx: Context) -> Iterator[Verdict]:
    """kexec can start another kernel without the firmware and its checks.

    What:
        The setting `kernel.kexec_load_disabled`, which cannot be taken back until the next boot.

    Why:
        An intruder with root's rights can hide in a kernel of his own, and secure boot never sees it.

    Remedy:
        Set `kernel.kexec_load_disabled = 1` in a file of its own in /etc/sysctl.d that sorts last, and load it. Since
        Debian 13 nothing reads /etc/sysctl.conf at boot.

    Risk of the remedy:
        Crash dumps (kdump) and fast reboots by kexec stop working.
    """
    yield from demand(
        ctx,
        {"kernel.kexec_load_disabled": ("1",)},
        "kernel.kexec_load_disabled is 0.",
        "No other kernel can be loaded.",
    )


RULES = (
    kernel_pointers_shown,
    kernel_log_open,
    ptrace_open,
    aslr_off,
    setuid_core_dumps,
    protected_links_off,
    unprivileged_bpf,
    kexec_allowed,
)
