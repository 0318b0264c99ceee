"""What the firewall is to do, as commands of the tool that the host has: ufw, or firewalld."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from thornwall.model.change import Firewall, Tool, UnitsOn, Wish
from thornwall.model.fact import Known
from thornwall.model.firewall import Firewall as Filter
from thornwall.model.firewall import Keeper, Passage, Ruleset
from thornwall.plan.fix import Situation

_DEFAULTS = "/etc/default/ufw"
_KEEPS = ("/etc/ufw", _DEFAULTS)
_EVERYTHING = {"0.0.0.0/0", "::/0"}
_SAFE_WORD = re.compile(r"any|[0-9]{1,5}(:[0-9]{1,5})?")
_SAFE_PORT = re.compile(r"[0-9]{1,5}(:[0-9]{1,5})?/(tcp|udp)")

# As `ufw disable` does, but with nothing of ufw's left behind, in one step for each family, and with the policies that
# the built-in chains had. What came into being with it goes as well, once nothing is in it: chains, at last the table.
_SWEEP = """\
sweep() {
  command -v ip$1tables-restore >/dev/null || return 0
  s=$(ip$1tables-save -t filter)
  {
    echo '*filter'
    printf ':%s [0:0]\\n' "INPUT $2" "FORWARD $3" "OUTPUT $4"
    printf '%s\\n' "$s" | sed -n 's/^-A \\([A-Z]* -j ufw6\\{0,1\\}-\\)/-D \\1/p'
    printf '%s\\n' "$s" | sed -n 's/^:\\(ufw6\\{0,1\\}-[a-z-]*\\) .*/-F \\1/p'
    printf '%s\\n' "$s" | sed -n 's/^:\\(ufw6\\{0,1\\}-[a-z-]*\\) .*/-X \\1/p'
    echo COMMIT
  } | ip$1tables-restore -n || exit 1
}
rm -f /run/ufw.lock
"""
_SWEEP_CHAIN = "nft delete chain ip{v} filter {name} 2>/dev/null || :\n"
_SWEEP_TABLE = """\
s=$(ip{v}tables-save -t filter | grep -v -e '^#' -e '^[*]filter$' -e '^COMMIT$' -e '^:[A-Z]* ACCEPT ')
[ -n "$s" ] || nft delete table ip{v} filter 2>/dev/null || :
"""
# what the policies were, where only the device knows: in a file that goes once the folder is given back
_NOTE = (
    "for v in '' 6; do command -v ip${v}tables >/dev/null || continue; "
    "ip${v}tables -S | sed -n 's/^-P //p' >/etc/ufw/thornwall.policies$v; done"
)
_NOTED = """\
was() {
  p=$(sed -n "s/^$2 //p" "/etc/ufw/thornwall.policies$1" 2>/dev/null)
  echo "${p:-ACCEPT}"
}
"""
_BUILT_IN = ("INPUT", "FORWARD", "OUTPUT")


# as `ufw reload` does, which would write its files again
RELOAD = ("/lib/ufw/ufw-init", "force-reload")
# it would set log_martians and others at every start, over what /etc/sysctl.d says
_NO_SYSCTLS = "s|^IPT_SYSCTL=.*|IPT_SYSCTL=|"
_ENABLED = "s/^ENABLED=.*/ENABLED=yes/"
# as at every boot: `ufw enable` does the same with twice the work
START = ("/lib/ufw/ufw-init", "start")
_START = (
    ("sed", "-i", "-e", _NO_SYSCTLS, "-e", _ENABLED, _DEFAULTS, "/etc/ufw/ufw.conf"),
    START,
)
# rules that were loaded although ufw is switched off: it loads none of itself then
_LOAD = """\
f=/etc/ufw/ufw.conf k=/run/thornwall-ufw.conf
cp -a $f $k && sed 's/^ENABLED=.*/ENABLED=yes/' $k >$f && /lib/ufw/ufw-init start
r=$?
cp -a $k $f && rm $k && exit $r
"""

# for a system that nobody has seen running: what listens then, and whether it forwards, is looked at then
LISTENING = "/etc/thornwall/first-start/listening.sh"
_LET_IN = 'ports=$(sh {} {}) || exit 1; for each in $ports; do ufw allow "$each" || exit 1; done'
_ROUTED = (
    "if grep -q 1 /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding; "
    'then iptables -S FORWARD | grep -q "^-P FORWARD DROP" || ufw default allow routed; fi'
)


@dataclass(frozen=True, slots=True)
class UfwRule:
    """A rule that somebody gave to ufw, as its own file notes it. `app`: the profile that it was made of.

    `ports`: `22`, `80,443`, `6000:6007` or `any`; `to`, `source`: a network, or everything (0.0.0.0/0); `way`: `in`,
    `out`, or with an interface `in_eth0`.
    """

    action: str
    protocol: str
    ports: str
    to: str
    source_ports: str
    source: str
    app: str
    way: str

    def names(self, port: int, protocol: str) -> bool:
        """Whether it is about packets that come in to that port, from somewhere."""
        if not self.way.startswith("in") or self.protocol not in {"any", protocol}:
            return False
        for word in self.ports.split(","):
            low, _, high = word.partition(":")
            if word == "any" or (low.isdecimal() and int(low) <= port <= int(high or low)):
                return True
        return False

    @property
    def everywhere(self) -> bool:
        """Whether it holds for whoever comes, to whichever address and interface."""
        return {self.to, self.source} <= _EVERYTHING and self.source_ports == "any" and self.way == "in"

    def takes(self, peer: str) -> bool:
        """Whether it is (also) about packets from that address; true where that cannot be told."""
        try:
            network = ipaddress.ip_network(self.source, strict=False)
            address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return True
        return not network.prefixlen or (network.version == address.version and address in network)


_TUPLE = re.compile(
    r"^### tuple ### (?P<action>allow|deny|reject|limit)(?:_log|_log-all)? (?P<protocol>\S+) (?P<ports>\S+) (?P<to>\S+)"
    r" (?P<source_ports>\S+) (?P<source>\S+)(?: (?P<app>\S+) \S+)? (?P<way>(?:in|out)\S*)(?: comment=\S+)?$",
    re.MULTILINE,
)


def ufw_rules(situation: Situation, family: int = 4) -> tuple[UfwRule, ...]:
    """What ufw was told before for IPv4 (or IPv6), in its order, whether it is switched on or not."""
    match situation.capture.read(f"/etc/ufw/user{6 if family == 6 else ''}.rules"):
        case Known(text):
            found = (match.groupdict(default="-") for match in _TUPLE.finditer(text))
            return tuple(UfwRule(**{**each, "app": unquote(each["app"]).strip("-")}) for each in found)
        case _:
            return ()


def facts(situation: Situation) -> Filter | None:
    """What filters, where that is known."""
    return situation.facts.firewall.value if isinstance(situation.facts.firewall, Known) else None


def chosen(situation: Situation) -> str:
    """`ufw` or `firewalld`: what sets the filter up, or will. Empty where the owner has rules of his own making."""
    found = facts(situation)
    if found is None:
        return ""
    enabled = {keeper.name for keeper in found.enabled}
    if enabled:
        # two of them at once would undo each other's work
        return enabled.pop() if len(enabled) == 1 and enabled <= {"ufw", "firewalld"} else ""
    if isinstance(found.running, Known):
        chains = found.running.value.chains
        if any(chain.table == "firewalld" for chain in chains):
            return "firewalld"
        if any(chain.name.startswith("ufw-") for chain in chains):
            return "ufw"
        if found.running.value.closed_by_default("ip") is not Passage.OPEN:
            return ""
    if found.keeper("ufw") is None and found.keeper("firewalld") is not None:
        return "firewalld"
    host = situation.facts.host
    if found.keeper("ufw") is not None or (isinstance(host, Known) and host.value.debian_like):
        return "ufw"
    return (
        "firewalld" if isinstance(host, Known) and {"fedora", "rhel"} & {host.value.os_id, *host.value.os_like} else ""
    )


def is_on(situation: Situation, name: str) -> bool:
    """Whether that tool sets the filter up at boot."""
    found = facts(situation)
    return found is not None and any(keeper.name == name for keeper in found.enabled)


def commands(situation: Situation, wish: Firewall) -> tuple[Wish, ...]:
    """The wish as commands of the host's own tool; none where the owner's own rules are the firewall."""
    tool = chosen(situation)
    if tool == "ufw":
        return tuple(_ufw(situation, wish))
    return tuple(_firewalld(situation, wish)) if tool == "firewalld" else ()


def _ports(ports: tuple[str, ...]) -> list[str]:
    return [port for port in dict.fromkeys(ports) if _SAFE_PORT.fullmatch(port)]


def _ufw(situation: Situation, wish: Firewall) -> Iterator[Wish]:
    at_boot, loaded = is_on(situation, "ufw"), _loaded(situation)
    was_on = at_boot and loaded
    first = list(_ufw_settings(situation, wish, was_on))
    if at_boot != loaded:
        # it would tell rules to chains that are not there, or not load what it finds loaded
        if not wish.enable:
            return
        first.insert(0, ("ufw", "--force", "disable"))
    # what is to stay reachable comes before anything is refused
    run = [*first, *_ufw_rules(situation, wish)]
    if wish.enable and situation.first_start:
        run.insert(0, ("sh", "-c", _NOTE))
        known = dict.fromkeys((*_ports((*wish.allow, *wish.limit)), *_told(situation)))
        run.append(("sh", "-c", _LET_IN.format(LISTENING, " ".join(known)).rstrip()))
    if wish.enable:
        run += _ufw_defaults(situation, was_on)
    if wish.log and _keeper(situation, "ufw").logging in {"", "off"}:
        run.append(("ufw", "logging", "low"))
    if wish.enable:
        run += (("ufw", "--force", "enable"),) if was_on else _START
    if not run:
        return
    if was_on:
        yield Tool("ufw", tuple(run), _KEEPS, undo_after=(RELOAD,))
    elif wish.enable:
        before = (("sh", "-c", _sweep(situation, loaded)),)
        after = (("sh", "-c", _LOAD),) if loaded else ()
        yield Tool("ufw", tuple(run), _KEEPS, undo_before=before, undo_after=after)
    else:
        yield Tool("ufw", tuple(run), _KEEPS)
    # (Debian's package enables its unit by itself)
    if wish.enable and _there(situation) and not _enabled(situation, "ufw.service"):
        yield UnitsOn(("ufw.service",))


def _ufw_settings(situation: Situation, wish: Firewall, was_on: bool) -> Iterator[tuple[str, ...]]:
    match situation.capture.read(_DEFAULTS):
        case Known(text) if (wish.ipv6 or wish.enable) and re.search(r"^IPV6=(?!\"?yes)", text, re.MULTILINE):
            yield ("sed", "-i", "s/^IPV6=.*/IPV6=yes/", _DEFAULTS)
            if was_on:
                # without its chains for IPv6 it takes no rule any more; until here it dropped all of IPv6
                yield ("ufw", "reload")
        case _:
            pass


def _ufw_defaults(situation: Situation, was_on: bool) -> Iterator[tuple[str, ...]]:
    if was_on or _default(situation, "INPUT") != "DROP":
        yield ("ufw", "default", "deny", "incoming")
    if was_on:
        return
    if _default(situation, "OUTPUT") != "ACCEPT":
        yield ("ufw", "default", "allow", "outgoing")
    if situation.first_start:
        yield ("sh", "-c", _ROUTED)
    elif _forwards(situation):
        # containers, VPNs and access points are filtered by whoever set them up. Where what nobody admits is dropped
        # today, it stays so
        yield ("ufw", "default", "allow", "routed")


def _default(situation: Situation, chain: str) -> str:
    """What ufw's file says is done with what no rule names; empty where it does not."""
    match situation.capture.read(_DEFAULTS):
        case Known(text):
            found = re.findall(rf"^DEFAULT_{chain}_POLICY=\"?([A-Z]+)\"?\s*$", text, re.MULTILINE)
            return found[-1] if found else ""
        case _:
            return ""


