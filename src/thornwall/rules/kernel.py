"""Modules that may be loaded, mandatory access control, and packets that pass through."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from thornwall.model.fact import Absent, Known
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
from thornwall.model.kernel import Kernel, proc_path
from thornwall.model.profile import Controls, Talks
from thornwall.model.rule import Context, Preset, Verdict, fail, not_applicable, passed, rule, unknown
from thornwall.rules import kernel_modules, kernel_network, kernel_pins, kernel_settings, kernel_strict, kernel_usb
from thornwall.rules.sysctl import contained, kernel

_ROUTERS = re.compile(  # units whose work is to pass packets on
    r"(docker|containerd|podman|crio|k3s|k3s-agent|kubelet|libvirtd|virtqemud|lxc-net|lxd|incus|tailscaled|zerotier-one"
    r"|hostapd(@.*)?|wg-quick@.*|openvpn(-server)?(@.*)?|strongswan(-starter)?|ipsec|xl2tpd|pptpd|dnsmasq|pihole-FTL"
    r"|shorewall6?|olsrd|batctl|batmand|frr|bird|radvd|systemd-nspawn@.*)\.service"
)

_INSTALL = "sudo apt-get install apparmor apparmor-profiles apparmor-utils"


@rule(
    "no-mac",
    "No mandatory access control limits what programs may do",
    subject="kernel",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=3,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.HOUR,
    fixable=Fixable.NEEDS_ANSWER,
    preset=Preset.DOCUMENTS,
    needs=(Need.REBOOT,),
    references=References(
        document=("Connecting to the Internet",),
        cis_debian12=("1.3.1.1", "1.3.1.2", "1.3.1.3"),
        ssg=("package_apparmor_installed", "selinux_state"),
        etsi=("5.6-7",),
        nist=("Device Configuration",),
        owasp_iot=("I9",),
        cwe=(693,),
    ),
    commands=(_INSTALL,),
)
def no_mac(ctx: Context) -> Iterator[Verdict]:
    """Neither AppArmor nor SELinux is enforcing.

    What:
        The kernel's active security modules, AppArmor's loaded profiles, and SELinux' mode. On a card or a folder only
        what is switched off there for certain.

    Why:
        A web server or a camera program that is broken into can do whatever its account may. With a profile it can do
        only what it needs for its work: a flaw no longer becomes a foothold.

    Remedy:
        Install AppArmor, have the kernel start it, and reboot. Kernels of Raspberry Pi OS do not start it by
        themselves: append ` lsm=apparmor` to the one line of /boot/firmware/cmdline.txt. SELinux, which guides name,
        has no support in Raspberry Pi's kernels; on Fedora it is there: `SELINUX=enforcing` in /etc/selinux/config.
    Risk of the remedy:
        A profile can stop a program from doing something you want. The kernel's log names what was denied: allow just
        that, and not more. A mistake in cmdline.txt can keep the device from booting: keep a copy of the line.
    """
    facts = kernel(ctx)
    if contained(ctx):  # the kernel is that of the machine around it: only the files are this host's
        told = _by_files(ctx, facts)
        yield told if told.status is Status.FAIL else not_applicable("The kernel belongs to the machine around it.")
        return
    if isinstance(facts.selinux, Known) and facts.selinux.value == "enforcing":
        yield passed("SELinux is enforcing.", Evidence("getenforce", "Enforcing"))
        return
    match facts.lsm:
        case Known(modules) if "apparmor" in modules:
            yield _profiles(facts)
        case Known(modules):
            permissive = " (SELinux is only permissive)" if "selinux" in modules else ""
            yield fail(f"No mandatory access control is active{permissive}.", _modules(modules))
        case _:
            yield _by_files(ctx, facts)


def _modules(modules: tuple[str, ...]) -> Evidence:
    return Evidence("/sys/kernel/security/lsm", ",".join(modules) or "none", 1)


def _profiles(facts: Kernel) -> Verdict:
    match facts.apparmor:
        case Known(modes) if modes.get("enforce", 0):
            counted = ", ".join(f"{number} {mode}" for mode, number in sorted(modes.items()))
            return passed(
                f"AppArmor is active ({counted}).", Evidence("/sys/kernel/security/apparmor/profiles", counted)
            )
        case Known(modes):
            found = Evidence("/sys/kernel/security/apparmor/profiles", "no profile in enforce mode")
            return fail(f"AppArmor is on, but enforces none of its {sum(modes.values())} profiles.", found)
        case Absent():
            return fail(
                "AppArmor is on, and has no profiles.", Evidence("/sys/kernel/security/apparmor/profiles", "absent")
            )
        case why:
            return unknown(f"AppArmor is on; {why.reason}.", mend=why.mend)


def _by_files(ctx: Context, facts: Kernel) -> Verdict:
    """What a folder tells for certain: that it is switched off, or never switched on where that is needed."""
    boot, host = ctx.host.boot, ctx.host.host
    words = boot.value.cmdline.value if isinstance(boot, Known) and isinstance(boot.value.cmdline, Known) else ()
    path = boot.value.cmdline_path if isinstance(boot, Known) else ""
    asked = [word for word in words if word.startswith(("lsm=", "security="))]
    if any(word in {"apparmor=0", "selinux=0"} for word in words):
        return fail("The kernel is told to leave it off.", Evidence(path, " ".join(words), 1))
    pi = isinstance(host, Known) and host.value.raspberry_pi
    if pi and words and not any("apparmor" in word for word in asked):
        line = shlex.quote(path)
        return fail(
            "Raspberry Pi's kernel starts none by itself, and is not told to.",
            Evidence(path, "no lsm=apparmor", 1),
            commands=(
                _INSTALL,
                f"sudo cp {line} {line}.before && sudo sed -i '1s/$/ lsm=apparmor/' {line}",
                "sudo systemctl reboot",
            ),
        )
    if isinstance(facts.lsm, Known):
        return unknown("The kernel's security modules say nothing that is known.")
    why = facts.lsm
    return unknown(
        getattr(why, "reason", "the kernel does not list its security modules"), mend=getattr(why, "mend", "")
    )


@rule(
    "ip-forwarding-on",
    "The device passes on packets that are not for it",
    subject="kernel",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=4,
    attacker=Attacker.NEAR,
    reach=Reach.NETWORK,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.NEEDS_ANSWER,
    references=References(
        document=("What kind of target is your device?",),
        cis_debian12=("3.3.1",),
        ssg=("sysctl_net_ipv4_ip_forward", "sysctl_net_ipv6_conf_all_forwarding"),
        etsi=("5.6-1",),
        nist=("Device Configuration",),
    ),
    commands=("sudo sysctl -w net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0",),
)
def ip_forwarding_on(ctx: Context) -> Iterator[Verdict]:
    """IP forwarding is on, and nothing that is known to need it runs here.

    What:
        `net.ipv4.ip_forward` and `net.ipv6.conf.all.forwarding`, against the services that need them: containers,
        virtual machines, VPNs, access points, Pi-hole.

    Why:
        A device that forwards is a router: whoever is on one of its networks reaches the others through it, around the
        firewall that should be in between.

    Remedy:
        Remove the line that switches it on, which the evidence names, and switch it off now. If the device is meant to
        be a router, say so in its profile.
    Risk of the remedy:
        Containers, VPNs and devices behind this one lose their way out.
    """
    facts = kernel(ctx)
    on, unseen = [], []
    for name in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
        line = facts.configured(name)
        running = facts.running.get(name)
        value = running.value if isinstance(running, Known) else line.value if line and not facts.running else None
        if value not in {None, "0"}:
            on += [Evidence(f"/proc/sys/{name.replace('.', '/')}", value, 1)] if isinstance(running, Known) else []
            on += [Evidence(line.path, f"{name} = {line.value}", line.line)] if line else []
        elif value is None and not isinstance(running, Absent):
            unseen.append(name)
    router = Talks.TRAFFIC in ctx.profile.talks or Controls.NETWORK in ctx.profile.controls
    needs = _routes(ctx)
    if on and router:
        yield passed("It forwards, as its profile says that it should.", *on)
    elif on and needs:
        yield passed(f"It forwards, and {needs} needs it.", *on)
    elif on:
        yield fail("IP forwarding is on, and nothing here is known to need it.", *on)
    elif unseen:
        yield unknown(f"No file sets {unseen[0]}, and a folder does not tell what runs.", mend="audit the running host")
    else:
        yield passed("It does not forward.")


def _routes(ctx: Context) -> str:
    services = ctx.host.services
    if not isinstance(services, Known):
        return ""
    units = services.value.units.values()
    return next((u.name for u in units if _ROUTERS.fullmatch(u.name) and (u.enabled or u.active == "active")), "")


@rule(
    "rp-filter-off",
    "Packets come in by whichever interface, whoever their sender says he is",
    subject="kernel",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=3,
    attacker=Attacker.NEAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Connecting to the Internet",),
        cis_debian12=("3.3.7",),
        ssg=("sysctl_net_ipv4_conf_all_rp_filter", "sysctl_net_ipv4_conf_default_rp_filter"),
        etsi=("5.6-1",),
        cwe=(290,),
    ),
    commands=(
        r"printf 'net.ipv4.conf.all.rp_filter = 2\n' | sudo tee /etc/sysctl.d/99-thornwall-rp-filter-off.conf",
        "sudo sysctl --system",
    ),
)
def rp_filter_off(ctx: Context) -> Iterator[Verdict]:
    """The kernel does not check whether a packet's sender can be behind the interface it came in by.

    What:
        `net.ipv4.conf.all.rp_filter` and that of each interface: the greater of both counts; `default` is for new ones.
        2 (loose) is enough for a device with several ways out, and Debian 13 has it.

    Why:
        Where a device is on two networks, a machine of the one can send packets in the name of a machine of the other,
        past rules of the firewall that trust an address. With one interface and a default route it changes next to
        nothing: every sender could be behind it.

    Remedy:
        Set `net.ipv4.conf.all.rp_filter = 2` in a file in /etc/sysctl.d, then load it; 1 (strict) where there are
        several interfaces, and answers go back by the one that the question came by.
    Risk of the remedy:
        None with 2. With 1, answers that come back by another interface are dropped.
    """
    facts = kernel(ctx)
    seen, values = [], []
    for name in ("net.ipv4.conf.all.rp_filter", "net.ipv4.conf.default.rp_filter"):
        running, line = facts.running.get(name), facts.configured(name)
        if isinstance(running, Known):
            values.append(running.value)
            seen.append(Evidence(proc_path(name), running.value, 1))
        elif line is not None and not facts.running:
            values.append(line.value)
            seen.append(Evidence(line.path, f"{line.name} = {line.value}", line.line))
    single = facts.of_interfaces("ipv4", "rp_filter")
    open_ = [name for name, value in single.items() if value == "0"]
    if open_ and facts.running.get("net.ipv4.conf.all.rp_filter") == Known("0"):
        yield fail(_UNCHECKED, *seen, *(Evidence(proc_path(name), "0", 1) for name in open_))
    elif any(value in {"1", "2"} for value in values):
        seen += [Evidence(proc_path(name), value, 1) for name, value in single.items()]
        yield passed("It is looked up whether the sender could be reached (2: by any interface).", *seen[:6])
    elif len(values) == 2:
        yield fail(_UNCHECKED, *seen)
    else:
        yield unknown("No file sets rp_filter for all interfaces.", mend="audit the running host")


_UNCHECKED = "It is not looked up whether the sender of a packet could be reached."

RULES = (
    no_mac,
    ip_forwarding_on,
    rp_filter_off,
    *kernel_usb.RULES,
    *kernel_modules.RULES,
    *kernel_network.RULES,
    *kernel_settings.RULES,
    *kernel_strict.RULES,
    *kernel_pins.RULES,
)
