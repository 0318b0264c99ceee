"""What one run of the bench found, as JSON and as the tables of docs/performance.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.figures import HEADINGS, Figure, number
from bench.machine import Machine
from bench.ours import BenchError

_TABLE = re.compile(r"(<!-- measured -->\n).*?(<!-- end -->\n)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Run:
    """How long a program took: median seconds, CPU seconds of the host meanwhile, and of how many runs."""

    program: str
    seconds: float
    cpu: float
    runs: int


@dataclass(frozen=True, slots=True)
class Record:
    """`date`: ISO; `release`: the lab host's; `steps`: processes of each part of the script, most first."""

    date: str
    release: str
    machine: Machine
    figures: Sequence[Figure]
    runs: Sequence[Run]
    steps: dict[str, int]

    @property
    def title(self) -> str:
        """What the table is of."""
        return f"thornwall on the planted {self.release} host, {self.date}: {self.machine.words}"


def write_json(record: Record, path: Path) -> None:
    """All of it, for programs."""
    whole = asdict(record) | {"figures": [asdict(figure) | {"ok": figure.ok} for figure in record.figures]}
    path.write_text(json.dumps(whole, indent=1) + "\n")


def update_page(record: Record, path: Path) -> None:
    """Replace the tables between the marks in a page. BenchError when it has none."""
    text = path.read_text()
    changed, count = _TABLE.subn(lambda marks: marks[1] + "\n" + "\n".join(_page(record)) + "\n" + marks[2], text)
    if count != 1:
        raise BenchError(f"{path} has no place for the figures: <!-- measured --> and <!-- end -->")
    path.write_text(changed)


def _page(record: Record) -> Iterator[str]:
    yield f"Measured on {record.date} with the planted {record.release} host: {record.machine.words}."
    yield ""
    yield from _table((*HEADINGS, "how"), ((*figure.cells, figure.how) for figure in record.figures))
    if record.runs:
        yield ""
        yield from _table(
            ("whole run", "wall time, median", "CPU time of the host", "runs"),
            ((run.program, f"{number(run.seconds)} s", f"{number(run.cpu)} s", str(run.runs)) for run in record.runs),
        )
    yield ""
    yield "Processes on the device, by the part of the script that starts them (each `run` is one `timeout` as well):"
    yield ""
    yield ", ".join(f"{name} {count}" for name, count in record.steps.items()) + "."


def _table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    headings = list(headings)
    yield f"| {' | '.join(headings)} |"
    yield "|" + " --- |" * len(headings)
    for row in rows:
        yield f"| {' | '.join(row)} |"
