"""Packet filters: what the kernel has now, and what is set up at boot.

The running rules come from nft; rules that came there through iptables are asked of iptables-save, which knows its
own extensions. What is set up at boot is told by files, so that a mounted root gives the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from thornwall.facts import firewall_iptables, firewall_nft, firewall_text
from thornwall.facts.firewall_draft import SERVICES, Draft, port_range
from thornwall.facts.redact import PLAIN, TEXT
from thornwall.facts.redact_commands import SCRIPT
from thornwall.facts.services import started_by
from thornwall.model.capture import Capture
from thornwall.model.fact import Absent, Fact, Known, Unknown
from thornwall.model.firewall import Chain, FilterRule, Firewall, Keeper, Ruleset
from thornwall.model.probe import Probe, Read, Redaction, Run

# What people wrote to a rule stays on the device: comments, prefixes of log lines, what packets are searched for.
# nft and iptables put it into double quotes, and iptables also without where it is one word.
_NFT = r"""
command -v nft >/dev/null 2>&1 || exit 127
said=$(nft --json list ruleset) || exit
exec sed 's/"\(comment\|prefix\)": *"\([^"\\]\|\\.\)*"/"\1": "<redacted>"/g' <<END
$said
END
"""
_IPTABLES = r"""
command -v iptables-save >/dev/null 2>&1 || exit 127
said=$(
printf '# family ip\n'
iptables-save || exit 1
printf '# family ip6\n'
command -v ip6tables-save >/dev/null 2>&1 && ip6tables-save
for family in '' 6; do
  read -r _ <"/proc/net/ip${family}_tables_names" || continue
  printf '# legacy ip%s\n' "$family"
  "ip${family}tables-legacy-save"
done 2>/dev/null
exit 0
) || exit 1
exec sed 's/ --\([a-z]*-\{0,1\}prefix\|comment\|string\|hex-string\) \("\([^"\\]\|\\.\)*"\|[^" ][^ ]*\)/ --\1 "<redacted>"/g' <<END
$said
END
"""  # noqa: E501
_UFW = ("before", "user", "after")
_SCRIPTS = ("/etc/network/interfaces", "/etc/rc.local")

IPTABLES = Redaction(
    "iptables",
    r"""
    if (s ~ /^#/) return "#"
    gsub(/--(comment|string|hex-string|[a-z]*-?prefix)[ \t]+("([^"\\]|\\.)*"|[^" \t]+)/, "--comment <redacted>", s)
    return s
