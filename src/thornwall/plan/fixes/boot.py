"""Fixes of the rules about the boot partition, and about logins that ask for nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from thornwall.model.boot import Boot
from thornwall.model.change import ABSENT, EditLine, EditWords, Purpose, RemoveFile, SetMode, WriteFile
from thornwall.model.fact import Known
from thornwall.model.finding import Finding
from thornwall.model.plan import Undoing
from thornwall.plan.fix import Fix, Hold, Situation, Want, fix
from thornwall.plan.lines import edit, exact_lines, off, seen_lines, services_of

PATHS: tuple[str, ...] = (
    "/boot/*.txt",
    "/boot/firmware/*.txt",
    *(
        f"{folder}/{name}"
        for folder in ("/boot", "/boot/firmware")
        for name in ("userconf", "custom.toml", "firstrun.sh", "user-data", "network-config", "wpa_supplicant.conf")
    ),
    "/etc/cloud/cloud-init.disabled",
    "/etc/fstab",
    "/etc/systemd/system/*/*",
    "/etc/lightdm/*",
    "/etc/lightdm/lightdm.conf.d/*",
    "/etc/gdm3/*.conf",
    "/etc/gdm/custom.conf",
    "/etc/sddm.conf",
    "/etc/sddm.conf.d/*",
    "/etc/greetd/config.toml",
)

_SERIAL = re.compile(r"console=(serial|ttyAMA|ttyS)\d+")
_CLOUD = ("user-data", "network-config")
_DISABLED = "/etc/cloud/cloud-init.disabled"


def _boot(situation: Situation) -> Boot:
    return situation.facts.boot.value if isinstance(situation.facts.boot, Known) else Boot()


def _without(situation: Situation, words: tuple[str, ...], add: tuple[str, ...] = ()) -> Iterator[EditWords]:
    """Those words of cmdline.txt go, where it is known to the byte and has them."""
    boot = _boot(situation)
    told = boot.cmdline.value if isinstance(boot.cmdline, Known) else ()
    if set(words) & set(told) and exact_lines(situation, boot.cmdline_path):
        yield EditWords(boot.cmdline_path, remove=words, add=add)


@fix(
    "serial-console-open",
    step="serial-console",
    purpose=Purpose.BOOT,
    title="Take the login off the serial pins",
    undoing=Undoing.REBOOT,
    awaits_reboot=True,
)
def serial_console(situation: Situation, _finding: Finding) -> Iterator[Want]:
    """The kernel's console from the next start on, the login there at once."""
    boot = _boot(situation)
    told = boot.cmdline.value if isinstance(boot.cmdline, Known) else ()
    yield from _without(situation, tuple(word for word in told if _SERIAL.match(word)))
    yield from off(situation, (name for name in services_of(situation).units if name.startswith("serial-getty@tty")))


@fix(
    "boot-seed-secrets-left",
    step="boot-seeds",
    purpose=Purpose.BOOT,
    title="Delete first-boot files that hold secrets",
    may_break=("cloud-init no longer changes anything at a start.",),
)
def seeds(situation: Situation, finding: Finding) -> Iterator[Want]:
    """Not while the first boot is still to come. What cloud-init would read again goes once that is off."""
    boot = _boot(situation)
    path = finding.subject
    first_boot = boot.parameters("systemd.run") or any("firstboot" in value for value in boot.parameters("init"))
    if first_boot or not situation.capture.live or not isinstance(situation.state(path), Known):
        return
    if path.rpartition("/")[2] in _CLOUD:
        match situation.state(_DISABLED):
            case Known(state) if state != ABSENT:
                pass
            case Known():
                yield WriteFile(_DISABLED, b"")
            case _:
                return
    yield RemoveFile(path)


@fix(
    "ssh-boot-flag",
    step="ssh-boot-flag",
    purpose=Purpose.BOOT,
    title="No file on the card switches SSH on",
)
def ssh_flag(situation: Situation, _finding: Finding) -> Iterator[Want]:
    """The unit that looks for the file."""
    yield from off(situation, ("sshswitch",))


@fix(
    "boot-partition-open",
    step="boot-partition",
    purpose=Purpose.PERMISSIONS,
    title="Let root alone write to the boot partition",
    undoing=Undoing.REBOOT,
    awaits_reboot=True,
)
def partition(situation: Situation, finding: Finding) -> Iterator[Want]:
    """On FAT by its line in fstab, from the next start on; elsewhere by owner and mode."""
    path = finding.subject
    tree = situation.facts.filesystem
    mount = tree.value.mount(path) if isinstance(tree, Known) else None
    if mount is None or mount.type != "vfat":
        entry = tree.value.entry(path) if isinstance(tree, Known) else None
        if entry is not None and entry.type == "d":
            yield SetMode(path, clear=0o022 if entry.uid else 0o002, user="root" if entry.uid else "")
        return
    for number, line in enumerate(exact_lines(situation, "/etc/fstab"), 1):
        fields = line.split()
        if len(fields) >= 4 and not line.startswith("#") and fields[1].rstrip("/") == path:
            yield from edit(situation, "/etc/fstab", number, _root_alone)


