"""How an SSH connection begins and ends: how many wait for a login, what they are told, when a dead one is ended."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.finding import Attacker, Consequence, Effort, FaultClass, Fixable, Kind, Reach, References
from thornwall.model.rule import Context, Option, Preset, Rule, Verdict, fail, rule
from thornwall.rules.ssh_ask import evidence, general, judge, number, server, write

_KEYS = ("Configure SSH key-based authentication",)
_STEPS = ("Practical Steps to Secure IoT Devices",)
_ACCESS = ("Logical Access to Interfaces",)


@rule(
    "ssh-idle-sessions",
    "SSH keeps dead and idle sessions",
    subject="ssh",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=2,
    attacker=Attacker.NEAR,
    reach=Reach.TOUCH,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.STRICT,
    commands=(
        *(write(f"{each}")[0] for each in ("ClientAliveCountMax 2", "TCPKeepAlive no")),
        *write("ClientAliveInterval 300"),
    ),
    references=References(
        document=_KEYS,
        cis_debian12=("5.1.7",),
        ssg=("sshd_set_idle_timeout", "sshd_set_keepalive"),
        nist=_ACCESS,
        cwe=(613,),
    ),
    options=(Option("seconds", 600, "the most seconds until a dead session is ended"),),
)
def ssh_idle_sessions(ctx: Context) -> Iterator[Verdict]:
    """Whether sshd finds out, under encryption and soon, that the other side is gone.

    What:
        The server never asks whether the other side is still there (ClientAliveInterval 0, the default), never acts on
        silence (ClientAliveCountMax 0), or waits longer than the policy allows (interval times count). Or it relies on
        TCPKeepAlive as well, whose packets anybody on the way can forge.
    Why:
        Sessions of computers that are gone stay open, and count against the limits. Who can forge TCP packets keeps a
        dead session alive.
    Remedy:
        Have sshd end dead connections: `ClientAliveInterval 300`, `ClientAliveCountMax 2` and `TCPKeepAlive no` in
        /etc/ssh/sshd_config.d/10-hardening.conf. An idle but living session is ended by the shell's TMOUT.
    Risk of the remedy:
        Sessions over a link that fails for longer than ten minutes are ended.
    """
    found, most = server(ctx), ctx.number("seconds")
    count, interval = general(found, "clientalivecountmax"), general(found, "clientaliveinterval")
    if count.value == "0":
        yield fail("Silence of the other side ends no session.", evidence(count))
        return
    waits = (number(interval.value) or 0) * (number(count.value) or 0)
    if waits > most:
        yield fail(f"Dead sessions are ended after {waits} seconds.", evidence(interval), evidence(count))
        return
    keep = general(found, "tcpkeepalive")
    if interval.value != "0" and keep.value != "no":
        yield fail("Whether a session is alive is told by TCP as well, which is not encrypted.", evidence(keep))
        return
    yield from judge(
        found,
        "clientaliveinterval",
        lambda value: value == "0",
        lambda _: "The server never asks whether the other side is there",
        "Dead sessions are ended.",
    )


@rule(
    "ssh-unfinished-logins",
    "SSH lets many connections wait for a login",
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
    preset=Preset.STRICT,
    commands=write("MaxStartups 10:30:60"),
    references=References(
        document=_STEPS,
        cis_debian12=("5.1.18",),
        ssg=("sshd_set_maxstartups",),
        etsi=("5.1-5",),
        nist=_ACCESS,
        cwe=(400,),
    ),
    options=(
        Option("most", 60, "the most connections that may wait for a login at a time (OpenSSH's default is 100)"),
    ),
)
def ssh_unfinished_logins(ctx: Context) -> Iterator[Verdict]:
    """Whether MaxStartups lets more connections wait than the policy allows.

    What:
        MaxStartups, the number of connections that have not logged in yet: when sshd begins to refuse some of them, how
        many of a hundred, and when it refuses all (10:30:100 is OpenSSH's default).
    Why:
        Each of them is a process with a key exchange of its own. A hundred at a time bring a small board to a halt, and
        worms that guess passwords open many.
    Remedy:
        Let fewer connections wait: `MaxStartups 10:30:60` in /etc/ssh/sshd_config.d/10-hardening.conf; reload.
    Risk of the remedy:
        While somebody keeps the places taken, logins of the owner are refused earlier. A firewall that counts
        connections (rule firewall-no-ssh-rate-limit) keeps them free.
    """
    most = ctx.number("most")

    def wrong(value: str) -> bool:
        full = number(value.rpartition(":")[2])
        return full is None or full > most

    yield from judge(
        server(ctx),
        "maxstartups",
        wrong,
        lambda value: f"MaxStartups is {value}: that many connections may wait for a login",
        f"At most {most} connections may wait for a login.",
    )


@rule(
    "ssh-no-banner",
    "SSH says nothing to who has no business here",
    subject="ssh",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=1,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.BLINDNESS,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.STRICT,
    commands=write("Banner /etc/issue.net"),
    references=References(
        document=_STEPS,
        cis_debian12=("5.1.5",),
        ssg=("sshd_enable_warning_banner_net",),
        nist=_ACCESS,
    ),
)
def ssh_no_banner(ctx: Context) -> Iterator[Verdict]:
    """Whether a notice is shown before the login.

    What:
        Banner is `none`: nothing tells who connects that the device is private and that logins are recorded.
    Why:
        It keeps no attacker out. In many countries it decides whether an intruder can say that he did not know; that
        is why only the strict preset asks.
    Remedy:
        Write the notice into /etc/issue.net (rule login-screen-tells-system), and let sshd show it before a login:
        `Banner /etc/issue.net` in /etc/ssh/sshd_config.d/10-hardening.conf.
    Risk of the remedy:
        Programs that read all that ssh prints see some more lines on standard error; `LogLevel ERROR` in the client's
        ssh_config silences them.
    """
    yield from judge(
        server(ctx),
        "banner",
        lambda value: value in {"none", ""},
        lambda _: "Nothing is said before a login",
        "A notice is shown before a login.",
    )


RULES: tuple[Rule, ...] = (ssh_unfinished_logins, ssh_no_banner, ssh_idle_sessions)
