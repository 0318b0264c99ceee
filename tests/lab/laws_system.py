"""Cases of the laws: logs, jobs, files, the boot partition, radios, the kernel. See laws.py."""

from .laws import Case, Look, inside


def mode(rule: str, plant: str, path: str, mended: str, *, subject: str | None = None) -> Case:
    """A path, and what stat says of it afterwards (`644 root:root`)."""
    look = Look(inside(f"stat -c '%a %U:%G' {path}"), mended)
    return Case(rule, plant, (look,), path if subject is None else subject)


def _sysctl(rule: str, settings: str, *mended: str) -> Case:
    """Settings (`name=value`), now and at boot, and what `sysctl` and a whole look at the files say afterwards."""
    plant = f"for s in {settings}; do sysctl -qw $s; echo $s >>/etc/sysctl.d/60-laws.conf; done"
    names = [each.partition("=")[0] for each in settings.split()]
    # as at boot: the last file by name wins
    at_boot = "; ".join(
        f"systemd-analyze cat-config sysctl.d | sed -n 's/^{name.replace('.', '[./]')} *= */{name} at boot /p'"
        " | tail -1"
        for name in names
    )
    return Case(
        rule,
        plant,
        (
            Look(inside(f"sysctl {' '.join(names)}"), "".join(f"^{each.replace('=', ' = ')}\n?" for each in mended)),
            Look(inside(at_boot), "".join(f"^{each.replace('=', ' at boot ')}\n?" for each in mended)),
        ),
    )


LOGS = (
    Case(
        "volatile-journal",
        "",  # planted
        (
            Look(
                inside("systemd-analyze cat-config systemd/journald.conf | grep '^Storage=' | tail -1"),
                "^Storage=persistent$",
            ),
            Look(inside("journalctl --header | grep '^File path:' | head -1 | cut -d/ -f1-4"), ": /var/log/journal$"),
        ),
    ),
    mode(
        "log-files-open-to-others",
        "touch /var/log/auth.log; chmod 0666 /var/log/auth.log",
        "/var/log/auth.log",
        "^660 ",
    ),
)

JOBS = (
    mode("cron-runs-writable-script", "", "/usr/local/bin/sync-photos.sh", "^7[0-7]5 root:root", subject=""),
    Case(
        "unit-runs-writable-script",
        "mkdir -p /opt/photoframe; printf '#!/bin/sh\\nexec sleep 3600\\n' >/opt/photoframe/run; "
        "chmod 0777 /opt/photoframe/run; "
        "printf '[Service]\\nExecStart=/opt/photoframe/run\\n[Install]\\nWantedBy=multi-user.target\\n' "
        '>/etc/systemd/system/photoframe.service; systemctl enable -q photoframe; starts="$starts photoframe.service"',
        (Look(inside("stat -c '%a %U' /opt/photoframe/run"), "^7[57]5 root"),),
    ),
    mode("unit-runs-writable-file", "", "/opt/photoframe/run", "^7[57]5 root:root$", subject=""),
    mode(
        "cron-file-writable",
        "printf '0 3 * * * root true\\n' >/etc/cron.d/nightly; chmod 0666 /etc/cron.d/nightly",
        "/etc/cron.d/nightly",
        "^644 root:root$",
    ),
    Case(
        "cron-path-unsafe",
        "mkdir -p /opt/tools; chmod 0777 /opt/tools; printf 'PATH=/opt/tools:/usr/bin:/bin\\n0 4 * * * root true\\n' "
        ">/etc/cron.d/tools",
        (Look(inside("stat -c %a /opt/tools"), "^775$|^755$"),),
    ),
    Case(
        "cron-open-to-all",
        "",
        (
            Look(inside("runuser -u nobody -- crontab -l"), "not allowed"),
            Look(
                inside("runuser -u pi -- crontab -l; cat /etc/cron.allow"), "(?s)no crontab for pi.*^pi$", undone=False
            ),
        ),
        subject="cron",
    ),
)

FILES = (
    mode("world-writable-in-etc", "", "/etc/motion.conf", "^664 |^644 "),
    mode(
        "world-writable-file",
        "mkdir -p /opt/frames; echo x >/opt/frames/list; chmod 0666 /opt/frames/list",
        "/opt/frames/list",
        "^664 ",
    ),
    mode("world-writable-directory", "mkdir -p /opt/drop; chmod 0777 /opt/drop", "/opt/drop", "^1777 "),
    mode(
        "unexpected-setuid",
        "cp /bin/true /usr/local/bin/helper; chmod 4755 /usr/local/bin/helper",
        "/usr/local/bin/helper",
        "^755 ",
    ),
    mode(
        "sensitive-file-mode",
        "mkdir -p /etc/ssl/private; echo key >/etc/ssl/private/web.key; chmod 0755 /etc/ssl/private; "
        "chmod 0644 /etc/ssl/private/web.key",
        "/etc/ssl/private/web.key",
        "^600 ",
    ),
    mode(
        "system-file-not-roots",
        "printf '#!/bin/sh\\n' >/usr/local/sbin/nightly; chmod 0755 /usr/local/sbin/nightly; "
        "chown pi:pi /usr/local/sbin/nightly",
        "/usr/local/sbin/nightly",
        "^755 root:root$",
    ),
    Case(
        "mount-options-missing",
        "",
        (Look(inside("findmnt --fstab -no OPTIONS /dev/shm; findmnt --verify | tail -1"), "noexec"),),
        subject="/dev/shm",
        awaits=True,
    ),
    mode("root-config-readable", "", "/etc/cron.daily", "^700 root:root$"),
    mode("root-config-readable", "", "/etc/ssh/sshd_config", "^600 root:root$"),
    mode(
        "backup-open-to-others",
        "head -c 4096 /dev/zero >/srv/pi.img; chmod 0644 /srv/pi.img",
        "/srv/pi.img",
        "^600 root:root$",
    ),
)

