"""What cannot be done to a system at rest, and is left to a job of its first start."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from thornwall.model.change import ABSENT, Firewall, Packages, Tool, UnitsOn, Wish
from thornwall.model.fact import Known
from thornwall.plan.firewall_tools import chosen
from thornwall.plan.fix import Hold, Situation

FOLDER = "/etc/thornwall/first-start"
RUN = f"{FOLDER}/run.sh"
UNITS = (
    "/etc/systemd/system/thornwall-first-start.service",
    "/etc/systemd/system/thornwall-first-start-firewall.service",
)
_OF_ACCOUNTS = frozenset({"/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow"})
_KEEPS_NOTHING = re.compile(r"^(?:[^#\n]*\s)?(?:boot=overlay\b|overlayroot=[\"']?(?!disabled\b)[^\s\"'])", re.MULTILINE)


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
    if not any(_there(situation, path) for path in (RUN, *UNITS)):
        return None
    return Hold(
        "needs-running",
        f"The system does not run, and a job that waits for its first start is in {FOLDER} already, or a rest of one.",
        "Start it; or take that back first: 'thornwall undo' with the same target.",
    )


def waits(situation: Situation) -> bool:
    """Whether a job of the first start has not come to its end on this host, which runs."""
    return situation.capture.live and _there(situation, RUN)


def _there(situation: Situation, path: str) -> bool:
    state = situation.state(path)
    return isinstance(state, Known) and state.value != ABSENT


def _can_wait(situation: Situation, wish: Wish) -> bool:
    """Whether it is a system of apt and systemd, on a disk that keeps what is written: then a job of it can do that."""
    host, updates = situation.facts.host, situation.facts.updates
    packages = updates.value.packages if isinstance(updates, Known) else None
    if not isinstance(host, Known) or not host.value.debian_like or not isinstance(packages, Known):
        return False
    if "systemd-sysv" not in packages.value or _overlay(situation):
        return False
    if isinstance(wish, Tool):
        # the accounts of a system at rest are written now: a tool would go over them with what it found before
        return not _OF_ACCOUNTS.intersection(wish.keeps)
    # (where nobody knows on which port SSH listens, it would be shut)
    return not isinstance(wish, Firewall) or (
        chosen(situation) == "ufw" and bool(wish.allow or wish.limit or not wish.enable)
    )


def _overlay(situation: Situation) -> bool:
    """Whether its starts keep nothing: an overlay in memory, as raspi-config sets up."""
    for path in (
        "/boot/firmware/cmdline.txt",
        "/boot/cmdline.txt",
        "/etc/overlayroot.conf",
        "/etc/overlayroot.local.conf",
    ):
        match situation.capture.read(path):
            case Known(text) if _KEEPS_NOTHING.search(text):
                return True
            case _:
                pass
    return False
