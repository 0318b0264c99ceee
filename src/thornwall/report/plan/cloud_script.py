"""The script of a first boot: POSIX sh, each line by itself, so that one that fails leaves the rest."""

from __future__ import annotations

import hashlib
import posixpath
import shlex
from collections.abc import Iterator

from thornwall.model.change import (
    ABSENT,
    AccountDo,
    AccountField,
    Chmod,
    DropFile,
    Operation,
    Packages,
    Purpose,
    PutFile,
    PutLink,
    SysctlDo,
    Tool,
    UnitDo,
    sha256,
)
from thornwall.model.plan import Step
from thornwall.report.plan import operations
from thornwall.report.text import line

FOLDER = "/var/lib/thornwall/first-boot"
SCRIPT = f"{FOLDER}/run.sh"

_HEAD = """\
#!/bin/sh
# Each line is done by itself; what is left is said.
umask 022
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
left() { echo "thornwall: left as it was: $1" >&2; }
# state PATH: the sha256 of a file, 'link:TARGET', or 'absent'
state() {
  if [ -L "$1" ]; then echo "link:$(readlink "$1")"
  elif [ -f "$1" ]; then sha256sum < "$1" | cut -d' ' -f1
  else echo absent; fi
}
# may PATH BEFORE AFTER: whether it is as the plan found it; a file that is already as it shall be is left alone
may() {
  case "$(state "$1")" in "$2") ;; "$3") return 1 ;; *) left "$1 is not as the plan found it"; return 1 ;; esac
}
# put STAGED PATH BEFORE AFTER OWNER MODE: an empty owner keeps both
put() {
  may "$2" "$3" "$4" || return 0
  case "$3" in absent) mkdir -p "$(dirname "$2")" ;; link:*) rm -f "$2" ;; *) cp -p "$2" "$1.before" ;; esac
  cat "$1" > "$2"
  if [ "$5" ]; then chown "$5" "$2" && chmod "$6" "$2"; fi
}
# back STAGED PATH: as it was before put
back() { if [ -e "$1.before" ]; then cat "$1.before" > "$2"; else rm -f "$2"; fi; }
# a key that somebody can log in with; a password that somebody in the group sudo can give
has_key() { grep -qsE '^[^#]*(ssh-|ecdsa-|sk-)' /home/*/.ssh/authorized_keys /root/.ssh/authorized_keys; }
has_password() {
  for user in $(getent group sudo wheel | cut -d: -f4 | tr , ' '); do
    passwd -S "$user" | grep -q "^$user P" && return 0
  done
  return 1
}
"""

# without it a step would lock everybody out of a copy on which nothing is set up yet
_CONDITIONS = {
    Purpose.SSH: ("has_key", "no account has a key to log in with"),
    Purpose.SUDO: ("has_password", "no account in the group sudo has a password"),
}
_CHECKS = {"/etc/ssh/sshd_config": "/usr/sbin/sshd -t", "/etc/sudoers": "/usr/sbin/visudo -cq"}


def staged(step: Step, put: PutFile) -> str:
    """Where a file waits for the script, or empty where cloud-init writes it in its place."""
    if put.expect == ABSENT and not step.purpose.way_in:
        return ""
    name = hashlib.sha256(put.path.encode(errors="replace")).hexdigest()[:8]
    return f"{FOLDER}/{name}-{posixpath.basename(put.path)}"


def script(steps: tuple[Step, ...]) -> str:
    """The whole script; empty where there is nothing for it to do."""
    parts = [part for step in steps if (part := _part(step))]
    return "\n".join([_HEAD, *parts]) if parts else ""


def _part(step: Step) -> str:
    lines = [each for operation in step.operations for each in _lines(step, operation)]
    if not lines:
        return ""
    lines = [*_validated(step, lines)]
    title = f"# {line(step.title)}"
    if step.purpose not in _CONDITIONS:
        return "\n".join([title, *lines]) + "\n"
    test, why = _CONDITIONS[step.purpose]
    inner = [f"  {each}" for each in lines]
    left = f"  left {shlex.quote(f'{line(step.title)}: {why}')}"
    return "\n".join([title, f"if {test}; then", *inner, "else", left, "fi"]) + "\n"


