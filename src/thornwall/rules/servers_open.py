"""Shares and controls that ask nobody who they are (cameras: servers_cameras.py)."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.finding import Attacker, Consequence, Effort, Evidence, FaultClass, Fixable, References
from thornwall.model.network import is_loopback
from thornwall.model.rule import Context, Rule, Verdict, fail, passed
from thornwall.model.servers import Directive
from thornwall.rules.offered import Offer, standing
from thornwall.rules.servers_web import configured, servers
from thornwall.rules.services_login import FTP, VNC
from thornwall.rules.services_shares import NFS, SMB

ACCESS = ("Logical Access to Interfaces",)
SURFACE = "Identify the attack surface"
TARGET = "What kind of target is your device?"
YES = {"yes", "true", "1", "on"}


def shown(directive: Directive) -> Evidence:
    """A directive as evidence: its file, name and value, line."""
    return Evidence(directive.path, f"{directive.name} {directive.value}".strip(), directive.line)


@configured(
    "samba-guest-share",
    "A network drive is open to everybody",
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=3,
    attacker=Attacker.FAR,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.NEEDS_ANSWER,
    commands=("sudo smbpasswd -a NAME", "testparm -s", "sudo systemctl reload smbd"),
    references=References(document=(SURFACE,), etsi=("5.5-5",), nist=ACCESS, owasp_top10=("A01:2021",), cwe=(306,)),
)
def samba_guest_share(ctx: Context) -> Iterator[Verdict]:
    """Whether a share can be used without a password.

    What:
        A share of Samba has `guest ok = yes` (or `public = yes`), while Samba can be reached from the network.
    Why:
        Every machine on the network, an infected one too, reads the files, and where the share is writable encrypts
        them.
    Remedy:
        Write `guest ok = no` into the share in /etc/samba/smb.conf, give its users a password with `smbpasswd -a`, and
        name them with `valid users`.
    Risk of the remedy:
        Televisions and scanners that use the share without a name need one.
    """
    stands = standing(ctx, SMB)
    if not stands.open:
        yield passed("No share can be reached beyond loopback.")
        return
    config = ctx.known(servers(ctx).config("samba"), absent="Samba has no configuration")
    failed = False
    for section in dict.fromkeys(each.section for each in config.directives):
        guest = config.last("guest ok", section) or config.last("public", section)
        if section in {"global", "printers", "print$"} or guest is None or guest.value.lower() not in YES:
            continue
        failed = True
        writable = any(config.value(name, "no", section).lower() in YES for name in ("writable", "writeable"))
        writable = writable or config.value("read only", "yes", section).lower() not in YES
        detail = f"[{section}] may be {'read and changed' if writable else 'read'} by everybody without a password."
        yield fail(detail, shown(guest), *stands.evidence, subject=section, reach=stands.reach)
    if not failed:
        yield passed("Every share asks for a password.")


@configured(
    "nfs-export-open",
    "An NFS export is open to everybody, or to root of other machines",
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=4,
    attacker=Attacker.FAR,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.NEEDS_ANSWER,
    commands=("sudo exportfs -ra",),
    references=References(document=(SURFACE,), etsi=("5.5-5",), nist=ACCESS, cwe=(732,)),
)
def nfs_export_open(ctx: Context) -> Iterator[Verdict]:
    """Whether exports name who may mount them.

    What:
        A line of /etc/exports admits every machine (`*`, or no client at all), or has `no_root_squash`, while the NFS
        server can be reached.
    Why:
        With `no_root_squash` root of any admitted machine is root over the files: a program with the set-user-ID bit
        put there makes an ordinary user root here.
    Remedy:
        Export to single addresses, and leave `root_squash`, which is the default: `/srv 192.168.1.20(ro)`. Then `sudo
        exportfs -ra`.
    Risk of the remedy:
        Machines that start from the export over the network may need no_root_squash for theirs alone.
    """
    stands = standing(ctx, NFS)
    if not stands.open:
        yield passed("No NFS server can be reached beyond loopback.")
        return
    config = ctx.known(servers(ctx).config("nfs"), absent="there is no /etc/exports")
    failed = False
    for each in config.directives:
        clients = each.value.split()
        everybody = not clients or any(
            client.startswith(("*(", "(", "0.0.0.0/0", "::/0")) or client == "*" for client in clients
        )
        squash = "no_root_squash" in each.value
        if everybody or squash:
            failed = True
            what = [
                clause
                for clause, true in (("every machine may mount it", everybody), ("root there is root here", squash))
                if true
            ]
            detail = f"{each.name} is exported: {' and '.join(what)}."
            yield fail(detail, shown(each), subject=each.name, reach=stands.reach)
    if not failed:
        yield passed("Exports name the machines that may mount them.")


@configured(
    "ftp-anonymous",
    "FTP lets in everybody",
    fault_class=FaultClass.CONFIGURATION,
    likelihood=3,
    impact=3,
    attacker=Attacker.FAR,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
    commands=(
        "sudo sed -i 's/^#*anonymous_enable=.*/anonymous_enable=NO/' /etc/vsftpd.conf",
        "sudo systemctl restart vsftpd",
    ),
    references=References(document=(SURFACE,), etsi=("5.5-5",), nist=ACCESS, owasp_iot=("I2",), cwe=(306,)),
)
def ftp_anonymous(ctx: Context) -> Iterator[Verdict]:
    """Whether vsftpd asks for no password.

    What:
        vsftpd has `anonymous_enable=YES`, or does not set it: then it is on. Debian's file sets NO.
    Why:
        Strangers read the files; where they may also upload, the device is soon full of theirs.
    Remedy:
        Set `anonymous_enable=NO` in /etc/vsftpd.conf, or better, use SFTP and no FTP at all.
    Risk of the remedy:
        Whoever fetched files without a name no longer can.
    """
    stands = standing(ctx, FTP)
    if not stands.open:
        yield passed("No FTP server can be reached beyond loopback.")
        return
    config = ctx.known(servers(ctx).config("vsftpd"), absent="the FTP server is not vsftpd")
    setting = config.last("anonymous_enable")
    if setting is not None and setting.value.upper() == "NO":
        yield passed("It asks for a name and a password.", shown(setting))
    else:
        evidence = shown(setting) if setting else Evidence(config.path, "anonymous_enable is not set")
        yield fail("Everybody may log in to the FTP server as 'anonymous'.", evidence, reach=stands.reach)


@configured(
    "vnc-without-password",
    "The desktop is offered without a password",
    fault_class=FaultClass.CONFIGURATION,
    likelihood=3,
    impact=5,
    attacker=Attacker.FAR,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.NEEDS_ANSWER,
    references=References(document=(SURFACE,), etsi=("5.5-5",), nist=ACCESS, owasp_iot=("I1", "I3"), cwe=(306,)),
)
def vnc_without_password(ctx: Context) -> Iterator[Verdict]:
    """Whether wayvnc shows the desktop to whoever connects.

    What:
        wayvnc listens beyond loopback, and its configuration does not say `enable_auth=true`.
    Why:
        Whoever connects moves the mouse and types, as the user who is logged in; on a Raspberry Pi often with sudo.
    Remedy:
        Set `enable_auth=true` (and `enable_pam=true`) in /etc/wayvnc/config, as Raspberry Pi OS ships it, or
        `address=localhost` and an SSH tunnel.
    Risk of the remedy:
        Viewers must know encrypted logins: TigerVNC and RealVNC do.
    """
    stands = standing(ctx, VNC)
    if not stands.open:
        yield passed("No VNC server can be reached beyond loopback.")
        return
    config = ctx.known(servers(ctx).config("wayvnc"), absent="the VNC server is not wayvnc")
    setting = config.last("enable_auth")
    address = config.value("address")
    if setting is not None and setting.value.lower() in YES:
        yield passed("It asks for a login.", shown(setting))
    elif address and (address == "localhost" or is_loopback(address)):
        yield passed("It listens on loopback alone.")
    else:
        evidence = shown(setting) if setting else Evidence(config.path, "enable_auth is not set")
        yield fail("wayvnc asks for no password.", evidence, *stands.evidence, reach=stands.reach)


@configured(
    "node-red-without-login",
    "Node-RED asks for no login",
    fault_class=FaultClass.INTERFACE,
    likelihood=3,
    impact=5,
    attacker=Attacker.WORM,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.BY_HAND,
    commands=("node-red admin hash-pw", "sudo systemctl restart nodered"),
    references=References(document=(TARGET, SURFACE), etsi=("5.5-5",), nist=ACCESS, owasp_iot=("I3",), cwe=(306,)),
)
def node_red_without_login(ctx: Context) -> Iterator[Verdict]:
    """Whether everybody may change the flows of Node-RED.

    What:
        Node-RED can be reached from the network, and `adminAuth` is not set in its settings.js (it is a comment there
        as shipped).
    Why:
        Its editor runs commands on the device: whoever opens the page is the account that Node-RED runs as.
    Remedy:
        Give Node-RED a login: make a hash with `node-red admin hash-pw`, and set `adminAuth` in ~/.node-red/settings.js
        as the comment there shows. Or `uiHost: "127.0.0.1"` and an SSH tunnel.
    Risk of the remedy:
        The editor asks for the login from then on.
    """
    stands = standing(ctx, Offer("node-red", ("nodered", "node-red"), ("node-red",), ("tcp/1880",)))
    if not stands.open:
        yield passed("No Node-RED can be reached beyond loopback.")
        return
    config = ctx.known(servers(ctx).config("node-red"), absent="Node-RED has no settings.js")
    if config.last("adminauth") is not None:
        yield passed("It asks for a login.", *(shown(each) for each in config.all("adminauth")))
    elif is_loopback(config.value("uihost")):
        yield passed("It listens on loopback alone.", *(shown(each) for each in config.all("uihost")))
    else:
        evidence = Evidence(config.path, "adminAuth is not set")
        yield fail("Everybody may change what Node-RED runs.", evidence, *stands.evidence, reach=stands.reach)


@configured(
    "pihole-without-password",
    "The page of Pi-hole asks for no password",
    fault_class=FaultClass.INTERFACE,
    likelihood=2,
    impact=3,
    attacker=Attacker.FAR,
    consequence=Consequence.DISCLOSURE,
    effort=Effort.MINUTE,
    fixable=Fixable.BY_HAND,
    commands=("sudo pihole setpassword",),
    references=References(document=(TARGET,), etsi=("5.5-5",), nist=ACCESS, owasp_iot=("I3",), cwe=(306,)),
)
def pihole_without_password(ctx: Context) -> Iterator[Verdict]:
    """Whether everybody on the network may manage Pi-hole.

    What:
        Pi-hole runs, and its web page has no password (`pwhash` or WEBPASSWORD is empty).
    Why:
        It shows which sites everybody at home has visited, and lets anybody send them elsewhere.
    Remedy:
        Set a password: `sudo pihole setpassword` (version 6), `pihole -a -p` before.
    Risk of the remedy:
        Programs that use its interface need the password.
    """
    stands = standing(ctx, Offer("pihole", ("pihole-FTL",), ("pihole-FTL",), ("tcp/53", "udp/53")))
    if not stands.open:
        yield passed("No Pi-hole can be reached.")
        return
    config = ctx.known(servers(ctx).config("pihole"), absent="Pi-hole has no configuration")
    setting = config.last("pwhash") or config.last("webpassword")
    if setting is not None and setting.value:
        yield passed("It asks for a password.", shown(setting))
    else:
        evidence = shown(setting) if setting else Evidence(config.path, "no password is set")
        yield fail("The page of Pi-hole is open to everybody.", evidence, reach=stands.reach)


RULES: tuple[Rule, ...] = (
    samba_guest_share,
    nfs_export_open,
    ftp_anonymous,
    vnc_without_password,
    node_red_without_login,
    pihole_without_password,
)
