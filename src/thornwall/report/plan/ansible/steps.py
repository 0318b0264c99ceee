"""The tasks of a step. `changed` is the truth in each: where a module cannot say it, a shell line does."""

from __future__ import annotations

import posixpath
import shlex
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence

from thornwall.model.change import (
    ABSENT,
    AccountDo,
    Chmod,
    DropFile,
    Operation,
    Packages,
    PutFile,
    PutLink,
    SysctlDo,
    Tool,
    sha256,
)
from thornwall.model.plan import Step
from thornwall.report.plan import operations
from thornwall.report.plan.ansible import others
from thornwall.report.plan.ansible.parts import COMMAND, SAID, Task, name_of, shell
from thornwall.report.plan.ansible.units import unit_tasks
from thornwall.report.plan.diff import decoded
from thornwall.report.plan.yaml_text import Template, Yaml


def of_step(step: Step, secrets: Sequence[str]) -> list[Task]:
    """Its tasks in order. `secrets`: the accounts whose new passwords are asked for, in the order of the prompts."""
    made: list[Task] = list(_folders(step))
    modes, kernel = [], []
    for operation in step.operations:
        match operation:
            case PutFile():
                made.append(_put(operation))
            case DropFile(path):
                made.append(_file(f"Remove {name_of(path)}", {"path": path, "state": "absent"}))
            case PutLink(path, target) if not operations.masked(operation):
                made.append(_link(path, target))
            case Chmod():
                modes.append(operation)
            case SysctlDo():
                kernel.append(operation)
            case AccountDo():
                made += others.account(operation, secrets)
            case Tool():
                made.append(others.tool_task(operation))
            case Packages():
                made += others.packages_tasks(operation)
    checks = [check for name, check in _MERGED.items() if any(_guards(each, name) for each in step.operations)]
    return [*_modes(modes), *made, *checks, *unit_tasks(step), *others.kernel(kernel)]


def _folders(step: Step) -> Iterator[Task]:
    """The folders of new files, for those that are not there yet."""
    new = [each.path for each in step.operations if isinstance(each, PutFile) and each.expect == ABSENT]
    for folder in dict.fromkeys(map(posixpath.dirname, new)):
        if folder.count("/") > 2:  # what stands directly below /etc has its folder
            yield _file(f"Make {folder} where it is missing", {"path": folder, "state": "directory"})


def _file(name: str, arguments: Task) -> Task:
    return {"name": name, "ansible.builtin.file": arguments}


def _link(path: str, target: str) -> Task:
    arguments: Task = {"path": path, "src": target, "state": "link", "force": True, "follow": False}
    return _file(f"Link {name_of(path)}", arguments)


_VALIDATE = {
    "/etc/ssh/sshd_config": "/usr/sbin/sshd -t -f %s",
    "/etc/sudoers": "/usr/sbin/visudo -cf %s",
}
# the candidate alone is not what counts: after all files of a step, what they make together
_MERGED: Mapping[str, Task] = {
    "/etc/ssh/sshd_config": {
        "name": "Check what sshd will read",
        COMMAND: {"argv": ["/usr/sbin/sshd", "-t"]},
        "changed_when": False,
    },
    "/etc/sudoers": {
        "name": "Check what sudo will read",
        COMMAND: {"argv": ["/usr/sbin/visudo", "-c"]},
        "changed_when": False,
    },
}


def _guards(operation: Operation, main: str) -> bool:
    return isinstance(operation, PutFile | DropFile) and (
        operation.path == main or operation.path.startswith(f"{main}.d/")
    )


def _put(put: PutFile) -> Task:
    name = f"Write {name_of(put.path)}"
    text = decoded(put.content)
    if text is None:
        return _put_bytes(name, put)
    arguments: dict[str, Yaml] = {"dest": put.path, "content": text}
    if not put.keep_meta:
        arguments |= {"owner": put.user, "group": put.group, "mode": f"{put.mode:04o}"}
    for main, check in _VALIDATE.items():
        if _guards(put, main):
            arguments["validate"] = check
    return {"name": name, "ansible.builtin.copy": arguments}


def _put_bytes(name: str, put: PutFile) -> Task:
    """What is not UTF-8 goes as base64: Ansible's own strings cannot hold it."""
    path, there = shlex.quote(put.path), f"$(sha256sum < {shlex.quote(put.path)} 2>/dev/null)"
    lines = [
        "set -e",
        f'test "{there}" != "{sha256(put.content)}  -" || exit 0',
        f"base64 -d > {path}",
    ]
    if not put.keep_meta:
        lines += [f"chown {shlex.quote(f'{put.user}:{put.group}')} {path}", f"chmod {put.mode:04o} {path}"]
    return shell(name, "\n".join([*lines, "echo written"]) + "\n", stdin=b64encode(put.content).decode())


def _modes(found: Iterable[Chmod]) -> Iterator[Task]:
    """One task for all that get the same."""
    alike: dict[tuple[int | None, str, str, str], list[str]] = {}
    for chmod in found:
        alike.setdefault((chmod.mode, chmod.user, chmod.group, chmod.owner), []).append(chmod.path)
    for (mode, user, group, owner), paths in alike.items():
        if owner:
            yield from _modes_as(owner, mode, paths)
            continue
        arguments: dict[str, Yaml] = {"path": paths[0] if len(paths) == 1 else Template("{{ item }}"), "follow": False}
        given = {"owner": user, "group": group, "mode": "" if mode is None else f"{mode:04o}"}
        arguments |= {key: value for key, value in given.items() if value}
        what = name_of(paths[0]) if len(paths) == 1 else f"{len(paths)} files and folders"
        task = _file(f"Set who may do what with {what}", arguments)
        yield {**task, "loop": paths} if len(paths) > 1 else task


def _modes_as(owner: str, mode: int | None, paths: Sequence[str]) -> Iterator[Task]:
    """As the account itself, so that a link of its making leads nowhere that it could not go."""
    if mode is None:
        return
    argv: list[Yaml] = ["runuser", "-u", owner, "--", "chmod", "-c", f"{mode:04o}", Template("{{ item }}")]
    yield {
        "name": f"Set who may read the files of {name_of(owner)}, as that account",
        COMMAND: {"argv": argv},
        "loop": list(paths),
        "register": "done",
        "changed_when": SAID,  # chmod -c tells of changes alone
    }
