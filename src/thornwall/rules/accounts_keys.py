"""Homes and authorized keys: who could add a key of his own, and which keys are too weak."""

from __future__ import annotations

import posixpath
import shlex
from collections import defaultdict
from collections.abc import Iterator

from thornwall.model.accounts import Account, Accounts, AuthorizedKey, KeyFile
from thornwall.model.fact import Known
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
from thornwall.model.rule import Context, Option, Preset, Verdict, fail, not_applicable, passed, rule, unknown


def _accounts(ctx: Context) -> Accounts:
    return ctx.known(ctx.host.accounts, absent="there are no accounts")


def _walked(ctx: Context) -> FileSystem:
    return ctx.known(ctx.host.filesystem, absent="the file systems were not walked")


def _key_text(key: AuthorizedKey) -> str:
    size = f" {key.bits}" if key.bits else ""
    return f"{key.kind}{size} {key.fingerprint} {key.comment}".rstrip()


def _unread(accounts: Accounts) -> Iterator[Verdict]:
    for name, why in accounts.unread_keys.items():
        yield unknown(f"the keys of {name}: {why.reason}", subject=name, mend=why.mend)


@rule(
    "home-permissions",
    "Other accounts may change a home directory",
    subject="accounts",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=2,
    attacker=Attacker.FAR,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.RECOMMENDED,
    references=References(
        cis_debian12=("7.2.9",),
        ssg=("file_permissions_home_directories", "file_ownership_home_directories"),
        etsi=("5.6-7",),
        nist=("Data Protection",),
        cwe=(732,),
    ),
    commands=("sudo chmod go-w /home/ACCOUNT",),
    options=(Option("forbidden", "022", "the permission bits, in octal, that a home must not have", strict="027"),),
)
def home_permissions(ctx: Context) -> Iterator[Verdict]:
    """A home directory belongs to somebody else, or others may write to it.

    What:
        Homes of people and of root whose owner is another account, or whose permissions let others write; in the strict
        preset also those that others may read or enter.

    Why:
        Whoever may write to a home can replace its `.bashrc` or `.ssh` and so act as its owner, with sudo when the
        owner uses it next. sshd ignores the keys of such a home, too.

    Remedy:
        Let nobody but its owner change the home directory. `0750` or `0700` keep others out altogether. Where it
        belongs to another account, give it back: `sudo chown ACCOUNT: /home/ACCOUNT`.
    Risk of the remedy:
        A service that writes into the home (a camera that stores pictures, a file share) needs a folder of its own;
        with 0700 a web server can no longer show `/home/ACCOUNT/public_html`.
    """
    accounts, walked, answered = _accounts(ctx), _walked(ctx), False
    forbidden, seen = int(str(ctx.values["forbidden"]), 8), dict[str, Evidence]()
    for account in (*accounts.people(), *(a for a in accounts.accounts if a.uid == 0)):
        home = posixpath.normpath(account.home)
        if home.count("/") < 1 or home in {"/", "/nonexistent"}:
            continue
        entry = walked.resolve(home)
        if entry is None:
            why = _unseen(walked, home)
            if why:
                answered = True
                yield unknown(why, subject=home)
            continue
        seen[home] = Evidence(home, entry.described)
        fault = _home_fault(account, entry, forbidden)
        if fault:
            answered = True
            quoted = shlex.quote(home)
            yield fail(
                f"{home} {fault}.",
                seen[home],
                subject=home,
                moves=(Move("impact", 2, "others may write to it"),) if entry.mode & 0o022 else (),
                commands=(f"sudo chmod {'go-w' if forbidden == 0o022 else '0750'} {quoted}",),
            )
    if not answered:
        yield passed("Only their owners may change home directories.", *seen.values())


def _unseen(walked: FileSystem, home: str) -> str:
    """Why nothing is known of a home that the walk did not note; empty where there is none."""
    if walked.hidden(home):
        return f"{home} is in a directory that could not be searched"
    if posixpath.dirname(home) != "/home" and home != "/root":
        return f"the walk of the file systems does not look for {home}"
    return "" if walked.whole else f"the list of files was cut off before {home}"


def _home_fault(account: Account, entry: Entry, forbidden: int) -> str:
    if entry.uid not in {account.uid, 0}:
        return f"belongs to {entry.user}, not to {account.name}"
    wrong = entry.mode & forbidden
    # a group that has no other member (Debian's user private groups) is its owner
    if wrong & 0o020 and entry.gid == account.gid and entry.group == account.name:
        wrong &= ~0o020
    if wrong & 0o022:
        return f"may be written to by others ({entry.mode:04o})"
    return f"is open to others ({entry.mode:04o})" if wrong else ""


@rule(
    "authorized-keys-writable",
    "Others may add a key that opens an account",
    subject="accounts",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=4,
    attacker=Attacker.FAR,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    preset=Preset.RECOMMENDED,
    references=References(
        document=("Configure SSH key-based authentication",),
        nist=("Logical Access to Interfaces",),
        cwe=(732,),
    ),
    commands=("chmod 0600 ~/.ssh/authorized_keys", "chmod 0700 ~/.ssh"),
)
def authorized_keys_writable(ctx: Context) -> Iterator[Verdict]:
    """An authorized_keys file, or the .ssh it is in, belongs to another account or can be written to by others.

    What:
        Owner and permissions of `.ssh` and of the authorized_keys files in it, of root and of `/home`.

    Why:
        Whoever may write there adds a key and logs in as that account. With `StrictModes yes`, the default, sshd
        ignores such a file, so the owner's own keys fail as well.

    Remedy:
        Let nobody but the account itself change its keys, then look through them: one may not be yours. Where the files
        belong to another account, give them back: `sudo chown -R ACCOUNT: /home/ACCOUNT/.ssh`.
    Risk of the remedy:
        A program that is meant to add keys under another account can no longer do so.
    """
    accounts, answered = _accounts(ctx), False
    walked = ctx.host.filesystem.value if isinstance(ctx.host.filesystem, Known) else None
    for file in accounts.key_files:
        account = accounts.by_name.get(file.account)
        for path, uid, mode, described in _places(file, walked):
            fault = _key_fault(account, uid, mode)
            if fault:
                answered = True
                yield fail(
                    f"{path} {fault}.",
                    Evidence(path, described),
                    subject=path,
                    commands=(f"sudo chmod go-w {shlex.quote(path)}",),
                )
    for verdict in _unread(accounts):
        answered = True
        yield verdict
    if not answered:
        if accounts.key_files:
            yield passed("Only their owners may change the authorized keys.")
        else:
            yield not_applicable("no account has authorized keys")


