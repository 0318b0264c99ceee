"""Hosts with the faults of the booted laws, captured for the laws in memory: python -m tests.lab.laws_captures"""

import asyncio
import sys
import tempfile
from pathlib import Path

from thornwall.collect.archive import save
from thornwall.jobs.plan import look

from .host import start
from .laws import FINISH, PRELUDE, Owner, Trial, judging, linked, wishes
from .laws_trials import MAIN, OTHER

FOLDER = Path(__file__).parent.parent / "hosts"


def main() -> int:
    """Exit status: 0."""
    for trial in (MAIN, OTHER):
        with tempfile.TemporaryDirectory() as home:
            _capture(trial, "trixie", Path(home))
    return 0


def _capture(trial: Trial, release: str, home: Path) -> None:
    with start(release, "planted", packages=trial.packages) as host:
        plants = "".join(f"\n{case.plant}\n" for case in trial.on(release))
        host.run(["sh", "-c", PRELUDE + trial.prepare + plants + FINISH], timeout=120, check=True)
        there = linked(host, home, Owner(host), host.address)
        planned = asyncio.run(look(there, judging(trial), wishes(trial), lambda _: None))
        save(planned.situation.capture, FOLDER / f"laws-{trial.name}-{release}.tar.gz")


if __name__ == "__main__":
    sys.exit(main())
