"""A rule explained, on the terminal and as Markdown; the documentation page of a rule is this Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from thornwall.model.finding import Consequence, Reach
from thornwall.model.matrix import IMPACTS, LIKELIHOODS, risk_of
from thornwall.model.rule import Preset, Rule
from thornwall.report.words import CLASSES, FIXABLE, REFERENCES

if TYPE_CHECKING:
    from rich.console import Console

_NETWORK = (
    "more likely when the Internet reaches it; less so behind a firewall, on loopback alone, or on a device that is on "
    "no network"
)
_LIKELIHOOD = {
    Reach.INTERNET: f"It is used from the Internet: {_NETWORK}.",
    Reach.NETWORK: f"It is used from the network: {_NETWORK}.",
    Reach.FIREWALLED: f"It is behind a firewall: {_NETWORK}.",
    Reach.LOOPBACK: f"It is used from programs on the device itself: {_NETWORK}.",
    Reach.LOCAL: "It takes an account on the device: less likely on a device that is on no network.",
    Reach.NOBODY: "It needs no attacker: it happens by itself, wherever the device stands.",
    Reach.TOUCH: (
        "It takes hands on the device, or radio range: more likely where others pass by and most where the public "
        "does; less so where the device is locked away."
    ),
}
_IMPACT = {
    Consequence.TAKEOVER: (
        "An attacker gains control: worse on a device that controls a lock, a camera, an appliance or the network, "
        "that shows something to others, or that holds data or passwords."
    ),
    Consequence.DISCLOSURE: (
        "An attacker reads data or traffic: worse on a device that holds personal, financial or medical data or "
        "passwords, has a camera, controls a lock, or carries the traffic of others."
    ),
    Consequence.DISRUPTION: (
        "Data or a service is lost: worse on a device that controls a lock, an appliance or the network, or on which "
        "others depend."
    ),
    Consequence.BLINDNESS: (
        "An attack is not noticed, or cannot be reconstructed: worse on a device that controls a lock or the network."
    ),
}
_PRESETS = {
    Preset.DOCUMENTS: "documents (and recommended, strict)",
    Preset.RECOMMENDED: "recommended (and strict)",
    Preset.STRICT: "strict",
}


def reckoning(rule: Rule) -> str:
    """How the risk of this rule's findings comes about, as one paragraph."""
    risk = risk_of(rule.likelihood, rule.impact)
    return (
        f"Likelihood {rule.likelihood} of 5 ({LIKELIHOODS[rule.likelihood - 1]}) times impact {rule.impact} of 5 "
        f"({IMPACTS[rule.impact - 1]}) is {rule.likelihood * rule.impact}: {risk}, on an unremarkable device at home "
        f"on a local network. {_LIKELIHOOD[rule.reach]} {_IMPACT[rule.consequence]} A report shows each move with its "
        "reason."
    )


def _cost(rule: Rule) -> str:
    return ", ".join((rule.effort.label, *(f"needs {need}" for need in rule.needs)))


def _facts(rule: Rule) -> Iterator[tuple[str, str]]:
    yield "Kind", f"{rule.kind}: {CLASSES[rule.fault_class]}"
    yield "Attacker", str(rule.attacker)
    yield "Effort", _cost(rule)
    yield "Mending", FIXABLE[rule.fixable]
    yield "Presets", _PRESETS[rule.preset]


def _options(rule: Rule) -> Iterator[tuple[str, str]]:
    for option in rule.options:
        presets = {"strict": option.strict, "documents": option.documents}
        special = "".join(f"; {name}: {_value(value)}" for name, value in presets.items() if value is not None)
        yield option.name, f"{option.doc} (default: {_value(option.default)}{special})"


def _value(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _sections(rule: Rule) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Heading, text, commands."""
    yield "What", rule.section("What"), ()
    yield "Why", rule.section("Why"), ()
    yield "Remedy", rule.section("Remedy"), rule.commands
    yield "Risk of the remedy", rule.section("Risk of the remedy"), ()
    yield "How its risk is reckoned", reckoning(rule), ()


def as_markdown(rule: Rule) -> str:
    """A page: heading, sections, references."""
    risk = risk_of(rule.likelihood, rule.impact)
    lines = [f"# {rule.title}", "", f"`{rule.id}` · {risk} · {rule.subject}", ""]
    for heading, text, commands in _sections(rule):
        if text:
            lines += [f"## {heading}", "", text, ""]
        if commands:
            lines += ["```sh", *commands, "```", ""]
    lines += ["## At a glance", "", *(f"- {name}: {text}" for name, text in _facts(rule)), ""]
    if rule.options:
        lines += ["## Options", "", *(f"- `{name}`: {text}" for name, text in _options(rule)), ""]
    lines += ["## References", ""]
    lines += [f"- {label}: {values}" for label, values in _references(rule, "[CWE-{0}]({1})")] or ["None."]
    return "\n".join(lines) + "\n"


def _references(rule: Rule, cwe: str) -> Iterator[tuple[str, str]]:
    for name, values in rule.references.as_dict().items():
        address = "https://cwe.mitre.org/data/definitions/{}.html"
        shown = (cwe.format(value, address.format(value)) if name == "cwe" else str(value) for value in values)
        yield REFERENCES[name], ", ".join(shown)


def render_explanation(rule: Rule, console: Console) -> None:
    """Print it."""
    from rich.text import Text  # noqa: PLC0415 - Markdown needs no terminal

    from thornwall.report.terminal import STYLES, Page  # noqa: PLC0415

    risk = risk_of(rule.likelihood, rule.impact)
    with Page(console) as page:
        page.blank()
        page.say(Text(rule.title, style="bold"))
        words = Text().append(f"{rule.id}  ", style="dim").append(str(risk), STYLES[risk])
        page.say(words.append(f"  {rule.subject}"))
        for heading, text, commands in _sections(rule):
            if text:
                page.title(heading)
                for number, paragraph in enumerate(text.split("\n\n")):
                    if number:
                        page.blank()
                    page.say(paragraph, 2)
            for command in commands:
                page.command(command, 2)
        lists = (
            ("At a glance", list(_facts(rule))),
            ("Options", list(_options(rule))),
            ("References", list(_references(rule, "CWE-{0}"))),
        )
        for heading, entries in lists:
            if entries:
                page.title(heading)
                width = max(len(name) for name, _ in entries)
                for name, text in entries:
                    page.labelled(name, text, 2, width)
        page.blank()
