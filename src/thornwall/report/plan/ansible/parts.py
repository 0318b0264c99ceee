"""What all tasks are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from thornwall.report.plan.yaml_text import Yaml
from thornwall.report.text import line

Task: TypeAlias = Mapping[str, Yaml]

SHELL, COMMAND = "ansible.builtin.shell", "ansible.builtin.command"
SAID = "done.stdout | length > 0"  # what ran says something only if it changed something


def name_of(text: str) -> str:
    """For names of tasks: Ansible reads braces in them as templates."""
    return line(text).replace("{", "(").replace("}", ")")


def shell(name: str, script: str, *, stdin: str = "") -> Task:
    """A script that says something only if it changed something."""
    arguments: dict[str, Yaml] = {"cmd": script}
    if stdin:
        arguments["stdin"] = stdin
    return {"name": name, SHELL: arguments, "register": "done", "changed_when": SAID}


def within(path: str, folder: str) -> bool:
    """Whether it is the folder or lies in it."""
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")
