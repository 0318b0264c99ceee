"""Programs that run with the rights of their owner or group."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator

from thornwall.model.filesystem import Entry
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
from thornwall.model.rule import Context, Verdict, fail, passed, rule
from thornwall.rules.walked import MANY, foreign, rest, shut, walked

_KNOWN = re.compile(  # in Debian, Raspberry Pi OS, Ubuntu and Fedora
    r"at|bsd-write|camel-lock-helper-1\.2|chage|chfn|chrome-sandbox|chsh|cockpit-session|cons\.saver|crontab"
    r"|dbus-daemon-launch-helper|dma|dma-mbox-create|dmcrypt-get-device|doas|dotlockfile|dumpcap|exim4|expiry"
    r"|firejail|fping|fusermount|fusermount3|gpasswd|grub2-set-bootflag|krb5_child|ksu|ldap_child|locate"
    r"|lockfile|lppasswd|lxc-user-nic|mail-lock|mail-touchlock|mail-unlock|mlocate|mount|mount\.cifs"
    r"|mount\.davfs|mount\.ecryptfs_private|mount\.nfs|mtr-packet|newgidmap|newgrp|newuidmap|ntfs-3g"
    r"|nvidia-modprobe|p11_child|pam_extrausers_chkpwd|pam_timestamp_check|passwd|ping|ping4|ping6|pkexec"
    r"|plocate|pmount|polkit-agent-helper-1|postdrop|postlog|postqueue|pppd|procmail|proxy_child|pumount"
    r"|qemu-bridge-helper|screen|selinux_child|sensible-mda|snap-confine|spice-client-glib-usb-acl-helper"
    r"|ssh-agent|ssh-keysign|staprun|starter-suid|su|su-rs|sudo|sudo-rs|telnetlogin|traceroute6\.iputils|udevil"
    r"|umount|unix_chkpwd|userhelper|usernetctl|utempter|vlock|wall|write|write\.ul|xlock|Xorg\.wrap"
)
_SYSTEM = re.compile(r"/(?:usr/)?(?:s?bin|lib[^/]*|libexec|share|games)/|/opt/|/snap/")
_ANYTHING = re.compile(  # with root's rights these do whatever they are told
    r"(?:ba|da|z|fi|k|mk|c|tc|)sh|busybox|python[\d.]*|perl[\d.]*|ruby[\d.]*|node|php[\d.]*|lua[\d.]*|find|xargs|env|nice"
    r"|timeout|taskset|watch|(?:vim|vi|nano|ed|emacs)(?:[.-]\w+)?|less|more|man|[gmn]?awk|sed|cp|mv|dd|tee|cat|tar|zip|rsync"
    r"|ch(?:mod|own)|install|nmap|tcpdump|socat|nc|ncat|wget|curl|git|make|gdb|strace|docker|systemctl|tmux|openssl"
)


@rule(
    "unexpected-setuid",
    "A program that the system does not come with runs with the rights of its owner",
    subject="filesystem",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=1,
    impact=4,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.NEEDS_ANSWER,
    references=References(
        document=("Vulnerabilities vs Misconfiguration", "Identify the attack surface"),
        cis_debian12=("7.1.13",),
        ssg=("file_permissions_unauthorized_suid",),
        etsi=("5.6-7",),
        nist=("Logical Access to Interfaces",),
        owasp_iot=("I9",),
        cwe=(250, 732),
    ),
    commands=("sudo chmod u-s,g-s FILE",),
)
def unexpected_setuid(ctx: Context) -> Iterator[Verdict]:
    """A program has the set-user-ID or set-group-ID bit and is none of those that distributions ship with it.

    What:
        Programs that run with the rights of their owner or group, whoever starts them, and that are not on the list of
        those which Debian, Raspberry Pi OS, Ubuntu and Fedora ship so (`sudo`, `passwd`, `mount` and their like).

    Why:
        One fault in such a program, and whoever may start it is root. A shell or an interpreter with this bit is a door
        without a lock; it is also what intruders leave behind to come back as root.

    Remedy:
        Find out where it comes from (`dpkg -S FILE`). If no package you want brought it, take the bit away with
        `sudo chmod u-s,g-s FILE`; if you did not put it there yourself, treat the device as broken into.

    Risk of the remedy:
        A program that needs the bit no longer works for ordinary users. An update of its package sets it again: use
        `dpkg-statoverride` to make the change last.
    """
    seen = walked(ctx)
    strangers = foreign(seen)
    failed = False
    for root in strangers:
        inside = [entry for entry in seen.setid if entry.path.startswith(root)]
        if any(not shut(seen, entry.path) for entry in inside):
            failed = True
            yield fail(
                f"{root} holds another system, with {len(inside)} programs that run with their owner's rights; "
                "nothing updates them.",
                *(Evidence(entry.path, entry.described) for entry in inside[:MANY]),
                subject=root.rstrip("/"),
                moves=(Move("impact", -2, "they are known programs, only old ones"),),
                commands=(f"sudo chmod go-rwx {shlex.quote(root.rstrip('/'))}",),
            )
    for entry in seen.setid:
        name = posixpath.basename(entry.path)
        known = _KNOWN.fullmatch(name) and _SYSTEM.match(entry.path) and not entry.world_writable
        if known or entry.path.startswith(strangers) or shut(seen, entry.path):
            continue
        failed = True
        yield fail(
            f"{entry.path} ({entry.described}) runs with the rights of {_whose(entry)}, whoever starts it.",
            Evidence(entry.path, entry.described),
            subject=entry.path,
            moves=tuple(_moves(entry, name)),
            commands=(f"sudo chmod u-s,g-s {shlex.quote(entry.path)}",),
        )
    unseen = list(rest(seen))
    yield from unseen
    if not failed and not unseen:
        yield passed(f"All {len(seen.setid)} such programs are among those that distributions ship.")


def _whose(entry: Entry) -> str:
    owners = [entry.user] if entry.mode & 0o4000 else []
    groups = [f"the group {entry.group}"] if entry.mode & 0o2000 else []
    return " and ".join(owners + groups)


def _moves(entry: Entry, name: str) -> Iterator[Move]:
    if entry.mode & 0o4000 and entry.uid == 0:
        if _ANYTHING.fullmatch(name):
            yield Move("likelihood", 3, "it does whatever it is told, so everybody on the device is root")
            yield Move("impact", 1, "it does whatever it is told, so everybody on the device is root")
        elif not _SYSTEM.match(entry.path):
            yield Move("likelihood", 1, "it is not where packages put programs")
        if entry.world_writable:
            yield Move("likelihood", 2, "everybody may change the program itself")
    elif not entry.mode & 0o4000:
        yield Move("impact", -2, "it gives a group's rights only")


RULES = (unexpected_setuid,)
