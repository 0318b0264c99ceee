"""Packages come in before the transaction, under a record of their own."""

from __future__ import annotations

from collections.abc import Callable

from thornwall.jobs.link import Link
from thornwall.model.change import Packages
from thornwall.model.plan import Plan


def packages_of(plan: Plan) -> Packages | None:
    """All package work of a plan as one; None where there is none."""
    found = [each for step in plan.steps for each in step.operations if isinstance(each, Packages)]
    if not found:
        return None
    return Packages(
        install=tuple(dict.fromkeys(name for each in found for name in each.install)),
        upgrade=any(each.upgrade for each in found),
        refresh=any(each.refresh for each in found),
    )


async def bring_packages(link: Link, wanted: Packages, step: Callable[[str], None]) -> tuple[str, ...]:
    """Install and upgrade; sentences on what did not work. What failed is left out by the plan that follows."""
    raise NotImplementedError
