"""Fixes of the rules about ssh: settings of the server, its keys' modes, who may log in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from thornwall.model.accounts import Accounts
from thornwall.model.change import Purpose, SetMode, Wish
from thornwall.model.fact import Known
from thornwall.model.finding import Finding
from thornwall.model.pam import SECOND_FACTORS
from thornwall.model.rule import Preset
from thornwall.model.ssh import SshServer
from thornwall.plan import sshd
from thornwall.plan.fix import Fix, Situation, fix
from thornwall.plan.fixes import ssh_crypto
from thornwall.plan.sshd import Wanted, in_block, settle

PATHS = sshd.PATHS

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def _is(value: str) -> Callable[[str], bool]:
    return lambda found: found == value


def _is_not(*values: str) -> Callable[[str], bool]:
    return lambda found: found not in values


PASSWORD_OFF = Wanted("PasswordAuthentication", "no", _is("yes"))
KEYBOARD_OFF = Wanted("KbdInteractiveAuthentication", "no", _is("yes"))
ROOT_OFF = Wanted("PermitRootLogin", "no", _is_not("no", "forced-commands-only"))


def _make(situation: Situation, finding: Finding, *, wanted: tuple[Wanted, ...]) -> tuple[Wish, ...]:
    """The settings for the host, or the first of them for the one Match block that the finding is about."""
    if finding.subject.startswith("Match "):
        place = finding.evidence[0] if finding.evidence else None
        if place is None:
            return ()
        return in_block(situation, place.source, place.line, wanted[0].keyword, wanted[0].value)
    return settle(situation, *wanted)


def _setting(rule: str, title: str, *wanted: Wanted, may_break: tuple[str, ...] = ()) -> Fix:
    declare = fix(rule, step="ssh-settings", purpose=Purpose.SSH, title=title, may_break=may_break)
    return declare(partial(_make, wanted=wanted))


def codes(situation: Situation) -> bool:
    """Whether PAM asks sshd's logins for more than a password: then its conversation is a second factor."""
    match situation.facts.pam:
        case Known(pam):
            return any(line.name in SECOND_FACTORS for line in pam.stack("sshd", "auth"))
        case _:
            return False


def conversation_needed(situation: Situation, found: SshServer) -> bool:
    """Whether keyboard-interactive is part of what every login needs: switched off, nobody would get in."""
    lists = [found.setting("authenticationmethods"), *(each for _, each in found.matching("authenticationmethods"))]
    return codes(situation) or any(each and "keyboard-interactive" in each.value for each in lists)


def _no_conversation(situation: Situation, found: SshServer) -> tuple[Wanted, ...]:
    """Without this PAM asks for the very password that is switched off."""
    return () if conversation_needed(situation, found) else (KEYBOARD_OFF,)


@fix(
    "ssh-password-login",
    step="ssh-settings",
    purpose=Purpose.SSH,
    title="Ask for a key instead of a password",
)
def password_login(situation: Situation, finding: Finding) -> tuple[Wish, ...]:
    """Both ways to type a password go. `UsePAM no`, as a guide has it, is written only where the owner asked for it.

    It keeps out no password that the two do not, and takes limits, account expiry and the user's systemd session away.
    """
    found = sshd.server(situation)
    if found is None:
        return ()
    wanted = (PASSWORD_OFF, *_no_conversation(situation, found))
    if situation.preset is Preset.DOCUMENTS and situation.answers.accepted("use-pam-no", ""):
        wanted = (*wanted, Wanted("UsePAM", "no", _is("yes")))
    return _make(situation, finding, wanted=wanted)


@fix(
    "ssh-keyboard-interactive-password",
    step="ssh-settings",
    purpose=Purpose.SSH,
    title="Close the second way for passwords",
)
def keyboard_interactive(situation: Situation, finding: Finding) -> tuple[Wish, ...]:
    """Left to a person where PAM asks for a code, or AuthenticationMethods for its conversation."""
    found = sshd.server(situation)
    if found is None or conversation_needed(situation, found):
        return ()
    return _make(situation, finding, wanted=(KEYBOARD_OFF,))


@fix("ssh-use-pam-no", step="ssh-settings", purpose=Purpose.SSH, title="Let PAM have its say about logins")
def use_pam(situation: Situation, finding: Finding) -> tuple[Wish, ...]:
    """With PAM its conversation comes back, and with that passwords."""
    found = sshd.server(situation)
    if found is None:
        return ()
    wanted = (Wanted("UsePAM", "yes", _is("no")), *_no_conversation(situation, found))
    return _make(situation, finding, wanted=wanted)


