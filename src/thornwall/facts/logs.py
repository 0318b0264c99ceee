"""What the host records of itself: journald.conf with its drop-ins, rsyslog's targets, auditd's rules, modes."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from thornwall.facts.redact import PLAIN, TEXT
from thornwall.model.capture import Capture
from thornwall.model.fact import ABSENT, Absent, Fact, Known, Unknown
from thornwall.model.logs import AuditRule, JournalSetting, LogFile, Logs, Target
from thornwall.model.probe import Probe, Read, Run

# From the one that counts most; of files with the same name only the first is read.
_FOLDERS = ("/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd")
_JOURNALD = ("/usr/lib/systemd/systemd-journald", "/lib/systemd/systemd-journald")
_RSYSLOG = ("/etc/rsyslog.conf", "/etc/rsyslog.d/*.conf")
_AUDIT = "/etc/audit/rules.d/*.rules"
_AUDIT_OWN = "/etc/audit/audit.rules"  # made of them by augenrules, or the owner's own
_AUDITS = "/proc/self/loginuid"  # there where the kernel has CONFIG_AUDIT
_AUDIT_OFF = {"audit=0", "audit=off"}
_CMDLINE, _AT_REST = "/proc/cmdline", ("/boot/firmware/cmdline.txt", "/boot/cmdline.txt")
_LOGS = (
    *("/var/log", "/var/log/journal", "/var/log/audit", "/var/log/audit/audit.log", "/var/log/auth.log"),
    *("/var/log/syslog", "/var/log/messages", "/var/log/secure", "/var/log/kern.log", "/var/log/daemon.log"),
    *("/var/log/user.log", "/var/log/mail.log", "/var/log/cron.log", "/var/log/btmp", "/var/log/ufw.log", *_JOURNALD),
)

PROBES: tuple[Probe, ...] = (
    *(Read(f"{folder}/journald.conf", TEXT) for folder in _FOLDERS),
    *(Read(f"{folder}/journald.conf.d/*.conf", TEXT) for folder in _FOLDERS),
    *(Read(pattern, TEXT) for pattern in _RSYSLOG),
    Read(_AUDIT, TEXT),
    Read(_AUDIT_OWN, TEXT),
    *(Read(path, TEXT) for path in (_CMDLINE, *_AT_REST)),
    Read(_AUDITS, PLAIN),
    Run(
        "log-files",
        f"stat -c '%f %U %G %n' -- {' '.join(f'.{path}' for path in _LOGS)} 2>/dev/null; exit 0",
        shell=True,
        live=False,
        follows=("./var/log", "./var/log/audit", "./usr/lib/systemd", "./lib/systemd"),
    ),
)

_SECTION = re.compile(r"\s*\[([^\]]*)\]")
_ASSIGNMENT = re.compile(r"\s*([A-Za-z]+)\s*=\s*(.*?)\s*\Z")
_TYPES = {0o040000: "d", 0o100000: "f", 0o120000: "l"}
# `*.* @@host`, `action(type="omfwd" target="host")`
_REMOTE = re.compile(
    r"""^[^#$].*?[ \t]@{1,2}(?:\([^)]*\))?[\w\[]|^[^#]*\btype\s*=\s*"(?:omfwd|omrelp)\"""", re.IGNORECASE
)


def parse(capture: Capture) -> Fact[Logs]:
    """Always Known; its parts are what can be missing."""
    lines = _audit_lines(capture)
    return Known(
        Logs(
            journal=_journal(capture),
            files=_files(capture),
            remote=_remote(capture),
            audit_rules=_audit_rules(lines),
            audit_locked=isinstance(lines, Known) and any(_LOCKS.match(line.text) for line in lines.value),
            kernel_audits=_kernel_audits(capture),
        )
    )


def _journal(capture: Capture) -> Fact[Mapping[str, JournalSetting]]:
    settings = {"storage": JournalSetting("Storage", "auto")}
    found = False
    for path in _paths(capture):
        match capture.record(path):
            case Known(record):
                found = True
                for setting in _assignments(path, record.text):
                    settings[setting.name.lower()] = setting
            case Unknown() as why:
                return why
            case _:
                pass
    for folder in _FOLDERS:
        if blocked := capture.blocked(f"{folder}/journald.conf.d/*.conf"):
            return blocked
    if not found and not _there(capture):
        return ABSENT
    if settings["storage"].value.lower() not in {"volatile", "persistent", "auto", "none"}:
        settings["storage"] = JournalSetting("Storage", "auto")  # as journald does with what it does not know
    return Known(settings)


