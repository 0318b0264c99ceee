"""Modules that the kernel may load when something asks for them."""

from __future__ import annotations

from collections.abc import Iterator

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
from thornwall.model.rule import Context, Option, Preset, Verdict, fail, passed, rule, unknown
from thornwall.rules.sysctl import contained, demand, kernel, set_commands

_PROTOCOLS = ("dccp", "sctp", "rds", "tipc", "atm")
_FILESYSTEMS = ("cramfs", "freevxfs", "hfs", "jffs2")


def of_files(ctx: Context) -> str:
    """What is to be added in a container."""
    said = " (By this host's files; what is loaded belongs to the machine around this container.)"
    return said if contained(ctx) else ""


def _loadable(ctx: Context, modules: tuple[str, ...], what: str) -> Iterator[Verdict]:
    facts = kernel(ctx)
    modules = tuple(name for name in modules if not facts.in_use(name))
    may = [name for name in modules if facts.refused(name) is None and facts.directive(name, "blacklist") is None]
    if may and facts.modprobe_unread is not None:
        yield unknown(facts.modprobe_unread.reason, mend=facts.modprobe_unread.mend)
    elif may:
        command = "".join(rf"install {name} /bin/false\n" for name in may)
        yield fail(
            f"modprobe does not refuse {what}: {', '.join(may)}.{of_files(ctx)}",
            Evidence("modprobe --showconfig", f"no line for {', '.join(may)}"),
            commands=(f"printf '{command}' | sudo tee /etc/modprobe.d/rare-{modules[0]}.conf",),
        )
    else:
        lines = [line for name in modules if (line := facts.directive(name, "install", "blacklist"))]
        yield passed(f"modprobe refuses {what}.", *(Evidence(line.path, line.text, line.line) for line in lines))


@rule(
    "rare-network-protocols",
    "Nothing refuses network protocols that nobody uses",
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
        document=("Practical Steps to Secure IoT Devices",),
        cis_debian12=("3.2.1", "3.2.2", "3.2.3", "3.2.4"),
        ssg=(
            *("kernel_module_dccp_disabled", "kernel_module_sctp_disabled", "kernel_module_rds_disabled"),
            *("kernel_module_tipc_disabled", "kernel_module_atm_disabled", "kernel_module_can_disabled"),
        ),
        etsi=("5.6-5", "5.6-6"),
        cwe=(1125,),
    ),
    options=(Option("modules", _PROTOCOLS, "the modules that are to be refused", strict=(*_PROTOCOLS, "can")),),
)
def rare_network_protocols(ctx: Context) -> Iterator[Verdict]:
    """Nothing keeps DCCP, SCTP, RDS, TIPC and ATM from being loaded, though nobody needs them.

    What:
        Whether lines in modprobe.d refuse the modules dccp, sctp, rds, tipc and atm; with the strict preset can as
        well, the bus of cars and machines, unless it is loaded now.

    Why:
        They are seldom used and seldom looked at, and their flaws have made root of ordinary accounts more than once.
        SCTP and ATM are loaded as soon as any account opens such a socket; Debian's kernels keep the others from that,
        others do not.

    Remedy:
        Keep the protocols from being loaded: `install dccp /bin/false`, and so on for each, in a file in
        /etc/modprobe.d.
    Risk of the remedy:
        None for ordinary devices; telephony and cluster software use SCTP or TIPC, CAN boards use can.
    """
    yield from _loadable(ctx, ctx.words("modules"), "rare network protocols")