def _ufw_rules(situation: Situation, wish: Firewall) -> Iterator[tuple[str, ...]]:
    told, over6 = ufw_rules(situation), ufw_rules(situation, 6)
    for spec in _ports(wish.allow):
        same, same6 = _everywhere(told, spec), _everywhere(over6, spec)
        # `ufw allow` would turn the owner's own `limit` or `deny` of the same port into an `allow`
        if not same:
            yield ("ufw", "allow", spec)
        elif wish.ipv6 and not same6 and same[0].action in {"allow", "limit"}:
            yield ("ufw", same[0].action, spec)  # it was told before IPv6 was on
    for spec in _ports(wish.limit):
        yield from _limit(spec, spec.partition("/")[0], _everywhere(told, spec))


def _told(situation: Situation) -> Iterator[str]:
    """Ports on which the owner's own rules have the word, as `22/tcp`, `6000:6007/any` or `any/udp`."""
    for rule in (*ufw_rules(situation), *ufw_rules(situation, 6)):
        if rule.way.startswith("in") and (rule.everywhere or rule.ports != "any"):
            yield from (f"{word}/{rule.protocol}" for word in rule.ports.split(",") if _SAFE_WORD.fullmatch(word))


def _everywhere(told: tuple[UfwRule, ...], spec: str) -> list[UfwRule]:
    """The rules for that port that hold for everybody."""
    number, _, protocol = spec.partition("/")
    return [rule for rule in told if number.isdecimal() and rule.names(int(number), protocol) and rule.everywhere]


