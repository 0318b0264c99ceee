"""Markdown: what one pastes into an issue or a wiki. Text of a host is escaped, or stands in a code span."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from thornwall.model.finding import Finding, Report, Status
from thornwall.model.surface import Surface
from thornwall.report.ranking import Group, Step, cures, groups, shown_first, steps
from thornwall.report.surface import lists, owner, port, sockets, speaks, way_through
from thornwall.report.text import count, first_sentence, line, spans
from thornwall.report.words import QUESTIONS, attest, counts, heading, machine, move, of_status, reading, verdict

FIRST = 8  # steps of 'Do this first', and more where more are urgent
SUBJECTS = 20  # subjects of one finding

# What Markdown, HTML or a forge could mean: emphasis, links, tables, tags, mentions, issues, emoji, autolinks, and what
# begins a list or a heading at the start of a line. Paths and sentences stay readable in the raw text.
_SPECIAL = re.compile(
    r"[\\`*_{}\[\]#|<>~&@!$^]|:(?=//|\w+:)|(?<=www)\.|^[-+=](?=\s|[-+=]|$)|(?<=^\d)[.)](?=\s)|(?<=^\d\d)[.)](?=\s)",
    re.IGNORECASE,
)
_BACKTICKS = re.compile(r"`+")


def render(report: Report) -> str:
    """Summary table, do first, findings by risk, what is not known, questions, waived."""
    parts = (
        _header(report),
        _first(shown_first(steps(report), FIRST)),
        *(_findings(report)),
        _gaps(report),
        _questions(report),
        _waived(report),
        _notes(report),
    )
    return "\n".join(text for part in parts for text in part)


def render_surface_markdown(report: Report) -> str:
    """The attack surface alone."""
    lines = [f"# Attack surface of {escape(heading(report))}", ""]
    if machine(report):
        lines += [escape(machine(report)), ""]
    if report.surface is not None:
        lines += _surface(report.surface)
    return "\n".join(lines)


def escape(text: str) -> str:
    """On one line, with nothing in it that Markdown, HTML or an autolink could mean."""
    return _SPECIAL.sub(_entity, line(text))


def _entity(found: re.Match[str]) -> str:
    # Entities, not backslashes: they also hold in tables and for `@name`, `#1` and addresses, which forges link.
    return f"&#{ord(found[0])};"


def prose(text: str) -> str:
    """Our own sentences: `code` stays code, the rest is escaped."""
    return "".join(code(part) if is_code else escape_words(part) for is_code, part in spans(line(text)))


def escape_words(text: str) -> str:
    """As `escape`, with the spaces at both ends kept."""
    left, right = text[:1].isspace(), text[-1:].isspace()
    return f"{' ' if left else ''}{escape(text)}{' ' if right and text.strip() else ''}"


def code(text: str) -> str:
    """A code span that its text cannot end; safe in a table too."""
    text = line(text).replace("|", "¦")
    if not text:
        return ""
    fence = "`" * (max((len(run) for run in _BACKTICKS.findall(text)), default=0) + 1)
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def block(commands: Iterable[str], indent: str = "") -> Iterator[str]:
    """A fenced block that its text cannot end."""
    lines = [line(command) for command in commands]
    longest = max((len(run) for text in lines for run in _BACKTICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from (f"{indent}{text}" for text in (f"{fence}sh", *lines, fence))
    yield ""


def _header(report: Report) -> Iterator[str]:
    yield f"# Audit of {escape(heading(report))}: {report.score}/100"
    yield ""
    yield escape(verdict(report))
    yield ""
    yield " · ".join(escape(words) for words in (machine(report), reading(report)) if words)
    yield ""
    tally = counts(report)
    yield f"| {' | '.join(words for _, words, _ in tally)} |"
    yield "|" + " --: |" * len(tally)
    yield f"| {' | '.join(str(number) for _, _, number in tally)} |"
    yield ""


def _first(ranked: tuple[Step, ...]) -> Iterator[str]:
    if not ranked:
        return
    yield "## Do this first"
    yield ""
    for number, step in enumerate(ranked, 1):
        what = prose(first_sentence(step.lead.remedy.text)) or escape(step.lead.title)
        cost = ", ".join((step.effort.label, *(f"needs {need}" for need in step.needs)))
        yield f"{number}. **{what}** ({cost})"
        for group in groups(step.findings):
            yield f"   - ends {group.lead.risk}: {escape(group.lead.title)}{_subjects(group)}"
        if step.commands:
            yield ""
            yield from block(step.commands[:SUBJECTS], "   ")
    yield ""


def _findings(report: Report) -> Iterator[Iterator[str]]:
    for risk in ("extreme", "high", "medium", "low"):
        found = [finding for finding in report.failed() if finding.risk == risk]
        if found:
            yield _of_risk(risk, found)


def _of_risk(risk: str, found: list[Finding]) -> Iterator[str]:
    yield f"## {risk.capitalize()}: {count(len(found), 'finding')}"
    yield ""
    for group in groups(found):
        lead = group.lead
        yield f"### {escape(lead.title)}"
        yield ""
        for finding in group.findings[:SUBJECTS]:
            seen = ", ".join(_seen(finding))
            yield f"- {_about(finding)}{escape(finding.detail)}{f' Seen: {seen}.' if seen else ''}"
        if len(group.findings) > SUBJECTS:
            yield f"- … and {len(group.findings) - SUBJECTS} more"
        yield ""
        moves = "".join(f"; {escape(move(moved))}" for moved in lead.moved_by)
        yield f"Likelihood {lead.likelihood} × impact {lead.impact} = {lead.risk_removed}{moves}."
        yield f"Rule {code(lead.rule)}."
        yield ""
        if lead.remedy.text:
            yield f"**Remedy** ({lead.remedy.effort.label}): {prose(lead.remedy.text)}"
            yield ""
        if lead.remedy.may_break:
            yield f"**It may break:** {prose(lead.remedy.may_break)}"
            yield ""


def _about(finding: Finding) -> str:
    return "" if finding.subject == "host" or finding.subject in finding.detail else f"{code(finding.subject)}: "


def _seen(finding: Finding) -> Iterator[str]:
    for evidence in finding.evidence[:3]:
        text = f" {code(line(evidence.text, 300))}" if evidence.text.strip() else ""
        yield code(evidence.where) + text


def _subjects(group: Group) -> str:
    names = list(dict.fromkeys(finding.subject for finding in group.findings if finding.subject != "host"))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f": {', '.join(map(code, names[:3]))}{more}" if names else ""


def _gaps(report: Report) -> Iterator[str]:
    for number, cure in enumerate(cures(report)):
        if not number:
            yield "## Not known"
            yield ""
        how = f" To know: {prose(cure.mend).rstrip('.')}." if cure.mend else ""
        yield f"{count(len(cure.findings), 'check')} could not be made.{how}"
        yield ""
        for gap in cure.gaps:
            names = ", ".join(map(code, dict.fromkeys(finding.rule for finding in gap.findings)))
            yield f"- up to {gap.worst.risk}: {escape(gap.reason) or 'no reason was given'} ({names})"
        yield ""


def _questions(report: Report) -> Iterator[str]:
    found = of_status(report, Status.MANUAL)
    if not found:
        return
    yield "## Only you can tell"
    yield ""
    yield escape(QUESTIONS)
    yield ""
    for finding in found:
        command = attest(report, finding)
        yield f"- {escape(finding.detail) or escape(finding.title)}{' If yes:' if command else ''}"
        yield ""
        yield from block((command,), "  ") if command else ()


def _waived(report: Report) -> Iterator[str]:
    found = of_status(report, Status.WAIVED)
    if not found:
        return
    yield "## Waived"
    yield ""
    for finding in found:
        waiver = finding.waiver
        words = f": {escape(waiver.reason)} ({escape(waiver.by)}, until {escape(waiver.until)})" if waiver else ""
        yield f"- {escape(finding.title)}{_subjects(Group((finding,)))}{words}"
    yield ""


def _notes(report: Report) -> Iterator[str]:
    if report.notes:
        yield "## Notes"
        yield ""
        yield from (f"- {escape(note)}" for note in report.notes)
        yield ""


def _surface(surface: Surface) -> Iterator[str]:
    yield f"## Listening: {count(len(surface.listeners), 'socket')}"
    yield ""
    if surface.listeners:
        yield "| port | on | speaks | who reaches it | program |"
        yield "| --- | --- | --- | --- | --- |"
        for found, addresses in sockets(surface.listeners):
            through = " → ".join(escape(words) for words in way_through(found))
            cells = (code(port(found)), code(addresses), escape(speaks(found)), through, escape(owner(found)))
            yield f"| {' | '.join(cells)} |"
        yield ""
    for title, entries in lists(surface):
        yield f"## {title}"
        yield ""
        for name, words in entries:
            yield f"- {f'**{escape(name)}**: ' if name else ''}{escape(words)}"
        yield ""
