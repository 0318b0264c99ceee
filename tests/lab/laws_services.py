"""Cases of the laws: what listens, and how servers are set up. See laws.py."""

from .laws import Case, Look, inside, page


def switched_off(rule: str, plant: str, *units: str, port: str, subject: str = "") -> Case:
    """Units that systemctl calls masked and not active afterwards, and a port that nothing listens on."""
    kind, _, number = port.partition("/")
    shown = "; ".join(f"echo {unit}: $(systemctl is-enabled {unit}) $(systemctl is-active {unit})" for unit in units)
    listening = f"ss -{kind[0]}lnH sport = :{number}"
    mended = "".join(rf"{unit}: masked (inactive|failed)\n" for unit in units)
    return Case(rule, plant, (Look(inside(f"{shown}; {listening}; echo end"), rf"\A{mended}end"),), subject)


def _inetd(rule: str, line: str, port: str, *, last: bool = False) -> Case:
    """A line of inetd's. All its services go here, so that inetd itself does."""
    kind, _, number = port.partition("/")
    command = f"systemctl is-enabled inetd; ss -{kind[0]}lnH sport = :{number}; echo end"
    plant = f"printf '%s\\n' '{line}' >>/etc/inetd.conf" if line else ""
    plant += "; systemctl restart inetd" if last else ""
    return Case(rule, plant, (Look(inside(command), r"\Amasked\nend"),))


LISTENING = (
    _inetd("telnet-listening", "", "tcp/23"),
    _inetd("ftp-listening", "ftp stream tcp nowait root /bin/busybox ftpd /srv", "tcp/21"),
    _inetd("rsh-listening", "shell stream tcp nowait root /bin/busybox false", "tcp/514"),
    _inetd("tftp-listening", "tftp dgram udp wait root /bin/busybox tftpd /srv", "udp/69"),
    _inetd("small-services-listening", "daytime stream tcp nowait root internal", "tcp/13", last=True),
    switched_off("remote-desktop-listening", "stand_in xrdp xrdp tcp/3389", "xrdp", port="tcp/3389"),
    switched_off("remote-console-listening", "stand_in ttyd ttyd tcp/7681", "ttyd", port="tcp/7681"),
    switched_off("avahi-listening", "", "avahi-daemon", "avahi-daemon.socket", port="udp/5353"),
    switched_off("upnp-listening", "stand_in minidlna minidlnad udp/1900 tcp/8200", "minidlna", port="udp/1900"),
    switched_off("rpcbind-listening", "", "rpcbind", "rpcbind.socket", port="tcp/111"),
    switched_off("cups-listening", "", "cups", "cups.socket", "cups.path", port="tcp/631"),
    switched_off(
        "cups-browsed-listening", "stand_in cups-browsed cups-browsed udp/631", "cups-browsed", port="udp/631"
    ),
    switched_off("nfs-listening", "stand_in nfs-server nfsd tcp/2049", "nfs-server", port="tcp/2049"),
    switched_off("smb-listening", "stand_in smbd smbd tcp/445", "smbd", port="tcp/445"),
    switched_off(
        "rsync-listening",
        "printf '[photos]\\npath = /srv\\n' >/etc/rsyncd.conf; stand_in rsync rsync tcp/873",
        "rsync",
        port="tcp/873",
    ),
    switched_off("needless-service", "stand_in triggerhappy thd tcp/4711/127.0.0.1", "triggerhappy", port="tcp/4711"),
    switched_off(
        "snmp-default-community",
        "mkdir -p /etc/snmp; printf 'agentaddress udp:161\\nrocommunity public\\n' >/etc/snmp/snmpd.conf; "
        "stand_in snmpd snmpd udp/161",
        "snmpd",
        port="udp/161",
    ),
    switched_off(
        "samba-guest-share",
        "mkdir -p /etc/samba; printf '[global]\\n[photos]\\n  path = /srv\\n  guest ok = yes\\n' >/etc/samba/smb.conf",
        "smbd",
        port="tcp/445",
    ),
    switched_off("nfs-export-open", "echo '/srv *(rw,no_root_squash)' >/etc/exports", "nfs-server", port="tcp/2049"),
    switched_off(
        "vnc-without-password",
        "mkdir -p /etc/wayvnc; printf 'address=0.0.0.0\\nenable_auth=false\\n' >/etc/wayvnc/config; "
        "stand_in wayvnc wayvnc tcp/5900",
        "wayvnc",
        port="tcp/5900",
    ),
)

WEB = (
    Case(
        "web-directory-listing",
        "mkdir -p /var/www/html/files; cat >/etc/nginx/conf.d/files.conf <<'END'\n"
        "server {\n    listen 8088;\n    root /var/www/html;\n    location /files/ {\n        autoindex on;\n    }\n}\n"
        "END\nsystemctl reload nginx",
        (Look(inside("nginx -T 2>/dev/null | grep autoindex"), r"\A\s*autoindex off;\s*\Z"),),
    ),
    Case(
        "web-server-tells-version",
        "sed -i 's/^\\([ \\t]*\\)#* *server_tokens .*/\\1server_tokens on;/' /etc/nginx/nginx.conf; "
        "systemctl reload nginx",
        (Look(page("/"), "^200 nginx$"),),
    ),
)

CASES = (*LISTENING, *WEB)
