"""What the host records of itself, and whether the record survives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from thornwall.model.fact import Fact, Unknown
from thornwall.model.record import record


@record
class JournalSetting:
    """A setting of journald.conf(5) as it holds: the last file by name that sets it. `file` is empty for a default."""

    name: str
    value: str
    file: str = ""
    line: int = 0


@record
class LogFile:
    """A log, or a directory of logs, that is there. `mode` has the permission bits; `type` is `f`, `d` or `l`."""

    path: str
    type: str
    mode: int
    user: str
    group: str


@record
class Target:
    """A line that sends the log to another host."""

    file: str
    line: int
    text: str


@record
class AuditRule:
    """A line of /etc/audit/rules.d that watches something (`-w`, `-a`, `-A`)."""

    file: str
    line: int
    text: str


NOT_READ = Unknown("it was not read")


@record
class Logs:
    """Journal and system log.

    `journal`: by lower-case name (`storage`), every setting of `[Journal]` that is set, and Storage's default; Absent
    where there is no journald. `files`: of the paths that are looked for those that are there; the directory
    /var/log/journal is what makes `Storage=auto` persistent. `remote`: where rsyslog sends the log. `audit_rules`: what
    auditd loads at boot; `audit_locked`: whether they end with `-e 2`, so that the next start alone can change them.
    `kernel_audits`: Absent where the running kernel was built without CONFIG_AUDIT, so that auditd cannot start.
    """

    journal: Fact[Mapping[str, JournalSetting]] = NOT_READ
    files: Fact[Mapping[str, LogFile]] = NOT_READ
    remote: Fact[tuple[Target, ...]] = field(default=NOT_READ)
    audit_rules: Fact[tuple[AuditRule, ...]] = field(default=NOT_READ)
    audit_locked: bool = False
    kernel_audits: Fact[bool] = field(default=NOT_READ)
