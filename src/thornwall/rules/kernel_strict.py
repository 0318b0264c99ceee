"""Settings of the kernel that its makers leave open for good reasons, and that few devices need so."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.finding import Attacker, Consequence, Effort, FaultClass, Fixable, Kind, Reach, References
from thornwall.model.rule import Context, Preset, Verdict, rule
from thornwall.rules.sysctl import demand, set_commands


@rule(
    "sysrq-keys-answered",
    "A keyboard gives the kernel orders without a login",
    subject="kernel",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=2,
    attacker=Attacker.NEAR,
    reach=Reach.TOUCH,
    consequence=Consequence.DISRUPTION,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.STRICT,
    references=References(
        document=("Top IoT Vulnerabilities/Misconfiguration",),
        ssg=("sysctl_kernel_sysrq",),
        etsi=("5.6-4",),
        cwe=(306,),
    ),
    commands=set_commands("sysrq-keys-answered", "kernel.sysrq = 0"),
)
def sysrq_keys_answered(ctx: Context) -> Iterator[Verdict]:
    """The SysRq keys work: on a keyboard, and as a break on a serial line.

    What:
        The setting `kernel.sysrq`: 0 is none of them, 1 all, any other number the sum of those that are allowed.
        Debian allows 438 (among others: end what runs on a console, make the disks read-only, restart).

    Why:
        Whoever puts a keyboard into a device that hangs in a hallway stops or restarts it, and never logs in.

    Remedy:
        Set `kernel.sysrq = 0` in a file of its own in /etc/sysctl.d that sorts last, and load it. Since Debian 13
        nothing reads /etc/sysctl.conf at boot.

    Risk of the remedy:
        A device that hangs can no longer be told by its keyboard to write what it has to its disk, and to restart: its
        plug is all that is left.
    """
    yield from demand(
        ctx,
        {"kernel.sysrq": ("0",)},
        "The kernel answers SysRq keys.",
        "The kernel answers no SysRq keys.",
    )


@rule(
    "bpf-code-predictable",
    "Programs may lay code of their choice into the kernel's memory",
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
    preset=Preset.STRICT,
    references=References(
        document=("Top IoT Vulnerabilities/Misconfiguration",),
        ssg=("sysctl_net_core_bpf_jit_harden",),
        etsi=("5.6-7",),
        cwe=(94,),
    ),
    commands=set_commands("bpf-code-predictable", "net.core.bpf_jit_harden = 2"),
)
def bpf_code_predictable(ctx: Context) -> Iterator[Verdict]:
    """The kernel makes machine code of filters with the constants in it as a program gave them.

    What:
        The setting `net.core.bpf_jit_harden`: 1 hides the constants of filters that ordinary accounts bring, 2 those of
        root's as well.

    Why:
        Every account may hand filters of packets and of system calls to the kernel. An attack on a flaw of the kernel
        needs code of its own there, and can write it as the constants of such a filter.

    Remedy:
        Set `net.core.bpf_jit_harden = 2` in a file of its own in /etc/sysctl.d that sorts last, and load it. Since
        Debian 13 nothing reads /etc/sysctl.conf at boot.

    Risk of the remedy:
        Filters that run for every packet or system call (of tracing, of containers) get slower by some percent; `perf`
        no longer names them.
    """
    yield from demand(
        ctx,
        {"net.core.bpf_jit_harden": ("2",)},
        "net.core.bpf_jit_harden is not 2.",
        "The constants of filters are hidden.",
    )


RULES = (sysrq_keys_answered, bpf_code_predictable)
