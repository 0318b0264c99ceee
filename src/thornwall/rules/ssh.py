"""Logging in over SSH: passwords, root, and who may."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from thornwall.model.fact import Known, Unknown
from thornwall.model.finding import (
    Attacker,
    Consequence,
    Effort,
    FaultClass,
    Fixable,
    Kind,
    Move,
    Reach,
    References,
)
from thornwall.model.rule import Context, Preset, Rule, UnansweredError, Verdict, fail, not_applicable, rule, unknown
from thornwall.model.ssh import Setting, SshServer
from thornwall.rules import ssh_config, ssh_connections, ssh_crypto, ssh_host_keys, ssh_sessions
from thornwall.rules.ssh_ask import evidence, general, no_passwords, server, sound, subject, write, write_with_key

KEYS = "Configure SSH key-based authentication"


def suffices(methods: str, method: str) -> bool:
    """Whether AuthenticationMethods lets somebody in who has nothing but a password, given by `method`."""
    if methods in {"", "any"}:
        return True
    typed = {"password", "keyboard-interactive"}
    lists = [[step.partition(":")[0] for step in each.split(",")] for each in methods.split()]
    return any(method in steps and typed.issuperset(steps) for steps in lists)


@rule(
    "ssh-password-login",
    "SSH accepts passwords",
    subject="ssh",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=4,
    attacker=Attacker.WORM,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.NEEDS_ANSWER,
    preset=Preset.DOCUMENTS,
    commands=write_with_key("PasswordAuthentication no"),
    references=References(
        document=(KEYS,),
        etsi=("5.1-5",),
        nist=("Logical Access to Interfaces",),
        owasp_iot=("I1",),
        cwe=(307,),
    ),
)
def ssh_password_login(ctx: Context) -> Iterator[Verdict]:
    """Whether a password alone opens the device over SSH.

    What:
        The SSH server lets people log in with the password of their account (PasswordAuthentication), with nothing
        else to show, in general or in a Match block.
    Why:
        Worms try lists of common passwords on every SSH server they can reach, day and night. A key cannot be guessed.
    Remedy:
        Put your public key on the device, log in with it from a second window, and only then switch passwords off. On
        your own computer: `ssh-copy-id ACCOUNT@HOST`. `PasswordAuthentication no` goes into a file in
        /etc/ssh/sshd_config.d whose name sorts before the others, such as 10-hardening.conf: sshd takes the first value
        it finds, so that 99-hardening.conf would lose to 50-cloud-init.conf. `sudo sshd -T` shows what holds.
    Risk of the remedy:
        Whoever has no key on the device can no longer log in over SSH. Keep the open session until a new login with the
        key has worked.
    """
    yield from _typed_login(
        ctx,
        "passwordauthentication",
        "password",
        "An account's password is enough to log in over SSH",
        "Passwords are not accepted.",
    )


def _typed_login(ctx: Context, name: str, method: str, say: str, right: str) -> Iterator[Verdict]:
    """Judge a method of login that asks for nothing but what can be typed."""
    found, moves = server(ctx), no_passwords(ctx)
    setting, methods = general(found, name), general(found, "authenticationmethods")
    if setting.value == "yes" and suffices(methods.value, method):
        yield fail(f"{say}.", evidence(setting), moves=moves)
        return
    failed = False
    for match in found.matches:
        if not {name, "authenticationmethods"} & match.settings.keys():
            continue
        inner = match.settings.get(name, setting)
        if inner.value == "yes" and suffices(match.settings.get("authenticationmethods", methods).value, method):
            failed = True
            seen = match.settings.get(name) or match.settings["authenticationmethods"]
            detail = f"{say}, for logins that match '{match.criteria}'."
            yield fail(detail, evidence(seen), subject=subject(match), moves=moves)
    if not failed:
        yield sound(found, right, evidence(setting if setting.value != "yes" else methods))


@rule(
    "ssh-keyboard-interactive-password",
    "SSH accepts passwords by a second way",
    subject="ssh",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=4,
    attacker=Attacker.WORM,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.DOCUMENTS,
    commands=write_with_key("KbdInteractiveAuthentication no"),
    references=References(
        document=(KEYS,),
        etsi=("5.1-5",),
        nist=("Logical Access to Interfaces",),
        owasp_iot=("I1",),
        cwe=(307,),
    ),
)
def ssh_keyboard_interactive_password(ctx: Context) -> Iterator[Verdict]:
    """Whether PAM asks for the password although PasswordAuthentication is off.

    What:
        PasswordAuthentication is off, but KbdInteractiveAuthentication is on and UsePAM too: then PAM asks for the same
        password in a conversation. ChallengeResponseAuthentication, as older guides call it, is the same setting.
    Why:
        The owner believes that passwords are off, and they are not: a guessed password still opens the device.
    Remedy:
        Switch keyboard-interactive logins off as well, once you log in with a key. `KbdInteractiveAuthentication no`
        goes into /etc/ssh/sshd_config.d/10-hardening.conf. If you use one-time codes, leave it on and demand both:
        `AuthenticationMethods publickey,keyboard-interactive`.
    Risk of the remedy:
        One-time codes and other questions that PAM asks over SSH stop working.
    """
    found = server(ctx)
    if general(found, "usepam").value != "yes":
        yield sound(found, "PAM is not asked.", evidence(general(found, "usepam")))
        return
    methods = general(found, "authenticationmethods").value
    if general(found, "passwordauthentication").value == "yes" and suffices(methods, "password"):
        yield not_applicable("passwords are accepted anyway: see ssh-password-login")
        return
    yield from _typed_login(
        ctx,
        "kbdinteractiveauthentication",
        "keyboard-interactive",
        "PAM asks for the password and lets in whoever knows it",
        "PAM is not asked for a password, or not for that alone.",
    )


@rule(
    "ssh-root-login",
    "Root can log in over SSH with a password",
    subject="ssh",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=3,
    impact=5,
    attacker=Attacker.WORM,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.DOCUMENTS,
    commands=write("PermitRootLogin no"),
    references=References(
        document=(KEYS,),
        cis_debian12=("5.1.20",),
        ssg=("sshd_disable_root_login", "sshd_disable_root_password_login"),
        etsi=("5.6-7",),
        nist=("Logical Access to Interfaces",),
        owasp_iot=("I1",),
        cwe=(250, 307),
    ),
)
def ssh_root_login(ctx: Context) -> Iterator[Verdict]:
    """Whether PermitRootLogin is `yes` while passwords are accepted.

    What:
        `PermitRootLogin yes` lets root log in over SSH with its password, in general or in a Match block.
    Why:
        Root exists on every device, so that an attacker has to guess only the password, and has everything at once. Nor
        does the log tell which person it was.
    Remedy:
        Switch root's login off, once another account can log in over SSH and use sudo. `PermitRootLogin no` goes into
        /etc/ssh/sshd_config.d/10-hardening.conf: sshd takes the first value it finds.
    Risk of the remedy:
        Backups or scripts that log in as root stop working. Make sure that another account can log in and become root.
    """
    found = server(ctx)
    setting, password = _for_root(found, "permitrootlogin"), _passwords(found)
    if setting.value == "yes" and password:
        yield fail("Root can log in over SSH with its password.", evidence(setting), moves=_root_moves(ctx))
        return
    failed = False
    for match, inner in found.matching_root("permitrootlogin"):
        if inner.value == "yes" and _passwords(found, match.settings):
            failed = True
            detail = f"Root can log in over SSH with its password, for logins that match '{match.criteria}'."
            yield fail(detail, evidence(inner), subject=subject(match), moves=_root_moves(ctx))
    if not failed:
        yield sound(found, "Root cannot log in with a password.", evidence(setting))


def _for_root(found: SshServer, name: str) -> Setting:
    match found.for_root(name):
        case Known(setting):
            return setting
        case Unknown(reason, mend):
            raise UnansweredError(unknown(reason, mend=mend))
        case _:
            return general(found, name)


def _passwords(found: SshServer, block: Mapping[str, Setting] | None = None) -> bool:
    """Whether something typed is enough to log in, in general or under a Match block's settings."""

    def value(name: str) -> str:
        return block[name].value if block is not None and name in block else general(found, name).value

    methods = value("authenticationmethods")
    if value("passwordauthentication") == "yes" and suffices(methods, "password"):
        return True
    by_pam = value("kbdinteractiveauthentication") == "yes" and general(found, "usepam").value == "yes"
    return by_pam and suffices(methods, "keyboard-interactive")


