"""Passwords are asked for when the playbook runs, and never stand in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from thornwall.model.change import AccountDo, AccountField, Purpose
from thornwall.model.plan import Step
from thornwall.report.plan.ansible.parts import COMMAND, SAID, SHELL, Task, name_of
from thornwall.report.plan.yaml_text import Template

_SUDO = "ansible_become_password"
# asked for by a name of our own: what is given with -e outranks a fact, and a new password must become the one for sudo
_ASKED = "thornwall_sudo_password"

# perl is part of every Debian; its getpwnam gives root the hash, its crypt is the host's own
_RIGHT = """\
perl -e '
  local $/; my $given = <STDIN>; my $hash = (getpwnam($ARGV[0]))[1];
  exit !(length($given) && length($hash) > 2 && crypt($given, $hash) eq $hash);
' "$ACCOUNT"
"""
# one that is right, and kept in no way that is quickly broken, is left alone; printf is part of the shell
_GIVE = """\
given="$(cat)"
printf %s "$given" | perl -e '
  local $/; my $given = <STDIN>; my $hash = (getpwnam($ARGV[0]))[1];
  exit !($hash =~ /^\\$(?:y|gy|7|2[aby]?|5|6)\\$/ && crypt($given, $hash) eq $hash);
' "$ACCOUNT" || { printf '%s:%s\\n' "$ACCOUNT" "$given" | chpasswd && echo changed; }
"""

_WHO: Task = {
    "name": "See who is logged in",
    COMMAND: {"argv": ["id", "-un"]},
    "become": False,
    "register": "login",
    "changed_when": False,
    "check_mode": False,
}


def accounts(steps: Iterable[Step]) -> list[str]:
    """Those that get a new password, in order, each once."""
    return list(
        dict.fromkeys(
            operation.user
            for step in steps
            for operation in step.operations
            if isinstance(operation, AccountDo) and operation.field is AccountField.PASSWORD
        )
    )


def asks_for_sudo(steps: Iterable[Step]) -> bool:
    """Whether the playbook itself must know the password for sudo: it proves it before sudo asks for it."""
    return any(step.purpose is Purpose.SUDO for step in steps)


def prompts(steps: list[Step]) -> Iterator[Task]:
    """What is asked at the start. An empty new password leaves the old one, as on a second run."""
    if asks_for_sudo(steps):
        told = "Your password for sudo, as it is now (also where sudo does not ask for it yet)"
        yield {"name": _ASKED, "prompt": told, "private": True, "unsafe": True}
    for number, user in enumerate(accounts(steps), 1):
        told = f"New password for {name_of(user)} (empty: leave it as it is)"
        yield {"name": _variable(number), "prompt": told, "private": True, "confirm": True, "unsafe": True}


def _variable(number: int) -> str:
    return f"thornwall_password_{number}"


def use() -> Task:
    """Before all else."""
    return {
        "name": "Use the password for sudo",
        "ansible.builtin.set_fact": {_SUDO: Template("{{ " + _ASKED + " }}")},
        "no_log": True,
    }


def give(user: str, number: int) -> list[Task]:
    """By chpasswd, so that the host hashes it in its own way; from then on sudo must be given the new one."""
    variable = _variable(number)
    given = f"{variable} | default('', true) | length > 0"
    return [
        {
            "name": f"Give {name_of(user)} the new password",
            SHELL: {"cmd": _GIVE, "stdin": Template("{{ " + variable + " }}"), "stdin_add_newline": False},
            "environment": {"ACCOUNT": Template("{{ account }}")},
            "vars": {"account": user},
            "when": given,
            "register": "done",
            "changed_when": SAID,
            "no_log": True,
        },
        _WHO,
        {
            "name": "Use the new password for sudo from here on",
            "ansible.builtin.set_fact": {_SUDO: Template("{{ " + variable + " }}")},
            "vars": {"account": user},
            "when": [given, "login.stdout == account", "not ansible_check_mode"],
            "no_log": True,
        },
    ]


def proof() -> list[Task]:
    """Before sudo begins to ask: the password that was given is the right one."""
    return [
        _WHO,
        {
            "name": "Stop unless the password for sudo is right",
            SHELL: {"cmd": _RIGHT, "stdin": Template("{{ " + _SUDO + " }}"), "stdin_add_newline": False},
            "environment": {"ACCOUNT": Template("{{ login.stdout }}")},
            "when": "login.stdout != 'root'",
            "changed_when": False,
            "no_log": True,
        },
    ]
