"""A plan as one page that needs nothing but itself: the look, the policy and the pieces of the report's page."""

from __future__ import annotations

from pathlib import Path

from thornwall.model.change import Purpose
from thornwall.model.finding import Risk
from thornwall.model.plan import Held, Mend, Plan, Step
from thornwall.report.page.cards import card
from thornwall.report.page.document import document, own
from thornwall.report.page.elements import Child, Html, prose, tag
from thornwall.report.page.picture import ring
from thornwall.report.plan import accepting, beware, onward, words
from thornwall.report.plan.page.steps import step_card
from thornwall.report.ranking import groups
from thornwall.report.text import count, line
from thornwall.report.words import heading, machine

_SCORE = (
    "Score and counts after the plan are what an audit would say once all steps are done, and after the restart that "
    "some of them await."
)


def render(plan: Plan) -> str:
    """The page."""
    sections = [
        *[(purpose.name.lower(), words.PURPOSES[purpose], _purpose(purpose, steps)) for purpose, steps in _steps(plan)],
        ("held", "Held back", _held(plan)),
        ("questions", "Your answer", _questions(plan)),
        ("by-hand", "Left to you", _by_hand(plan)),
    ]
    shown = [(name, title, section) for name, title, section in sections if section is not None]
    return document(
        f"Plan for {heading(words.host(plan))}",
        _header(plan),
        _nav([(name, title) for name, title, _ in shown]),
        tag("main", _tools(plan), [section for *_, section in shown], id="main"),
        _footer(plan),
        more_style=own(Path(__file__).with_name("style.css")),
    )


def _steps(plan: Plan) -> list[tuple[Purpose, list[tuple[int, Step]]]]:
    return list(words.grouped(plan.steps))


def _header(plan: Plan) -> Html:
    host = words.host(plan)
    target = line(plan.target)
    who = tag(
        "div",
        tag("p", "Plan", tag("span", target) if target and target != heading(host) else None, class_="kicker"),
        tag("h1", heading(host)),
        [tag("p", told, class_="meta") for told in (machine(host),) if told],
        tag("p", f"preset {plan.preset.name.lower()}", class_="meta"),
        tag("p", words.way_in(plan.way_in), class_="meta way"),
        class_="who",
    )
    return tag(
        "header",
        tag("div", _refused(plan), who, _standing(plan), _tally(plan), _beware(plan), class_="inner"),
        class_="top plan",
    )


def _refused(plan: Plan) -> Html | None:
    if not plan.refused:
        return None
    reasons = [
        tag("li", tag("strong", line(held.why)), " ", prose(line(held.unlock))) for held, _ in words.alike(plan.refused)
    ]
    return tag("div", tag("h2", words.REFUSED), tag("ul", reasons), class_="refused", role="alert")


def _standing(plan: Plan) -> Html:
    if plan.before == plan.after:
        return tag("div", ring(plan.before.score), class_="standing")
    arrow = tag("span", "→", class_="arrow", aria_hidden="true")
    before = tag("figure", ring(plan.before.score), tag("figcaption", "today"))
    after = tag("figure", ring(plan.after.score), tag("figcaption", "after the plan"))
    return tag("div", before, arrow, after, class_="standing")


def _tally(plan: Plan) -> Html | None:
    """Counts of findings, before and after."""
    cells = [
        tag(
            "li",
            _moved("question" if (name, new) == ("manual", 1) else told, old, new),
            class_=f"{name} {'some' if new else 'none'}",
        )
        for name, told, old, new in words.changes(plan.before.summary, plan.after.summary)
        if old or new or name in set(Risk)
    ]
    return tag("ul", cells, class_="tally moved") if plan.before.summary or plan.after.summary else None


def _moved(told: str, old: int, new: int) -> Html:
    told = "question" if told == "questions" and new == 1 else told
    if old == new:
        return tag("span", tag("b", new), " ", told)
    return tag("span", tag("s", old), " ", tag("b", new), " ", told)