def _root_moves(ctx: Context) -> tuple[Move, ...]:
    match ctx.host.accounts:
        case Known(accounts):
            match accounts.password("root"):
                case Known(password) if not password.accepted:
                    return (Move("likelihood", -2, "root has no password that would be accepted"),)
                case _:
                    return ()
        case _:
            return ()


@rule(
    "ssh-root-key-login",
    "SSH would let root in with a key",
    subject="ssh",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=4,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.DOCUMENTS,
    commands=write("PermitRootLogin no"),
    references=References(
        document=(KEYS,),
        cis_debian12=("5.1.20",),
        ssg=("sshd_disable_root_login",),
        etsi=("5.6-7",),
        nist=("Logical Access to Interfaces",),
        cwe=(250,),
    ),
)
def ssh_root_key_login(ctx: Context) -> Iterator[Verdict]:
    """Whether root may log in at all.

    What:
        PermitRootLogin is `prohibit-password` (OpenSSH's default) or `yes` with passwords off, in general or in a Match
        block that root can meet: root may log in with a key. With `forced-commands-only` a key runs one fixed command,
        which is accepted here.
    Why:
        Whoever can write root's authorized_keys once can come back as root at any time, and the log does not tell which
        person used a shared key. No key may be there yet: then nothing is open today.
    Remedy:
        Switch root's login off, once another account can log in over SSH and use sudo. `PermitRootLogin no` goes into
        /etc/ssh/sshd_config.d/10-hardening.conf: sshd takes the first value it finds.
    Risk of the remedy:
        Backups or configuration management that log in as root stop working.
    """
    found = server(ctx)
    setting = _for_root(found, "permitrootlogin")
    if _by_key(setting, passwords=_passwords(found)):
        moves = _key_moves(ctx)
        detail = "Root may log in over SSH with a key" + ("." if moves else ", as soon as there is one.")
        yield fail(detail, evidence(setting), moves=moves)
        return
    if setting.value == "yes":
        yield not_applicable("root may even use a password: see ssh-root-login")
        return
    failed = False
    for match, inner in found.matching_root("permitrootlogin"):
        if _by_key(inner, passwords=_passwords(found, match.settings)):
            failed = True
            detail = f"Root can log in over SSH with a key, for logins that match '{match.criteria}'."
            yield fail(detail, evidence(inner), subject=subject(match), moves=_key_moves(ctx))
    if not failed:
        yield sound(found, "Root cannot log in over SSH, or for fixed commands only.", evidence(setting))


