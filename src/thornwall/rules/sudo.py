"""sudo and doas: becoming root without being asked."""

from __future__ import annotations

import posixpath
import shlex
from collections import defaultdict
from collections.abc import Iterator

from thornwall.model.accounts import Accounts
from thornwall.model.fact import Absent, Known, Unknown
from thornwall.model.finding import (
    Attacker,
    Consequence,
    Effort,
    Evidence,
    FaultClass,
    Fixable,
    Kind,
    Move,
    Reach,
    References,
)
from thornwall.model.rule import Context, Preset, Verdict, fail, passed, rule, unknown
from thornwall.model.sudo import DoasRule, Grant, Place, Policy, Sudo
from thornwall.rules import sudo_files, sudo_sessions, sudo_settings

ESCAPES = frozenset(
    {
        *(
            "vi",
            "vim",
            "nvim",
            "nano",
            "emacs",
            "ed",
            "less",
            "more",
            "man",
            "find",
            "awk",
            "gawk",
            "mawk",
            "sed",
            "perl",
        ),
        *("python", "python3", "ruby", "lua", "node", "php", "tar", "zip", "apt", "apt-get", "dpkg", "pip", "pip3"),
        *(
            "systemctl",
            "journalctl",
            "docker",
            "podman",
            "rsync",
            "scp",
            "git",
            "env",
            "xargs",
            "nmap",
            "tcpdump",
            "tee",
        ),
        *("cp", "mv", "dd", "chmod", "chown", "mount", "ln", "install", "crontab", "at", "busybox", "screen", "tmux"),
        *(
            "strace",
            "gdb",
            "su",
            "visudo",
            "passwd",
            "useradd",
            "usermod",
            "nsenter",
            "chroot",
            "unshare",
            "cat",
            "curl",
        ),
    }
)
"""Programs that give a command line as root, or read or write any file, to whoever may run them as root."""


def known_sudo(ctx: Context) -> Sudo:
    """sudo and doas; not applicable where neither is set up."""
    return ctx.known(ctx.host.sudo, absent="neither sudo nor doas is set up")


def known_policy(ctx: Context) -> Policy:
    """What the sudoers files say."""
    return ctx.known(known_sudo(ctx).policy, absent="sudo is not installed")


def at(place: Place) -> Evidence:
    """The place as evidence."""
    return Evidence(place.file, place.text, place.line)


def unread(policy: Policy) -> Iterator[Verdict]:
    """One unknown for each file that may say more."""
    for path, why in policy.unread.items():
        yield unknown(why.reason, subject=path, mend=why.mend)


@rule(
    "sudo-nopasswd",
    "An account becomes root without a password",
    subject="sudo",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=3,
    impact=4,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.NEEDS_ANSWER,
    preset=Preset.DOCUMENTS,
    references=References(
        document=("Remove nopasswd feature",),
        cis_debian12=("5.2.4",),
        ssg=("sudo_remove_nopasswd",),
        etsi=("5.6-7",),
        nist=("Logical Access to Interfaces",),
        owasp_iot=("I9",),
        cwe=(306,),
    ),
    commands=('su ACCOUNT -c true && echo "this is the password"', "sudo visudo -f FILE"),
)
def sudo_nopasswd(ctx: Context) -> Iterator[Verdict]:
    """sudo runs commands as root for an account and asks for nothing.

    What:
        What sudo's policy says in the end, whatever its files are called: every account for which a NOPASSWD entry of
        `/etc/sudoers` and the files it includes is the last that matches, and every `nopass` rule of doas. Single
        commands count less than ALL, unless they give a command line themselves, as editors do.

    Why:
        Whatever gets hold of the account, a stolen session, a script from the web, a hole in a program, is root in the
        next moment. With the question, it also needs the password.

    Remedy:
        Have sudo ask for the password again, once you have proved that you know it. Keep a root shell (`sudo -i`) open
        meanwhile; take `NOPASSWD:` out, or delete the file, and try `sudo -k; sudo true` in a second session. Audit
        with `--ask-sudo-pass` from then on. Without that option (`-K` for short) thornwall reads what the account may,
        leaves the rest as not known, and scores lower than before. `sudo rm /etc/sudoers.d/010_*`, which guides show,
        misses files of other names (cloud-init's `90-cloud-init-users`) and deletes some that have nothing to do with
        it.
    Risk of the remedy:
        An account that has no password (key-only, made by cloud-init) can no longer become root at all; scripts and
        Ansible that call sudo need the password.
    """
    sudo, answered = known_sudo(ctx), False
    accounts = ctx.known(ctx.host.accounts, absent="there are no accounts")
    for verdict in (*_by_policy(sudo, accounts), *_by_doas(sudo, accounts)):
        answered = True
        yield verdict
    if not answered:
        yield passed("Nobody becomes root without a password.")


