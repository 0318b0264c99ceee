"""What is said of an `--accept` that comes to nothing."""

from __future__ import annotations

from thornwall.model.plan import Held, Plan
from thornwall.report.plan.accepting import idle

CUPS = Held("service-off", "cups-listening", "host", "It is in use.", "Say so.", "service-off:cups.service")
FIREWALL = Held("firewall-on", "no-firewall", "host", "The port is not known.", "Let it in first.")


def said(*names: str) -> list[str]:
    return list(idle(Plan("pi", held=(CUPS, FIREWALL), idle_accepts=names)))


def test_nothing_to_say() -> None:
    assert said() == []


def test_a_line_for_each() -> None:
    assert said("service-off:avahi", "firewall-on", "wifi-on") == [
        "--accept service-off:avahi comes to nothing: what it holds back here is service-off:cups.service.",
        "--accept firewall-on comes to nothing: what it holds back here, no answer unlocks: see 'unlock' in the plan.",
        "--accept wifi-on comes to nothing: it holds nothing back in this plan.",
    ]


def test_a_host_cannot_steer() -> None:
    lying = Held("service-off", "x", "host", "", "", "service-off:\x1b[2J\nevil")
    (told,) = idle(Plan("pi", held=(lying,), idle_accepts=("service-off:x",)))
    assert told == "--accept service-off:x comes to nothing: what it holds back here is service-off: evil."
