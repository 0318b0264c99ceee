"""Fixes of the rules about logs: the journal, who may read the logs, the clock."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import replace

from thornwall.model.change import EditLine, OwnLine, Packages, Purpose, SetMode, Tool, UnitsOn, WriteFile
from thornwall.model.fact import Known
from thornwall.model.finding import Finding
from thornwall.model.logs import JournalSetting
from thornwall.model.services import Services
from thornwall.plan.fix import Fix, Situation, Want, fix

DROP_IN = "/etc/systemd/journald.conf.d/99-thornwall.conf"
PATHS: tuple[str, ...] = (
    "/etc/systemd/journald.conf",
    "/etc/systemd/journald.conf.d/*",
    "/etc/systemd/system/*",
    "/etc/audit/rules.d/*",
)

_CAP = "200M"
_JOURNALD = ("systemd-journald.socket", "systemd-journald-dev-log.socket", "systemd-journald.service")
_KEPT = "What the journal has written to /var/log/journal by then stays there when this is undone."


# journald writes to the disk only once it is told to flush, and that after it has read its files again
_AGAIN = ("systemctl", "restart", "systemd-journald.service")
_RESTART = Tool("journald", (_AGAIN, ("journalctl", "--flush")), keeps=(), undo_after=(_AGAIN,))


def _journal(situation: Situation) -> Mapping[str, JournalSetting] | None:
    logs = situation.facts.logs
    return logs.value.journal.value if isinstance(logs, Known) and isinstance(logs.value.journal, Known) else None


def _services(situation: Situation) -> Services:
    services = situation.facts.services
    return services.value if isinstance(services, Known) else Services()


def _set(situation: Situation, name: str, value: str) -> Iterator[Want]:
    """The last drop-in by name wins: ours, unless somebody's sorts behind it; then that line is changed as well."""
    yield OwnLine(DROP_IN, name, f"{name}={value}", "Journal")
    there = (_journal(situation) or {}).get(name.lower())
    if there is None or posixpath.basename(there.file) <= posixpath.basename(DROP_IN) or ".d/" not in there.file:
        return
    match situation.exact(there.file):
        case Known(content):
            lines = content.decode("utf-8", "surrogateescape").split("\n")
            if 0 < there.line <= len(lines):
                yield EditLine(there.file, there.line, lines[there.line - 1], f"{name}={value}")
        case _:
            return


def _persistent(situation: Situation) -> Iterator[Want]:
    """Keep it on the disk, and keep it small: cards wear. Nothing where a file that wins cannot be edited."""
    wants = list(_set(situation, "Storage", "persistent"))
    there = (_journal(situation) or {}).get("storage")
    if (
        there
        and ".d/" in there.file
        and posixpath.basename(there.file) > posixpath.basename(DROP_IN)
        and len(wants) < 2
    ):
        return
    yield from wants
    if "systemmaxuse" not in (_journal(situation) or {}):
        yield from _set(situation, "SystemMaxUse", _CAP)
    yield from _restart(situation)


def _restart(situation: Situation) -> Iterator[Want]:
    """Where `auto` keeps the log in memory for want of a folder, undo takes the folder away again."""
    storage = (_journal(situation) or {}).get("storage")
    folder = _folder(situation) if storage is not None and storage.value.lower() == "auto" else ()
    if situation.capture.live:
        yield replace(_RESTART, keeps=folder)


def _folder(situation: Situation) -> tuple[str, ...]:
    logs = situation.facts.logs
    files = logs.value.files.value if isinstance(logs, Known) and isinstance(logs.value.files, Known) else {}
    return () if "/var/log/journal" in files else ("/var/log/journal",)


@fix(
    "volatile-journal",
    step="journal",
    purpose=Purpose.LOGS,
    title=f"Keep the log on the disk, at most {_CAP} of it",
    may_break=(_KEPT,),
)
def volatile_journal(situation: Situation, _: Finding) -> Iterator[Want]:
    """Storage=persistent: with that journald makes /var/log/journal itself."""
    yield from _persistent(situation)


@fix("logging-disabled", step="journal", purpose=Purpose.LOGS, title="Keep a log", may_break=(_KEPT,))
def logging_disabled(situation: Situation, _: Finding) -> Iterator[Want]:
    """Storage=none, or a masked journald. Without any journal it is left to a person to choose a log daemon."""
    journal = _journal(situation)
    if journal is None:
        return
    masked = tuple(unit for unit in _JOURNALD if _services(situation).masked(unit))
    if journal["storage"].value.lower() == "none":
        yield from _persistent(situation)
    if masked:
        yield UnitsOn(masked)


@fix("journal-uncapped", step="journal", purpose=Purpose.LOGS, title=f"Let the log grow to {_CAP} at most")
def journal_uncapped(situation: Situation, _: Finding) -> Iterator[Want]:
    """SystemMaxUse."""
    yield from _set(situation, "SystemMaxUse", _CAP)
    yield from _restart(situation)


@fix("log-files-open-to-others", step="log-modes", purpose=Purpose.PERMISSIONS, title="Close logs to other accounts")
def log_files(situation: Situation, finding: Finding) -> Iterator[Want]:
    """Folders stay readable: what lies in them has modes of its own."""
    logs = situation.facts.logs
    files = logs.value.files.value if isinstance(logs, Known) and isinstance(logs.value.files, Known) else {}
    file = files.get(finding.subject)
    if file is not None and file.type in {"f", "d"}:
        yield SetMode(file.path, clear=0o002 if file.type == "d" else 0o007)


