"""What filters let in, as three readers of them say, against what real packets met (firewall/measure.py)."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thornwall.facts import firewall_iptables, firewall_nft, firewall_text
from thornwall.facts.firewall import PROBES, parse
from thornwall.model.capture import Capture, CommandResult, FileRecord, Manifest
from thornwall.model.fact import Known
from thornwall.model.firewall import Chain, Passage, Ruleset
from thornwall.model.probe import Read, Run

HERE = Path(__file__).parent / "firewall"
MEASURED: dict[str, dict[str, str]] = json.loads((HERE / "measured.json").read_text())
LIMITED = {
    # who connected was not among those whom a rule admits by address, interface or rate
    "interface-and-source": {"ip 80", "ip 8080", "ip 61001", "ip6 80", "ip6 443", "ip6 8080", "ip6 61001"},
    "rates": {"ip 22", "ip6 22"},
    "sets-and-ranges": {"ip 8080"},
    "verdict-maps": {"ip 22", "ip 443", "ip 6001", "ip6 22", "ip6 443", "ip6 6001"},
}


def readings(name: str) -> dict[str, tuple[Chain, ...]]:
    if (HERE / f"{name}.nft").exists():
        told = firewall_nft.read((HERE / f"{name}.json").read_text())
        assert told is not None
        text = (HERE / f"{name}.nft").read_text()
        return {"json": told[0], "text": firewall_text.read(text, "/etc/nftables.conf", lambda _: iter(()))}
    files = [
        firewall_iptables.chains((HERE / f"{name}.{version}.rules").read_text(), family)
        for version, family in (("v4", "ip"), ("v6", "ip6"))
    ]
    return {"files": (*files[0], *files[1])}


@pytest.mark.parametrize("name", MEASURED)
def test_what_packets_met(name: str) -> None:
    for kind, chains in readings(name).items():
        said = {}
        for key in MEASURED[name]:
            family, port = key.split()
            said[key] = str(Ruleset(chains).passage(family, "tcp", int(port)))
        expected = {
            key: "limited" if key in LIMITED.get(name, set()) else answer for key, answer in MEASURED[name].items()
        }
        assert said == expected, kind


@pytest.mark.parametrize("name", ["plain", "chains"])
def test_rules_of_iptables_are_left_to_its_own_tool(name: str) -> None:
    told = firewall_nft.read((HERE / f"{name}.save.json").read_text())
    assert told is not None
    chains, foreign, _ = told
    assert foreign
    for key, answer in MEASURED[name].items():
        family, port = key.split()
        assert str(Ruleset(chains).passage(family, "tcp", int(port))) in {answer, "unclear"}
    capture = running(nft=(HERE / f"{name}.save.json").read_bytes(), iptables=(HERE / f"{name}.save").read_bytes())
    ruleset = known(capture)
    for key, answer in MEASURED[name].items():
        family, port = key.split()
        assert str(ruleset.passage(family, "tcp", int(port))) == answer


def running(**commands: bytes) -> Capture:
    results = {name: CommandResult(name, out, b"", 0) for name, out in commands.items()}
    return Capture(Manifest("host", "ssh", 0), {}, results)


def known(capture: Capture) -> Ruleset:
    fact = parse(capture)
    assert isinstance(fact, Known)
    assert isinstance(fact.value.running, Known)
    return fact.value.running.value


def test_a_jump_to_what_is_not_there_is_unclear() -> None:
    chains = firewall_iptables.chains("*filter\n:INPUT DROP [0:0]\n-A INPUT -j elsewhere\nCOMMIT\n", "ip")
    assert Ruleset(chains).passage("ip", "tcp", 22) is Passage.UNCLEAR


def test_chains_that_call_each_other_end() -> None:
    text = (
        "*filter\n:INPUT ACCEPT\n:A -\n:B -\n" + "-A INPUT -j A\n-A A -j B\n-A A -j B\n-A B -j A\n-A B -j A\nCOMMIT\n"
    )
    assert Ruleset(firewall_iptables.chains(text, "ip")).passage("ip", "tcp", 22) is Passage.UNCLEAR


def test_a_published_table_of_another_family_decides_nothing() -> None:
    text = "table arp filter { chain input { type filter hook input priority 0; policy drop; } }"
    assert Ruleset(firewall_text.read(text, "x", lambda _: iter(()))).passage("ip", "tcp", 22) is Passage.OPEN


NFT = """{ } ; , table inet chain input type filter hook priority 0 policy drop accept tcp dport 22 vmap : $x define =
@s set elements ct state new jump include "/etc/nftables.conf" limit fib daddr - != add rule map . & #"""
WORDS = st.sampled_from([*NFT.split(), "\n", "\\\n"])


