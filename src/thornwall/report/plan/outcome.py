"""What `harden` shows at its end: what it came to, proved from outside, and how to go back; or what failed, and that
the host is as it was."""

from __future__ import annotations

import shlex

from rich.console import Console
from rich.text import Text

from thornwall.model.finding import Finding, Report, Risk, Status
from thornwall.model.outcome import STARTED_AGAIN, Outcome, undo_path
from thornwall.model.plan import Mend
from thornwall.report.plan import words
from thornwall.report.ranking import Group, groups
from thornwall.report.terminal import STYLES, Page, captured
from thornwall.report.text import count, first_sentence, line
from thornwall.report.words import heading, of_status, typed, verdict

MENDED = 12  # lines of what was mended, unless verbose
LEFT = 8

_VERIFIED = (
    "The device took everything back by itself. A fresh login then found every file and every unit that the change "
    "had touched as recorded before it."
)
_NOT_BEGUN = (
    "The host keeps no record of this change: it had not begun when the connection broke, and nothing was changed. "
    "(Another machine at that address would have none either.)"
)
_PAST = (
    "Its time was up at {}: unless somebody has confirmed it, the device has taken everything back by then, if it must "
    "with a restart soon after. That was not seen from here."
)
_GAVE_UP = "Not everything could be taken back: {}. The device does not try that again before its next start."
_UNSEEN = (
    "The device takes everything back by itself{}, if it must with one restart soon after. Whether it has done so was "
    "not seen from here."
)
_NEVER = (
    "Should it never answer, something else than this change may keep it from the network: look at it with a screen "
    "and a keyboard, or pull its plug and start it again, which takes back whatever nobody confirmed."
)
_LATER = "The device tries that again when its time is up, and then restarts for it if it must."
_OWN_SCORE = "each preset counts findings of its own, and so has a score of its own"
_RESTART = "Restart when it suits you. Should SSH not come up with that start, the device takes the change back:"
_NEWER = "The upgrades stay: older versions are not brought back. "
_ON = (
    "What packages brought goes on (their settings and jobs; automatic updates, where these came), until they are "
    "removed; that also puts back those that went:"
)
_FIRST_STARTS = (
    "What its first start brings are changes of their own (thornwall history): undo those first, the newest before the "
    "others. Until it is done, undoing this one ends the job as well."
)
_UNPROVED = "The change is on the device, and not all that was to be proved of it held."


def brought(outcome: Outcome) -> str:
    """How many packages came, went and are newer: what is not taken back with the change."""
    of = outcome.brought
    told = [f"{count(of.came, 'package')} that came"] * bool(of.came)
    told += [f"{count(of.went, 'package')} that went"] * bool(of.went)
    told += [count(of.upgraded, "upgrade")] * bool(of.upgraded)
    return " and ".join(filter(None, [", ".join(told[:-1]), *told[-1:]])) or "its packages"


def render(outcome: Outcome) -> str:
    """Plain text, 100 columns wide, in full."""
    return captured(lambda console: render_terminal(outcome, console, verbose=True))


def render_terminal(outcome: Outcome, console: Console, *, verbose: bool = False) -> None:
    """Print it. `verbose`: everything that was mended and is left."""
    with Ending(console, verbose=verbose) as ending:
        ending.verdict(outcome)
        ending.proofs(outcome)
        if outcome.after is not None and not outcome.taken_back:
            ending.not_done(outcome)
            ending.standings(outcome.before, outcome.after)
            ending.mended(outcome.before, outcome.after)
            ending.fresh(outcome.before, outcome.after)
            ending.left(outcome.before, outcome.after, (*outcome.to_come, *outcome.at_start))
            ending.coming("Mended at its first start", outcome.before, outcome.after, outcome.to_come)
            ending.coming("Mended by a restart", outcome.before, outcome.after, outcome.at_start)
            ending.unseen(outcome.before, outcome.after, (*outcome.to_come, *outcome.at_start))
        ending.remarks(outcome)
        ending.way_back(outcome)


