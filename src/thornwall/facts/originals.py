"""What a plan asks beyond an audit: which files are there, exactly, and whether this host may be changed now."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from thornwall.facts.originals_clean import CLEAN
from thornwall.model.capture import Capture
from thornwall.model.fact import Fact, Known, Unknown
from thornwall.model.originals import OTHER, Originals
from thornwall.model.probe import Probe, Run

PATHS: tuple[str, ...] = (
    # ways in
    "/etc/ssh/sshd_config",
    "/etc/ssh/sshd_config.d/*",
    "/etc/sudoers",
    "/etc/sudoers.d/*",
    "/etc/pam.d/*",
    "/usr/share/pam-configs/*",
    "/etc/security/*.conf",
    "/etc/security/*.d/*",
    "/etc/login.defs",
    "/etc/profile",
    "/etc/bash.bashrc",
    "/etc/profile.d/*",
    "/etc/shells",
    "/etc/securetty",
    "/etc/lightdm/*",
    "/etc/lightdm/lightdm.conf.d/*",
    "/etc/gdm3/*.conf",
    "/etc/gdm/*.conf",
    "/etc/sddm.conf",
    "/etc/sddm.conf.d/*",
    "/etc/greetd/*.toml",
    "/etc/doas.conf",
    "/etc/issue",
    "/etc/issue.net",
    "/etc/motd",
    # kernel and boot
    "/etc/sysctl.conf",
    "/etc/sysctl.d/*",
    "/run/sysctl.d/*",
    "/etc/modprobe.d/*",
    "/etc/udev/rules.d/*",
    "/etc/usbguard/*.conf",
    "/etc/usbguard/rules.d/*",
    "/etc/modules-load.d/*",
    "/etc/fstab",
    "/boot/*.txt",
    "/boot/firmware/*.txt",
    *(
        f"{boot}/{name}"
        for boot in ("/boot", "/boot/firmware")
        for name in (
            *("ssh", "userconf", "user-data", "network-config", "meta-data", "custom.toml", "firstrun.sh"),
            "wpa_supplicant.conf",
        )
    ),
    "/etc/cloud/cloud-init.disabled",
    # systemd
    "/etc/systemd/*.conf",
    "/etc/systemd/*.conf.d/*",
    "/etc/systemd/system/*",
    "/etc/systemd/system/*/*",
    "/etc/thornwall/first-start/*",
    # updates and jobs
    "/etc/apt/apt.conf",
    "/etc/apt/apt.conf.d/*",
    "/etc/default/*",
    "/etc/aide/aide.conf",
    "/etc/crontab",
    "/etc/cron.d/*",
    "/etc/cron.allow",
    "/etc/cron.deny",
    "/etc/at.allow",
    "/etc/at.deny",
    "/etc/logrotate.conf",
    "/etc/rsyslog.conf",
    "/etc/rsyslog.d/*",
    "/etc/audit/*.conf",
    "/etc/audit/rules.d/*",
    "/etc/dnf/*.conf",
    # network
    "/etc/hosts.allow",
    "/etc/hosts.deny",
    "/etc/nftables.conf",
    "/etc/ufw/*",
    "/etc/ufw/applications.d/*",
    "/etc/firewalld/*.conf",
    "/etc/fail2ban/*",
    "/etc/fail2ban/jail.d/*",
    "/etc/NetworkManager/*.conf",
    "/etc/NetworkManager/conf.d/*",
    "/etc/wpa_supplicant/*.conf",
    "/etc/bluetooth/*.conf",
    "/etc/dhcpcd.conf",
    "/etc/resolv.conf",
    # services
    "/etc/inetd.conf",
    "/etc/inetd.d/*",
    "/etc/xinetd.conf",
    "/etc/xinetd.d/*",
    "/etc/vsftpd.conf",
    "/etc/vsftpd/*.conf",
    "/etc/proftpd/*.conf",
    "/etc/mosquitto/*",
    "/etc/mosquitto/conf.d/*",
    "/etc/nginx/*",
    "/etc/nginx/*/*",
    "/etc/apache2/*",
    "/etc/apache2/*/*",
    "/etc/httpd/conf/*.conf",
    "/etc/httpd/conf.d/*",
    "/etc/lighttpd/*",
    "/etc/lighttpd/*/*",
    "/etc/avahi/*.conf",
    "/etc/cups/*.conf",
    "/etc/exim4/*",
    "/etc/postfix/main.cf",
    "/etc/samba/smb.conf",
    "/etc/snmp/*.conf",
    "/etc/redis/*.conf",
    "/etc/mysql/*.conf.d/*",
    "/etc/postgresql/*/*/*.conf",
    "/etc/postgresql/*/*/conf.d/*",
    "/etc/motion.conf",
    "/etc/motion/*.conf",
    "/etc/motion/conf.d/*",
    "/etc/memcached.conf",
    "/etc/exports",
    "/etc/rc.local",
)
"""What fixes may edit, replace or remove, as globs of sh (hidden files are left out)."""

_BOOT = ("config", "cmdline", "usercfg", "syscfg", "extraconfig", "distroconfig", "local")

EDITED: tuple[str, ...] = (
    *(path for path in PATHS if path.startswith(("/etc/ssh/", "/etc/sudoers", "/etc/pam.d/", "/etc/security/"))),
    *("/etc/login.defs", "/etc/profile", "/etc/bash.bashrc", "/etc/profile.d/*", "/etc/securetty"),
    *("/etc/issue", "/etc/issue.net", "/etc/motd", "/etc/lightdm/*.conf", "/etc/lightdm/lightdm.conf.d/*"),
    *("/etc/gdm3/*.conf", "/etc/gdm/*.conf", "/etc/sddm.conf", "/etc/sddm.conf.d/*", "/etc/greetd/*.toml"),
    *("/etc/doas.conf", "/etc/inetd.d/*", "/etc/vsftpd/*.conf", "/etc/httpd/conf/*.conf", "/etc/httpd/conf.d/*"),
    *("/etc/motion.conf", "/etc/motion/*.conf", "/etc/motion/conf.d/*", "/etc/postgresql/*/*/conf.d/*"),
    *("/etc/sysctl.conf", "/etc/sysctl.d/*", "/etc/modprobe.d/*", "/etc/udev/rules.d/*"),
    *("/etc/modules-load.d/*", "/etc/fstab"),
    *(f"{boot}/{name}.txt" for boot in ("/boot", "/boot/firmware") for name in _BOOT),
    *("/etc/systemd/*.conf", "/etc/systemd/*.conf.d/*", "/etc/systemd/system/*/*.conf"),
    *("/etc/apt/apt.conf", "/etc/apt/apt.conf.d/*", "/etc/default/*", "/etc/logrotate.conf", "/etc/cron.allow"),
    *("/etc/at.allow", "/etc/rsyslog.conf", "/etc/rsyslog.d/*", "/etc/audit/*.conf", "/etc/audit/rules.d/*"),
    *("/etc/dnf/*.conf", "/etc/hosts.allow", "/etc/hosts.deny", "/etc/nftables.conf", "/etc/ufw/*"),
    *("/etc/firewalld/*.conf", "/etc/fail2ban/jail.local", "/etc/fail2ban/jail.d/*", "/etc/bluetooth/*.conf"),
    *("/etc/NetworkManager/*.conf", "/etc/NetworkManager/conf.d/*", "/etc/dhcpcd.conf", "/etc/inetd.conf"),
    *("/etc/xinetd.conf", "/etc/xinetd.d/*", "/etc/vsftpd.conf", "/etc/proftpd/proftpd.conf"),
    *("/etc/mosquitto/*.conf", "/etc/mosquitto/conf.d/*.conf", "/etc/nginx/*.conf", "/etc/nginx/*/*"),
    *("/etc/apache2/*.conf", "/etc/apache2/*/*.conf", "/etc/lighttpd/*.conf", "/etc/lighttpd/*/*.conf"),
    *("/etc/avahi/*.conf", "/etc/cups/*.conf", "/etc/exim4/update-exim4.conf.conf", "/etc/postfix/main.cf"),
    *("/etc/samba/smb.conf", "/etc/redis/*.conf", "/etc/mysql/*.conf.d/*", "/etc/postgresql/*/*/*.conf"),
    *("/etc/memcached.conf", "/etc/exports", "/etc/usbguard/usbguard-daemon.conf", "/etc/aide/aide.conf"),
)
"""Of them, those whose lines are edited: they are sent byte for byte, comments too, but only those without a secret.

