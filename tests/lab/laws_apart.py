"""Cases of the laws that need hosts of their own: other faults of the same rules, and firewalls. See laws.py."""

from .laws import Case, Look, inside
from .laws_services import switched_off
from .laws_system import mode

MAIN_FILE = "/etc/ssh/sshd_config"


def _sshd(rule: str, line: str, mended: str, *, user: str = "", subject: str = "") -> Case:
    """A line at the end of the main file of sshd, which includes nothing on this host."""
    keyword = line.split()[-2] if user else line.split(maxsplit=1)[0]
    command = f"sshd -T{f' -C user={user},host=x,addr=192.0.2.9' if user else ''} | grep -i '^{keyword} '"
    return Case(
        rule, f"printf '{line}\\n' >>{MAIN_FILE}", (Look(inside(command), f"(?i)^{keyword} {mended}"),), subject
    )


# the same rules as on the first host, and the settings that must be otherwise for them to be found
OTHER = (
    Case(
        "ssh-root-key-login",
        f"rm /etc/ssh/sshd_config.d/50-owner.conf; sed -i -e '/^Include/d' -e '/^X11F/d' -e '/^KbdI/d' {MAIN_FILE}; "
        f"printf 'PasswordAuthentication no\\nPermitRootLogin prohibit-password\\n' >>{MAIN_FILE}; "
        "install -d -m 0700 /root/.ssh; cp /home/pi/.ssh/authorized_keys /root/.ssh/; "
        "chown root:root /root/.ssh/authorized_keys",
        (Look(inside("sshd -T | grep '^permitrootlogin '"), "^permitrootlogin no$"),),
    ),
    _sshd("ssh-keyboard-interactive-password", "KbdInteractiveAuthentication yes", "no$"),
    _sshd("ssh-host-based-login", "HostbasedAuthentication yes\\nIgnoreRhosts no", "no$", subject=""),
    _sshd("ssh-gateway-ports", "PermitTunnel yes", "no$", subject="PermitTunnel"),
    _sshd("ssh-x11-forwarding", "X11Forwarding yes", "no$"),
    _sshd("ssh-password-login", "Match User webcam\\n  PasswordAuthentication yes", "no$", user="webcam"),
    Case(
        "logging-disabled",
        "mkdir -p /etc/systemd/journald.conf.d; printf '[Journal]\\nStorage=none\\n' "
        ">/etc/systemd/journald.conf.d/zz-card.conf; systemctl restart systemd-journald",
        (
            Look(
                inside("systemd-analyze cat-config systemd/journald.conf | grep '^Storage=' | tail -1"),
                "^Storage=persistent$",
            ),
            Look(inside("logger -t laws here; journalctl --sync; journalctl -t laws -o cat"), "here", undone=False),
        ),
    ),
    Case(
        "telnet-listening",
        "printf 'nntp stream tcp nowait nobody /bin/busybox true\\n' >>/etc/inetd.conf; systemctl restart inetd",
        (
            Look(
                inside("ss -tlnH '( sport = :23 or sport = :119 )' | awk '{print $4}' | sort -u"),
                r"\A\S+:119\n\S+:119\n\Z",
            ),
        ),
    ),
    Case(
        "sudo-nopasswd",
        "rm /etc/sudoers.d/010_pi-nopasswd; printf 'Defaults:pi insults\\npi ALL=(ALL) NOPASSWD: ALL\\n' "
        ">/etc/sudoers.d/90-cloud-init-users; chmod 0440 /etc/sudoers.d/90-cloud-init-users",
        (Look(inside("sudo -l -U pi; visudo -c"), r"(?s)\A(?!.*NOPASSWD).*insults.*\(ALL.*parsed OK"),),
    ),
    mode("boot-partition-open", "chmod 0777 /boot/firmware", "/boot/firmware", "^7[57]5 root:root$"),
    mode("sensitive-file-mode", "chmod 0644 /etc/ssh/ssh_host_rsa_key", "/etc/ssh/ssh_host_rsa_key", "^600 root:root$"),
    Case(
        "database-open-to-network",
        "mkdir -p /etc/mysql/mariadb.conf.d; printf '[mysqld]\\nbind-address = 0.0.0.0\\n' "
        ">/etc/mysql/mariadb.conf.d/50-server.cnf; stand_in mariadb mariadbd tcp/3306; "
        "obeys mariadb 'bind-address = 127.0.0.1' /etc/mysql /127.0.0.1",
        (Look(inside("ss -tlnH sport = :3306"), r"127\.0\.0\.1:3306"),),
    ),
    Case(
        "llmnr-listening",
        "stand_in systemd-resolved systemd-resolve udp/5355 tcp/5355; "
        "obeys systemd-resolved LLMNR=no /etc/systemd/resolved.conf.d /127.0.0.1",
        (Look(inside("systemd-analyze cat-config systemd/resolved.conf | grep ^LLMNR"), "^LLMNR=no$"),),
    ),
    Case(
        "camera-stream-open",
        "mkdir -p /etc/motion; printf 'stream_port 8081\\nstream_localhost off\\nwebcontrol_port 0\\n' "
        ">/etc/motion/motion.conf; stand_in motion motion tcp/8081; "
        "obeys motion 'stream_localhost on' /etc/motion /127.0.0.1",
        (Look(inside("ss -tlnH sport = :8081"), r"127\.0\.0\.1:8081"),),
    ),
    Case(
        "ftp-anonymous",
        "echo anonymous_enable=YES >/etc/vsftpd.conf; stand_in vsftpd vsftpd tcp/21",
        (Look(inside("systemctl is-enabled vsftpd; systemctl is-active vsftpd"), r"\Amasked\n(inactive|failed)"),),
    ),
    switched_off(
        "remote-console-listening",
        "printf '[Socket]\\nListenStream=9090\\n[Install]\\nWantedBy=sockets.target\\n' "
        ">/usr/lib/systemd/system/cockpit.socket; printf "
        "'[Unit]\\nRequires=cockpit.socket\\n[Service]\\nExecStart=/usr/local/lib/stand-in cockpit-tls\\n' "
        ">/usr/lib/systemd/system/cockpit.service; systemctl enable -q --now cockpit.socket; systemctl start cockpit",
        "cockpit.socket",
        port="tcp/9090",
    ),
    Case(  # as in kernels of Raspberry Pi, whose driver modprobe cannot keep out
        "usb-storage-allowed",
        "kernel=/lib/modules/$(uname -r); mkdir -p $kernel; "
        "echo kernel/drivers/usb/storage/usb-storage.ko >>$kernel/modules.builtin",
        (Look(inside('grep -c \'^[^#].*"08", ATTR{authorized}="0"$\' /etc/udev/rules.d/60-thornwall.rules'), "^1$"),),
    ),
)

