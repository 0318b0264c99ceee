"""Logins at the device itself that ask for no password."""

from __future__ import annotations

import re
from collections.abc import Iterator

from thornwall.model.boot import Boot
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
)
from thornwall.model.rule import Context, Verdict, fail, not_applicable, passed, rule, unknown

_AUTOLOGIN = re.compile(r"(?:--autologin|-a)[ =]+[\"']?([^\s\"']+)")
_SHELLS = ("/bin/sh", "/bin/bash", "/usr/bin/bash", "/bin/dash", "/bin/busybox")


def _booted(ctx: Context) -> Boot:
    return ctx.known(ctx.host.boot, absent="nothing is known of how it boots")


@rule(
    "autologin-console",
    "The console logs somebody in without a password",
    subject="boot",
    kind=Kind.PHYSICAL,
    fault_class=FaultClass.PHYSICAL,
    likelihood=2,
    impact=4,
    attacker=Attacker.NEAR,
    reach=Reach.TOUCH,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Identify the attack surface", "Top IoT Vulnerabilities/Misconfiguration"),
        etsi=("5.6-3",),
        nist=("Logical Access to Interfaces",),
        owasp_iot=("I10",),
        cwe=(306,),
    ),
    commands=("sudo raspi-config nonint do_boot_behaviour B1",),
)
def autologin_console(ctx: Context) -> Iterator[Verdict]:
    """A getty starts with --autologin, so that a keyboard is all that is needed.

    What:
        The `ExecStart=` lines of the units and drop-ins for consoles (`getty@tty1.service.d/autologin.conf`, serial
        consoles too).

    Why:
        Whoever plugs a keyboard into the device is that account, and with passwordless sudo is root.

    Remedy:
        Switch the automatic login off: `sudo raspi-config` → System Options → Auto Login. By hand: `sudo rm
        /etc/systemd/system/getty@tty1.service.d/autologin.conf; sudo systemctl daemon-reload`.
    Risk of the remedy:
        A program that starts with the login of the console (in `.bashrc` or `.profile`) no longer starts by itself:
        make it a service.
    """
    services = ctx.known(ctx.host.services, absent="the host has no systemd")
    failed = False
    for unit in services.units.values():
        if "getty" not in unit.name or unit.state == "masked":
            continue
        for command in unit.all("ExecStart"):
            if match := _AUTOLOGIN.search(command.value):
                failed = True
                yield fail(
                    f"{unit.name} logs {match[1]} in without a password.",
                    Evidence(command.path, f"ExecStart={command.value}", command.line),
                    subject=unit.name,
                )
    if not failed and not services.listed:
        yield unknown("The list of units could not be read.")
    elif not failed:
        yield passed("Every console asks for a password.")


@rule(
    "autologin-desktop",
    "The desktop logs somebody in without a password",
    subject="boot",
    kind=Kind.PHYSICAL,
    fault_class=FaultClass.PHYSICAL,
    likelihood=2,
    impact=3,
    attacker=Attacker.NEAR,
    reach=Reach.TOUCH,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Identify the attack surface", "Top IoT Vulnerabilities/Misconfiguration"),
        etsi=("5.6-3",),
        nist=("Logical Access to Interfaces",),
        owasp_iot=("I10",),
        cwe=(306,),
    ),
    commands=("sudo raspi-config nonint do_boot_behaviour B3",),
)
def autologin_desktop(ctx: Context) -> Iterator[Verdict]:
    """LightDM, GDM, SDDM or greetd starts a session without asking.

    What:
        `autologin-user=` and its like in the display managers' files. Raspberry Pi OS with a desktop has it on from
        the factory.

    Why:
        Whoever sits down at the screen, or plugs a mouse in, has the account, its files, and the passwords its browser
        keeps.

    Remedy:
        Switch the automatic login off: `sudo raspi-config` → System Options → Auto Login. By hand: take the line
        `autologin-user=` out of /etc/lightdm/lightdm.conf.
    Risk of the remedy:
        A display that is to show something after a power cut waits at the login instead. If it must not, keep it, give
        that account no sudo, and lock the ports away.
    """
    boot = _booted(ctx)
    services = ctx.host.services
    for login in boot.desktop:
        unit = services.value.unit(f"{login.where}.service") if isinstance(services, Known) else None
        if unit is not None and unit.state == "masked":
            continue
        yield fail(
            f"{login.where} logs {login.user} in without a password.",
            Evidence(login.path, login.text, login.line),
            subject=login.where,
        )
    if boot.desktop_unread is not None:
        yield unknown(boot.desktop_unread.reason, subject="the rest", mend=boot.desktop_unread.mend)
    elif not boot.desktop:
        yield passed("No display manager logs anybody in by itself.")