def _by_policy(sudo: Sudo, accounts: Accounts) -> Iterator[Verdict]:
    match sudo.policy:
        case Known(policy):
            yield from _free_grants(policy, accounts)
            for place in policy.bad:
                if "NOPASSWD" in place.text:
                    where = f"{place.file}:{place.line}"
                    yield unknown(f"{where} cannot be understood: sudo may or may not follow it", subject=where)
            for who, place in policy.strangers.items():
                database, name = ("group", who[1:]) if who.startswith("%") else ("passwd", who)
                yield unknown(
                    f"{place.file}:{place.line} lets {who} off the password: if it is one of the directory's "
                    "(LDAP, SSSD), it becomes root without one",
                    subject=who,
                    mend=f"ask the directory: getent {database} {shlex.quote(name)}",
                )
            yield from unread(policy)
        case Unknown(reason, mend):
            match sudo.own:
                case Known(own) if own.account and own.nopasswd:
                    commands = ", ".join(command for _, command in own.nopasswd)
                    yield fail(
                        f"{own.account} runs {commands} as root without a password.",
                        Evidence("sudo -n -l", f"({own.nopasswd[0][0]}) NOPASSWD: {own.nopasswd[0][1]}"),
                        subject=own.account,
                        moves=_moves(accounts, own.account) + _fewer([command for _, command in own.nopasswd]),
                    )
                    reason = f"other accounts than {own.account}: {reason}"
                case _:
                    pass
            yield unknown(reason, mend=mend)
        case _:
            pass


def _free_grants(policy: Policy, accounts: Accounts) -> Iterator[Verdict]:
    services: dict[tuple[Place, str], list[str]] = defaultdict(list)
    for name in policy.grants:
        account = accounts.by_name[name]
        if account.uid == 0:
            continue
        free = [grant for grant in policy.effective(name) if grant.nopasswd and grant.command != "list"]
        if not free:
            continue
        if accounts.is_system(account) and free[0].who == "ALL":
            services[free[0].place, free[0].who].append(name)
            continue
        yield _free(accounts, name, free)
    for (place, who), names in services.items():
        yield fail(
            f"{len(names)} accounts of services ({', '.join(names[:3])}…) run commands as root without a password.",
            at(place),
            subject=who,
        )


def _free(accounts: Accounts, name: str, free: list[Grant]) -> Verdict:
    everything = any(grant.everything for grant in free)
    what = "every command" if everything else ", ".join(dict.fromkeys(grant.command for grant in free))
    whom = "root" if any(grant.as_root for grant in free) else " or ".join(free[0].users)
    places = dict.fromkeys(grant.place for grant in free)
    if all(grant.maybe for grant in free):
        return unknown(f"whether {name} is meant depends on a netgroup or an address: {free[0].who}", subject=name)
    moves = _moves(accounts, name)
    if not everything:
        moves += _fewer([grant.command for grant in free if grant.as_root])
    return fail(
        f"{name} runs {_short(what)} as {whom} without a password.",
        *map(at, places),
        subject=name,
        moves=moves,
        commands=(
            f'su {shlex.quote(name)} -c true && echo "this is the password"',
            *(f"sudo visudo -f {shlex.quote(place.file)}" for place in places),
        ),
    )


def _short(text: str) -> str:
    return text if len(text) < 120 else text[:117] + "…"


def _moves(accounts: Accounts, name: str) -> tuple[Move, ...]:
    match accounts.trials:
        case Known(trials) if name in trials and trials[name].outcome == "match":
            return (Move("likelihood", 1, "the account's password is known to everybody"),)
        case _:
            pass
    account = accounts.by_name.get(name)
    if account is not None and accounts.can_log_in(account) is False:
        return (Move("likelihood", -1, "nobody can log in to the account"),)
    return ()


def _fewer(commands: list[str]) -> tuple[Move, ...]:
    """Single commands give less than all, unless one of them gives a command line or any file."""
    if any(command == "ALL" for command in commands):
        return ()
    programs = {posixpath.basename(command.split()[0]) for command in commands if command.split()}
    escapes = sorted(programs & ESCAPES)
    if escapes:
        return (Move("likelihood", -1, f"only through what {escapes[0]} can be made to do"),)
    if any("*" in command or "sudoedit" in command for command in commands):
        return (Move("impact", -1, "only single commands, with a wildcard"),)
    return (Move("impact", -2, "only single commands"), Move("likelihood", -1, "only single commands"))


def _by_doas(sudo: Sudo, accounts: Accounts) -> Iterator[Verdict]:
    match sudo.doas:
        case Known(rules):
            for account in accounts.accounts:
                free = None if account.uid == 0 else _last(rules, account.name, accounts)
                if free is not None and free.permit and free.nopass and free.target in {"", "root"}:
                    limited = _fewer([free.command]) if free.command else ()
                    yield fail(
                        f"{account.name} runs {free.command or 'every command'} as root without a password, by doas.",
                        at(free.place),
                        subject=account.name,
                        moves=limited,
                        commands=("sudoedit /etc/doas.conf",),
                    )
        case Unknown(reason, mend):
            yield unknown(reason, subject="/etc/doas.conf", mend=mend)
        case Absent():
            pass


def _last(rules: tuple[DoasRule, ...], name: str, accounts: Accounts) -> DoasRule | None:
    """The rule that decides for commands that no later one names: doas takes the last that matches."""
    groups = accounts.groups_of.get(name, frozenset())
    for rule_ in reversed(rules):
        group = rule_.identity[1:] if rule_.identity.startswith(":") else ""
        if rule_.identity == name or (group and group in groups):
            return rule_
    return None


RULES = (sudo_nopasswd, *sudo_files.RULES, *sudo_settings.RULES, *sudo_sessions.RULES)
