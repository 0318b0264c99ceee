"""What each step of a plan is made of, before its wishes are merged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from thornwall.model.change import Firewall, Packages, Purpose, Sysctl, Tool, UnitsOff, UnitsOn, Wish
from thornwall.model.finding import Finding
from thornwall.model.plan import Mend, Undoing
from thornwall.plan import files
from thornwall.plan.fix import Fix

SYSCTLS = "/etc/sysctl.d/99-thornwall.conf"
_LATER = "-at-first-start"
_COMES_ALONG = (
    "What they need comes along with them. What packages set up by themselves (modules of PAM in /etc/pam.d, say) "
    "holds at once, and until they are removed again."
)
_RUNS_ON = (
    "Services that are updated while they run start anew with the change that follows, under its guard; what uses an "
    "updated library, or the kernel, goes on with the old one until it, or the device, is restarted."
)
_AT_ONCE = (
    "Services that are updated while they run start anew; what uses an updated library, or the kernel, goes on with "
    "the old one until it, or the device, is restarted."
)
_THEN = "What listens on no port in the first minutes of that start is closed to others until you allow its port."
_COUNTED = "Whoever opens six SSH connections within half a minute has to wait for as long."
_PACKAGE_TITLES = {
    "install": "Install packages",
    "upgrade": "Install the updates that are waiting",
    "refresh": "Fetch the lists of packages",
    "remove": "Remove packages whose service nobody needs",
}


@dataclass(slots=True)
class Draft:
    """What one step is made of, before its wishes are merged."""

    fix: Fix
    mends: list[Mend] = field(default_factory=list)
    wishes: dict[Wish, None] = field(default_factory=dict)
    may_break: dict[str, None] = field(default_factory=dict)
    titles: dict[str, None] = field(default_factory=dict)
    undoing: Undoing = Undoing.EXACT
    awaits_reboot: bool = False
    purpose: Purpose = Purpose.PERMISSIONS
    after: dict[str, None] = field(default_factory=dict)
    first_start: bool = False

    @property
    def name(self) -> str:
        """The id of the step."""
        if self.purpose.packages:
            return next(f"packages-{kind}" for kind, title in _PACKAGE_TITLES.items() if title in self.titles)
        return f"{self.fix.step}{_LATER * self.first_start}"

    def take(self, other: Draft) -> None:
        """Everything of `other` too."""
        self.mends += [mend for mend in other.mends if mend not in self.mends]
        self.wishes |= other.wishes
        self.may_break |= other.may_break
        self.titles |= other.titles
        self.after |= other.after
        self.purpose = max(self.purpose, other.purpose)
        self.awaits_reboot = self.awaits_reboot or other.awaits_reboot
        if other.undoing is not Undoing.EXACT:
            self.undoing = other.undoing


def add(drafts: dict[str, Draft], fix: Fix, finding: Finding, wishes: Sequence[Wish], *, first_start: bool) -> None:
    """To the step of the fix; packages have steps of their own, which come first."""
    mend = Mend(finding.rule, finding.subject, finding.title)
    packages = [wish for wish in wishes if isinstance(wish, Packages)]
    rest = [wish for wish in wishes if not isinstance(wish, Packages)]
    for wish in packages:
        kind = "upgrade" if wish.upgrade else "install" if wish.install else "remove" if wish.remove else "refresh"
        draft = drafts.setdefault(f"packages-{kind}", Draft(fix, first_start=first_start))
        draft.take(Draft(fix, [mend], {wish: None}, undoing=Undoing.KEEPS if wish.upgrade else Undoing.EXACT))
        if wish.remove and finding.remedy.may_break:
            draft.may_break[finding.remedy.may_break] = None
        if wish.install:
            draft.may_break[_COMES_ALONG] = None
        if wish.upgrade:
            draft.may_break[_AT_ONCE if first_start else _RUNS_ON] = None
        draft.purpose = Purpose.REMOVALS if wish.remove else Purpose.PACKAGES
        draft.titles = {_PACKAGE_TITLES[kind]: None}
    if rest:
        counted = (_COUNTED,) if any(isinstance(wish, Firewall) and wish.limit for wish in rest) else ()
        breaks = (*fix.may_break, *counted, *filter(None, [finding.remedy.may_break]))
        draft = drafts.setdefault(f"{fix.step}{_LATER * first_start}", Draft(fix, first_start=first_start))
        draft.take(
            Draft(
                fix,
                [mend],
                dict.fromkeys(rest),
                dict.fromkeys((_THEN,) if first_start and fix.purpose is Purpose.FIREWALL else breaks),
                {fix.title: None},
                fix.undoing,
                fix.awaits_reboot,
                fix.purpose,
                {"packages-install": None} if any(not wish.remove for wish in packages) else {},
            )
        )


def joined(drafts: Iterable[Draft]) -> list[Draft]:
    """Steps that write the same file, or switch the same unit, are one step: it is done once."""
    done: list[Draft] = []
    for draft in drafts:
        touched = {name for wish in draft.wishes for name in _touched(wish)}
        alike = [each for each in done if each.first_start is draft.first_start]
        same = [each for each in alike if touched & {name for wish in each.wishes for name in _touched(wish)}]
        if not same:
            done.append(draft)
            continue
        first, *others = same
        first.take(draft)
        for other in others:
            first.take(other)
            done.remove(other)
    return done


def _touched(wish: Wish) -> tuple[str, ...]:
    match wish:
        case Sysctl():
            return (SYSCTLS,)
        case UnitsOff(units=names) | UnitsOn(units=names):
            return names
        case Tool(name=name):
            return (name,)
        case _:
            return tuple(filter(None, [files.path_of(wish)]))
