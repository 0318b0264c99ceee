"""Reports to render: a Raspberry Pi with everything planted on it, an empty one, and one that lies."""

from __future__ import annotations

from dataclasses import replace

from thornwall.model.finding import (
    Attacker,
    Effort,
    Evidence,
    FaultClass,
    Finding,
    Fixable,
    HostName,
    Kind,
    Move,
    Need,
    Reach,
    References,
    Remedy,
    Report,
    Status,
    Waiver,
)
from thornwall.model.matrix import risk_of
from thornwall.model.surface import Connection, Listener, Person, PhysicalWay, Surface, WayIn
from thornwall.model.typed import Typed


def finding(
    rule: str,
    title: str,
    likelihood: int,
    impact: int,
    *,
    status: Status = Status.FAIL,
    subject: str = "host",
    detail: str = "",
    kind: Kind = Kind.MISCONFIGURATION,
    fault_class: FaultClass = FaultClass.CONFIGURATION,
    attacker: Attacker = Attacker.FAR,
    remedy: Remedy | None = None,
    fixable: Fixable = Fixable.AUTOMATIC,
    references: References | None = None,
    moved_by: tuple[Move, ...] = (),
    evidence: tuple[Evidence, ...] = (),
    mend: str = "",
    waiver: Waiver | None = None,
) -> Finding:
    return Finding(
        rule=rule,
        subject=subject,
        status=status,
        kind=kind,
        fault_class=fault_class,
        title=title,
        likelihood=likelihood,
        impact=impact,
        risk=risk_of(likelihood, impact),
        detail=detail,
        attacker=attacker,
        remedy=remedy or Remedy("Set it right.", Effort.TEN_MINUTES),
        fixable=fixable,
        references=references or References(),
        moved_by=moved_by,
        evidence=evidence,
        mend=mend,
        waiver=waiver,
    )


NETWORK = Move("likelihood", 1, "SSH answers the whole local network, and no firewall is in front")
LOCK = Move("impact", 1, "this device controls a lock")