What an audit reads is cleansed line by line, and so can never be written back. Crontabs, units and programs are not
here: a command line hides secrets too well.
"""

_LISTED = r"""
nl='
'
root=$(pwd -P)
last='' was=''
inside() { # FOLDER: whether it is in this root: of a mounted one, a link must not lead to this machine's files
    [ "$root" = / ] && return
    [ "$1" = "$last" ] && return "$was"
    last=$1 was=1
    case $(cd -P "$1" 2>/dev/null && pwd -P)/ in "$root"/*) was=0 ;; esac
    return "$was"
}
files='' links=''
for f in @paths@; do
    case $f in *[!A-Za-z0-9_./@:+,%~=-]*) continue ;; esac
    [ -e "$f" ] || [ -L "$f" ] || continue
    if ! inside "${f%/*}"; then
        printf 'o %s\n' "$f"
    elif [ -L "$f" ]; then
        links=$links$nl$f
    elif [ -f "$f" ]; then
        files=$files$nl$f
    else
        printf 'o %s\n' "$f"
    fi
done
"""

_HASHES = r"""
set -f
IFS=$nl
# shellcheck disable=SC2086 # one path a line
{
    [ -z "$files" ] || { printf 'f %s\n' $files && sha256sum -- $files; }
    [ -z "$links" ] || { printf 'l %s\n' $links && stat -c '%N' -- $links; }
}
echo end
"""

_CONTENTS = r"""
[ -n "$files" ] || exit 0
set -f
IFS=$nl
# shellcheck disable=SC2086
clean=$(awk '@awk@' $files </dev/null)
# shellcheck disable=SC2086
[ -z "$clean" ] || { wc -c -- $clean && echo data && cat -- $clean; }
"""

_READINESS = r"""
root=$(pwd -P)
type='' options='' length=-1
while read -r _ at kind flags _; do # the mount that this root is on; the last of several at one place
    case ${root%/}/ in "${at%/}"/*) [ "${#at}" -lt "$length" ] || type=$kind options=$flags length=${#at} ;; esac
done </proc/self/mounts
printf 'root %s %s\n' "$type" "$options"
for d in ./var/lib ./var .; do # blocks free to all, their size, inodes in all and free
    [ -d "$d" ] && stat -f -c 'free %a %S %c %d' "$d" && break
done
for t in ./var/lib/thornwall/*/state/open ./var/lib/thornwall/*/state/undoing; do
    [ -e "$t" ] && printf 'open %s\n' "$t"
done
[ "$root" = / ] || exit 0
for f in lock-frontend lock; do
    inode=$(stat -c %i /var/lib/dpkg/$f 2>/dev/null) || continue
    while read -r _ _ _ _ pid place _; do
        [ "${place##*:}" = "$inode" ] || continue
        for fd in /proc/"$pid"/fd/*; do # an inode has its number for itself on its own disk only
            [ "$fd" -ef /var/lib/dpkg/$f ] || continue
            read -r name </proc/"$pid"/comm
            printf 'dpkg %s %s\n' "$pid" "$name"
            break
        done
    done </proc/locks
done
# sudo clears the environment: who called us still has it
pid=$$ above=''
while [ "${pid:-0}" -gt 1 ] && read -r line </proc/"$pid"/stat; do
    above="$above /proc/$pid/environ"
    # shellcheck disable=SC2086
    set -- ${line##*) } # a program's name may hold anything
    pid=$2
done
# shellcheck disable=SC2086
cat $above 2>/dev/null | tr '\0' '\n' | while IFS= read -r line; do
    case $line in SSH_CONNECTION=*) ;; *) continue ;; esac
    printf 'ssh %s\n' "${line#*=}"
    line=${line#*=}
    peer=${line%% *}
    case $peer in
        '' | *[!0-9a-fA-F.:]*) ;;
        *) ip -o route get "$peer" 2>/dev/null | { read -r line && printf 'route %s\n' "$line"; } ;;
    esac
    break
done
exit 0
"""


def _listed(paths: tuple[str, ...]) -> str:
    """The script's part that finds the files: `files` and `links`, one a line; of what is neither it tells."""
    return _LISTED.replace("@paths@", " ".join(f".{path}" for path in paths))


PROBES: tuple[Probe, ...] = (
    Run("original-hashes", _listed(PATHS) + _HASHES, seconds=10, shell=True, live=False),
    Run(
        "original-contents",
        _listed(EDITED) + _CONTENTS.replace("@awk@", CLEAN),
        seconds=10,
        shell=True,
        live=False,
    ),
    Run("readiness", _READINESS, shell=True, live=False),
    Run("pending-reload", "systemctl show --property=Id --property=NeedDaemonReload '*'", beside=True),
)

_HASH = re.compile(r"^([0-9a-f]{64}) [ *]\.(/\S+)$", re.MULTILINE)
_SIZE = re.compile(r"^ *(\d{1,7}) \.(/\S+)$", re.MULTILINE)
_LINK = re.compile(r"^'\.(/\S+)' -> '([A-Za-z0-9_./@:+,%~=-]+)'$", re.MULTILINE)
_SEEN = re.compile(r"^[flo] \.(/\S+)$", re.MULTILINE)
_OPEN = re.compile(r"^open \./var/lib/thornwall/([A-Za-z0-9._-]+)/state/", re.MULTILINE)
_RELOAD = re.compile(r"^Id=(.+)\nNeedDaemonReload=yes$", re.MULTILINE)
_DEVICE = re.compile(r"^route .*?\bdev ([A-Za-z0-9_.@:-]{1,32})(?: |$)", re.MULTILINE)


def parse(capture: Capture) -> Fact[Originals]:
    """Unknown where the capture was not made for planning, or not as root: then nothing may be planned from it."""
    if not capture.root:
        return Unknown("what is on the host was not read as root", "let thornwall use sudo (--ask-sudo-pass)")
    match capture.stdout("original-hashes"), capture.stdout("readiness"):
        case Known(hashes), Known(readiness) if hashes.endswith("end\n"):
            return Known(_originals(capture, hashes, readiness))
        case Known(), Known():
            return Unknown("the files to be changed could not all be read")
        case Unknown() as unknown, _:
            return unknown
        case _, Unknown() as unknown:
            return unknown
        case _:
            return Unknown("the host has no shell to ask")


def _originals(capture: Capture, hashes: str, readiness: str) -> Originals:
    # what is there and has neither a hash nor a plain target must not pass for absent
    found = dict.fromkeys(_SEEN.findall(hashes), OTHER)
    found |= {path: digest for digest, path in _HASH.findall(hashes) if path in found}
    found |= {path: f"link:{target}" for path, target in _LINK.findall(hashes) if path in found}
    root_type, _, options = _said(readiness, "root").partition(" ")
    free_kib, free_inodes = _free(_said(readiness, "free"))
    connection = tuple(_connection(_said(readiness, "ssh")))
    device = _DEVICE.search(readiness)
    scope = connection[0].partition("%")[2] if connection else ""
    open_transaction = _OPEN.search(readiness)
    return Originals(
        hashes=found,
        contents=dict(_contents(capture)),
        asked=PATHS,
        root_type=root_type,
        read_only="ro" in options.split(","),
        free_kib=free_kib,
        free_inodes=free_inodes,
        dpkg_locked=_said(readiness, "dpkg"),
        open_transaction=open_transaction[1] if open_transaction else "",
        pending_reload=_pending(capture),
        ssh_connection=connection,
        route_interface=scope or (device[1] if device and connection else ""),
    )


def _contents(capture: Capture) -> Iterator[tuple[str, bytes]]:
    match capture.command("original-contents"):
        case Known(result):
            head, _, data = result.stdout.partition(b"\ndata\n")
            sizes = [(path, int(size)) for size, path in _SIZE.findall(head.decode("utf-8", "replace"))]
        case _:
            return
    for path, size in sizes:
        yield path, data[:size]
        data = data[size:]


def _said(text: str, word: str) -> str:
    return next((line[len(word) + 1 :] for line in text.splitlines() if line.startswith(f"{word} ")), "")


def _free(text: str) -> tuple[int, int]:
    """KiB and inodes; file systems such as btrfs have no limit of inodes, and say 0."""
    fields = text.split()
    if len(fields) != 4 or not all(field.isascii() and field.isdigit() for field in fields):
        return -1, -1
    blocks, size, inodes, free_inodes = map(int, fields)
    return blocks * size // 1024, free_inodes if inodes else -1


def _connection(text: str) -> Iterator[str]:
    """The four words of SSH_CONNECTION, only if they are what sshd writes: whose environment it is, could say more."""
    fields = text.split()
    try:
        peer, peer_port, own, port = fields
        addresses = [ipaddress.ip_address(address) for address in (peer, own)]
    except ValueError:
        return
    if all(number.isascii() and number.isdigit() and 0 < int(number) < 65_536 for number in (peer_port, port)):
        yield from (str(addresses[0]), peer_port, str(addresses[1]), port)


def _pending(capture: Capture) -> tuple[str, ...]:
    match capture.command("pending-reload"):
        case Known(result):
            return tuple(sorted(set(_RELOAD.findall(result.text))))
        case _:
            return ()