def _beware(plan: Plan) -> Html:
    """What it comes to, and what to know before saying yes."""
    if not plan.steps:
        return tag("p", tag("strong", "Nothing would be changed."), class_="meta comes")
    steps, mends = count(len(plan.steps), "step"), count(len(plan.mends), "finding")
    comes = tag(
        "p",
        tag("strong", f"{steps} would mend {mends}. Nothing has been changed."),
        f" {', '.join(words.tally(plan))}.",
        class_="comes",
    )
    know = [tag("li", tag("b", label), tag("span", told)) for label, told in beware.beware(plan)]
    return tag("div", comes, tag("ul", know, class_="know") if know else None, class_="beware")


def _nav(sections: list[tuple[str, str]]) -> Html:
    links = [tag("li", tag("a", title, href=f"#{name}")) for name, title in sections]
    return tag("nav", tag("ul", links), aria_label="Sections")


def _tools(plan: Plan) -> Html | None:
    return tag("div", tag("p", class_="tools", hidden=True), class_="above") if plan.steps else None


def _purpose(purpose: Purpose, steps: list[tuple[int, Step]]) -> Html:
    about = words.about(purpose)
    note = tag("span", about, class_="pill need" if purpose.way_in else "aside") if about else None
    return tag(
        "section",
        tag("h2", words.PURPOSES[purpose], " ", note),
        [step_card(number, step) for number, step in steps],
        id=purpose.name.lower(),
        class_="purpose",
    )


def _held(plan: Plan) -> Html | None:
    if not plan.held:
        return None
    lead = "These would strand you, or break what is in use. Each says what unlocks it."
    entries = [_hold(plan, held, mends) for held, mends in words.alike(plan.held)]
    return tag("section", tag("h2", "Held back"), tag("p", lead, class_="lead"), entries, id="held")


def _hold(plan: Plan, held: Held, mends: tuple[Mend, ...]) -> Html:
    more: list[Child] = []
    for label, told in accepting.unlocked_by(plan, held, mends):
        more += [tag("dt", label), tag("dd", tag("code", told) if told.startswith("--accept ") else told)]
    return tag(
        "div",
        tag("p", tag("strong", words.rules_told(mends) or line(held.interlock)), class_="what"),
        tag(
            "dl",
            tag("dt", "why"),
            tag("dd", prose(line(held.why))),
            tag("dt", "unlock"),
            tag("dd", prose(line(held.unlock))),
            more,
            class_="pair",
        ),
        class_="box held",
    )


def _questions(plan: Plan) -> Html | None:
    if not plan.questions:
        return None
    entries = [
        tag(
            "div",
            tag("strong", prose(line(question.text))),
            " ",
            tag("span", words.rules_told([Mend(question.rule, question.subject)]), class_="aside"),
            class_="box",
        )
        for question in plan.questions
    ]
    lead = "thornwall harden asks for these; until then what they are for is left out."
    return tag("section", tag("h2", "Needs your answer"), tag("p", lead, class_="lead"), entries, id="questions")


def _by_hand(plan: Plan) -> Html | None:
    if not plan.by_hand:
        return None
    ranked = sorted(groups(plan.by_hand), key=lambda group: -group.lead.risk.rank)
    lead = f"{count(len(plan.by_hand), 'finding')} that no program can mend for you. Each card says how to go about it."
    cards = [card(group, f"f{number}") for number, group in enumerate(ranked, 1)]
    return tag("section", tag("h2", "Left to you"), tag("p", lead, class_="lead"), cards, id="by-hand")


def _footer(plan: Plan) -> Html:
    command = onward.harden(plan)
    run = tag("div", tag("pre", tag("code", command), tabindex=0), class_="command") if command else None
    return tag(
        "footer",
        tag(
            "div",
            tag("h2", "How it is done"),
            tag("p", beware.guard(plan)),
            run,
            tag("h2", "How it is taken back"),
            [tag("p", told) for told in words.UNDOING_TOLD.values()],
            tag("p", _SCORE),
            tag("p", "Made by thornwall.", class_="aside"),
            class_="inner",
        ),
    )