PASSWORD = finding(
    "default-password",
    "An account has a password that everybody knows",
    5,
    5,
    subject="pi",
    detail="The password of pi is one of the known defaults.",
    fault_class=FaultClass.PASSWORDS,
    attacker=Attacker.WORM,
    remedy=Remedy(
        "Give the account a password of its own with `passwd`. Three or four words that belong to nobody else's "
        "list are easy to remember and hard to guess.",
        Effort.MINUTE,
        ("passwd pi",),
        may_break="Scripts and other devices that log in with the old password stop until they are told the new one.",
    ),
    fixable=Fixable.NEEDS_ANSWER,
    references=References(
        document=("Raspberry Pi considerations", "Changing the default password"),
        etsi=("5.1-1",),
        owasp_iot=("I1",),
        owasp_top10=("A07:2021",),
        cwe=(1392, 521),
    ),
    moved_by=(NETWORK, LOCK),
    evidence=(Evidence("/etc/shadow", "pi: the hash matches a known default", 27),),
)
SUDO = finding(
    "sudo-nopasswd",
    "An account becomes root without a password",
    4,
    4,
    subject="pi",
    detail="pi may run everything as root without giving a password.",
    attacker=Attacker.VIRUS,
    remedy=Remedy(
        "Remove the NOPASSWD tag, so that sudo asks for the account's own password. Set and try that password first.",
        Effort.MINUTE,
        ("sudo visudo -f /etc/sudoers.d/010_pi-nopasswd",),
        may_break="Scripts that call sudo unattended stop. An account without a usable password can no longer be root.",
    ),
    references=References(document=("Remove nopasswd feature",), cis_debian12=("5.2.4",), cwe=(250,)),
    moved_by=(Move("likelihood", 1, "the password of pi is a known default"),),
    evidence=(Evidence("/etc/sudoers.d/010_pi-nopasswd", "pi ALL=(ALL) NOPASSWD: ALL", 1),),
)
SSH_PASSWORD = finding(
    "ssh-password-login",
    "SSH lets people in with a password alone",
    4,
    4,
    detail="sshd accepts a password from every account.",
    remedy=Remedy(
        "Install a key, log in with it once, then set `PasswordAuthentication no` in a "
        "drop-in that sorts before the others.",
        Effort.TEN_MINUTES,
        (
            "ssh-copy-id pi@raspberrypi.local",
            "echo 'PasswordAuthentication no' | sudo tee /etc/ssh/sshd_config.d/10-thornwall.conf",
            "sudo sshd -t && sudo systemctl reload ssh",
        ),
        may_break="Whoever has no key on the device is locked out.",
    ),
    references=References(document=("Configure SSH key-based authentication",), cwe=(308,)),
    moved_by=(NETWORK,),
    evidence=(
        Evidence("/etc/ssh/sshd_config.d/50-cloud-init.conf", "PasswordAuthentication yes", 1),
        Evidence("sshd -T -C user=pi,host=localhost,addr=127.0.0.1", "passwordauthentication yes"),
    ),
)
ROOT_LOGIN = finding(
    "ssh-root-login",
    "SSH lets root log in with a password",
    3,
    5,
    detail="sshd lets root log in with a password.",
    remedy=Remedy("Set `PermitRootLogin no`.", Effort.MINUTE, ("sudo systemctl reload ssh",)),
    references=References(cis_debian12=("5.1.20",), ssg=("sshd_disable_root_login",)),
    evidence=(Evidence("/etc/ssh/sshd_config", "PermitRootLogin yes", 33),),
)
TELNET = finding(
    "telnet-server",
    "A telnet server listens",
    5,
    4,
    subject="tcp/23",
    detail="inetd offers telnet on every address.",
    fault_class=FaultClass.SERVICE,
    attacker=Attacker.WORM,
    remedy=Remedy(
        "Remove the telnet server; SSH does the same with encryption.",
        Effort.MINUTE,
        ("sudo apt-get purge telnetd inetutils-telnetd",),
        may_break="Old clients that speak only telnet can no longer log in.",
    ),
    references=References(cis_debian12=("2.1.15",), cwe=(319,)),
    moved_by=(NETWORK,),
    evidence=(
        Evidence("ss -H -lntup", 'tcp LISTEN 0 10 0.0.0.0:23 0.0.0.0:* users:(("inetutils-inetd",pid=412,fd=4))'),
    ),
)
NO_FIREWALL = finding(
    "no-firewall",
    "Nothing filters what comes from the network",
    3,
    4,
    detail="No nftables or iptables rule drops anything that comes in.",
    remedy=Remedy(
        "Let in only what is used, SSH first, and drop the rest.",
        Effort.TEN_MINUTES,
        ("sudo apt-get install ufw", "sudo ufw allow 22/tcp", "sudo ufw --force enable"),
        may_break="Services that are used and not in the list cannot be reached.",
    ),
    references=References(document=("Connecting to the Internet",), cis_debian12=("4.1.1",)),
    evidence=(Evidence("nft list ruleset", ""),),
)
UPDATES = finding(
    "pending-security-updates",
    "Security updates wait to be installed",
    3,
    4,
    detail="41 packages have security updates that are not installed.",
    kind=Kind.OPERATIONAL,
    fault_class=FaultClass.UPDATES,
    attacker=Attacker.WORM,
    remedy=Remedy(
        "Install the updates, then restart.",
        Effort.TEN_MINUTES,
        ("sudo apt-get update && sudo apt-get full-upgrade",),
        needs=(Need.REBOOT,),
        may_break="A service may behave otherwise after an update.",
    ),
    references=References(document=("Update & upgrade Raspberry Pi OS",), etsi=("5.3-1",), owasp_iot=("I5",)),
    evidence=(Evidence("apt-get -s full-upgrade", "Inst openssl [3.0.14-1~deb12u1] (3.0.17-1~deb12u2)"),),
)
CRON = finding(
    "root-runs-writable-file",
    "Root runs a file that others can change",
    4,
    5,
    subject="/usr/local/bin/backup.sh",
    detail="root's crontab runs /usr/local/bin/backup.sh, which everybody can write.",
    attacker=Attacker.VIRUS,
    remedy=Remedy(
        "Give the file to root and let nobody else write it.",
        Effort.MINUTE,
        ("sudo chown root:root /usr/local/bin/backup.sh", "sudo chmod 755 /usr/local/bin/backup.sh"),
    ),
    references=References(cwe=(732,)),
    evidence=(
        Evidence("/etc/cron.d/backup", "*/5 * * * * root /usr/local/bin/backup.sh", 2),
        Evidence("/usr/local/bin/backup.sh", "mode 0777, owner root:root"),
    ),
)


def writable(path: str) -> Finding:
    return finding(
        "world-writable-file",
        "Everybody can change a file of the system",
        2,
        3,
        subject=path,
        detail=f"{path} has mode 0666.",
        attacker=Attacker.VIRUS,
        remedy=Remedy("Take the write bit from others.", Effort.MINUTE, (f"sudo chmod o-w {path}",)),
        references=References(cis_debian12=("7.1.11",), cwe=(732,)),
        evidence=(Evidence(path, "mode 0666, owner root:root"),),
    )


