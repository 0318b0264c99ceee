"""Services that share files or take mail."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.fact import Fact, Known, Unknown
from thornwall.model.finding import Attacker, Consequence, References
from thornwall.model.rule import Context, Rule, Verdict
from thornwall.rules.offered import Offer, judge
from thornwall.rules.services_login import ACCESS, SURFACE, listens

NFS = Offer("nfs", units=("nfs-server", "nfs-kernel-server", "nfs-ganesha"), ports=("tcp/2049", "udp/2049"), sure=True)
SMB = Offer("smb", units=("smbd", "nmbd", "samba", "ksmbd"), programs=("smbd", "nmbd"), ports=("tcp/445", "tcp/139"))
RSYNC = Offer("rsync", units=("rsync.service", "rsync.socket"), programs=("rsync",), ports=("tcp/873",), sure=True)
MAIL = Offer(
    "mail",
    units=("exim4", "postfix", "sendmail", "opensmtpd"),
    programs=("exim4", "master", "sendmail-mta", "smtpd"),
    ports=("tcp/25",),
)


@listens(
    "nfs-listening",
    "The device shares files over NFS",
    likelihood=2,
    impact=3,
    attacker=Attacker.FAR,
    consequence=Consequence.DISCLOSURE,
    commands=("sudo systemctl disable --now nfs-server.service",),
    references=References(
        document=(SURFACE,),
        cis_debian12=("2.1.9",),
        ssg=("service_nfs_disabled", "package_nfs-kernel-server_removed"),
        etsi=("5.6-5",),
        nist=ACCESS,
        owasp_iot=("I2",),
        cwe=(306,),
    ),
)
def nfs_listening(ctx: Context) -> Iterator[Verdict]:
    """Whether an NFS server is open to the network.

    What:
        An NFS server listens on port 2049 beyond loopback, or is set to start at boot.
    Why:
        Without Kerberos NFS believes what the other machine says about who its user is, and sends files in the clear.
    Remedy:
        Switch the NFS server off, if nothing mounts from this device. Else name single addresses in /etc/exports, and
        let the firewall admit only these.
    Risk of the remedy:
        Machines that mount from this one hang until they are told to unmount.
    """
    yield from judge(ctx, NFS, "Files are shared over NFS", disable=True)


@listens(
    "smb-listening",
    "The device shares files over SMB",
    likelihood=2,
    impact=2,
    attacker=Attacker.FAR,
    consequence=Consequence.DISCLOSURE,
    commands=("sudo systemctl disable --now smbd.service nmbd.service",),
    references=References(
        document=(SURFACE,),
        cis_debian12=("2.1.14",),
        ssg=("package_samba_removed", "service_smb_disabled"),
        etsi=("5.6-5",),
        nist=ACCESS,
        owasp_iot=("I2",),
    ),
)
def smb_listening(ctx: Context) -> Iterator[Verdict]:
    """Whether a Windows share is open to the network.

    What:
        Samba listens beyond loopback (TCP ports 139 and 445), or is set to start at boot.
    Why:
        It is the service that worms on infected Windows computers look for first, and ransomware reaches files through
        it. Worth having only while somebody uses the share.
    Remedy:
        Switch smbd and nmbd off, if nobody uses the share. Else keep it, ask for a password on every share, and let the
        firewall admit only your own network.
    Risk of the remedy:
        The network drive disappears from other computers.
    """
    yield from judge(ctx, SMB, "Files are shared over SMB", disable=True)


@listens(
    "rsync-listening",
    "An rsync server answers on the network",
    likelihood=2,
    impact=3,
    attacker=Attacker.FAR,
    consequence=Consequence.DISCLOSURE,
    commands=("sudo systemctl disable --now rsync.service",),
    references=References(
        document=(SURFACE,),
        cis_debian12=("2.1.13",),
        ssg=("service_rsyncd_disabled",),
        etsi=("5.5-7", "5.6-5"),
        nist=ACCESS,
        owasp_iot=("I2",),
        cwe=(319,),
    ),
)
def rsync_listening(ctx: Context) -> Iterator[Verdict]:
    """Whether the rsync daemon is offered.

    What:
        rsync listens by itself on TCP port 873, or is set to start at boot.
    Why:
        Its own protocol is not encrypted, and modules without `auth users` are open to everybody.
    Remedy:
        Let rsync run through SSH (`rsync -e ssh`), which needs no server of its own, and switch the service off.
    Risk of the remedy:
        Backups that use rsync:// addresses or double colons must be changed.
    """
    yield from judge(ctx, RSYNC, "rsync serves files in the clear", disable=True)


@listens(
    "mail-server-listening",
    "A mail server answers on the network",
    likelihood=2,
    impact=3,
    attacker=Attacker.FAR,
    consequence=Consequence.DISRUPTION,
    references=References(
        document=(SURFACE,),
        cis_debian12=("2.1.21",),
        ssg=("has_nonlocal_mta",),
        etsi=("5.6-5",),
        nist=ACCESS,
        owasp_iot=("I2",),
    ),
    commands=("sudo dpkg-reconfigure exim4-config",),
)
def mail_server_listening(ctx: Context) -> Iterator[Verdict]:
    """Whether the mail server takes mail from others than the device itself.

    What:
        exim, postfix or another mail server listens on TCP port 25 beyond loopback. Debian's exim4 listens on loopback
        alone unless it was told otherwise.
    Why:
        A mail server that need not be there is a large program that strangers talk to, and may relay their spam.
    Remedy:
        Let it deliver only what the device itself sends. For exim that is `sudo dpkg-reconfigure exim4-config` and
        loopback addresses, for postfix `inet_interfaces = loopback-only` in /etc/postfix/main.cf.
    Risk of the remedy:
        Mail for this device from outside is no longer taken.
    """
    yield from judge(ctx, MAIL, "Mail is taken from the network", bound=lambda: _mail_bound(ctx))


def _mail_bound(ctx: Context) -> Fact[bool]:
    match ctx.host.servers:
        case Known(servers):
            return servers.mail_bound
        case Unknown() as unknown_:
            return unknown_
        case _:
            return Known(False)


RULES: tuple[Rule, ...] = (
    nfs_listening,
    smb_listening,
    rsync_listening,
    mail_server_listening,
)
