"""The JSON contract of a plan: as its schema says, exact to the byte, whatever a host sends."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings

from tests.unit.report.hostile import TEXTS
from tests.unit.report.plan_sample import CMDLINE, FULL, NOTHING, REFUSED, SSHD, hostile_plan
from tests.unit.report.sample import HOSTILE_TEXT
from thornwall.model.change import AccountField, Purpose
from thornwall.model.plan import Plan, Undoing
from thornwall.report.plan import render

DOCS = Path(__file__).parents[3] / "docs"
SCHEMA = json.loads((DOCS / "plan.schema.json").read_text())
REPORT = json.loads((DOCS / "report.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
FINDING = jsonschema.Draft202012Validator({"$ref": "#/$defs/finding", "$defs": REPORT["$defs"]})


def read(plan: Plan) -> Any:
    return json.loads(render(plan, "json"))


def operations(plan: Plan, kind: str) -> list[Any]:
    return [each for step in read(plan)["steps"] for each in step["operations"] if each["kind"] == kind]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "plan", [FULL, NOTHING, REFUSED, hostile_plan(HOSTILE_TEXT)], ids=["full", "none", "no", "lies"]
)
def test_as_the_schema_says(plan: Plan) -> None:
    value = read(plan)
    VALIDATOR.validate(value)
    for finding in value["by_hand"]:
        FINDING.validate(finding)


def test_the_schema_knows_every_word_and_no_other_key() -> None:
    defs = SCHEMA["$defs"]
    assert defs["step"]["properties"]["purpose"]["enum"] == [purpose.name.lower() for purpose in Purpose]
    assert set(defs["step"]["properties"]["undoing"]["enum"]) == {undoing.name.lower() for undoing in Undoing}
    assert set(defs["account"]["properties"]["field"]["enum"]) == set(AccountField)
    kinds = {
        each["properties"]["kind"]["const"]: each for each in defs.values() if "kind" in each.get("properties", {})
    }
    written = [each for step in read(FULL)["steps"] for each in step["operations"]]
    assert {each["kind"] for each in written} == set(kinds)
    for each in written:
        assert list(each) == kinds[each["kind"]]["required"]
    assert list(read(FULL)) == SCHEMA["required"]


def test_files_are_exact() -> None:
    files = {each["path"]: each for each in operations(FULL, "write-file")}
    assert files["/etc/ssh/sshd_config.d/00-thornwall.conf"]["content"].encode() == SSHD
    assert files["/etc/ssh/sshd_config.d/00-thornwall.conf"]["mode"] == "0644"
    binary = files["/etc/cron.deny"]
    assert (binary["content"], binary["diff"]) == (None, None)
    assert b64decode(binary["content_base64"]) == b"\xff\xfe\x00binary"
    for each in files.values():
        content = b64decode(each["content_base64"]) if each["content"] is None else each["content"].encode()
        assert hashlib.sha256(content).hexdigest() == each["sha256"]
    kept = files["/boot/firmware/cmdline.txt"]
    assert (kept["mode"], kept["user"], kept["group"]) == (None, None, None)
    assert kept["expect"] == hashlib.sha256(CMDLINE).hexdigest()
    assert files["/etc/cron.allow"]["diff"] is None  # what it held is not known: a diff would lie


def test_a_step_is_a_line() -> None:
    lines = [line.rstrip(",") for line in render(FULL, "json").splitlines()]
    first = lines.index('"steps": [') + 1
    assert [json.loads(line)["id"] for line in lines[first : first + len(FULL.steps)]] == [s.id for s in FULL.steps]


@settings(deadline=None)
@given(TEXTS)
def test_only_ascii_and_always_as_the_schema_says(text: str) -> None:
    written = render(hostile_plan(text), "json")
    assert written.isascii()
    assert not {*map(chr, range(32)), "\x7f"} - {"\n"} & set(written)
    value = json.loads(written)
    VALIDATOR.validate(value)
    json.dumps(value, ensure_ascii=False).encode()  # no lone surrogate
