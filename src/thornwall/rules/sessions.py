"""What each login gets: how long an idle shell lives, which modes new files have, core dumps, the text before it."""

from __future__ import annotations

import re
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
    Reach,
    References,
)
from thornwall.model.rule import Context, Option, Preset, Rule, Verdict, fail, not_applicable, passed, rule, unknown
from thornwall.model.sessions import Said, Sessions
from thornwall.rules.ssh_ask import general

_PROFILE = ("/etc/profile",)  # and /etc/profile.d/
_SHELLS = ("/etc/profile", "/etc/bash.bashrc")
_TMOUT = re.compile(r"(?:^|[\s;])TMOUT=(\d{1,9})\b")
_UMASK = re.compile(r"(?:^|[\s;])umask\s+([0-7]{3,4})\b")
_HARD = re.compile(r"^\s*\*\s+(?:hard|-)\s+core\s+(\S+)")
_HARD_ROOT = re.compile(r"^\s*root\s+(?:hard|-)\s+core\s+(\S+)")  # limits.conf(5): `*` is not for root
_SOFT = re.compile(r"^\s*\*\s+soft\s+core\s+(\S+)")
_DUMPS = re.compile(r"^\s*(Storage|ProcessSizeMax)\s*=\s*(\S+)")
# escapes of agetty(8) and telnetd for system, release, machine and version; names of distributions
_TELLS = re.compile(
    r"\\[smrv]|\\S|%[mrsv]|\b(?:Debian|Raspbian|Raspberry Pi OS|Ubuntu|Fedora|Armbian|DietPi|Linux \d)", re.IGNORECASE
)


def _sessions(ctx: Context) -> Sessions:
    return ctx.known(ctx.host.sessions, absent="nothing is known of sessions")


def _at(said: Said) -> Evidence:
    return Evidence(said.file, said.text, said.line)


def _unread(found: Sessions, *starts: str) -> Verdict | None:
    why = found.gap(*starts)
    return unknown(why.reason, mend=why.mend) if why else None


@rule(
    "shell-never-idles-out",
    "A shell that somebody left open stays open",
    subject="sessions",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=3,
    attacker=Attacker.NEAR,
    reach=Reach.TOUCH,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.STRICT,
    references=References(
        document=("Practical Steps to Secure IoT Devices",),
        cis_debian12=("5.4.3.2",),
        ssg=("accounts_tmout",),
        nist=("Logical Access to Interfaces",),
        cwe=(613,),
    ),
    commands=("printf 'typeset -xr TMOUT=900\\n' | sudo tee /etc/profile.d/tmout.sh",),
    options=(Option("seconds", 900, "the most seconds that a shell may wait at its prompt"),),
)
def shell_never_idles_out(ctx: Context) -> Iterator[Verdict]:
    """No login shell ends by itself.

    What:
        Whether `/etc/profile` or a file of `/etc/profile.d` sets `TMOUT`, after which bash ends at an idle prompt. A
        shell in which something runs is never ended.

    Why:
        Whoever walks up to a keyboard, or opens a laptop, on which a session was left open, has all that its owner has;
        for some minutes root as well. SSH only notices that a computer is gone, not that its owner is.

    Remedy:
        Let bash end after a quarter of an hour at its prompt: `typeset -xr TMOUT=900` in a file of `/etc/profile.d`.
    Risk of the remedy:
        Shells in tmux and screen, and on a serial line, end as well when nobody types; what runs in them goes on.
    """
    found, most = _sessions(ctx), ctx.number("seconds")
    if gap := _unread(found, *_PROFILE):
        yield gap
        return
    set_ = list(found.say(_TMOUT, *_PROFILE))
    right = [each for each in set_ if 0 < int(each.found[0]) <= most]
    if right:
        yield passed(f"Idle shells end after {int(right[0].found[0])} seconds.", _at(right[0]))
    elif set_:
        yield fail(f"Idle shells do not end within {most} seconds.", *map(_at, set_))
    else:
        yield fail("Idle shells never end.", Evidence("/etc/profile", "TMOUT is not set"))