_ORDERS = {
    **dict.fromkeys(
        (
            *("PasswordAuthentication", "KbdInteractiveAuthentication", "PermitEmptyPasswords", "X11Forwarding"),
            *("AllowTcpForwarding", "AllowAgentForwarding", "HostbasedAuthentication", "PermitUserEnvironment"),
            *("GatewayPorts", "PermitTunnel"),
        ),
        "no",
    ),
    **dict.fromkeys(("StrictModes", "IgnoreRhosts", "DisableForwarding"), "yes"),
}


@fix(
    "ssh-drop-in-loses",
    step="ssh-settings",
    purpose=Purpose.SSH,
    title="Put the stricter setting where it wins",
)
def drop_in_loses(situation: Situation, finding: Finding) -> tuple[Wish, ...]:
    """The value that its author wanted; of several the strictest, so that none of them loses any more."""
    keyword = finding.subject
    found = sshd.server(situation)
    if found is None:
        return ()
    if keyword == "PermitRootLogin":
        values = [line.value for line in found.lines if line.name == "permitrootlogin"]
        order = ("yes", "prohibit-password", "forced-commands-only", "no")
        value = max((each for each in values if each in order), key=order.index, default="no")
        if _also(situation, "ssh-root-login", "ssh-root-key-login"):
            value = "no"
        return settle(situation, Wanted(keyword, value, _is_not(value)))
    if keyword not in _ORDERS or (keyword == "KbdInteractiveAuthentication" and conversation_needed(situation, found)):
        return ()
    value = _ORDERS[keyword]
    more = _no_conversation(situation, found) if keyword == "PasswordAuthentication" else ()
    return settle(situation, Wanted(keyword, value, _is_not(value)), *more)


def _also(situation: Situation, *rules: str) -> bool:
    return any(finding.rule in rules for finding in situation.findings)


@fix(
    "ssh-host-based-login",
    step="ssh-settings",
    purpose=Purpose.SSH,
    title="Trust no other host to say who logs in",
)
def host_based(situation: Situation, finding: Finding) -> tuple[Wish, ...]:
    """The rule has two findings: one is about IgnoreRhosts."""
    if finding.subject == "IgnoreRhosts":
        return settle(situation, Wanted("IgnoreRhosts", "yes", _is("no")))
    return _make(situation, finding, wanted=(Wanted("HostbasedAuthentication", "no", _is("yes")),))


@fix(
    "ssh-gateway-ports",
    step="ssh-settings",
    purpose=Purpose.SSH,
    title="Keep forwarded ports on loopback",
)
def gateway_ports(situation: Situation, finding: Finding) -> tuple[Wish, ...]:
    """The rule has two findings: one is about PermitTunnel."""
    if finding.subject == "PermitTunnel":
        return settle(situation, Wanted("PermitTunnel", "no", _is_not("no")))
    return _make(situation, finding, wanted=(Wanted("GatewayPorts", "no", _is_not("no")),))


@fix("ssh-max-auth-tries", step="ssh-settings", purpose=Purpose.SSH, title="Allow few guesses on one connection")
def max_auth_tries(situation: Situation, finding: Finding) -> tuple[Wish, ...]:
    """Four, or fewer where the policy says so."""
    most = min(4, _number(situation, "ssh-max-auth-tries", "most", 4))
    return _make(situation, finding, wanted=(Wanted("MaxAuthTries", str(most), partial(_more, most=most)),))


@fix("ssh-login-grace-time", step="ssh-settings", purpose=Purpose.SSH, title="Wait no longer than a minute for a login")
def login_grace_time(situation: Situation, finding: Finding) -> tuple[Wish, ...]:
    """A minute, or less where the policy says so. 0 is without end."""
    most = min(60, _number(situation, "ssh-login-grace-time", "seconds", 60))
    wanted = Wanted("LoginGraceTime", str(most), lambda found: found == "0" or _more(found, most=most))
    return _make(situation, finding, wanted=(wanted,))


def _more(found: str, *, most: int) -> bool:
    return found.isdecimal() and int(found[:9]) > most


def _number(situation: Situation, rule: str, option: str, default: int) -> int:
    value = situation.values.get(rule, {}).get(option)
    return value if isinstance(value, int) and value > 0 else default


@fix("ssh-log-level", step="ssh-settings", purpose=Purpose.SSH, title="Record logins")
def log_level(situation: Situation, finding: Finding) -> tuple[Wish, ...]:
    """The first level that the policy has."""
    value = situation.values.get("ssh-log-level", {}).get("levels")
    levels = tuple(value) if isinstance(value, tuple) and value else ("INFO", "VERBOSE")
    return _make(situation, finding, wanted=(Wanted("LogLevel", levels[0], _is_not(*levels)),))