def _installed(situation: Situation, package: str) -> bool | None:
    updates = situation.facts.updates
    if not isinstance(updates, Known) or not isinstance(updates.value.packages, Known):
        return None
    return package in updates.value.packages.value


AUDIT_RULES = "/etc/audit/rules.d/60-thornwall.rules"
_AUDITD = "auditd.service"
_AUDIT_TITLE = "Keep the kernel's audit log, of what decides who gets in and what starts"
_AUDIT_BREAKS = ("Each change of accounts, sudo, PAM, SSH, units and cron is a line in /var/log/audit.",)
# What is not on this host (`-i`) is no reason to load nothing of the rest. perm comes first: it is decided at once.
_WATCHED = {
    "accounts": ("path=/etc/passwd", "path=/etc/group", "path=/etc/shadow", "path=/etc/gshadow"),
    "sudo": ("path=/etc/sudoers", "dir=/etc/sudoers.d"),
    "pam": ("dir=/etc/pam.d", "dir=/etc/security"),
    "ssh": ("dir=/etc/ssh", "dir=/root/.ssh"),
    "starts": (
        *("dir=/etc/systemd/system", "path=/etc/crontab", "dir=/etc/cron.d", "dir=/var/spool/cron/crontabs"),
        "path=/etc/ld.so.preload",
    ),
    "firewall": ("dir=/etc/ufw", "path=/etc/nftables.conf"),
    "modules": ("dir=/etc/modprobe.d", "dir=/etc/modules-load.d"),
    "audit": ("dir=/etc/audit",),
}
# (on a card nobody knows what its kernel has: where there is no audit log, nothing is to be loaded)
_LOAD = ("sh", "-c", "auditctl -s >/dev/null 2>&1 || exit 0; exec augenrules --load")
# what the file of before says, which augenrules would make anew
_UNLOAD = (
    *("sh", "-c"),
    "auditctl -s >/dev/null 2>&1 || exit 0; f=/etc/audit/audit.rules; [ ! -f $f ] || exec auditctl -R $f; auditctl -D",
)
_RULES = "".join(
    (
        "# What decides who gets in and what starts. Seen with: ausearch -i -k accounts\n-i\n",
        *(f"-a always,exit -F perm=wa -F {what} -F key={key}\n" for key, found in _WATCHED.items() for what in found),
        *(f"-a always,exit -F arch={arch} -S init_module,finit_module -F key=modules\n" for arch in ("b64", "b32")),
    )
)


@fix(
    "no-auditd",
    step="auditd",
    purpose=Purpose.LOGS,
    title=_AUDIT_TITLE,
    may_break=_AUDIT_BREAKS,
)
def auditd(situation: Situation, _: Finding) -> Iterator[Want]:
    """A daemon without rules would see little but logins."""
    installed = _installed(situation, "auditd")
    if installed is None:
        return
    if not installed:
        yield Packages(("auditd",))
    if _watches_nothing(situation):
        yield from _watch()
    yield UnitsOn((_AUDITD,))


@fix("no-audit-rules", step="auditd", purpose=Purpose.LOGS, title=_AUDIT_TITLE, may_break=_AUDIT_BREAKS)
def audit_rules(situation: Situation, _: Finding) -> Iterator[Want]:
    """Rules that are locked until the next start are left to a person."""
    if _watches_nothing(situation):
        yield from _watch()
        yield UnitsOn((_AUDITD,))


def _watches_nothing(situation: Situation) -> bool:
    logs = situation.facts.logs
    return isinstance(logs, Known) and logs.value.audit_rules == Known(()) and not logs.value.audit_locked


def _watch() -> Iterator[Want]:
    yield WriteFile(AUDIT_RULES, _RULES.encode(), mode=0o640)
    keeps = ("/etc/audit/audit.rules", "/etc/audit/audit.rules.prev")
    yield Tool("auditd", (_LOAD,), keeps, undo_after=(_UNLOAD,))


@fix("no-time-sync", step="time-sync", purpose=Purpose.LOGS, title="Set the clock from the network")
def time_sync(situation: Situation, finding: Finding) -> Iterator[Want]:
    """A time service that is installed already, or systemd-timesyncd."""
    words = situation.values.get(finding.rule, {}).get("services", ())
    names = words if isinstance(words, tuple) else ()
    services = _services(situation)
    found = [unit for name in names if (unit := services.unit(name)) and unit.name.endswith(".service")]
    if found:
        # one that is switched on and does not run comes before one that never was
        yield UnitsOn((min(found, key=lambda unit: not unit.enabled).name,))
        return
    if "systemd-timesyncd" in names and _installed(situation, "systemd-timesyncd") is False:
        yield Packages(("systemd-timesyncd",))
        yield UnitsOn(("systemd-timesyncd.service",))


FIXES: tuple[Fix, ...] = (
    volatile_journal,
    logging_disabled,
    journal_uncapped,
    log_files,
    auditd,
    audit_rules,
    time_sync,
)