WRITABLE = tuple(
    writable(path) for path in ("/etc/motd.d/10-note", "/etc/default/planted", "/etc/app.conf", "/etc/a.b", "/etc/c.d")
)
JOURNAL = finding(
    "volatile-journal",
    "The journal is lost at every restart",
    2,
    3,
    detail="journald keeps the journal in memory only.",
    attacker=Attacker.FAR,
    remedy=Remedy(
        "Store the journal on disk, with a cap on its size.",
        Effort.MINUTE,
        ("sudo systemctl restart systemd-journald",),
        may_break="It writes to the SD card, a little at a time.",
    ),
    references=References(document=("Enable Logging",), nist=("Cybersecurity State Awareness",)),
    evidence=(Evidence("/usr/lib/systemd/journald.conf.d/40-rpi-volatile-storage.conf", "Storage=volatile", 2),),
)
BLUETOOTH = finding(
    "bluetooth-on",
    "Bluetooth is on and not used",
    1,
    3,
    subject="hci0",
    detail="The Bluetooth controller hci0 is up, and nothing is paired with it.",
    fault_class=FaultClass.INTERFACE,
    attacker=Attacker.NEAR,
    remedy=Remedy(
        "Switch it off in `config.txt`.",
        Effort.MINUTE,
        needs=(Need.REBOOT,),
        may_break="Keyboards, mice and speakers that use Bluetooth.",
    ),
    evidence=(Evidence("/sys/class/bluetooth/hci0/type", "primary"),),
    moved_by=(Move("likelihood", -1, "it stands in a locked room"),),
)
USB = finding(
    "usb-storage-allowed",
    "USB sticks can be attached",
    2,
    2,
    kind=Kind.PHYSICAL,
    fault_class=FaultClass.PHYSICAL,
    attacker=Attacker.NEAR,
    detail="The module usb-storage may be loaded by anybody who plugs a stick in.",
    remedy=Remedy("Forbid the module, or lock the case.", Effort.HOUR, needs=(Need.MONEY, Need.HANDS)),
)
ROOTLESS = "/etc/sudoers could not be read"
UNKNOWN = (
    finding(
        "sudo-timestamp",
        "One sudo opens all terminals",
        2,
        3,
        status=Status.UNKNOWN,
        detail=ROOTLESS,
        mend="run with sudo, or as root",
    ),
    finding(
        "sudo-log",
        "What is done through sudo is not logged",
        2,
        2,
        status=Status.UNKNOWN,
        detail=ROOTLESS,
        mend="run with sudo, or as root",
    ),
    finding(
        "pam-second-factor",
        "A password alone is enough",
        3,
        5,
        status=Status.UNKNOWN,
        detail="sshd -T needs root",
        mend="run with sudo, or as root",
    ),
)
MANUAL = finding(
    "backup-tested",
    "A backup that was never restored is a hope",
    3,
    3,
    status=Status.MANUAL,
    detail="Have you restored a backup of this device within the last year?",
    kind=Kind.OPERATIONAL,
    fixable=Fixable.BY_HAND,
)
WAIVED = finding(
    "avahi-on",
    "The device announces itself by mDNS",
    2,
    2,
    subject="avahi-daemon.service",
    status=Status.WAIVED,
    detail="avahi-daemon answers on udp/5353.",
    waiver=Waiver("avahi-on", "the printers are found by it", "the owner", "2027-03-31", "avahi-daemon.service"),
)
PASSED = (
    finding(
        "ssh-empty-password",
        "SSH accepts empty passwords",
        5,
        5,
        status=Status.PASS,
        detail="PermitEmptyPasswords is no.",
        evidence=(Evidence("sshd -T", "permitemptypasswords no"),),
    ),
    finding("shadow-readable", "Everybody can read the hashes", 3, 4, status=Status.PASS, subject="/etc/shadow"),
)
NOT_APPLICABLE = finding("docker-socket", "Everybody can talk to Docker", 3, 5, status=Status.NOT_APPLICABLE)