def _root_alone(line: str) -> str:
    """The line of fstab without what gives the file system to others."""
    parts = re.split(r"(\s+)", line.strip())
    kept = [
        option
        for option in parts[6].split(",")
        if option.partition("=")[0] not in {"umask", "dmask", "fmask", "uid", "user", "users"}
    ]
    parts[6] = ",".join([*kept, "umask=0022"])
    return "".join(parts)


@fix(
    "usb-gadget-on",
    step="usb-gadget",
    purpose=Purpose.BOOT,
    title="Offer nothing over USB",
    undoing=Undoing.REBOOT,
    awaits_reboot=True,
)
def gadget(situation: Situation, _finding: Finding) -> Iterator[Want]:
    """Whether the cable is how the device is reached, only the owner knows; by it, it is never done."""
    boot = _boot(situation)
    words = tuple(f"modules-load={value}" for value in boot.parameters("modules-load") if "g_" in value)
    modules = [name for word in words for name in word.partition("=")[2].split(",")]
    kept = [name for name in modules if not name.startswith("g_") and name != "dwc2"]
    edits = tuple(_without(situation, words, (f"modules-load={','.join(kept)}",) if kept else ()))
    if not edits:
        return
    reached = situation.way_in.interface.startswith("usb")
    unlock = "Set up Wi-Fi or a network adapter, and log in over that." if reached else "If no cable needs it, say so."
    why = "No program can see whether somebody reaches the device by a USB cable."
    if reached:
        why = f"This very connection goes over it ({situation.way_in.interface})."
    yield Hold("usb-gadget-on", why, unlock, accept=not reached)
    yield from edits


@fix(
    "autologin-console",
    step="autologin-console",
    purpose=Purpose.BOOT,
    title="Ask for a password at the console",
    may_break=("The session that is open there now stays until it ends.",),
    awaits_reboot=True,
)
def console(situation: Situation, finding: Finding) -> Iterator[Want]:
    """The drop-in goes, if it does nothing else."""
    for evidence in seen_lines(finding):
        path = evidence.source
        record = situation.capture.files.get(path)
        alone = record is not None and all(_of_autologin(line) for line in record.text.splitlines())
        if alone and ".d/" in path and path.startswith("/etc/") and isinstance(situation.state(path), Known):
            yield RemoveFile(path)


def _of_autologin(line: str) -> bool:
    text = line.strip()
    return (
        text[:1] in {"", "#", ";"}
        or text == "[Service]"
        or text.startswith(("ExecStart=", "Type=", "TTYVTDisallocate="))
    )


@fix(
    "autologin-desktop",
    step="autologin-desktop",
    purpose=Purpose.BOOT,
    title="Ask for a password at the desktop",
    may_break=("The session that is open there now stays until it ends.",),
    awaits_reboot=True,
)
def desktop(situation: Situation, finding: Finding) -> Iterator[Want]:
    """The display manager's own line becomes a comment, as raspi-config does it."""
    for evidence in seen_lines(finding):
        path = evidence.source
        lines = exact_lines(situation, path)
        for number in _autologin_lines(path, lines, evidence.line or 0):
            yield EditLine(path, number, lines[number - 1], f"#{lines[number - 1]}")


def _autologin_lines(path: str, lines: tuple[str, ...], seen: int) -> Iterator[int]:
    if not 0 < seen <= len(lines):
        return
    if path.startswith("/etc/lightdm/"):
        yield from (number for number, line in enumerate(lines, 1) if re.match(r"\s*autologin-user\s*=", line))
    elif path.startswith("/etc/greetd/"):
        # greetd does not start with half of the section
        first = max(number for number in range(1, seen + 1) if lines[number - 1].lstrip().startswith("["))
        for number in range(first, len(lines) + 1):
            if number > first and lines[number - 1].lstrip().startswith("["):
                return
            if lines[number - 1].strip() and not lines[number - 1].lstrip().startswith("#"):
                yield number
    else:
        yield seen


@fix(
    "root-shell-at-boot",
    step="root-shell",
    purpose=Purpose.BOOT,
    title="Give no root shell at boot",
    undoing=Undoing.REBOOT,
    awaits_reboot=True,
)
def root_shell(situation: Situation, finding: Finding) -> Iterator[Want]:
    """The word goes from cmdline.txt, where it stands there; the debug shell is switched off."""
    if finding.subject.endswith(".service"):
        yield from off(situation, (finding.subject,))
    else:
        yield from _without(situation, (finding.subject,))


FIXES: tuple[Fix, ...] = (
    serial_console,
    seeds,
    ssh_flag,
    partition,
    gadget,
    console,
    desktop,
    root_shell,
)
