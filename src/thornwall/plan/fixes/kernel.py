"""Fixes of the rules about the kernel: the modules that it loads, mandatory access control, and its settings."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.change import EditWords, OwnLine, Packages, Purpose
from thornwall.model.fact import Known
from thornwall.model.finding import Finding
from thornwall.model.kernel import STORAGE_REFUSED
from thornwall.model.plan import Undoing
from thornwall.plan.fix import Fix, Hold, Situation, Want, fix
from thornwall.plan.fixes import kernel_settings

MODULES = "/etc/modprobe.d/thornwall.conf"
UDEV = "/etc/udev/rules.d/60-thornwall.rules"
PATHS: tuple[str, ...] = (
    *kernel_settings.PATHS,
    *("/etc/modprobe.d/*", UDEV, "/boot/cmdline.txt", "/boot/firmware/cmdline.txt"),
)

# modules


def _refuse(situation: Situation, modules: tuple[str, ...]) -> Iterator[Want]:
    """Lines that keep modules out. Nothing where somebody else's `install` line says how one is loaded."""
    match situation.facts.kernel:
        case Known(kernel) if kernel.modprobe_unread is None:
            for name in modules:
                line = kernel.directive(name, "install")
                if line is not None and not line.refuses:
                    return
            for name in modules:
                if kernel.refused(name) is None:
                    yield OwnLine(MODULES, f"install {name}", f"install {name} /bin/false")
        case _:
            return


@fix(
    "usb-storage-allowed",
    step="usb-storage",
    purpose=Purpose.KERNEL,
    title="Refuse USB sticks and disks",
    awaits_reboot=True,
)
def usb_storage(situation: Situation, finding: Finding) -> Iterator[Want]:
    """By modprobe where it has a say, else by udev; not where the system lives on such a disk (USBGuard is named)."""
    kernel = situation.facts.kernel
    if not isinstance(kernel, Known) or any("usbguard" in command for command in finding.remedy.commands):
        return
    disks = sorted(kernel.value.usb_disks)
    if disks:
        yield Hold(
            "usb-disk-plugged-in",
            f"A USB disk or stick is plugged in ({', '.join(disks)}), and could no longer be used.",
            "Take it out; or say that it is not needed.",
            accept=True,
        )
    if "usb_storage" in kernel.value.builtin:
        yield OwnLine(UDEV, "usb-storage", STORAGE_REFUSED)  # udevd sees by itself that a file is new
    else:
        yield from _refuse(situation, ("usb-storage", "uas"))


def _rare(rule: str, title: str, *modules: str) -> Fix:
    def make(situation: Situation, _: Finding) -> Iterator[Want]:
        match situation.facts.kernel:
            case Known(kernel):
                value = situation.values.get(rule, {}).get("modules", modules)
                names = [name for name in (value if isinstance(value, tuple) else modules) if not kernel.in_use(name)]
                yield from _refuse(situation, tuple(name for name in names if not kernel.directive(name, "blacklist")))
            case _:
                return

    return Fix(rule, "rare-modules", Purpose.KERNEL, title, make)


# mandatory access control


# the last is what takes back a profile that denies too much
_APPARMOR = ("apparmor", "apparmor-profiles", "apparmor-utils")


@fix(
    "no-mac",
    step="apparmor",
    purpose=Purpose.BOOT,
    title="Switch AppArmor on",
    may_break=("The next start of the board has another line of kernel parameters: have somebody near it then.",),
    undoing=Undoing.REBOOT,
    awaits_reboot=True,
)
def apparmor(situation: Situation, _: Finding) -> Iterator[Want]:
    """The packages, and on a Raspberry Pi the kernel's parameter. What boots by GRUB is left to a person."""
    kernel, updates = situation.facts.kernel, situation.facts.updates
    if not isinstance(kernel, Known) or not isinstance(updates, Known) or not isinstance(updates.value.packages, Known):
        return
    active = kernel.value.lsm.value if isinstance(kernel.value.lsm, Known) else ()
    words: list[EditWords] = []
    if "apparmor" not in active:
        words = list(_parameter(situation, active))
        if not words:
            return
    missing = tuple(name for name in _APPARMOR if name not in updates.value.packages.value)
    if missing:
        yield Packages(missing)
    yield from words


def _parameter(situation: Situation, active: tuple[str, ...]) -> Iterator[EditWords]:
    """`lsm=` on cmdline.txt; the modules that run now stay in it, since it names all that are to run."""
    boot, host = situation.facts.boot, situation.facts.host
    if not isinstance(boot, Known) or not isinstance(boot.value.cmdline, Known) or not boot.value.cmdline_path:
        return
    if not isinstance(host, Known) or not host.value.raspberry_pi:
        return
    words = boot.value.cmdline.value
    asked = [word for word in words if word.startswith(("lsm=", "security=", "apparmor="))]
    named = [name for word in asked if word.startswith("lsm=") for name in word[4:].split(",") if name]
    kept = named or [name for name in active if name not in {"capability", "ima", "evm", "none", ""}]
    if "selinux" in kept:  # only one of the two can be
        return
    wanted = f"lsm={','.join(dict.fromkeys([*kept, 'apparmor']))}"
    remove = tuple(word for word in asked if word != wanted)
    yield EditWords(boot.value.cmdline_path, remove, (wanted,))


FIXES: tuple[Fix, ...] = (
    *kernel_settings.FIXES,
    usb_storage,
    _rare("rare-network-protocols", "Refuse network protocols that nobody uses"),
    _rare("rare-filesystems", "Refuse file systems that nobody uses"),
    _rare("firewire-allowed", "Refuse FireWire", "firewire-core"),
    apparmor,
)