ANYWHERE = "0.0.0.0"  # noqa: S104 - a host says so, nothing binds to it
SURFACE = Surface(
    listeners=(
        Listener(
            "tcp",
            ANYWHERE,
            22,
            "sshd",
            611,
            "root",
            "ssh.service",
            "openssh-server",
            Reach.NETWORK,
            ("asks for a login",),
            "ssh",
            role="login",
        ),
        Listener(
            "tcp",
            ANYWHERE,
            23,
            "inetutils-inetd",
            412,
            "root",
            "inetutils-inetd.service",
            "inetutils-inetd",
            Reach.NETWORK,
            ("asks for a login",),
            "telnet",
            plaintext=True,
            role="login",
        ),
        Listener(
            "tcp",
            "::",
            80,
            "nginx",
            700,
            "www-data",
            "nginx.service",
            "nginx-light",
            Reach.INTERNET,
            (),
            "http",
            plaintext=True,
            role="web",
        ),
        Listener(
            "tcp",
            "127.0.0.1",
            631,
            "cupsd",
            502,
            "root",
            "cups.service",
            "cups-daemon",
            Reach.LOOPBACK,
            ("bound to loopback",),
            "ipp",
            role="print",
        ),
        Listener(
            "udp",
            ANYWHERE,
            5353,
            "avahi-daemon",
            388,
            "avahi",
            "avahi-daemon.service",
            "avahi-daemon",
            Reach.FIREWALLED,
            ("the firewall drops it", "answers only the local link"),
            "mdns",
            role="discovery",
        ),
        Listener("tcp", ANYWHERE, 111, reach=Reach.NETWORK),
    ),
    connections=(Connection("tcp", "192.168.1.20:22", "192.168.1.5:51544", "sshd", "pi", inbound=True),),
    radios=(
        PhysicalWay("Wi-Fi (wlan0)", "open", "up, joined to a network with WPA2"),
        PhysicalWay("Bluetooth (hci0)", "open", "up, not paired"),
    ),
    physical=(
        PhysicalWay("USB storage", "open", "the module may be loaded"),
        PhysicalWay("Serial console", "closed", "no console= on the kernel's command line"),
        PhysicalWay("SD card", "unknown", "no program can see whether the card is locked away"),
    ),
    ways_in=(
        WayIn("SSH with a password", ("pi", "bob"), "the password of pi is a known default"),
        WayIn("autologin on tty1", ("pi",)),
    ),
    people=(
        Person("pi", 1000, "a known default", "everything, no password", ("laptop@home",), "/bin/bash"),
        Person("bob", 1001, "md5crypt", "", (), "/bin/sh"),
        Person("root", 0, "locked", "", (), "/bin/bash"),
    ),
    gaps=("the owners of 2 sockets are not known without root",),
)

PLANTED = Report(
    target="pi@192.168.1.20",
    host=HostName(
        "raspberrypi", "Raspberry Pi OS 12 (bookworm)", "Raspberry Pi 4 Model B Rev 1.4", "6.6.51+rpt-rpi-v8"
    ),
    score=18,
    findings=(
        PASSWORD,
        TELNET,
        CRON,
        SUDO,
        SSH_PASSWORD,
        ROOT_LOGIN,
        NO_FIREWALL,
        UPDATES,
        *WRITABLE,
        JOURNAL,
        BLUETOOTH,
        USB,
        *UNKNOWN,
        MANUAL,
        WAIVED,
        *PASSED,
        NOT_APPLICABLE,
    ),
    captured_at=1792505000,
    surface=SURFACE,
    notes=("The walk of /srv stopped after 100,000 entries.",),
    profile={"controls": "a lock", "place": "at home", "network": "must reach the local network"},
    profile_told=True,
    typed=Typed("pi@192.168.1.20", plans=True),
)

EMPTY = Report(target="dir:/mnt", host=HostName(), score=100, findings=(), as_root=False, live=False)

HOSTILE_TEXT = (
    "\x1b[31mred\x1b]0;title\x07 [/red][bold]x[/bold] :bomb: <script>alert(1)</script>\"'>&amp; ]]> `code` | pipe\n"
    "=HYPERLINK(1)\t\u202eevil\u2066\u200b \x00\x9b2J\r\n# heading\n--> <!-- \ud800 ${x} %(y)s {z}"
)


def hostile(text: str) -> Report:
    """A report in which everything that a host can say is `text`."""
    seen = Evidence(text, text, 3)
    remedy = Remedy(text, Effort.MINUTE, (f"chmod {text}",), (Need.HANDS,), text)
    findings = tuple(
        replace(
            PASSWORD,
            status=status,
            subject=text,
            detail=text,
            evidence=(seen, Evidence(text)),
            remedy=remedy,
            mend=text,
            moved_by=(Move("impact", -1, text),),
            waiver=Waiver("default-password", text, text, text, text) if status is Status.WAIVED else None,
        )
        for status in Status
    )
    surface = Surface(
        listeners=(Listener(text, text, 1, text, 1, text, text, text, Reach.INTERNET, (text, text), text, True, text),),
        connections=(Connection(text, text, text, text, text, True),),
        radios=(PhysicalWay(text, text, text),),
        physical=(PhysicalWay(text, "open", text),),
        ways_in=(WayIn(text, (text,), text),),
        people=(Person(text, 0, text, text, (text,), text),),
        gaps=(text,),
    )
    return Report(
        target=text,
        host=HostName(text, text, text, text, text),
        score=0,
        findings=findings,
        captured_at=2**70,
        preset=text,
        surface=surface,
        notes=(text,),
        profile={text: text},
        typed=Typed(text, (text,), (text,), plans=True),
    )
