"""The text of iptables-save, also as ufw and netfilter-persistent keep it in files."""

from __future__ import annotations

import re
from collections.abc import Iterator

from thornwall.facts.firewall_draft import Draft, ranges
from thornwall.model.firewall import Chain, FilterRule

_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s"]+')
_HOOKS = {"INPUT": "input", "PREROUTING": "prerouting", "FORWARD": "forward", "OUTPUT": "output"}
_VERDICTS = {"ACCEPT": "accept", "DROP": "drop", "REJECT": "drop", "RETURN": "return", "TARPIT": "drop"}
_PRIORITY = {"raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50}
_LOGS = {"LOG", "NFLOG", "ULOG"}
_FORWARDS = {"DNAT", "REDIRECT"}
_TO = re.compile(r"--to-(?:destination [^\s-]*:|ports )(\d{1,5})\b")
_DECIDES_NOTHING = {
    *_LOGS,
    *_FORWARDS,
    "MARK",
    "CONNMARK",
    "CT",
    "TCPMSS",
    "NOTRACK",
    "SET",
    "DSCP",
    "TOS",
    "TTL",
    "CHECKSUM",
    "AUDIT",
    "TRACE",
    "CLASSIFY",
    "SECMARK",
    "CONNSECMARK",
    "MASQUERADE",
    "SNAT",
    "NETMAP",
}
_BARE = {  # options without a value, and what they ask for
    "--rcheck": "rate",
    "--update": "rate",
    "--set": "",
    "--remove": "",
    "--rttl": "",
    "--rsource": "",
    "--rdest": "",
    "--reap": "",
    "--connlimit-saddr": "",
    "--connlimit-upto": "",
    "--validmark": "",
    "--loose": "",
    "--invert": "",
    "--accept-local": "",
    "--syn": "",
}
_SOME = {  # options with a value that pick out some packets, and by what
    "--sport": "source",
    "--source-port": "source",
    "--sports": "source",
    "--source-ports": "source",
    "-s": "source",
    "--source": "source",
    "--src": "source",
    "--src-range": "source",
    "--mac-source": "source",
    "-d": "destination",
    "--destination": "destination",
    "--dst": "destination",
    "--dst-range": "destination",
    "--limit": "rate",
    "--hitcount": "rate",
    "--hashlimit-upto": "rate",
    "--hashlimit-above": "rate",
    "--connlimit-above": "rate",
}
_WORDLESS = {"--comment", "--packets", "--bytes", "--limit-burst", "--wait", "--seconds", "--name", "--mask", "--ctdir"}
_MODULES = {"rpfilter": "source"}
_OBSCURE = {"socket", "physdev", "bpf", "u32", "string", "time", "owner", "statistic", "geoip"}


def chains(text: str, family: str, path: str = "") -> tuple[Chain, ...]:
    """Every chain of the tables in `text`; `family` is `ip` or `ip6`. What is no such text gives none."""
    table = ""
    policies: dict[tuple[str, str], str] = {}
    rules: dict[tuple[str, str], list[FilterRule]] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":"):
            words = line[1:].split()
            if words:
                policies[table, words[0]] = words[1] if len(words) > 1 else "-"
                rules.setdefault((table, words[0]), [])
        elif line.startswith(("-A ", "-I ", "--append ", "[")):
            name, rule = _rule(line, number if path else None, path)
            if name:
                rules.setdefault((table, name), []).append(rule)
    return tuple(
        Chain(
            name,
            table,
            family,
            tuple(found),
            hook=_HOOKS.get(name, ""),
            kind="nat" if table == "nat" else "filter",
            priority=_PRIORITY.get(table, 0),
            policy="drop" if policies.get((table, name)) in {"DROP", "REJECT"} else "accept",
            path=path,
        )
        for (table, name), found in rules.items()
    )


def _rule(line: str, number: int | None, path: str) -> tuple[str, FilterRule]:
    words = _WORD.findall(line)
    if words and words[0].startswith("["):  # counters
        words = words[1:]
    draft = Draft(text=line, path=path, line=number)
    rest = iter(words[2:])
    negated = False
    for word in rest:
        if word == "!":
            negated = True
            continue
        if word in {"-j", "--jump", "-g", "--goto"}:
            _target(draft, next(rest, ""), goto=word in {"-g", "--goto"})
            break
        _option(draft, word, rest, negated)
        negated = False
    return (words[1] if len(words) > 1 else ""), draft.build()


def _target(draft: Draft, name: str, *, goto: bool) -> None:
    if name in _VERDICTS:
        draft.verdict = _VERDICTS[name]
    elif name in _DECIDES_NOTHING:
        draft.logs, draft.forwards = name in _LOGS, name in _FORWARDS
        if draft.forwards and (port := _TO.search(draft.text)):
            draft.forwards_to = int(port[1])
    elif name:
        draft.verdict, draft.target = "goto" if goto else "jump", name


def _option(draft: Draft, word: str, rest: Iterator[str], negated: bool) -> None:
    if word in _BARE:
        if word == "--syn":
            draft.never |= negated
        elif _BARE[word]:
            draft.some(_BARE[word], negated)
        return
    value = next(rest, "")
    if word in _SOME:
        draft.some(_SOME[word], negated)
        return
    match word:
        case "-m" | "--match":
            if value in _MODULES:
                draft.some(_MODULES[value])
            draft.unclear |= value in _OBSCURE
        case "-p" | "--protocol" | "--proto":
            draft.of_protocol([value], negated)
        case "--dport" | "--destination-port" | "--dports" | "--destination-ports":
            draft.to_ports(ranges(value.split(","), ":"), negated)
        case "-i" | "--in-interface":
            draft.from_interface([value], negated)
        case "-o" | "--out-interface":
            draft.never |= not negated  # what comes in leaves by none
        case "--state" | "--ctstate":
            draft.in_state(value.split(","), negated)
        case _:
            _rarer(draft, word, value, rest, negated)


def _rarer(draft: Draft, word: str, value: str, rest: Iterator[str], negated: bool) -> None:
    match word:
        case "--dst-type" | "--pkt-type" if value in {"LOCAL", "unicast", "host"}:
            draft.never |= negated  # what is meant for this host itself
        case "--dst-type" | "--src-type" | "--pkt-type":
            draft.some("source" if word == "--src-type" else "destination", negated)
        case "--icmp-type" | "--icmpv6-type":
            draft.of_protocol(["icmp"])
        case "--rt-type":
            draft.never |= not negated  # an ordinary connection has no routing header
        case "--tcp-flags":
            # a new connection has SYN alone of the flags that matter
            if (next(rest, "") == "SYN") == negated:
                draft.never = True
        case "--match-set":
            draft.some("source" if "src" in next(rest, "") else "destination", negated)
        case _ if word not in _WORDLESS and not word.startswith(("--hashlimit-", "--limit-", "--connlimit-")):
            draft.unclear = True
        case _:
            pass
