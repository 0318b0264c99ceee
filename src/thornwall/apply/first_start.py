"""What a system at rest cannot be told to do, as files of a job that does it at its first start, and then goes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from thornwall.apply.compile import Transaction, transaction_script
from thornwall.apply.packages import packages_script, together
from thornwall.apply.text import fill, template
from thornwall.errors import UsageError
from thornwall.model.change import ABSENT, Packages, Purpose, PutFile, PutLink, Tool
from thornwall.model.plan import Step
from thornwall.plan.firewall_tools import START
from thornwall.plan.first_start import FOLDER, RUN, UNITS

STEP = "first-start"
_JOB, _FILTER = UNITS
_WINDOW = 600  # seconds: the job confirms each change at once, or not at all

_JOB_UNIT = f"""\
[Unit]
Description=Thornwall: does what could not be done while this system was at rest
After=basic.target
RequiresMountsFor=/var/lib/thornwall
ConditionPathExists={RUN}

[Service]
Type=exec
ExecStart=/bin/sh {RUN}

[Install]
WantedBy=multi-user.target
"""
# (before any address is there, whatever sets one up; a kernel without nft starts all the same. What hangs, as a program
# in rc.local does, keeps neither of them from starting)
_FILTER_UNIT = f"""\
[Unit]
Description=Thornwall: lets in SSH alone until the firewall is there
DefaultDependencies=no
RequiresMountsFor={FOLDER} /usr
Before=sysinit.target network-pre.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target
ConditionPathExists=/usr/sbin/nft

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=-/usr/sbin/nft -f {FOLDER}/early.nft

[Install]
WantedBy=sysinit.target
"""


def job(
    steps: Sequence[Step],
    *,
    title: str,
    ports: Sequence[int],
    version: str = "",
    reopens: Callable[[Step], str] = lambda _: "",
) -> Step:
    """The step that leaves a job for `steps`. `ports`: those of SSH, which stay open; `title`: of what it does;
    `reopens`: what is open again once a step is taken back, in words.

    The same steps make the same bytes.
    """
    if not all(0 < port < 65536 for port in ports):
        raise UsageError("not a port")
    nonce = hashlib.sha256(repr((steps, title, ports, version)).encode()).hexdigest()[:24]
    files = {"listening.sh": template("listening.sh")}
    work = together(each for step in steps for each in step.operations if isinstance(each, Packages))
    if work is not None:
        files["packages.sh"] = packages_script(work, nonce=nonce, version=version)
    changes = [step for step in steps if not step.purpose.packages]
    for step in changes:
        what = f"{title}, at the first start: {step.purpose.name.lower()}"
        change = Transaction(nonce, (step,), _WINDOW, title=what, reopens=reopens(step), version=version)
        files[f"{step.id}.sh"] = transaction_script(change)
    enabling = [
        step.id for step in changes if any(isinstance(each, Tool) and START in each.run for each in step.operations)
    ]
    if enabling and ports:
        files["early.nft"] = fill(template("early.nft"), {"ports": ", ".join(map(str, ports))})
    units = [(_JOB, "multi-user", _JOB_UNIT)] + [(_FILTER, "sysinit", _FILTER_UNIT)] * bool(enabling and ports)
    links = [_link(path, target) for path, target, _ in units]
    paths = [f".{each.path}" for each in links] + [f".{path}" for path, *_ in units]
    values = {
        "nonce": nonce,
        "ports": " ".join(map(str, ports)),
        "packages": " ".join(work.install) if work else "",
        "more": _more(work),
        "steps": " ".join(step.id for step in changes),
        "enabling": " ".join(enabling),
        "folder": FOLDER,
        "units": " ".join(paths),
    }
    body = "\n".join((fill(template("first_start.sh"), values), template("keep.sh"), template("common.sh"), "main\n"))
    puts = [_put(f"{FOLDER}/{name}", text) for name, text in {"run.sh": body, **files}.items()]
    return Step(
        id=STEP,
        purpose=Purpose.FIRST_START,
        title="Leave a job that does the rest when the system starts",
        operations=(*puts, *(_put(path, text) for path, _, text in units), *links),
    )


def without_later(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps that are done now."""
    return tuple(step for step in steps if not step.first_start)


def _more(work: Packages | None) -> str:
    """What there is to do besides what is installed; what goes needs no network."""
    if work is None or not (work.upgrade or work.refresh or work.remove):
        return ""
    return "lists" if work.upgrade or work.refresh or work.install else "removals"


def _link(path: str, target: str) -> PutLink:
    folder, _, name = path.rpartition("/")
    return PutLink(f"{folder}/{target}.target.wants/{name}", path)


def _put(path: str, text: str) -> PutFile:
    return PutFile(path, text.encode(), ABSENT)
