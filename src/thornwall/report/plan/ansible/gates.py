"""Before and after all steps: nothing is changed on a host that is not as planned, and the end is a fresh login."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from thornwall.model.change import ABSENT, AccountDo, DropFile, Operation, PutFile, PutLink, Tool, sha256
from thornwall.model.plan import Held, Step
from thornwall.report.plan import words
from thornwall.report.plan.ansible.parts import COMMAND, Task, name_of, within
from thornwall.report.plan.yaml_text import Noted, Template, Yaml
from thornwall.report.text import line

FLUSH: Task = {"name": "Let services read their files again", "ansible.builtin.meta": "flush_handlers"}


def refuse(refused: Iterable[Held]) -> Task:
    """The only task of a plan that may not be done."""
    why = " ".join(f"{line(held.why)} {line(held.unlock)}" for held in refused)
    return {"name": words.REFUSED, "ansible.builtin.fail": {"msg": f"{words.REFUSED}. {why}"}}


_AS_PLANNED = (
    "(('link:' ~ item.stat.lnk_target) if item.stat.islnk | default(false) else"
    " item.stat.checksum | default('other') if item.stat.exists else 'absent') in item.item.may_be"
)


def gates(steps: Iterable[Step]) -> Iterator[Yaml]:
    """Tasks that stop it all on a host that is not as the plan found it."""
    operations = [operation for step in steps for operation in step.operations]
    # what a tool writes as well is not as the plan leaves it when the playbook runs again
    tools = tuple(kept for each in operations if isinstance(each, Tool) for kept in each.keeps)
    states = [state for operation in operations if (state := _states(operation))]
    files = [state for state in states if not any(within(str(state["path"]), kept) for kept in tools)]
    if files:
        yield Noted(
            ("Nothing is changed on a host where a file is neither as the plan found it nor as it leaves it.",),
            {
                "name": "Look at what will be replaced",
                "ansible.builtin.stat": {
                    "path": Template("{{ item.path }}"),
                    "checksum_algorithm": "sha256",
                    "get_mime": False,
                },
                "loop": files,
                "loop_control": {"label": Template("{{ item.path }}")},
                "register": "found",
            },
        )
        yield {
            "name": "Stop where it is not what the plan was made for",
            "ansible.builtin.assert": {
                "that": [_AS_PLANNED],
                "fail_msg": Template("{{ item.item.path }} is not as the plan found it: make a new plan of this host."),
                "quiet": True,
            },
            "loop": Template("{{ found.results }}"),
            "loop_control": {"label": Template("{{ item.item.path }}")},
        }
    users = list(dict.fromkeys(each.user for each in operations if isinstance(each, AccountDo)))
    if users:
        yield {
            "name": "Stop where an account is missing",
            "ansible.builtin.getent": {"database": "passwd", "key": Template("{{ item }}")},
            "loop": users,
        }


def _states(operation: Operation) -> dict[str, Yaml] | None:
    match operation:
        case PutFile(path, content, expect):
            return {"path": path, "may_be": [expect, sha256(content)]}
        case DropFile(path, expect):
            return {"path": path, "may_be": [expect, ABSENT]}
        case PutLink(path, target, expect):
            return {"path": path, "may_be": [expect, f"link:{target}"]}
        case _:
            return None


def fresh_login() -> Iterator[Yaml]:
    """A new connection under the new rules, and root through sudo."""
    yield Noted(
        ("A fresh login under the new rules. If it fails, mend it from the login that you have kept open.",),
        {"name": "Drop the connection", "ansible.builtin.meta": "reset_connection"},
    )
    yield {
        "name": "Log in again, and become root",
        COMMAND: {"argv": ["id", "-u"]},
        "register": "login",
        "changed_when": False,
        "failed_when": "login.rc != 0 or login.stdout != '0'",
    }


def restart_needed(titles: Iterable[str]) -> Task:
    """What has no effect yet."""
    what = "; ".join(name_of(title) for title in titles)
    message = f"Restart the device when it suits you. Until then these have no effect: {what}."
    return {"name": "Say what awaits a restart", "ansible.builtin.debug": {"msg": message}}