@rule(
    "rare-filesystems",
    "Nothing refuses file systems that nobody uses",
    subject="kernel",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=3,
    attacker=Attacker.NEAR,
    reach=Reach.TOUCH,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Identify the attack surface",),
        cis_debian12=("1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4", "1.1.1.5", "1.1.1.8"),
        ssg=(
            *("kernel_module_cramfs_disabled", "kernel_module_freevxfs_disabled", "kernel_module_hfs_disabled"),
            *("kernel_module_hfsplus_disabled", "kernel_module_jffs2_disabled", "kernel_module_udf_disabled"),
        ),
        etsi=("5.6-6",),
        cwe=(1125,),
    ),
    options=(
        Option("modules", _FILESYSTEMS, "the modules that are to be refused", strict=(*_FILESYSTEMS, "hfsplus", "udf")),
    ),
)
def rare_filesystems(ctx: Context) -> Iterator[Verdict]:
    """Nothing keeps cramfs, freevxfs, hfs and jffs2 from being loaded as soon as something is mounted as one.

    What:
        Whether lines in modprobe.d refuse these modules; with the strict preset hfsplus and udf as well. (Never vfat:
        the boot partition is one. squashfs and overlay are left out too: snaps and containers need them.) A line on a
        module that this kernel does not have, as Debian's have no cramfs, waits for one that does.

    Why:
        Their drivers trust what is on the disk; a stick made for it crashes the kernel or takes it over.

    Remedy:
        Keep the file systems from being loaded: `install cramfs /bin/false`, and so on for each, in a file in
        /etc/modprobe.d.
    Risk of the remedy:
        Disks of very old Macs (hfs) can no longer be read; with the strict preset those of newer ones (hfsplus) and
        DVDs (udf) as well.
    """
    yield from _loadable(ctx, ctx.words("modules"), "rare file systems")


@rule(
    "firewire-allowed",
    "Nothing refuses the driver for FireWire",
    subject="kernel",
    kind=Kind.PHYSICAL,
    fault_class=FaultClass.PHYSICAL,
    likelihood=1,
    impact=3,
    attacker=Attacker.NEAR,
    reach=Reach.TOUCH,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Identify the attack surface",),
        ssg=("kernel_module_firewire-core_disabled",),
        etsi=("5.6-3",),
        cwe=(1299,),
    ),
)
def firewire_allowed(ctx: Context) -> Iterator[Verdict]:
    """What is plugged into a FireWire port may read and write the memory.

    What:
        Whether a line in modprobe.d refuses the module firewire-core.

    Why:
        A FireWire device reads and writes the memory of the computer without asking its processor: who plugs one in
        takes passwords out of it, or a locked session over. The driver comes with the port: a Raspberry Pi has none,
        adapters and older small computers have.

    Remedy:
        Keep the driver from being loaded: `install firewire-core /bin/false` in a file in /etc/modprobe.d.
    Risk of the remedy:
        Old video cameras and disks with FireWire can no longer be used.
    """
    yield from _loadable(ctx, ("firewire-core",), "the driver for FireWire")


@rule(
    "line-disciplines-autoload",
    "Any account can have old drivers of serial lines loaded",
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
        etsi=("5.6-7",),
        cwe=(250,),
    ),
    commands=set_commands("line-disciplines-autoload", "dev.tty.ldisc_autoload = 0"),
)
def line_disciplines_autoload(ctx: Context) -> Iterator[Verdict]:
    """Who opens a terminal can have the kernel load a line discipline.

    What:
        The setting `dev.tty.ldisc_autoload`: with 0 only root has the modules loaded that give a serial line another
        protocol.
    Why:
        They are old and seldom used, and every account can ask for them on a terminal of its own: flaws in them
        (CVE-2017-2636, CVE-2020-14416) made root of ordinary accounts.
    Remedy:
        Set `dev.tty.ldisc_autoload = 0` in a file of its own in /etc/sysctl.d that sorts last, and load it.
    Risk of the remedy:
        Programs that speak PPP, SLIP, CAN or Bluetooth over a serial line without being root no longer can, unless the
        module was loaded before (`/etc/modules-load.d`).
    """
    yield from demand(
        ctx,
        {"dev.tty.ldisc_autoload": ("0",)},
        "dev.tty.ldisc_autoload is 1.",
        "Only root has line disciplines loaded.",
    )


RULES = (rare_network_protocols, rare_filesystems, firewire_allowed, line_disciplines_autoload)
