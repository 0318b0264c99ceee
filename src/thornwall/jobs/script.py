"""A plan as the very script that would carry it out."""

from __future__ import annotations

from thornwall import __version__
from thornwall.apply.compile import Transaction, transaction_script
from thornwall.jobs.follow import new_nonce
from thornwall.jobs.harden import without_packages
from thornwall.model.plan import Plan
from thornwall.plan.planner import Choice


def script_of(plan: Plan, choice: Choice, *, window: int = 180) -> str:
    """The script of the transaction, with a nonce of its own. Passwords stand in it nowhere: it asks for none."""
    return transaction_script(
        Transaction(
            nonce=new_nonce(),
            steps=without_packages(plan.steps),
            window=window,
            title=choice.titled(plan.preset),
            version=__version__,
        )
    )
