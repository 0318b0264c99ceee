"""A second factor for logins from the network."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.accounts import Accounts
from thornwall.model.fact import Fact, Known, Unknown
from thornwall.model.finding import (
    Attacker,
    Consequence,
    Effort,
    Evidence,
    FaultClass,
    Fixable,
    Kind,
    Reach,
    References,
)
from thornwall.model.pam import SECOND_FACTORS, Pam, PamLine
from thornwall.model.rule import Context, Preset, Verdict, fail, rule, unknown
from thornwall.model.ssh import Setting, SshServer
from thornwall.rules.ssh_ask import evidence, no_passwords, server, sound


def _at(line: PamLine) -> Evidence:
    return Evidence(line.file, line.text, line.line)


@rule(
    "no-second-factor",
    "A single secret is enough to log in from the network",
    subject="pam",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.PASSWORDS,
    likelihood=2,
    impact=4,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.HOUR,
    fixable=Fixable.BY_HAND,
    preset=Preset.DOCUMENTS,
    references=References(
        document=("Practical Steps to Secure IoT Devices",),
        etsi=("5.1-3",),
        nist=("Logical Access to Interfaces",),
        owasp_iot=("I1",),
        owasp_top10=("A07:2021",),
        cwe=(308,),
    ),
    commands=("sudo apt-get install libpam-google-authenticator", "google-authenticator --time-based"),
)
def no_second_factor(ctx: Context) -> Iterator[Verdict]:
    """SSH lets in whoever has one thing: the password, or a copy of the key.

    What:
        Whether every way that sshd offers asks for two different things: `AuthenticationMethods` with two methods in
        each list, of which the second asks for a password or a code; a code of PAM where keys are off; or nothing but
        FIDO keys with `verify-required`, which ask for a PIN too.

    Why:
        A password is guessed or given away, a key file is copied from a laptop. With a second factor neither opens the
        device alone.

    Remedy:
        Ask for a one-time code, or for a FIDO key, once you log in with a key. For codes install
        `libpam-google-authenticator`, run `google-authenticator` as the account, put `auth required
        pam_google_authenticator.so` into `/etc/pam.d/sshd` in place of `@include common-auth`, and set
        `AuthenticationMethods publickey,keyboard-interactive` and `KbdInteractiveAuthentication yes` in a file of
        `/etc/ssh/sshd_config.d`. For FIDO keys: `ssh-keygen -t ed25519-sk -O verify-required`.
    Risk of the remedy:
        Codes need a clock that is right, and a Pi without network has none: keep the emergency codes. Accounts without
        a secret of their own are locked out, and so are backups and Ansible: leave them a `Match` block. Keep a session
        open until a new login has worked.
    """
    found = server(ctx)
    match ctx.host.accounts:
        case Known(accounts):
            pass
        case _:
            accounts = Accounts(())
    for matched, setting in found.matching("authenticationmethods"):
        if _all_double(setting.value, ctx.host.pam) is False:
            yield fail(
                f"Logins that the block 'Match {matched.criteria}' is about need a single factor.",
                evidence(setting),
                subject=f"Match {matched.criteria}",
            )
    methods = ctx.known(found.ask("authenticationmethods"), absent="sshd has no such setting")
    if methods.value not in {"", "any"}:
        yield from _listed_methods(methods, found, ctx)
        return
    yield from _any_method(methods, found, accounts, ctx)


def _listed_methods(methods: Setting, found: SshServer, ctx: Context) -> Iterator[Verdict]:
    pam = ctx.host.pam
    match _all_double(methods.value, pam):
        case None:
            reason = pam.reason if isinstance(pam, Unknown) else "what PAM asks for could not be read"
            yield unknown(reason, mend=pam.mend if isinstance(pam, Unknown) else "")
        case True:
            codes = [_at(line) for line in _codes(pam.value)] if isinstance(pam, Known) else []
            yield sound(found, f"sshd asks for two factors: {methods.value}.", evidence(methods), *codes)
        case _:
            yield fail(f"sshd asks for a single factor: {methods.value}.", evidence(methods))


def _all_double(value: str, pam: Fact[Pam]) -> bool | None:
    answers = [_double(methods.split(","), pam) for methods in value.split()]
    if any(answer is False for answer in answers) or not answers:
        return False
    return None if None in answers else True


def _double(methods: list[str], pam: Fact[Pam]) -> bool | None:
    """Whether a list of methods asks for two different things; None: PAM's part could not be read."""
    names = [method.partition(":")[0] for method in methods]
    keys = any(name in {"publickey", "hostbased", "gssapi-with-mic"} for name in names)
    if keys and any(name in {"password", "keyboard-interactive"} for name in names):
        return True
    if "keyboard-interactive" in names:  # without a key it must ask for a code beside the password
        return (bool(_codes(pam.value)) and _passwords(pam.value)) if isinstance(pam, Known) else None
    return False


def _codes(pam: Pam) -> list[PamLine]:
    """The lines of sshd's stack that nobody gets past without a second factor."""
    return [
        line
        for line in pam.stack("sshd", "auth")
        if line.name in SECOND_FACTORS and line.binding and line.argument("nullok") is None
    ]


def _passwords(pam: Pam) -> bool:
    return any(line.name in {"pam_unix", "pam_sss", "pam_ldap"} for line in pam.stack("sshd", "auth"))


def _any_method(methods: Setting, found: SshServer, accounts: Accounts, ctx: Context) -> Iterator[Verdict]:
    """No list of methods: one that succeeds is enough, so each that is on must ask for two things itself."""
    settings = {
        name: found.ask(name)
        for name in ("passwordauthentication", "kbdinteractiveauthentication", "pubkeyauthentication")
    }
    for fact in settings.values():
        if isinstance(fact, Unknown):
            yield unknown(fact.reason, mend=fact.mend)
            return
    on = {name: fact.value for name, fact in settings.items() if isinstance(fact, Known) and fact.value.value != "no"}
    if "passwordauthentication" in on:
        seen = evidence(on["passwordauthentication"]), evidence(methods)
        keys = accounts.unread_keys or any(file.keys for file in accounts.key_files)
        yield fail("sshd lets in whoever has the password.", *seen, moves=() if keys else no_passwords(ctx))
    elif "pubkeyauthentication" in on and not _all_verified(accounts):
        yield fail(
            "sshd lets in whoever has a copy of the key.", evidence(on["pubkeyauthentication"]), evidence(methods)
        )
    elif "kbdinteractiveauthentication" in on:
        match ctx.host.pam:
            case Known(pam) if _codes(pam) and _passwords(pam):
                yield sound(found, "sshd asks for the password and for a code.", *map(_at, _codes(pam)))
            case Unknown(reason, mend):
                yield unknown(reason, mend=mend)
            case _:
                yield fail("sshd lets in whoever has the password.", evidence(on["kbdinteractiveauthentication"]))
    else:
        yield sound(found, "Every key is a FIDO key that asks for a PIN.", evidence(methods))


def _all_verified(accounts: Accounts) -> bool:
    keys = [key for file in accounts.key_files for key in file.keys]
    return bool(keys) and not accounts.unread_keys and all(key.touch_and_pin for key in keys)


RULES = (no_second_factor,)
