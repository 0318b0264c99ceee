"""PAM: the quality of passwords, and modules that are not there."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.fact import Known
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
from thornwall.model.pam import Pam, PamLine
from thornwall.model.rule import Context, Option, Preset, Verdict, fail, passed, rule, unknown
from thornwall.rules import pam_modules, pam_second_factor


def _pam(ctx: Context) -> Pam:
    return ctx.known(ctx.host.pam, absent="the host does not use PAM")


def _at(line: PamLine) -> Evidence:
    return Evidence(line.file, line.text, line.line)


def _readable(pam: Pam, *services: str) -> Verdict | None:
    """Unknown where a file of these services could not be read."""
    for service in services:
        gap = pam.gap(service)
        if gap:
            return unknown(gap.reason, mend=gap.mend)
    return None


_QUALITY = frozenset({"pam_pwquality", "pam_passwdqc", "pam_cracklib"})


@rule(
    "no-password-quality",
    "New passwords are not judged as they should be",
    subject="pam",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.PASSWORDS,
    likelihood=2,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.RECOMMENDED,
    references=References(
        document=("Changing the default password",),
        cis_debian12=("5.3.1.3", "5.3.2.3"),
        ssg=("package_pam_pwquality_installed", "accounts_password_pam_pwquality_enabled"),
        etsi=("5.1-3",),
        nist=("Logical Access to Interfaces",),
        owasp_iot=("I1",),
        cwe=(521,),
    ),
    commands=("sudo apt-get install libpam-pwquality cracklib-runtime",),
    options=(Option("length", 8, "the least length that the check must ask for", strict=14),),
)
def no_password_quality(ctx: Context) -> Iterator[Verdict]:
    """Nothing looks at the quality of a new password, or what does cannot.

    What:
        Whether a module that judges new passwords (pam_pwquality, pam_passwdqc) stands before pam_unix in the stack of
        `passwd`, and asks for a sufficient length. pam_unix by itself refuses only the shortest. On Debian,
        pam_pwquality also needs the dictionary of cracklib-runtime, which its package only recommends.

    Why:
        The password `raspberry1` is as good as none. The check stops the next one from being like it. Without its
        dictionary pam_pwquality refuses every password, so that nobody but root can replace one that is known.

    Remedy:
        Install libpam-pwquality, which puts itself into `/etc/pam.d/common-password` on Debian, and cracklib-runtime.
        Set `minlen` in `/etc/security/pwquality.conf`, which is read after the files of pwquality.conf.d.
    Risk of the remedy:
        None for the passwords that there are: it judges only new ones, and root may still override it.
    """
    pam = _pam(ctx)
    gap = _readable(pam, "passwd", "common-password")
    if gap:
        yield gap
        return
    stack = pam.stack("passwd", "password") or pam.stack("common-password", "password")
    found = [line for line in stack if line.name in _QUALITY and not line.control.startswith("optional")]
    if not found:
        unix = [line for line in stack if line.name == "pam_unix"][:1]
        yield fail("New passwords are not judged, but for the shortest.", *map(_at, unix))
        return
    line, least = found[0], ctx.number("length")
    if _without_dictionary(ctx, pam, line):
        detail = "pam_pwquality refuses every new password: its dictionary is not installed."
        yield fail(detail, _at(line), commands=("sudo apt-get install cracklib-runtime",))
        return
    conf = pam.pwquality.get("minlen")
    told = line.argument("minlen") or (conf.value if conf and line.name == "pam_pwquality" else "")
    length = int(told) if told.isdecimal() and len(told) < 6 else 8  # the default of pwquality and passwdqc
    if length < least:
        where = Evidence(conf.file, f"minlen = {conf.value}", conf.line) if conf else _at(line)
        yield fail(f"New passwords need no more than {length} characters.", where)
    else:
        yield passed("New passwords are judged.", _at(line))


def _without_dictionary(ctx: Context, pam: Pam, line: PamLine) -> bool:
    match ctx.host.updates:
        case Known(updates) if isinstance(updates.packages, Known):
            return pam.lacks_dictionary(line, updates.packages.value)
        case _:
            return False


@rule(
    "no-login-throttle",
    "Passwords may be guessed without an end",
    subject="pam",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.PASSWORDS,
    likelihood=2,
    impact=2,
    attacker=Attacker.WORM,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.NEEDS_ANSWER,
    preset=Preset.STRICT,
    references=References(
        cis_debian12=("5.3.2.2",),
        ssg=("accounts_passwords_pam_faillock_enabled",),
        etsi=("5.1-5",),
        nist=("Logical Access to Interfaces",),
        cwe=(307,),
    ),
)
def no_login_throttle(ctx: Context) -> Iterator[Verdict]:
    """No module counts wrong passwords.

    What:
        Whether pam_faillock (or pam_tally2 of old systems) stands in the auth stack that logins share, with a limit.
        The pause of two seconds that pam_unix makes after a wrong password does not count.

    Why:
        A patient worm tries for weeks. Keys instead of passwords, or fail2ban, help more; that is why only the strict
        preset asks for this.

    Remedy:
        Switch password logins off where you can (rule ssh-password-login), which ends the guessing. Else add
        pam_faillock through `pam-auth-update` with a profile of your own (Debian ships the module without one), `deny`
        and `unlock_time` in `/etc/security/faillock.conf`.
    Risk of the remedy:
        Half of it entered locks everybody out, and anybody who knows an account's name can then lock its owner
        out by guessing wrong. Never without `unlock_time`, and with a root shell open.
    """
    pam = _pam(ctx)
    gap = _readable(pam, "sshd", "common-auth")
    if gap:
        yield gap
        return
    stack = pam.stack("common-auth", "auth") if "common-auth" in pam.services else pam.stack("system-auth", "auth")
    lines = [line for line in (*stack, *pam.stack("sshd", "auth")) if line.name in {"pam_faillock", "pam_tally2"}]
    if lines:
        yield passed("Wrong passwords are counted.", *map(_at, lines))
    else:
        yield fail("Wrong passwords are not counted.", *[_at(line) for line in stack if line.name == "pam_unix"][:1])


@rule(
    "pam-weak-hash",
    "New passwords are stored under a weak hash",
    subject="pam",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.PASSWORDS,
    likelihood=2,
    impact=3,
    attacker=Attacker.FAR,
    reach=Reach.LOCAL,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.RECOMMENDED,
    references=References(
        document=("Encryption",),
        cis_debian12=("5.3.3.4.3", "5.4.1.4"),
        ssg=("set_password_hashing_algorithm_systemauth", "set_password_hashing_algorithm_logindefs"),
        etsi=("5.1-3", "5.4-1"),
        nist=("Data Protection",),
        owasp_top10=("A02:2021",),
        cwe=(916,),
    ),
    commands=("sudo pam-auth-update",),
)
def pam_weak_hash(ctx: Context) -> Iterator[Verdict]:
    """pam_unix, or login.defs where it says nothing, names md5 or DES for new passwords.

    What:
        The method among the arguments of pam_unix in the stack of `passwd`; where there is none, `ENCRYPT_METHOD` of
        `/etc/login.defs`. yescrypt, gost_yescrypt, blowfish, sha512 and sha256 pass.

    Why:
        Every password that is set from now on is stored in a way that a stolen copy gives away quickly.

    Remedy:
        Have new passwords stored as yescrypt, Debian's own choice, and set the passwords anew. The old word stands in
        the pam-config of your own or in `/etc/login.defs`.
    Risk of the remedy:
        Very old programs that read hashes themselves may not know yescrypt; sha512 is the alternative.
    """
    pam = _pam(ctx)
    gap = _readable(pam, "passwd", "common-password")
    if gap:
        yield gap
        return
    stack = pam.stack("passwd", "password") or pam.stack("common-password", "password")
    good = {"yescrypt", "gost_yescrypt", "blowfish", "sha512", "sha256"}
    unix = [line for line in stack if line.name == "pam_unix"]
    for line in unix:
        words = [arg for arg in line.args if arg in good | {"md5", "bigcrypt"}]
        if words:
            if words[-1] in good:
                yield passed(f"New passwords are stored as {words[-1]}.", _at(line))
            else:
                yield fail(f"New passwords are stored as {words[-1]}.", _at(line))
            return
    yield _by_login_defs(ctx, unix)


def _by_login_defs(ctx: Context, unix: list[PamLine]) -> Verdict:
    match ctx.host.accounts:
        case Known(accounts) if isinstance(accounts.login_defs, Known):
            setting = accounts.login_defs.value.get("ENCRYPT_METHOD")
        case _:
            return unknown("neither PAM nor /etc/login.defs says how new passwords are stored")
    word = setting.value.lower() if setting else "des"  # login.defs(5): DES where it is not set
    evidence = Evidence("/etc/login.defs", f"ENCRYPT_METHOD {setting.value}", setting.line) if setting else None
    places = [*([evidence] if evidence else []), *map(_at, unix[:1])]
    if word in {"yescrypt", "sha512", "sha256", "bcrypt"}:
        return passed(f"New passwords are stored as {word}.", *places)
    return fail(f"New passwords are stored as {word}.", *places)


@rule(
    "su-unrestricted",
    "Every account may try to become root with su",
    subject="pam",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=3,
    attacker=Attacker.FAR,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.STRICT,
    references=References(
        cis_debian12=("5.2.7",),
        ssg=("use_pam_wheel_group_for_su",),
        nist=("Logical Access to Interfaces",),
    ),
)
def su_unrestricted(ctx: Context) -> Iterator[Verdict]:
    """`su` is open to all accounts, whoever they are.

    What:
        Whether `/etc/pam.d/su` requires pam_wheel, which lets only members of a group use su.

    Why:
        From a service that was broken into, root's password can be tried. Where root is locked, as on Raspberry Pi OS,
        there is nothing to try, so only the strict preset asks.

    Remedy:
        Let only the members of a group use su. Make it with `sudo groupadd --system sugroup`, and write `auth required
        pam_wheel.so use_uid group=sugroup` into `/etc/pam.d/su`.
    Risk of the remedy:
        Scripts that call su from another account than root fail.
    """
    pam = _pam(ctx)
    gap = _readable(pam, "su")
    if gap:
        yield gap
        return
    lines = [line for line in pam.stack("su", "auth") if line.name == "pam_wheel" and line.binding]
    if lines:
        yield passed("su is for one group only.", _at(lines[0]))
    elif "su" in pam.services:
        yield fail("Every account may use su.", Evidence("/etc/pam.d/su", "pam_wheel is not required"))
    else:
        yield passed("There is no su that PAM knows.")


RULES = (
    *pam_second_factor.RULES,
    *pam_modules.RULES,
    no_password_quality,
    no_login_throttle,
    pam_weak_hash,
    su_unrestricted,
)