def _places(file: KeyFile, walked: FileSystem | None) -> Iterator[tuple[str, int, int, str]]:
    yield file.path, file.uid, file.mode, f"{file.mode:04o}, owner {file.uid}"
    folder = posixpath.dirname(file.path)
    entry = walked.resolve(folder) if walked else None
    if entry:
        yield folder, entry.uid, entry.mode, entry.described


def _key_fault(account: Account | None, uid: int, mode: int) -> str:
    if mode >= 0 and mode & 0o022:
        return f"may be written to by others ({mode & 0o7777:04o})"
    if account is not None and uid not in {-1, 0, account.uid}:
        return f"belongs to user {uid}, not to {account.name}"
    return ""


@rule(
    "weak-authorized-key",
    "A key that opens an account is too weak",
    subject="accounts",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=4,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.RECOMMENDED,
    references=References(
        document=("Configure SSH key-based authentication", "Encryption"),
        etsi=("5.1-3",),
        nist=("Logical Access to Interfaces",),
        owasp_top10=("A02:2021",),
        cwe=(326,),
    ),
    commands=("ssh-keygen -t ed25519", "ssh-copy-id -i ~/.ssh/id_ed25519.pub ACCOUNT@HOST"),
    options=(Option("bits", 2048, "the fewest bits of an RSA key", strict=3072),),
)
def weak_authorized_key(ctx: Context) -> Iterator[Verdict]:
    """An authorized key is DSA, or RSA with too few bits.

    What:
        Keys of type `ssh-dss`, and RSA keys below 2048 bits (3072 in the strict preset), in the authorized_keys files
        of root and of `/home`.

    Why:
        DSA keys have 1024 bits and current OpenSSH refuses them; an RSA key of 1024 bits is within reach of a well-paid
        attacker, who can work on the public half at leisure.

    Remedy:
        Make a new key, try it in a second session, and only then delete the old line. On the computer that you log in
        from: `ssh-keygen -t ed25519`, then `ssh-copy-id`.
    Risk of the remedy:
        Whoever else uses the old key is locked out: ask before the line is deleted.
    """
    accounts, answered, seen = _accounts(ctx), False, False
    fewest = ctx.number("bits")
    for file in accounts.key_files:
        for key in file.keys:
            seen = True
            if key.kind == "ssh-dss" or (key.kind == "ssh-rsa" and key.bits < fewest):
                answered = True
                what = "is a DSA key" if key.kind == "ssh-dss" else f"is an RSA key of {key.bits} bits"
                yield fail(
                    f"A key of {file.account or file.path} {what}.",
                    Evidence(file.path, _key_text(key), key.line),
                    subject=f"{file.path}:{key.line}",
                )
    for verdict in _unread(accounts):
        answered = True
        yield verdict
    if not answered:
        yield passed("All authorized keys are strong.") if seen else not_applicable("no account has authorized keys")


@rule(
    "shared-authorized-key",
    "One key opens root and other accounts",
    subject="accounts",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=3,
    attacker=Attacker.FAR,
    reach=Reach.NETWORK,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    preset=Preset.STRICT,
    references=References(
        document=("Configure SSH key-based authentication",),
        nist=("Logical Access to Interfaces",),
    ),
)
def shared_authorized_key(ctx: Context) -> Iterator[Verdict]:
    """The same key is authorized for root and for another account.

    What:
        Keys, by fingerprint, that stand in root's authorized_keys and in that of another account.

    Why:
        The key gets past sudo and its log: who stole it from the ordinary account's owner is root at once.

    Remedy:
        Take the key out of `/root/.ssh/authorized_keys`, once you can log in as an ordinary account and use sudo. Or
        give root a key of its own, with `restrict` or `command=` for the one job that needs it.
    Risk of the remedy:
        Backups and Ansible that log in as root with this key stop: give them another account and sudo first.
    """
    accounts, answered = _accounts(ctx), False
    owners: dict[str, list[tuple[KeyFile, AuthorizedKey]]] = defaultdict(list)
    for file in accounts.key_files:
        for key in file.keys:
            owners[key.fingerprint].append((file, key))
    for places in owners.values():
        names = sorted({file.account for file, _ in places})
        if "root" in names and len(names) > 1:
            answered = True
            others = ", ".join(name or "an unknown account" for name in names if name != "root")
            yield fail(
                f"One key opens root and {others}.",
                *(Evidence(file.path, _key_text(key), key.line) for file, key in places),
                subject=places[0][1].fingerprint,
            )
    for verdict in _unread(accounts):
        answered = True
        yield verdict
    if not answered:
        yield passed("root shares no key.") if owners else not_applicable("no account has authorized keys")


RULES = (home_permissions, authorized_keys_writable, weak_authorized_key, shared_authorized_key)