BOOT = (
    Case(
        "serial-console-open",
        "printf '[all]\\nenable_uart=1\\n' >>/boot/firmware/config.txt",
        (Look(inside("grep -c console=serial /boot/firmware/cmdline.txt"), "^0$"),),
    ),
    Case(
        "boot-seed-secrets-left",
        "printf 'pi:$6$abc$defghijklmnopqrstuvwxyz\\n' >/boot/firmware/userconf.txt",
        (Look(inside("ls /boot/firmware/userconf.txt"), "No such file"),),
    ),
    Case(
        "ssh-boot-flag",
        "stand_in sshswitch sshswitch tcp/4712/127.0.0.1",
        (Look(inside("systemctl is-enabled sshswitch"), "^masked$"),),
    ),
    Case(
        "usb-gadget-on",
        "sed -i 's/$/ modules-load=dwc2,g_ether/' /boot/firmware/cmdline.txt",
        (Look(inside("grep -c g_ether /boot/firmware/cmdline.txt"), "^0$"),),
    ),
    Case(
        "autologin-console",
        "mkdir -p /etc/systemd/system/getty@tty1.service.d; printf '[Service]\\nExecStart=\\n"
        "ExecStart=-/sbin/agetty --autologin pi --noclear %%I $TERM\\n' "
        ">/etc/systemd/system/getty@tty1.service.d/autologin.conf",
        (Look(inside("systemctl cat getty@tty1.service | grep -c -e --autologin"), "^0$"),),
    ),
    Case(
        "autologin-desktop",
        "mkdir -p /etc/lightdm; printf '[Seat:*]\\nautologin-user=pi\\n' >/etc/lightdm/lightdm.conf",
        (Look(inside("grep -c ^autologin-user /etc/lightdm/lightdm.conf"), "^0$"),),
    ),
    Case(
        "root-shell-at-boot",
        "systemctl enable -q debug-shell.service",
        (Look(inside("systemctl is-enabled debug-shell.service"), "^masked$"),),
    ),
)

RADIOS = (
    Case(
        "bluetooth-on",
        "",
        (
            Look(inside("systemctl is-enabled bluetooth"), "^masked$"),
            Look(inside("grep -B1 disable-bt /boot/firmware/config.txt"), r"^\[all\]\ndtoverlay=disable-bt$"),
        ),
    ),
    Case("wifi-on", "", (Look(inside("systemctl is-enabled wpa_supplicant"), "^masked$"),)),
    mode(
        "wifi-key-readable",
        'mkdir -p /etc/wpa_supplicant; printf \'network={\\n ssid="home"\\n psk="correct horse"\\n}\\n\' '
        ">/etc/wpa_supplicant/wpa_supplicant.conf; chmod 0644 /etc/wpa_supplicant/wpa_supplicant.conf",
        "/etc/wpa_supplicant/wpa_supplicant.conf",
        "^6[04]0 ",
    ),
)

KERNEL = (
    _sysctl(
        "rp-filter-off",
        "net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0",
        "net.ipv4.conf.all.rp_filter=2",
    ),
    _sysctl(
        "icmp-redirects-accepted",
        "net.ipv4.conf.all.accept_redirects=1 net.ipv6.conf.all.accept_redirects=1",
        "net.ipv4.conf.all.accept_redirects=0",
        "net.ipv6.conf.all.accept_redirects=0",
    ),
    _sysctl(
        "source-routing-accepted",
        "net.ipv4.conf.all.accept_source_route=1",
        "net.ipv4.conf.all.accept_source_route=0",
    ),
    _sysctl("syncookies-off", "net.ipv4.tcp_syncookies=0", "net.ipv4.tcp_syncookies=1"),
    _sysctl(
        "broadcast-pings-answered",
        "net.ipv4.icmp_echo_ignore_broadcasts=0",
        "net.ipv4.icmp_echo_ignore_broadcasts=1",
    ),
    _sysctl("icmp-redirects-sent", "net.ipv4.conf.all.send_redirects=1", "net.ipv4.conf.all.send_redirects=0"),
    Case(
        "kernel-settings-unpinned",
        "",
        (
            Look(
                inside("systemd-analyze cat-config sysctl.d | grep icmp_ignore_bogus_error_responses"),
                "^net.ipv4.icmp_ignore_bogus_error_responses = 1$",
            ),
        ),
    ),
    _sysctl("martians-unlogged", "net.ipv4.conf.all.log_martians=0", "net.ipv4.conf.all.log_martians=1"),
    _sysctl("ip-forwarding-on", "net.ipv4.ip_forward=1", "net.ipv4.ip_forward=0"),
    *(
        Case(rule, "", (Look(inside(f"modprobe -c | grep '^install {name} '"), "^install .* /bin/false"),))
        for rule, name in (
            ("usb-storage-allowed", "usb_storage"),
            ("rare-network-protocols", "dccp"),
            ("rare-filesystems", "hfsplus"),
            ("firewire-allowed", "firewire_core"),
        )
    ),
)

CASES = (*LOGS, *JOBS, *FILES, *BOOT, *RADIOS, *KERNEL)