@rule(
    "root-shell-at-boot",
    "The kernel is told to give a root shell without a password",
    subject="boot",
    kind=Kind.PHYSICAL,
    fault_class=FaultClass.PHYSICAL,
    likelihood=2,
    impact=5,
    attacker=Attacker.NEAR,
    reach=Reach.TOUCH,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    needs=(Need.REBOOT,),
    references=References(
        document=("Identify the attack surface",),
        ssg=("service_debug-shell_disabled",),
        etsi=("5.6-4",),
        nist=("Logical Access to Interfaces",),
        owasp_iot=("I10",),
        cwe=(306, 489),
    ),
    commands=("sudo systemctl disable --now debug-shell.service",),
)
def root_shell_at_boot(ctx: Context) -> Iterator[Verdict]:
    """debug-shell.service is on, or the kernel's command line asks for a shell of root.

    What:
        `systemd.debug_shell`, `init=/bin/sh` and its like, and `SYSTEMD_SULOGIN_FORCE=1` in cmdline.txt or the running
        kernel's command line; and debug-shell.service, which puts a root shell on the ninth console.

    Why:
        They help to mend a device that does not start. Left behind, a keyboard (Ctrl+Alt+F9) is enough to be root.

    Remedy:
        Take the words out of /boot/firmware/cmdline.txt (/etc/default/grub elsewhere), and reboot. A debug shell goes
        with `sudo systemctl disable --now debug-shell.service`.
    Risk of the remedy:
        None for a device that starts as it should.
    """
    boot = _booted(ctx)
    services = ctx.known(ctx.host.services, absent="the host has no systemd")
    failed = False
    lines = [(boot.cmdline, boot.cmdline_path, 1)]
    if not _contained(ctx):  # there it is the command line of the machine around
        lines.append((boot.running, "/proc/cmdline", 1))
    for fact, path, number in lines:
        bad = [word for word in fact.value if _gives_shell(word)] if isinstance(fact, Known) else []
        if bad:
            failed = True
            yield fail(f"The kernel is told {bad[0]}.", Evidence(path, bad[0], number), subject=bad[0])
    unit = services.unit("debug-shell.service")
    if unit is not None and (unit.enabled or unit.active == "active"):
        failed = True
        yield fail(
            "debug-shell.service gives a root shell on tty9.", Evidence(unit.where, unit.state), subject=unit.name
        )
    unread = next((fact for fact, _, _ in lines if isinstance(fact, Unknown) and fact is not boot.running), None)
    if unread is not None:
        yield unknown(unread.reason, subject="cmdline.txt", mend=unread.mend)
    elif not failed and not any(isinstance(fact, Known) for fact, _, _ in lines):
        yield not_applicable("The kernel's command line is not in this folder, and debug-shell.service is off.")
    elif not failed:
        yield passed("Nothing gives a root shell at boot.")


def _contained(ctx: Context) -> bool:
    host = ctx.host.host
    return isinstance(host, Known) and bool(host.value.container)


def _gives_shell(word: str) -> bool:
    key, _, value = word.partition("=")
    return (
        (key == "systemd.debug_shell" and value not in {"0", "no", "false", "off"})
        or word == "systemd.debug-shell=1"
        or (key in {"init", "rdinit"} and value in _SHELLS)
        or word.startswith("SYSTEMD_SULOGIN_FORCE=1")
        or word == "systemd.setenv=SYSTEMD_SULOGIN_FORCE=1"
    )


RULES = (autologin_console, autologin_desktop, root_shell_at_boot)
