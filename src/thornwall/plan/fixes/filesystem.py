"""Fixes of the rules about files: modes, owners, mount options."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator

from thornwall.model.change import EditLine, OwnLine, Purpose, SetMode
from thornwall.model.fact import Known
from thornwall.model.filesystem import Entry, FileSystem
from thornwall.model.finding import Finding
from thornwall.model.plan import Undoing
from thornwall.plan.fix import Fix, Hold, Situation, Want, fix

TMP_MOUNT = "/etc/systemd/system/tmp.mount.d/thornwall.conf"
PATHS: tuple[str, ...] = ("/etc/fstab", "/etc/systemd/system/*/*")

_MANY = 5  # more in one folder are one finding, about the folder
# groups whose members may read secrets, by the distributions' own arrangement
_READERS = frozenset({"shadow", "ssl-cert", "ssh_keys", "_ssh", "systemd-network", "openvpn", "dip"})
_SERVES_HOMES = ("apache2", "nginx", "lighttpd", "httpd", "smbd", "smb", "vsftpd", "proftpd", "nfs-server", "minidlna")


def tree_of(situation: Situation) -> FileSystem:
    """What the walk saw."""
    tree = situation.facts.filesystem
    return tree.value if isinstance(tree, Known) else FileSystem()


def set_mode(  # noqa: PLR0913 - it is SetMode, and who may do it
    situation: Situation,
    entry: Entry,
    *,
    mode: int | None = None,
    clear: int = 0,
    set_: int = 0,
    user: str = "",
    group: str = "",
) -> Iterator[SetMode]:
    """The wish, by whoever may make it come true; nothing where nobody can do it safely.

    In a folder that others own, root would follow what they put there: the file's owner changes modes then, and there
    is nobody to change the owner.
    """
    if entry.type not in {"f", "d"}:
        return
    owner = entry.user if entry.uid else ""
    if user or group:
        if not roots_way(situation, entry.path):
            return
        owner = ""
    elif not owner and not roots_way(situation, entry.path):
        return
    # what lies below folders that are not walked has no mode there: then it is said in full
    if mode is None and tree_of(situation).entry(entry.path) is None:
        mode, clear, set_ = (entry.mode & ~clear) | set_, 0, 0
    yield SetMode(entry.path, mode, clear, set_, user, group, owner)


def roots_way(situation: Situation, path: str) -> bool:
    """Whether every folder above belongs to root, as far as it is known; of homes it never does."""
    tree = tree_of(situation)
    if path.startswith("/home/") and path.count("/") > 2:
        return False
    while path != "/":
        path = posixpath.dirname(path)
        above = tree.entry(path)
        if above is not None and (above.type != "d" or above.uid):
            return False
    return True


def _world_writable(situation: Situation, finding: Finding, kind: str) -> Iterator[Entry]:
    """The files of a finding: the one it names, or all that its folder holds of them."""
    found = [entry for entry in tree_of(situation).world_writable if entry.type in kind]
    inside = [entry for entry in found if posixpath.dirname(entry.path) == finding.subject]
    yield from (entry for entry in found if entry.path == finding.subject)
    if len(inside) > _MANY:
        yield from inside


def _all(situation: Situation, entries: Iterator[Entry], *, clear: int = 0, set_: int = 0) -> list[Want]:
    """The wishes for all of them, or none: half of a finding mends nothing."""
    wants: list[Want] = []
    for entry in entries:
        wish = next(set_mode(situation, entry, clear=clear, set_=set_), None)
        if wish is None:
            return []
        wants.append(wish)
    return wants


@fix("world-writable-in-etc", step="modes", purpose=Purpose.PERMISSIONS, title="Let not everybody change /etc")
def in_etc(situation: Situation, finding: Finding) -> Iterator[Want]:
    """o-w."""
    yield from _all(situation, _world_writable(situation, finding, "fd"), clear=0o002)


@fix(
    "world-writable-file",
    step="world-writable-files",
    purpose=Purpose.PERMISSIONS,
    title="Let not everybody change files outside of temporary folders",
)
def world_writable_file(situation: Situation, finding: Finding) -> Iterator[Want]:
    """o-w, once the owner has said that nobody else needs to write there."""
    wants = _all(situation, _world_writable(situation, finding, "f"), clear=0o002)
    if wants and not _closed_anyway(situation, finding.subject):
        yield Hold(
            "others-write-here",
            f"No program can see whether another account has to write to {finding.subject}.",
            "Look at who writes to it ('ls -l', 'fuser -v'), give it to that account, or say that nobody does.",
            finding.subject,
            accept=True,
        )
    yield from wants


def _closed_anyway(situation: Situation, path: str) -> bool:
    """Whether it is a file that jobs or services run: those findings close it without asking."""
    return any(
        each.rule in {"cron-runs-writable-script", "unit-runs-writable-script"}
        and any(evidence.source == path for evidence in each.evidence[1:])
        for each in situation.findings
    )


@fix(
    "world-writable-directory",
    step="modes",
    purpose=Purpose.PERMISSIONS,
    title="In shared folders let only its owner remove a file",
    may_break=("A program can no longer remove or rename files of other accounts in a folder that everybody may use.",),
)
def world_writable_directory(situation: Situation, finding: Finding) -> Iterator[Want]:
    """The sticky bit, as /tmp has it: everybody may go on writing there."""
    found = [entry for entry in tree_of(situation).world_writable if entry.type == "d"]
    inside = [entry for entry in found if posixpath.dirname(entry.path) == finding.subject]
    mine = [entry for entry in found if entry.path == finding.subject]
    yield from _all(situation, iter(mine + (inside if len(inside) > _MANY else [])), set_=0o1000)


@fix("home-directory-open", step="homes", purpose=Purpose.PERMISSIONS, title="Close homes to other accounts")
def home_directory(situation: Situation, finding: Finding) -> Iterator[Want]:
    """Nobody else looks in; the passage stays where something serves files, as it may from a home."""
    entry = tree_of(situation).entry(finding.subject)
    services = situation.facts.services
    serves = isinstance(services, Known) and bool(services.value.starting(*_SERVES_HOMES))
    if entry is not None:
        yield from set_mode(situation, entry, clear=0o006 if serves else 0o007)


@fix("sensitive-file-mode", step="secret-files", purpose=Purpose.PERMISSIONS, title="Close files of secrets")
def sensitive_file(situation: Situation, finding: Finding) -> Iterator[Want]:
    """As the distributions have them: shadow 0640 root:shadow, host keys 0600 root:root; the rest for its owner."""
    entry = tree_of(situation).entry(finding.subject)
    if entry is None:
        return
    if entry.path.startswith(("/etc/shadow", "/etc/gshadow")):
        yield from set_mode(situation, entry, mode=0o640, user="root", group="shadow")
    elif entry.path.startswith("/etc/ssh/"):
        yield from set_mode(situation, entry, mode=0o600, user="root", group="root")
    else:
        yield from set_mode(situation, entry, clear=0o007 if entry.group in _READERS else 0o077)


@fix(
    "system-file-not-roots",
    step="modes",
    purpose=Purpose.PERMISSIONS,
    title="Give root back what it runs and obeys",
    may_break=("What somebody else may have written into these files stays in them: read them.",),
)
def system_file(situation: Situation, finding: Finding) -> Iterator[Want]:
    """chown root:root and go-w; where only a group may write, that alone is taken."""
    entry = tree_of(situation).entry(finding.subject)
    if entry is None:
        return
    if entry.uid:
        yield from set_mode(situation, entry, clear=0o022, user="root", group="root")
    else:
        yield from set_mode(situation, entry, clear=0o020)


@fix("unexpected-setuid", step="setuid", purpose=Purpose.PERMISSIONS, title="Take set-user-ID bits away")
def unexpected_setuid(situation: Situation, finding: Finding) -> Iterator[Want]:
    """Once the owner has said that nothing he wants needs it. A whole other system in a folder is left to him."""
    entry = next((each for each in tree_of(situation).setid if each.path == finding.subject), None)
    if entry is None:
        return
    wants = list(set_mode(situation, entry, clear=0o6000))
    if wants:
        yield Hold(
            "setuid-needed",
            f"No program can see whether {entry.path} is meant to run with the rights of its owner or group.",
            f"Find out where it comes from ('dpkg -S {shlex.quote(entry.path)}'). If nothing you want needs it, say so."
            " If nobody put it there, treat the device as broken into.",
            entry.path,
            accept=True,
        )
    yield from wants


@fix(
    "root-config-readable",
    step="modes",
    purpose=Purpose.PERMISSIONS,
    title="Close to others what only root has a use for",
)
def root_config(situation: Situation, finding: Finding) -> Iterator[Want]:
    """og-rwx."""
    entry = tree_of(situation).entry(finding.subject)
    if entry is not None:
        yield from set_mode(situation, entry, clear=0o077)


@fix(
    "mount-options-missing",
    step="mount-options",
    purpose=Purpose.BOOT,
    title="Mount folders that everybody may write to without programs and devices",
    may_break=("Package scripts and installers that start programs there fail.",),
    undoing=Undoing.REBOOT,
    awaits_reboot=True,
)
def mount_options(situation: Situation, finding: Finding) -> Iterator[Want]:
    """The line of fstab; a drop-in for systemd's own tmp.mount; a new line for /dev/shm, which has neither."""
    path = finding.subject
    wanted = ("nodev", "nosuid") if path == "/home" else ("nodev", "nosuid", "noexec")
    wants = list(_options(situation, path, wanted))
    if wants and path in {"/tmp", "/var/tmp"}:  # noqa: S108
        yield Hold(
            "programs-in-tmp",
            f"With noexec no program can be started from {path}: some installers and package scripts do so.",
            "Say that nothing you use does.",
            path,
            accept=True,
        )
    yield from wants


