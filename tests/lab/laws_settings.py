"""Cases of the laws: ssh, sudo, PAM, accounts, sessions. See laws.py."""

from .laws import Case, Look, inside, login

SSHD = "/etc/ssh/sshd_config.d/60-laws.conf"
SUDO = "/etc/sudoers.d/020-laws"


def _sshd(rule: str, line: str, mended: str, *, user: str = "") -> Case:
    """A line of sshd_config, and what `sshd -T` says of its keyword once it is mended."""
    keyword = line.split(maxsplit=1)[0]
    command = f"sshd -T{f' -C user={user},host=x,addr=192.0.2.9' if user else ''} | grep -i '^{keyword} '"
    return Case(rule, f"printf '{line}\\n' >>{SSHD}", (Look(inside(command), f"(?i)^{keyword} {mended}"),))


SSH = (
    Case(
        "ssh-password-login",
        "",  # planted
        (
            Look(inside("sshd -T | grep -i '^passwordauthentication '"), "^passwordauthentication no$"),
            Look(login("id", "password"), r"Permission denied \(publickey\)"),
        ),
    ),
    Case(
        "ssh-root-login",
        "",  # planted
        (Look(inside("sshd -T | grep -i '^permitrootlogin '"), "^permitrootlogin no$"),),
    ),
    _sshd("ssh-empty-passwords", "PermitEmptyPasswords yes", "no$"),
    Case(
        "ssh-drop-in-loses",
        f"printf 'AllowAgentForwarding yes\\n' >>{SSHD}; "
        "printf 'AllowAgentForwarding no\\n' >/etc/ssh/sshd_config.d/99-guide.conf",
        (Look(inside("sshd -T | grep -i '^allowagentforwarding '"), "^allowagentforwarding no$"),),
    ),
    Case(
        "ssh-no-user-restriction",
        "",
        (Look(inside("sshd -T | grep -i '^allowusers '"), "(?m)^allowusers pi$"),),
    ),
    _sshd("ssh-permit-user-environment", "PermitUserEnvironment yes", "no$"),
    _sshd("ssh-host-based-login", "HostbasedAuthentication yes", "no$"),
    _sshd("ssh-strict-modes-off", "StrictModes no", "yes$"),
    _sshd("ssh-weak-ciphers", "Ciphers aes256-gcm@openssh.com,aes128-cbc", "aes256-gcm@openssh.com$"),
    _sshd("ssh-weak-macs", "MACs hmac-sha2-256-etm@openssh.com,hmac-md5", "hmac-sha2-256-etm@openssh.com$"),
    _sshd(
        "ssh-weak-key-exchange",
        "KexAlgorithms curve25519-sha256,diffie-hellman-group14-sha1",
        "((?!sha1).)*,curve25519-sha256$",
    ),
    Case(
        "ssh-no-post-quantum-key-exchange",
        "",  # with the line above
        (Look(inside("sshd -T | grep -i '^kexalgorithms '"), "sntrup761x25519-sha512"),),
    ),
    _sshd("ssh-weak-signatures", "PubkeyAcceptedAlgorithms +ssh-rsa", "(?!.*[ ,]ssh-rsa(,|$))ssh-"),
    Case(
        "ssh-host-key-permissions",
        "chmod 0644 /etc/ssh/ssh_host_ecdsa_key",
        (Look(inside("stat -c '%a %U:%G' /etc/ssh/ssh_host_ecdsa_key"), "^600 root:root$"),),
    ),
    _sshd("ssh-x11-forwarding", "X11Forwarding yes", "no$"),
    Case(
        "ssh-forwarding",
        f"printf 'AllowTcpForwarding yes\\n' >>{SSHD}",
        (Look(inside("sshd -T | grep -i '^disableforwarding '"), "^disableforwarding yes$"),),
    ),
    _sshd("ssh-gateway-ports", "GatewayPorts yes", "no$"),
    _sshd("ssh-max-auth-tries", "MaxAuthTries 12", "[1-4]$"),
    _sshd("ssh-login-grace-time", "LoginGraceTime 600", "60$"),
    _sshd("ssh-log-level", "LogLevel QUIET", "VERBOSE$"),
    _sshd("ssh-idle-sessions", "ClientAliveInterval 0", "300$"),
    _sshd("ssh-unfinished-logins", "MaxStartups 10:30:100", "10:30:60$"),
    _sshd("ssh-no-banner", "Banner none", "/etc/issue.net$"),
)


