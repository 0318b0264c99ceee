"""A plan as the very script that would carry it out."""

from __future__ import annotations

from thornwall import __version__
from thornwall.apply.compile import Transaction, transaction_script
from thornwall.apply.text import comment
from thornwall.jobs.follow import new_nonce
from thornwall.jobs.harden import without_packages
from thornwall.jobs.packages import packages_of
from thornwall.model.plan import Plan
from thornwall.plan.planner import Choice


def script_of(plan: Plan, choice: Choice, *, root: str = "/", window: int = 180) -> str:
    """The script of the transaction, with a nonce of its own. Passwords stand in it nowhere: it asks for none.

    `root`: where the system is mounted. Packages come before, by a script of their own: the top says what that does.
    """
    return _packages(plan) + transaction_script(
        Transaction(
            nonce=new_nonce(),
            steps=without_packages(plan.steps),
            window=window,
            root=root,
            title=choice.titled(plan.preset),
            version=__version__,
        )
    )


def _packages(plan: Plan) -> str:
    work = packages_of(plan)
    if work is None:
        return ""
    done = [f"apt-get install {' '.join(work.install)}"] * bool(work.install)
    done += ["apt-get upgrade"] * work.upgrade + [f"apt-get remove {' '.join(work.remove)}"] * bool(work.remove)
    told = "".join(f"#   {comment(each)}\n" for each in done or ["apt-get update"])
    return f"# 'thornwall harden' does this first, and plans anew with what it brings; this script does not:\n{told}"
