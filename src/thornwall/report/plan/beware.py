"""What to know before saying yes: what becomes of ways in, what waits for a restart, what stays, and the guard."""

from __future__ import annotations

from thornwall.model.change import AccountDo, AccountField
from thornwall.model.plan import Plan, Undoing
from thornwall.report.plan.words import PURPOSES
from thornwall.report.text import line

UNPRIVILEGED = (
    "The host was read without root's rights, so most of what is wrong is not known, nor planned for. "
    "Let thornwall use sudo: --ask-sudo-pass (-K)."
)
_GUARD = (
    "Everything but packages is one transaction. The device itself takes it back unless a fresh login, over a new "
    "connection and under the new rules, proves that you can still get in and still become root. If you are shut out, "
    "do nothing: it goes back by itself after {}, if it must with a restart. {}Any time later: thornwall undo."
)
_PACKAGES = "Packages that came stay then, and upgrades: thornwall undo removes the packages. "


def guard(plan: Plan, window: int | None = None) -> str:
    """How it goes back by itself. `window`: the seconds of --confirm-within, where they are known."""
    after = "three minutes (or those of --confirm-within)" if window is None else f"{window} seconds"
    packages = any(step.purpose.packages for step in plan.steps)
    return _GUARD.format(after, _PACKAGES if packages else "")


def beware(plan: Plan) -> list[tuple[str, str]]:
    """(label, sentence) of each."""
    steps = plan.steps
    ways = list(dict.fromkeys(PURPOSES[step.purpose] for step in steps if step.purpose.way_in))
    told = [] if plan.as_root else [("not root", UNPRIVILEGED)]
    if ways:
        told.append(("ways in", f"{', '.join(ways)} change, last of all; read these steps."))
    told += _passwords(plan)
    if plan.shut_out:
        told.append(("no key", shut_out(plan)))
    for label, chosen, one, many in (
        ("restart", [step.awaits_reboot for step in steps], "has no effect", "have no effect"),
        ("stays", [step.undoing is Undoing.KEEPS for step in steps], "is not taken back", "are not taken back"),
    ):
        numbers = [number for number, yes in enumerate(chosen, 1) if yes]
        if numbers:
            until = "before the next restart" if label == "restart" else "by undo"
            told.append((label, f"{_numbered(numbers)} {one if len(numbers) == 1 else many} {until}."))
    return told


def shut_out(plan: Plan) -> str:
    """Who can no longer log in over SSH. (Whether a key lies elsewhere, or in a certificate, is not read.)"""
    names = ", ".join(map(line, plan.shut_out))
    return (
        f"No key was found of {names}: without one, SSH lets in no longer. "
        "To keep that: 'ssh-copy-id' before, or --skip ssh-password-login."
    )


def _passwords(plan: Plan) -> list[tuple[str, str]]:
    """Who gets a new one, and whether SSH still asks for any."""
    names = [
        line(operation.user)
        for step in plan.steps
        for operation in step.operations
        if isinstance(operation, AccountDo) and operation.field is AccountField.PASSWORD
    ]
    keys_alone = any(mend.rule == "ssh-password-login" for mend in plan.mends)
    told = []
    if names:
        what = "for sudo, su and the console" if keys_alone else "to log in with"
        gets = "gets" if len(names) == 1 else "get"
        told.append(f"{', '.join(names)} {gets} the new password that you give, {what}.")
    if keys_alone:
        told.append("SSH takes keys alone, and no password any more.")
    return [("password", " ".join(told))] if told else []


def _numbered(numbers: list[int]) -> str:
    words = ", ".join(map(str, numbers))
    return f"Step {words}" if len(numbers) == 1 else f"Steps {words}"