class Ending(Page):
    """The parts of it, in the order in which they are read."""

    def verdict(self, outcome: Outcome) -> None:
        """In one line how it ended; then, if it did not go well, why, and what state the host is in."""
        name = heading(outcome.before)
        self.blank()
        if outcome.stands:
            self.hardened(outcome, name)
            return
        if not outcome.begun:
            self.say(Text(f" NOT BEGUN: {name} is as it was before ", style="bold black on yellow"))
        elif outcome.taken_back and outcome.verified:
            but = f", but for {brought(outcome)}" if outcome.packages else ""
            self.say(Text(f" TAKEN BACK: {name} is as it was before{but} ", style="bold black on yellow"))
        elif outcome.gave_up:
            self.say(Text(f" NOT AS BEFORE: not all of {name} could be taken back ", STYLES[Risk.EXTREME]))
        elif outcome.taken_back:
            self.say(Text(f" TAKING BACK: it was not seen that {name} is as it was before ", STYLES[Risk.EXTREME]))
        else:
            self.say(Text(f" FAILED: look at {name} ", STYLES[Risk.EXTREME]))
        self.blank()
        for label, told in self.reasons(outcome):
            self.labelled(label, told, indent=2, width=8)

    def hardened(self, outcome: Outcome, name: str) -> None:
        """That it stays; and loudly, what is left that anybody can take the device over by."""
        extreme = outcome.after.summary().get(str(Risk.EXTREME), 0) if outcome.after else 0
        done = "confirmed" if outcome.before.live else "made"
        if outcome.not_done:
            told = f"{name} is hardened in part: {count(len(outcome.not_done), 'step')} could not be done. "
            self.say(Text(told, style="bold yellow").append(f"The rest is {done}.", style=""))
            if not extreme:
                return
        elif not extreme:
            end = ", and the change is confirmed." if outcome.before.live else ", as far as it can be at rest."
            self.say(Text().append(f"{name} is hardened", style="bold green").append(end))
            return
        self.say(
            Text(f"The change of {name} is {done}. ", style="bold").append(
                f"{count(extreme, 'extreme finding')} {'is' if extreme == 1 else 'are'} left.", STYLES[Risk.EXTREME]
            )
        )

    def reasons(self, outcome: Outcome) -> list[tuple[str, str]]:
        """(label, sentence) of what failed, what the host's state is, and what to do."""
        told = [("host", line(outcome.target))] if outcome.target else []
        told += [("why", line(outcome.failed))] if outcome.failed else []
        told += [
            ("failed", ": ".join(filter(None, [line(proof.name), line(proof.detail)])))
            for proof in outcome.proofs
            if not proof.ok
        ]
        target = " ".join([typed(outcome.target), *map(shlex.quote, outcome.reaching)])
        if outcome.gave_up:
            next_ = f"Mend that; then, to take back the rest: thornwall undo {target}"
            return [*told, ("now", _GAVE_UP.format(line(outcome.stuck))), ("next", next_)]
        if outcome.stuck:
            told.append(("at first", f"Not everything went back at once: {line(outcome.stuck)}. {_LATER}"))
        if outcome.taken_back and outcome.verified:
            more = " ".join(["", *map(shlex.quote, outcome.again)])
            look = (
                "Look into what failed, in the host's journal say (sudo journalctl --since -15min); then, to try again"
            )
            lost = [proof.detail for proof in outcome.proofs if not proof.ok]
            known = STARTED_AGAIN in " ".join([outcome.failed, *outcome.notes, *lost])
            known = known and all(STARTED_AGAIN in each for each in lost)
            again = f"{'To try again' if known else look}: thornwall harden {target}{more}"
            return [*told, ("now", _VERIFIED if outcome.begun else _NOT_BEGUN), ("next", again)]
        if outcome.taken_back:
            by = f" when its time is up ({outcome.by})" if outcome.by else ""
            now = _PAST.format(outcome.by) if outcome.late else _UNSEEN.format(by)
            when = f"It answers, but {line(outcome.refused)}. To look" if outcome.refused else "Once it answers"
            told += [("now", now), ("next", f"{when}: thornwall status {target}")]
            return told if outcome.refused or not outcome.before.live else [*told, ("or else", _NEVER)]
        next_ = f"thornwall status {target}; to go back: thornwall undo {target}"
        return [*told, ("now", _UNPROVED), ("next", next_)]

    def proofs(self, outcome: Outcome) -> None:
        """What was tried from outside."""
        if not outcome.proofs:
            return
        tried = [proof for proof in outcome.proofs if proof.tried]
        missing = len(outcome.proofs) - len(tried)
        held = f"{sum(proof.ok for proof in tried)} of {len(tried)}"
        self.title("Proved from outside", held + f", {missing} could not be tried" * bool(missing))
        yes, no = ("ok", "NO") if self.ascii else ("✓", "✗")
        for proof in outcome.proofs:
            mark = Text(yes, style="bold green") if proof.ok else Text(no, style="bold red")
            text = Text(line(proof.name), style="" if proof.ok else "bold")
            if not proof.tried:
                mark, text = Text("?", style="bold yellow"), Text(f"not tried: {line(proof.name)}")
            if proof.detail or not proof.ok:
                text.append(f"  {line(proof.detail) or 'did not hold'}", style="dim")
            self.row([(mark, 2)], text, 2)

    def not_done(self, outcome: Outcome) -> None:
        """Steps that were agreed to and left out."""
        if outcome.not_done:
            self.title("Not done", "what is needed for it did not come; the notes tell why", "bold yellow")
            for title in outcome.not_done:
                self.say(line(title), 2)

    def standings(self, before: Report, after: Report) -> None:
        """Score and counts, side by side."""
        self.title("Before and after", _OWN_SCORE * (before.preset != "recommended"))
        self.row([(Text("before"), 7)], self.bar(before.score), 2)
        self.row([(Text("after"), 7)], self.bar(after.score).append(f"  {verdict(after)}"), 2)
        self.blank()
        arrow = "->" if self.ascii else "→"
        for name, told, old, new in words.changes(before.summary(), after.summary()):
            if old or new or name in set(Risk):
                style = STYLES[Risk(name)] if name in set(Risk) and new else "bold"
                number = Text(f"{old:>4} {arrow} ").append(f"{new:>3}", style=style if old != new else "dim")
                self.row([(Text(told), 10)], number, 2)

    def mended(self, before: Report, after: Report) -> None:
        """The findings that are no more."""
        unseen = _unseen(before, after)  # not seen is not mended
        if gone := [finding for finding in _gone(before, after) if finding not in unseen]:
            self.title("Mended", count(len(gone), "finding"))
            self.findings(gone, MENDED)

    def fresh(self, before: Report, after: Report) -> None:
        """What fails now and did not before: there should be none."""
        known = {(finding.rule, finding.subject) for finding in before.failed()}
        new = [finding for finding in after.failed() if (finding.rule, finding.subject) not in known]
        if new:
            self.title("New", f"{count(len(new), 'finding')} that the audit before did not have", "bold red")
            self.findings(new, LEFT, remedy=True)

    def left(self, before: Report, after: Report, to_come: tuple[Mend, ...]) -> None:
        """What still fails, and how to begin with it; what comes by itself is none of the owner's work."""
        known = {(finding.rule, finding.subject) for finding in before.failed()}
        known -= {(mend.rule, mend.subject) for mend in to_come}
        left = [finding for finding in after.failed() if (finding.rule, finding.subject) in known]
        if left:
            self.title("Left", count(len(left), "finding"))
            self.findings(left, LEFT, remedy=True)

    def coming(self, title: str, before: Report, after: Report, mends: tuple[Mend, ...]) -> None:
        """What is a finding still, and will be none by what is still to be done."""
        coming = {(mend.rule, mend.subject) for mend in mends}
        found = [each for each in (*after.failed(), *_unseen(before, after)) if (each.rule, each.subject) in coming]
        if found:
            self.title(title, count(len(found), "finding"))
            self.findings(found, LEFT)

    def unseen(self, before: Report, after: Report, to_come: tuple[Mend, ...]) -> None:
        """What was a finding, and could not be judged any more."""
        coming = {(mend.rule, mend.subject) for mend in to_come}
        if found := [each for each in _unseen(before, after) if (each.rule, each.subject) not in coming]:
            self.title("Not known now", f"{count(len(found), 'finding')} of before, which could not be judged again")
            self.findings(found, LEFT)

    def findings(self, found: list[Finding], most: int, *, remedy: bool = False) -> None:
        """One line a group, worst first."""
        ranked = sorted(groups(found), key=lambda group: -group.lead.risk.rank)
        for group in ranked[: None if self.verbose else most]:
            self.finding(group, remedy=remedy)
        if len(ranked) > most and not self.verbose:
            rest = sum(len(group.findings) for group in ranked[most:])
            self.say(Text(f"… and {count(rest, 'finding')} more: --verbose shows them.", style="dim"), 2)

    def finding(self, group: Group, *, remedy: bool) -> None:
        """Risk, title and subjects; the first sentence of its remedy."""
        lead = group.lead
        subjects = list(dict.fromkeys(line(found.subject, 100) for found in group.findings if found.subject != "host"))
        shown = subjects if self.verbose else subjects[:3]
        more = f" and {len(subjects) - len(shown)} more" if len(subjects) > len(shown) else ""
        text = Text(line(lead.title)).append(f": {', '.join(shown)}{more}" if shown else "")
        self.row([(Text(str(lead.risk), style=STYLES[lead.risk] if remedy else "dim"), 7)], text, 2)
        if remedy:
            self.say(Text(first_sentence(lead.remedy.text), style="dim"), 10)

    def remarks(self, outcome: Outcome) -> None:
        """What awaits a restart, and whatever else is to be said."""
        if outcome.awaits_reboot and not outcome.taken_back:
            self.title("Awaits a restart", "no full effect before")
            self.say(_RESTART, 2)
            for title in outcome.awaits_reboot:
                self.say(line(title), 2)
        if outcome.notes:
            self.title("Notes")
            for note in outcome.notes:
                self.say(line(note), 2)

    def way_back(self, outcome: Outcome) -> None:
        """How to undo it, now and for ever, with this program and without."""
        target = " ".join([typed(outcome.target), *map(shlex.quote, outcome.reaching)])
        number, packages = line(outcome.transaction), line(outcome.packages)
        if outcome.taken_back:
            if packages:
                self.title("Still there", f"{brought(outcome)}: change {packages}")
                self.say((_NEWER if outcome.brought.upgraded else "") + _ON, 2)
                self.command(f"thornwall undo {target} {shlex.quote(packages)}", 2)
            return
        if not number:
            return
        along = f", and {packages} for its packages, which goes with it" if packages else ""
        self.title("To go back", f"change {number}{along}")
        self.command(f"thornwall undo {target} {shlex.quote(number)}", 2)
        if outcome.undo:
            self.say("Or on the device itself, without this program, Python or a network; it can be read first:", 2)
            self.command(f"sudo sh {shlex.quote(line(outcome.undo))}", 2)
            if packages:
                self.command(f"sudo sh {shlex.quote(undo_path(packages))}", 2)
        if outcome.to_come:
            self.say(_FIRST_STARTS, 2)


def _gone(before: Report, after: Report) -> list[Finding]:
    """What fails no more."""
    still = {(finding.rule, finding.subject) for finding in after.failed()}
    return [finding for finding in before.failed() if (finding.rule, finding.subject) not in still]


def _unseen(before: Report, after: Report) -> list[Finding]:
    """What fails no more, and may be there still: its rule cannot judge any more what it could before."""
    known = {(finding.rule, finding.subject) for finding in of_status(before, Status.UNKNOWN)}
    unseen = {each.rule for each in of_status(after, Status.UNKNOWN) if (each.rule, each.subject) not in known}
    return [finding for finding in _gone(before, after) if finding.rule in unseen]
