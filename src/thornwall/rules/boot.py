"""The boot partition: consoles, first-boot seeds, ways in for whoever holds the card."""

from __future__ import annotations

import re
from collections.abc import Iterator

from thornwall.model.boot import Boot, ConfigTxt, SeedSecret
from thornwall.model.fact import Known
from thornwall.model.finding import (
    Attacker,
    Consequence,
    Effort,
    Evidence,
    FaultClass,
    Fixable,
    Kind,
    Move,
    Need,
    Reach,
    References,
)
from thornwall.model.rule import Context, Verdict, fail, not_applicable, passed, rule, unknown
from thornwall.rules import boot_login
from thornwall.rules.offered import runs

_NONE = "nothing is known of how it boots"
_NO_PI = "It is no Raspberry Pi."
_SERIAL = re.compile(r"(serial|ttyAMA|ttyS)\d+")
_UART_ON = ("Raspberry Pi Model", "Raspberry Pi 2 ", "Raspberry Pi Zero Rev", "Raspberry Pi 5", "Compute Module Rev")
_SET_UART = "set enable_uart below [all] in config.txt"
_UART_OFF = ("Raspberry Pi 3", "Raspberry Pi 4", "Raspberry Pi Zero W", "Raspberry Pi Zero 2", "Compute Module 3")


def booted(ctx: Context) -> Boot:
    """How it boots, or the end of the rule."""
    return ctx.known(ctx.host.boot, absent=_NONE)


def _pi(ctx: Context) -> bool:
    host = ctx.host.host
    return isinstance(host, Known) and host.value.raspberry_pi


def _uart(config: ConfigTxt | None, model: str) -> bool | None:
    """Whether the firmware switches the serial pins on; None where that cannot be told."""
    line = config.setting("enable_uart") if config else None
    if line is not None:
        return None if line.applies is None else line.value == "1"
    if any(board in model for board in _UART_ON):
        return True
    return False if any(board in model for board in _UART_OFF) else None


@rule(
    "serial-console-open",
    "The serial pins are a login console",
    subject="boot",
    kind=Kind.PHYSICAL,
    fault_class=FaultClass.PHYSICAL,
    likelihood=1,
    impact=4,
    attacker=Attacker.NEAR,
    reach=Reach.TOUCH,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.AUTOMATIC,
    needs=(Need.REBOOT,),
    references=References(
        document=("Identify the attack surface", "Top IoT Vulnerabilities/Misconfiguration"),
        etsi=("5.6-3", "5.6-4"),
        nist=("Logical Access to Interfaces",),
        owasp_iot=("I10",),
        cwe=(1191,),
    ),
    commands=("sudo raspi-config nonint do_serial_cons 1", "sudo reboot"),
)
def serial_console_open(ctx: Context) -> Iterator[Verdict]:
    """The kernel's console, with its login prompt, is on the serial pins of the board.

    What:
        Whether cmdline.txt puts a console on a serial port (`console=serial0,…`, `ttyAMA0`, `ttyS0`), config.txt
        leaves the port on for this board (`enable_uart`; Pi 3, 4 and Zero W have it off by themselves), and no unit
        of the login there is masked.

    Why:
        Two wires and an adapter for a few coins show everything the device says while it starts, and give a login
        prompt that no firewall and no sshd setting guards: with a guessable password it is the whole device.

    Remedy:
        Take the login off the serial pins: `sudo raspi-config` → Interface Options → Serial Port, then reboot. By hand:
        take `console=serial0,115200` out of the one line of /boot/firmware/cmdline.txt (/boot/cmdline.txt before
        bookworm) and set `enable_uart=0` under a fresh `[all]` in config.txt.
    Risk of the remedy:
        If the network fails, the serial console may be the only way in. Keep a screen and a keyboard, or the card's
        reader, at hand.
    """
    boot = booted(ctx)
    config = boot.config.value if isinstance(boot.config, Known) else None
    words = ctx.known(boot.cmdline, absent=_NO_PI)
    serial = [word for word in words if word.startswith("console=") and _SERIAL.match(word[8:])]
    if not serial:
        yield passed("cmdline.txt puts no console on a serial port.", Evidence(boot.cmdline_path))
        return
    shown = Evidence(boot.cmdline_path, serial[0], 1)
    services = ctx.host.services
    if isinstance(services, Known):
        names = ("serial0", "ttyAMA0", "ttyS0", "ttyAMA10")
        masked = [name for name in names if services.value.masked(f"serial-getty@{name}.service")]
        if masked:
            yield passed(f"The login on {masked[0]} is masked.", shown)
            return
    host = ctx.host.host
    on = _uart(config, host.value.model if isinstance(host, Known) else "")
    line = config.setting("enable_uart") if config else None
    said = [Evidence(line.path, line.text, line.line)] if line else []
    if on is None:
        yield unknown(
            f"{boot.cmdline_path} puts a login on the serial port; whether the port is on depends on the board.",
            mend=_SET_UART if runs(ctx) else f"audit the running host, or {_SET_UART}",
        )
    elif on:
        yield fail(f"{serial[0]} gives a login to whoever reaches the pins.", shown, *said)
    else:
        yield passed("The firmware keeps the serial port off.", shown, *said)


