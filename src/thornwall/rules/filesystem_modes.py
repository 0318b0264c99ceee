"""Modes and owners of the files that matter most."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from thornwall.model.filesystem import Entry, FileSystem
from thornwall.model.finding import (
    Attacker,
    Consequence,
    Effort,
    Evidence,
    FaultClass,
    Fixable,
    Kind,
    Move,
    Reach,
    References,
)
from thornwall.model.record import record
from thornwall.model.rule import Context, Verdict, fail, not_applicable, passed, rule
from thornwall.rules.walked import bounds, rest, shut, walked


@record
class _Secret:
    """Files that hold secrets: which, what they are, and which groups beside root may read them."""

    pattern: re.Pattern[str]
    what: str
    groups: tuple[str, ...] = ()
    worse: int = 0


_SECRETS = (
    _Secret(re.compile(r"/etc/g?shadow-?"), "the passwords' hashes", ("shadow",), 1),
    _Secret(re.compile(r"/etc/security/opasswd(\.old)?"), "the hashes of old passwords", ("shadow",)),
    _Secret(re.compile(r"/etc/ssh/ssh_host_\w+_key"), "the host's own SSH key", ("ssh_keys", "_ssh")),
    _Secret(re.compile(r"/etc/ssl/private/.+"), "a TLS key", ("ssl-cert",)),
    _Secret(re.compile(r"/etc/letsencrypt/(archive|live|keys)/.*priv\w*\.pem"), "a TLS key", ("ssl-cert",)),
    _Secret(re.compile(r"/etc/wireguard/.+\.(conf|key)"), "a VPN key", ("systemd-network",)),
    _Secret(re.compile(r"/etc/openvpn/.*\.(key|auth|pass\w*)"), "a VPN key", ("openvpn", "nogroup")),
    _Secret(re.compile(r"/etc/ppp/(chap|pap)-secrets"), "the password of a connection", ("dip",)),
    _Secret(re.compile(r"/etc/(restic|borgmatic?|duplicity)/.*(pass\w*|key\w*|secret\w*)"), "the backup's password"),
    _Secret(re.compile(r"(/root|/home/[^/]+)/\.ssh/(id_\w+|identity|[^/]+\.(pem|key))"), "a private SSH key", (), 1),
    _Secret(
        re.compile(r"(/root|/home/[^/]+)/\.(netrc|pgpass|my\.cnf|google_authenticator|smbcredentials)"), "a password"
    ),
)

_PATTERNS = [secret.pattern.pattern for secret in _SECRETS]
_IN_ETC = "|".join(pattern.removeprefix("/etc/") for pattern in _PATTERNS if pattern.startswith("/etc/"))
# tried on every path: a whole alternative is passed over by its first letter
_ANY = re.compile(rf"/etc/(?:{_IN_ETC})|" + "|".join(each for each in _PATTERNS if not each.startswith("/etc/")))
_ROOTS_OWN = re.compile(  # what root runs, or obeys
    r"/etc/(passwd|group|g?shadow|sudoers|sudo\.conf|crontab|anacrontab|rc\.local|profile|environment|bash\.bashrc|fstab"
    r"|ld\.so\.(preload|conf)|doas\.conf|inetd\.conf|nsswitch\.conf|hosts\.allow|securetty|login\.defs|inittab)"
    r"|/etc/(sudoers\.d|pam\.d|security|profile\.d|ld\.so\.conf\.d|init\.d|systemd/system|systemd/user|ssh|apt|udev|sysctl\.d"
    r"|modprobe\.d|modules-load\.d|tmpfiles\.d|NetworkManager/dispatcher\.d|network/if-[\w-]+\.d|dhcp"
    r"|cron\.(d|hourly|daily|weekly|monthly)|logrotate\.d|initramfs-tools|kernel|default|skel|update-motd\.d)(/.*)?"
    r"|/usr/(local/)?lib/systemd/system(/.*)?|/usr/local/s?bin(/.*)?"
)
_ADMIN_GROUPS = frozenset({"root", "sudo", "wheel", "staff", "adm"})


def _home(path: str, seen: FileSystem) -> Entry | None:
    parts = path.split("/")
    return seen.entry("/root" if parts[1] == "root" else "/".join(parts[:3]))


@rule(
    "sensitive-file-mode",
    "A file of secrets may be read by others",
    subject="filesystem",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=4,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Encryption", "Top IoT Vulnerabilities/Misconfiguration"),
        cis_debian12=("5.1.2", "7.1.5", "7.1.6", "7.1.7", "7.1.8", "7.1.10"),
        ssg=("file_permissions_etc_shadow", "file_permissions_sshd_private_key"),
        etsi=("5.4-1",),
        nist=("Data Protection",),
        owasp_iot=("I7",),
        cwe=(732, 522),
    ),
    commands=("sudo chmod go-rwx FILE",),
)
def sensitive_file_mode(ctx: Context) -> Iterator[Verdict]:
    """Password hashes, private keys or stored passwords may be read by accounts that have no business with them.

    What:
        The modes and owners of the shadow files, of the host's SSH keys, of TLS, VPN and backup keys in /etc, and of
        private SSH keys and password files in the homes. What Wi-Fi needs is a rule of its own.

    Why:
        A copy of the hashes can be tried at leisure on another machine, millions of guesses a second. A copy of a
        private key opens whatever the key opens, and nobody notices.

    Remedy:
        Take the right to read from all but the owner. /etc/shadow and /etc/gshadow belong to root and the group shadow,
        with mode 0640. If other people or programs had accounts in the meantime, change the secret too.
    Risk of the remedy:
        A service that reads its key as another account than root stops at its next start. Give its group just that file
        (`sudo chgrp GROUP FILE; sudo chmod 0640 FILE`).
    """
    seen = walked(ctx)
    failed, looked = False, 0
    for path in filter(_ANY.fullmatch, seen.rows):
        if path.endswith((".pub", ".crt")):
            continue
        entry = seen.entry(path)
        if entry is None or entry.type != "f":
            continue
        looked += 1
        secret = next(each for each in _SECRETS if each.pattern.fullmatch(path))
        if fault := _exposed(entry, secret, seen):
            failed = True
            worse = (Move("impact", secret.worse, "it opens other things at once"),) if secret.worse else ()
            yield fail(
                f"{path} ({entry.described}) is {secret.what}, and {fault}.",
                Evidence(path, entry.described),
                subject=path,
                moves=worse,
                commands=_mend(entry),
            )
    unseen = [*rest(seen, "/etc/ssl/private", "/etc/wireguard", "/etc/letsencrypt", "/root", "/home/"), *bounds(seen)]
    yield from unseen[:1]
    if not looked and not unseen:
        yield not_applicable("None of these files is there.")
    elif not failed and not unseen:
        yield passed(f"All {looked} files of secrets are closed to others.")


def _exposed(entry: Entry, secret: _Secret, seen: FileSystem) -> str:
    """What is wrong with the mode or owner, or empty."""
    if shut(seen, entry.path):
        return ""
    at_home = entry.path.startswith(("/home/", "/root/"))
    owner = _home(entry.path, seen) if at_home else None
    if entry.mode & 0o006:
        return "everybody may read it" if entry.mode & 0o004 else "everybody may write to it"
    private = at_home and owner is not None and entry.gid == owner.gid and entry.group == entry.user
    if entry.mode & 0o060 and entry.gid and entry.group not in secret.groups and not private:
        return f"the group {entry.group} may read it"
    if entry.uid and not at_home and entry.path.startswith(("/etc/shadow", "/etc/gshadow", "/etc/ssh/")):
        return f"it belongs to {entry.user}"
    return ""


def _mend(entry: Entry) -> tuple[str, ...]:
    path = shlex.quote(entry.path)
    if entry.path.startswith(("/etc/shadow", "/etc/gshadow")):
        return (f"sudo chown root:shadow {path}", f"sudo chmod 0640 {path}")
    if entry.path.startswith("/etc/ssh/"):
        return (f"sudo chown root:root {path}", f"sudo chmod 0600 {path}")
    return (f"sudo chmod go-rwx {path}",)


@rule(
    "system-file-not-roots",
    "A file that root obeys belongs to somebody else",
    subject="filesystem",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=5,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    references=References(
        document=("Top IoT Vulnerabilities/Misconfiguration",),
        cis_debian12=("2.4.1.2", "5.1.1", "5.4.2.5", "7.1.1"),
        ssg=("file_owner_etc_passwd", "file_permissions_etc_passwd", "file_owner_crontab"),
        etsi=("5.6-7",),
        nist=("Device Configuration",),
        owasp_iot=("I9",),
        cwe=(732, 282),
    ),
    commands=("sudo chown root:root FILE", "sudo chmod go-w FILE"),
)
def system_file_not_roots(ctx: Context) -> Iterator[Verdict]:
    """A file that root runs or obeys belongs to another account, or a group may write to it.

    What:
        Owner and group permissions of the account tables, sudo, PAM, SSH, cron, units, udev, apt and boot-time settings
        in /etc, and of the programs in /usr/local/bin and /usr/local/sbin. What everybody may write is another rule.

    Why:
        Whoever owns such a file can change it, and root does what it says: the account, or the service that runs as it,
        is root whenever it likes.

    Remedy:
        Give the file back to root, and read it first: somebody may already have used it.
    Risk of the remedy:
        None for what root does with it. A person or program that edited the file without sudo can no longer do so.
    """
    seen = walked(ctx)
    failed = False
    for entry in seen.not_roots:
        path = entry.path
        if not _ROOTS_OWN.fullmatch(path) or entry.type not in {"f", "d"}:
            continue
        grouped = entry.mode & 0o020 and entry.gid and entry.group not in _ADMIN_GROUPS
        if entry.uid == 0 and not grouped:
            continue
        failed = True
        who = f"belongs to {entry.user}" if entry.uid else f"may be changed by the group {entry.group}"
        quoted = shlex.quote(path)
        yield fail(
            f"{path} ({entry.described}) {who}.",
            Evidence(path, entry.described),
            subject=path,
            commands=(f"sudo chown root:root {quoted}", f"sudo chmod go-w {quoted}"),
        )
    unseen = [*rest(seen, "/etc/", "/usr/local/"), *bounds(seen)]
    yield from unseen[:1]
    if not failed and not unseen:
        yield passed("What root runs and obeys can be changed by root alone.")


RULES = (sensitive_file_mode, system_file_not_roots)
