"""What may be plugged into USB."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from thornwall.model.fact import Known, Unknown
from thornwall.model.finding import (
    Attacker,
    Consequence,
    Effort,
    Evidence,
    FaultClass,
    Fixable,
    Kind,
    Need,
    Reach,
    References,
    Status,
)
from thornwall.model.kernel import STORAGE_REFUSED, Kernel
from thornwall.model.rule import Context, Preset, Verdict, fail, not_applicable, passed, rule, unknown
from thornwall.model.usb import GUARD_CONF, REFUSING, Setting
from thornwall.rules.kernel_modules import of_files
from thornwall.rules.sysctl import contained, kernel

_SYSTEM_MOUNTS = ("/", "/boot", "/boot/firmware", "/usr", "/var", "/home")


_USBGUARD = (
    "sudo apt-get install usbguard",
    f"sudo sed -i 's/^PresentDevicePolicy=.*/PresentDevicePolicy=keep/' {GUARD_CONF}",
    "sudo systemctl enable usbguard && sudo systemctl restart usbguard",
)
"""Debian's package lists what is plugged in while it is installed, and starts."""


def _guarded(ctx: Context) -> Verdict | None:
    """What USBGuard says of devices that no rule of its own names; None where it does not decide."""
    usb, services = ctx.host.usb, ctx.host.services
    unit = services.value.unit("usbguard") if isinstance(services, Known) else None
    if unit is None or not isinstance(services, Known) or not unit.enabled:
        return None
    if services.value.live and unit.active != "active":
        return None
    match usb.value.guard if isinstance(usb, Known) else usb:
        case Unknown(reason, mend):
            return unknown(reason, mend=mend)
        case Known(settings):
            lines = [_line(name, settings[name]) for name, good in REFUSING.items() if _lets_in(settings, name, good)]
        case _:
            lines = []  # its own defaults refuse
    if lines:
        return fail("USBGuard runs, and lets in what no rule names.", *lines)
    return passed("USBGuard decides what may be plugged in.", Evidence(unit.where, "enabled"))


def _lets_in(settings: Mapping[str, Setting], name: str, good: frozenset[str]) -> bool:
    return name in settings and settings[name].value not in good


def _line(name: str, setting: Setting) -> Evidence:
    return Evidence(GUARD_CONF, f"{name}={setting.value}", setting.line)


def _usb_root(ctx: Context, facts: Kernel) -> str:
    """The mount that hangs on a USB disk and that the device needs to run, or empty."""
    seen = ctx.host.filesystem
    disks = tuple(f"/dev/{disk}" for disk in facts.usb_disks)
    mounts = seen.value.mounts if isinstance(seen, Known) else ()
    return next((each.path for each in mounts if each.path in _SYSTEM_MOUNTS and each.device.startswith(disks)), "")


@rule(
    "usb-storage-allowed",
    "Nothing refuses USB sticks and disks",
    subject="kernel",
    kind=Kind.PHYSICAL,
    fault_class=FaultClass.PHYSICAL,
    likelihood=1,
    impact=3,
    attacker=Attacker.NEAR,
    reach=Reach.TOUCH,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.NEEDS_ANSWER,
    preset=Preset.DOCUMENTS,
    needs=(Need.REBOOT,),
    references=References(
        document=("Identify the attack surface",),
        cis_debian12=("1.1.1.9",),
        ssg=("kernel_module_usb-storage_disabled",),
        etsi=("5.6-3",),
        nist=("Logical Access to Interfaces",),
        owasp_iot=("I10",),
        cwe=(1299,),
    ),
    commands=(r"printf 'install %s /bin/false\n' usb-storage uas | sudo tee /etc/modprobe.d/usb-storage.conf",),
)
def usb_storage_allowed(ctx: Context) -> Iterator[Verdict]:
    """Nothing keeps the kernel from its driver for USB sticks and disks, whoever plugs one in.

    What:
        Whether modprobe refuses `usb-storage`: an `install usb-storage /bin/false` in /etc/modprobe.d, or a
        `blacklist` of both `usb-storage` and `uas` (which loads the other as its dependency); whether a rule of udev
        in /etc/udev/rules.d authorizes no such device; or whether USBGuard decides what may be plugged in.

    Why:
        'Would a USB stick be able to run programs on the system?' A stick can carry a file system made to break the
        driver that reads it, carry files away, or start what a desktop opens by itself.

    Remedy:
        Keep the drivers of USB storage from being loaded, unless the device starts from a USB disk, and reboot. Kernels
        of Raspberry Pi have the driver built in, so that modprobe has no say: there udev takes from each stick the
        leave to be used, as soon as it is plugged in. Where single sticks are to be let in, use USBGuard (`sudo apt-get
        install usbguard`), while what belongs to the device is plugged in.
    Risk of the remedy:
        Sticks and disks no longer work, among them those of a backup. Never do it where the system itself starts from
        a USB disk. With the rule of udev a modem that shows itself as a disk first stays one. USBGuard without a rule
        for them locks out keyboards, and on Pi 1 to 3 the Ethernet port, which hangs on USB.
    """
    facts = kernel(ctx)
    guarded = _guarded(ctx)
    if guarded is not None and guarded.status is not Status.FAIL:
        yield guarded
        return
    if (line := facts.storage_refused) is not None:
        yield passed("udev refuses USB sticks and disks.", Evidence(line.path, line.text, line.line))
        return
    refused = facts.refused("usb-storage")
    listed = [facts.directive(name, "blacklist") for name in ("usb-storage", "uas")]
    lines = [refused] if refused else [each for each in listed if each is not None]
    said = [Evidence(each.path, each.text, each.line) for each in lines]
    root = _usb_root(ctx, facts)
    if "usb_storage" in facts.builtin:
        yield _built_in(facts, said, _USBGUARD if root else _UDEV)
    elif refused is not None or (len(lines) == 2 and (facts.refused("uas") or all(listed))):
        loaded = isinstance(facts.modules, Known) and "usb_storage" in facts.modules.value and not contained(ctx)
        if loaded:
            running = Evidence("/proc/modules", "usb_storage")
            yield fail("The driver for USB storage is refused from the next boot on, but loaded now.", *said, running)
        else:
            yield passed("modprobe refuses the driver for USB storage.", *said)
    elif facts.modprobe_unread is not None:
        yield unknown(facts.modprobe_unread.reason, mend=facts.modprobe_unread.mend)
    elif root:
        yield fail(
            f"USB storage is allowed. {root} lies on a USB disk: use USBGuard, and do not refuse the driver.",
            Evidence("/proc/mounts", root),
            commands=_USBGUARD,
        )
    else:
        half = " A blacklist of usb-storage alone does not help: uas loads it." if said else ""
        yield fail(
            f"Nothing keeps USB sticks and disks out.{half}{of_files(ctx)}",
            *(said or [Evidence("modprobe --showconfig", "no 'install usb-storage /bin/false'")]),
        )