@rule(
    "boot-seed-secrets-left",
    "Passwords or Wi-Fi keys from the first boot lie on the boot partition",
    subject="boot",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.PHYSICAL,
    likelihood=2,
    impact=4,
    attacker=Attacker.NEAR,
    reach=Reach.TOUCH,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Identify the attack surface", "Encryption"),
        etsi=("5.4-1", "5.4-3"),
        nist=("Data Protection",),
        owasp_iot=("I7", "I10"),
        cwe=(312, 522),
    ),
)
def boot_seed_secrets_left(ctx: Context) -> Iterator[Verdict]:
    """A file that set the device up at its first boot still holds a password or a key.

    What:
        The files that Raspberry Pi Imager and cloud-init leave on the boot partition: userconf.txt, custom.toml,
        firstrun.sh, user-data, network-config, wpa_supplicant.conf. Only what sort of secret a line holds is read,
        never the secret.

    Why:
        The boot partition is FAT: it knows no owners, every computer shows it as soon as the card is put in, and on
        the device itself every account may read it. Nothing deletes these files after they have been used.

    Remedy:
        Delete the secrets: the lines, or the file (`sudo rm /boot/firmware/userconf.txt`). On images with cloud-init
        keep user-data and network-config but take the secrets out, and `sudo touch /etc/cloud/cloud-init.disabled`.
        Cards forget slowly: change a password that lay there in clear.
    Risk of the remedy:
        None for a device that is set up. With cloud-init left on, a changed network-config can change the network at
        the next boot: disable it first.
    """
    boot = booted(ctx)
    failed = False
    for seed in boot.seeds:
        kinds = [kind for kind in SeedSecret if kind in seed.secrets.values() and kind is not SeedSecret.NOPASSWD]
        if kinds:
            failed = True
            evidence = [Evidence(seed.path, f"({kind})", line) for line, kind in seed.secrets.items() if kind in kinds]
            what = " and ".join("a password" if kind is SeedSecret.PASSWORD else "a Wi-Fi key" for kind in kinds)
            yield fail(
                f"{seed.path} still holds {what}.",
                *evidence,
                subject=seed.path,
                commands=(f"sudo rm {seed.path}",),
            )
    if boot.seeds_unread is not None:
        yield unknown(boot.seeds_unread.reason, mend=boot.seeds_unread.mend)
    elif not failed and not boot.seeds and not isinstance(boot.config, Known):
        yield not_applicable("There is no boot partition of a Raspberry Pi.")
    elif not failed:
        yield passed("No first-boot file on the boot partition holds a secret.")


@rule(
    "ssh-boot-flag",
    "A file on the card switches SSH on again at every boot",
    subject="boot",
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
        etsi=("5.6-1", "5.6-3"),
        nist=("Device Configuration",),
        owasp_iot=("I10",),
        cwe=(1263,),
    ),
    commands=("sudo systemctl mask sshswitch.service",),
)
def ssh_boot_flag(ctx: Context) -> Iterator[Verdict]:
    """sshswitch.service is on: a file named ssh on the boot partition enables the SSH server, at every boot.

    What:
        Whether `sshswitch.service` of Raspberry Pi OS is started at boot. It looks for `ssh` or `ssh.txt` on the boot
        partition, enables the SSH server, and deletes the file.

    Why:
        It is meant for the first boot and works at each: whoever has the card in hand for a minute opens the server
        that you switched off.

    Remedy:
        Mask the unit that looks for the file, once the device is set up.
    Risk of the remedy:
        The trick no longer helps when you have locked yourself out; then `touch` is not enough, and a link in
        /etc/systemd/system on the card's second partition is needed.
    """
    services = ctx.known(ctx.host.services, absent="the host has no systemd")
    unit = services.unit("sshswitch.service")
    if unit is None and not services.listed and _pi(ctx):
        yield unknown("The list of units could not be read.")
    elif unit is None:
        yield not_applicable("There is no sshswitch.service.")
    elif unit.enabled:
        flags = [seed for seed in booted(ctx).seeds if seed.path.endswith(("/ssh", "/ssh.txt"))]
        lying = [Evidence(seed.path, "lies there for the next boot") for seed in flags]
        yield fail("sshswitch.service starts at every boot.", Evidence(unit.where, unit.state), *lying)
    else:
        yield passed(f"sshswitch.service is {unit.state}.", Evidence(unit.where, unit.state))