UFW_ON = "ufw allow 22/tcp >/dev/null; ufw allow 80/tcp >/dev/null; ufw --force enable >/dev/null"
STATUS = "ufw status verbose"
RULES = "for v in '' 6; do ip${v}tables-save | sed -e '/^#/d' -e 's/\\[.*//' | sort; done"

OFF = (
    Case(
        "no-firewall",
        "",
        (
            Look(inside(STATUS), r"(?s)Status: active.*deny \(incoming\), allow \(outgoing\).*22/tcp .*LIMIT IN"),
            Look(inside("systemctl is-enabled ufw; ip6tables -S INPUT | head -1"), "^-P INPUT DROP$"),
        ),
    ),
    mode("sensitive-file-mode", "chmod 0644 /etc/shadow", "/etc/shadow", "^640 root:shadow$"),
    Case(
        "ssh-use-pam-no",
        "printf 'UsePAM no\\n' >/etc/ssh/sshd_config.d/40-guide.conf",
        (Look(inside("sshd -T | grep '^usepam '"), "^usepam yes$"),),
    ),
    Case(
        "journal-uncapped",
        "mkdir -p /etc/systemd/journald.conf.d; printf '[Journal]\\nStorage=persistent\\n' "
        ">/etc/systemd/journald.conf.d/60-keep.conf; systemctl restart systemd-journald; journalctl --flush",
        (Look(inside("systemd-analyze cat-config systemd/journald.conf | grep ^SystemMaxUse"), "^SystemMaxUse=200M$"),),
    ),
)
HALF = (
    Case(
        "firewall-no-ipv6",
        f"sed -i 's/^IPV6=.*/IPV6=no/' /etc/default/ufw; {UFW_ON}; ufw allow 9999/tcp >/dev/null; "
        "ufw logging off >/dev/null; ip6tables -P INPUT ACCEPT; ip6tables -F",
        (Look(inside("ip6tables -S INPUT; ufw status"), r"(?s)^-P INPUT DROP$.*22/tcp \(v6\)", undone=False),),
    ),
    Case("firewall-no-logging", "", (Look(inside(STATUS), r"^Logging: on \(low\)"),)),
    Case("firewall-allows-unused-port", "", (Look(inside(STATUS), r"(?s)\A(?!.*9999).*Status: active"),)),
)
OPEN = (
    Case(
        "firewall-default-accept",
        f"ufw default allow incoming >/dev/null; {UFW_ON}",
        (Look(inside(STATUS), r"deny \(incoming\)"), Look(inside("iptables -S INPUT | head -1"), "^-P INPUT DROP$")),
    ),
    Case("firewall-no-ssh-rate-limit", "", (Look(inside(STATUS), r"^22/tcp +LIMIT IN +Anywhere"),)),
)
GONE = (
    Case(
        "firewall-not-persistent",
        f"{UFW_ON}; sed -i 's/^ENABLED=.*/ENABLED=no/' /etc/ufw/ufw.conf; systemctl disable -q ufw",
        (
            Look(inside("grep ^ENABLED /etc/ufw/ufw.conf; systemctl is-enabled ufw"), r"^ENABLED=yes\nenabled$"),
            Look(inside(f"{RULES}"), "--dport 22 .*recent"),
        ),
    ),
)
IDLE = (
    Case(
        "firewall-not-running",
        f"{UFW_ON}; nft flush ruleset",
        (Look(inside("iptables -S INPUT | head -1; ip6tables -S INPUT | head -1"), r"^-P INPUT DROP\n-P INPUT DROP$"),),
    ),
)