def _by_key(setting: Setting, *, passwords: bool) -> bool:
    """Whether PermitRootLogin lets root in by nothing but a key."""
    return setting.value == "prohibit-password" or (setting.value == "yes" and not passwords)


def _key_moves(ctx: Context) -> tuple[Move, ...]:
    match ctx.host.accounts:
        case Known(accounts) if accounts.keys_of("root"):
            return (Move("likelihood", 1, "root has keys that open it"),)
        case _:
            return ()


@rule(
    "ssh-empty-passwords",
    "SSH lets accounts in that have no password",
    subject="ssh",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.PASSWORDS,
    likelihood=4,
    impact=5,
    attacker=Attacker.WORM,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    commands=write("PermitEmptyPasswords no"),
    references=References(
        document=("Top IoT Vulnerabilities/Misconfiguration",),
        cis_debian12=("5.1.19",),
        ssg=("sshd_disable_empty_passwords",),
        etsi=("5.1-1",),
        nist=("Logical Access to Interfaces",),
        owasp_iot=("I1",),
        cwe=(258,),
    ),
)
def ssh_empty_passwords(ctx: Context) -> Iterator[Verdict]:
    """Whether an empty password opens an account.

    What:
        `PermitEmptyPasswords yes` while passwords are accepted: an account without a password is open to everybody.
    Why:
        One account with an empty password field, and anybody on the network has a command line on the device.
    Remedy:
        Set `PermitEmptyPasswords no`, which is the default, and reload the service. Then give each account a password
        (`sudo passwd NAME`) or lock it (`sudo passwd --lock NAME`).
    Risk of the remedy:
        Programs that log in with no password stop working: give them a key.
    """
    found = server(ctx)
    setting = general(found, "permitemptypasswords")
    if setting.value == "yes" and _passwords(found):
        yield fail("An account whose password is empty can be entered over SSH.", evidence(setting))
        return
    failed = False
    for match, inner in found.matching("permitemptypasswords"):
        if inner.value == "yes" and _passwords(found, match.settings):
            failed = True
            detail = f"An empty password opens an account over SSH, for logins that match '{match.criteria}'."
            yield fail(detail, evidence(inner), subject=subject(match))
    if not failed:
        yield sound(found, "Empty passwords are refused.", evidence(setting))


RULES: tuple[Rule, ...] = (
    ssh_password_login,
    ssh_root_login,
    ssh_root_key_login,
    ssh_empty_passwords,
    ssh_keyboard_interactive_password,
    *ssh_config.RULES,
    *ssh_crypto.RULES,
    *ssh_host_keys.RULES,
    *ssh_sessions.RULES,
    *ssh_connections.RULES,
)