@rule(
    "boot-partition-open",
    "Every account may change what the device boots",
    subject="boot",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=5,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Top IoT Vulnerabilities/Misconfiguration",),
        cis_debian12=("1.4.2",),
        etsi=("5.6-7",),
        nist=("Device Configuration",),
        owasp_iot=("I9",),
        cwe=(732,),
    ),
    commands=("sudoedit /etc/fstab",),
)
def boot_partition_open(ctx: Context) -> Iterator[Verdict]:
    """The boot partition is mounted so that ordinary accounts may write to it.

    What:
        The owner and mode of /boot and /boot/firmware, which on FAT come from the mount options (`umask`, `fmask`,
        `dmask`, `uid`).

    Why:
        `init=/bin/sh` in cmdline.txt is a root shell at the next boot, and a kernel of one's own is everything.

    Remedy:
        Give the boot partition back to root: in /etc/fstab `defaults` (or `umask=0022`, no `uid=`), then reboot.
    Risk of the remedy:
        Edit the line with care: a wrong fstab keeps the device from booting. Try it with `sudo mount -a` first.
    """
    seen = ctx.known(ctx.host.filesystem, absent=_NONE)
    judged = False
    for path in ("/boot/firmware", "/boot/efi", "/boot"):
        entry, mount = seen.entry(path), seen.mount(path)
        options = dict(option.partition("=")[::2] for option in mount.options) if mount else {}
        mask = options.get("dmask", options.get("umask", "0022"))
        given = bool(mount and mount.type == "vfat" and mount.line is not None)
        if entry is None and not given:
            continue
        judged = True
        shown = Evidence(path, entry.described) if entry else Evidence("/etc/fstab", ",".join(options))
        if given and mount is not None:
            shown = Evidence("/etc/fstab", ",".join(mount.options), mount.line)
            open_ = mask.isdigit() and not int(mask, 8) & 0o002 if set(mask) <= set("01234567") else False
            others = options.get("uid", "0") not in {"0", "root"}
        else:
            open_ = entry is not None and entry.world_writable
            others = entry is not None and entry.uid != 0
        if open_ or others:
            who = "Every account" if open_ else "An account that is not root"
            move = (Move("likelihood", -1, "only one account may"),) if others and not open_ else ()
            yield fail(f"{who} may write to {path}.", shown, subject=path, moves=move)
        else:
            yield passed(f"Only root may write to {path}.", shown, subject=path)
    if not judged:
        yield not_applicable("There is no /boot.")


@rule(
    "usb-gadget-on",
    "The device offers itself over USB to any computer",
    subject="boot",
    kind=Kind.PHYSICAL,
    fault_class=FaultClass.INTERFACE,
    likelihood=1,
    impact=3,
    attacker=Attacker.NEAR,
    reach=Reach.TOUCH,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.NEEDS_ANSWER,
    needs=(Need.REBOOT,),
    references=References(
        document=("Identify the attack surface",),
        etsi=("5.6-1", "5.6-3"),
        nist=("Logical Access to Interfaces",),
        owasp_iot=("I10",),
        cwe=(1125,),
    ),
)
def usb_gadget_on(ctx: Context) -> Iterator[Verdict]:
    """The kernel is told to act as a USB network card, serial port or stick (`g_ether` and its like).

    What:
        Whether `modules-load=` in cmdline.txt names a gadget driver, `g_…`.

    Why:
        Whoever plugs the device into a computer has a network or a console into it, past the router and its firewall.

    Remedy:
        If you no longer use it, take `modules-load=dwc2,g_…` out of cmdline.txt and `dtoverlay=dwc2` out of
        config.txt, and reboot.

    Risk of the remedy:
        A Pi Zero that is only reached by its USB cable is out of reach: set up Wi-Fi first.
    """
    boot = booted(ctx)
    ctx.known(boot.cmdline, absent=_NO_PI)
    gadgets = [name for value in boot.parameters("modules-load") for name in value.split(",") if name.startswith("g_")]
    if gadgets:
        yield fail(f"It starts the USB gadget {gadgets[0]}.", Evidence(boot.cmdline_path, ",".join(gadgets), 1))
    else:
        yield passed("cmdline.txt starts no USB gadget.", Evidence(boot.cmdline_path))


RULES = (
    serial_console_open,
    boot_seed_secrets_left,
    ssh_boot_flag,
    boot_partition_open,
    usb_gadget_on,
    *boot_login.RULES,
)