@fix("ssh-idle-sessions", step="ssh-settings", purpose=Purpose.SSH, title="End sessions of computers that are gone")
def idle_sessions(situation: Situation, finding: Finding) -> tuple[Wish, ...]:
    """Half of what the policy allows, twice; and asked under encryption alone."""
    half = max(1, _number(situation, "ssh-idle-sessions", "seconds", 600) // 2)
    return _make(
        situation,
        finding,
        wanted=(
            Wanted("ClientAliveInterval", str(half), lambda found: found == "0" or _more(found, most=half)),
            Wanted("ClientAliveCountMax", "2", lambda found: found == "0" or _more(found, most=2)),
            Wanted("TCPKeepAlive", "no", _is_not("no")),
        ),
    )


@fix(
    "ssh-unfinished-logins",
    step="ssh-settings",
    purpose=Purpose.SSH,
    title="Let few connections wait for a login",
)
def unfinished_logins(situation: Situation, finding: Finding) -> tuple[Wish, ...]:
    """Some are refused from ten on, as OpenSSH has it; all from where the policy says.

    Of this keyword the last line wins: one that is there is changed where it stands.
    """
    most = _number(situation, "ssh-unfinished-logins", "most", 60)

    def wrong(found: str) -> bool:
        return _more(found.rpartition(":")[2], most=most)

    wanted = Wanted("MaxStartups", f"{min(10, most)}:30:{most}", wrong)
    found = sshd.server(situation)
    last = next((each for each in reversed(found.lines if found else ()) if each.name == "maxstartups"), None)
    if last is None:
        return _make(situation, finding, wanted=(wanted,))
    edit = sshd.rewritten(situation, last, wanted)
    return (edit, *sshd.activate(situation)) if edit else ()


@fix("ssh-no-user-restriction", step="ssh-settings", purpose=Purpose.SSH, title="Name the accounts that may log in")
def user_restriction(situation: Situation, _: Finding) -> tuple[Wish, ...]:
    """All that can log in today, so that nobody is shut out: those that come later are, until they are named."""
    match situation.facts.accounts:
        case Known(accounts):
            names = sorted({*_who_logs_in(situation, accounts), *filter(None, [situation.way_in.user])})
        case _:
            return ()
    if not names or not all(_NAME.fullmatch(name) for name in names):
        return ()
    return settle(situation, Wanted("AllowUsers", " ".join(names), _is("")))


def _who_logs_in(situation: Situation, accounts: Accounts) -> Iterator[str]:
    found = sshd.server(situation)
    root = found.setting("permitrootlogin") if found else None
    for account in accounts.accounts:
        shut_out = account.uid == 0 and root is not None and root.value == "no"
        if not shut_out and accounts.can_log_in(account) is not False:
            yield account.name


@fix(
    "ssh-host-key-permissions",
    step="ssh-host-keys",
    purpose=Purpose.PERMISSIONS,
    title="Let only root read the server's private keys",
)
def host_key_permissions(situation: Situation, finding: Finding) -> Iterator[Wish]:
    """Fedora's group ssh_keys may go on reading them."""
    found = sshd.server(situation)
    for key in found.host_keys if found else ():
        if key.path == finding.subject:
            shared = key.group == "ssh_keys"
            yield SetMode(key.path, 0o640 if shared else 0o600, user="root", group="" if shared else "root")


FIXES: tuple[Fix, ...] = (
    password_login,
    keyboard_interactive,
    _setting("ssh-root-login", "Refuse logins of root", ROOT_OFF),
    _setting("ssh-root-key-login", "Refuse logins of root", ROOT_OFF),
    _setting("ssh-empty-passwords", "Refuse empty passwords", Wanted("PermitEmptyPasswords", "no", _is("yes"))),
    drop_in_loses,
    user_restriction,
    use_pam,
    _setting(
        "ssh-permit-user-environment",
        "Keep users from setting the environment of their session",
        Wanted("PermitUserEnvironment", "no", _is_not("no")),
    ),
    host_based,
    _setting("ssh-strict-modes-off", "Check who can write a user's keys", Wanted("StrictModes", "yes", _is("no"))),
    host_key_permissions,
    _setting("ssh-x11-forwarding", "Forward no X11", Wanted("X11Forwarding", "no", _is("yes"))),
    # before OpenSSH 10.0 DisableForwarding alone left agents and X11 out (CVE-2025-32728)
    _setting(
        "ssh-forwarding",
        "Forward neither ports nor agents",
        Wanted("DisableForwarding", "yes", _is("no")),
        Wanted("AllowTcpForwarding", "no", _is_not("no")),
        Wanted("AllowAgentForwarding", "no", _is_not("no")),
    ),
    gateway_ports,
    max_auth_tries,
    login_grace_time,
    log_level,
    idle_sessions,
    unfinished_logins,
    _setting("ssh-no-banner", "Show a notice before a login", Wanted("Banner", "/etc/issue.net", _is("none"))),
    *ssh_crypto.FIXES,
)
