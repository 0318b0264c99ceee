"""Hosts with the faults of the booted laws, captured before a real hardening, after it, and once it is undone.

    python -m tests.lab.laws_captures [TRIAL…]

The laws in memory live on them: see tests/recorded.py. Five minutes for all, and a quarter of an hour for `machine`.
"""

import asyncio
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import cast

from tests import recorded
from thornwall.jobs.harden import harden
from thornwall.jobs.link import Link
from thornwall.jobs.plan import look
from thornwall.jobs.undo import Undoing, history, together, undo
from thornwall.model.capture import Capture
from thornwall.model.plan import Step

from . import vm
from .host import Host, start
from .laws import Owner, Trial, judging, linked, plant, wanted, wishes
from .laws_trials import RECORDED

AROUND = {"/proc/cmdline": b"quiet\n", "/proc/version": b"Linux version 6.12.0 (nobody@nowhere) #1 SMP\n"}
"""Files in which a container tells of the machine around it, and what stands in a capture in place of that."""


def main(names: list[str]) -> int:
    """Exit status: 0, or 2 for a name that is none."""
    if odd := sorted(set(names) - {trial.name for trial in RECORDED}):
        print(f"no trial: {', '.join(odd)}; there are {', '.join(trial.name for trial in RECORDED)}", file=sys.stderr)
        return 2
    for trial in RECORDED:
        if names and trial.name not in names:
            continue
        print(trial.name, flush=True)
        wished = {
            "accepts": sorted(trial.accepts),
            "machine": trial.machine,
            "only": sorted(trial.only),
            "preset": trial.preset.name,
            "skip": sorted(trial.skip),
        }
        with tempfile.TemporaryDirectory() as home:
            captures, done = _record(trial, recorded.RELEASE, Path(home))
        kept = captures if trial.machine else {when: _alone(each) for when, each in captures.items()}
        recorded.keep(trial.name, kept, wished, done)
    return 0


def _record(trial: Trial, release: str, home: Path) -> tuple[dict[str, Capture], tuple[Step, ...]]:
    """What was captured, and the steps that were done."""
    captures = {}
    with _started(trial, release) as host:
        plant(host, trial, release)
        owner = Owner(host)

        def link(address: str = host.address) -> Link:
            return linked(host, home, owner, address, patient=True)  # whatever else this machine is at

        captures["before"] = _look(trial, link())
        outcome = asyncio.run(harden(link(), judging(trial), owner, wanted(trial), _say))
        assert outcome is not None, owner.shown
        assert outcome.stands, (outcome.failed, outcome.notes, outcome.proofs)
        assert not outcome.not_done, outcome.notes
        owner.has = owner.will_have
        _start_anew(trial, host)
        other = link(host.address6 if trial.sixth else host.address)
        captures["after"] = _look(trial, other)
        _take_back(host, other)
        owner.has = host.password
        _start_anew(trial, host)
        captures["undone"] = _look(trial, link())
        return captures, owner.shown[-1].steps


def _started(trial: Trial, release: str) -> Host:
    if trial.machine:
        return cast("Host", vm.start(release))  # it has all that its owner knows of a host
    return start(release, "planted", packages=trial.packages)


def _start_anew(trial: Trial, host: Host) -> None:
    if trial.machine:
        host.reboot()


def _say(text: str) -> None:
    print(f"  {text}", flush=True)


def _look(trial: Trial, link: Link) -> Capture:
    return asyncio.run(look(link, judging(trial), wishes(trial), _say)).situation.capture


def _alone(capture: Capture) -> Capture:
    """Without what is told of the machine that records."""
    told = {path: replace(capture.files[path], content=said, size=len(said)) for path, said in AROUND.items()}
    return replace(capture, files={**capture.files, **told})


def _take_back(host: Host, link: Link) -> None:
    """The change, and the packages that came or went for it."""
    change, *packages = together(asyncio.run(history(link, _say)))
    wished = Undoing(change.id, packages[0].id if packages else "", bring_back_known_passwords=True)
    asyncio.run(undo(wished, link, _say))
    # the unit that took it back ends a moment after it has said so
    host.run("for i in $(seq 50); do systemctl is-active -q 'thornwall-*' || break; sleep 0.1; done")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
