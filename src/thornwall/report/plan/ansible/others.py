"""Fields of accounts, switches of the kernel, tools and packages as tasks."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from thornwall.model.change import AccountDo, AccountField, Packages, SysctlDo, Tool
from thornwall.report.plan.ansible import passwords
from thornwall.report.plan.ansible.parts import Task, name_of, shell
from thornwall.report.plan.yaml_text import Template, Yaml

_SET = """\
test "$(sysctl -n "$KEY" | tr '\\t' ' ')" = "$VALUE" || sysctl -w "$KEY=$VALUE"
"""


def kernel(found: Sequence[SysctlDo]) -> Iterator[Task]:
    """All of a step in one task; a setting that is right already is left alone."""
    if not found:
        return
    yield {
        **shell("Set the kernel's switches now", _SET),
        "environment": {"KEY": Template("{{ item.key }}"), "VALUE": Template("{{ item.value }}")},
        "loop": [{"key": each.key, "value": " ".join(each.value.split())} for each in found],
        "loop_control": {"label": Template("{{ item.key }}")},
    }


_USER_MODULE: Mapping[AccountField, str] = {
    AccountField.SHELL: "shell",
    AccountField.MAX_DAYS: "password_expire_max",
    AccountField.MIN_DAYS: "password_expire_min",
}
# not in the module of Ansible 2.14; (option of chage, field of shadow)
_CHAGE: Mapping[AccountField, tuple[str, int]] = {
    AccountField.WARN_DAYS: ("-W", 6),
    AccountField.INACTIVE_DAYS: ("-I", 7),
}


def account(do: AccountDo, secrets: Sequence[str]) -> list[Task]:
    """A field of an account. `secrets`: the accounts whose new passwords are asked for, in the order of prompts."""
    user, who = do.user, name_of(do.user)
    match do.field:
        case AccountField.PASSWORD:
            return passwords.give(user, secrets.index(user) + 1)
        case AccountField.LOCK:
            return [_user(f"Lock the password of {who}", user, {"password_lock": True})]
        case AccountField.EXPIRE_NOW:
            return [_user(f"Let the account {who} expire", user, {"expires": 0})]
        case AccountField.LEAVE_GROUP:
            quoted, group = shlex.quote(user), shlex.quote(do.value)
            script = f"id -nG {quoted} | tr ' ' '\\n' | grep -qxF -- {group} || exit 0\ngpasswd -d {quoted} {group}\n"
            return [shell(f"Take {who} out of the group {name_of(do.value)}", script)]
        case AccountField.SHELL | AccountField.MAX_DAYS | AccountField.MIN_DAYS:
            value: Yaml = do.value if do.field is AccountField.SHELL else int(do.value)
            return [_user(f"Set {do.field} of {who}", user, {_USER_MODULE[do.field]: value})]
        case AccountField.WARN_DAYS | AccountField.INACTIVE_DAYS:
            option, column = _CHAGE[do.field]
            quoted, value = shlex.quote(user), shlex.quote(do.value)
            script = (
                f'test "$(getent shadow {quoted} | cut -d: -f{column})" = {value} ||\n'
                f"  {{ chage {option} {value} {quoted} && echo changed; }}\n"
            )
            return [shell(f"Set {do.field} of {who}", script)]


def _user(name: str, user: str, arguments: Task) -> Task:
    return {"name": name, "ansible.builtin.user": {"name": user, **arguments}}


def tool_task(tool: Tool) -> Task:
    """Its commands, one after the other; it has changed something if a file that it keeps has changed."""
    keeps = " ".join(map(shlex.quote, tool.keeps)) or "/dev/null"
    commands = "\n".join(f"{shlex.join(argv)} >&2" for argv in tool.run)
    script = (
        "set -e\n"
        f"kept() {{ find {keeps} -type f -exec sha256sum {{}} + 2>/dev/null | sort; }}\n"
        'before="$(kept)"\n'
        f"{commands}\n"
        'test "$before" = "$(kept)" || echo changed\n'
    )
    return {**shell(f"Run {name_of(tool.name)}", script), "environment": {"DEBIAN_FRONTEND": "noninteractive"}}


LISTS: Task = {
    "name": "Fetch the lists of packages",
    # an hour old is new enough: so a second run fetches none
    "ansible.builtin.apt": {"update_cache": True, "cache_valid_time": 3600, "update_cache_retries": 2},
    "ignore_errors": True,
}


def packages_tasks(packages: Packages) -> Iterator[Task]:
    """As thornwall brings them: no more than is needed, and nothing new starts before its settings are there."""
    if packages.upgrade:
        yield {"name": "Install all updates", "ansible.builtin.apt": {"upgrade": "full"}}
    if packages.install:
        names = list(packages.install)
        arguments: Task = {"name": names, "state": "present", "install_recommends": False, "policy_rc_d": 101}
        yield {"name": f"Install {name_of(', '.join(names))}", "ansible.builtin.apt": arguments}
    if packages.remove:
        arguments = {"name": list(packages.remove), "state": "absent"}
        yield {"name": f"Remove {name_of(', '.join(packages.remove))}", "ansible.builtin.apt": arguments}
