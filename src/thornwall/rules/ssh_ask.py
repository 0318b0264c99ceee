"""What the SSH rules have in common: asking the server's settings, in general and in Match blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from thornwall.model.fact import Known, Unknown
from thornwall.model.finding import Evidence, Move
from thornwall.model.rule import Context, UnansweredError, Verdict, fail, not_applicable, passed, unknown
from thornwall.model.ssh import Match, Setting, SshServer

MAIN = "/etc/ssh/sshd_config"

DROP_IN = "/etc/ssh/sshd_config.d/10-hardening.conf"
RELOAD = "sudo sshd -t && sudo systemctl reload ssh"

_NAMES = {
    name.lower(): name
    for name in (
        *("AllowAgentForwarding", "AllowTcpForwarding", "AuthenticationMethods", "Ciphers", "ClientAliveCountMax"),
        *("ClientAliveInterval", "DisableForwarding", "GatewayPorts", "HostbasedAuthentication", "HostKeyAlgorithms"),
        *("IgnoreRhosts", "KbdInteractiveAuthentication", "KexAlgorithms", "LoginGraceTime", "LogLevel", "MACs"),
        *("Banner", "MaxAuthTries", "MaxStartups", "PasswordAuthentication", "PermitEmptyPasswords", "PermitRootLogin"),
        *("PermitTunnel", "PermitUserEnvironment", "PubkeyAcceptedAlgorithms", "PubkeyAuthentication", "StrictModes"),
        *(
            "TCPKeepAlive",
            "UsePAM",
            "X11Forwarding",
            "AllowUsers",
            "AllowGroups",
            "DenyUsers",
            "DenyGroups",
            "Port",
            "ListenAddress",
        ),
    )
}


def write(line: str) -> tuple[str, ...]:
    """The commands that put one line where it wins, and make sshd read it."""
    return (f"echo '{line}' | sudo tee -a {DROP_IN}", RELOAD)


def write_with_key(line: str) -> tuple[str, ...]:
    """As `write`, but only where the account that types it has a key: what it closes may be the only way in."""
    first, *rest = write(line)
    return (f"test -s ~/.ssh/authorized_keys && {first}", *rest)


def keyword(name: str) -> str:
    """A keyword as people write it."""
    return _NAMES.get(name.lower(), name)


def evidence(setting: Setting) -> Evidence:
    """Where a setting comes from: its line, the command that told it, or OpenSSH's default."""
    if setting.file:
        return Evidence(setting.file, f"{keyword(setting.name)} {setting.value}", setting.line)
    if setting.command:
        return Evidence(setting.command, f"{setting.name} {setting.value}")
    default = setting.value or "OpenSSH's own"
    return Evidence(MAIN, f"{keyword(setting.name)} is not set: the default is {default}")


def server(context: Context) -> SshServer:
    """The server; ends the rule where there is none, or where it neither starts at boot nor runs."""
    found = context.known(context.host.ssh, absent="no OpenSSH server is installed")
    match context.host.services:
        case Known(services):
            units = [unit for name in ("ssh", "sshd") if (unit := services.unit(name)) is not None]
            if units and not services.starting("ssh", "sshd") and not any(unit.active for unit in units):
                reason = "the SSH server is installed, but does not start at boot"
                raise UnansweredError(not_applicable(reason))
        case _:
            pass
    return found


def general(found: SshServer, name: str) -> Setting:
    """A setting that holds outside Match blocks; ends the rule as unknown where it cannot be told."""
    match found.ask(name):
        case Known(setting):
            return setting
        case Unknown(reason, mend):
            raise UnansweredError(unknown(reason, mend=mend))
        case _:
            return Setting(name, "")


def sound(found: SshServer, detail: str, *seen: Evidence) -> Verdict:
    """A pass, unless a file that could not be read may hold a Match block that says otherwise."""
    if found.gap is not None:
        return unknown(found.gap.reason, mend=found.gap.mend)
    return passed(detail, *seen)


def subject(match: Match) -> str:
    """What a finding about a Match block is called."""
    return f"Match {match.criteria}"


def judge(
    found: SshServer,
    name: str,
    wrong: Callable[[str], bool],
    say: Callable[[str], str],
    right: str,
) -> Iterator[Verdict]:
    """Judge one keyword: a failure for the host, or for each Match block that sets a wrong value; else one pass.

    `wrong` takes a value, `say` makes a sentence of a wrong one (without a full stop), `right` is said of a pass.
    """
    setting = general(found, name)
    if wrong(setting.value):
        yield fail(f"{say(setting.value)}.", evidence(setting))
        return
    failed = False
    for match, inner in found.matching(name):
        if wrong(inner.value):
            failed = True
            detail = f"{say(inner.value)}, for logins that match '{match.criteria}'."
            yield fail(detail, evidence(inner), subject=subject(match))
    if not failed:
        yield sound(found, right, evidence(setting))


def number(value: str) -> int | None:
    """A whole number, or None for what is none."""
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 10 else None


def no_passwords(ctx: Context) -> tuple[Move, ...]:
    """Where no account has a password there is none to guess, until somebody sets one."""
    match ctx.host.accounts:
        case Known(accounts) if isinstance(accounts.shadow, Known):
            names = [account.name for account in accounts.accounts if account.has_shell]
            answers = [accounts.password(name) for name in names]
            if any(isinstance(answer, Known) and answer.value.accepted for answer in answers):
                return ()
            return (Move("likelihood", -1, "no account has a password that would be accepted"),)
        case _:
            return ()
