"""The JSON contract: as its schema says, for every status, whatever a host sends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings

from tests.unit.report.hostile import TEXTS
from tests.unit.report.sample import EMPTY, HOSTILE_TEXT, PLANTED, hostile
from thornwall.model.finding import Report, Status
from thornwall.report import render

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "report.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

CONTRACT = ["schema", "target", "host", "score", "summary", "findings"]
SUMMARY = ["extreme", "high", "medium", "low", "unknown", "manual", "waived", "passed"]
FINDING = [
    "rule", "subject", "status", "kind", "class", "likelihood", "impact", "risk", "title", "moved_by", "evidence",
    "remedy", "references",
]  # fmt: skip


def read(report: Report) -> Any:
    return json.loads(render(report, "json"))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("report", [PLANTED, EMPTY, hostile(HOSTILE_TEXT)], ids=["planted", "empty", "hostile"])
def test_each_finding_is_a_line(report: Report) -> None:
    lines = [line.rstrip(",") for line in render(report, "json").splitlines()]
    first = lines.index('"findings": [') + 1 if report.findings else 0
    assert [json.loads(line) for line in lines[first : first + len(report.findings)]] == read(report)["findings"]


@pytest.mark.parametrize("report", [PLANTED, EMPTY, hostile(HOSTILE_TEXT)], ids=["planted", "empty", "hostile"])
def test_as_the_schema_says(report: Report) -> None:
    VALIDATOR.validate(read(report))


def test_the_contract_has_its_keys_in_order() -> None:
    value = read(PLANTED)
    assert list(value)[: len(CONTRACT)] == CONTRACT
    assert list(value["summary"]) == SUMMARY
    assert all(list(found)[: len(FINDING)] == FINDING for found in value["findings"])
    assert value["schema"] == "thornwall.report/1"


def test_every_status_is_there() -> None:
    assert {found["status"] for found in read(PLANTED)["findings"]} == {str(status) for status in Status}


def test_a_finding_in_full() -> None:
    found = read(PLANTED)["findings"][0]
    assert (found["rule"], found["subject"], found["risk"]) == ("default-password", "pi", "extreme")
    assert found["class"] == "weak-or-hard-coded-passwords"
    assert found["evidence"] == [
        {"source": "/etc/shadow", "line": 27, "text": "pi: the hash matches a known default"},
    ]
    assert [(moved["axis"], moved["by"]) for moved in found["moved_by"]] == [("likelihood", 1), ("impact", 1)]
    assert found["remedy"]["effort_minutes"] == 1
    assert found["references"]["cwe"] == [1392, 521]


def test_summary_counts() -> None:
    assert list(read(PLANTED)["summary"].values()) == [3, 5, 6, 2, 3, 1, 1, 2]


def test_the_time_is_utc() -> None:
    assert read(PLANTED)["captured_at"] == "2026-10-20T14:03:20Z"  # date -u -d @1792505000
    assert read(EMPTY)["captured_at"] is None


@settings(deadline=None)
@given(TEXTS)
def test_only_ascii_and_always_as_the_schema_says(text: str) -> None:
    written = render(hostile(text), "json")
    assert written.isascii()
    assert not {*map(chr, range(32)), "\x7f"} - {"\n"} & set(written)
    value = json.loads(written)
    VALIDATOR.validate(value)
    json.dumps(value, ensure_ascii=False).encode()  # no lone surrogate
    if text.isascii():
        assert value["findings"][0]["subject"] == text
