"""Packet filters: what runs, what is configured at boot, and what they let in.

A filter is reduced to what matters for one question: does a *new* connection *from outside* reach a port of this
host? What a rule asks beyond that is kept as a word (`only`, `unless`); what was not understood makes the answer
unclear, never closed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from thornwall.model.fact import Absent, Fact, Known, Unknown
from thornwall.model.record import record


class Passage(StrEnum):
    """What a filter does with new connections to one port."""

    OPEN = "open"
    LIMITED = "limited"  # some get in: by their address, their interface or their rate
    CLOSED = "closed"
    UNCLEAR = "unclear"  # a rule that was not understood may decide


@record
class FilterRule:
    """One rule. `verdict`: `accept`, `drop` (or reject), `jump`, `goto`, `return`, or empty: it decides nothing.

    `family`: `ip`, `ip6` or empty for both. `protocols` and `ports` (inclusive ranges of the destination port) are
    None where it does not ask for them; `not_ports`: it wants any port but those. `never`: it cannot match a new
    connection from outside (loopback, established). `only`: it matches some of them alone, by `source`,
    `destination`, `interface` or `rate`; `unless`: it matches all but some, by the same. `unclear`: it asks for
    something that was not understood. `forwards`: it sends them elsewhere, to a container, say, or to another port,
    which is `forwards_to` (0: the same, or not known). `path` and `line`: where it stands, if in a file.
    """

    text: str
    verdict: str = ""
    target: str = ""
    family: str = ""
    protocols: frozenset[str] | None = None
    ports: tuple[tuple[int, int], ...] | None = None
    not_ports: bool = False
    never: bool = False
    only: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    unclear: bool = False
    logs: bool = False
    forwards: bool = False
    forwards_to: int = 0
    path: str = ""
    line: int | None = None

    def applies(self, family: str, protocol: str, port: int) -> bool:
        """Whether it may match a new connection of that kind (or some of them)."""
        if self.never or (self.family and self.family != family):
            return False
        if self.protocols is not None and protocol not in self.protocols:
            return False
        if self.ports is None:
            return True
        return any(low <= port <= high for low, high in self.ports) != self.not_ports


@record
class Chain:
    """A chain. `hook` is empty for one that is only jumped to. `family`: `ip`, `ip6` or `inet`."""

    name: str
    table: str
    family: str
    rules: tuple[FilterRule, ...] = ()
    hook: str = ""
    kind: str = ""  # filter, nat, route
    priority: int = 0
    policy: str = "accept"
    path: str = ""
    line: int | None = None


@dataclass(slots=True)
class _Course:
    """How far a new connection came."""

    end: str = ""  # accept or drop: decided for all that came so far
    limited: bool = False  # some were accepted
    maybe_accepted: bool = False
    maybe_dropped: bool = False
    narrowed: bool = False  # all but some were dropped
    steps: int = 0

    def passage(self) -> Passage:
        """The answer, once `end` is decided."""
        if self.end == "accept":
            if self.maybe_dropped:
                return Passage.UNCLEAR
            return Passage.LIMITED if self.narrowed else Passage.OPEN
        if self.limited:
            return Passage.LIMITED
        return Passage.UNCLEAR if self.maybe_accepted else Passage.CLOSED


_STEPS = 20_000
_UNUSED = 61_001  # a port that nobody opens by name: stands for 'everything else'
_HOOKS = ("ingress", "prerouting", "input")


@dataclass(frozen=True)
class Ruleset:
    """Every chain of a host's filters, as one tool or file has them."""

    chains: tuple[Chain, ...] = ()
    source: str = ""

    def base(self, family: str) -> tuple[Chain, ...]:
        """The chains that a packet to this host passes, in their order."""
        found = [
            chain
            for chain in self.chains
            if chain.hook in _HOOKS and chain.family in {family, "inet"} and chain.kind in {"filter", ""}
        ]
        return tuple(sorted(found, key=lambda chain: (_HOOKS.index(chain.hook), chain.priority)))

    def passage(self, family: str, protocol: str, port: int) -> Passage:
        """What becomes of new connections from outside: `family` is `ip` or `ip6`, `protocol` tcp or udp."""
        worst = Passage.OPEN
        for chain in self.base(family):
            course = _Course()
            self._walk(chain, (family, protocol, port), course, 0)
            course.end = course.end or ("accept" if chain.policy == "accept" else "drop")
            match course.passage():
                case Passage.CLOSED:
                    return Passage.CLOSED
                case Passage.UNCLEAR:
                    worst = Passage.UNCLEAR
                case Passage.LIMITED if worst is Passage.OPEN:
                    worst = Passage.LIMITED
                case _:
                    pass
        return worst

    def lets_in(self, family: str, protocol: str, port: int) -> Fact[bool]:
        """Whether somebody outside gets through; Unknown where a rule that was not understood may decide."""
        match self.passage(family, protocol, port):
            case Passage.UNCLEAR:
                return Unknown(f"the rules for {protocol} port {port} could not be followed")
            case answer:
                return Known(answer is not Passage.CLOSED)

    def closed_by_default(self, family: str) -> Passage:
        """What becomes of a connection to a port that no rule names."""
        answers = {self.passage(family, protocol, _UNUSED) for protocol in ("tcp", "udp")}
        for answer in (Passage.OPEN, Passage.LIMITED, Passage.UNCLEAR):
            if answer in answers:
                return answer
        return Passage.CLOSED

    def filters(self, family: str) -> bool:
        """Whether anything that comes in could be dropped at all."""
        return any(chain.policy == "drop" or self._drops(chain, set()) for chain in self.base(family))

    def opened(self) -> Iterator[tuple[FilterRule, str, int]]:
        """The rules that let in a port by name: rule, protocol, port; ranges of more than 16 ports left out."""
        for chain in self.chains:
            if chain.hook and chain.hook != "input":
                continue
            for rule in chain.rules:
                if rule.verdict == "accept" and rule.ports and not rule.never and not rule.not_ports:
                    for protocol in sorted((rule.protocols or frozenset()) & {"tcp", "udp"}):
                        for low, high in rule.ports:
                            for port in range(low, high + 1) if high - low < 16 else ():
                                yield rule, protocol, port

    def reachable(self, family: str) -> Iterator[FilterRule]:
        """Every rule that packets to this host may pass."""
        return self._rules(list(self.base(family)))

    def forwarded(self, closed: Collection[int] = ()) -> frozenset[int]:
        """TCP ports of which connections from outside go on to a container, another host or another port.

        But for those that go on to one that is `closed`.
        """
        first = [chain for chain in self.chains if chain.hook == "prerouting" and chain.kind == "nat"]
        found = [rule for rule in self._rules(first) if rule.forwards and not rule.never and not rule.not_ports]
        return frozenset(
            port
            for rule in found
            if (rule.protocols is None or "tcp" in rule.protocols) and rule.forwards_to not in closed
            for low, high in rule.ports or ()
            for port in (range(low, high + 1) if high - low < 16 else ())
        )

    def _rules(self, waiting: list[Chain]) -> Iterator[FilterRule]:
        """Every rule of these chains, and of those that they lead to."""
        seen: set[tuple[str, str, str]] = set()
        while waiting:
            chain = waiting.pop()
            key = (chain.family, chain.table, chain.name)
            if key in seen:
                continue
            seen.add(key)
            for rule in chain.rules:
                yield rule
                if rule.verdict in {"jump", "goto"} and (target := self._chain(chain, rule.target)):
                    waiting.append(target)

    def counts(self, port: int) -> bool:
        """Whether new connections to this TCP port are let in only so often, as `ufw limit` does (IPv4)."""
        return any(
            "rate" in (*each.only, *each.unless) and each.ports is not None and each.applies("ip", "tcp", port)
            for each in self.reachable("ip")
        )

    def _drops(self, chain: Chain, seen: set[str]) -> bool:
        if chain.name in seen:
            return False
        seen.add(chain.name)
        for rule in chain.rules:
            if rule.verdict == "drop" and not rule.never:
                return True
            if rule.verdict in {"jump", "goto"} and not rule.never:
                target = self._chain(chain, rule.target)
                if target is not None and self._drops(target, seen):
                    return True
        return False

    def _chain(self, within: Chain, name: str) -> Chain | None:
        for chain in self.chains:
            if chain.name == name and chain.table == within.table and chain.family == within.family:
                return chain
        return None

    def _walk(self, chain: Chain, packet: tuple[str, str, int], course: _Course, depth: int) -> None:
        """Follow the rules until one decides for all. `course.end` stays empty where the chain just ends."""
        escaped = unsure_escape = False
        for rule in chain.rules:
            course.steps += 1
            if course.steps > _STEPS or depth > 16:
                course.maybe_accepted = course.maybe_dropped = True
                return
            if not rule.verdict or not rule.applies(*packet):
                continue
            if rule.verdict in {"jump", "goto"}:
                self._jump(chain, rule, packet, course, depth)
                if rule.verdict == "goto" and not course.end and _always(rule):
                    return
            elif rule.verdict == "return":
                if _always(rule):
                    return
                escaped, unsure_escape = True, unsure_escape or rule.unclear
            else:
                _decide(rule, rule.verdict, course)
            if course.end == "drop" and (escaped or unsure_escape):
                course.end = ""
                course.narrowed, course.maybe_dropped = True, course.maybe_dropped or unsure_escape
                return
            if course.end:
                return

    def _jump(self, chain: Chain, rule: FilterRule, packet: tuple[str, str, int], course: _Course, depth: int) -> None:
        target = self._chain(chain, rule.target)
        if target is None:
            course.maybe_accepted = course.maybe_dropped = True
            return
        if _always(rule):
            self._walk(target, packet, course, depth + 1)
            return
        inner = _Course(steps=course.steps)
        self._walk(target, packet, inner, depth + 1)
        course.steps = inner.steps
        course.limited |= inner.limited
        course.maybe_accepted |= inner.maybe_accepted
        course.maybe_dropped |= inner.maybe_dropped
        if inner.end:
            _decide(rule, inner.end, course)


