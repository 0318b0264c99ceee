"""The SSH server: its files as sshd reads them, and what `sshd -T` says of them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import replace

from thornwall.facts import sshd_config
from thornwall.facts.redact import PLAIN, TEXT
from thornwall.model.capture import Capture, FileRecord
from thornwall.model.fact import ABSENT, Fact, Known, Unknown
from thornwall.model.probe import Probe, Read, Redaction, Run
from thornwall.model.ssh import HostKey, Match, Setting, SshServer

NOTHING = Redaction("nothing", 'return "<redacted>"', strict=True)
_BINARIES = ("/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd")
_REMOVED = "/var/lib/dpkg/info/openssh-server.list"  # dpkg keeps it when a package is removed but not purged
_OPTIONS = ("/etc/default/ssh", "/etc/sysconfig/sshd")

# An address and names that nobody has: what is asked is what holds for a login that no Match block is about.
_PEER = "host=host.invalid,addr=203.0.113.7,laddr=203.0.113.1,lport=22"

# SetEnv and the arguments of commands may hold secrets
_COMMANDS = "forcecommand\\|authorizedkeyscommand\\|authorizedprincipalscommand"
_HIDE = f"sed -e '/^setenv /d' -e 's/^\\({_COMMANDS}\\) \\([^ ]*\\) .*/\\1 \\2/'"
_FOR_ROOT = f"said=$(sshd -T -C user=root,{_PEER}) || exit; printf '%s\\n' \"$said\" | {_HIDE}"

# The same for the first account of a person, whom Match User and Match Group can name: only where there may be a
# Match block, since each call costs a start of sshd. The words of the name are checked as -C separates by commas.
_FOR_A_USER = f"""
need=
for f in ./etc/ssh/sshd_config ./etc/ssh/sshd_config.d/*; do
    [ -r "$f" ] || continue
    while read -r key value; do
        case $key in
        [Mm][Aa][Tt][Cc][Hh]*) need=1 ;;
        [Ii][Nn][Cc][Ll][Uu][Dd][Ee]*) [ "$value" = '/etc/ssh/sshd_config.d/*.conf' ] || need=1 ;;
        esac
    done <"$f"
done
[ "$need" ] || exit 0
while IFS=: read -r user _ uid _ _ _ shell; do
    case $uid in ????|?????) ;; *) continue ;; esac
    case $uid in *[!0-9]*|65534) continue ;; esac
    case $shell in */nologin|*/false) continue ;; esac
    case $user in *[!a-zA-Z0-9_.-]*|'') continue ;; esac
    printf 'user %s\\n' "$user"
    said=$(sshd -T -C "user=$user,{_PEER}") || exit
    printf '%s\\n' "$said" | {_HIDE}
    exit