@rule(
    "shell-umask-open",
    "Shells leave new files readable for every account",
    subject="sessions",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.LOCAL,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.STRICT,
    references=References(
        cis_debian12=("5.4.3.3",),
        ssg=("accounts_umask_etc_profile", "accounts_umask_etc_bashrc"),
        nist=("Data Protection",),
        cwe=(276,),
    ),
    commands=("printf 'umask 027\\n' | sudo tee /etc/profile.d/umask.sh", "sudoedit /etc/bash.bashrc"),
    options=(Option("umask", "027", "the permission bits, in octal, that new files must not have"),),
)
def shell_umask_open(ctx: Context) -> Iterator[Verdict]:
    """Neither login shells nor others take permissions away.

    What:
        The `umask` lines of `/etc/profile`, `/etc/profile.d` and `/etc/bash.bashrc`. `UMASK` in `/etc/login.defs` (rule
        login-defs-umask) holds only where PAM's stacks have pam_umask, which those of Debian 12 have not.

    Why:
        What one account makes, each service and each other account can read: notes, downloads, a copy of a key.

    Remedy:
        Set `umask 027` for login shells in a file of `/etc/profile.d`, and for others at the end of `/etc/bash.bashrc`.
    Risk of the remedy:
        Files that an administrator makes for a service (below `/var/www`, in `/etc`) have to be made readable on
        purpose: `chmod o+r`.
    """
    found, wanted = _sessions(ctx), int(str(ctx.values["umask"]), 8)
    if gap := _unread(found, *_SHELLS):
        yield gap
        return
    for name, starts in (("login shells", ("/etc/profile",)), ("other shells", ("/etc/bash.bashrc",))):
        if not any(path.startswith(starts) for path in found.files):
            continue
        lines = list(found.say(_UMASK, *starts))
        wrong = [each for each in lines if int(each.found[0], 8) & wanted != wanted]
        if not lines or wrong:
            evidence = list(map(_at, wrong)) or [Evidence(starts[0], "umask is not set")]
            yield fail(f"The umask of {name} takes too little away.", *evidence, subject=name)
        else:
            yield passed(f"The umask of {name} is {lines[-1].found[0]}.", _at(lines[-1]), subject=name)


@rule(
    "core-dumps-kept",
    "Programs that crash may leave their memory on the disk",
    subject="sessions",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.LOCAL,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Top IoT Vulnerabilities/Misconfiguration",),
        cis_debian12=("1.5.3",),
        ssg=("disable_users_coredumps", "coredump_disable_storage", "coredump_disable_backtraces"),
        nist=("Data Protection",),
        cwe=(528,),
    ),
)
def core_dumps_kept(ctx: Context) -> Iterator[Verdict]:
    """Nothing keeps core dumps off the disk.

    What:
        Whether `/etc/security/limits.conf` or limits.d forbids core dumps to all accounts (`* hard core 0`; root needs
        a line of its own), and coredump.conf tells systemd-coredump, where it is installed, to keep none
        (`Storage=none`, `ProcessSizeMax=0`). Services have limits of their own.

    Why:
        A core dump is the memory of a program: passwords, keys, other people's data. On a card it stays until it is
        written over; and a program that crashes again and again fills the card.

    Remedy:
        Forbid them: `* hard core 0` and `root hard core 0` in a file of `/etc/security/limits.d`; where
        systemd-coredump is installed, the two settings in a file of `/etc/systemd/coredump.conf.d`. Who writes programs
        on the device sets the policy's rule off.
    Risk of the remedy:
        A crash can no longer be looked into afterwards. The log still says that there was one.
    """
    found = _sessions(ctx)
    if gap := _unread(found, "/etc/security/limits", "/etc/systemd/coredump", "/usr/lib/systemd", "/run/systemd"):
        yield gap
        return
    hard = list(found.say(_HARD, "/etc/security/limits"))
    if not hard or hard[-1].found[0] != "0":
        evidence = _at(hard[-1]) if hard else Evidence("/etc/security/limits.conf", "no '* hard core 0'")
        soft = [_at(each) for each in found.say(_SOFT, "/etc/security/limits")][-1:]
        asks = " that ask for them" if soft and soft[0].text.split()[-1] == "0" else ""
        yield fail(f"Accounts{asks} may have core dumps written.", evidence, *soft, subject="limits", commands=_LIMITS)
    else:
        root = [each for each in found.say(_HARD_ROOT, "/etc/security/limits") if each.found[0] == "0"]
        but = "" if root else ", root apart"
        evidence_of_root = [_at(each) for each in root[-1:]]
        detail = f"Accounts may not have core dumps written{but}."
        yield passed(detail, _at(hard[-1]), *evidence_of_root, subject="limits")
    last = {each.found[0]: each for each in found.say(_DUMPS, *_DUMP_FILES)}
    kept = [name for name, right in (("Storage", "none"), ("ProcessSizeMax", "0")) if not _is(last.get(name), right)]
    if kept and not last and _not_there(ctx, "systemd-coredump.socket"):
        yield not_applicable("systemd-coredump is not installed.", subject="systemd-coredump")
    elif kept:
        seen = [_at(last[name]) for name in kept if name in last]
        missing = Evidence("/etc/systemd/coredump.conf", f"{' and '.join(kept)} not set")
        detail = "systemd-coredump would keep what crashes."
        yield fail(detail, *(seen or [missing]), subject="systemd-coredump", commands=_COREDUMP)
    else:
        yield passed("systemd-coredump keeps nothing.", *map(_at, last.values()), subject="systemd-coredump")