@given(st.lists(WORDS, max_size=60).map(" ".join))
def test_no_text_of_nft_stops_the_reader(text: str) -> None:
    capture = Capture(Manifest("h", "directory", 0), {"/etc/nftables.conf": file("/etc/nftables.conf", text.encode())})
    assert isinstance(parse(capture), Known)


def file(path: str, content: bytes) -> FileRecord:
    return FileRecord(path, "read", content)


KEYS = """nftables rule chain set expr match left right op payload vmap data key elem family table name hook accept drop
jump target ct meta range xt"""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 70000) | st.sampled_from(["@s", "accept", "input", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS.split()), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_no_answer_of_nft_stops_the_reader(answer: object) -> None:
    parse(running(nft=json.dumps({"nftables": answer}).encode(), iptables=b""))
    parse(running(nft=json.dumps(answer).encode()))


@given(st.binary(max_size=300), st.sampled_from([probe.pattern for probe in PROBES if isinstance(probe, Read)]))
def test_no_bytes_stop_the_reader(content: bytes, path: str) -> None:
    path = path.replace("*", "x")
    files = {path: file(path, content), "/etc/ufw/ufw.conf": file("/etc/ufw/ufw.conf", b"ENABLED=yes\n")}
    parse(Capture(Manifest("h", "directory", 0), files))
    parse(running(nft=content, iptables=b"# family ip\n" + content))


def test_the_probe_says_the_family_of_each_part_on_a_line_of_its_own(tmp_path: Path) -> None:
    for family in ("", "6"):
        tool = tmp_path / f"ip{family}tables-save"
        tool.write_text(
            f"#!/bin/sh\ncat <<'END'\n# Generated by ip{family}tables-save (nf_tables)\n*filter\n:INPUT DROP [0:0]\n"
            "-A INPUT -p tcp -m tcp --dport 22 -m comment --comment 'x' -j ACCEPT\nCOMMIT\nEND\n"
        )
        tool.chmod(0o755)
    (script,) = [probe.line for probe in PROBES if isinstance(probe, Run) and probe.name == "iptables"]
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    said = subprocess.run(["sh", "-c", script], env=env, capture_output=True, check=True).stdout
    ruleset = _of(said)
    for family in ("ip", "ip6"):
        assert ruleset.passage(family, "tcp", 22) is Passage.OPEN
        assert ruleset.closed_by_default(family) is Passage.CLOSED


def _of(said: bytes) -> Ruleset:
    capture = Capture(Manifest("host", "ssh", 0), {}, {"iptables": CommandResult("iptables", said, b"", 0)})
    match parse(capture):
        case Known(firewall) if isinstance(firewall.running, Known):
            return firewall.running.value
        case other:
            raise AssertionError(other)


def test_built_in_chains_that_nobody_has_made_are_not_there() -> None:
    """As iptables-nft-save tells them all the same, where Docker has made a FORWARD alone."""
    nft = b'{"nftables": [{"chain": {"family": "ip", "table": "filter", "name": "FORWARD", "policy": "drop"}}]}'
    save = "# family ip\n# Generated by iptables-nft-save v1.8.11 (nf_tables)\n*filter\n"
    save += ":INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
    assert [chain.name for chain in known(running(nft=nft, iptables=save.encode())).chains] == ["FORWARD"]
    legacy = save.replace("# family", "# legacy").replace("-nft-", "-legacy-").replace("nf_tables", "legacy")
    assert len(known(running(nft=nft, iptables=legacy.encode())).chains) == 4


def test_ports_that_go_on_elsewhere() -> None:
    """To containers (8080), to other hosts and to other ports; not what the host itself calls, or UDP."""
    told = firewall_nft.read((HERE / "forwards.json").read_text())
    assert told is not None
    text = firewall_text.read((HERE / "forwards.nft").read_text(), "/etc/nftables.conf", lambda _: iter(()))
    for chains in (told[0], text):
        assert Ruleset(chains).forwarded() == {8443, 8000, 8001, 8002, 8010, 9000}
    docker = firewall_iptables.chains((HERE / "docker.save").read_text(), "ip")
    assert Ruleset(docker).forwarded() == {8080, 81, 8443}
    assert Ruleset(docker).forwarded({80}) == frozenset()
    assert Ruleset(told[0]).forwarded({80, 443}) == {9000}