done <./etc/passwd
"""

PROBES: tuple[Probe, ...] = (
    Read(sshd_config.MAIN, TEXT),
    Read("/etc/ssh/sshd_config.d/*", TEXT),
    Read("/etc/crypto-policies/back-ends/opensshserver.config", TEXT),
    Read("/usr/share/crypto-policies/*/opensshserver.txt", TEXT),
    *(Read(path, TEXT) for path in _OPTIONS),
    *(Read(path, NOTHING, limit=0) for path in (*_BINARIES, _REMOVED)),
    Read("/etc/ssh/ssh_host_*_key", NOTHING, limit=0),
    Read("/etc/ssh/ssh_host_*_key.pub", PLAIN, limit=16_384),
    Run("sshd-T-root", _FOR_ROOT, shell=True, root=True),
    Run("sshd-T-user", _FOR_A_USER, shell=True, root=True),
)

# OpenSSH 9.2 to 10.0, by `sshd -T` on an empty file.
DEFAULTS = {
    "addressfamily": "any",
    "allowagentforwarding": "yes",
    "allowstreamlocalforwarding": "yes",
    "allowtcpforwarding": "yes",
    "authenticationmethods": "any",
    "authorizedkeyscommand": "none",
    "authorizedkeysfile": ".ssh/authorized_keys .ssh/authorized_keys2",
    "banner": "none",
    "chrootdirectory": "none",
    "clientalivecountmax": "3",
    "clientaliveinterval": "0",
    "compression": "yes",
    "disableforwarding": "no",
    "forcecommand": "none",
    "gatewayports": "no",
    "gssapiauthentication": "no",
    "hostbasedauthentication": "no",
    "ignorerhosts": "yes",
    "kbdinteractiveauthentication": "yes",
    "kerberosauthentication": "no",
    "logingracetime": "120",
    "loglevel": "INFO",
    "maxauthtries": "6",
    "maxsessions": "10",
    "maxstartups": "10:30:100",
    "passwordauthentication": "yes",
    "permitemptypasswords": "no",
    "permitrootlogin": "prohibit-password",
    "permittty": "yes",
    "permittunnel": "no",
    "permituserenvironment": "no",
    "permituserrc": "yes",
    "pubkeyauthentication": "yes",
    "requiredrsasize": "1024",
    "strictmodes": "yes",
    "tcpkeepalive": "yes",
    "trustedusercakeys": "none",
    "usedns": "no",
    "usepam": "no",
    "x11forwarding": "no",
}

_OPTION = re.compile(r"""-o[ \t]*["']?([A-Za-z0-9]+)[ \t]*=?[ \t]*([^ "']+)|-p[ \t]*(\d+)|-(f)[ \t]*\S""")
_PACKAGE = re.compile(r"^openssh-server\t(?:\d+:)?(\d+)\.(\d+)", re.MULTILINE)


def parse(capture: Capture) -> Fact[SshServer]:
    """Absent where no OpenSSH server is installed; Unknown where nothing tells how it is set up."""
    if not _installed(capture):
        return ABSENT
    reading = sshd_config.read(capture)
    options, other_file = _command_line(capture)
    if other_file is not None:
        reading.before_gap, reading.gap = 0, other_file
    told = _told(capture)
    alive = _alive(reading.matches)
    everyone = [match for match in alive if not match.conditions]
    matches = tuple(match for match in alive if match.conditions)
    chosen = _first([*options, *(setting for match in everyone for setting in match.settings.values())])
    settings = _first([*chosen.values(), *reading.certain])
    if reading.gap is not None:
        settings = {name: setting for name, setting in settings.items() if name not in sshd_config.LAST}
    else:
        for name, value in DEFAULTS.items():
            settings.setdefault(name, Setting(name, value))
    if other_file is None:
        in_matches = {name for match in matches for name in match.settings} if reading.gap is None else set()
        _overrule(settings, told, chosen.keys() | in_matches, certain_for_all=not matches)
    if reading.gap is not None and not settings and not told:
        return reading.gap
    return Known(
        SshServer(
            settings=settings,
            matches=matches,
            lines=(*options, *reading.lines),
            accumulated=_accumulated(options, reading, told),
            effective=_without(told, {setting.name for setting in options}) if other_file is None else {},
            host_keys=_host_keys(capture),
            gap=reading.gap,
            version=_version(capture),
        )
    )


def _installed(capture: Capture) -> bool:
    if any(path in capture.files for path in _BINARIES):
        return True
    return sshd_config.MAIN in capture.files and _REMOVED not in capture.files


def _first(settings: list[Setting]) -> dict[str, Setting]:
    chosen: dict[str, Setting] = {}
    for setting in settings:
        if setting.name in sshd_config.LAST:
            chosen[setting.name] = setting
        elif setting.name not in sshd_config.ACCUMULATE:
            chosen.setdefault(setting.name, setting)
    return chosen


def _alive(matches: list[Match]) -> list[Match]:
    """The blocks without what an earlier one has set for all the logins that they are about: the first value wins."""
    alive: list[Match] = []
    settled: set[tuple[str, frozenset[tuple[str, str]]]] = set()
    for match in matches:
        own = match.conditions
        each = own if len(own) <= sshd_config.DEPTH else ()  # nobody has more, but for taking our time
        wider = [frozenset[tuple[str, str]](), *(frozenset({one}) for one in each), own]
        settings = {
            name: setting
            for name, setting in match.settings.items()
            if not any((name, conditions) in settled for conditions in wider)
        }
        settled.update((name, own) for name in settings)
        if settings or not match.settings:
            alive.append(replace(match, settings=settings))
    return alive


def _without(told: Mapping[str, Mapping[str, str]], names: set[str]) -> dict[str, Mapping[str, str]]:
    """What `sshd -T` said, but for what the server's command line sets: `sshd -T` is run without it."""
    return {user: {name: value for name, value in values.items() if name not in names} for user, values in told.items()}


def _command_line(capture: Capture) -> tuple[list[Setting], Unknown | None]:
    """What SSHD_OPTS gives sshd on its command line, which goes before every file; and why the files do not count."""
    settings: list[Setting] = []
    for path in _OPTIONS:
        match capture.record(path):
            case Known(record):
                text = record.text
            case _:
                continue
        for number, line in enumerate(text.split("\n"), 1):
            name, _, value = line.strip().partition("=")
            if name not in {"SSHD_OPTS", "OPTIONS"}:
                continue
            for keyword, argument, port, other in _OPTION.findall(value):
                if other:
                    return settings, Unknown(f"{path} makes sshd read another file than {sshd_config.MAIN}")
                key = sshd_config.ALIASES.get(keyword.lower(), keyword.lower()) or "port"
                settings.append(Setting(key, sshd_config.normal(key, argument or port), path, number))
    return settings, None


def _told(capture: Capture) -> dict[str, Mapping[str, str]]:
    """What `sshd -T` said, by account."""
    told: dict[str, Mapping[str, str]] = {}
    for command in ("sshd-T-root", "sshd-T-user"):
        match capture.stdout(command):
            case Known(text):
                user, values = _effective(text, "root" if command == "sshd-T-root" else "")
                if user and values:
                    told[user] = values
            case _:
                pass
    return told


def _effective(text: str, user: str) -> tuple[str, dict[str, str]]:
    values: dict[str, str] = {}
    for line in text.split("\n"):
        name, _, value = line.partition(" ")
        if name == "user" and not user:
            user = value
        elif name and value and name not in values:
            values[name] = sshd_config.normal(name, value)
    return user, values if "port" in values else {}


def _overrule(
    settings: dict[str, Setting], told: Mapping[str, Mapping[str, str]], leave: set[str], *, certain_for_all: bool
) -> None:
    """Let `sshd -T` have the last word on everything that no Match block and no command line sets otherwise."""
    person = next((user for user in told if user != "root"), None)
    if person is None and not certain_for_all:
        return
    user = person or "root"
    for name, value in told.get(user, {}).items():
        if name in leave or name in sshd_config.ACCUMULATE:
            continue
        ours = settings.get(name)
        if ours is None or (ours.value != value and (ours.is_default or not name.endswith(_LISTS))):
            settings[name] = Setting(name, value, command="" if ours and ours.is_default else f"sshd -T -C user={user}")
        elif ours.value != value:  # a list that was given as a change (`+hmac-sha1`) of the default
            settings[name] = Setting(name, value, ours.file, ours.line)


_LISTS = ("algorithms", "ciphers", "macs")


def _accumulated(
    options: list[Setting], reading: sshd_config.Reading, told: Mapping[str, Mapping[str, str]]
) -> dict[str, tuple[Setting, ...]]:
    result: dict[str, list[Setting]] = {}
    ports = [setting for setting in options if setting.name == "port"]
    for setting in [*ports, *reading.lines]:
        if setting.name not in sshd_config.ACCUMULATE or (ports and setting.name == "port" and setting not in ports):
            continue
        values = setting.value.split(" ") if setting.name != "listenaddress" else [setting.value]
        result.setdefault(setting.name, []).extend(
            Setting(setting.name, value, setting.file, setting.line) for value in values
        )
    if reading.gap is not None:
        for user, effective in told.items():
            for name in sshd_config.ACCUMULATE & effective.keys() - {"port", "hostkey", "listenaddress"}:
                result.setdefault(name, [Setting(name, effective[name], command=f"sshd -T -C user={user}")])
    if "port" not in result:
        result["port"] = [Setting("port", next((values["port"] for values in told.values()), "22"))]
    return {name: tuple(values) for name, values in result.items()}


def _version(capture: Capture) -> tuple[int, int]:
    match capture.stdout("packages"):
        case Known(text):
            found = _PACKAGE.search(text, max(text.find("openssh-server\t"), 0))
            return (int(found[1][:4]), int(found[2][:4])) if found else (0, 0)
        case _:
            return (0, 0)


def _host_keys(capture: Capture) -> tuple[HostKey, ...]:
    return tuple(
        _host_key(record, capture.files.get(f"{path}.pub"))
        for path, record in sorted(capture.files.items())
        if path.startswith("/etc/ssh/ssh_host_") and path.endswith("_key")
    )


def _host_key(key: FileRecord, public: FileRecord | None) -> HostKey:
    kind, bits = "", 0
    fields = public.text.split(" ", 2) if public is not None else []
    if len(fields) >= 2:
        kind, bits = fields[0][:64], modulus_bits(fields[0], fields[1])
    return HostKey(key.path, kind, bits, key.mode, key.uid, key.gid, key.group)


def modulus_bits(kind: str, encoded: str) -> int:
    """The size of an RSA modulus or DSA prime in the base64 of a public key; 0 for other kinds and for nonsense."""
    place = {"ssh-rsa": 2, "ssh-dss": 1}.get(kind)
    if place is None:
        return 0
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return 0
    fields: list[bytes] = []
    while len(blob) >= 4 and len(fields) <= place:
        length = int.from_bytes(blob[:4])
        fields.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return int.from_bytes(fields[place]).bit_length() if len(fields) > place else 0