_DUMP_FILES = tuple(f"{folder}/systemd/coredump.conf" for folder in ("/etc", "/run", "/usr/lib"))


_LIMITS = ("printf '* hard core 0\\nroot hard core 0\\n' | sudo tee /etc/security/limits.d/core.conf",)
_COREDUMP = (
    "sudo mkdir -p /etc/systemd/coredump.conf.d",
    "printf '[Coredump]\\nStorage=none\\nProcessSizeMax=0\\n' | sudo tee /etc/systemd/coredump.conf.d/off.conf",
)


def _not_there(ctx: Context, unit: str) -> bool:
    services = ctx.host.services
    return isinstance(services, Absent) or (isinstance(services, Known) and services.value.unit(unit) is None)


def _is(said: Said | None, value: str) -> bool:
    return said is not None and said.found[1].lower() == value


@rule(
    "login-screen-tells-system",
    "The text before a login names the system",
    subject="sessions",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=1,
    attacker=Attacker.NEAR,
    reach=Reach.TOUCH,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Identify the attack surface",),
        cis_debian12=("1.6.2", "1.6.3"),
        ssg=("banner_etc_issue_cis", "banner_etc_issue_net_cis"),
        etsi=("5.6-2",),
        cwe=(200,),
    ),
    commands=("sudoedit /etc/issue /etc/issue.net",),
)
def login_screen_tells_system(ctx: Context) -> Iterator[Verdict]:
    """`/etc/issue` or `/etc/issue.net` names the distribution or its version.

    What:
        The text at the console (`/etc/issue`), and that which telnet, and a `Banner` of sshd that is set to it, show
        (`/etc/issue.net`): names and versions of systems, and the escapes that stand for them (`\\s`, `\\r`, `\\m`,
        `\\v`, `\\S`). sshd's own greeting names itself and Debian in any case.

    Why:
        Who knows the version knows which flaws to try. The text is better used to say that the device is private, and
        that logins are recorded.

    Remedy:
        Put a notice into `/etc/issue` and `/etc/issue.net` that says no more than that the system is private.
    Risk of the remedy:
        None; on a console one no longer sees at a glance which system it is.
    """
    found = _sessions(ctx)
    if gap := _unread(found, "/etc/issue"):
        yield gap
        return
    there = [path for path in ("/etc/issue", "/etc/issue.net") if path in found.files]
    if not there:
        yield not_applicable("there is no text before a login")
    for path in there:
        tells = [each for each in found.say(_TELLS, path) if each.file == path]
        if tells and path == "/etc/issue.net":
            shown = _shows_issue_net(ctx)
            detail = f"{path} names the system" + (
                f", and {shown} shows it." if shown else "; nothing known shows it now."
            )
            yield fail(detail, *map(_at, tells), subject=path, reach=Reach.NETWORK if shown else None)
        elif tells:
            yield fail(f"{path} names the system, to whoever is at its screen.", *map(_at, tells), subject=path)
        else:
            yield passed(f"{path} does not tell which system this is.", Evidence(path), subject=path)


def _shows_issue_net(ctx: Context) -> str:
    """What shows the text to others on the network, or ''."""
    ssh = ctx.host.ssh
    if isinstance(ssh, Known) and general(ssh.value, "banner").value == "/etc/issue.net":
        return "sshd"
    network = ctx.host.network
    listening = network.value.sockets if isinstance(network, Known) else ()
    return "telnetd" if any(each.port == 23 and each.protocol == "tcp" for each in listening) else ""


RULES: tuple[Rule, ...] = (shell_never_idles_out, shell_umask_open, core_dumps_kept, login_screen_tells_system)
