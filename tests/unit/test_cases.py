"""Every case folder leads to what its expect.toml says; every rule has cases that fail, pass and are unknown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.casefolder import CASES, expectations, load
from thornwall.facts.registry import snapshot
from thornwall.model.finding import Status
from thornwall.model.profile import Controls, Data, Online, Place, Profile, Shows, Talks
from thornwall.model.rule import Context, Rule, Verdict, answers
from thornwall.rules.registry import RULES

BY_ID = {rule.id: rule for rule in RULES}
FOLDERS = sorted(path.parent for path in CASES.rglob("expect.toml"))


def profile(given: dict[str, Any]) -> Profile:
    return Profile(
        data=tuple(Data(word) for word in given.get("data", ["none"])),
        controls=tuple(Controls(word) for word in given.get("controls", ["nothing"])),
        shows=Shows(given.get("shows", "nothing")),
        talks=tuple(Talks(word) for word in given.get("talks", ["home"])),
        online=Online(given.get("online", "local")),
        place=Place(given.get("place", "home")),
    )


def judge(rule: Rule, folder: Path) -> list[Verdict]:
    values = {option.name: option.default for option in rule.options}
    context = Context(snapshot(load(folder)), profile(expectations(folder).get("profile", {})), values)
    return list(answers(rule, context))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(CASES)))
def test_case(folder: Path) -> None:
    told = expectations(folder)
    assert told["how"], "a case says how its expected values were come by"
    for expect in told["expect"]:
        verdicts = judge(BY_ID[expect["rule"]], folder)
        found = [(str(verdict.status), verdict.subject) for verdict in verdicts]
        meant = [
            verdict
            for verdict in verdicts
            if verdict.status == expect["status"] and expect.get("subject") in {None, verdict.subject}
        ]
        assert meant, f"{expect} but {found}"
        if "subject" not in expect:
            assert all(str(verdict.status) == expect["status"] for verdict in verdicts), f"{expect} but {found}"
        assert all(verdict.detail for verdict in verdicts if verdict.status is Status.PASS), "a pass says what is right"
        if "evidence" in expect:
            places = [evidence.where for verdict in meant for evidence in verdict.evidence]
            assert expect["evidence"] in places, f"{expect} but {places}"
        if "says" in expect:
            assert any(expect["says"] in verdict.detail for verdict in meant), f"{expect} but {meant}"
        if "mend" in expect:
            assert expect["mend"] in [verdict.mend for verdict in meant], f"{expect} but {meant}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_has_cases(rule: Rule) -> None:
    statuses = {
        expect["status"] for folder in FOLDERS for expect in expectations(folder)["expect"] if expect["rule"] == rule.id
    }
    assert rule.asks == ("manual" in statuses), "a rule says whether it asks"
    wanted = {"manual"} if rule.asks else {"fail", "pass", "unknown"}
    assert wanted <= statuses, f"{rule.id} lacks cases: {sorted(wanted - statuses)}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_explains_itself(rule: Rule) -> None:
    for heading in ("What", "Why", "Remedy", "Risk of the remedy"):
        assert len(rule.section(heading)) > 15, f"{rule.id} has no '{heading}:'"
    assert rule.references.document or rule.references.as_dict(), f"{rule.id} has no reference"