def _validated(step: Step, lines: list[str]) -> Iterator[str]:
    """The check of sshd or sudo stands before what makes it read its files; a fault takes the files back."""
    after = [each for each in lines if each.startswith("systemctl ")]
    yield from (each for each in lines if each not in after)
    for main, check in _CHECKS.items():
        puts = [each for each in step.operations if isinstance(each, PutFile) and _belongs(each.path, main)]
        if puts:
            backs = "; ".join(f"back {shlex.quote(staged(step, put))} {shlex.quote(put.path)}" for put in puts)
            yield f"{check} || {{ left {shlex.quote(f'{check} says no')}; {backs}; }}"
    yield from after


def _belongs(path: str, main: str) -> bool:
    return path == main or path.startswith(f"{main}.d/")


def _lines(step: Step, operation: Operation) -> Iterator[str]:
    match operation:
        case PutFile():
            yield from _put(step, operation)
        case DropFile(path, expect):
            yield f"if may {_argv(path, expect, ABSENT)}; then rm -f {_argv(path)}; fi"
        case PutLink(path, target, expect) if not operations.masked(operation):
            yield f"if may {_argv(path, expect, f'link:{target}')}; then ln -sfn {_argv(target, path)}; fi"
        case PutLink():
            yield f"systemctl mask {_argv(operations.masked(operation))}"
        case Chmod():
            yield from _chmod(operation)
        case UnitDo(action, units):
            verb = {"reload": "try-reload-or-restart", "renew": "try-restart"}.get(action, action)
            again = "systemctl daemon-reload; " if _touches_units(step) else ""
            yield f"{again}systemctl {_argv(verb, *units)}"
        case SysctlDo(key, value):
            yield f"sysctl -q -w {_argv(f'{key}={value}')}"
        case AccountDo():
            yield from _account(operation)
        case Tool(_, run):
            yield from (_argv(*argv) for argv in run)
        case Packages(remove=remove):
            if remove:
                yield f"DEBIAN_FRONTEND=noninteractive apt-get -q -y remove {_argv(*remove)}"


def _argv(*words_: str) -> str:
    return shlex.join(words_)


def _touches_units(step: Step) -> bool:
    return any(isinstance(each, PutFile) and each.path.startswith("/etc/systemd/system/") for each in step.operations)


def _put(step: Step, put: PutFile) -> Iterator[str]:
    if place := staged(step, put):
        owner, mode = ("", "") if put.keep_meta else (f"{put.user}:{put.group}", f"{put.mode:04o}")
        yield f"put {_argv(place, put.path, put.expect, sha256(put.content), owner, mode)}"


def _chmod(chmod: Chmod) -> Iterator[str]:
    acts = f"runuser -u {_argv(chmod.owner)} -- " if chmod.owner else ""
    path = _argv(chmod.path)
    if chmod.user or chmod.group:
        owner = f"{chmod.user}:{chmod.group}" if chmod.group else chmod.user
        yield f"if [ -e {path} ]; then chown -h {_argv(owner)} {path}; fi"
    if chmod.mode is not None:
        yield f"if [ -e {path} ]; then {acts}chmod {chmod.mode:04o} {path}; fi"


_COMMANDS = {
    AccountField.LOCK: ("passwd", "-l"),
    AccountField.EXPIRE_NOW: ("chage", "-E", "0"),
    AccountField.SHELL: ("usermod", "-s"),
    AccountField.MAX_DAYS: ("chage", "-M"),
    AccountField.MIN_DAYS: ("chage", "-m"),
    AccountField.WARN_DAYS: ("chage", "-W"),
    AccountField.INACTIVE_DAYS: ("chage", "-I"),
}


def _account(do: AccountDo) -> Iterator[str]:
    user = _argv(do.user)
    if do.field is AccountField.LEAVE_GROUP:
        group = _argv(do.value)
        yield f"if id -nG {user} | tr ' ' '\\n' | grep -qxF -- {group}; then gpasswd -d {user} {group}; fi"
    elif do.field in _COMMANDS:
        command = _argv(*_COMMANDS[do.field], *([do.value] if do.value else []))
        yield f"if getent passwd {user} > /dev/null; then {command} {user}; fi"
