"""Fixes of the rules about PAM: the quality of new passwords, and su.

What counts wrong passwords (pam_faillock) and what asks for a code stay with a person: the first shuts the owner out
by the guesses of others, the second needs each account's own secret.
"""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.change import EditLine, OwnLine, Packages, Purpose, Wish
from thornwall.model.fact import Known
from thornwall.model.finding import Finding
from thornwall.model.pam import Pam
from thornwall.plan.fix import Fix, Situation, fix
from thornwall.plan.lines import exact_lines
from thornwall.plan.ways_in import accounts_of

PATHS: tuple[str, ...] = ("/etc/pam.d/su", "/etc/security/pwquality.conf", "/etc/security/pwquality.conf.d/*")

QUALITY = "/etc/security/pwquality.conf.d/99-thornwall.conf"
_JUDGES = frozenset({"pam_pwquality", "pam_passwdqc", "pam_cracklib"})
_DEFAULT = 8  # the shortest that pwquality takes where nobody says more
_GROUPS = ("sugroup", "wheel", "sudo")


def _pam(situation: Situation) -> Pam | None:
    match situation.facts.pam:
        case Known(pam):
            return pam
        case _:
            return None


@fix(
    "no-password-quality",
    step="password-quality",
    purpose=Purpose.PAM,
    title="Judge new passwords",
)
def password_quality(situation: Situation, _: Finding) -> Iterator[Wish]:
    """Debian's package puts itself into the stack; without a dictionary it would refuse every password.

    The length goes into a file of ours.
    """
    pam = _pam(situation)
    length = situation.values.get("no-password-quality", {}).get("length", _DEFAULT)
    if pam is None or not isinstance(length, int):
        return
    stack = pam.stack("passwd", "password") or pam.stack("common-password", "password")
    judges = [line for line in stack if line.name in _JUDGES and not line.control.startswith("optional")]
    if judges and (judges[0].name != "pam_pwquality" or judges[0].argument("minlen") is not None):
        return  # its own line says how long, and would go on saying so
    if not judges:
        if "common-password" not in pam.services:
            return
        yield Packages(install=("cracklib-runtime", "libpam-pwquality"))
    said = pam.pwquality.get("minlen")
    known = int(said.value) if said and said.value.isdecimal() else _DEFAULT
    if known < length:
        yield from _least(situation, pam, length)


def _least(situation: Situation, pam: Pam, length: int) -> Iterator[Wish]:
    """The main file is read last: what it says itself is changed there."""
    said = pam.pwquality.get("minlen")
    line = f"minlen = {length}"
    if said is None or said.file != "/etc/security/pwquality.conf":
        yield OwnLine(QUALITY, "minlen", line)
        return
    lines = exact_lines(situation, said.file)
    if said.line <= len(lines):
        yield EditLine(said.file, said.line, lines[said.line - 1], line)


@fix(
    "su-unrestricted",
    step="su",
    purpose=Purpose.PAM,
    title="Let only administrators use su",
)
def su(situation: Situation, _: Finding) -> Iterator[Wish]:
    """Members of the group that administrates already; root itself is let through by pam_rootok in front."""
    accounts, path = accounts_of(situation), "/etc/pam.d/su"
    lines = exact_lines(situation, path)
    pam = _pam(situation)
    if accounts is None or pam is None or not lines:
        return
    group = next((name for name in _GROUPS if name in accounts.group_by_name), "")
    root_first = next((line for line in pam.stack("su", "auth")), None)
    if not group or root_first is None or root_first.name != "pam_rootok" or root_first.file != path:
        return
    old = lines[root_first.line - 1]
    yield EditLine(path, root_first.line, old, f"{old}\nauth       required   pam_wheel.so use_uid group={group}")


FIXES: tuple[Fix, ...] = (password_quality, su)