def _limit(spec: str, number: str, same: list[UfwRule]) -> Iterator[tuple[str, ...]]:
    """ufw takes the first rule that fits: the one that admits everybody is changed, not followed by another."""
    if not same:
        yield ("ufw", "limit", spec)
    elif same[0].action == "allow" and same[0].app:
        yield ("ufw", "limit", same[0].app)
    elif same[0].action == "allow" and same[0].ports == number:
        yield ("ufw", "limit", number if same[0].protocol == "any" else spec)
    elif same[0].action == "allow":
        yield ("ufw", "prepend", "limit", spec)


def _loaded(situation: Situation) -> bool:
    """Whether the kernel has ufw's rules now (its chains stay when it stops); where that is not known, as at boot."""
    found = facts(situation)
    if found is None or not isinstance(found.running, Known):
        return is_on(situation, "ufw")
    return any(chain.name == "ufw-before-input" and chain.rules for chain in found.running.value.chains)


def _built_in(situation: Situation, family: str) -> dict[str, str] | None:
    """The policies of the built-in chains that are there, by name; None where the table is not there."""
    found = facts(situation)
    chains = found.running.value.chains if found is not None and isinstance(found.running, Known) else ()
    table = [chain for chain in chains if (chain.table, chain.family) == ("filter", family)]
    return {chain.name: chain.policy for chain in table if chain.name in _BUILT_IN} if table else None