""",
)
"""For saved rules: no comments, and not the words that packets are searched for."""

PROBES: tuple[Probe, ...] = (
    Run("nft", _NFT, shell=True, root=True),
    Run("iptables", _IPTABLES, shell=True, root=True),
    Read("/etc/ufw/ufw.conf", PLAIN),
    Read("/etc/default/ufw", PLAIN),
    *(Read(f"/etc/ufw/{name}{family}.rules", PLAIN) for name in _UFW for family in ("", "6")),
    Read("/etc/nftables.conf", TEXT),
    *(Read(f"/etc/nftables{folder}", TEXT) for folder in ("/*.nft", "/*.conf", ".d/*.nft", ".d/*.conf")),
    Read("/etc/sysconfig/nftables.conf", TEXT),
    Read("/etc/iptables/rules.v4", IPTABLES),
    Read("/etc/iptables/rules.v6", IPTABLES),
    Read("/etc/firewalld/firewalld.conf", PLAIN),
    Read("/etc/firewalld/zones/*.xml", PLAIN),
    *(Read(f"/usr/lib/firewalld/zones/{zone}.xml", PLAIN) for zone in ("public", "FedoraServer", "FedoraWorkstation")),
    *(Read(path, SCRIPT) for path in _SCRIPTS),
    Read("/etc/network/if-pre-up.d/*", SCRIPT),
    Read("/etc/network/if-up.d/*", SCRIPT),
)

_LOADS = re.compile(
    r"^(?!\s*#)[^#\n]*\b(?:ip6?tables(?:-legacy|-nft)?-restore|ip6?tables\s+-[AIP]|nft\s+(?:-f|add))\b", re.MULTILINE
)
_ASSIGNMENT = re.compile(r'^\s*([A-Za-z_]+)\s*=\s*"?([^"\n#]*?)"?\s*$')
_FAMILY = re.compile(r"^# (family|legacy) (ip6?)$", re.MULTILINE)


def parse(capture: Capture) -> Fact[Firewall]:
    """Always Known; its parts say for themselves what could not be read."""
    keepers = (_ufw(capture), _nftables(capture), _persistent(capture), _firewalld(capture), *_scripts(capture))
    return Known(Firewall(_running(capture), tuple(keeper for keeper in keepers if keeper is not None)))


def _running(capture: Capture) -> Fact[Ruleset]:
    said, also = capture.stdout("nft"), capture.stdout("iptables")
    theirs, known = _saved(also.value) if isinstance(also, Known) else ((), set())
    chains: tuple[Chain, ...] = ()
    match said:
        case Known(text):
            answer = firewall_nft.read(text, known)
            if answer is None:
                return Unknown("the answer of nft was not understood")
            chains, foreign, there = answer
            if foreign and isinstance(also, Unknown):
                return also
            # iptables-save names built-in chains that nobody has made yet
            theirs = tuple(each for each in theirs if each.rules or _is_there(each, known, there))
        case Unknown() if not isinstance(also, Known):
            return said
        case Absent() if isinstance(also, Unknown):
            return also
        case _:
            pass
    return Known(Ruleset((*chains, *theirs), "nft list ruleset" if isinstance(said, Known) else "iptables-save"))


def _is_there(chain: Chain, known: set[tuple[str, str]], there: frozenset[tuple[str, str, str]]) -> bool:
    return (chain.family, chain.table) not in known or (chain.family, chain.table, chain.name) in there


def _saved(text: str) -> tuple[tuple[Chain, ...], set[tuple[str, str]]]:
    """What iptables-save and its siblings say, each part behind a line that names its family.

    Also the tables (family, name) that nft shows too, because this iptables works through nf_tables.
    """
    parts = _FAMILY.split(text)
    found: list[Chain] = []
    known: set[tuple[str, str]] = set()
    for kind, family, part in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        chains = firewall_iptables.chains(part, family)
        found += chains
        if kind == "family" and ("nf_tables" in part or "-nft-" in part or "xtables-save" in part):
            known |= {(chain.family, chain.table) for chain in chains}
    return tuple(found), known


def _settings(capture: Capture, path: str) -> dict[str, tuple[str, int, str]]:
    """`NAME=value` lines: name -> value, line number, the line."""
    match capture.read(path):
        case Known(text):
            found = ((_ASSIGNMENT.match(line), number, line) for number, line in enumerate(text.splitlines(), 1))
            return {match[1]: (match[2], number, line) for match, number, line in found if match}
        case _:
            return {}


def _ufw(capture: Capture) -> Keeper | None:
    path = "/etc/ufw/ufw.conf"
    settings = _settings(capture, path)
    if "ENABLED" not in settings:
        return None
    value, line, text = settings["ENABLED"]
    on = value.strip().lower() == "yes"
    return Keeper(
        "ufw",
        on and bool(started_by(capture, "ufw.service")),
        _ufw_rules(capture) if on else Known(Ruleset()),
        path,
        line,
        text,
        settings.get("LOGLEVEL", ("", 0, ""))[0].strip().lower(),
    )


def _ufw_rules(capture: Capture) -> Fact[Ruleset]:
    """The chains of its files, tied together as ufw-init does it."""
    defaults = _settings(capture, "/etc/default/ufw")
    accepts = defaults.get("DEFAULT_INPUT_POLICY", ("DROP", 0, ""))[0].upper() == "ACCEPT"
    ipv6 = defaults.get("IPV6", ("yes", 0, ""))[0].lower() != "no"
    chains: list[Chain] = []
    for family, suffix in (("ip", ""), ("ip6", "6")) if ipv6 else (("ip", ""),):
        for name in _UFW:
            path = f"/etc/ufw/{name}{suffix}.rules"
            match capture.read(path):
                case Known(text):
                    chains += firewall_iptables.chains(text, family, path)
                case Unknown() as unknown:
                    return unknown
                case Absent():
                    continue
        names = {chain.name for chain in chains if chain.family == family}
        ways = (f"ufw{suffix}-before-input", f"ufw{suffix}-user-input", f"ufw{suffix}-after-input")
        jumps = tuple(FilterRule(f"-j {way}", "jump", way) for way in ways if way in names)
        verdict = "accept" if accepts else "drop"
        chains.append(Chain("INPUT", "filter", family, jumps, "input", "filter", 0, verdict))
        # chains that ufw makes itself
        skip = f"ufw{suffix}-skip-to-policy-input"
        chains.append(Chain(skip, "filter", family, (FilterRule(f"-j {verdict.upper()}", verdict),)))
        for name in ("ufw{}-logging-deny", "ufw{}-logging-allow", "ufw{}-user-limit-accept"):
            if name.format(suffix) not in names:
                chains.append(Chain(name.format(suffix), "filter", family))
    return Known(Ruleset(tuple(chains), "/etc/ufw"))


def _nftables(capture: Capture) -> Keeper | None:
    path = next((each for each in ("/etc/nftables.conf", "/etc/sysconfig/nftables.conf") if each in capture.files), "")
    if not path:
        return None
    link = started_by(capture, "nftables.service")
    return Keeper("nftables", bool(link), _nft_file(capture, path), link or path)


def _nft_file(capture: Capture, path: str) -> Fact[Ruleset]:
    missing: list[str] = []

    def include(pattern: str) -> Iterator[tuple[str, str]]:
        pattern = pattern if pattern.startswith("/") else f"/etc/{pattern.removeprefix('./')}"
        matching = [path for path, _ in capture.glob(pattern)]
        if not matching and not re.search(r"[*?\[]", pattern):
            missing.append(pattern)
        for each in matching:
            match capture.read(each):
                case Known(text):
                    yield each, text
                case _:
                    missing.append(each)

    match capture.read(path):
        case Known(text):
            chains = firewall_text.read(text, path, include)
            if missing:
                return Unknown(f"{path} includes {missing[0]}, which was not read")
            return Known(Ruleset(chains, path))
        case other:
            return other


def _persistent(capture: Capture) -> Keeper | None:
    paths = (("ip", "/etc/iptables/rules.v4"), ("ip6", "/etc/iptables/rules.v6"))
    if not any(path in capture.files for _, path in paths):
        return None
    chains: list[Chain] = []
    link = started_by(capture, "netfilter-persistent.service")
    for family, path in paths:
        match capture.read(path):
            case Known(text):
                chains += firewall_iptables.chains(text, family, path)
            case Unknown() as unknown:
                return Keeper("netfilter-persistent", bool(link), unknown, link or path)
            case Absent():
                continue
    return Keeper("netfilter-persistent", bool(link), Known(Ruleset(tuple(chains), paths[0][1])), link or paths[0][1])


_ZONE_TARGET = re.compile(r"<zone\b[^>]*\btarget=\"([^\"]*)\"")
_ZONE_SERVICE = re.compile(r"<service\b[^>]*\bname=\"([^\"]*)\"")
_ZONE_PORT = re.compile(r"<port\b[^>]*/>")
_ZONE_SERVICES = SERVICES | {"cockpit": 9090, "samba-client": 137}


def _firewalld(capture: Capture) -> Keeper | None:
    path = "/etc/firewalld/firewalld.conf"
    if path not in capture.files:
        return None
    settings = _settings(capture, path)
    zone = settings.get("DefaultZone", ("public", 0, ""))[0]
    link = started_by(capture, "firewalld.service")
    ruleset: Fact[Ruleset] = Unknown(f"the zone {zone} of firewalld was not read")
    for folder in ("/etc/firewalld/zones", "/usr/lib/firewalld/zones"):
        match capture.read(f"{folder}/{zone}.xml"):
            case Known(text):
                ruleset = Known(Ruleset((_zone(text, f"{folder}/{zone}.xml"),), f"{folder}/{zone}.xml"))
                break
            case _:
                continue
    logging = settings.get("LogDenied", ("off", 0, ""))[0].strip().lower()
    return Keeper("firewalld", bool(link), ruleset, link or path, logging=logging)


def _zone(text: str, path: str) -> Chain:
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    rules = []
    for name in _ZONE_SERVICE.findall(text):
        draft = Draft(f"service {name}", "accept", path=path, unclear=name not in _ZONE_SERVICES)
        if not draft.unclear:
            draft.ports = ((_ZONE_SERVICES[name], _ZONE_SERVICES[name]),)
            draft.protocols = frozenset(
                {"udp"} if name in {"dhcpv6-client", "mdns", "samba-client"} else {"tcp", "udp"}
            )
        rules.append(draft.build())
    for element in _ZONE_PORT.findall(text):
        number = re.search(r"\bport=\"([^\"]*)\"", element)
        protocol = re.search(r"\bprotocol=\"([^\"]*)\"", element)
        ports = port_range(number[1]) if number else None
        draft = Draft(element, "accept", path=path, unclear=ports is None)
        draft.ports = (ports,) if ports else None
        draft.of_protocol([protocol[1] if protocol else "tcp"])
        rules.append(draft.build())
    if "<rule" in text:
        rules.append(FilterRule("rich rules", "accept", unclear=True, path=path))
    target = _ZONE_TARGET.search(text)
    policy = "accept" if target and target[1] == "ACCEPT" else "drop"
    return Chain("zone", "firewalld", "inet", tuple(rules), "input", "filter", 0, policy, path)


def _scripts(capture: Capture) -> Iterator[Keeper]:
    """Units of the owner's, and scripts of ifupdown and rc.local, that load rules: that they do, not which."""
    for path, record in capture.files.items():
        folder, _, name = path.rpartition("/")
        unit = folder == "/etc/systemd/system" and name.endswith(".service")
        if not unit and path not in _SCRIPTS and not folder.startswith("/etc/network/if-"):
            continue
        match = _LOADS.search(record.text) if record.content and not record.target.endswith("/dev/null") else None
        if match is None or name in {"nftables.service", "ufw.service", "netfilter-persistent.service"}:
            continue
        line = record.text.count("\n", 0, match.start()) + 1
        yield Keeper(
            path,
            bool(started_by(capture, name)) if unit else True,
            Unknown(f"{path} sets up the firewall by commands of its own"),
            path,
            line,
            match[0].strip(),
        )
