"""Modes and owners: what one walk of the local file systems saw."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator

from thornwall.model.filesystem import Entry
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
from thornwall.model.rule import Context, Verdict, fail, not_applicable, passed, rule
from thornwall.rules import filesystem_modes, filesystem_mounts, filesystem_readable, filesystem_setid
from thornwall.rules.walked import MANY, TEMPORARY, bounds, foreign, open_files, rest, verdicts, walked


@rule(
    "world-writable-in-etc",
    "Everybody may change configuration of the system",
    subject="filesystem",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=4,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Vulnerabilities vs Misconfiguration", "Top IoT Vulnerabilities/Misconfiguration"),
        cis_debian12=("7.1.11",),
        ssg=("file_permissions_unauthorized_world_writable",),
        etsi=("5.6-7",),
        nist=("Device Configuration",),
        owasp_iot=("I9",),
        owasp_top10=("A05:2021",),
        cwe=(732,),
    ),
    commands=("sudo chmod o-w FILE",),
)
def world_writable_in_etc(ctx: Context) -> Iterator[Verdict]:
    """A file or folder below /etc may be written by every account and every program.

    What:
        The files and folders below /etc whose mode gives write permission to others.

    Why:
        /etc says how the system and its services behave, and most of them read it as root. Whoever gets any foot in the
        door, such as a web server's account, changes a line there and waits for the next restart.

    Remedy:
        Let nobody but its owner change the file. If an account has to write to it, make it the owner of just that file,
        or better: give it a file of its own elsewhere.
    Risk of the remedy:
        A program that writes to the file without being its owner will fail to do so. Look at the file's time of change
        first: if it is recent, find out who writes.
    """
    seen = walked(ctx)
    found = [entry for entry in open_files(seen) if entry.path.startswith("/etc/")]
    yield from verdicts(found, "may be changed by everybody")
    unseen = list(rest(seen, "/etc"))
    yield from unseen
    if not found and not unseen:
        yield passed("Nothing below /etc may be written by everybody.")


@rule(
    "world-writable-file",
    "Everybody may change a file outside of the temporary folders",
    subject="filesystem",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=3,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.NEEDS_ANSWER,
    references=References(
        document=("Top IoT Vulnerabilities/Misconfiguration",),
        cis_debian12=("7.1.11",),
        ssg=("file_permissions_unauthorized_world_writable",),
        etsi=("5.6-7",),
        owasp_iot=("I9",),
        cwe=(732,),
    ),
    commands=("sudo chmod o-w FILE",),
)
def world_writable_file(ctx: Context) -> Iterator[Verdict]:
    """A file that is neither temporary nor below /etc may be written by every account and every program.

    What:
        Files anywhere on the local disks whose mode gives write permission to others, except below /etc (a rule of its
        own), in /tmp and /var/tmp, in folders that keep others out, and in copies of other systems.

    Why:
        `chmod 777` makes a message of 'Permission denied' go away, and lets every program on the device change the
        file: a script that somebody runs later, a page that a web server shows, a recording that should be evidence.

    Remedy:
        Let nobody but its owner change the file, and give it to the account that has to write to it: `sudo chown
        ACCOUNT FILE`.
    Risk of the remedy:
        A program that writes to the file without being its owner will fail to do so: find out first which account it
        runs as.
    """
    seen = walked(ctx)
    found = [entry for entry in open_files(seen) if entry.type == "f" and not entry.path.startswith("/etc/")]
    yield from verdicts(found, "may be changed by everybody")
    unseen = list(rest(seen))
    yield from unseen
    if not found and not unseen:
        yield passed("No such file on the local disks.")


@rule(
    "world-writable-directory",
    "In a folder everybody may replace the files of others",
    subject="filesystem",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=3,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.NEEDS_ANSWER,
    references=References(
        document=("Top IoT Vulnerabilities/Misconfiguration",),
        cis_debian12=("7.1.11",),
        ssg=("dir_perms_world_writable_sticky_bits",),
        etsi=("5.6-7",),
        owasp_iot=("I9",),
        cwe=(732, 379),
    ),
    commands=("sudo chmod o-w DIRECTORY",),
)
def world_writable_directory(ctx: Context) -> Iterator[Verdict]:
    """A folder outside of /etc is writable for everybody and has no sticky bit.

    What:
        Folders on the local disks that everybody may write to and that lack the sticky bit which /tmp has.

    Why:
        Whoever may write to a folder may rename and delete what is in it, whoever owns that, and put something else in
        its place: a script, a page, a picture. With the sticky bit only the owner of a file may do so.

    Remedy:
        Let nobody but its owner write into the folder, and give it to the account that uses it: `sudo chown ACCOUNT
        DIRECTORY`. Where several accounts really share it, a group for them is the right way; if everybody must, set
        the sticky bit: `sudo chmod +t DIRECTORY`.
    Risk of the remedy:
        Programs of other accounts can no longer create files there, or (sticky bit) no longer remove those of others.
        A Samba or FTP share for guests is the usual case.
    """
    seen = walked(ctx)
    found = [entry for entry in open_files(seen) if entry.type == "d" and not entry.path.startswith("/etc/")]
    yield from verdicts(found, "is writable for everybody and not sticky")
    unseen = list(rest(seen))
    yield from unseen
    if not found and not unseen:
        yield passed("Every folder that everybody may write to has the sticky bit.")


@rule(
    "unowned-file",
    "Files belong to an account that does not exist",
    subject="filesystem",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=2,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    references=References(
        document=("Top IoT Vulnerabilities/Misconfiguration",),
        cis_debian12=("7.1.12",),
        ssg=("no_files_unowned_by_user", "file_permissions_ungroupowned"),
        etsi=("5.6-7",),
        cwe=(282,),
    ),
    commands=("sudo chown ACCOUNT:GROUP FILE",),
)
def unowned_file(ctx: Context) -> Iterator[Verdict]:
    """The number of a file's owner or group belongs to no account of this system.

    What:
        Files and folders on the local disks whose owner or group has no name here, except in temporary folders. What
        lies below such a folder is counted with it.

    Why:
        They stay behind when an account is removed, or come with a copy from elsewhere. The next account that is made
        gets the free number, and with it the files: perhaps the former owner's keys and mail.

    Remedy:
        Look at what the files are, then delete them or give them to somebody: `sudo chown -R ACCOUNT:GROUP PATH`.
    Risk of the remedy:
        A backup or a container that keeps the numbers of another system needs them as they are: leave those, and accept
        the finding with a waiver.
    """
    seen = walked(ctx)
    strangers = foreign(seen)
    tops: dict[str, list[Entry]] = {}
    for entry in sorted(seen.unowned, key=lambda each: each.path):
        if entry.path.startswith((*strangers, *TEMPORARY)):
            continue
        top = next((above for above in _above(entry.path) if above in tops), entry.path)
        tops.setdefault(top, []).append(entry)
    owners: dict[str, list[Entry]] = {}
    for inside in tops.values():
        owners.setdefault(f"{inside[0].user}:{inside[0].group}", []).append(inside[0])
    for owner, heads in owners.items():
        number = sum(len(tops[head.path]) for head in heads)
        what = f"{number} files belong" if number > 1 else f"{heads[0].path} belongs"
        yield fail(
            f"{what} to {owner}, which is no account here.",
            *(Evidence(head.path, head.described) for head in heads[:MANY]),
            subject=owner,
            commands=tuple(f"sudo chown -R ACCOUNT:GROUP {shlex.quote(head.path)}" for head in heads[:MANY]),
        )
    unseen = list(rest(seen))
    yield from unseen
    if not tops and not unseen:
        yield passed("Every file on the local disks has an owner and a group.")


def _above(path: str) -> Iterator[str]:
    while path not in {"/", ""}:
        path = posixpath.dirname(path)
        yield path


@rule(
    "home-directory-open",
    "Every account may look into somebody's home",
    subject="filesystem",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=2,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("What kind of target is your device?",),
        cis_debian12=("7.2.9",),
        ssg=("file_permissions_home_directories",),
        etsi=("5.6-7",),
        nist=("Data Protection",),
        owasp_iot=("I6",),
        cwe=(732,),
    ),
    commands=("sudo chmod o-rwx /home/ACCOUNT",),
)
def home_directory_open(ctx: Context) -> Iterator[Verdict]:
    """A home below /home, or root's, may be read or written by others than its owner.

    What:
        The folders in /home, and /root, whose mode lets every account list them (or worse: write to them). Only passing
        through (`--x`), as a web server needs it, is no fault.

    Why:
        Homes hold photos, histories, keys and tokens. Debian makes them private for new accounts from 12 on where
        `adduser` makes them, from 13 on by `useradd` too: older ones are open to each service's account.

    Remedy:
        Keep other accounts out of the home directory.
    Risk of the remedy:
        A web server or a file share that shows a folder of the home by another account no longer reaches it. Give it
        just the passage back (`chmod o+x`), or move the folder to /srv.
    """
    seen = walked(ctx)
    homes = [entry for entry in seen.under("/home") if entry.path.count("/") == 2 and entry.type == "d" and entry.uid]
    root = seen.entry("/root")
    homes += [root] if root else []
    if not homes:
        yield not_applicable("There are no homes.")
    failed = False
    for home in homes:
        if home.mode & 0o006 and not home.sticky:
            failed = True
            may = "may write to" if home.mode & 0o002 else "may list"
            writable = Move("likelihood", 1, "others may also write there")
            yield fail(
                f"Every account {may} {home.path} ({home.described}).",
                Evidence(home.path, home.described),
                subject=home.path,
                moves=(writable,) if home.mode & 0o002 else (),
                commands=(f"sudo chmod o-rwx {shlex.quote(home.path)}",),
            )
    unseen = list(bounds(seen))
    yield from unseen
    if homes and not failed and not unseen:
        yield passed("The homes are closed to other accounts.")


RULES = (
    world_writable_in_etc,
    world_writable_file,
    world_writable_directory,
    unowned_file,
    home_directory_open,
    *filesystem_setid.RULES,
    *filesystem_modes.RULES,
    *filesystem_mounts.RULES,
    *filesystem_readable.RULES,
)
