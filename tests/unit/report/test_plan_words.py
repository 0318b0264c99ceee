"""Why a step is done, in words where there are few findings, and by the names of rules where there are many."""

from __future__ import annotations

from thornwall.model.plan import Mend
from thornwall.report.plan.words import why_told

TELNET = Mend("telnet-listening", "tcp/23", "Telnet answers on the network")


def test_few_findings_are_told_by_their_titles() -> None:
    wall = Mend("no-firewall", "host", "There is no firewall")
    told = "Telnet answers on the network (telnet-listening: tcp/23, tcp/2323); There is no firewall (no-firewall)"
    assert why_told((TELNET, Mend("telnet-listening", "tcp/2323", TELNET.title), wall)) == told


def test_many_are_told_by_the_names_of_their_rules() -> None:
    many = tuple(Mend(name, "host", f"All is wrong with {name}") for name in ("a", "b", "c", "d"))
    assert why_told(many) == "a; b; c; d"


def test_a_finding_without_a_title_is_told_by_its_rule() -> None:
    assert why_told((TELNET, Mend("no-firewall", "host"))) == "telnet-listening: tcp/23; no-firewall"
