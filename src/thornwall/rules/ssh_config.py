"""How the SSH server's files are written, and whom it trusts."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.finding import Attacker, Consequence, Effort, FaultClass, Fixable, Kind, Reach, References
from thornwall.model.rule import Context, Preset, Rule, Verdict, fail, passed, rule, unknown
from thornwall.model.ssh import Setting, SshServer
from thornwall.rules.ssh_ask import MAIN, evidence, general, judge, server, sound, write

_KEYS = ("Configure SSH key-based authentication",)
_ACCESS = ("Logical Access to Interfaces",)


@rule(
    "ssh-drop-in-loses",
    "An SSH setting has no effect: an earlier line wins",
    subject="ssh",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=4,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.NEEDS_ANSWER,
    commands=("sudo sshd -T | grep -i KEYWORD",),
    references=References(
        document=_KEYS,
        nist=("Device Configuration",),
        owasp_top10=("A05:2021",),
    ),
)
def ssh_drop_in_loses(ctx: Context) -> Iterator[Verdict]:
    """Whether somebody set a stricter value that sshd never uses.

    What:
        A line asks for a stricter setting than the one that holds, but an earlier line has already set the same
        keyword. sshd keeps the first value: a file 99-hardening.conf loses to 50-cloud-init.conf, and the main file
        loses to every drop-in, as Debian includes them at its top.
    Why:
        Its author believes that the device is hardened, and it is not. Guides that have you edit sshd_config do not
        tell that a drop-in file may overrule it.
    Remedy:
        Put the setting into a file that sorts first, such as /etc/ssh/sshd_config.d/10-hardening.conf, or take the
        earlier line away. `sudo sshd -T` shows what holds.
    Risk of the remedy:
        What the strict setting refuses, such as logins by password, stops working now.
    """
    found = server(ctx)
    failed = False
    for late in _losers(found):
        failed = True
        winner = found.settings[late.name]
        yield fail(
            f"{evidence(late).text} has no effect: {evidence(winner).where} has set it to {winner.value} before.",
            evidence(late),
            evidence(winner),
            subject=evidence(late).text.partition(" ")[0],
            commands=(f"sudo sshd -T | grep -i {late.name}",),
        )
    if not failed:
        yield sound(found, "No stricter line is overruled by an earlier one.")


_STRICTER = {
    **dict.fromkeys(
        (
            *("passwordauthentication", "kbdinteractiveauthentication", "permitemptypasswords", "x11forwarding"),
            *("allowtcpforwarding", "allowagentforwarding", "hostbasedauthentication", "permituserenvironment"),
            *("gatewayports", "permittunnel"),
        ),
        ("yes", "no"),
    ),
    **dict.fromkeys(("strictmodes", "ignorerhosts", "disableforwarding"), ("no", "yes")),
    "permitrootlogin": ("yes", "prohibit-password", "forced-commands-only", "no"),
}
"""Values from the laxest to the strictest."""


def _losers(found: SshServer) -> Iterator[Setting]:
    """Lines that ask for a stricter value than the one that an earlier line has set; the last of each keyword."""
    lost: dict[str, Setting] = {}
    for line in found.lines:
        holds, order = found.settings.get(line.name), _STRICTER.get(line.name, ())
        if holds is None or not holds.file or line.value not in order or holds.value not in order or _shipped(line):
            continue
        if order.index(line.value) > order.index(holds.value):
            lost[line.name] = line
    yield from lost.values()


def _shipped(line: Setting) -> bool:
    """What the distribution ships is there to be overruled: Debian's main file, Fedora's drop-in."""
    debian = line.file == MAIN and (line.name, line.value) == ("kbdinteractiveauthentication", "no")
    return debian or line.file.endswith(("/50-redhat.conf", "/40-redhat-crypto-policies.conf"))


@rule(
    "ssh-no-user-restriction",
    "Every account with a shell may log in over SSH",
    subject="ssh",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.NEEDS_ANSWER,
    preset=Preset.STRICT,
    commands=("id -nG | grep -w sudo", *write("AllowGroups sudo")),
    references=References(
        document=("Practical Steps to Secure IoT Devices",),
        cis_debian12=("5.1.4",),
        ssg=("sshd_limit_user_access",),
        etsi=("5.6-7",),
        nist=("Logical Access to Interfaces",),
        cwe=(284,),
    ),
)
def ssh_no_user_restriction(ctx: Context) -> Iterator[Verdict]:
    """Whether AllowUsers, AllowGroups, DenyUsers or DenyGroups is set.

    What:
        Neither AllowUsers nor AllowGroups (nor DenyUsers, DenyGroups) says who may log in over SSH.
    Why:
        An account that a package or a person adds later, perhaps with a weak password, is open to the network at once.
    Remedy:
        Name who may log in, yourself first: `AllowUsers NAME` or `AllowGroups sudo` in
        /etc/ssh/sshd_config.d/10-hardening.conf. Lines of AllowUsers add up, and an account must pass all four
        settings.
    Risk of the remedy:
        Who is not named is locked out: put the account you are using into the list first.
    """
    found = server(ctx)
    keywords = ("allowusers", "allowgroups", "denyusers", "denygroups")
    named = [setting for name in keywords for setting in found.values(name)]
    if named:
        yield passed("Who may log in is restricted.", *map(evidence, named[:4]))
    elif found.gap is not None:
        yield unknown(found.gap.reason, mend=found.gap.mend)
    else:
        yield fail("No AllowUsers or AllowGroups says who may log in.", evidence(Setting("allowusers", "")))


@rule(
    "ssh-use-pam-no",
    "SSH bypasses PAM",
    subject="ssh",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=3,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.BLINDNESS,
    effort=Effort.MINUTE,
    fixable=Fixable.NEEDS_ANSWER,
    commands=(write("KbdInteractiveAuthentication no")[0], *write("UsePAM yes")),
    references=References(
        document=_KEYS,
        cis_debian12=("5.1.22",),
        ssg=("sshd_enable_pam",),
        nist=("Logical Access to Interfaces",),
    ),
)
def ssh_use_pam_no(ctx: Context) -> Iterator[Verdict]:
    """Whether UsePAM is off.

    What:
        `UsePAM no`: sshd checks accounts by itself, without PAM. Guides ask for it to keep passwords out;
        PasswordAuthentication and KbdInteractiveAuthentication, both off, do that already.
    Why:
        Without PAM there is no lock after failed logins, no second factor, no account expiry by PAM, no limits and no
        session of systemd, and the audit log does not know who logged in. Accounts whose password is locked with `!`
        are refused even with a key.
    Remedy:
        Set `UsePAM yes`, and `KbdInteractiveAuthentication no` with it, and reload the service. Where passwords are to
        stay out, `PasswordAuthentication no` does that; `UsePAM no` is not needed for it.
    Risk of the remedy:
        If KbdInteractiveAuthentication is on, PAM asks for passwords again: switch it off in the same step.
    """
    found = server(ctx)
    setting = general(found, "usepam")
    if setting.value != "no":
        yield passed("PAM is asked.", evidence(setting))
    else:
        yield fail("sshd does not ask PAM about logins.", evidence(setting))


@rule(
    "ssh-permit-user-environment",
    "SSH lets users set the environment of their session",
    subject="ssh",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=3,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    commands=write("PermitUserEnvironment no"),
    references=References(
        document=_KEYS,
        cis_debian12=("5.1.21",),
        ssg=("sshd_do_not_permit_user_env",),
        etsi=("5.6-7",),
        nist=_ACCESS,
        cwe=(15,),
    ),
)
def ssh_permit_user_environment(ctx: Context) -> Iterator[Verdict]:
    """Whether PermitUserEnvironment is on.

    What:
        sshd reads ~/.ssh/environment and the environment= option of keys, and sets what they say.
    Why:
        With LD_PRELOAD and its like, an account that is held to one command (ForceCommand, a key's command=) can run
        anything.
    Remedy:
        Remove the line, or set `PermitUserEnvironment no` (the default), and reload the service.
    Risk of the remedy:
        Sessions that took variables from ~/.ssh/environment need them from ~/.profile or PAM.
    """
    yield from judge(
        server(ctx),
        "permituserenvironment",
        lambda value: value != "no",
        lambda value: f"PermitUserEnvironment is {value}",
        "Users cannot set it.",
    )


@rule(
    "ssh-host-based-login",
    "SSH trusts other hosts to say who logs in",
    subject="ssh",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=4,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    commands=write("HostbasedAuthentication no"),
    references=References(
        document=_KEYS,
        cis_debian12=("5.1.10", "5.1.11"),
        ssg=("disable_host_auth", "sshd_disable_rhosts"),
        etsi=("5.1-3",),
        nist=_ACCESS,
        cwe=(290,),
    ),
)
def ssh_host_based_login(ctx: Context) -> Iterator[Verdict]:
    """Whether HostbasedAuthentication is on, or IgnoreRhosts off.

    What:
        `HostbasedAuthentication yes` lets a user of a trusted host in without a key or password of their own. With
        `IgnoreRhosts no` every user can name such hosts in ~/.rhosts or ~/.shosts.
    Why:
        Who takes over one host has the others too.
    Remedy:
        Remove the lines, or set `HostbasedAuthentication no` and `IgnoreRhosts yes` (the defaults); reload the service.
    Risk of the remedy:
        Clusters that rely on it need keys instead.
    """
    found = server(ctx)
    rhosts = general(found, "ignorerhosts")
    if rhosts.value == "no":
        yield fail("Users can name trusted hosts in ~/.rhosts and ~/.shosts.", evidence(rhosts), subject="IgnoreRhosts")
    yield from judge(
        found,
        "hostbasedauthentication",
        lambda value: value == "yes",
        lambda _: "Trusted hosts say who logs in",
        "Every login must prove itself.",
    )


@rule(
    "ssh-strict-modes-off",
    "SSH does not check who can write a user's keys",
    subject="ssh",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=4,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    commands=write("StrictModes yes"),
    references=References(document=_KEYS, ssg=("sshd_enable_strictmodes",), etsi=("5.6-7",), nist=_ACCESS, cwe=(732,)),
)
def ssh_strict_modes_off(ctx: Context) -> Iterator[Verdict]:
    """Whether StrictModes is off.

    What:
        `StrictModes no`: sshd takes authorized_keys files and home directories that others can write.
    Why:
        Another account, or a program that runs as one, can add its key there and become that user.
    Remedy:
        Mend the modes first (`chmod go-w ~ ~/.ssh ~/.ssh/authorized_keys`), then set `StrictModes yes`, the default,
        and reload the service.
    Risk of the remedy:
        Users whose home others can write cannot log in with their key until that is mended.
    """
    yield from judge(
        server(ctx), "strictmodes", lambda value: value == "no", lambda _: "Modes are not checked", "Modes are checked."
    )


RULES: tuple[Rule, ...] = (
    ssh_drop_in_loses,
    ssh_no_user_restriction,
    ssh_use_pam_no,
    ssh_permit_user_environment,
    ssh_host_based_login,
    ssh_strict_modes_off,
)
