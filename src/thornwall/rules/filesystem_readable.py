"""Files that only root has a use for, and that everybody may read."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

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
from thornwall.model.rule import Context, Preset, Verdict, fail, not_applicable, passed, rule
from thornwall.rules.walked import bounds, walked

_CRON = tuple(f"/etc/cron.{name}" for name in ("d", "hourly", "daily", "weekly", "monthly", "yearly"))
_ROOTS = ("/etc/crontab", *_CRON, "/etc/ssh/sshd_config")


@rule(
    "root-config-readable",
    "Every account may read what only root has a use for",
    subject="filesystem",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=1,
    attacker=Attacker.FAR,
    reach=Reach.LOCAL,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.STRICT,
    references=References(
        cis_debian12=("2.4.1.2", "2.4.1.3", "2.4.1.4", "2.4.1.5", "2.4.1.6", "2.4.1.7", "5.1.1"),
        ssg=("file_permissions_crontab", "file_permissions_cron_d", "file_permissions_sshd_config"),
        nist=("Data Protection",),
        cwe=(732,),
    ),
)
def root_config_readable(ctx: Context) -> Iterator[Verdict]:
    """The tables of cron, or the settings of sshd, are open to all.

    What:
        Whether anybody but root may read `/etc/crontab`, look into the folders of cron in /etc, or read
        `/etc/ssh/sshd_config`.

    Why:
        They tell an intruder with a small account what root runs, when, and from where; people write passwords into
        the command lines of their jobs.

    Remedy:
        Take all permissions of others away: 0600 for the files, 0700 for the folders. cron and sshd run as root.
    Risk of the remedy:
        An audit without root sees less.
    """
    seen = walked(ctx)
    found = [entry for path in _ROOTS if (entry := seen.entry(path)) is not None and entry.type in {"f", "d"}]
    for entry in found:
        if entry.mode & 0o077:
            yield fail(
                f"{entry.path} ({entry.described}) may be read by others.",
                Evidence(entry.path, entry.described),
                subject=entry.path,
                commands=(f"sudo chmod og-rwx {shlex.quote(entry.path)}",),
            )
        else:
            yield passed(f"{entry.path} is for root.", Evidence(entry.path, entry.described), subject=entry.path)
    if not found and seen.whole:
        yield not_applicable("there are no such files")
    yield from bounds(seen)


RULES = (root_config_readable,)
