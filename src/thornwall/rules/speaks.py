"""What is usually spoken on a port, and what the program that listens is for."""

from __future__ import annotations

from thornwall.model.network import Socket
from thornwall.model.record import record


@record
class Speech:
    """A protocol: its name, what it is for (`Listener.role`), and whether it sends logins or data in the clear."""

    name: str = ""
    role: str = "other"
    plaintext: bool = False


_PORTS = {
    "tcp/20": Speech("FTP", "share", True),
    "tcp/21": Speech("FTP", "share", True),
    "tcp/22": Speech("SSH", "login"),
    "tcp/23": Speech("telnet", "login", True),
    "tcp/25": Speech("SMTP", "other", True),
    "tcp/53": Speech("DNS", "name", True),
    "udp/53": Speech("DNS", "name", True),
    "udp/67": Speech("DHCP", "other", True),
    "udp/68": Speech("DHCP", "other", True),
    "udp/546": Speech("DHCPv6", "other", True),
    "udp/69": Speech("TFTP", "share", True),
    "tcp/80": Speech("HTTP", "web", True),
    "tcp/110": Speech("POP3", "other", True),
    "tcp/111": Speech("RPC port mapper", "other", True),
    "udp/111": Speech("RPC port mapper", "other", True),
    "udp/123": Speech("NTP", "time"),
    "udp/137": Speech("NetBIOS", "name", True),
    "udp/138": Speech("NetBIOS", "name", True),
    "tcp/139": Speech("SMB", "share"),
    "tcp/143": Speech("IMAP", "other", True),
    "udp/161": Speech("SNMP", "other", True),
    "udp/323": Speech("chrony control", "time"),
    "tcp/443": Speech("HTTPS", "web"),
    "udp/443": Speech("HTTP/3", "web"),
    "tcp/445": Speech("SMB", "share"),
    "tcp/512": Speech("rexec", "login", True),
    "tcp/513": Speech("rlogin", "login", True),
    "tcp/514": Speech("rsh", "login", True),
    "udp/514": Speech("syslog", "other", True),
    "tcp/548": Speech("AFP", "share", True),
    "tcp/554": Speech("RTSP", "other", True),
    "tcp/631": Speech("IPP", "print", True),
    "udp/631": Speech("CUPS browsing", "discovery", True),
    "tcp/873": Speech("rsync", "share", True),
    "tcp/1880": Speech("Node-RED", "web", True),
    "tcp/1883": Speech("MQTT", "broker", True),
    "udp/1900": Speech("SSDP (UPnP)", "discovery", True),
    "tcp/2049": Speech("NFS", "share", True),
    "tcp/2375": Speech("Docker API", "login", True),
    "tcp/2376": Speech("Docker API with TLS", "login"),
    "tcp/3000": Speech("HTTP", "web", True),
    "tcp/3306": Speech("MySQL", "database", True),
    "tcp/3389": Speech("RDP", "login"),
    "tcp/5000": Speech("HTTP", "web", True),
    "udp/5353": Speech("multicast DNS", "discovery", True),
    "tcp/5355": Speech("LLMNR", "discovery", True),
    "udp/5355": Speech("LLMNR", "discovery", True),
    "tcp/5432": Speech("PostgreSQL", "database"),
    "tcp/5900": Speech("VNC", "login", True),
    "tcp/5901": Speech("VNC", "login", True),
    "tcp/6000": Speech("X11", "login", True),
    "tcp/6379": Speech("Redis", "database", True),
    "tcp/8000": Speech("HTTP", "web", True),
    "tcp/8080": Speech("HTTP", "web", True),
    "tcp/8081": Speech("HTTP", "web", True),
    "tcp/8086": Speech("InfluxDB", "database", True),
    "tcp/8123": Speech("Home Assistant", "web", True),
    "tcp/8443": Speech("HTTPS", "web"),
    "tcp/8554": Speech("RTSP", "other", True),
    "tcp/8883": Speech("MQTT with TLS", "broker"),
    "tcp/9090": Speech("Cockpit", "web"),
    "tcp/10000": Speech("Webmin", "web"),
    "tcp/11211": Speech("memcached", "database", True),
    "udp/11211": Speech("memcached", "database", True),
    "tcp/27017": Speech("MongoDB", "database", True),
    "udp/51820": Speech("WireGuard", "other"),
}

_PROGRAMS = {
    "sshd": _PORTS["tcp/22"],
    "avahi-daemon": _PORTS["udp/5353"],
    "cupsd": _PORTS["tcp/631"],
    "rpcbind": _PORTS["tcp/111"],
    "mosquitto": _PORTS["tcp/1883"],
    "mariadbd": _PORTS["tcp/3306"],
    "mysqld": _PORTS["tcp/3306"],
    "postgres": _PORTS["tcp/5432"],
    "redis-server": _PORTS["tcp/6379"],
    "mongod": _PORTS["tcp/27017"],
    "influxd": _PORTS["tcp/8086"],
    "smbd": _PORTS["tcp/445"],
    "nmbd": _PORTS["udp/137"],
    "dnsmasq": _PORTS["udp/53"],
    "chronyd": _PORTS["udp/323"],
    "ntpd": _PORTS["udp/123"],
    "ntpsec": _PORTS["udp/123"],
    "systemd-timesyn": _PORTS["udp/123"],
    "dhclient": _PORTS["udp/68"],
    "dhcpcd": _PORTS["udp/68"],
    "wayvnc": _PORTS["tcp/5900"],
    "dockerd": _PORTS["tcp/2375"],
}
_WEB = {"nginx", "apache2", "httpd", "lighttpd", "caddy"}


def speech(socket: Socket, tls: bool) -> Speech:
    """What is spoken there. `tls`: the web server's configuration says that it encrypts on that port."""
    if socket.program in _WEB and socket.protocol == "tcp":
        return _PORTS["tcp/443"] if tls or socket.port == 443 else _PORTS["tcp/80"]
    by_port = _PORTS.get(socket.name)
    by_program = _PROGRAMS.get(socket.program)
    if by_port and (by_program is None or by_port.role == by_program.role):
        return by_port
    return by_program or by_port or Speech()
