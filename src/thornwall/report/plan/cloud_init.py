"""User-data for cloud-init: a fresh copy of such a host is so from its first boot.

New files are written as they are. What was edited is only replaced where it is, on the copy too, as the plan found it;
ways in change only where an account can still get in: a script does both, and says what it has left.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator

from thornwall.model.change import ABSENT, AccountDo, AccountField, Packages, PutFile
from thornwall.model.plan import Plan, Step
from thornwall.report.plan import words
from thornwall.report.plan.cloud_script import SCRIPT, script, staged
from thornwall.report.plan.diff import decoded
from thornwall.report.plan.yaml_text import Noted, Yaml, comment, dump
from thornwall.report.text import count, line

_WHAT = (
    "For the first boot of a fresh copy of this host. What could not be done there is said in "
    "/var/log/cloud-init-output.log, in lines that begin with 'thornwall:'. To check it: cloud-init schema -c FILE"
)


def render(plan: Plan) -> str:
    """`#cloud-config`, comments, and the modules that cloud-init runs."""
    plan, later = words.at_once(plan)
    config: dict[str, Yaml] = {} if plan.refused else dict(_config(plan.steps))
    return "\n".join(["#cloud-config", *_head(plan, later)]) + "\n" + (dump(config) if config else "{}\n")


def _head(plan: Plan, later: int) -> list[str]:
    told = [f"{line(plan.target)}: the plan of thornwall, preset {plan.preset.name.lower()}, as user-data.", _WHAT]
    told += [f"{words.REFUSED}: {line(held.why)} {line(held.unlock)}" for held in plan.refused]
    told += [
        f"Not in it: the new password of {line(user)}. cloud-init would keep it; set it by hand."
        for user in dict.fromkeys(
            each.user
            for step in plan.steps
            for each in step.operations
            if isinstance(each, AccountDo) and each.field is AccountField.PASSWORD
        )
    ]
    left = later + len(plan.held) + len(plan.questions) + len(plan.by_hand)
    if left:
        told.append(f"Not in it: {count(left, 'finding')} held back, asked about or left to you ('thornwall plan').")
    return [each for text in told for each in comment(text)]


def _config(steps: tuple[Step, ...]) -> Iterator[tuple[str, Yaml]]:
    packages = [each for step in steps for each in step.operations if isinstance(each, Packages)]
    if packages:
        yield "package_update", True
    if any(each.upgrade for each in packages):
        yield "package_upgrade", True
    if names := sorted({name for each in packages for name in each.install}):
        yield "packages", names
    if not steps:
        return
    files: list[Yaml] = [file for step in steps for file in _files(step)]
    if text := script(steps):
        run = _file(SCRIPT, text.encode(errors="replace"), 0o700, "root", "root")
        files.append(Noted(("What is not a new file.",), run))
    if files:
        yield "write_files", files
    if text:
        yield "runcmd", [f"sh {SCRIPT}"]
    if waiting := [line(step.title) for step in steps if step.awaits_reboot]:
        yield "power_state", {"mode": "reboot", "message": f"For these to have their effect: {'; '.join(waiting)}"}


def _files(step: Step) -> Iterator[Yaml]:
    puts = [each for each in step.operations if isinstance(each, PutFile)]
    for number, put in enumerate(puts):
        if place := staged(step, put):
            file = _file(place, put.content, 0o600, "root", "root")
        else:
            file = _file(put.path, put.content, put.mode, put.user, put.group)
        yield Noted((line(step.title), *_for(put, place)), file) if not number or place else file


def _for(put: PutFile, place: str) -> tuple[str, ...]:
    if not place:
        return ()
    return (f"Becomes {line(put.path)}{'' if put.expect == ABSENT else ', where that is as the plan found it'}.",)


def _file(path: str, content: bytes, mode: int, user: str, group: str) -> dict[str, Yaml]:
    """Deferred: after the packages, so that none of them meets a file that it does not know."""
    text = decoded(content)
    file: dict[str, Yaml] = {"path": path}
    if text is None:
        file |= {"encoding": "b64", "content": b64encode(content).decode()}
    else:
        file["content"] = text
    return {**file, "owner": f"{user}:{group}", "permissions": f"{mode:04o}", "defer": True}
