"""What the SSH server offers to encrypt with, and which signatures it takes."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.capture import SUDO
from thornwall.model.finding import (
    Attacker,
    Consequence,
    Effort,
    FaultClass,
    Fixable,
    Kind,
    Reach,
    References,
)
from thornwall.model.rule import Context, Option, Preset, Rule, Verdict, fail, rule, unknown
from thornwall.rules.ssh_ask import RELOAD, evidence, general, server, sound

_RELOAD = (RELOAD,)
_SAFE_SINCE = (8, 8)  # from here on OpenSSH's own lists have none of what is judged here
_ENCRYPTION = ("Encryption",)
_NIST = ("Data Protection",)


def _judge_list(ctx: Context, names: tuple[str, ...], weak: tuple[str, ...], what: str) -> Iterator[Verdict]:
    """Judge the algorithms that are offered under `names`: a failure for each keyword that has a weak one."""
    found = server(ctx)
    failed, seen = False, []
    for name in names:
        setting = general(found, name)
        offered = _offered(setting.value)
        if not setting.value and found.version < _SAFE_SINCE:
            told = "the defaults of this version of OpenSSH were not read"
            yield unknown(f"{told}: only root can ask sshd", mend=SUDO)
            failed = True
            continue
        bad = [each for each in offered if each in weak]
        if bad:
            failed = True
            yield fail(f"{what}: {', '.join(bad)}.", evidence(setting), subject=evidence(setting).text.split(" ")[0])
        seen.append(evidence(setting))
    if not failed:
        yield sound(found, "None of those offered is known to be weak.", *seen)


def _offered(value: str) -> list[str]:
    """The algorithms of a list; of a change to the defaults (`+a,b`, `^a`) those it adds."""
    return [] if value.startswith("-") else value.lstrip("+^").split(",") if value else []


@rule(
    "ssh-weak-ciphers",
    "SSH offers weak ciphers",
    subject="ssh",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=4,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    commands=_RELOAD,
    references=References(
        document=_ENCRYPTION,
        cis_debian12=("5.1.6",),
        ssg=("sshd_use_strong_ciphers",),
        etsi=("5.5-1",),
        nist=_NIST,
        owasp_top10=("A02:2021",),
        cwe=(327,),
    ),
    options=(
        Option(
            "weak",
            (
                *("3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc", "rijndael-cbc@lysator.liu.se", "blowfish-cbc"),
                *("cast128-cbc", "arcfour", "arcfour128", "arcfour256", "des-cbc", "none"),
            ),
            "the ciphers that must not be offered",
        ),
    ),
)
def ssh_weak_ciphers(ctx: Context) -> Iterator[Verdict]:
    """Whether a cipher in CBC mode, 3DES or RC4 can be agreed on.

    What:
        The list of ciphers has one in CBC mode, 3DES or RC4 (arcfour). OpenSSH's own list has none of them.
    Why:
        CBC in SSH lets somebody on the path recover parts of the text, and 3DES and RC4 are broken in other ways. Who
        can change the first packets may steer two programs to the weakest they share.
    Remedy:
        Remove the Ciphers line, so that OpenSSH's own list is used, and reload the service.
    Risk of the remedy:
        Programs older than about 2014 can no longer connect.
    """
    yield from _judge_list(ctx, ("ciphers",), ctx.words("weak"), "Weak ciphers are offered")


@rule(
    "ssh-weak-macs",
    "SSH offers weak message authentication codes",
    subject="ssh",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=3,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    commands=_RELOAD,
    references=References(
        document=_ENCRYPTION,
        cis_debian12=("5.1.15",),
        ssg=("sshd_use_strong_macs",),
        etsi=("5.5-1",),
        nist=_NIST,
        owasp_top10=("A02:2021",),
        cwe=(328,),
    ),
    options=(
        Option(
            "weak",
            (
                *("hmac-md5", "hmac-md5-96", "hmac-md5-etm@openssh.com", "hmac-md5-96-etm@openssh.com", "none"),
                *("hmac-ripemd160", "hmac-ripemd160@openssh.com", "hmac-ripemd160-etm@openssh.com"),
                *("hmac-sha1-96", "hmac-sha1-96-etm@openssh.com"),
            ),
            "the codes that must not be offered",
            strict=(
                *("hmac-md5", "hmac-md5-96", "hmac-md5-etm@openssh.com", "hmac-md5-96-etm@openssh.com", "none"),
                *("hmac-ripemd160", "hmac-ripemd160@openssh.com", "hmac-ripemd160-etm@openssh.com"),
                *("hmac-sha1-96", "hmac-sha1-96-etm@openssh.com", "hmac-sha1", "hmac-sha1-etm@openssh.com"),
                *("umac-64@openssh.com", "umac-64-etm@openssh.com"),
            ),
        ),
    ),
)
def ssh_weak_macs(ctx: Context) -> Iterator[Verdict]:
    """Whether a message authentication code of MD5, RIPEMD or 96 bits can be agreed on.

    What:
        The list of MACs has one that is built on MD5 or RIPEMD, or that is cut to 96 bits. hmac-sha1, which OpenSSH
        itself still offers, counts only in the strict policy: HMAC does not depend on what is broken in SHA-1.
    Why:
        The code is what keeps somebody on the path from changing what is typed and answered.
    Remedy:
        Remove the MACs line, so that OpenSSH's own list is used, and reload the service. For the strict policy write
        `MACs hmac-sha2-512-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512,hmac-sha2-256`.
    Risk of the remedy:
        Very old programs can no longer connect.
    """
    yield from _judge_list(ctx, ("macs",), ctx.words("weak"), "Weak codes are offered")


@rule(
    "ssh-weak-key-exchange",
    "SSH offers weak key exchange",
    subject="ssh",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=4,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    commands=_RELOAD,
    references=References(
        document=_ENCRYPTION,
        cis_debian12=("5.1.12",),
        ssg=("sshd_use_strong_kex",),
        etsi=("5.5-1",),
        nist=_NIST,
        owasp_top10=("A02:2021",),
        cwe=(327,),
    ),
    options=(
        Option(
            "weak",
            (
                *("diffie-hellman-group1-sha1", "diffie-hellman-group14-sha1", "diffie-hellman-group-exchange-sha1"),
                *("gss-gex-sha1-", "gss-group1-sha1-", "gss-group14-sha1-", "rsa1024-sha1"),
            ),
            "the methods that must not be offered",
        ),
    ),
)
def ssh_weak_key_exchange(ctx: Context) -> Iterator[Verdict]:
    """Whether a key exchange with SHA-1 or a 1024-bit group can be agreed on.

    What:
        The list of key exchange methods has one that uses SHA-1 or a group of 1024 bits. OpenSSH's own has none.
    Why:
        Groups of 1024 bits are within reach of well-funded attackers, who can then read recorded sessions; SHA-1 lets
        them forge.
    Remedy:
        Remove the KexAlgorithms line, so that OpenSSH's own list is used, and reload the service.
    Risk of the remedy:
        Programs older than about 2014, and some network devices, can no longer connect.
    """
    yield from _judge_list(ctx, ("kexalgorithms",), ctx.words("weak"), "Weak methods are offered")


@rule(
    "ssh-weak-signatures",
    "SSH accepts weak signatures",
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
    commands=_RELOAD,
    references=References(
        document=_ENCRYPTION,
        etsi=("5.1-3",),
        nist=_NIST,
        owasp_top10=("A02:2021",),
        cwe=(327,),
    ),
    options=(
        Option(
            "weak",
            ("ssh-rsa", "ssh-dss", "ssh-rsa-cert-v01@openssh.com", "ssh-dss-cert-v01@openssh.com"),
            "the signature algorithms that must be neither offered nor accepted",
        ),
    ),
)
def ssh_weak_signatures(ctx: Context) -> Iterator[Verdict]:
    """Whether signatures made with SHA-1 or DSA are offered (host keys) or accepted (users' keys).

    What:
        HostKeyAlgorithms or PubkeyAcceptedAlgorithms has `ssh-rsa` (RSA with SHA-1) or `ssh-dss`. RSA keys themselves
        are fine: they sign with SHA-2 under the names rsa-sha2-256 and rsa-sha2-512.
    Why:
        SHA-1 collisions can be bought, which lets somebody use a signature that was given for something else. DSA keys
        have 1024 bits and betray themselves when random numbers are poor, as on small devices at boot.
    Remedy:
        Remove the line that adds it (often `PubkeyAcceptedAlgorithms +ssh-rsa`), and reload the service.
    Risk of the remedy:
        Programs with OpenSSH older than 7.2 can no longer log in with an RSA key: give them an Ed25519 key.
    """
    names = ("hostkeyalgorithms", "pubkeyacceptedalgorithms")
    yield from _judge_list(ctx, names, ctx.words("weak"), "Weak signatures are accepted")


@rule(
    "ssh-no-post-quantum-key-exchange",
    "SSH offers no key exchange that withstands quantum computers",
    subject="ssh",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.STRICT,
    commands=_RELOAD,
    references=References(document=_ENCRYPTION, etsi=("5.5-1",), nist=_NIST),
)
def ssh_no_post_quantum_key_exchange(ctx: Context) -> Iterator[Verdict]:
    """Whether the key exchange list lacks sntrup761x25519 and mlkem768x25519.

    What:
        None of the hybrid methods of OpenSSH (sntrup761x25519-sha512, since 8.5; mlkem768x25519-sha256, since 9.9) is
        in the list, usually because a guide told to write a list of one's own.
    Why:
        Who records sessions today could read them when large quantum computers exist.
    Remedy:
        Remove the KexAlgorithms line, so that OpenSSH's own list is used, and reload the service.
    Risk of the remedy:
        None known: programs that do not know the method agree on another.
    """
    found = server(ctx)
    setting = general(found, "kexalgorithms")
    if not setting.value or setting.value[0] in "+^-":
        if found.version >= (9, 0):
            yield sound(found, "OpenSSH's own list has it.", evidence(setting))
        else:
            yield unknown("the default list of this version of OpenSSH was not read", mend=SUDO)
    elif any(each.startswith(("sntrup761", "mlkem768")) for each in setting.value.split(",")):
        yield sound(found, "A hybrid method is offered.", evidence(setting))
    else:
        yield fail("The list has no hybrid method.", evidence(setting))


RULES: tuple[Rule, ...] = (
    ssh_weak_ciphers,
    ssh_weak_macs,
    ssh_weak_key_exchange,
    ssh_weak_signatures,
    ssh_no_post_quantum_key_exchange,
)