def _sudo(rule: str, line: str, shown: str, mended: str) -> Case:
    """A Defaults line, and the words of `sudo -V` about it (as root it says what sudoers comes to)."""
    plant = f"printf '%s\\n' '{line}' >>{SUDO}; chmod 0440 {SUDO}" if line else ""
    return Case(rule, plant, (Look(inside(f"sudo -V | grep -A2 '{shown}'; visudo -c"), f"(?s){mended}.*parsed OK"),))


SUDOERS = (
    Case(
        "sudo-nopasswd",
        "",  # planted
        (
            Look(inside("sudo -l -U pi"), r"(?s)\A(?!.*NOPASSWD).*\(ALL"),
            Look(login("sudo -k; sudo -n id"), "a password is required"),
        ),
    ),
    Case(
        "sudo-authenticate-disabled",
        f"printf 'webcam ALL=(ALL) ALL\\nDefaults:webcam !authenticate\\n' >>{SUDO}; chmod 0440 {SUDO}",
        (Look(inside("runuser -u webcam -- sudo -n id"), "a password is required"),),
    ),
    Case(
        "sudo-file-permissions",
        "echo '# nothing yet' >/etc/sudoers.d/editors; chmod 0666 /etc/sudoers.d/editors",
        (Look(inside("visudo -c"), r"(?s)\A(?!.*bad permissions).*editors: parsed OK"),),
    ),
    _sudo(
        "sudo-timestamp-timeout",
        "Defaults timestamp_timeout=60",
        "timestamp timeout",
        r"Authentication[^\n]*: [05]\.0 ",
    ),
    _sudo("sudo-global-timestamp", "Defaults timestamp_type=global", "Type of authentication", "record: tty"),
    _sudo("sudo-env-dangerous", "Defaults !env_reset", "default set of variables", "Reset the environment"),
    _sudo("sudo-use-pty", "Defaults !use_pty", "pseudo-tty", "in a pseudo-tty"),
    _sudo("sudo-log-file", "", "log file", "Path to log file: /var/log/sudo.log"),
)

PAM = (
    Case(
        "no-login-throttle",
        "",
        (
            Look(
                inside("echo wrong | runuser -u pi -- su -c id otto; faillock --user otto | tail -n +3"),
                " V$",
                undone=False,
            ),
        ),
    ),
    Case(
        "su-unrestricted",
        "",
        (Look(inside("echo wrong | runuser -u webcam -- su -c id olga"), "Permission denied"),),
    ),
)

# in a copy of /etc that nobody else sees: a look changes nothing
_NEW = (
    "cp -a /etc /run/etc-of-laws; unshare -m sh -c 'mount --bind /run/etc-of-laws /etc; useradd -M newcomer; "
    "chage -l newcomer' | grep imum; rm -r /run/etc-of-laws"
)

