"""Fixes of the rules about PAM: the quality of new passwords, a limit to guesses, and su.

A second factor stays with a person: each account needs a secret of its own, and whoever has none is shut out.
"""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.change import EditLine, OwnLine, Packages, Purpose, Tool, Wish, WriteFile
from thornwall.model.fact import Known
from thornwall.model.finding import Finding
from thornwall.model.pam import Pam
from thornwall.plan.fix import Fix, Hold, Situation, Want, fix
from thornwall.plan.lines import exact_lines
from thornwall.plan.ways_in import accounts_of

PATHS: tuple[str, ...] = (
    *("/etc/pam.d/su", "/etc/pam.d/common-*", "/etc/security/pwquality.conf", "/etc/security/pwquality.conf.d/*"),
    "/usr/share/pam-configs/*",
)

_MAIN = "/etc/security/pwquality.conf"
QUALITY = f"{_MAIN}.d/99-thornwall.conf"
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
    """Debian's package puts itself into the stack; without the dictionary it refuses every password.

    The length goes into a file of ours.
    """
    pam = _pam(situation)
    length = situation.values.get("no-password-quality", {}).get("length", _DEFAULT)
    if pam is None or not isinstance(length, int):
        return
    stack = pam.stack("passwd", "password") or pam.stack("common-password", "password")
    judges = [line for line in stack if line.name in _JUDGES and not line.control.startswith("optional")]
    updates = situation.facts.updates
    packages = updates.value.packages if isinstance(updates, Known) else None
    if judges and isinstance(packages, Known) and pam.lacks_dictionary(judges[0], packages.value):
        yield Packages(install=("cracklib-runtime",))
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
    """The main file is read last: what it says, or a drop-in behind ours, is changed there."""
    said = pam.pwquality.get("minlen")
    line = f"minlen = {length}"
    if said is None or (said.file != _MAIN and said.file <= QUALITY):
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


_PROFILES = "/usr/share/pam-configs/"
_COUNTS = """\
Name: Count wrong passwords
Default: no
Priority: 0
Auth-Type: Primary
Auth:
\t[default=die]\tpam_faillock.so authfail deny=5 unlock_time=600
"""
_REFUSES = """\
Name: Refuse passwords for ten minutes after five wrong ones
Default: no
Priority: 1024
Auth-Type: Primary
Auth:
\trequisite\tpam_faillock.so preauth deny=5 unlock_time=600
Account-Type: Primary
Account:
\trequired\tpam_faillock.so
"""
_NAMES = ("thornwall-faillock", "thornwall-faillock-first")
_UPDATE = ("env", "DEBIAN_FRONTEND=noninteractive", "pam-auth-update", "--package")
_COMMON = ("account", "auth", "password", "session", "session-noninteractive")


@fix(
    "no-login-throttle",
    step="login-throttle",
    purpose=Purpose.PAM,
    title="Refuse passwords for ten minutes after five wrong ones",
    may_break=("Who mistypes a password five times, also for sudo, waits ten minutes; a login with a key unlocks it.",),
)
def login_throttle(situation: Situation, _: Finding) -> Iterator[Want]:
    """Both halves of pam_faillock as one change, by Debian's own tool, which writes the stacks or leaves them alone.

    The account stack of a login with a key clears the count, so that the guesses of others do not shut its owner out.
    """
    pam = _pam(situation)
    match situation.facts.host:
        case Known(host) if host.debian_like and pam is not None and "common-auth" in pam.services:
            pass
        case _:
            return
    match pam.modules:
        case Known(modules) if "pam_faillock.so" in modules:
            pass
        case _:
            return
    if not situation.way_in.key_proved:
        yield Hold(
            "login-throttle",
            "Whoever knows the name of an account could shut its owner out for ten minutes at a time: no key has just"
            " logged in.",
            "Log in with a key.",
            accept=True,
        )
    yield WriteFile(f"{_PROFILES}{_NAMES[0]}", _COUNTS.encode())
    yield WriteFile(f"{_PROFILES}{_NAMES[1]}", _REFUSES.encode())
    yield Tool(
        "pam-auth-update",
        run=((*_UPDATE, "--enable", *_NAMES),),
        keeps=(*(f"/etc/pam.d/common-{each}" for each in _COMMON), "/var/lib/pam"),
        undo_before=((*_UPDATE, "--remove", *_NAMES),),
    )


FIXES: tuple[Fix, ...] = (password_quality, login_throttle, su)
