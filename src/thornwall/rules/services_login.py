"""Services that log people in or hand out files in the clear, and remote desktops."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from thornwall.model.finding import Attacker, Consequence, Effort, FaultClass, Fixable, Kind, Reach, References
from thornwall.model.rule import Context, Preset, Rule, Verdict, rule
from thornwall.rules.offered import Offer, judge

STEPS = "Practical Steps to Secure IoT Devices"
SURFACE = "Identify the attack surface"
DISABLE = "Disable a service"
ENCRYPTION = "Encryption"
ACCESS = ("Logical Access to Interfaces",)

listens = partial(
    rule,
    subject="services",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.SERVICE,
    reach=Reach.NETWORK,
    effort=Effort.MINUTE,
    fixable=Fixable.AUTOMATIC,
)
"""A rule on something that listens, and that is switched off in a minute."""

TELNET = Offer(
    "telnet",
    units=("telnet.socket", "telnetd", "inetutils-telnetd"),
    programs=("telnetd", "in.telnetd", "utelnetd"),
    ports=("tcp/23",),
    inetd=("telnet", "telnets", "23"),
    sure=True,
)
FTP = Offer(
    "ftp",
    units=("vsftpd", "proftpd", "pure-ftpd", "pyftpd", "bftpd"),
    programs=("vsftpd", "proftpd", "pure-ftpd", "pure-ftpd (SERVER)", "ftpd", "in.ftpd", "bftpd"),
    ports=("tcp/21",),
    inetd=("ftp", "21"),
    sure=True,
)
RSH = Offer(
    "rsh",
    units=("rsh.socket", "rlogin.socket", "rexec.socket"),
    programs=("rshd", "in.rshd", "rlogind", "in.rlogind", "rexecd", "in.rexecd"),
    ports=("tcp/512", "tcp/513", "tcp/514"),
    inetd=("shell", "login", "exec", "rsh", "rlogin", "rexec"),
)
TFTP = Offer(
    "tftp",
    units=("tftpd-hpa", "atftpd", "tftp.socket"),
    programs=("in.tftpd", "atftpd", "tftpd", "tftpd-hpa"),
    ports=("udp/69",),
    inetd=("tftp", "69"),
    sure=True,
)
SMALL = Offer(
    "small-services",
    ports=("tcp/7", "tcp/9", "tcp/13", "tcp/19", "tcp/37", "tcp/79", "udp/7", "udp/13", "udp/19", "udp/37", "tcp/113"),
    inetd=("echo", "discard", "daytime", "chargen", "time", "finger", "talk", "ntalk", "ident", "netstat", "systat"),
)
VNC = Offer(
    "vnc",
    units=("vncserver-x11-serviced", "vncserver-virtuald", "wayvnc", "wayvnc-control", "x11vnc", "tigervncserver@:1"),
    programs=("wayvnc", "x11vnc", "Xvnc", "Xtigervnc", "Xtightvnc", "vncserver-x11-c", "vncserver-x11", "Xvnc-core"),
    ports=("tcp/5900", "tcp/5901", "tcp/5902"),
)
RDP = Offer("xrdp", units=("xrdp",), programs=("xrdp", "gnome-remote-de"), ports=("tcp/3389",), sure=True)
CONSOLES = (
    Offer("cockpit", units=("cockpit.socket",), programs=("cockpit-tls", "cockpit-ws"), ports=("tcp/9090",)),
    Offer("webmin", units=("webmin",), programs=("miniserv.pl",), ports=("tcp/10000",)),
    Offer("shellinabox", units=("shellinabox",), programs=("shellinaboxd",), ports=("tcp/4200",)),
    Offer("ttyd", units=("ttyd",), programs=("ttyd",), ports=("tcp/7681",)),
    Offer("x11", programs=("Xorg", "X"), ports=("tcp/6000",), sure=True),
)


@listens(
    "telnet-listening",
    "Telnet answers on the network",
    likelihood=4,
    impact=5,
    attacker=Attacker.WORM,
    consequence=Consequence.TAKEOVER,
    preset=Preset.DOCUMENTS,
    commands=("sudo apt purge telnetd inetutils-telnetd", "ss -tln sport = :23"),
    references=References(
        document=(ENCRYPTION, STEPS, SURFACE),
        ssg=("package_telnetd_removed", "package_inetutils-telnetd_removed"),
        etsi=("5.5-7", "5.6-5"),
        nist=ACCESS,
        owasp_iot=("I2",),
        owasp_top10=("A02:2021",),
        cwe=(319,),
    ),
)
def telnet_listening(ctx: Context) -> Iterator[Verdict]:
    """Whether the device lets people log in over telnet.

    What:
        Something answers on TCP port 23, by itself or through inetd, or is set to start at boot.
    Why:
        Telnet sends the password and everything else in the clear: whoever is on the same network reads it. It is also
        the door that botnets such as Mirai try first, with lists of factory passwords.
    Remedy:
        Remove the telnet server, once you can log in over SSH, which does the same and encrypts it. Where inetd starts
        it and the package stays, put `#` before the line in /etc/inetd.conf and restart inetd.
    Risk of the remedy:
        Whoever still logs in over telnet no longer can: make sure that SSH works first.
    """
    yield from judge(ctx, TELNET, "Logins over telnet are accepted, and sent in the clear")


@listens(
    "ftp-listening",
    "FTP answers on the network",
    likelihood=3,
    impact=3,
    attacker=Attacker.FAR,
    consequence=Consequence.DISCLOSURE,
    preset=Preset.DOCUMENTS,
    commands=("sudo systemctl disable --now vsftpd.service",),
    references=References(
        document=(ENCRYPTION, STEPS),
        cis_debian12=("2.1.6",),
        ssg=("package_vsftpd_removed", "service_vsftpd_disabled"),
        etsi=("5.5-7", "5.6-5"),
        nist=ACCESS,
        owasp_iot=("I2",),
        cwe=(319,),
    ),
)
def ftp_listening(ctx: Context) -> Iterator[Verdict]:
    """Whether the device hands out files over FTP.

    What:
        An FTP server answers on TCP port 21, by itself or through inetd, or is set to start at boot.
    Why:
        FTP sends the name, the password and the files in the clear, and the password is usually that of an account.
    Remedy:
        Copy files over SSH (`scp`, `sftp`, `rsync -e ssh`), and switch the FTP server off, or remove its package.
    Risk of the remedy:
        Cameras and scanners that can only upload over FTP stop doing so.
    """
    yield from judge(ctx, FTP, "Files and passwords go over FTP, in the clear", disable=True)


@listens(
    "rsh-listening",
    "rsh, rlogin or rexec answers on the network",
    likelihood=3,
    impact=5,
    attacker=Attacker.FAR,
    consequence=Consequence.TAKEOVER,
    commands=("sudo apt purge '~i~n^rsh-.*server$'",),
    references=References(
        document=(ENCRYPTION, STEPS),
        ssg=("package_rsh-server_removed", "service_rsh_disabled", "service_rlogin_disabled", "service_rexec_disabled"),
        etsi=("5.5-7", "5.6-5"),
        nist=ACCESS,
        owasp_iot=("I2",),
        cwe=(319, 290),
    ),
)
def rsh_listening(ctx: Context) -> Iterator[Verdict]:
    """Whether the old remote shells are offered.

    What:
        One of rsh, rlogin and rexec answers on TCP ports 512 to 514, or is set to start at boot.
    Why:
        They send everything in the clear, and rsh and rlogin believe what the other side says of itself: an address
        that is listed needs no password at all.
    Remedy:
        Use SSH, and remove the packages of rsh, or the lines in /etc/inetd.conf that offer it.
    Risk of the remedy:
        Old scripts that call rsh or rcp must be changed to ssh and scp.
    """
    yield from judge(ctx, RSH, "A remote shell without encryption is offered")


@listens(
    "tftp-listening",
    "TFTP answers on the network",
    likelihood=2,
    impact=3,
    attacker=Attacker.FAR,
    consequence=Consequence.DISCLOSURE,
    commands=("sudo systemctl disable --now tftpd-hpa.service",),
    references=References(
        document=(STEPS,),
        cis_debian12=("2.1.16",),
        ssg=("service_tftp_disabled",),
        etsi=("5.6-5",),
        nist=ACCESS,
        owasp_iot=("I2",),
        cwe=(306,),
    ),
)
def tftp_listening(ctx: Context) -> Iterator[Verdict]:
    """Whether the device hands out files over TFTP.

    What:
        A TFTP server answers on UDP port 69, or is set to start at boot.
    Why:
        TFTP knows no login: whoever can reach it takes every file below its directory, and where uploads are allowed
        puts others there.
    Remedy:
        Switch the TFTP server off, unless other machines boot from this one over the network. Then let the firewall
        admit only these.
    Risk of the remedy:
        Machines that boot over the network from this one no longer start.
    """
    yield from judge(ctx, TFTP, "Files are handed out to anybody over TFTP", disable=True)


@listens(
    "small-services-listening",
    "inetd answers with its test services",
    likelihood=2,
    impact=2,
    attacker=Attacker.WORM,
    consequence=Consequence.DISRUPTION,
    commands=(
        "sudoedit /etc/inetd.conf",
        "sudo systemctl restart inetd.service",
    ),
    references=References(
        document=(STEPS,), cis_debian12=("2.1.22",), etsi=("5.6-5",), nist=ACCESS, owasp_iot=("I2",), cwe=(406,)
    ),
)
def small_services_listening(ctx: Context) -> Iterator[Verdict]:
    """Whether echo, chargen, daytime, finger and their like are offered.

    What:
        inetd or xinetd has one of its small services switched on: echo, discard, daytime, chargen, time, finger, talk,
        ident, systat or netstat.
    Why:
        Nobody needs them. Over UDP they let strangers multiply traffic against others; finger and systat tell who is
        logged in.
    Remedy:
        Put `#` before their lines in /etc/inetd.conf (`disable = yes` in /etc/xinetd.d) and restart inetd.
    Risk of the remedy:
        None that is known: they exist for tests of the 1980s.
    """
    yield from judge(ctx, SMALL, "Test services that nobody needs are offered")


@listens(
    "remote-desktop-listening",
    "The desktop can be reached from the network",
    likelihood=2,
    impact=4,
    attacker=Attacker.FAR,
    consequence=Consequence.TAKEOVER,
    preset=Preset.DOCUMENTS,
    references=References(
        document=(STEPS, DISABLE), etsi=("5.6-1", "5.6-5"), nist=ACCESS, owasp_iot=("I2", "I3"), cwe=(1327,)
    ),
)
def remote_desktop_listening(ctx: Context) -> Iterator[Verdict]:
    """Whether VNC or RDP answers on the network.

    What:
        A VNC server (wayvnc, RealVNC, x11vnc, TigerVNC) or xrdp listens beyond loopback, or is set to start at boot.
    Why:
        Whoever gets past its password, often eight characters, sits in front of the device.
    Remedy:
        Switch the remote desktop off, or have it listen on loopback alone and go through SSH. Off: `sudo raspi-config`,
        Interface Options, VNC. Through SSH: `ssh -L 5900:localhost:5900 user@device`.
    Risk of the remedy:
        A device without a screen can then be managed over SSH alone.
    """
    vnc = ("sudo systemctl disable --now wayvnc.service vncserver-x11-serviced.service",)
    yield from judge(ctx, VNC, "The desktop is offered over VNC", commands=vnc)
    rdp = ("sudo systemctl disable --now xrdp.service xrdp-sesman.service",)
    yield from judge(ctx, RDP, "The desktop is offered over RDP", commands=rdp)


@listens(
    "remote-console-listening",
    "A web console or a screen without encryption is open to the network",
    likelihood=2,
    impact=4,
    attacker=Attacker.FAR,
    consequence=Consequence.TAKEOVER,
    preset=Preset.DOCUMENTS,
    references=References(
        document=(STEPS, SURFACE), etsi=("5.6-1", "5.6-5"), nist=ACCESS, owasp_iot=("I2", "I3"), cwe=(1327,)
    ),
)
def remote_console_listening(ctx: Context) -> Iterator[Verdict]:
    """Whether a console in the browser is offered on the network.

    What:
        Cockpit, Webmin, shellinabox or ttyd listens beyond loopback, or an X server accepts connections over TCP.
    Why:
        Each is a second way to become root beside SSH, with its own passwords, its own flaws and no rate limit.
    Remedy:
        Switch off what you do not use; have the rest listen on loopback, and reach it through an SSH tunnel.
    Risk of the remedy:
        The page no longer opens from another computer unless the tunnel is up.
    """
    for offer in CONSOLES:
        yield from judge(ctx, offer, f"{offer.name} is open to the network")


RULES: tuple[Rule, ...] = (
    telnet_listening,
    ftp_listening,
    rsh_listening,
    tftp_listening,
    small_services_listening,
    remote_desktop_listening,
    remote_console_listening,
)
