"""A host in memory: what its own tools would say once the operations of a plan are done, or taken back.

A host is a capture. chmod, chage, systemd and the kernel are a few lines each, and nothing of them is the program's:
what a tool writes as it likes (ufw, pam-auth-update, apt) is left to booted hosts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from thornwall.model.capture import Capture, CommandResult, FileRecord
from thornwall.model.change import (
    ABSENT,
    AccountDo,
    AccountField,
    Chmod,
    DropFile,
    Operation,
    Packages,
    PutFile,
    PutLink,
    SysctlDo,
    Tool,
    UnitDo,
    sha256,
)

TREES = ("walk", "programs")
"""Commands whose answer is a list of files with their modes."""
ACCOUNTS = ("/etc/passwd", "/etc/shadow", "/etc/group")
_SWAP = str.maketrans("./", "/.")  # as sysctl(8) has it for names with dots in them
_BUSYBOX = re.compile(rb"^(\S) ([0-9a-f]+) (\d+) (\d+) (\S+ \S+ '?\.)(/[^'\n]*)('.*)?$", re.MULTILINE)
_GNU = re.compile(
    rb"(?:^|(?<=\0))(\S) (\S) ([0-7]+) (\d+) (\d+) ([^\0\t]*? \.(?:/\.(?=/))?)(/[^\0\t]*)(\t[^\0]*)?(?=\0)"
)


def state(capture: Capture, path: str) -> str:
    """What is there, as an operation expects it."""
    record = capture.files.get(path)
    if record is None:
        return ABSENT
    return f"link:{record.target}" if record.state == "link" else sha256(record.content or b"")


def done(capture: Capture, operations: Iterable[Operation]) -> Capture:
    """The host once they are done; AssertionError where one does not find what it expects."""
    for operation in operations:
        capture = _done(capture, operation)
    # whatever sshd said of its settings, it would not say any more: its files tell
    stale = {name: CommandResult(name, b"", b"", 127) for name in capture.commands if name.startswith("sshd-T")}
    return replace(capture, commands={**capture.commands, **stale})


def undone(capture: Capture, before: Capture, operations: Iterable[Operation]) -> Capture:
    """Each file as the operation itself says that it was: by its bytes where it has them, and by their hash."""
    files = dict(capture.files)
    for operation in operations:
        match operation:
            case PutFile() | DropFile() | PutLink():
                path = operation.path
                was = before.files.get(path)
                assert state(before, path) == operation.expect, path
                if was is None:
                    files.pop(path, None)
                elif isinstance(operation, PutLink) or operation.before is None:
                    files[path] = was
                else:
                    files[path] = replace(was, content=operation.before)
            case AccountDo():
                files |= {path: before.files[path] for path in ACCOUNTS if path in before.files}
            case Chmod(path=path, expect_mode=mode) if path in files:
                assert mode in {-1, before.files[path].mode}, path
                files[path] = before.files[path]
            case _:
                pass
    return replace(capture, files=files)


def _done(capture: Capture, operation: Operation) -> Capture:  # noqa: PLR0911 - one for each kind of operation
    match operation:
        case PutFile(path, content, expect):
            assert state(capture, path) == expect, path
            was = capture.files.get(path)
            if was is not None and operation.keep_meta:
                return _with(capture, replace(was, content=content))
            made = FileRecord(path, content=content, mode=operation.mode, user=operation.user, group=operation.group)
            return _chmod(_named(_with(capture, made), path, len(content)), path, operation.mode)
        case DropFile(path, expect):
            assert state(capture, path) == expect, path
            files = {name: record for name, record in capture.files.items() if name != path}
            return _rows(replace(capture, files=files), path, None)
        case PutLink(path, target, expect):
            assert state(capture, path) == expect, path
            return _with(capture, FileRecord(path, "link", target=target))
        case Chmod(path, mode):
            record = capture.files.get(path)
            if record is not None and mode is not None:
                root = operation.user == "root"
                uid, user = (0, "root") if root else (record.uid, record.user)
                gid, group = (0, "root") if operation.group == "root" else (record.gid, record.group)
                capture = _with(capture, replace(record, mode=mode, uid=uid, user=user, gid=gid, group=group))
            return _chmod(capture, path, mode, root=operation.user == "root")
        case SysctlDo(key, value):
            path = "/proc/sys/" + key.translate(_SWAP)
            return _with(capture, FileRecord(path, content=f"{value}\n".encode()))
        case UnitDo("stop", units):
            return _stopped(_listed(capture, units, "inactive dead"), units)
        case UnitDo("start", units):
            return _listed(capture, units, "active running")
        case AccountDo(user, field, value):
            return _account(capture, user, field, value)
        case UnitDo() | Tool() | Packages():
            return capture


def _with(capture: Capture, record: FileRecord) -> Capture:
    return replace(capture, files={**capture.files, record.path: record})


NAMED = ("/etc/cron.allow", "/etc/at.allow")
"""Files that the walk lists for their names, where they are."""


def _named(capture: Capture, path: str, size: int) -> Capture:
    said = capture.commands.get("walk")
    if said is None or path not in NAMED or b"\0" not in said.stdout:
        return capture
    row = f"l f 644 0 0 {size} 1 .{path}\t\0".encode()
    return replace(capture, commands={**capture.commands, "walk": replace(said, stdout=said.stdout + row)})


def _chmod(capture: Capture, path: str, mode: int | None, *, root: bool = False) -> Capture:
    """The modes in the lists of files: what stood out for its mode does so no more."""
    said = capture.commands.get("log-files")
    if said is not None and mode is not None:
        row = re.compile(rf"^([0-9a-f]+)( .* \.{re.escape(path)})$", re.MULTILINE)
        text = row.sub(lambda found: f"{int(found[1], 16) & ~0o7777 | mode:x}{found[2]}", said.stdout.decode())
        capture = replace(capture, commands={**capture.commands, "log-files": replace(said, stdout=text.encode())})
    return _rows(capture, path, (mode, root))


def _rows(capture: Capture, path: str, new: tuple[int | None, bool] | None) -> Capture:
    def busybox(match: re.Match[bytes]) -> bytes:
        tag, raw, uid, gid, between, name, rest = match.groups(default=b"")
        if name.decode() != path:
            return match[0]
        if new is None:
            return b""
        mode, root = new
        bits = int(raw, 16) if mode is None else int(raw, 16) & ~0o7777 | mode
        owner = b"0" if root else uid
        return b" ".join((_tag(tag, bits), b"%x" % bits, owner, gid, between)) + name + rest

    def gnu(match: re.Match[bytes]) -> bytes:
        tag, kind, octal, uid, gid, between, name, rest = match.groups(default=b"")
        if name.decode() != path:
            return match[0]
        if new is None:
            return b"! gone"
        mode, root = new
        bits = int(octal, 8) if mode is None else mode
        owner = b"0" if root else uid
        return b" ".join((_tag(tag, bits), kind, b"%o" % bits, owner, gid, between)) + name + rest

    commands = dict(capture.commands)
    for tree in TREES:
        if (said := commands.get(tree)) is not None:
            text = _GNU.sub(gnu, said.stdout) if b"\0" in said.stdout else _BUSYBOX.sub(busybox, said.stdout)
            commands[tree] = replace(said, stdout=text)
    return replace(capture, commands=commands)


def _tag(tag: bytes, bits: int) -> bytes:
    """`w`: others may write, `s`: it runs as its owner; what is neither is listed for its name alone."""
    sticky = bits & 0o1000 and bits >> 12 in {0, 4}  # (a folder of which nobody may take away what is another's)
    gone = (tag == b"w" and (not bits & 0o002 or sticky)) or (tag == b"s" and not bits & 0o6000)
    return b"l" if gone else tag


def _listed(capture: Capture, units: Iterable[str], state_: str) -> Capture:
    """As systemd lists them then."""
    said = capture.commands.get("units")
    if said is None:
        return capture
    names = "|".join(map(re.escape, units))
    text = re.sub(rf"^({names})( +\S+ +)\S+ +\S+", rf"\1\2{state_}", said.stdout.decode(), flags=re.MULTILINE)
    return replace(capture, commands={**capture.commands, "units": replace(said, stdout=text.encode())})


def _stopped(capture: Capture, units: Iterable[str]) -> Capture:
    """The kernel has closed their sockets."""
    said = capture.commands.get("sockets")
    if said is None:
        return capture
    of_them = re.compile(rf"cgroup:\S*/({'|'.join(map(re.escape, units))})(\s|$)")
    lines = [line for line in said.stdout.decode().splitlines(keepends=True) if not of_them.search(line)]
    return replace(capture, commands={**capture.commands, "sockets": replace(said, stdout="".join(lines).encode())})


_COLUMNS = {  # of shadow(5)
    AccountField.MIN_DAYS: 3,
    AccountField.MAX_DAYS: 4,
    AccountField.WARN_DAYS: 5,
    AccountField.INACTIVE_DAYS: 6,
}


def _account(capture: Capture, user: str, field: AccountField, value: str) -> Capture:
    """passwd and shadow as usermod, chage and chpasswd leave them: of a hash only its kind leaves a host."""

    def shadow(fields: list[str]) -> None:
        if field is AccountField.PASSWORD:
            fields[1], fields[2] = "yescrypt", "20787"
        elif field is AccountField.LOCK:
            fields[1] = f"locked,{fields[1]}"
        elif field is AccountField.EXPIRE_NOW:
            fields[7] = "0"
        elif field in _COLUMNS:
            fields[_COLUMNS[field]] = value

    def passwd(fields: list[str]) -> None:
        if field is AccountField.SHELL:
            fields[6] = value
        elif field is AccountField.PASSWORD:
            fields[1] = "x"

    def group(fields: list[str]) -> None:
        if field is AccountField.LEAVE_GROUP and fields[0] == value:
            fields[3] = ",".join(name for name in fields[3].split(",") if name != user)

    capture = _columns(capture, "/etc/shadow", user, shadow)
    capture = _columns(capture, "/etc/passwd", user, passwd)
    capture = _columns(capture, "/etc/group", "", group)
    known = capture.commands.get("known-passwords")
    if field in {AccountField.PASSWORD, AccountField.LOCK} and known is not None:
        text = re.sub(
            rf"^{re.escape(user)}\tmatch(\t\d+\t\d+\t).*$", rf"{user}\tnone\1", known.text, flags=re.MULTILINE
        )
        capture = replace(
            capture, commands={**capture.commands, "known-passwords": replace(known, stdout=text.encode())}
        )
    return capture


def _columns(capture: Capture, path: str, name: str, change: Callable[[list[str]], None]) -> Capture:
    """A table of the passwd kind, with the lines of `name` (empty: all) as `change` leaves their fields."""
    record = capture.files.get(path)
    if record is None or record.content is None:
        return capture
    lines = [line.split(":") for line in record.text.split("\n")]
    for fields in lines:
        if fields[0] and name in {"", fields[0]} and len(fields) > 1:
            change(fields)
    return _with(capture, replace(record, content="\n".join(map(":".join, lines)).encode()))
