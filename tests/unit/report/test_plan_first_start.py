"""What is left to a job of the first start, as each format tells it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from tests.unit.report.plan_sample import FULL, PACKAGES
from thornwall.apply.first_start import job
from thornwall.model.change import Purpose, Tool
from thornwall.model.plan import Mend, Plan, Step, WayIn
from thornwall.report.plan import PLAN_FORMATS, words
from thornwall.report.plan.beware import beware

from .test_plan import flat, show

FIREWALL = Step(
    "firewall-at-first-start",
    Purpose.FIREWALL,
    "Refuse what nobody uses",
    (Tool("ufw", (("ufw", "allow", "22/tcp"),), ("/etc/ufw",)),),
    (Mend("no-firewall", "host"),),
    first_start=True,
)
LATER = (replace(PACKAGES, first_start=True), FIREWALL)
NOW = tuple(step for step in FULL.steps if not step.purpose.packages and step.purpose is not Purpose.FIREWALL)
CARD = replace(FULL, way_in=WayIn("offline"), steps=(*NOW, job(LATER, title="harden recommended", ports=(22,)), *LATER))


def render(plan: Plan, name: str) -> str:
    return PLAN_FORMATS[name].render(plan)


def test_they_are_the_last_group_and_said_before_the_question() -> None:
    text = flat(show(CARD, 100))
    *_, last = text.split("At its first start ")
    assert "Leave a job that does the rest when the system starts" in last
    assert "$ ufw allow 22/tcp" in last
    told = dict(beware(CARD))["first start"]
    count = len(CARD.steps)
    assert told.startswith(f"Steps {count - 1}, {count} have to wait for its first start")
    assert "a filter lets in SSH alone" in told
    assert "packages" not in dict(beware(CARD))  # nothing comes before all else


def test_scripts_are_counted_and_whole_when_verbose() -> None:
    assert "pause() {" not in show(CARD, 100)
    assert "pause() {" in show(CARD, 100, verbose=True)
    assert "pause() {" not in render(CARD, "html")
    assert "at its first start" in render(CARD, "html")


def test_the_contract_has_every_byte() -> None:
    told = json.loads(render(CARD, "json"))
    schema = json.loads(Path("docs/plan.schema.json").read_text())
    jsonschema.validate(told, schema)
    first = {step["id"]: step["first_start"] for step in told["steps"]}
    assert [name for name, waits in first.items() if waits] == ["packages-install", "firewall-at-first-start"]
    (left,) = [step for step in told["steps"] if step["purpose"] == "first_start"]
    contents = {each["path"]: each["content"] for each in left["operations"] if each["kind"] == "write-file"}
    assert "pause() {" in contents["/etc/thornwall/first-start/run.sh"]


@pytest.mark.parametrize("name", ["ansible", "cloud-init"])
def test_who_reaches_it_otherwise_leaves_it_out_and_says_so(name: str) -> None:
    text = render(CARD, name)
    assert "first-start" not in text
    assert "ufw" not in text
    assert "Not in it" in text
    plan, left = words.at_once(CARD)
    assert left == len({"no-firewall", "no-automatic-updates", "no-password-quality"} - {m.rule for m in plan.mends})
