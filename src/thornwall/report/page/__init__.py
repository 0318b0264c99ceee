"""HTML: one page that needs nothing but itself, and that nothing a host said can change."""

from __future__ import annotations

from typing import TypeAlias

from thornwall.model.finding import Finding, Report, Risk, Status
from thornwall.report.page.cards import card, step
from thornwall.report.page.document import document
from thornwall.report.page.elements import Child, Html, paragraphs, prose, tag
from thornwall.report.page.listing import surface_section
from thornwall.report.page.picture import matrix, ring
from thornwall.report.ranking import Group, cures, groups, shown_first, steps
from thornwall.report.text import count, line
from thornwall.report.words import (
    ORDER,
    QUESTIONS,
    RISK_RECKONED,
    RISKS,
    SCORE_RECKONED,
    attest,
    counts,
    heading,
    machine,
    named,
    of_status,
    planning,
    profile_init,
    reading,
    unseen,
    verdict,
)

Cards: TypeAlias = list[tuple[Group, str]]
"""Findings that read as one, each with the id of its card, in order."""

FIRST = 8  # steps of 'Do this first', and more where more are urgent
_PLACES = {"unknown": "unknown", "manual": "questions", "waived": "waived", "passed": "passed"}


def render(report: Report) -> str:
    """The page of a report."""
    found = [(group, f"f{number}") for number, group in enumerate(groups(report.failed()), 1)]
    sections = [
        ("first", "Do this first", _first(report, found)),
        ("findings", "Findings", _findings(found)),
        ("surface", "Attack surface", surface_section(report.surface) if report.surface is not None else None),
        ("unknown", "Not known", _unknown(report)),
        ("questions", "Only you can tell", _questions(report)),
        ("waived", "Waived", _waived(report)),
        ("passed", "Passed", _passed(report)),
    ]
    return document(
        f"Audit of {heading(report)}",
        _header(report),
        _nav([(name, title) for name, title, section in sections if section is not None]),
        tag("main", [section for *_, section in sections], id="main"),
        _footer(report),
    )


def render_surface_page(report: Report) -> str:
    """The page of an attack surface alone."""
    section = surface_section(report.surface) if report.surface is not None else None
    head = tag("header", tag("div", _who(report, "Attack surface"), class_="inner"), class_="top")
    return document(f"Attack surface of {heading(report)}", head, tag("main", section, id="main"))


def _who(report: Report, kicker: str) -> Html:
    target = line(report.target)
    known = [words for words in (machine(report), report.host.address and line(report.host.address)) if words]
    return tag(
        "div",
        tag("p", kicker, tag("span", target) if target and target != heading(report) else None, class_="kicker"),
        tag("h1", heading(report)),
        [tag("p", words, class_="meta") for words in known],
        class_="who",
    )


def _header(report: Report) -> Html:
    tally = [_count(*counted) for counted in counts(report) if counted[2] or counted[0] in set(Risk)]
    profile = [tag("div", tag("dt", line(name)), tag("dd", line(words))) for name, words in report.profile.items()]
    return tag(
        "header",
        tag(
            "div",
            _who(report, "Security audit"),
            tag("div", ring(report.score), tag("p", verdict(report), class_="verdict"), class_="standing"),
            tag("p", words, class_="unseen") if (words := unseen(report)) else None,
            tag("ul", tally, class_="tally"),
            tag("p", reading(report), class_="meta"),
            tag("dl", tag("dt", "Judged as"), profile, class_="profile") if profile else None,
            _assumed(report),
            [tag("p", line(note), class_="note") for note in report.notes],
            class_="inner",
        ),
        class_="top",
    )


def _assumed(report: Report) -> Html | None:
    """Where nobody has said what the device is for: that, and what changes it."""
    if report.profile_told or not report.profile:
        return None
    changes = profile_init(report)
    more: list[Child] = [" (", tag("code", changes), " changes that)"] if changes else []
    return tag("p", "That is the default: nobody has said what it is for", more, ".", class_="meta")


def _count(name: str, words: str, number: int) -> Html:
    place = _PLACES.get(name, f"risk-{name}")
    shown: list[Child] = [tag("b", number), " ", words]
    inner = tag("a", shown, href=f"#{place}") if number else tag("span", shown)
    return tag("li", inner, class_=f"{name} {'some' if number else 'none'}")


def _nav(sections: list[tuple[str, str]]) -> Html:
    links = [tag("li", tag("a", title, href=f"#{name}")) for name, title in sections]
    return tag("nav", tag("ul", links), aria_label="Sections")


def _first(report: Report, found: Cards) -> Html | None:
    ranked = steps(report)
    if not ranked:
        return None
    cells: dict[tuple[int, int], list[tuple[str, Group]]] = {}
    for group, name in found:
        cells.setdefault((group.lead.likelihood, group.lead.impact), []).append((name, group))
    ids = {(finding.rule, finding.subject): name for group, name in found for finding in group.findings}
    shown = shown_first(ranked, FIRST)
    more = len(ranked) - len(shown)
    return tag(
        "div",
        tag(
            "section",
            tag("h2", "Where the risk lies"),
            tag("p", "How likely against how bad for this device. Choose a cell to open its findings.", class_="lead"),
            matrix(cells),
            tag("ul", [tag("li", tag("i", class_=str(risk)), str(risk)) for risk in RISKS], class_="legend"),
            id="matrix",
        ),
        tag(
            "section",
            tag("h2", "Do this first"),
            tag("p", "Most risk removed for the least work; extreme and high risks first.", class_="lead"),
            tag("ol", [step(number, one, ids) for number, one in enumerate(shown, 1)], class_="steps"),
            tag("p", f"Then {count(more, 'more remedy', 'more remedies')}, with the findings below.", class_="aside")
            if more > 0
            else None,
            _onward(report),
            id="first",
        ),
        class_="twin",
    )