def _always(rule: FilterRule) -> bool:
    return not (rule.only or rule.unless or rule.unclear)


def _decide(rule: FilterRule, verdict: str, course: _Course) -> None:
    if rule.unclear:
        if verdict == "accept":
            course.maybe_accepted = True
        else:
            course.maybe_dropped = True
    elif rule.only or ("interface" in rule.unless and verdict == "accept"):
        course.limited |= verdict == "accept"
    elif rule.unless:
        if verdict == "accept":
            course.end = "accept"
        else:
            course.narrowed = True
    else:
        course.end = verdict


@record
class Keeper:
    """What puts a filter in place at boot: `ufw`, `nftables`, `firewalld`, `netfilter-persistent`, or a script.

    `enabled`: its unit is started and its own switch is on. `ruleset`: what it would load. `path` and `line`: where its
    state is seen; `text`: what stands there. `logging`: its own setting (ufw's LOGLEVEL), empty if it has none.
    """

    name: str
    enabled: bool
    ruleset: Fact[Ruleset]
    path: str = ""
    line: int | None = None
    text: str = ""
    logging: str = ""


@record
class Firewall:
    """`running`: what the kernel has now (root on a live host). `keepers`: what is installed to set it up at boot."""

    running: Fact[Ruleset]
    keepers: tuple[Keeper, ...] = ()

    @property
    def enabled(self) -> tuple[Keeper, ...]:
        """The keepers that act at boot."""
        return tuple(keeper for keeper in self.keepers if keeper.enabled)

    def keeper(self, name: str) -> Keeper | None:
        """The keeper of that name, whether enabled or not."""
        return next((keeper for keeper in self.keepers if keeper.name == name), None)

    @property
    def at_boot(self) -> Fact[Ruleset]:
        """What all enabled keepers together load; Known and empty where there is none."""
        merged = Ruleset(source="what is configured at boot")
        for keeper in self.enabled:
            match keeper.ruleset:
                case Known(ruleset):
                    merged = replace(merged, chains=merged.chains + ruleset.chains, source=ruleset.source)
                case Unknown() as unknown:
                    return unknown
                case Absent():
                    continue
        return Known(merged)

    @property
    def ruleset(self) -> Fact[Ruleset]:
        """What runs; where that cannot be asked, what is configured at boot."""
        return self.running if isinstance(self.running, Known) else self.at_boot

    def lets_in(self, family: str, protocol: str, port: int) -> Fact[bool]:
        """Whether somebody outside gets through to that port (see `Ruleset.lets_in`)."""
        match self.ruleset:
            case Known(ruleset):
                return ruleset.lets_in(family, protocol, port)
            case Unknown() as unknown:
                return unknown
            case Absent():
                return Known(True)
