"""What `nft --json list ruleset` says (libnftables-json(5))."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator

from thornwall.facts.firewall_draft import Draft, ranges
from thornwall.model.firewall import Chain, FilterRule

_FAMILIES = {"ip": "ip", "ip6": "ip6", "inet": "inet"}
_VERDICTS = {"accept": "accept", "drop": "drop", "reject": "drop", "return": "return", "continue": ""}
_QUIET = {"counter", "log", "mangle", "notrack", "ct helper", "quota", "flow", "set", "tproxy", "synproxy", "last"}
_NAT = {"dnat", "snat", "masquerade", "redirect"}
_OURS = {"oif", "oifname"}

Json = dict[str, object]
Sets = dict[tuple[str, str, str], list[object]]


Said = tuple[tuple[Chain, ...], bool, frozenset[tuple[str, str, str]]]


def read(text: str, known: Collection[tuple[str, str]] = ()) -> Said | None:
    """Every chain, whether a rule has an iptables extension that only its own tool can tell, and all chains' names
    (family, table, name); None: no ruleset.

    Tables in `known` (family, name) are left out of the first: iptables-save has told all about them.
    """
    try:
        items = json.loads(text)["nftables"]
        return _read([item for item in items if isinstance(item, dict)], known)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _read(items: list[Json], known: Collection[tuple[str, str]]) -> Said:
    sets: Sets = {}
    for item in items:
        for kind in ("set", "map"):
            given = item.get(kind)
            if isinstance(given, dict):
                elements = given.get("elem")
                sets[_key(given)] = elements if isinstance(elements, list) else []
    given_chains = [chain for item in items if isinstance(chain := item.get("chain"), dict)]
    there = frozenset(map(_key, given_chains))
    chains = {key: chain for chain in given_chains if (key := _key(chain))[0] in _FAMILIES and key[:2] not in known}
    rules: dict[tuple[str, str, str], list[FilterRule]] = {key: [] for key in chains}
    foreign = False
    for item in items:
        given = item.get("rule")
        if isinstance(given, dict):
            key = (str(given.get("family")), str(given.get("table")), str(given.get("chain")))
            expressions = given.get("expr")
            if key in rules and isinstance(expressions, list):
                foreign = foreign or any(isinstance(each, dict) and "xt" in each for each in expressions)
                rules[key] += rule(expressions, key, sets, Draft(text=_shown(expressions)))
    return tuple(_chain(chains[key], tuple(found)) for key, found in rules.items()), foreign, there


def _key(given: Json) -> tuple[str, str, str]:
    return str(given.get("family")), str(given.get("table")), str(given.get("name"))


def _chain(given: Json, rules: tuple[FilterRule, ...]) -> Chain:
    priority = given.get("prio")
    return Chain(
        str(given.get("name")),
        str(given.get("table")),
        _FAMILIES[str(given.get("family"))],
        rules,
        hook=str(given.get("hook") or ""),
        kind=str(given.get("type") or ""),
        priority=priority if isinstance(priority, int) else 0,
        policy="drop" if given.get("policy") == "drop" else "accept",
    )


def rule(expressions: list[object], key: tuple[str, str, str], sets: Sets, draft: Draft) -> Iterator[FilterRule]:
    """One rule; a verdict map makes one of each of its elements. `key`: family, table and chain."""
    for expression in expressions:
        if not isinstance(expression, dict) or len(expression) != 1:
            draft.unclear = True
            continue
        ((name, value),) = expression.items()
        if name == "vmap" and isinstance(value, dict):
            yield from _verdict_map(draft, value, key, sets)
            return
        _expression(draft, str(name), value, key, sets)
        if name == "xt" and expression is expressions[-1]:
            draft.verdict = "jump"  # a target of iptables that nft does not know: it may do anything
    yield draft.build()


def _expression(draft: Draft, name: str, value: object, key: tuple[str, str, str], sets: Sets) -> None:
    if name in _VERDICTS:
        draft.verdict = _VERDICTS[name]
    elif name in {"jump", "goto"} and isinstance(value, dict):
        draft.verdict, draft.target = name, str(value.get("target"))
    elif name == "match" and isinstance(value, dict):
        _condition(draft, value.get("left"), str(value.get("op")), _resolved(value.get("right"), key, sets))
    elif name in {"limit", "meter", "ct count"} or (name == "set" and isinstance(value, dict) and value.get("stmt")):
        draft.some("rate")
    elif name == "queue":
        draft.verdict, draft.unclear = "accept", True
    elif name not in _QUIET | _NAT:
        draft.unclear = True
    draft.logs = draft.logs or name == "log"
    if name in {"dnat", "redirect"}:
        port = value.get("port") if isinstance(value, dict) else None
        draft.forwards, draft.forwards_to = True, port if isinstance(port, int) else 0


def _verdict_map(draft: Draft, value: Json, key: tuple[str, str, str], sets: Sets) -> Iterator[FilterRule]:
    data = value.get("data")
    pairs = sets.get((key[0], key[1], data[1:])) if isinstance(data, str) else None
    if isinstance(data, dict):
        pairs = data["set"] if isinstance(data.get("set"), list) else None
    for pair in pairs or ():
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[1], dict):
            continue
        branch = draft.copy()
        _condition(branch, value.get("key"), "==", _elements(pair[0]))
        for name, verdict in pair[1].items():
            _expression(branch, str(name), verdict, key, sets)
        yield branch.build()


def _resolved(right: object, key: tuple[str, str, str], sets: Sets) -> list[object] | None:
    """The values that are compared with; None for a set that is not there."""
    if isinstance(right, str) and right.startswith("@"):
        found = sets.get((key[0], key[1], right[1:]))
        return None if found is None else [each for item in found for each in _elements(item)]
    return _elements(right)


def _elements(value: object) -> list[object]:
    if isinstance(value, dict) and "set" in value:
        inner = value["set"]
        return [each for item in (inner if isinstance(inner, list) else [inner]) for each in _elements(item)]
    if isinstance(value, dict) and isinstance(value.get("elem"), dict):
        return _elements(value["elem"].get("val"))
    return value if isinstance(value, list) and value and not isinstance(value[0], dict) else [value]


def _condition(draft: Draft, left: object, operator: str, values: list[object] | None) -> None:
    """One comparison: what of the packet, how, and with what."""
    negated = operator == "!="
    if not isinstance(left, dict) or len(left) != 1 or operator not in {"==", "!=", "in"}:
        draft.unclear = True
        return
    ((kind, what),) = left.items()
    words = [str(value) for value in values or () if isinstance(value, (str, int))]
    match kind:
        case "payload" if isinstance(what, dict):
            _payload(draft, str(what.get("protocol")), str(what.get("field")), values, negated)
        case "meta" if isinstance(what, dict):
            _meta(draft, str(what.get("key")), words, negated)
        case "ct" if isinstance(what, dict):
            _conntrack(draft, str(what.get("key")), words, negated)
        case "fib":
            _fib(draft, what, words, negated)
        case "concat" if isinstance(what, list):
            draft.some("source", negated)
            draft.unclear |= not any("saddr" in str(part) for part in what)
        case "&" if "flags" in str(what):
            # `tcp flags & (fin|syn|rst|ack) == syn` is what a new connection has
            if (words == ["syn"]) == negated:
                draft.never = True
        case _:
            draft.unclear = True


def _payload(draft: Draft, protocol: str, name: str, values: list[object] | None, negated: bool) -> None:
    words = [str(value) for value in values or () if isinstance(value, (str, int))]
    match protocol, name:
        case ("tcp" | "udp" | "th", "dport"):
            if protocol != "th":
                draft.of_protocol([protocol])
            draft.to_ports(None if values is None else ranges(map(_range, values)), negated)
        case ("tcp", "flags"):
            draft.of_protocol(["tcp"])
            if (words == ["syn"]) == negated:
                draft.never = True
        case (_, "sport") | (_, "saddr"):
            draft.of_protocol([protocol]) if protocol in {"tcp", "udp"} else draft.of_family(protocol)
            draft.some("source", negated)
        case ("ip" | "ip6", "daddr"):
            draft.of_family(protocol)
            draft.some("destination", negated)
        case ("ip", "protocol") | ("ip6", "nexthdr"):
            draft.of_family(protocol)
            draft.of_protocol(words, negated)
        case ("icmp" | "icmpv6" | "igmp", _):
            draft.of_protocol(["icmp" if protocol.startswith("icmp") else "igmp"])
        case _:
            draft.unclear = True


def _range(value: object) -> str:
    if isinstance(value, dict) and isinstance(value.get("range"), list) and len(value["range"]) == 2:
        return "-".join(str(end) for end in value["range"])
    return str(value)


def _meta(draft: Draft, key: str, words: list[str], negated: bool) -> None:
    match key:
        case "iif" | "iifname":
            draft.from_interface(words, negated)
        case "l4proto" | "protocol_l4":
            draft.of_protocol(words, negated)
        case "nfproto" | "protocol" if len(words) == 1:
            draft.of_family(words[0], negated)
        case "pkttype":
            if set(words) & {"host", "unicast"}:
                draft.never |= negated
            else:
                draft.some("destination", negated)
        case _ if key in _OURS:
            draft.never |= not negated
        case _:
            draft.unclear = True


def _conntrack(draft: Draft, key: str, words: list[str], negated: bool) -> None:
    match key:
        case "state":
            draft.in_state(words, negated)
        case "status":
            draft.never |= not negated  # nothing is known yet of a new connection
        case "direction":
            draft.never |= ("original" in words) == negated
        case _:
            draft.unclear = True


def _fib(draft: Draft, what: object, words: list[str], negated: bool) -> None:
    """The type of the destination (ours is local), else a check against forged sources."""
    if isinstance(what, dict) and what.get("result") == "type" and "daddr" in str(what.get("flags")):
        if "local" in words:
            draft.never |= negated
        else:
            draft.some("destination", negated)
    else:
        draft.some("source")


def _shown(expressions: list[object]) -> str:
    """The rule in short, for evidence."""
    parts = []
    for each in expressions:
        if not isinstance(each, dict) or len(each) != 1:
            continue
        ((name, value),) = each.items()
        if name == "match" and isinstance(value, dict):
            sign = "" if value.get("op") in {"==", "in"} else f"{value.get('op')} "
            parts.append(f"{_left(value.get('left'))} {sign}{_right(value.get('right'))}")
        elif name in {"jump", "goto"} and isinstance(value, dict):
            parts.append(f"{name} {value.get('target')}")
        elif name != "counter":
            parts.append(str(name))
    return " ".join(parts)[:300]


def _left(left: object) -> str:
    if isinstance(left, dict) and len(left) == 1:
        ((kind, what),) = left.items()
        if isinstance(what, dict):
            words = [str(what[name]) for name in ("protocol", "field", "key") if name in what]
            return " ".join(words if kind == "payload" else [str(kind), *words])
    return "…"


def _right(right: object) -> str:
    values = [_range(value) for value in _elements(right)]
    return values[0] if len(values) == 1 else "{ " + ", ".join(values[:8]) + " }"
