"""python -m bench: measure every promise of docs/performance.md on this machine. As root; takes minutes."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from rich.console import Console

from bench import controller, device
from bench.figures import Figure, spread, table
from bench.machine import describe
from bench.memory import memory
from bench.ours import BenchError, User, say, start_up, user_of
from bench.peers import Comparison, compare
from bench.record import Record, update_page, write_json
from bench.trace import Processes, processes
from bench.trace import missing as missing_tracer
from tests import lab
from tests.lab.settings import RELEASES

_HERE = Path(__file__).parent
_PAGE = _HERE.parent / "docs/performance.md"


def main() -> int:
    """Exit status: 0 every promise is kept, 1 one is not, 2 they could not be measured."""
    options = _parser().parse_args()
    reason = lab.missing() or missing_tracer()
    if reason:
        say(reason)
        return 2
    try:
        record = _measure(options)
        if options.update_docs:
            update_page(record, _PAGE)
    except (BenchError, lab.LabError) as error:
        say(str(error))
        return 2
    write_json(record, _HERE / "results.json")
    Console(width=None if sys.stdout.isatty() else 150).print(table(record.figures, record.title))
    return 0 if all(figure.ok for figure in record.figures) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure what thornwall promises.")
    parser.add_argument("--release", choices=RELEASES, default=RELEASES[0], help="Debian of the lab host (%(default)s)")
    parser.add_argument("--no-peers", dest="peers", action="store_false", help="leave out lynis and oscap: two minutes")
    parser.add_argument("--rounds", type=int, default=1, help="how often each of the peers runs (%(default)s)")
    parser.add_argument("--update-docs", action="store_true", help="put the figures into docs/performance.md")
    return parser


def _measure(options: argparse.Namespace) -> Record:
    machine = describe()
    with lab.start(options.release, "planted") as host, user_of(host) as user:
        disk = list(_disk(user))  # first: what it leaves behind is left behind at the first time
        traced = processes(user)
        figures = [*_device(user, traced), *disk, *_controller(user)]
        comparison = None
        if options.peers:
            with lab.start(options.release, "planted") as copy:
                comparison = compare(user, copy, times=3, rounds=options.rounds)
    today = dt.datetime.now(dt.UTC).date().isoformat()
    compared, runs = (list(_compared(comparison)), comparison.runs) if comparison else ([], ())
    return Record(today, options.release, machine, [*compared, *figures], runs, traced.steps)


def _compared(comparison: Comparison) -> Iterator[Figure]:
    ours = median(comparison.ours)
    for peer, bound in zip(comparison.peers, (30, 10), strict=True):
        theirs = median(peer.seconds)
        how = f"{peer.name} {theirs:.1f} s; ours, whole command, {spread(comparison.ours, 's')}"
        yield Figure(f"faster than {peer.title}", bound, theirs / ours, "times", how, at_least=True)


def _disk(user: User) -> Iterator[Figure]:
    say("what is written on the device")
    paths = device.written(user)
    how = ", ".join(paths[:5]) or "every path of its disk before and after, beside what a bare login with sudo writes"
    yield Figure("device: files written outside tmpfs", 0, len(paths), "files", how)


def _device(user: User, traced: Processes) -> Iterator[Figure]:
    say("CPU time and memory on the device")
    yield Figure("device: processes", 90, traced.total, "processes", "strace: login shell, sudo and all below them")
    taken = device.cpu(user, times=7)
    how = f"all of the host, sshd and sudo too, no passwords tried; {spread(taken, 's')}"
    yield Figure("device: CPU beside passwords", 1, median(taken), "s", how)
    peak = memory(user)
    how = f"PSS of all processes {peak.processes / 1e6:.1f} MB, scratch {peak.scratch / 1e6:.1f} MB; "
    how += f"{peak.samples} looks, passwords tried"
    yield Figure("device: memory at one time", 40, peak.total / 1e6, "MB", how)


def _controller(user: User) -> Iterator[Figure]:
    """The best of many, over half a minute each: others on this machine make it slower, and nobody makes it faster."""
    say("CPU time here")
    taken = controller.cpu_per_host(user, times=25)
    yield Figure("here: CPU a host", 60, min(taken), "ms", f"SSH, parse, judge, JSON; {spread(taken, 'ms')}")
    taken = controller.judge_capture(user, user.home / "bench.tar.gz", times=100)
    yield Figure("here: parse and judge a capture", 25, min(taken), "ms", spread(taken, "ms"))
    taken = start_up("--version", times=15)
    yield Figure("thornwall --version", 0.15, min(taken), "s", spread(taken, "s"))
    taken = start_up("audit", "--help", times=15)
    yield Figure("thornwall audit --help", 0.3, min(taken), "s", spread(taken, "s"))


if __name__ == "__main__":
    sys.exit(main())