def _options(situation: Situation, path: str, wanted: tuple[str, ...]) -> Iterator[Want]:
    match situation.exact("/etc/fstab"):
        case Known(content):
            lines = content.decode("utf-8", "surrogateescape").split("\n")
        case _:
            return
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if len(fields) >= 4 and not fields[0].startswith("#") and fields[1] == path:
            there = fields[3].split(",")
            undone = {f"{option.removeprefix('no')}" for option in wanted} | {"defaults"}
            kept = [option for option in there if option not in undone or option == "defaults"]
            options = ",".join([*kept, *(option for option in wanted if option not in there)])
            yield EditLine("/etc/fstab", number, line, line.replace(fields[3], options, 1))
            return
    mount = tree_of(situation).mount(path)
    if mount is None or mount.type != "tmpfs":
        return
    if path == "/tmp":  # noqa: S108
        kept = [each for each in mount.options if each.startswith(("size=", "nr_inodes=", "mode="))]
        mode = [] if any(each.startswith("mode=") for each in kept) else ["mode=1777"]
        options = ",".join([*mode, "strictatime", *wanted, *kept])
        yield OwnLine(TMP_MOUNT, "Options", f"Options={options}", "Mount")
    elif path == "/dev/shm":  # noqa: S108
        yield EditLine("/etc/fstab", 0, "", f"tmpfs {path} tmpfs rw,{','.join(wanted)} 0 0")


FIXES: tuple[Fix, ...] = (
    in_etc,
    world_writable_file,
    world_writable_directory,
    home_directory,
    sensitive_file,
    system_file,
    unexpected_setuid,
    root_config,
    mount_options,
)
