"""What an audit costs the machine that thornwall runs on, beyond starting Python."""

from __future__ import annotations

import datetime as dt
import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.ours import User
from thornwall.collect.archive import load
from thornwall.jobs.audit import assess
from thornwall.jobs.judging import Judging
from thornwall.jobs.reach import Reaching, read_target
from thornwall.report import render
from thornwall.transport.base import Nobody

# Short measurements come in rounds with seconds between them: no busy moment of the machine has them all.
_ROUND = 5
_PAUSE = 1.5


def cpu_per_host(user: User, *, times: int) -> list[float]:
    """CPU milliseconds of this process for each of several audits of a host: SSH, parsing, judging, JSON."""
    with _home(user.home):
        _audit(user)  # imports, and connects for the first time
        return [_cpu(lambda: _audit(user)) for _ in range(times)]


def judge_capture(user: User, path: Path, *, times: int) -> list[float]:
    """Milliseconds from a capture's file to its report, several times; `path` is where to put the capture."""
    user.capture(path)
    judging = Judging(today=_today())
    assess(load(path), judging)
    taken = []
    for at in range(times):
        if at % _ROUND == 0:
            time.sleep(_PAUSE)
        taken.append(_wall(lambda: assess(load(path), judging)))
    return taken


def _audit(user: User) -> None:
    reaching = Reaching(password_seconds=0)
    answer = read_target(user.target, reaching, Nobody(), lambda _: None)
    render(assess(answer.capture, Judging(today=_today()), address=answer.address), "json")


def _today() -> str:
    return dt.datetime.now(dt.UTC).date().isoformat()


def _cpu(act: Callable[[], object]) -> float:
    before = resource.getrusage(resource.RUSAGE_SELF)
    act()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def _wall(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


@contextmanager
def _home(path: Path) -> Iterator[None]:
    before = os.environ.get("HOME", "/")
    os.environ["HOME"] = str(path)
    try:
        yield
    finally:
        os.environ["HOME"] = before
