"""The language of nft files (nft(8)), as people write it into /etc/nftables.conf.

Only what decides about new connections is followed: tables, chains, sets, and the conditions of `firewall_draft`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from thornwall.facts.firewall_draft import Draft
from thornwall.facts.firewall_nft import Sets, rule
from thornwall.model.firewall import Chain, FilterRule

_TOKEN = re.compile(r'"[^"\n]*"|#[^\n]*|\\\n|[{};\n]|[^\s{};"#\\]+|\\')
_FAMILIES = {"ip", "ip6", "inet", "arp", "bridge", "netdev"}
_NAMED = {"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100}
_PAYLOADS = {"tcp", "udp", "th", "ip", "ip6", "icmp", "icmpv6", "igmp", "ether", "sctp", "dccp"}
_METAS = {"iif", "iifname", "oif", "oifname", "pkttype", "skuid", "mark", "l4proto", "nfproto", "protocol"}
_VERDICTS = {"accept", "drop", "reject", "return", "continue"}
_STATEMENTS = {*_VERDICTS, "jump", "goto", "log", "counter", "limit", "comment", "queue", "vmap", "notrack"}


@dataclass(slots=True)
class _Reader:
    """Tokens with their lines, and what was found so far."""

    tokens: list[tuple[str, int]]
    path: str
    include: Callable[[str], Iterator[tuple[str, str]]]
    at: int = 0
    depth: int = 0
    defines: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    sets: Sets = field(default_factory=dict)
    chains: dict[tuple[str, str, str], tuple[Chain, list[FilterRule]]] = field(default_factory=dict)

    def peek(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def next(self) -> str:
        word = self.peek()
        self.at += 1
        return word

    def line(self) -> int:
        return self.tokens[min(self.at, len(self.tokens) - 1)][1] if self.tokens else 1

    def statement(self) -> list[tuple[str, int]]:
        """The tokens up to the end of a statement; what stands in braces belongs to it, its line ends do not."""
        found: list[tuple[str, int]] = []
        depth = 0
        while self.at < len(self.tokens):
            word = self.peek()
            if depth == 0 and word in {"\n", ";", "}"}:
                break
            depth += (word == "{") - (word == "}")
            if word != "\n":
                found.append(self.tokens[self.at])
            self.at += 1
        return found


def read(text: str, path: str, include: Callable[[str], Iterator[tuple[str, str]]]) -> tuple[Chain, ...]:
    """Every chain of the file and of what it includes. `include` gives path and text of the files of a pattern."""
    reader = _Reader(_tokens(text), path, include)
    _file(reader)
    return tuple(
        Chain(
            chain.name,
            chain.table,
            chain.family,
            tuple(rules),
            chain.hook,
            chain.kind,
            chain.priority,
            chain.policy,
            chain.path,
            chain.line,
        )
        for chain, rules in reader.chains.values()
        if chain.family in {"ip", "ip6", "inet"}
    )


def _tokens(text: str) -> list[tuple[str, int]]:
    found = []
    line = 1
    for match in _TOKEN.finditer(text):
        word = match[0]
        if word == "\\\n":
            line += 1
        elif not word.startswith("#"):
            found.append((word, line))
            line += word == "\n"
    return found


def _file(reader: _Reader) -> None:
    while reader.at < len(reader.tokens):
        match reader.next():
            case "define" | "redefine":
                name = reader.next()
                if reader.peek() == "=":
                    reader.next()
                reader.defines[name] = reader.statement()
            case "include":
                _include(reader, reader.next().strip('"'))
            case "table":
                _table(reader)
            case "add" | "insert" | "create":
                _command(reader)
            case "flush" | "delete" | "destroy":
                if [word for word, _ in reader.statement()][:1] == ["ruleset"]:
                    reader.chains.clear()
            case _:
                continue


def _include(reader: _Reader, pattern: str) -> None:
    if reader.depth >= 8:
        return
    for path, text in reader.include(pattern):
        inner = _Reader(
            _tokens(text), path, reader.include, 0, reader.depth + 1, reader.defines, reader.sets, reader.chains
        )
        _file(inner)


def _table(reader: _Reader) -> None:
    family = reader.next() if reader.peek() in _FAMILIES else "ip"
    name = reader.next()
    if reader.peek() != "{":
        return
    reader.next()
    while reader.at < len(reader.tokens) and reader.peek() != "}":
        match reader.next():
            case "chain":
                chain = reader.next()
                if reader.peek() == "{":
                    reader.next()
                    _chain(reader, (family, name, chain))
            case ("set" | "map") as kind:
                _set(reader, (family, name, reader.next()), kind == "map")
            case "include":
                reader.statement()
            case "{":
                reader.at -= 1
                reader.statement()
            case _:
                continue
    reader.next()


def _set(reader: _Reader, key: tuple[str, str, str], is_map: bool) -> None:
    body = _expanded([word for word, _ in reader.statement()], reader)
    elements: list[object] = []
    if "elements" in body:
        rest = [word for word in body[body.index("elements") + 1 :] if word != "="]
        end = rest.index("}") if "}" in rest else len(rest)
        found = _pairs(rest[1:end]) if is_map else _values(rest, 0)[0]
        elements = found if isinstance(found, list) else [found]
    reader.sets[key] = elements


def _command(reader: _Reader) -> None:
    """`add rule inet filter input tcp dport 22 accept`, and the like."""
    kind = reader.next() if reader.peek() in {"rule", "chain", "table", "set", "element"} else "rule"
    line = reader.line()
    if kind == "table":
        _table(reader)
        return
    words = [word for word, _ in reader.statement()]
    family = words.pop(0) if words and words[0] in _FAMILIES else "ip"
    if len(words) < 2:
        return
    key = (family, words[0], words[1])
    if kind == "rule":
        _slot(reader, key)[1].extend(_rule(words[2:], line, reader, key))
    elif kind == "chain":
        _declare(reader, key, [word for word in words[2:] if word not in {"{", "}", ";"}], line)


def _slot(reader: _Reader, key: tuple[str, str, str]) -> tuple[Chain, list[FilterRule]]:
    if key not in reader.chains:
        reader.chains[key] = (Chain(key[2], key[1], key[0], path=reader.path), [])
    return reader.chains[key]


def _chain(reader: _Reader, key: tuple[str, str, str]) -> None:
    _slot(reader, key)
    while reader.at < len(reader.tokens) and reader.peek() != "}":
        if reader.peek() in {"\n", ";"}:
            reader.next()
            continue
        line = reader.line()
        before = reader.at
        words = [word for word, _ in reader.statement()]
        if reader.at == before:
            reader.next()
        elif words[0] in {"type", "policy"}:
            _declare(reader, key, words, line)
        elif words[0] not in {"comment", "flags", "devices"}:
            _slot(reader, key)[1].extend(_rule(words, line, reader, key))
    reader.next()


def _declare(reader: _Reader, key: tuple[str, str, str], words: list[str], line: int) -> None:
    chain, rules = _slot(reader, key)
    hook, kind, priority, policy = chain.hook, chain.kind, chain.priority, chain.policy
    for word, value in itertools.pairwise(words):
        match word:
            case "type":
                kind = value
            case "hook":
                hook = value
            case "priority":
                priority = _priority(words[words.index("priority") + 1 :])
            case "policy":
                policy = "drop" if value == "drop" else "accept"
            case _:
                continue
    line = line if hook else chain.line or line
    reader.chains[key] = (Chain(key[2], key[1], key[0], (), hook, kind, priority, policy, reader.path, line), rules)


def _priority(words: list[str]) -> int:
    total, sign = 0, 1
    for word in words:
        if word in _NAMED:
            total += sign * _NAMED[word]
        elif word in {"+", "-"}:
            sign = 1 if word == "+" else -1
        elif word.lstrip("-").isdecimal() and len(word) < 8:
            total += sign * int(word)
        else:
            break
    return total


def _expanded(words: list[str], reader: _Reader) -> list[str]:
    """With every `$name` replaced by what it stands for."""
    found: list[str] = []
    for word in words:
        if word.startswith("$") and len(found) < 10_000:
            bare = word.rstrip(",")[1:]
            found += [each for each, _ in reader.defines.get(bare, [(f"@?{bare}", 0)])]
            if word.endswith(","):
                found.append(",")
        else:
            found.append(word)
    return found


def _rule(words: list[str], line: int, reader: _Reader, key: tuple[str, str, str]) -> Iterator[FilterRule]:
    """The rule, put into the form that nft's JSON has, so that both are understood in one place."""
    draft = Draft(text=" ".join(words)[:300], path=reader.path, line=line)
    words = _expanded(words, reader)
    expressions: list[object] = []
    at = 0
    while at < len(words):
        left, after = _subject(words, at)
        if left is None:
            expression, at = _statement(words, at)
        elif after < len(words) and words[after] == "vmap":
            expression, at = {"vmap": {"key": left, "data": _verdict_map(words, after + 1)}}, len(words)
        else:
            negated = after < len(words) and words[after] in {"!=", "ne"}
            after += after < len(words) and words[after] in {"!=", "ne", "==", "eq"}
            right, at = _values(words, after)
            expression = {"match": {"left": left, "op": "!=" if negated else "==", "right": right}}
        if expression:
            expressions.append(expression)
    yield from rule(expressions, key, reader.sets, draft)


