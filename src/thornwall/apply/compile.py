"""Transactions to sh: what runs on the device to make a change, confirm it, take it back. Text in, text out."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from thornwall.apply.sheet import Sheet, sheet
from thornwall.apply.text import CALL, About, comment, fill, nonce_of, number_of, template, write_parts
from thornwall.errors import UsageError
from thornwall.model.plan import Step
from thornwall.model.secret import Secret

_KEY = re.compile(r"[0-9a-f-]{8,64}")


@dataclass(frozen=True, slots=True)
class Transaction:
    """A change to be made as one.

    `nonce`: letters and digits that the host cannot guess; every line of the answer begins with it. `window`: seconds
    from the moment the guard is armed until the device takes the change back. `root`: `/`, or the folder of a mounted
    system, where the change is committed as soon as it is written. `secrets`: new passwords, by account. `canary`:
    before anything changes, the device waits for a login under the new rules (`canary_script`). `reopens`: what is
    open again once it is taken back, in words, which the device keeps.
    """

    nonce: str
    steps: tuple[Step, ...]
    window: int = 120
    root: str = "/"
    title: str = ""
    reopens: str = ""
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    version: str = ""
    canary: bool = False


def transaction_script(tx: Transaction) -> str:
    """The script that makes the change under guard, and follows it. It exits with 0 only if the change was made.

    Operations of packages are left out: `packages_script` does them, before. UsageError for what cannot be done safely.
    """
    if not 10 <= tx.window <= 86400:
        raise UsageError(f"a window of {tx.window} s", hint="between 10 seconds and a day")
    live = tx.root == "/"
    laid = sheet(tx.steps, live=live, secrets=tx.secrets)
    parts: dict[str, str] = {
        "apply.sh": _apply(tx, laid, live=live),
        "undo.sh": undo_text(tx, laid),
        "validate.sh": _validate(laid, canary=tx.canary and live),
        "items": "".join(f"{line}\n" for _, line in laid.items),
        "folders": "".join(f"{'+' if folder in laid.touched else '-'} {folder}\n" for folder in laid.folders),
    }
    if laid.keeps:
        parts["keeps"] = "".join(f"{number} {path}\n" for number, path in laid.keeps)
    body = fill(
        template("stage.sh"),
        {
            "nonce": nonce_of(tx.nonce),
            "window": str(tx.window),
            "live": str(int(live)),
            "root": shlex.quote(tx.root),
            "root_text": comment(tx.root),
            "kib": str(laid.size // 1024 + 1),
            "canary": str(int(tx.canary and live)),
        },
    )
    functions = (
        _function("needs", [f"need {shlex.quote(program)}" for program in laid.needs]),
        _function("settings", [f"keep_sysctls {shlex.join(laid.sysctls)}"] * bool(laid.sysctls)),
        _function("new_files", laid.new),
        _function("skipped", [f"say SKIPPED {shlex.quote(comment(words))}" for words in laid.live_only]),
    )
    device = map(template, ("claim.sh", "record.sh", "guard.sh", "canary_call.sh", "common.sh"))
    return "\n".join(
        (
            body,
            write_parts(parts, nonce=tx.nonce, about=About(tx.version, tx.title, str(tx.window), tx.reopens)),
            *functions,
            *device,
            CALL,
        )
    )


def _validate(laid: Sheet, *, canary: bool) -> str:
    parts = [template("validate.sh")]
    if canary:
        accounts = [line for line in laid.runtime if line.startswith("account ")]
        parts += [template("canary.sh"), template("accounts.sh"), _function("accounts", accounts)]
    return "\n".join((*parts, template("common.sh"), 'main "$@"\n'))


def canary_script(id_: str, *, key: str, answer: str = "ok") -> str:
    """The script that answers for a canary, as root: `ok` through the login under the new rules itself.

    `no WHY` stops the change, `skip WHY` goes on without: those through a login under the rules as they are.
    """
    if not _KEY.fullmatch(key):
        raise UsageError("not the key of a canary")
    line = shlex.quote(f"ok {key}" if answer == "ok" else comment(answer)[:500])
    file = f"/var/lib/thornwall/{number_of(id_)}/canary.answer"
    return f"main() {{\n  umask 077\n  printf '%s\\n' {line} >{file}.new && mv {file}.new {file}\n}}\n{CALL}"


def confirm_script(id_: str, nonce: str, *, key: str, sudo: bool = False) -> str:
    """The script that confirms a change, to be run over a connection made after it was done.

    `key`: as the change said when it was done. `sudo`: this login became root through `sudo -k`, and the script makes
    sure of that. Harmless when repeated.
    """
    if not _KEY.fullmatch(key):
        raise UsageError("not the key of a change")
    values = {"id": number_of(id_), "nonce": nonce_of(nonce), "key": key, "sudo": str(int(sudo))}
    return "\n".join((fill(template("confirm.sh"), values), template("keep.sh"), template("common.sh"), CALL))


def undo_script(
    *ids: str,
    nonce: str,
    root: str = "/",
    force: bool = False,
    bring_back_known_passwords: bool = False,
) -> str:
    """The script that takes a change back, the newest if none is named, and follows that to its end.

    A second one is taken back after it, within the same login: the next one may need another password. `force`: also
    what others have changed since, of which a copy is kept, and out of order.
    """
    options = ["--force"] * force + ["--bring-back-known-passwords"] * bring_back_known_passwords
    first, second = (number_of(each) if each else "''" for each in (*ids, "", "")[:2])
    values = {"id": first, "then": second, "options": " ".join(options), "why": "''", "unless_confirmed": "0"}
    return _script("undo_call.sh", _place(nonce, root) | values)


def back_script(id_: str, *, nonce: str, why: str, unless_confirmed: bool = True) -> str:
    """The same for a change that was not confirmed, since `why`, which `history` tells then.

    `unless_confirmed`: what somebody has confirmed meanwhile is left as it is, and refused.
    """
    values = {
        "id": number_of(id_),
        "then": "''",
        "options": "",
        "why": shlex.quote(comment(why)[:300]),
        "unless_confirmed": str(int(unless_confirmed)),
    }
    return _script("undo_call.sh", _place(nonce, "/") | values)


def history_script(*, nonce: str, root: str = "/", whole: bool = False) -> str:
    """The script that tells every change that the host knows, and its state; `whole`: and what each would give back."""
    return _script("history.sh", _place(nonce, root) | {"whole": str(int(whole))})


status_script = history_script


def forget_script(id_: str, *, nonce: str, root: str = "/") -> str:
    """The script that removes the record of a change. It cannot be undone afterwards."""
    return _script("forget.sh", _place(nonce, root) | {"id": number_of(id_)})


def undo_text(tx: Transaction, laid: Sheet) -> str:
    """The undo.sh that stays on the device: what it gives back in words, then how."""
    words = [f"# Takes back what Thornwall {comment(tx.version)} changed: {comment(tx.title)}"]
    words += [
        "# It needs no network, no Python and no other machine: run it as root, `sh undo.sh`. It gives back:",
        "#",
    ]
    words += [f"#   {comment(line)}" for line in laid.summary]
    words += ["#", f"# Then, as before: {comment(tx.reopens)}"] if tx.reopens else []
    words += ["#", "# On another machine, with this system mounted at /mnt: sh undo.sh --root /mnt", ""]
    lines = {
        "known": " ".join(laid.known),
        "tools_before": _lines([line for group in reversed(laid.back_before) for line in group]),
        "runtime_back": _lines([line for group in reversed(laid.back) for line in group]),
    }
    return "\n".join(
        (
            *words,
            fill(template("undo.sh"), lines),
            *map(template, ("unattended.sh", "hand.sh", "back.sh", "kept.sh", "common.sh")),
            'main "$@" # END\n',
        )
    )


def _apply(tx: Transaction, laid: Sheet, *, live: bool) -> str:
    reload_ = "if systemd; then try 60 systemctl daemon-reload; fi" if live and laid.reloads else ":"
    values = {
        "live": str(int(live)),
        "steps": str(len(tx.steps)),
        "reload": reload_,
        "runtime": _lines(laid.runtime),
    }
    parts = (fill(template("apply.sh"), values), template("accounts.sh"), template("common.sh"))
    return "\n".join((*parts, 'main "$@" # END\n'))


def _function(name: str, lines: list[str]) -> str:
    return f"{name}() {{\n  :\n{_lines(lines)}\n}}\n"


def _lines(lines: list[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)


def _script(name: str, values: dict[str, str]) -> str:
    return "\n".join((fill(template(name), values), template("common.sh"), CALL))


def _place(nonce: str, root: str) -> dict[str, str]:
    return {
        "nonce": nonce_of(nonce),
        "live": str(int(root == "/")),
        "root": shlex.quote(root),
        "root_text": comment(root),
    }