ACCOUNTS = (
    Case(
        "default-password",
        "",  # planted
        (
            Look(
                inside("""perl -e '$h = (getpwnam "pi")[1]; print crypt("raspberry", $h) eq $h ? "opens" : "no"'"""),
                "no",
            ),
        ),
        subject="pi",
        slow=True,
    ),
    Case(
        "empty-password",
        "user guest x; passwd -d guest",
        (Look(inside("passwd -S guest"), "^guest P "),),
    ),
    Case(
        "weak-password-hash",
        "",  # planted
        (Look(inside("getent shadow webcam | cut -d: -f2 | cut -c1-3"), r"^\$y\$"),),
        subject="webcam",
    ),
    Case("root-password-usable", "", (Look(inside("passwd -S root"), "^root L "),)),
    Case(
        "password-expiry-lockout",
        "user olga Tr7-kx.Q9z-old; chage -M 90 -d \"$(date -d '85 days ago' +%F)\" olga",
        (
            Look(
                inside("chage -l olga | sed -n 's/^Last password change[^:]*: //p'; date '+today: %b %d, %Y'"),
                r"(?s)\A(\w+ \d+, \d+)\ntoday: \1",
            ),
        ),
    ),
    Case(
        "password-ageing",
        "",
        (Look(inside("chage -l webcam | grep '^Maximum'"), r": ([1-9]|[1-9]\d|[12]\d\d|3[0-5]\d|36[0-5])$"),),
        subject="webcam",
    ),
    *(
        Case("password-ageing-defaults", "", (Look(inside(_NEW), mended),), subject=f"PASS_{each}_DAYS")
        for each, mended in (("MAX", "^Maximum.*: 365$"), ("MIN", "^Minimum.*: 1$"))
    ),
    Case(
        "login-defs-umask",
        "",
        (Look(login("umask"), "^00[0-7]7$"),),
        releases=frozenset({"trixie"}),
    ),
    Case(
        "login-defs-umask",
        "",
        # there no login asks for it: pam_umask is in no stack
        (Look(inside("sed -n 's/^UMASK[ \\t]*//p' /etc/login.defs"), "^027$"),),
        releases=frozenset({"bookworm"}),
    ),
    Case(
        "password-hash-in-passwd",
        "user legacy Tr7-kx.Q9z-leg; h=$(getent shadow legacy | cut -d: -f2); "
        'perl -pi -e "BEGIN { \\$h = q($h) } s{^legacy:x:}{legacy:\\$h:}" /etc/passwd',
        (Look(inside("getent passwd legacy | cut -d: -f2; passwd -S legacy"), r"(?s)\Ax\nlegacy P "),),
    ),
    Case(
        "system-account-login",
        "useradd -r -s /bin/bash collector; echo collector:Tr7-kx.Q9z-col | chpasswd",
        (Look(inside("passwd -S collector"), "^collector L "),),
        subject="collector",
    ),
    Case(
        "system-account-login",
        "useradd -r -m -s /bin/bash deployer; install -d -o deployer -m 0700 /home/deployer/.ssh; "
        "cp /home/pi/.ssh/authorized_keys /home/deployer/.ssh/; "
        "chown deployer /home/deployer/.ssh/authorized_keys",
        (Look(inside("getent passwd deployer | cut -d: -f7"), "nologin$"),),
        subject="deployer",
    ),
    Case(
        "home-permissions",
        "user homer Tr7-kx.Q9z-hom; chmod 0777 /home/homer",
        (Look(inside("stat -c %a /home/homer"), "^7[0-7]0$"),),
        subject="/home/homer",
    ),
    Case(
        "home-directory-open",
        "user otto Tr7-kx.Q9z-ott; chmod 0755 /home/otto",
        (Look(inside("stat -c %a /home/otto; runuser -u nobody -- ls /home/otto"), r"(?s)\A7[0-5][01]\n.*denied"),),
        subject="/home/otto",
    ),
    Case(
        "authorized-keys-writable",
        "install -d -o webcam -g webcam -m 0700 /home/webcam/.ssh; cd /home/webcam/.ssh; "
        "cp /home/pi/.ssh/authorized_keys .; chown webcam:webcam authorized_keys; chmod 0666 authorized_keys; cd /",
        (Look(inside("stat -c '%a %U' /home/webcam/.ssh/authorized_keys"), "^644 webcam$|^600 webcam$"),),
        subject="/home/webcam/.ssh/authorized_keys",
    ),
)

# what is said to somebody without a key
_KNOCK = (
    "ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null webcam@127.0.0.1 true 2>&1"
    " | sed '/^Warning/d; /Permission denied/d'"
)

SESSIONS = (
    Case("shell-never-idles-out", "", (Look(login("bash -lc 'echo idle $TMOUT; TMOUT=0'"), "idle 900\n.*readonly"),)),
    Case("shell-umask-open", "", (Look(inside("env -i bash -lc umask"), "^0027$"),), subject="login shells"),
    Case(
        "shell-umask-open",
        "",
        (Look(inside("env -i bash -ic umask </dev/null"), "^0027$"),),
        subject="other shells",
    ),
    Case("core-dumps-kept", "", (Look(login("ulimit -Hc"), "^0$"),), subject="limits"),
    Case(
        "core-dumps-kept",
        r"printf '[Coredump]\nStorage=external\n' >/etc/systemd/coredump.conf",
        (
            Look(
                inside("systemd-analyze cat-config systemd/coredump.conf | grep -E '^(Storage|Process)' | tail -2"),
                "^Storage=none\nProcessSizeMax=0$",
            ),
        ),
        subject="systemd-coredump",
    ),
    Case(
        "login-screen-tells-system",
        "",
        (
            Look(
                inside("script -qec 'agetty --show-issue' /dev/null"),
                r"(?s)\A(?!.*(Debian|Linux)).*Authorized users only",
            ),
        ),
        subject="/etc/issue",
    ),
    Case(
        "login-screen-tells-system",
        "",
        # with ssh-no-banner
        (Look(inside(_KNOCK), r"(?s)\A(?!.*(Debian|Linux)).*Authorized users only"),),
        subject="/etc/issue.net",
    ),
)

CASES = (*ACCOUNTS, *SSH, *SUDOERS, *PAM, *SESSIONS)
