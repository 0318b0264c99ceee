"""Configuration files of servers, line by line: which lines may leave the device, and what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator

from thornwall.model.probe import Redaction
from thornwall.model.servers import Directive

# settings whose value says how a server is guarded, and is no secret
_HARMLESS = (
    # cups, mosquitto, redis, postgresql, mysql
    "listen|port|browsing|browselocalprotocols|browseremoteprotocols|browseprotocols|listener|bind_address"
    "|allow_anonymous|password_file|acl_file|per_listener_settings|include_dir|includedir|protocol|cafile|certfile"
    "|require_certificate|bind|protected-mode|unixsocket|tls-port|bind-address|mysqlx-bind-address|skip-networking"
    "|skip-grant-tables|skip_networking|skip_grant_tables|require_secure_transport|listen_addresses|ssl"
    # influxdb, mongodb, memcached
    "|auth-enabled|https-enabled|http-bind-address|enabled|bindip|bindipall|authorization|net|security|-l|-u|-p"
    # samba, vsftpd
    "|guest ok|public|guest only|guest account|map to guest|path|read only|writable|writeable|interfaces"
    "|bind interfaces only|hosts allow|min protocol|server min protocol|smb encrypt|server smb encrypt|browseable"
    "|anonymous_enable|local_enable|write_enable|ssl_enable|anon_upload_enable|anon_mkdir_write_enable|listen_ipv6"
    "|listen_address|chroot_local_user"
    # snmpd, motion, wayvnc, resolved, mail, pi-hole
    "|agentaddress|stream_localhost|webcontrol_localhost|stream_port|webcontrol_port|stream_auth_method"
    "|webcontrol_auth_method|daemon|address|enable_auth|enable_pam|llmnr|multicastdns|inet_interfaces"
    "|dc_local_interfaces|dnsmasq_listening|listeningmode|webserver|api|dns"
)
# settings of which only that they are there, or empty, may be told
_GUARDS = (
    "requirepass|masterauth|user|aclfile|rpcauth|stream_authentication|webcontrol_authentication|webpassword|pwhash"
    "|password|valid users|# @admin_password|# @normal_password|rwuser|rouser|createuser|auth_plugin|plugin"
    "|rwcommunity6?|rocommunity6?|com2sec6?"
)

SETTINGS = Redaction(
    "settings",
    rf"""
    l = tolower(s)
    sub(/^[ \t]+/, "", l)
    if (l == "") return ""
    # one word in brackets names a section
    if (l ~ /^\[[a-z0-9$_.: -]+\][ \t\r]*$/) return s
    # the community strings that come from the factory are known to everybody
    if (l ~ /^(rw|ro)community6?[ \t]+(public|private)([ \t]|$)/) return s
    if (match(l, /^({_GUARDS})([ \t]*[=:][ \t]*|[ \t]+|$)/)) {{
        if (substr(l, RLENGTH + 1) ~ /^("")?[ \t\r]*$/) return l
        return substr(l, 1, RLENGTH) "<redacted>"
    }}
    if (l ~ /^({_HARMLESS})([ \t\r]*[=:]|[ \t\r]|$)/) {{
        sub(/[ \t]+[#;].*/, "", s)
        gsub(/[^ \t\/=:]*:[^ \t\/]*@/, "<redacted>@", s)
        return s
    }}
    return "<redacted>"
""",
)
"""For configuration that may hold passwords: an allow-list of settings; of the rest not even the name is sent."""

NODE_RED = Redaction(
    "nodered",
    r"""
    l = s
    sub(/^[ \t]+/, "", l)
    if (l ~ /^(\/\*|\*\/)/) return substr(l, 1, 2)
    if (match(l, /^(\/\/)?[ \t]*(adminAuth|uiHost|uiPort|httpNodeAuth|httpStaticAuth|requireHttps|https)[ \t]*:/)) {
        w = RLENGTH
        if (match(l, /^(\/\/)?[ \t]*(uiHost|uiPort|requireHttps)[ \t]*:[ \t]*[A-Za-z0-9_.:"\047| \t]*,/)) return substr(l, 1, RLENGTH)
        RLENGTH = w
        return substr(l, 1, RLENGTH)
    }
    if (index(l, "*/")) return "*/"
    return "<redacted>"
""",  # noqa: E501
)
"""Node-RED's settings.js: which of the settings about logins are there, not what they hold."""


_SECTION = re.compile(r"\s*\[([^\]]*)\]\s*")
_INI = re.compile(r"\s*([^=:]+?)\s*[=:]\s*(.*?)\s*")
_WORDS = re.compile(r"\s*(\S+)(?:\s+(.*?))?\s*")
_COMMENT = re.compile(r"\s+[#;].*")


def words(text: str, path: str) -> Iterator[Directive]:
    """`Name value` lines, as cups, mosquitto, redis, snmpd and motion have them; sections in angle brackets."""
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("<redacted>"):
            continue
        if stripped.startswith("<"):
            section = "" if stripped.startswith("</") else stripped.strip("<>").lower()
        elif stripped and not stripped.startswith(("#", ";")):
            match = _WORDS.fullmatch(stripped)
            if match:
                yield Directive(match[1].lower(), (match[2] or "").strip("\"'"), path, number, section)


def assignments(text: str, path: str) -> Iterator[Directive]:
    """`name = value` lines (or `name: value`), as ini files, postgresql, vsftpd, influxdb and mongod have them."""
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith(("#", ";", "<redacted>")):
            continue
        found = _SECTION.fullmatch(stripped)
        if found:
            section = found[1].strip().lower()
            continue
        match = _INI.fullmatch(_COMMENT.sub("", stripped))
        if match:
            yield Directive(match[1].lower(), match[2].strip("\"'"), path, number, section)
        else:  # a flag without a value, as `skip-networking`
            yield Directive(stripped.lower(), "", path, number, section)


def plain(text: str, path: str) -> Iterator[Directive]:
    """Lines as they are, named by their first word: pg_hba.conf, exports."""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            first, _, rest = stripped.partition(" ")
            if "\t" in first:
                first, _, more = first.partition("\t")
                rest = f"{more} {rest}"
            yield Directive(first, rest.strip(), path, number)


def javascript(text: str, path: str) -> Iterator[Directive]:
    """The settings of Node-RED that are not commented out."""
    comment = False
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("/*"):
            comment = True
        if not comment and stripped and not stripped.startswith(("//", "<redacted>", "*")):
            name, _, value = stripped.partition(":")
            yield Directive(name.strip().lower(), value.strip().rstrip(",").strip("\"'"), path, number)
        if "*/" in stripped:
            comment = False