def _paths(capture: Capture) -> Iterator[str]:
    """The files in the order in which journald reads them: the main file, then drop-ins by name."""
    for folder in _FOLDERS:
        if f"{folder}/journald.conf" in capture.files:
            yield f"{folder}/journald.conf"
            break
    chosen: dict[str, str] = {}
    for folder in _FOLDERS:
        for path, _ in capture.glob(f"{folder}/journald.conf.d/*.conf"):
            chosen.setdefault(posixpath.basename(path), path)
    for name in sorted(chosen):
        if capture.files[chosen[name]].target != "/dev/null":  # how a drop-in of the distribution is masked
            yield chosen[name]


def _assignments(path: str, text: str) -> Iterator[JournalSetting]:
    section = ""
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith(("#", ";")):
            continue
        if match := _SECTION.match(line):
            section = match[1]
        elif section == "Journal" and (match := _ASSIGNMENT.match(line)) and match[2]:
            yield JournalSetting(match[1], match[2], path, number)


def _there(capture: Capture) -> bool:
    match _files(capture):
        case Known(files):
            return any(path in files for path in _JOURNALD)
        case _:
            return False


def _files(capture: Capture) -> Fact[Mapping[str, LogFile]]:
    match capture.stdout("log-files"):
        case Known(text):
            files: dict[str, LogFile] = {}
            for line in text.splitlines():
                fields = line.split(" ", 3)
                if len(fields) == 4 and fields[3].startswith("./") and _HEX.fullmatch(fields[0]):
                    mode = int(fields[0], 16)
                    path = fields[3][1:]
                    files[path] = LogFile(path, _TYPES.get(mode & 0o170000, "?"), mode & 0o7777, *fields[1:3])
            return Known(files) if files else Unknown("the modes of the logs were not told")
        case other:
            return other


_HEX = re.compile(r"[0-9a-f]{1,8}")


def _remote(capture: Capture) -> Fact[tuple[Target, ...]]:
    targets: list[Target] = []
    for pattern in _RSYSLOG:
        for path, record in capture.glob(pattern):
            match record:
                case Known(file):
                    for number, line in enumerate(file.text.split("\n"), 1):
                        if _REMOTE.match(line.strip()):
                            targets.append(Target(path, number, line.strip()))
                case Unknown() as why:
                    return why
                case _:
                    pass
    return Known(tuple(targets))


_LOCKS = re.compile(r"-e\s+2\b")
_WATCHES = re.compile(r"-w\s|-[aA]\s+(?!.*\b(?:never|exclude)\b)")  # (`-a task,never` switches watching off)


def _audit_lines(capture: Capture) -> Fact[tuple[AuditRule, ...]]:
    """Every line but comments. Who made audit.rules by hand has what counts there, and nothing in the folder."""
    found: list[AuditRule] = []
    for pattern in (_AUDIT, _AUDIT_OWN):
        if blocked := capture.blocked(pattern):
            return blocked
        for path, record in capture.glob(pattern):
            match record:
                case Known(file):
                    numbered = enumerate(map(str.strip, file.text.split("\n")), 1)
                    found += [AuditRule(path, number, line) for number, line in numbered if line and line[0] != "#"]
                case Unknown() as why:
                    return why
                case _:
                    pass
    return Known(tuple(found))


def _audit_rules(lines: Fact[tuple[AuditRule, ...]]) -> Fact[tuple[AuditRule, ...]]:
    match lines:
        case Known(every):
            found = [line for line in every if _WATCHES.match(line.text)]
            # the one file is made of the others, as a rule: what it says again does not count twice
            said = {line.text for line in found if line.file != _AUDIT_OWN}
            return Known(tuple(line for line in found if line.file != _AUDIT_OWN or line.text not in said))
        case other:
            return other


def _kernel_audits(capture: Capture) -> Fact[bool]:
    read = (capture.read(path) for path in ((_CMDLINE,) if capture.live else _AT_REST))
    if any(_AUDIT_OFF.intersection(said.value.split()) for said in read if isinstance(said, Known)):
        return ABSENT
    if not capture.live:
        return Unknown("a directory cannot tell: it needs the running system", "audit the running host")
    match capture.read(_AUDITS):
        case Known():
            return Known(value=True)
        case Absent() if not isinstance(capture.read("/proc/sys/kernel/osrelease"), Known):
            return Unknown("this kernel was not asked whether it has an audit log")
        case other:
            return other