def _subject(words: list[str], at: int) -> tuple[object, int]:
    """What of the packet is asked for, and where that ends; None if no comparison begins here."""
    word = words[at]
    following = words[at + 1] if at + 1 < len(words) else ""
    left: object = None
    after = at + 1
    if word == "meta" and following in _METAS:
        left, after = {"meta": {"key": following}}, at + 2
    elif word in _METAS - {"mark"}:
        left = {"meta": {"key": word}}
    elif word == "ct" and following in {"state", "status", "direction"}:
        left, after = {"ct": {"key": following}}, at + 2
    elif word in _PAYLOADS and following and following not in _STATEMENTS:
        left, after = {"payload": {"protocol": word, "field": following}}, at + 2
    elif word == "fib":
        while after < len(words) and words[after] not in {"type", "oif", "oifname"}:
            after += 1
        kind = words[after] if after < len(words) else ""
        left, after = {"fib": {"result": kind, "flags": words[at:after]}}, after + 1
    if left is not None and after + 1 < len(words) and words[after] == ".":
        second, after = _subject(words, after + 1)
        left = {"concat": [left, second]}
    elif left is not None and after < len(words) and words[after] in {"&", "and"}:
        while after < len(words) and words[after] not in {"==", "!=", *_STATEMENTS}:
            after += 1
        left = {"&": [left]}
    return left, after


