"""The report on a terminal: one look, what to do first, then everything by risk. Good without colour too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from io import StringIO
from typing import Self

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from thornwall.model.finding import Evidence, Finding, Remedy, Report, Risk, Status
from thornwall.report.ranking import Group, Step, cures, groups, shown_first, steps
from thornwall.report.text import after_first_sentence, brief, count, first_sentence, line
from thornwall.report.words import (
    CLASSES,
    FIXABLE,
    QUESTIONS,
    REFERENCES,
    RISKS,
    attest,
    counts,
    heading,
    judged_as,
    machine,
    move,
    of_status,
    planning,
    reading,
    unseen,
    verdict,
)

STYLES = {
    Risk.EXTREME: "bold white on red",
    Risk.HIGH: "bold red",
    Risk.MEDIUM: "bold yellow",
    Risk.LOW: "bold cyan",
}
FIRST = 5  # steps of 'Do this first', and more where more are urgent
SUBJECTS = 3  # subjects of one finding, unless verbose
EVIDENCE = 2  # places of one subject, unless verbose
REMEDY = 260  # characters of a remedy, unless verbose; whole sentences
_PLAIN_WIDTH = 100
_WIDEST = 120  # columns; longer lines are hard to read


def render(report: Report) -> str:
    """Plain text, 100 columns wide."""
    return captured(lambda console: render_terminal(report, console))


def captured(show: Callable[[Console], None], width: int = _PLAIN_WIDTH) -> str:
    """What `show(console)` prints, as plain text."""
    file = StringIO()
    show(Console(file=file, width=width, color_system=None, legacy_windows=False, force_jupyter=False, _environ={}))
    return "\n".join(text.rstrip() for text in file.getvalue().splitlines()).rstrip() + "\n"


def render_terminal(report: Report, console: Console, *, verbose: bool = False, quiet: bool = False) -> None:
    """Print the report. `quiet`: only the one-look header; `verbose`: every finding, subject and place in full."""
    with Page(console, verbose=verbose) as page:
        page.header(report)
        if quiet:
            return
        page.judged(report)
        page.first(report)
        for risk in RISKS:
            page.risk(risk, [finding for finding in report.failed() if finding.risk is risk])
        page.gaps(report)
        page.manual(report)
        page.waived(report)
        page.passed(report)
        page.notes(report)


class Page:
    """Lines for a console, folded here and printed together at the end: rich's own tables take ten times as long."""

    def __init__(self, console: Console, *, verbose: bool = False) -> None:
        self.console = console
        self.verbose = verbose
        self.ascii = console.options.ascii_only
        self.width = min(console.width, _WIDEST)
        self.lines: list[Text] = []
        self.above: dict[str, int] = {}  # remedies that 'Do this first' has told, and under which number

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.console.print(Text("\n").join(self.lines), soft_wrap=True)

    def blank(self) -> None:
        """An empty line."""
        self.lines.append(Text())

    def fold(self, text: Text, width: int) -> list[Text]:
        """In lines of at most `width` columns; a word that is longer is cut."""
        if "\n" not in text.plain and cell_len(text.plain) <= width:
            return [text]
        folded = text.wrap(self.console, max(width, 8), overflow="fold")
        for part in folded:
            part.rstrip()
        return list(folded)

    def say(self, text: Text | str, indent: int = 0) -> None:
        """A paragraph that folds at the console's width."""
        self.row([], text, indent)

    def labelled(self, label: str, text: Text | str, indent: int = 4, width: int = 9) -> None:
        """A word in a narrow column and a folding paragraph at its right."""
        self.row([(Text(label, style="dim"), width)], text, indent)

    def row(self, cells: Sequence[tuple[Text, int]], text: Text | str, indent: int = 0) -> None:
        """Columns of fixed widths, each folded, and a paragraph in what is left at their right."""
        columns = [(self.fold(cell, width), width) for cell, width in cells]
        left = indent + sum(width + 1 for _, width in columns)
        text = Text(text) if isinstance(text, str) else text
        columns.append((self.fold(text, self.width - left), 0))
        for number in range(max(len(folded) for folded, _ in columns)):
            line_ = Text(" " * indent)
            owed = 0
            for folded, width in columns:
                part = folded[number] if number < len(folded) else Text()
                if part.plain:
                    line_.append(" " * owed).append_text(part)
                    owed = 0
                owed += width + 1 - part.cell_len
            self.lines.append(line_)

    def command(self, command: str, indent: int = 4, before: str = "") -> None:
        """On a line that is never broken, so that it can be copied."""
        self.lines.append(Text(f"{' ' * indent}{before}").append("$ ", style="dim").append(line(command), style="bold"))

    def title(self, text: str, note: str = "", style: str = "bold") -> None:
        """A section's heading with a rule that fills the line."""
        self.blank()
        words = Text().append(text, style=style)
        if note:
            words.append(f"  {note}")
        left = self.width - words.cell_len - 1
        self.lines.append(words.append(" " + ("-" if self.ascii else "─") * max(left, 0), style="dim"))

    def header(self, report: Report) -> None:
        """Who it is, how it stands, in one look."""
        name = Text().append(heading(report), style="bold")
        if report.target and line(report.target) != heading(report):
            name.append(f"  {line(report.target, 120)}", style="dim")
        self.blank()
        self.say(name)
        for words in (machine(report), reading(report)):
            if words:
                self.say(Text(words, style="dim"))
        self.blank()
        self.say(self.bar(report.score).append(f"  {verdict(report)}"))
        risks, others = Text(), Text()
        for key, words, number in counts(report):
            if key in set(Risk):
                risks.append(f"{number} {words}", style=STYLES[Risk(key)] if number else "dim").append("   ")
            elif number:
                others.append(f"{number} {words}").append("   ")
        for tally in (risks, others):
            tally.rstrip()
            self.say(tally)
        if words := unseen(report):
            self.say(Text(words, style="bold yellow"))

    def judged(self, report: Report) -> None:
        """What the device was taken for."""
        if told := judged_as(report):
            self.say(Text(told, style="dim"))

    def bar(self, score: int) -> Text:
        """`Score 23/100 ████░░░░`."""
        colour = "red" if score < 50 else "yellow" if score < 80 else "green"
        full, empty = ("#", ".") if self.ascii else ("█", "░")
        cells = min(max(round(score / 5), 0), 20)
        return (
            Text("Score ", style="")
            .append(f"{score}", style=f"bold {colour}")
            .append("/100 ")
            .append(full * cells, style=colour)
            .append(empty * (20 - cells), style="dim")
        )

    def first(self, report: Report) -> None:
        """The steps that take away most risk for least work, with their commands."""
        ranked = steps(report)
        if not ranked:
            return
        shown = ranked if self.verbose else shown_first(ranked, FIRST)
        self.above = {step.lead.remedy.text: number for number, step in enumerate(shown, 1)}
        self.title("Do this first", "most risk removed for the least work")
        for number, step in enumerate(shown, 1):
            self.step(number, step)
        if len(ranked) > len(shown):
            self.say(Text(f"… then {count(len(ranked) - len(shown), 'more step')}: --verbose shows them.", style="dim"))

    def step(self, number: int, step: Step) -> None:
        """One remedy: what to do, what it costs, what it mends, what to type."""
        lead = step.lead
        what = first_sentence(lead.remedy.text) or line(lead.title)
        self.blank()
        cost = ", ".join((step.effort.label, *(f"needs {need}" for need in step.needs)))
        words = Text().append(what, style="bold").append(f"  ({cost})", style="dim")
        self.row([(Text(f"{number:>2}."), 3)], words)
        if rest := after_first_sentence(self.told(lead.remedy.text)):
            self.say(rest, 4)
        for group in groups(step.findings):
            mends = Text("ends ").append(str(group.lead.risk), style=STYLES[group.lead.risk])
            self.say(mends.append(f" {line(group.lead.title)}{_subjects(group)}"), 4)
        for command in step.commands[: None if self.verbose else 6]:
            self.command(command)
        if len(step.commands) > 6 and not self.verbose:
            self.say(Text(f"… and {len(step.commands) - 6} more commands: --verbose", style="dim"), 4)

    def risk(self, risk: Risk, findings: list[Finding]) -> None:
        """All findings of one level."""
        if not findings:
            return
        self.title(str(risk).upper(), count(len(findings), "finding"), STYLES[risk])
        short = risk is Risk.LOW and not self.verbose
        for group in groups(findings):
            if short:
                self.say(f"{line(group.lead.title)}{_subjects(group)}", 2)
            else:
                self.group(group)

    def group(self, group: Group) -> None:
        """One finding in full: what, where, why it ranks so, and the way out."""
        lead = group.lead
        self.blank()
        self.say(Text().append(line(lead.title), style="bold").append(f"  {line(lead.rule)}", style="dim"), 2)
        shown = group.findings if self.verbose else group.findings[:SUBJECTS]
        for finding in shown:
            if finding.subject != "host" and finding.subject not in finding.detail:
                self.say(Text().append(line(finding.subject), style="bold").append(f"  {line(finding.detail)}"), 4)
            else:
                self.say(line(finding.detail), 4)
            self.evidence(finding.evidence)
        if len(group.findings) > len(shown):
            self.say(Text(f"… and {len(group.findings) - len(shown)} more: --verbose shows them.", style="dim"), 4)
        self.labelled("why here", self.why(lead))
        self.remedy(lead.remedy)
        if self.verbose:
            self.details(lead, group.commands)

    def evidence(self, evidence: tuple[Evidence, ...]) -> None:
        """File and line, and what stands there."""
        limit = None if self.verbose else EVIDENCE
        for seen in evidence[:limit]:
            text = Text(line(seen.where, 300))
            if seen.text:
                text.append(f"  {line(seen.text, 400 if self.verbose else 160)}", style="italic")
            self.labelled("seen", text)
        if limit is not None and len(evidence) > limit:
            self.labelled("", Text(f"… and {count(len(evidence) - limit, 'more place')}", style="dim"))

    def why(self, finding: Finding) -> Text:
        """The reckoning of its risk in words."""
        sign = "x" if self.ascii else "×"
        text = Text(f"likelihood {finding.likelihood} {sign} impact {finding.impact} = {finding.risk_removed}")
        for moved in finding.moved_by:
            text.append(f"; {move(moved)}")
        return text

    def remedy(self, remedy: Remedy) -> None:
        """What to do, with what it costs, or where that was said."""
        if remedy.text in self.above:
            self.labelled("remedy", f"step {self.above[remedy.text]} above")
            return
        cost = ", ".join((remedy.effort.label, *(f"needs {need}" for need in remedy.needs)))
        self.labelled("remedy", Text(self.told(remedy.text)).append(f" ({cost})", style="dim"))

    def told(self, text: str) -> str:
        """Whole when verbose, else as many sentences as are quickly read."""
        return line(text) if self.verbose else brief(text, REMEDY)

    def details(self, finding: Finding, commands: Iterable[str]) -> None:
        """What only a careful reader asks for."""
        for command in commands:
            self.command(command, 14)
        if finding.remedy.may_break:
            self.labelled("may break", line(finding.remedy.may_break))
        self.labelled("what", f"{finding.kind}, {CLASSES[finding.fault_class]}; attacker: {finding.attacker}")
        self.labelled("mending", FIXABLE[finding.fixable])
        for name, values in finding.references.as_dict().items():
            self.labelled("see", line(f"{REFERENCES[name]}: {', '.join(map(str, values))}"))

    def gaps(self, report: Report) -> None:
        """What is not known, and what would make it known."""
        for number, cure in enumerate(cures(report)):
            if not number:
                self.title("Not known", "not counted as passed")
            how = f"To know: {line(cure.mend)}" if cure.mend else "Nothing that thornwall knows would make it known."
            self.say(f"{count(len(cure.findings), 'check')} could not be made. {how}", 2)
            for gap in cure.gaps:
                names = list(dict.fromkeys(line(finding.rule) for finding in gap.findings))
                shown = names if self.verbose else names[:4]
                more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
                risk = gap.worst.risk
                words = Text(line(gap.reason) or "no reason was given").append(
                    f"  {', '.join(shown)}{more}", style="dim"
                )
                self.row([(Text("up to"), 5), (Text().append(str(risk), style=STYLES[risk]), 7)], words, 4)

    def manual(self, report: Report) -> None:
        """The questions that no program can answer, each with the command that answers it with yes."""
        questions = of_status(report, Status.MANUAL)
        if not questions:
            return
        self.title("Only you can tell", "answer each once; the answer holds until its date")
        self.say(QUESTIONS, 2)
        for finding in questions:
            self.say(Text(line(finding.detail) or line(finding.title), style="bold"), 2)
            if command := attest(report, finding):
                self.command(command, before="If yes: ")

    def waived(self, report: Report) -> None:
        """Shown, not counted."""
        findings = of_status(report, Status.WAIVED)
        if not findings:
            return
        self.title("Waived", "accepted by somebody; not counted")
        for finding in findings:
            waiver = finding.waiver
            by = f": {line(waiver.reason)} ({line(waiver.by)}, until {line(waiver.until)})" if waiver else ""
            self.say(f"{line(finding.title)}{_subjects(Group((finding,)))}{by}", 2)

    def passed(self, report: Report) -> None:
        """How many were right; which, when verbose."""
        findings = of_status(report, Status.PASS)
        if not findings:
            return
        self.title("Passed", count(len(findings), "check"))
        if self.verbose:
            for finding in findings:
                self.say(f"{line(finding.rule)}{_subjects(Group((finding,)))}  {line(finding.detail)}".rstrip(), 2)

    def notes(self, report: Report) -> None:
        """Bounds that were hit, and where to read on."""
        if report.notes:
            self.title("Notes")
            for note in report.notes:
                self.say(line(note), 2)
        failed = report.failed()
        self.blank()
        if failed:
            hint = f"thornwall explain {line(failed[0].rule)}"
            self.say(Text(f"{hint} tells more about a finding; --format html writes a page of all.", style="dim"))
            sentence, command = planning(report)
            if command:
                self.say(sentence)
                self.command(command, 0)
            lead = steps(report)[0].lead
            words = Text("First of all: ").append(first_sentence(lead.remedy.text) or line(lead.title), style="bold")
            self.say(words.append("  (1. of 'Do this first', above)", style="dim"))


def _subjects(group: Group) -> str:
    """`: pi, bob and 3 more`; empty when it is the host as a whole."""
    names = list(dict.fromkeys(line(finding.subject, 100) for finding in group.findings if finding.subject != "host"))
    if not names:
        return ""
    more = f" and {len(names) - SUBJECTS} more" if len(names) > SUBJECTS else ""
    return f": {', '.join(names[:SUBJECTS])}{more}"
