"""The files of sudo: who may change them, and lines that mean less or more than they seem to."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.fact import Known
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
from thornwall.model.rule import Context, Preset, Verdict, fail, passed, rule, unknown
from thornwall.model.sudo import Place, Policy


def _policy(ctx: Context) -> Policy:
    sudo = ctx.known(ctx.host.sudo, absent="neither sudo nor doas is set up")
    return ctx.known(sudo.policy, absent="sudo is not installed")


def _at(place: Place) -> Evidence:
    return Evidence(place.file, place.text, place.line)


def _unread(policy: Policy) -> Iterator[Verdict]:
    for path, why in policy.unread.items():
        yield unknown(why.reason, subject=path, mend=why.mend)


@rule(
    "sudo-file-permissions",
    "Others may change what sudo allows",
    subject="sudo",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=3,
    impact=5,
    attacker=Attacker.FAR,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.RECOMMENDED,
    references=References(
        ssg=("file_permissions_etc_sudoers", "file_owner_etc_sudoers", "directory_permissions_etc_sudoersd"),
        nist=("Logical Access to Interfaces",),
        cwe=(732,),
    ),
    commands=("sudo chown root:root FILE", "sudo chmod 0440 FILE"),
)
def sudo_file_permissions(ctx: Context) -> Iterator[Verdict]:
    """A sudoers file, or the directory of them, belongs to another account or can be written to by others.

    What:
        Owner and permissions of `/etc/sudoers`, of the files in `/etc/sudoers.d` and of that directory. That others may
        read them (0644) is untidy, and passes.

    Why:
        Whoever may write there gives himself everything. sudo refuses a file that others may write to, so that what it
        grants is lost as well.

    Remedy:
        Give the file back to root, and read it first: somebody may already have used it. A file gets mode 0440, the
        directory 0750.
    Risk of the remedy:
        A file that sudo ignored until now comes into force: read what it says.
    """
    policy, answered = _policy(ctx), False
    for file in policy.files:
        fault = _file_fault(file.mode, file.uid, file.gid)
        if fault:
            answered = True
            yield fail(
                f"{file.path} {fault}.", Evidence(file.path, f"{file.mode:04o}, owner {file.uid}"), subject=file.path
            )
    match ctx.host.filesystem:
        case Known(walked) if entry := walked.resolve("/etc/sudoers.d"):
            fault = _file_fault(entry.mode, entry.uid, entry.gid)
            if fault:
                answered = True
                yield fail(f"{entry.path} {fault}.", Evidence(entry.path, entry.described), subject=entry.path)
        case _:
            pass
    for verdict in _unread(policy):
        answered = True
        yield verdict
    if not answered:
        yield passed("Only root may change what sudo allows.")


def _file_fault(mode: int, uid: int, gid: int) -> str:
    if uid > 0:
        return f"belongs to user {uid}, not to root"
    if mode < 0:
        return ""
    if mode & 0o002:
        return f"may be written to by everybody ({mode & 0o7777:04o})"
    return f"may be written to by the group {gid} ({mode & 0o7777:04o})" if mode & 0o020 and gid > 0 else ""


@rule(
    "sudo-bad-line",
    "sudo cannot read a line of its configuration",
    subject="sudo",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=3,
    attacker=Attacker.NEAR,
    reach=Reach.LOCAL,
    consequence=Consequence.DISRUPTION,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.RECOMMENDED,
    references=References(document=("Remove nopasswd feature",), nist=("Device Configuration",)),
    commands=("sudo visudo -c", "sudo visudo -f FILE"),
)
def sudo_bad_line(ctx: Context) -> Iterator[Verdict]:
    """A sudoers file has a line that sudo does not understand.

    What:
        Lines of `/etc/sudoers` and the files it includes that do not follow the grammar of sudoers(5).

    Why:
        sudo skips the line with a warning, older versions refuse to work at all: then nobody can become root any
        more to mend it.

    Remedy:
        Mend the line with `sudo visudo -f FILE`, which checks before it saves; `sudo visudo -c` names it.
    Risk of the remedy:
        None, if visudo is used.
    """
    policy, failed = _policy(ctx), False
    for place in policy.bad:
        failed = True
        where = f"{place.file}:{place.line}"
        yield fail(f"sudo does not understand line {place.line} of {place.file}.", _at(place), subject=where)
    for verdict in _unread(policy):
        failed = True
        yield verdict
    if not failed:
        yield passed("sudo understands every line.")


@rule(
    "sudo-command-wildcard",
    "A wildcard in a command of sudo allows more than it seems to",
    subject="sudo",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=3,
    attacker=Attacker.FAR,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.STRICT,
    references=References(
        ssg=("sudoers_explicit_command_args", "sudoers_no_command_negation"),
        nist=("Logical Access to Interfaces",),
        cwe=(155,),
    ),
    commands=("sudo visudo -f FILE",),
)
def sudo_command_wildcard(ctx: Context) -> Iterator[Verdict]:
    """A sudoers entry limits an account to a command by a wildcard, or everything but a command by `!`.

    What:
        Commands with `*` or `?` in their arguments, and negated commands after ALL, for accounts other than root.

    Why:
        `*` in arguments matches blanks and slashes too, so that `/bin/cat /var/log/*` also reads
        `/var/log/x ../../etc/shadow`; and who may run ALL but `/bin/su` copies su to another name.

    Remedy:
        Name each command with its full arguments, or put a small script of root's own in the entry. With sudo 1.9.10
        and later a regular expression (`^…$`) can say exactly what is allowed.
    Risk of the remedy:
        Uses that the wildcard covered stop working.
    """
    policy = _policy(ctx)
    places: dict[Place, str] = {}
    for name, grants in policy.grants.items():
        if name == "root":
            continue
        everything = False
        for grant in grants:
            everything = everything or (grant.command == "ALL" and not grant.negated)
            if grant.negated and everything and grant.command != "ALL":
                places.setdefault(grant.place, f"everything but {grant.command}")
            elif not grant.negated and set("*?") & set(grant.command.partition(" ")[2]) and grant.command[0] != "^":
                places.setdefault(grant.place, grant.command)
    for place, command in places.items():
        where = f"{place.file}:{place.line}"
        yield fail(f"{where} limits an account to {command}, which can be got around.", _at(place), subject=where)
    yield from _unread(policy)
    if not places and not policy.unread:
        yield passed("No entry of sudo has a wildcard in its arguments.")


RULES = (sudo_file_permissions, sudo_bad_line, sudo_command_wildcard)
