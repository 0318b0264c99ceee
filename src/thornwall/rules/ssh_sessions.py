"""What an SSH session may do, and how the server guards itself: attempts, time, forwarding, log."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.fact import Known
from thornwall.model.finding import Attacker, Consequence, Effort, FaultClass, Fixable, Kind, Reach, References
from thornwall.model.rule import Context, Option, Preset, Rule, Verdict, fail, rule
from thornwall.rules.ssh_ask import evidence, general, judge, number, server, sound, write

_KEYS = ("Configure SSH key-based authentication",)
_STEPS = ("Practical Steps to Secure IoT Devices",)
_ACCESS = ("Logical Access to Interfaces",)


@rule(
    "ssh-x11-forwarding",
    "SSH allows X11 to be forwarded",
    subject="ssh",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.SERVICE,
    likelihood=1,
    impact=3,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    commands=write("X11Forwarding no"),
    references=References(
        document=_STEPS,
        cis_debian12=("5.1.8",),
        ssg=("sshd_disable_x11_forwarding",),
        etsi=("5.6-5",),
        nist=_ACCESS,
    ),
)
def ssh_x11_forwarding(ctx: Context) -> Iterator[Verdict]:
    """Whether X11Forwarding is on. Debian's sshd_config has it on.

    What:
        `X11Forwarding yes`: windows of programs on the device can be shown on the computer one logs in from, as soon
        as xauth is installed.
    Why:
        Whoever controls the device can read the keyboard and the screen of the person who logs in with `ssh -X`. On a
        device without windows it is of no use.
    Remedy:
        Write `X11Forwarding no` into /etc/ssh/sshd_config.d/10-hardening.conf and reload the service.
    Risk of the remedy:
        `ssh -X` no longer shows windows. VNC and Raspberry Pi Connect are not affected.
    """
    yield from judge(
        server(ctx),
        "x11forwarding",
        lambda value: value == "yes",
        lambda _: f"X11 may be forwarded{_without_xauth(ctx)}",
        "X11 is not forwarded.",
    )


def _without_xauth(ctx: Context) -> str:
    """sshd needs that program for it, and says 'No xauth program; cannot forward X11' without."""
    updates = ctx.host.updates
    packages = updates.value.packages if isinstance(updates, Known) else updates
    absent = isinstance(packages, Known) and "xauth" not in packages.value
    return " as soon as xauth is installed, which it is not" if absent else ""


@rule(
    "ssh-forwarding",
    "SSH forwards ports and agents",
    subject="ssh",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.SERVICE,
    likelihood=1,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.NEEDS_ANSWER,
    preset=Preset.STRICT,
    commands=write("DisableForwarding yes"),
    references=References(
        document=_STEPS, cis_debian12=("5.1.8",), ssg=("sshd_disable_forwarding",), etsi=("5.6-5",), nist=_ACCESS
    ),
)
def ssh_forwarding(ctx: Context) -> Iterator[Verdict]:
    """Whether TCP or agent forwarding is possible.

    What:
        DisableForwarding is off, and AllowTcpForwarding or AllowAgentForwarding is on (OpenSSH's default).
    Why:
        Who has a login can use the device as a stepping stone to everything that it reaches, past the firewall; and who
        controls the device can use the keys of the person who forwards an agent.
    Remedy:
        Switch forwarding off, if nobody tunnels through the device. `DisableForwarding yes` goes into
        /etc/ssh/sshd_config.d/10-hardening.conf.
    Risk of the remedy:
        Tunnels (`ssh -L`, `-R`, `-D`), jumps through the device (`-J`), X11 and development tools such as VS Code's
        remote mode stop working.
    """
    found = server(ctx)
    off = general(found, "disableforwarding")
    if off.value == "yes":
        yield sound(found, "All forwarding is off.", evidence(off))
        return
    on = [
        setting
        for name in ("allowtcpforwarding", "allowagentforwarding")
        if (setting := general(found, name)).value != "no"
    ]
    if on:
        yield fail("Ports or agents can be forwarded.", *map(evidence, on))
    else:
        yield sound(found, "Neither ports nor agents are forwarded.", evidence(general(found, "allowtcpforwarding")))


@rule(
    "ssh-gateway-ports",
    "SSH opens forwarded ports to the network",
    subject="ssh",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=3,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.NEEDS_ANSWER,
    commands=write("GatewayPorts no"),
    references=References(document=("Identify the attack surface",), etsi=("5.6-1",), nist=_ACCESS, cwe=(1327,)),
)
def ssh_gateway_ports(ctx: Context) -> Iterator[Verdict]:
    """Whether ports that a login forwards back (`ssh -R`) listen on every interface, or tunnels are allowed.

    What:
        GatewayPorts is `yes` or `clientspecified`, or PermitTunnel is on: a login can open ports of the device to the
        whole network, or join networks with a tunnel interface.
    Why:
        It puts services on the network that nobody decided to show, and that are on no list.
    Remedy:
        Remove the lines, or set `GatewayPorts no` and `PermitTunnel no` (the defaults), and reload the service.
    Risk of the remedy:
        Reverse tunnels that others reach through the device stop working: give them a Match block of their own.
    """
    found = server(ctx)
    tunnel = general(found, "permittunnel")
    if tunnel.value != "no":
        yield fail("A login can make a tunnel interface.", evidence(tunnel), subject="PermitTunnel")
    yield from judge(
        found,
        "gatewayports",
        lambda value: value != "no",
        lambda value: f"GatewayPorts is {value}: forwarded ports listen on the network",
        "Forwarded ports listen on loopback.",
    )


@rule(
    "ssh-max-auth-tries",
    "SSH allows many guesses on one connection",
    subject="ssh",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=3,
    attacker=Attacker.WORM,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    commands=write("MaxAuthTries 4"),
    references=References(
        document=_KEYS,
        cis_debian12=("5.1.16",),
        ssg=("sshd_set_max_auth_tries",),
        etsi=("5.1-5",),
        nist=_ACCESS,
        cwe=(307,),
    ),
    options=(Option("most", 6, "the most attempts on one connection (6 is OpenSSH's default)", strict=3),),
)
def ssh_max_auth_tries(ctx: Context) -> Iterator[Verdict]:
    """Whether MaxAuthTries is larger than the policy allows.

    What:
        MaxAuthTries, the number of attempts to log in on one connection, is above OpenSSH's default of 6.
    Why:
        Every further guess on an open connection makes guessing faster, and only the second half of them is logged.
    Remedy:
        Remove the line, or write `MaxAuthTries 4` into /etc/ssh/sshd_config.d/10-hardening.conf; reload the service.
    Risk of the remedy:
        Each key that an agent offers counts: people with many keys need `IdentitiesOnly yes` in their ssh_config.
    """
    most = ctx.number("most")
    yield from judge(
        server(ctx),
        "maxauthtries",
        lambda value: (tries := number(value)) is not None and tries > most,
        lambda value: f"{value} attempts are allowed on one connection",
        f"At most {most} attempts are allowed.",
    )


@rule(
    "ssh-login-grace-time",
    "SSH waits long for a login",
    subject="ssh",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=2,
    attacker=Attacker.WORM,
    reach=Reach.NETWORK,
    consequence=Consequence.DISRUPTION,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    commands=write("LoginGraceTime 60"),
    references=References(
        document=_KEYS,
        cis_debian12=("5.1.13",),
        ssg=("sshd_set_login_grace_time",),
        etsi=("5.1-5",),
        nist=_ACCESS,
        cwe=(400,),
    ),
    options=(Option("seconds", 120, "the most seconds to log in (120 is OpenSSH's default)", strict=60),),
)
def ssh_login_grace_time(ctx: Context) -> Iterator[Verdict]:
    """Whether LoginGraceTime is without limit or longer than the policy allows.

    What:
        LoginGraceTime, the time in which a connection must have logged in, is 0 (no limit) or more than OpenSSH's 120
        seconds.
    Why:
        Connections that never log in fill the places for new ones (MaxStartups), so that the owner cannot get in.
    Remedy:
        Remove the line, or write `LoginGraceTime 60` into /etc/ssh/sshd_config.d/10-hardening.conf; reload the service.
        Where 0 was set as a stopgap for CVE-2024-6387, update openssh-server first.
    Risk of the remedy:
        Who needs longer to find a code or a password must connect again.
    """
    most = ctx.number("seconds")
    yield from judge(
        server(ctx),
        "logingracetime",
        lambda value: (seconds := number(value)) is not None and (seconds == 0 or seconds > most),
        lambda value: (
            "There is no limit to the time for logging in" if value == "0" else f"{value} seconds are allowed"
        ),
        f"A login must be done within {most} seconds.",
    )


@rule(
    "ssh-log-level",
    "SSH logs too little, or too much",
    subject="ssh",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.BLINDNESS,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    commands=write("LogLevel INFO"),
    references=References(
        document=("Enable Logging",),
        cis_debian12=("5.1.14",),
        ssg=("sshd_set_loglevel_info",),
        nist=("Cybersecurity State Awareness",),
        owasp_top10=("A09:2021",),
        cwe=(778,),
    ),
    options=(Option("levels", ("INFO", "VERBOSE"), "the levels that are right", strict=("VERBOSE",)),),
)
def ssh_log_level(ctx: Context) -> Iterator[Verdict]:
    """Whether LogLevel is neither INFO nor VERBOSE; the strict preset asks for VERBOSE.

    What:
        LogLevel is QUIET, FATAL or ERROR, so that logins are not recorded; or DEBUG, which records what users do.
    Why:
        Without the record of logins nobody can tell who was in, or that somebody is guessing passwords. VERBOSE also
        names the keys that were tried and refused.
    Remedy:
        Set `LogLevel INFO`, which is the default, or `LogLevel VERBOSE`, and reload the service.
    Risk of the remedy:
        The log grows with each attempt: cap the journal (rule journal-uncapped).
    """
    levels = ctx.words("levels")
    yield from judge(
        server(ctx),
        "loglevel",
        lambda value: value not in levels,
        lambda value: f"LogLevel is {value}",
        "Logins are recorded.",
    )


RULES: tuple[Rule, ...] = (
    ssh_x11_forwarding,
    ssh_forwarding,
    ssh_gateway_ports,
    ssh_max_auth_tries,
    ssh_login_grace_time,
    ssh_log_level,
)
