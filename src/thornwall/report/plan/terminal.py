"""A plan on a terminal: what will happen, why, what it may break and how it is taken back, before anybody says yes."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from thornwall.model.change import Purpose
from thornwall.model.finding import Risk
from thornwall.model.plan import Held, Mend, Plan, Standing, Step
from thornwall.model.rule import Preset
from thornwall.report.plan import accepting, beware, onward, operations, words
from thornwall.report.plan.diff import Line
from thornwall.report.plan.operations import Shown
from thornwall.report.ranking import Group, groups
from thornwall.report.terminal import STYLES, Page, captured
from thornwall.report.text import brief, count, first_sentence, line
from thornwall.report.words import heading, machine

DIFF = 12  # lines of one diff, unless verbose
ALIKE = 6  # changes of one kind in one step, unless verbose
BROKEN = 260  # characters of what a step may break, unless verbose; whole sentences
_LONG = 300  # characters of one line of a diff, unless verbose
_SIGNS = {"+": "green", "-": "red", " ": "", "@": "cyan", "\\": "dim"}
_VERBS = {"new": "green", "remove": "red", "mask": "red", "stop": "red"}


def render(plan: Plan) -> str:
    """Plain text, 100 columns wide, with every diff in full."""
    return captured(lambda console: render_terminal(plan, console, verbose=True))


def render_terminal(plan: Plan, console: Console, *, verbose: bool = False, window: int | None = None) -> None:
    """Print the plan. `verbose`: every diff, subject and sentence in full. `window`: of `harden`, which has asked."""
    with Sheet(console, verbose=verbose) as sheet:
        sheet.refused(plan)
        sheet.host(plan)
        sheet.summary(plan)
        for purpose, steps in words.grouped(plan.steps):
            sheet.purpose(purpose, steps)
        sheet.held(plan)
        sheet.questions(plan, asked=window is not None)
        sheet.by_hand(plan)
        sheet.onward(plan, window)


def render_step(step: Step, number: int, console: Console, *, verbose: bool = False) -> None:
    """Print one step of a plan, by its number there."""
    with Sheet(console, verbose=verbose) as sheet:
        sheet.step(number, step)
        sheet.blank()


class Sheet(Page):
    """The parts of a plan, in the order in which they are read."""

    def refused(self, plan: Plan) -> None:
        """First and loud: why nothing may be changed at all."""
        if not plan.refused:
            return
        self.blank()
        self.say(Text().append(f" {words.REFUSED.upper()} ", style=STYLES[Risk.EXTREME]))
        for held, _ in words.alike(plan.refused):
            self.blank()
            self.reason(held)

    def reason(self, held: Held) -> None:
        """Why an interlock holds, and what unlocks it."""
        self.row([(Text("!", style="bold red"), 1)], Text(line(held.why), style="bold"), 2)
        self.labelled("unlock", line(held.unlock), width=8)

    def host(self, plan: Plan) -> None:
        """Which host it is, and how it was reached."""
        host = words.host(plan)
        name = Text().append(heading(host), style="bold")
        if plan.target and line(plan.target) != heading(host):
            name.append(f"  {line(plan.target, 120)}", style="dim")
        self.blank()
        self.say(name)
        own = "" if plan.preset is Preset.RECOMMENDED else " (with a score of its own: it counts other findings)"
        for told in (machine(host), f"preset {plan.preset.name.lower()}{own}", words.way_in(plan.way_in)):
            if told:
                self.say(Text(told, style="dim"))
        self.blank()

    def summary(self, plan: Plan) -> None:
        """What it comes to: how much changes, the score and the counts before and after, what to know first."""
        if not plan.steps:
            self.say(Text("Nothing would be changed.", style="bold"))
        else:
            steps, mends = count(len(plan.steps), "step"), count(len(plan.mends), "finding")
            self.say(Text().append(f"{steps} would mend {mends}. ", style="bold").append("Nothing has been changed."))
            self.say(f"{', '.join(words.tally(plan))}.")
        self.blank()
        self.standings(plan.before, plan.after)
        for number, (label, told) in enumerate(beware.beware(plan)):
            if not number:
                self.blank()
            self.labelled(label, told, indent=0)

    def standings(self, before: Standing, after: Standing) -> None:
        """Score and counts, from what is to what would be."""
        arrow = "->" if self.ascii else "→"
        if before == after:
            self.say(self.bar(before.score))
            return
        self.say(self.bar(before.score).append(f"  {arrow}  ").append_text(self.bar(after.score)))
        risks, others = Text(), Text()
        for name, told, old, new in words.changes(before.summary, after.summary):
            if name in set(Risk):
                style = STYLES[Risk(name)] if new else "green" if old else "dim"
                risks.append(f"{told} {old} {arrow} ").append(f"{new}", style=style).append("   ")
            elif old or new:
                others.append(f"{told} {old} {arrow} {new}   " if old != new else f"{told} {new}   ", style="dim")
        for tally in (risks, others):
            tally.rstrip()
            if tally.plain:
                self.say(tally)
        self.say(Text(words.RECKONED, style="dim"))

    def purpose(self, purpose: Purpose, steps: list[tuple[int, Step]]) -> None:
        """All steps of one kind."""
        self.title(words.PURPOSES[purpose], words.about(purpose))
        for number, step in steps:
            self.step(number, step)

    def step(self, number: int, step: Step) -> None:  # type: ignore[override]  # a step of a plan
        """What is done, what that mends and may break, and how it is taken back."""
        self.blank()
        waits = "awaits one more restart, after its first start" if step.first_start else "awaits a restart"
        facts = [words.undoing(step), *([waits] if step.awaits_reboot else [])]
        title = Text().append(line(step.title), style="bold").append(f"  ({'; '.join(facts)})", style="dim")
        self.row([(Text(f"{number:>2}."), 3)], title)
        if step.mends:
            self.labelled("mends", words.why_told(step.mends, len(step.mends) if self.verbose else 3))
        seen: dict[str, int] = {}
        for told in operations.shown(step, 3 if self.verbose else 1, whole=self.verbose):
            seen[told.verb] = seen.get(told.verb, 0) + 1
            if self.verbose or seen[told.verb] <= ALIKE:
                self.change(told)
        for verb, number_ in seen.items():
            if not self.verbose and number_ > ALIKE:
                self.labelled(verb, Text(f"… and {number_ - ALIKE} more: --verbose shows them.", style="dim"))
        for sentence in step.may_break:
            told_ = line(sentence) if self.verbose else brief(sentence, BROKEN)
            self.row([(Text("may break", style="yellow"), 9)], told_, 4)

    def change(self, told: Shown) -> None:
        """One operation, with its diff or commands."""
        text = Text().append(told.what, style="bold")
        if told.note:
            text.append(f"  {told.note}", style="" if told.verb in {"set now", "account", "mode"} else "dim")
        self.row([(Text(told.verb, style=_VERBS.get(told.verb, "yellow")), 9)], text, 4)
        for command in told.commands:
            self.command(command, 14)
        lines = told.diff if self.verbose else _short(told.diff)
        for part in lines:
            self.difference(part)
        left = 0 if self.verbose else len(_unplaced(told.diff)) - len(lines)
        if left:
            self.say(Text(f"… {count(left, 'more line')}: --verbose shows the whole diff.", style="dim"), 14)

    def difference(self, part: Line) -> None:
        """A line of a diff; one that is too long folds under itself."""
        if part.sign == "@":
            self.say(Text(f"@@ {part.text} @@", style="cyan"), 14)
            return
        text = part.text if self.verbose or len(part.text) <= _LONG else part.text[: _LONG - 1] + "…"
        style = _SIGNS[part.sign]
        self.row([(Text(part.sign, style=style), 1)], Text(text, style=style), 14)

    def held(self, plan: Plan) -> None:
        """What interlocks hold back, why, and what unlocks each."""
        if not plan.held:
            return
        self.title("Held back", "these would strand you, or break what is in use")
        for held, mends in words.alike(plan.held):
            self.blank()
            name = Text().append(words.rules_told(mends) or line(held.interlock), style="bold")
            self.say(name.append(f"  interlock {line(held.interlock)}", style="dim"), 2)
            self.labelled("why", line(held.why))
            self.labelled("unlock", line(held.unlock))
            for label, told in accepting.unlocked_by(plan, held, mends):
                self.labelled(label, told, width=max(9, len(label)))

    def questions(self, plan: Plan, *, asked: bool) -> None:
        """What is not planned until the owner answers. `asked`: he was, and gave none."""
        if not plan.questions:
            return
        left_out = (
            "you gave none, so these are left out" if asked else "thornwall harden asks; until then these are left out"
        )
        self.title("Needs your answer", left_out)
        for question in plan.questions:
            name = words.rules_told([Mend(question.rule, question.subject)])
            self.say(Text().append(line(question.text), style="bold").append(f"  {name}", style="dim"), 2)

    def by_hand(self, plan: Plan) -> None:
        """What stays, with the first command of each remedy."""
        if not plan.by_hand:
            return
        self.title("Left to you", f"{count(len(plan.by_hand), 'finding')} that no program can mend for you")
        ranked = sorted(groups(plan.by_hand), key=lambda group: -group.lead.risk.rank)
        for group in ranked:
            self.hand(group)

    def hand(self, group: Group) -> None:
        """One finding: its risk, what it is, and how its remedy begins."""
        lead = group.lead
        subjects = list(dict.fromkeys(line(found.subject, 100) for found in group.findings if found.subject != "host"))
        shown = subjects if self.verbose else subjects[:3]
        more = f" and {len(subjects) - len(shown)} more" if len(subjects) > len(shown) else ""
        text = Text(line(lead.title)).append(f": {', '.join(shown)}{more}" if shown else "")
        self.row([(Text(str(lead.risk), style=STYLES[lead.risk]), 7)], text.append(f"  {line(lead.rule)}", "dim"), 2)
        if lead.remedy.commands:
            self.command(lead.remedy.commands[0], 10)
        else:
            self.say(Text(first_sentence(lead.remedy.text), style="dim"), 10)

    def onward(self, plan: Plan, window: int | None) -> None:
        """How it goes back, and what to type next."""
        self.blank()
        if not plan.steps or plan.refused:
            return
        self.say(beware.guard(plan, window))
        if command := onward.harden(plan):
            self.command(command, 0)
        more = "" if self.verbose else "--verbose shows every diff in full; "
        self.say(
            Text(f"{more}thornwall plan with --format sh prints the very script that would run.".strip(), style="dim")
        )


def _short(lines: tuple[Line, ...]) -> list[Line]:
    """The first lines of a diff, without the marks of where they stand; a diff just over the bound is whole."""
    told = _unplaced(lines)
    return told if len(told) <= DIFF + 1 else told[:DIFF]


def _unplaced(lines: tuple[Line, ...]) -> list[Line]:
    return [part for part in lines if part.sign != "@"]
