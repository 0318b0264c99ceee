"""What cannot be done to a system at rest, and is left to a job of its first start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from thornwall.model.change import ABSENT, Firewall, Packages, Tool, UnitsOn, Wish
from thornwall.model.fact import Known
from thornwall.plan.firewall_tools import chosen
from thornwall.plan.fix import Hold, Situation
from thornwall.plan.lines import services_of

FOLDER = "/etc/thornwall/first-start"
RUN = f"{FOLDER}/run.sh"
PATHS: tuple[str, ...] = (f"{FOLDER}/*",)


def by_time(situation: Situation, wishes: Sequence[Wish]) -> tuple[list[Wish], list[Wish]]:
    """What is done now, and what only a system that runs can do: nothing of the latter where it does run."""
    now = [
        wish for wish in wishes if situation.capture.live or not isinstance(wish, Packages | Firewall | Tool | UnitsOn)
    ]
    return now, [wish for wish in wishes if wish not in now]


def started(situation: Situation) -> Situation:
    """The situation as it is reckoned with for that job: the system runs, and nobody has looked at how."""
    manifest = replace(situation.capture.manifest, source="local")
    return replace(situation, capture=replace(situation.capture, manifest=manifest), first_start=True)


def held(situation: Situation, wish: Wish) -> Hold | None:
    """Why no job of the first start can do it, or may now; None where one will, or none is needed."""
    if not by_time(situation, [wish])[1]:
        return None
    if not _can_wait(situation, wish):
        what = {
            Packages: "packages are brought by a tool of its own",
            Firewall: "its firewall is set up by a tool of its own",
        }
        why = what.get(type(wish), "tools of the system itself do that")
        return Hold(
            "needs-running",
            f"The system does not run, and {why}.",
            "Start it, and run thornwall again over SSH: 'thornwall harden USER@HOST'.",
        )
    state = situation.state(RUN)
    if not isinstance(state, Known) or state.value == ABSENT:
        return None
    return Hold(
        "needs-running",
        f"The system does not run, and a job that waits for its first start is in {FOLDER} already.",
        "Start it; or take that back first: 'thornwall undo' with the same target.",
    )


def _can_wait(situation: Situation, wish: Wish) -> bool:
    """Whether it is a system of apt and systemd, whose job can do that by itself."""
    host = situation.facts.host
    if not isinstance(host, Known) or not host.value.debian_like or not services_of(situation).units:
        return False
    return not isinstance(wish, Firewall) or chosen(situation) == "ufw"