def _values(words: list[str], at: int) -> tuple[object, int]:
    """The values that are compared with, and where they end: `22`, `ssh, http`, `{ 22, 6000-6007 }`, `@set`."""
    taken: list[str] = []
    if at < len(words) and words[at] == "{":
        end = words.index("}", at) if "}" in words[at:] else len(words)
        taken, at = words[at + 1 : end], end + 1
    elif at < len(words):
        taken, at = [words[at]], at + 1
        while at < len(words) and (taken[-1].endswith(",") or words[at].startswith(",")):
            taken.append(words[at])
            at += 1
    items = [item.split() for item in " ".join(taken).replace(" - ", "-").split(",")]
    # an element may carry a timeout or a comment behind its value
    found = [item[0].strip('"') for item in items if item]
    return (found[0] if len(found) == 1 else found), at


def _verdict_map(words: list[str], at: int) -> object:
    if at < len(words) and words[at].startswith("@"):
        return words[at]
    end = words.index("}", at) if "}" in words[at:] else len(words)
    return {"set": _pairs(words[at + 1 : end])}


def _pairs(words: list[str]) -> list[object]:
    """The elements of a verdict map: `22 : accept, 80-90 : jump web`."""
    pairs: list[object] = []
    for item in " ".join(words).split(","):
        value, _, verdict = item.rpartition(":")
        left, _ = _values(value.split(), 0)
        parts = verdict.split()
        pairs.append([left, _statement(parts, 0)[0] if parts else {"unclear": None}])
    return pairs


def _statement(words: list[str], at: int) -> tuple[dict[str, object] | None, int]:
    """One statement that is no comparison, and where the next begins. Nothing that matters follows a verdict."""
    word = words[at]
    following = words[at + 1] if at + 1 < len(words) else ""
    if word in _VERDICTS:
        return {word: None}, len(words)
    if word in {"jump", "goto"}:
        return {word: {"target": following}}, len(words)
    if word in {"log", "counter", "limit", "quota"}:
        return {word: None}, _skip(words, at + 1)
    if word in {"add", "update", "meter", "delete"}:
        return {"meter": None}, (words.index("}", at) if "}" in words[at:] else at) + 1
    if word == "ct" and following == "count":
        return {"ct count": None}, _skip(words, at + 2)
    if word in {"dnat", "snat", "masquerade", "redirect", "queue"}:
        return {word: None}, len(words)
    if word in {"comment", "notrack", ","}:
        return None, at + 1 + (word == "comment")
    return {f"unclear {word}": None}, at + 1


def _skip(words: list[str], at: int) -> int:
    """Over the parameters of a statement, up to the next condition or statement."""
    while at < len(words) and words[at] not in _STATEMENTS | _PAYLOADS | _METAS | {"ct", "meta", "add"}:
        at += 1
    return at