def _sweep(situation: Situation, loaded: bool) -> str:
    """What takes ufw out of the kernel. `loaded`: it was in there before, and is loaded again afterwards."""
    script = _SWEEP + _NOTED * situation.first_start
    for v in ("", "6"):
        were = _built_in(situation, f"ip{v}")
        # where the rules come back only afterwards, a policy that drops would drop everything until then
        had = {} if loaded else were or {}
        policies = [had.get(name, "accept").upper() for name in _BUILT_IN]
        if situation.first_start:
            policies = [f"\"$(was '{v}' {name})\"" for name in _BUILT_IN]
        script += " ".join(["sweep", f"'{v}'", *policies]) + "\n"
        if were is None:
            script += _SWEEP_TABLE.format(v=v)
        else:
            script += "".join(_SWEEP_CHAIN.format(v=v, name=name) for name in _BUILT_IN if name not in were)
    return script


def _forwards(situation: Situation) -> bool:
    """Whether the host forwards packets that no rule names."""
    if not isinstance(situation.facts.kernel, Known):
        return False
    running = situation.facts.kernel.value.running
    v4, v6 = ("net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding"), ("net.ipv6.conf.all.forwarding",)
    return any(
        any(running.get(name) == Known("1") for name in names)
        and (_built_in(situation, family) or {}).get("FORWARD") != "drop"
        for family, names in (("ip", v4), ("ip6", v6))
    )


def _keeper(situation: Situation, name: str) -> Keeper:
    found = facts(situation)
    keeper = found.keeper(name) if found is not None else None
    return keeper or Keeper(name, False, Known(Ruleset()))


def _there(situation: Situation) -> bool:
    """Whether ufw is installed."""
    found = facts(situation)
    return found is not None and found.keeper("ufw") is not None


def _enabled(situation: Situation, unit: str) -> bool:
    match situation.facts.services:
        case Known(services):
            return services.enabled(unit)
        case _:
            return False


def _firewalld(situation: Situation, wish: Firewall) -> Iterator[Wish]:
    services = situation.facts.services
    runs = isinstance(services, Known) and services.value.active("firewalld.service")
    tell = ("firewall-cmd", "--permanent") if runs else ("firewall-offline-cmd",)
    run = [(*tell, f"--add-port={spec.replace(':', '-')}") for spec in _ports(wish.allow)]
    if wish.enable:
        run.append((*tell, "--set-target=default"))
    if runs and run:
        run.append(("firewall-cmd", "--reload"))
    if wish.log and _keeper(situation, "firewalld").logging in {"", "off"}:
        run.append((tell[0], "--set-log-denied=unicast"))
    if run:
        yield Tool(
            "firewalld", tuple(run), ("/etc/firewalld",), undo_after=(("firewall-cmd", "--reload"),) if runs else ()
        )
    if wish.enable and not (runs and _enabled(situation, "firewalld.service")):
        yield UnitsOn(("firewalld.service",))
