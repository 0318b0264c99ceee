"""Whether the device could be put back after a broken or stolen card."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator

from thornwall.model.backup import Backup
from thornwall.model.fact import Known, Unknown
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
from thornwall.model.rule import (
    Context,
    Preset,
    Rule,
    UnansweredError,
    Verdict,
    fail,
    manual,
    not_applicable,
    passed,
    rule,
    unknown,
)
from thornwall.model.schedule import Job, Schedule
from thornwall.model.services import Services

_PROTECTION = ("Data Protection",)
_RESTIC = "restic --repo sftp:USER@HOST:/srv/backup --password-file /root/backup-password"

_TOOL = re.compile(
    r"""(?:^|[\s;&|(/"'`=])(?:"""
    r"borg\b[^;&|]*\bcreate\b|borgmatic\b(?!\s+(?:list|info|check))|restic\b[^;&|]*\bbackup\b"
    r"|rclone\b[^;&|]*\b(?:sync|copy|copyto|bisync)\b|duplicity\b|duply\b|rsnapshot\b|rdiff-backup\b|tarsnap\b"
    r"|kopia\b[^;&|]*\bsnapshot\b|timeshift\b[^;&|]*--(?:create|check)|btrbk\b|backupninja\b|backup2l\b|rpi-clone\b"
    r"|image-backup\b|proxmox-backup-client\b|autorestic\b|resticprofile\b|bupstash\b|bup\b[^;&|]*\bsave\b"
    r"|(?:zfs|btrfs)\s+send\b|dd\s[^;&|]*\bif=/dev/(?:mmcblk|sd[a-z]|nvme|vd[a-z]|root|disk|mapper))"
)
_TAR = re.compile(r"(?:^|[\s;&|(/])tar\s+([^;&|]*)")
_CREATES = re.compile(r"--create\Z|-?[a-zA-Z]*c[a-zA-Z]*\Z")
_HELD = ("/home", "/etc", "/root", "/srv", "/opt", "/boot", "/var/lib", "/var/www", "home", "etc")
_RSYNC = re.compile(r"(?:^|[\s;&|(/])rsync\s+([^;&|]*)")
_REDIRECTION = re.compile(r"\d?>>?\s*\S*")
_ELSEWHERE = re.compile(r"rsync://|[\w.@\[\]-]+:|/(?:mnt|media|run/media|backups?|nas|srv/backups?)\b|\"?\$")

_UNITS = (
    *("borgmatic.timer", "btrbk.timer", "timeshift.timer", "urbackupclientbackend.service", "bacula-fd.service"),
    *("bareos-fd.service", "duplicati.service", "kopia.service", "cronopete.service", "resticprofile.timer"),
    *("dirvish.timer", "backuppc.service", "veeamservice.service", "amanda.socket", "burp-client.timer"),
)
"""Units of packages whose own commands are not read, and that do nothing else."""


_OF_DPKG = frozenset({"dpkg", "dpkg-db-backup"})  # copies dpkg's own tables within the card


def _backup(ctx: Context) -> Backup:
    return ctx.known(ctx.host.backup, absent="there is nothing to back up")


def _makes(text: str) -> str:
    """The first line of a command or script that makes a backup, or ''."""
    for line in text.splitlines():
        line = line.strip()  # noqa: PLW2901
        if not line or line.startswith("#") or len(line) > 2000:
            continue
        rsync = any(_elsewhere(match[1]) for match in _RSYNC.finditer(line))
        if rsync or _TOOL.search(line) or any(_packs(match[1]) for match in _TAR.finditer(line)):
            return line
    return ""


def _packs(arguments: str) -> bool:
    """Whether tar makes an archive of something that matters: `czf x.tgz /home`, `-c -f x.tar /`."""
    words = [word.strip("\"'") for word in arguments.split()]
    creates = [word for place, word in enumerate(words) if (not place or word[0:1] == "-") and _CREATES.match(word)]
    return bool(creates) and any(word == "/" or word.startswith(_HELD) for word in words)


def _elsewhere(arguments: str) -> bool:
    """Whether rsync copies to another host or disk: where its last word points."""
    arguments = _REDIRECTION.sub(" ", arguments)
    try:
        words = shlex.split(arguments, posix=False)
    except ValueError:
        words = arguments.split()
    paths = [word for word in words if not word.startswith("-")]
    return len(paths) > 1 and bool(_ELSEWHERE.match(paths[-1].lstrip("\"'")))


def _program(job: Job) -> str:
    """The path that a job runs, without what stands before it (`nice`, `-` of systemd)."""
    for word in job.command.split()[:6]:
        if word.lstrip("-@+!:").startswith("/"):
            return word.lstrip("-@+!:")
    return ""


def _found(backup: Backup, schedule: Schedule, services: Services) -> Iterator[Evidence]:
    """Everything started by itself that makes a backup."""
    for job in schedule.jobs:
        program = _program(job)
        if not job.enabled or posixpath.basename(program) in _OF_DPKG:
            continue
        line = _makes(job.command) or _makes(backup.scripts.get(program, ""))
        if line:
            yield Evidence(job.source, job.command or line, job.line)
    for unit in services.starting(*_UNITS):
        yield Evidence(unit.where, unit.name)
    for link, text in backup.user_timers.items():
        if line := _makes(text):
            yield Evidence(link, line)


def _doubtful(backup: Backup, schedule: Schedule) -> Iterator[str]:
    """Programs that are called a backup, are started by themselves, and could not be read."""
    for job in schedule.jobs:
        program = _program(job)
        named = "backup" in posixpath.basename(program).lower()
        if job.enabled and named and posixpath.basename(program) not in _OF_DPKG and program not in backup.scripts:
            yield program


def _backups(ctx: Context) -> list[Evidence]:
    schedule = ctx.known(ctx.host.schedule, absent="nothing is started by itself here")
    services = ctx.known(ctx.host.services, absent="nothing is started by itself here")
    backup = _backup(ctx)
    found = list(_found(backup, schedule, services))
    if found:
        return found
    for program in _doubtful(backup, schedule):
        raise UnansweredError(
            unknown(f"{program} runs by itself, and was not read: whether it makes a backup is not known")
        )
    if isinstance(schedule.spool, Unknown):
        raise UnansweredError(unknown(schedule.spool.reason, mend=schedule.spool.mend))
    return []


@rule(
    "no-backup",
    "Nothing backs the device up",
    subject="backup",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.PHYSICAL,
    likelihood=3,
    impact=3,
    attacker=Attacker.NEAR,
    reach=Reach.NOBODY,
    consequence=Consequence.DISRUPTION,
    effort=Effort.HOUR,
    fixable=Fixable.BY_HAND,
    preset=Preset.DOCUMENTS,
    commands=(
        "sudo apt-get install restic",
        "sudo ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519",
        "sudo ssh-copy-id USER@HOST",
        "sudo sh -c 'umask 077; openssl rand -base64 24 > /root/backup-password'",
        f"sudo {_RESTIC} init",
        f"echo '30 3 * * * root {_RESTIC} backup /etc /home' | sudo tee /etc/cron.d/backup",
    ),
    references=References(
        document=("Backup",), ssg=("configure_user_data_backups",), etsi=("5.9-1",), nist=_PROTECTION
    ),
)
def no_backup(ctx: Context) -> Iterator[Verdict]:
    """Whether a timer, a job of cron or a service makes a backup by itself.

    What:
        No enabled timer, job of cron or service runs a backup program (restic, borg, rsnapshot, duplicity, rsync to
        another place, tar, dd…). A program that is installed and never started does not count, nor does a copy made by
        hand once.
    Why:
        Cards fail without warning, devices are stolen, and after a break-in a clean start is the only safe way back.
    Remedy:
        Let a timer or a job of cron run restic or borg to another host or disk every night. To another host root needs
        a key of its own, since nobody is there to type a password. Encrypt: a backup holds host keys and
        password hashes; keep its password elsewhere too. Try the way back. The restore line `gunzip --stdout > pi.gz`,
        which guides show, empties the backup before it is read: it must be `gunzip --stdout pi.gz | sudo dd
        of=/dev/mmcblk0`. An image taken with dd of a running system is not consistent. If another machine fetches the
        backup, accept this finding with a waiver.
    Risk of the remedy:
        A backup needs room, and holds every secret of the device: protect it as well as the device.
    """
    found = _backups(ctx)
    if found:
        yield passed("A backup is made by itself.", *found[:4])
    else:
        schedule = ctx.host.schedule
        jobs = schedule.value.jobs if isinstance(schedule, Known) else ()
        # the one that every Debian has, and a reader would find; where systemd's timer does it, that job does nothing
        tables = [job for job in jobs if job.enabled and posixpath.basename(_program(job)) in _OF_DPKG]
        yield fail(
            "No timer, job of cron or service makes a backup.",
            Evidence("systemctl list-timers; crontab -l", "none of them runs a program that makes backups"),
            *(Evidence(job.source, f"{job.command} (dpkg's own tables at most)", job.line) for job in tables[:1]),
        )


@rule(
    "backup-restore-untested",
    "Nobody has tried the way back from the backup",
    subject="backup",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.PHYSICAL,
    likelihood=2,
    impact=2,
    attacker=Attacker.NEAR,
    reach=Reach.TOUCH,
    consequence=Consequence.DISRUPTION,
    effort=Effort.HOUR,
    fixable=Fixable.BY_HAND,
    references=References(document=("To restore from a full backup", "Backup"), etsi=("5.9-1",), nist=_PROTECTION),
    asks=True,
)
def backup_restore_untested(ctx: Context) -> Iterator[Verdict]:
    """A question: has something been restored from the backup?

    What:
        A backup is made by itself. No program can see whether it can be read back.
    Why:
        Backups fail in silence: a full disk, a changed password, a path left out. One finds out when it is needed.
    Remedy:
        Once a year restore some files to another place, and look at them. With restic that is `restic restore latest
        --target /tmp/try --include /etc`. Better, write an image to a spare card and start from it.
    Risk of the remedy:
        None, as long as you restore to another place than the original.
    """
    found = _backups(ctx)
    if found:
        yield manual("Has something been restored from this backup within the last year?", *found[:2])
    else:
        yield not_applicable("there is no backup: see no-backup")


@rule(
    "backup-open-to-others",
    "Everybody can read a copy of the system",
    subject="backup",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=4,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    commands=("sudo chmod 0600 FILE",),
    references=References(
        document=("To perform a full backup", "Backup"), etsi=("5.4-1",), nist=_PROTECTION, cwe=(530, 732)
    ),
)
def backup_open_to_others(ctx: Context) -> Iterator[Verdict]:
    """Whether an image or archive of the device is readable by everybody.

    What:
        A file that by its name is an image or a backup (pi.gz, *.img, *backup*.tar.gz) is readable by all accounts. The
        document's `sudo dd … | gzip > pi.gz` makes such a file: only dd runs as root, the shell writes it.
    Why:
        It holds everything that the system hides from ordinary accounts: password hashes, private keys, Wi-Fi keys.
    Remedy:
        Let only its owner read the copy, and move it off the device: a backup on the card dies with it.
    Risk of the remedy:
        Whoever fetched the copy as an ordinary user needs another way.
    """
    found = _backup(ctx)
    match found.copies:
        case Known(copies):
            seen = [copy for copy in copies if copy.size > 0]
            open_ones = [copy for copy in seen if copy.readable]
            for copy in open_ones:
                shown = Evidence(copy.path, f"mode {copy.mode:04o}, owner {copy.user}, {copy.size} bytes")
                yield fail(
                    "Every account can read it.", shown, subject=copy.path, commands=(f"sudo chmod 0600 {copy.path}",)
                )
            if not open_ones:
                shown_ones = (Evidence(copy.path, f"mode {copy.mode:04o}") for copy in seen[:8])
                yield passed("No copy of the system lies open.", *shown_ones)
        case Unknown(reason, mend):
            yield unknown(reason, mend=mend)
        case _:
            yield not_applicable("there are no copies")


RULES: tuple[Rule, ...] = (no_backup, backup_restore_untested, backup_open_to_others)
