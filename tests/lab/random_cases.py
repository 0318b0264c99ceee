"""What goes wrong, at a moment that is drawn: each kind of fault as a function of a host and a source of randomness.

It ends when nothing goes on any more. `play` then looks at what came of it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from random import Random

from thornwall.apply.events import Applied, Confirmed, Failed, Undone

from . import faults
from .random_faults import Bench, CutError, Said, SpoiltError, refused
from .random_plans import Drawn, broken, slow

LONG = 600
UNDO = r"/var/lib/thornwall/[0-9]+/undo\.sh"
APPLY = r"/var/lib/thornwall/[0-9]+/apply\.sh"

Kind = Callable[[Bench, Random, Drawn], None]


def play(bench: Bench, seed: int) -> tuple[str, str]:
    """One case: its fault and what came of it. SpoiltError says what is wrong."""
    name = names()[seed % len(KINDS)]
    rng = Random(f"{name} {seed}")
    if name == "two changes, the first undone first":
        return name, _stacked(bench, rng)
    drawn = bench.draw(rng)[0]
    if rng.random() < 0.4:
        steps = list(drawn.steps)
        steps.insert(rng.randint(0, len(steps)), slow(rng))
        drawn = replace(drawn, steps=tuple(steps))
    print(f"    {drawn.words}", flush=True)
    bench.known_ids = bench.ids()
    KINDS[name](bench, rng, drawn)
    bench.ended()
    outcome = bench.outcome() if bench.newest() else "never begun"
    if outcome == "confirmed":
        bench.is_made(drawn)
        _undone(bench, rng)
        outcome = "confirmed, then undone"
    elif outcome == "undone":
        outcome = "taken back"
    bench.is_back()
    return name, outcome


def names() -> list[str]:
    """All kinds of faults."""
    return list(KINDS)


def _undone(bench: Bench, rng: Random, id_: str = "") -> None:
    """Asked for; from where it pleases."""
    ssh = rng.random() < 0.3
    said = bench.undo(id_, ssh=ssh)
    for _ in range(5):
        if said.status is not None:
            break
        # (sshd starts again with the change, and lets nobody in for a moment)
        time.sleep(1)
        said = bench.undo(id_, ssh=ssh)
    if said.status != 0 or not said.find(Undone):
        raise SpoiltError(f"it is not undone: {said}\n{bench.journal()}")


def _by_hand(bench: Bench, id_: str) -> str:
    """As somebody does who is at the machine, and reads the words."""
    return bench.inside(["sh", f"/var/lib/thornwall/{id_}/undo.sh"])


def _made(bench: Bench, rng: Random, drawn: Drawn, window: int = LONG) -> Said:
    said = bench.make(drawn, window=window, ssh=rng.random() < 0.3)
    if said.status != 0:
        raise SpoiltError(f"it is not made: {said}\n{bench.journal()}")
    return said


def _confirmed(bench: Bench, rng: Random, drawn: Drawn) -> str:
    said = _made(bench, rng, drawn)
    bench.is_made(drawn)
    done = bench.confirm(said, ssh=rng.random() < 0.5)
    if done.status != 0 or not done.find(Confirmed):
        raise SpoiltError(f"it is not confirmed: {done}")
    applied = said.find(Applied)
    assert isinstance(applied, Applied)
    return applied.id


def _nothing(bench: Bench, rng: Random, drawn: Drawn) -> None:
    _confirmed(bench, rng, drawn)


def _deadline(bench: Bench, rng: Random, drawn: Drawn) -> None:
    _made(bench, rng, drawn, window=rng.randint(3, 5))
    bench.wait(lambda: bench.outcome() == "undone", "the deadline does not come")


def _applying_killed(bench: Bench, rng: Random, drawn: Drawn) -> None:
    work = bench.begin(drawn, window=LONG)
    bench.lines(rng.randint(2, 4 + len(drawn.steps)), work)
    time.sleep(rng.uniform(0, 0.1))
    bench.kill(APPLY)
    said = work.result()
    applied = said.find(Applied)
    if said.status == 0 and isinstance(applied, Applied):
        # it was done before: or so late that it takes itself back as well, and may have done so by now
        _undone(bench, rng, applied.id)


def _undoing_killed(bench: Bench, rng: Random, drawn: Drawn) -> None:
    made = _made(bench, rng, drawn)
    applied = made.find(Applied)
    assert isinstance(applied, Applied)
    confirmed = rng.random() < 0.3 and bench.confirm(made, ssh=False).status == 0
    if confirmed or rng.random() < 0.5:
        work = bench.background(lambda: bench.undo(applied.id, ssh=False))
    else:
        start = ["systemctl", "start", f"thornwall-undo-{applied.id}.service"]
        work = bench.background(lambda: Said(status=len(bench.inside(start))))
    for _ in range(rng.randint(1, 3)):
        with suppress(SpoiltError):
            bench.wait(bench.told("TAKING_BACK"), "it does not begin", 5)
        time.sleep(rng.uniform(0, 0.7))
        bench.kill(UNDO + " --(run|deadline)")
    bench.wait(bench.over, "nobody goes on with it")
    work.result()


def _power_while_made(bench: Bench, rng: Random, drawn: Drawn) -> None:
    work = bench.begin(drawn, window=LONG)
    bench.lines(rng.randint(1, 4 + len(drawn.steps)), work)
    time.sleep(rng.uniform(0, 0.2))
    bench.power_cut()
    work.result()


def _power_once_made(bench: Bench, rng: Random, drawn: Drawn) -> None:
    _made(bench, rng, drawn)
    for _ in range(rng.randint(1, 3)):
        bench.power_cut()
        time.sleep(rng.uniform(0, 1.2))


def _power_while_undone(bench: Bench, rng: Random, drawn: Drawn) -> None:
    if rng.random() < 0.3:
        _boot_once_confirmed(bench, rng, drawn)
    elif rng.random() < 0.5:
        _confirmed(bench, rng, drawn)
    else:
        _made(bench, rng, drawn)
    work = bench.background(lambda: bench.undo(ssh=False))
    with suppress(SpoiltError):
        bench.wait(bench.told("TAKING_BACK"), "it does not begin", 5)
    time.sleep(rng.uniform(0, 0.6))
    bench.power_cut()
    work.result()


def _power_while_confirmed(bench: Bench, rng: Random, drawn: Drawn) -> None:
    made = _made(bench, rng, drawn)
    work = bench.background(lambda: bench.confirm(made, ssh=False))
    time.sleep(rng.uniform(0, 0.3))
    bench.power_cut()
    work.result()


def _boot_once_confirmed(bench: Bench, rng: Random, drawn: Drawn) -> None:
    id_ = _confirmed(bench, rng, drawn)
    if rng.random() < 0.5:
        bench.power_cut()
    else:
        bench.host.reboot()
    bench.up()
    seen = f"/etc/systemd/system/thornwall-boot-{id_}.service"
    bench.wait(lambda: not (bench.host.root / seen.lstrip("/")).exists(), "the guard of the boot stays")


def _link_cut(bench: Bench, rng: Random, drawn: Drawn) -> None:
    """By the client's end, or in the middle of the wire, where nobody is told."""
    left = rng.randint(1, 3 + len(drawn.steps))

    def count(_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise CutError

    if rng.random() < 0.5:
        bench.make(drawn, window=5, ssh=True, on=count)
        return
    work = bench.begin(drawn, window=5, ssh=True)
    bench.lines(left, work)
    with faults.cut_link(bench.host):
        bench.wait(lambda: bench.over() and bool(bench.newest()), "it does not end")
    work.result()


def _step_fails(bench: Bench, rng: Random, drawn: Drawn) -> None:
    steps = list(drawn.steps)
    steps.insert(rng.randint(0, len(steps)), broken(rng))
    said = bench.make(replace(drawn, steps=tuple(steps)), window=LONG, ssh=rng.random() < 0.3)
    if said.status != 10 or not said.find(Failed):
        raise SpoiltError(f"a step that fails was not told: {said}\n{bench.journal()}")


def _disk_full(bench: Bench, rng: Random, drawn: Drawn) -> None:
    with bench.full() as fill:
        work = bench.begin(drawn, window=rng.choice((4, LONG)))
        bench.lines(rng.randint(1, 4 + len(drawn.steps)), work)
        fill()
        # (what it says is cut short: the journal has no room)
        bench.wait(lambda: work.done() or bench.outcome() != "open" or _applied(bench), "it hangs")
        if bench.outcome() == "open" and rng.random() < 0.5:
            start = ["systemctl", "start", "--no-block", f"thornwall-undo-{bench.newest()}.service"]
            bench.inside(start)
        elif bench.outcome() == "open":
            bench.inside(["sh", f"/var/lib/thornwall/{bench.newest()}/undo.sh", "--here"])
        bench.ended()
        bench.inside(["sh", "-c", "rm /var/lib/thornwall/fill; echo >>/var/lib/thornwall/journal"])
        for path in bench.records()[-1:]:
            with (path / "journal").open("a") as journal:  # who follows it goes home
                journal.write("\n99999\t1\tUNDONE\t0001\t0\n")
        work.result()


def _applied(bench: Bench) -> bool:
    return any((path / "applied").exists() for path in bench.records()[-1:])


def _race(bench: Bench, rng: Random, drawn: Drawn) -> None:
    window = rng.randint(3, 4)
    made = _made(bench, rng, drawn, window=window)
    applied = made.find(Applied)
    assert isinstance(applied, Applied)
    time.sleep(max(0.0, applied.window + rng.uniform(-0.6, 1.0)))
    said = bench.confirm(made, ssh=rng.random() < 0.3)
    bench.ended()
    if (said.find(Confirmed) is not None) != (bench.outcome() == "confirmed"):
        raise SpoiltError(f"it said one thing and did another: {said}, {bench.states()}")


def _undone_twice_at_once(bench: Bench, rng: Random, drawn: Drawn) -> None:
    """By several at the same time, and with the deadline among them."""
    made = _made(bench, rng, drawn)
    applied = made.find(Applied)
    assert isinstance(applied, Applied)
    if rng.random() < 0.5:
        bench.confirm(made, ssh=False)
    else:
        bench.inside(["systemctl", "start", "--no-block", f"thornwall-undo-{applied.id}.service"])
    first = bench.background(lambda: bench.undo(applied.id, ssh=False))
    time.sleep(rng.uniform(0, 0.8))
    second = bench.background(lambda: bench.undo(applied.id, ssh=rng.random() < 0.3))
    time.sleep(rng.uniform(0, 0.5))
    words = _by_hand(bench, applied.id)
    for said in (first.result(), second.result()):
        if said.status != 0 or not said.find(Undone):
            raise SpoiltError(f"it was not followed to its end: {said}")
    if "as it was before" not in words and "UNDONE" not in words:
        raise SpoiltError(f"it was not followed to its end: {words}")


def _undone_while_made(bench: Bench, rng: Random, drawn: Drawn) -> None:
    work = bench.begin(drawn, window=LONG, ssh=rng.random() < 0.3)
    bench.lines(rng.randint(2, 3 + len(drawn.steps)), work)
    time.sleep(rng.uniform(0, 0.1))
    id_ = bench.newest()
    while not work.done() and bench.states().get(id_) == "rehearsal":
        time.sleep(0.01)
    _undone(bench, rng, id_)
    if work.result().status not in {0, 10}:
        raise SpoiltError(f"who made it was not told: {work.result()}")


def _storm(bench: Bench, rng: Random, drawn: Drawn) -> None:
    """systemd reads its files again, or is executed anew, all the while."""
    command = rng.choice(("systemctl daemon-reload", "systemctl daemon-reexec"))
    with faults.repeated(bench.host, command, every=rng.choice((0.3, 1.0))):
        if rng.random() < 0.5:
            began = time.monotonic()
            said = bench.make(drawn, window=6)
            bench.wait(lambda: bench.over() and (refused(said) or bool(bench.newest())), "the deadline does not come")
            if said.status == 0 and time.monotonic() - began > 25:
                raise SpoiltError("the deadline has moved")
        else:
            said = bench.make(drawn, window=LONG)
            if said.status == 0:
                bench.confirm(said, ssh=False)
    bench.up()


def _frozen(bench: Bench, rng: Random, drawn: Drawn) -> None:
    """systemd answers nobody for a while."""
    work = bench.begin(drawn, window=6)
    bench.lines(rng.randint(2, 5 + len(drawn.steps)), work)
    with faults.frozen_init(bench.host):
        time.sleep(rng.uniform(0.5, 3))
    work.result()


def _stage_killed(bench: Bench, rng: Random, drawn: Drawn) -> None:
    """Whoever prepares it dies before the change begins; the next change clears away after it."""
    work = bench.begin(drawn, window=4)
    time.sleep(rng.uniform(0.02, 1.5))
    with suppress(ProcessLookupError):
        os.killpg(bench.controller, signal.SIGKILL)
    work.result()
    # (without a timer yet, it stays until the next change, or the next boot, clears it away)
    with suppress(SpoiltError):
        bench.wait(bench.over, "it does not end", 7)
    if bench.outcome() == "rehearsal":
        bench.known_ids = bench.ids()
        other = bench.draw(rng)[0]
        said = bench.make(other, window=LONG)
        if said.status != 0:
            raise SpoiltError(f"it cannot be made after the other: {said}")
        _undone(bench, rng)


def _second_controller(bench: Bench, rng: Random, drawn: Drawn) -> None:
    """Somebody else wants a change while one is being made."""
    work = bench.begin(drawn, window=LONG)
    time.sleep(rng.uniform(0.1, 2))
    other = bench.make(bench.draw(rng)[0], window=LONG)
    said = work.result()
    if sorted((refused(said), refused(other))) != [False, True]:
        raise SpoiltError(f"not one of two: {said}, {other}")
    _undone(bench, rng)


def _edited(bench: Bench, rng: Random, drawn: Drawn) -> None:
    """Somebody edits by hand what was changed."""
    made = _made(bench, rng, drawn)
    if rng.random() < 0.5:
        bench.confirm(made, ssh=False)
    edit = "for f in /etc/odd/list /etc/lab-new.conf /etc/lab-new.d/two /etc/odd/reader.conf; do "
    # only what the change has put there
    edit += f'if grep -q "P .* $f$" /var/lib/thornwall/{bench.newest()}/items; then echo mine >>$f; fi; done'
    bench.inside(["sh", "-c", edit])
    said = bench.undo(ssh=False)
    if refused(said):
        said = bench.undo(ssh=False, force=True)
    if said.status != 0:
        raise SpoiltError(f"it is not undone: {said}")


def _stacked(bench: Bench, rng: Random) -> str:
    """One change on top of another: off they come in their order only."""
    bench.known_ids = bench.ids()
    drawn = bench.draw(rng, changes=2)
    print("    " + " / ".join(each.words for each in drawn), flush=True)
    first, second = (_confirmed(bench, rng, each) for each in drawn)
    for each in drawn:
        bench.is_made(each)
    said = bench.undo(first, ssh=rng.random() < 0.3)
    if not refused(said):
        raise SpoiltError(f"the first of two was undone: {said}")
    for each in drawn:
        bench.is_made(each)
    _undone(bench, rng, second)
    bench.is_made(drawn[0])
    _undone(bench, rng, rng.choice((first, "")))
    bench.ended()
    bench.is_back()
    return "confirmed, then undone"


KINDS: dict[str, Kind] = {
    "nothing": _nothing,
    "nobody confirms": _deadline,
    "apply is killed": _applying_killed,
    "undo is killed": _undoing_killed,
    "power, while it is made": _power_while_made,
    "power, once made": _power_once_made,
    "power, while it is undone": _power_while_undone,
    "power, while it is confirmed": _power_while_confirmed,
    "a boot, once confirmed": _boot_once_confirmed,
    "the link is cut": _link_cut,
    "a step fails": _step_fails,
    "the disk is full": _disk_full,
    "confirmed at the deadline": _race,
    "undone by several at once": _undone_twice_at_once,
    "undone while it is made": _undone_while_made,
    "systemd is reloaded all the while": _storm,
    "systemd is frozen": _frozen,
    "who prepares it is killed": _stage_killed,
    "a second controller": _second_controller,
    "somebody edits": _edited,
    "two changes, the first undone first": lambda *_: None,
}
