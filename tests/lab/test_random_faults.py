"""Random changes × random faults × random moments, on booted hosts: all there and confirmed, or all as before.

`make test-faults` plays 300 cases, `make test` a sample. Each case is its seed: THORNWALL_FAULT_SEED="17 93" plays
these alone; THORNWALL_FAULT_CASES, THORNWALL_FAULT_FIRST: how many, and from which seed on.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import pytest

from .random_cases import names, play
from .random_faults import Bench, home_of
from .test_transaction import mutated

SAMPLE = 25
CASES_OF_A_HOST = 30
ONLY = os.environ.get("THORNWALL_FAULT_SEED", "").split()
FIRST = int(os.environ.get("THORNWALL_FAULT_FIRST", "0"))
COUNT = int(os.environ.get("THORNWALL_FAULT_CASES", str(SAMPLE)))
AT_ONCE = int(os.environ.get("THORNWALL_FAULT_HOSTS", "2"))
SEEDS = [int(seed) for seed in ONLY] or list(range(FIRST, FIRST + COUNT))


@dataclass(frozen=True)
class Case:
    """How one ended. `wrong`: empty where it is as it should be."""

    seed: int
    fault: str
    outcome: str
    wrong: str
    seconds: float


class Run:
    """Hosts that work through seeds side by side, each until it is spent."""

    def __init__(self, release: str, seeds: list[int], *, patience: float = 40) -> None:
        self._release = release
        self._patience = patience
        self._seeds = list(reversed(seeds))
        self._lock = Lock()
        self.cases: list[Case] = []

    def play(self, hosts: int) -> list[Case]:
        """All of them; as many hosts at once."""
        with ThreadPoolExecutor(hosts) as pool:
            for work in [pool.submit(self._one_after_the_other) for _ in range(hosts)]:
                work.result()
        return sorted(self.cases, key=lambda case: case.seed)

    def _next(self) -> int | None:
        with self._lock:
            return self._seeds.pop() if self._seeds else None

    def _one_after_the_other(self) -> None:
        bench: Bench | None = None
        played = 0
        try:
            while (seed := self._next()) is not None:
                if bench is None:
                    bench, played = Bench(self._release, patience=self._patience), 0
                case = self._case(bench, seed)
                played += 1
                self.cases.append(case)
                print(
                    f"seed {case.seed}: {case.fault}: {case.wrong or case.outcome} ({case.seconds:.1f} s)", flush=True
                )
                if case.wrong or played == CASES_OF_A_HOST:
                    bench.close()
                    bench = None
        finally:
            if bench is not None:
                bench.close()

    def _case(self, bench: Bench, seed: int) -> Case:
        began = time.monotonic()
        fault, outcome, wrong = names()[seed % len(names())], "", ""
        try:
            _, outcome = play(bench, seed)
        except Exception as error:  # noqa: BLE001 - whatever it is, this case has failed, and the others go on
            wrong = f"FAILED: {type(error).__name__}: {error}"
        return Case(seed, fault, outcome, wrong, time.monotonic() - began)


def summary(cases: list[Case]) -> str:
    """Counts by fault and outcome."""
    counts = Counter((case.fault, "FAILED" if case.wrong else case.outcome) for case in cases)
    lines = [f"{count:4} {fault}: {outcome}" for (fault, outcome), count in sorted(counts.items())]
    seconds = sum(case.seconds for case in cases) / max(1, len(cases))
    failed = [str(case.seed) for case in cases if case.wrong]
    lines.append(f"{len(cases)} cases, {len(failed)} failed, {seconds:.1f} s each")
    if failed:
        lines.append(f'to see these again: THORNWALL_FAULT_SEED="{" ".join(failed)}"')
    return "\n".join(lines)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home_of(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


def test_all_or_nothing(release: str, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print()
        cases = Run(release, SEEDS).play(min(AT_ONCE, len(SEEDS)))
        print(summary(cases), flush=True)
    assert [f"seed {case.seed}: {case.fault}: {case.wrong}" for case in cases if case.wrong] == []
    assert len(cases) == len(SEEDS)


MUTANTS = {
    "an undo that does nothing": (
        ("nobody confirms", 1),
        (("back.sh", "  files_back\n", "  :\n"), ("back.sh", "  verify_back\n", "  :\n")),
    ),
    "no timer": (
        ("nobody confirms", 1),
        (("guard.sh", "set_timer() {\n", "set_timer() {\n  uptime_\n  deadline=$((up + WINDOW))\n  return 0\n"),),
    ),
    "a boot that takes nothing back": (
        ("power, once made", 1),
        (("unattended.sh", "    confirmed) health ;;\n", "    open | undoing) exit 0 ;;\n    confirmed) health ;;\n"),),
    ),
    "an undo that nobody takes up again": (
        ("undo is killed", 36),
        (
            ("guard.sh", "'Restart=on-abnormal'", "'Restart=no'"),
            ("hand.sh", "Restart=on-abnormal", "Restart=no"),
        ),
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_without_its_guard_cases_fail(name: str, release: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same cases see it where a part of the guard is taken out."""
    (fault, count), changes = MUTANTS[name]
    seeds = [names().index(fault) + turn * len(names()) for turn in range(count)]
    with mutated(monkeypatch, *changes):
        # (a fault that strikes at the very end of the work is seen by nobody: then the next one)
        for first in range(0, count, AT_ONCE):
            some = seeds[first : first + AT_ONCE]
            if any(case.wrong for case in Run(release, some, patience=12).play(len(some))):
                return
    pytest.fail(f"nobody saw it in {count} cases")
