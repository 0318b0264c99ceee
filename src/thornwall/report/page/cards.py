"""The findings as cards that open, and the steps of 'Do this first'."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from thornwall.model.finding import Evidence, Finding, Move, Need, Remedy
from thornwall.model.matrix import IMPACTS, LIKELIHOODS
from thornwall.report.page.elements import Child, Html, paragraphs, prose, tag
from thornwall.report.ranking import Group, Step, groups
from thornwall.report.text import after_first_sentence, clean, first_sentence, line
from thornwall.report.words import CLASSES, FIXABLE, REFERENCES, named

Ids: TypeAlias = Mapping[tuple[str, str], str]
"""(rule, subject) of a failed finding -> the id of its card."""

SUBJECTS = 100  # of one card
SHOWN = 4  # subjects of one card before a fold
COMMANDS = 100

_NEEDS = {Need.REBOOT: "reboot", Need.MONEY: "costs money", Need.HANDS: "hands on the device"}


def step(number: int, ranked: Step, ids: Ids) -> Html:
    """One numbered remedy."""
    lead = ranked.lead
    what = first_sentence(lead.remedy.text) or line(lead.title)
    rest = after_first_sentence(lead.remedy.text)
    return tag(
        "li",
        tag("span", number, class_="count", aria_hidden="true"),
        tag(
            "div",
            tag("h3", prose(what)),
            tag("p", _cost(ranked.effort.label, ranked.needs), class_="badges"),
            tag("p", prose(rest)) if rest else None,
            tag("ul", [_ends(group, ids) for group in groups(ranked.findings)], class_="ends"),
            _commands(ranked.commands),
        ),
    )


def _ends(group: Group, ids: Ids) -> Html:
    """Which finding a step ends, as a link to its card."""
    lead = group.lead
    subjects = "" if lead.subject == "host" else f" · {line(lead.subject, 60)}"
    more = f" and {len(group.findings) - 1} more" if len(group.findings) > 1 else ""
    return tag(
        "li",
        _badge(lead),
        " ",
        tag("a", line(lead.title), href=f"#{ids[lead.rule, lead.subject]}"),
        tag("span", subjects, more),
    )


def _badge(finding: Finding) -> Html:
    return tag("span", str(finding.risk), class_=f"badge {finding.risk}")


def _cost(effort: str, needs: tuple[Need, ...]) -> list[Child]:
    return [tag("span", effort, class_="pill time"), *(tag("span", _NEEDS[need], class_="pill need") for need in needs)]


def _commands(commands: tuple[str, ...]) -> Html | None:
    if not commands:
        return None
    text = "\n".join(line(command) for command in commands[:COMMANDS])
    return tag("div", tag("pre", tag("code", text), tabindex=0), class_="command")


def card(group: Group, name: str) -> Html:
    """All that is known of findings that read as one."""
    lead = group.lead
    return tag(
        "details",
        tag(
            "summary",
            _badge(lead),
            tag("span", tag("strong", line(lead.title)), _subjects(group), class_="head"),
            tag("span", f"{lead.likelihood} × {lead.impact}", class_="product", title="likelihood × impact"),
        ),
        tag(
            "div",
            tag(
                "div",
                tag("div", tag("h4", "What is wrong here"), _seen(group), class_="part"),
                tag("div", tag("h4", "Why it matters"), paragraphs(lead.why), class_="part") if lead.why else None,
                _remedy(lead.remedy, group),
                class_="tale",
            ),
            tag(
                "div",
                tag("div", tag("h4", "Why it ranks here"), _reckoning(lead), class_="part"),
                _facts(lead),
                class_="margin",
            ),
            class_="body",
        ),
        class_=f"card {lead.risk}",
        id=name,
        data_cell=f"{lead.likelihood}-{lead.impact}",
    )


def _subjects(group: Group) -> Html | None:
    names = list(dict.fromkeys(line(found.subject, 80) for found in group.findings if found.subject != "host"))
    if not names:
        return None
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return tag("span", f"{', '.join(names[:2])}{more}", class_="subjects")


def _seen(group: Group) -> list[Child]:
    """Each subject with what is wrong with it and where that was seen; many of them under a fold."""
    entries = [_subject(finding) for finding in group.findings[:SUBJECTS]]
    shown: list[Child] = list(entries[:SHOWN])
    if entries[SHOWN:]:
        beyond = len(group.findings) - len(entries)
        rest: list[Child] = list(entries[SHOWN:])
        if beyond:
            rest.append(tag("p", f"… and {beyond} more: the JSON report has them all.", class_="aside"))
        more = tag("summary", f"{len(group.findings) - SHOWN} more")
        shown.append(tag("details", more, rest, class_="fold"))
    return shown


def _subject(finding: Finding) -> Html:
    name = named(finding)
    return tag(
        "div",
        tag("p", tag("strong", f"{line(name)}: ") if name else None, prose(line(finding.detail))),
        [_evidence(evidence) for evidence in finding.evidence[:20]],
        class_="subject",
    )


def _evidence(evidence: Evidence) -> Html:
    text = clean(evidence.text).strip("\n")
    return tag(
        "figure",
        tag("figcaption", line(evidence.where if evidence.source.startswith("/") else f"$ {evidence.where}")),
        tag("pre", text, tabindex=0) if text.strip() else None,
        class_="evidence",
    )


def _reckoning(finding: Finding) -> list[Child]:
    return [
        tag(
            "div",
            _axis("likelihood", finding.likelihood, LIKELIHOODS, finding.moved_by),
            _axis("impact", finding.impact, IMPACTS, finding.moved_by),
            class_="axes",
        ),
        tag(
            "p",
            f"{finding.likelihood} × {finding.impact} = {finding.risk_removed}: ",
            tag("strong", str(finding.risk)),
            f". Who would do it: a {finding.attacker}.",
            class_="aside",
        ),
    ]


def _axis(name: str, value: int, words: tuple[str, ...], moves: tuple[Move, ...]) -> Html:
    """Five dots, of which the value is filled, and a chip for each thing that moved it."""
    value = min(max(value, 1), 5)
    mine = [moved for moved in moves if moved.axis == name]
    base = value - sum(moved.by for moved in mine)
    dots = [tag("i", class_="on" if number < value else None) for number in range(5)]
    chips: list[Child] = [tag("span", f"starts at {base}", class_="chip")] if mine else []
    chips += [
        tag("span", tag("b", f"{moved.by:+d}".replace("-", "−")), " ", line(moved.why), class_=_way(moved))
        for moved in mine
    ]
    return tag(
        "div",
        tag("span", name, class_="axis-name"),
        tag("span", dots, class_="dots", role="img", aria_label=f"{value} of 5"),
        tag("span", f"{value} · {words[value - 1]}", class_="axis-value"),
        tag("span", chips, class_="chips") if chips else None,
        class_="axis-row",
    )


def _way(moved: Move) -> str:
    return "chip up" if moved.by > 0 else "chip down"


def _remedy(remedy: Remedy, group: Group) -> Html:
    risk: list[Child] = [tag("h4", "Risk of the remedy"), paragraphs(remedy.may_break)] if remedy.may_break else []
    return tag(
        "div",
        tag("h4", "Remedy"),
        tag("p", _cost(remedy.effort.label, remedy.needs), tag("span", FIXABLE[group.lead.fixable], class_="pill")),
        paragraphs(remedy.text),
        _commands(group.commands),
        risk,
        class_="part",
    )


def _facts(finding: Finding) -> Html:
    """Kind, class, rule and references."""
    rows: list[Child] = [
        _fact("Kind", f"{finding.kind}: {CLASSES[finding.fault_class]}"),
        _fact("Rule", tag("code", line(finding.rule))),
    ]
    for name, values in finding.references.as_dict().items():
        shown: list[Child] = []
        for value in values:
            shown += [", " if shown else None, _cwe(value) if name == "cwe" else str(value)]
        rows.append(_fact(REFERENCES[name], shown))
    return tag("dl", rows, class_="facts")


def _fact(name: str, *words: Child) -> Html:
    return tag("div", tag("dt", name), tag("dd", words))


def _cwe(number: object) -> Html:
    address = f"https://cwe.mitre.org/data/definitions/{number}.html"
    return tag("a", f"CWE-{number}", href=address, rel="noopener noreferrer")
