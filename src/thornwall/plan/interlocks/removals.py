"""Interlock: a package is removed only where its units may be switched off."""

from __future__ import annotations

from collections.abc import Sequence

from thornwall.model.change import Packages, Wish
from thornwall.plan.fix import Hold, Interlock, Situation
from thornwall.plan.fixes.services import in_inetd, units_of
from thornwall.plan.lines import off, services_of


def removing(others: Sequence[Interlock]) -> Interlock:
    """Whatever holds one of its units holds the package."""

    def lock(situation: Situation, wish: Wish) -> Hold | None:
        if not isinstance(wish, Packages) or not wish.remove:
            return None
        inetd = services_of(situation).inetd_unit
        by_inetd = (inetd.name,) if inetd is not None and in_inetd(situation, wish.remove) else ()
        ends = tuple(off(situation, (*units_of(wish.remove), *by_inetd)))
        return next((hold for each in ends for other in others if (hold := other(situation, each))), None)

    return lock