def _built_in(facts: Kernel, said: list[Evidence], commands: tuple[str, ...]) -> Verdict:
    """Modprobe has no say there, and no line of udev that was read refuses such devices."""
    if facts.udev_unread is not None:
        return unknown(facts.udev_unread.reason, mend=facts.udev_unread.mend)
    built = Evidence("/lib/modules/*/modules.builtin", "usb-storage: modprobe has no say")
    return fail("The driver for USB storage is built into the kernel.", built, *said, commands=commands)


_UDEV = (f"echo '{STORAGE_REFUSED}' | sudo tee /etc/udev/rules.d/60-usb-storage.rules",)


@rule(
    "usb-devices-allowed",
    "Any USB device that somebody plugs in is used at once",
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
    preset=Preset.STRICT,
    references=References(
        document=("Identify the attack surface",),
        etsi=("5.6-3",),
        nist=("Logical Access to Interfaces",),
        owasp_iot=("I10",),
        cwe=(1299,),
    ),
    commands=_USBGUARD,
)
def usb_devices_allowed(ctx: Context) -> Iterator[Verdict]:
    """What is plugged into USB is let in, whatever it is and whoever does it.

    What:
        Whether USBGuard runs and refuses what no rule of its own names, or the kernel itself lets in no new device
        (`authorized_default` of each USB controller is 0, or 2 for what is built in).

    Why:
        'Keyboards and mice are obvious. Even if you remove them, is there a USB port where attackers can connect their
        own?' A thing that looks like a stick can say that it is a keyboard, and type commands within seconds; another
        one says that it is a network, and takes over where the device sends its packets.

    Remedy:
        Install USBGuard while everything that belongs to the device is plugged in: it lets that in from then on, and
        nothing else. Let it keep as well what is plugged in when the device starts (`PresentDevicePolicy=keep`):
        updates of the kernel have changed what a device looks like, and locked its owner out.
    Risk of the remedy:
        A new keyboard, stick or camera is refused until `sudo usbguard allow-device` names it (`sudo usbguard
        list-devices --blocked` lists what waits), or until the device is started with it plugged in.
    """
    usb = ctx.known(ctx.host.usb, absent="this host has no USB")
    if guarded := _guarded(ctx):
        yield guarded
    elif contained(ctx):
        yield not_applicable("USB belongs to the machine around this container.")
    else:
        yield from _open(ctx.known(usb.controllers, absent="this host has no USB"))


def _open(controllers: Mapping[str, str]) -> Iterator[Verdict]:
    lines = [Evidence(f"/sys/bus/usb/devices/{name}/authorized_default", value) for name, value in controllers.items()]
    open_ = [line for line, value in zip(lines, controllers.values(), strict=True) if value not in {"0", "2"}]
    if not lines:
        yield not_applicable("This host has no USB.")
    elif open_:
        yield fail("Whatever is plugged into USB is let in.", *open_[:1])
    else:
        yield passed("The kernel lets no new USB device in.", *lines)


RULES = (usb_storage_allowed, usb_devices_allowed)