def _onward(report: Report) -> list[Child]:
    sentence, command = planning(report)
    return [tag("p", sentence, class_="aside"), _command(command)] if command else []


def _findings(found: Cards) -> Html | None:
    if not found:
        return None
    parts: list[Child] = []
    for risk in RISKS:
        here = [(group, name) for group, name in found if group.lead.risk is risk]
        if here:
            number = sum(len(group.findings) for group, _ in here)
            title = tag("h3", str(risk), tag("span", count(number, "finding"), class_="aside"), id=f"risk-{risk}")
            parts += [title, [card(group, name) for group, name in here]]
    return tag(
        "section",
        tag("h2", "Findings"),
        tag("p", class_="tools", hidden=True),
        tag("p", f"The worst level first; within a level, {ORDER}.", class_="lead"),
        tag("p", class_="chosen", role="status"),
        parts,
        id="findings",
    )


def _unknown(report: Report) -> Html | None:
    found = cures(report)
    if not found:
        return None
    entries = []
    for cure in found:
        how: list[Child] = [" To know: ", prose(line(cure.mend))] if cure.mend else []
        rows = []
        for gap in cure.gaps:
            names = dict.fromkeys(line(finding.rule) for finding in gap.findings)
            risk = gap.worst.risk
            worst = tag("span", "up to ", str(risk), class_=f"badge {risk}")
            reason = [prose(line(gap.reason)) or "No reason was given.", " ", tag("span", ", ".join(names))]
            rows.append(tag("li", worst, tag("div", reason)))
        made = f"{count(len(cure.findings), 'check')} could not be made."
        entries.append(tag("div", tag("p", tag("strong", made), how), tag("ul", rows, class_="gaps"), class_="box"))
    lead = "What could not be read never counts as passed. Those that could hide most come first."
    return tag("section", tag("h2", "Not known"), tag("p", lead, class_="lead"), entries, id="unknown")


def _answer(report: Report, finding: Finding) -> list[Child]:
    command = attest(report, finding)
    return [tag("p", "If yes:"), _command(command)] if command else []


def _command(command: str) -> Html:
    return tag("div", tag("pre", tag("code", command), tabindex=0), class_="command")


def _questions(report: Report) -> Html | None:
    found = of_status(report, Status.MANUAL)
    if not found:
        return None
    entries = [
        tag(
            "div",
            tag("p", tag("strong", prose(line(finding.detail) or line(finding.title)))),
            paragraphs(finding.why),
            _answer(report, finding),
            class_="box",
        )
        for finding in found
    ]
    lead = f"No program can see these. Answer each once; the answer holds until its date. {QUESTIONS}"
    return tag("section", tag("h2", "Only you can tell"), tag("p", lead, class_="lead"), entries, id="questions")


def _waived(report: Report) -> Html | None:
    found = of_status(report, Status.WAIVED)
    if not found:
        return None
    entries = []
    for finding in found:
        waiver = finding.waiver
        words = f"{line(waiver.reason)} – {line(waiver.by)}, until {line(waiver.until)}" if waiver else ""
        subject = "" if finding.subject == "host" else f" · {line(finding.subject)}"
        title = tag("p", tag("strong", line(finding.title)), subject)
        entries.append(tag("div", title, tag("p", words), class_="box"))
    lead = "Accepted by somebody, for a reason, until a date; not counted."
    return tag("section", tag("h2", "Waived"), tag("p", lead, class_="lead"), entries, id="waived")


def _passed(report: Report) -> Html | None:
    found = of_status(report, Status.PASS)
    if not found:
        return None
    rows = []
    for finding in found:
        subject = f" · {line(named(finding))}" if named(finding) else ""
        rows.append(tag("li", tag("code", line(finding.rule)), subject, " ", tag("span", line(finding.detail))))
    absent = len(of_status(report, Status.NOT_APPLICABLE))
    return tag(
        "section",
        tag("h2", "Passed"),
        tag(
            "details",
            tag("summary", f"{count(len(found), 'check')} passed"),
            tag("ul", rows, class_="checks"),
            class_="fold",
        ),
        tag("p", f"{count(absent, 'check')} had nothing on this device to look at.", class_="aside")
        if absent
        else None,
        id="passed",
    )


def _footer(report: Report) -> Html:
    when = reading(report)
    return tag(
        "footer",
        tag(
            "div",
            tag("h2", "How this is reckoned"),
            tag("p", RISK_RECKONED),
            tag("p", SCORE_RECKONED),
            tag("p", "Made by thornwall. ", when, class_="aside"),
            class_="inner",
        ),
    )
