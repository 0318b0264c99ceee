"""The keys that the SSH server proves itself with."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.capture import SUDO
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
from thornwall.model.rule import Context, Option, Rule, Verdict, fail, not_applicable, passed, rule, unknown
from thornwall.model.ssh import HostKey
from thornwall.rules.ssh_ask import RELOAD, server

_RELOAD = (RELOAD,)
_SAFE_SINCE = (8, 8)  # from here on OpenSSH's own lists have none of what is judged here
_ENCRYPTION = ("Encryption",)
_NIST = ("Data Protection",)


@rule(
    "ssh-weak-host-keys",
    "The SSH server proves itself with a weak key",
    subject="ssh",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=4,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    commands=("sudo rm KEY KEY.pub", "sudo ssh-keygen -A", "sudo systemctl restart ssh"),
    references=References(
        document=_ENCRYPTION, etsi=("5.1-3", "5.5-1"), nist=_NIST, owasp_top10=("A02:2021",), cwe=(326,)
    ),
    options=(Option("rsa_bits", 2048, "the fewest bits of an RSA host key", strict=3072),),
)
def ssh_weak_host_keys(ctx: Context) -> Iterator[Verdict]:
    """Whether a host key is DSA, or RSA with too few bits.

    What:
        A key in /etc/ssh/ssh_host_*_key is DSA, or RSA with fewer bits than the policy asks for (2048).
    Why:
        Who finds the private half can pose as the device and read what is typed to it, passwords included.
    Remedy:
        Remove the weak key, make what is missing with `sudo ssh-keygen -A`, and restart the service. Tell the people
        who log in the new fingerprint: `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`.
    Risk of the remedy:
        Whoever knew the device by the old key is warned that its identity changed.
    """
    found = server(ctx)
    least, failed = ctx.number("rsa_bits"), False
    for key in found.host_keys:
        short = key.kind == "ssh-rsa" and 0 < key.bits < least
        if short or key.kind == "ssh-dss":
            failed = True
            what = f"RSA with {key.bits} bits" if short else "DSA"
            commands = (f"sudo rm {key.path} {key.path}.pub", "sudo ssh-keygen -A", "sudo systemctl restart ssh")
            yield fail(
                f"The key is {what}.", Evidence(f"{key.path}.pub", key.kind), subject=key.path, commands=commands
            )
    unread = [key.path for key in found.host_keys if not key.kind]
    if unread:
        yield unknown(f"the public half of {unread[0]} was not read", subject=unread[0])
    elif not found.host_keys:
        yield not_applicable("the server has no host keys yet")
    elif not failed:
        yield passed("All are strong.", *(Evidence(f"{key.path}.pub", key.kind) for key in found.host_keys))


@rule(
    "ssh-host-key-permissions",
    "Others can read a private host key of the SSH server",
    subject="ssh",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=4,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    commands=("sudo chown root:root KEY", "sudo chmod 0600 KEY"),
    references=References(
        document=_ENCRYPTION,
        cis_debian12=("5.1.2",),
        ssg=("file_permissions_sshd_private_key",),
        etsi=("5.4-1",),
        nist=_NIST,
        cwe=(732,),
    ),
)
def ssh_host_key_permissions(ctx: Context) -> Iterator[Verdict]:
    """Whether a private host key belongs to somebody else than root, or can be read or written by others.

    What:
        A private key /etc/ssh/ssh_host_*_key is not root's, or its mode lets others than root read or write it.
        Fedora's group ssh_keys may read it there.
    Why:
        With the private key anybody can pose as the device. sshd refuses a key that others can read, so that the
        device may also not come back after a restart.
    Remedy:
        Let only root read the private key; if others may have read it, make a new one.
    Risk of the remedy:
        None: sshd reads the keys as root.
    """
    found = server(ctx)
    failed = False
    modes = []
    for key in found.host_keys:
        seen = _seen(ctx, key)
        if seen is None:
            failed = True
            yield unknown(f"the mode of {key.path} was not told", subject=key.path, mend=SUDO)
            continue
        mode, uid, group = seen
        shown = Evidence(key.path, f"mode {mode:04o}, uid {uid}, group {group}")
        modes.append(shown)
        if uid != 0 or mode & (0o037 if group == "ssh_keys" else 0o077):
            failed = True
            commands = (f"sudo chown root:root {key.path}", f"sudo chmod 0600 {key.path}")
            yield fail("Others than root can get at this key.", shown, subject=key.path, commands=commands)
    if not found.host_keys:
        yield not_applicable("the server has no host keys yet")
    elif not failed:
        yield passed("Only root can read them.", *modes)


def _seen(ctx: Context, key: HostKey) -> tuple[int, int, str] | None:
    """Mode, owner and group of a key: as it was read, or as the walk of the file system saw it."""
    if key.mode >= 0:
        return key.mode, key.uid, key.group or str(key.gid)
    match ctx.host.filesystem:
        case Known(filesystem) if (entry := filesystem.entry(key.path)) is not None:
            return entry.mode, entry.uid, entry.group
        case _:
            return None


RULES: tuple[Rule, ...] = (ssh_weak_host_keys, ssh_host_key_permissions)
