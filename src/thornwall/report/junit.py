"""JUnit XML: one test case a rule and subject, as CI systems show them."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from thornwall.model.finding import Finding, Report, Status
from thornwall.report.text import clean, line
from thornwall.report.words import attest, heading, iso, move

_SKIPPED = {
    Status.UNKNOWN: "not known",
    Status.MANUAL: "a question to a person",
    Status.WAIVED: "waived",
    Status.NOT_APPLICABLE: "not applicable",
}


def render(report: Report) -> str:
    """What failed is a failure, what passed passes, all else is skipped with its reason."""
    statuses = [finding.status for finding in report.findings]
    totals = {
        "tests": str(len(statuses)),
        "failures": str(statuses.count(Status.FAIL)),
        "errors": "0",
        "skipped": str(sum(status in _SKIPPED for status in statuses)),
    }
    root = ET.Element("testsuites", {"name": "thornwall", **totals})
    suite = ET.SubElement(root, "testsuite", {"name": heading(report), "hostname": heading(report), **totals})
    if when := iso(report.captured_at):
        suite.set("timestamp", when.removesuffix("Z"))
    properties = ET.SubElement(suite, "properties")
    for name, value in (("target", line(report.target)), ("score", str(report.score)), ("preset", line(report.preset))):
        ET.SubElement(properties, "property", {"name": name, "value": value})
    for finding in report.findings:
        _case(suite, report, finding)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _case(suite: ET.Element, report: Report, finding: Finding) -> None:
    attributes = {"classname": f"thornwall.{line(finding.rule)}", "name": line(finding.subject), "time": "0"}
    case = ET.SubElement(suite, "testcase", attributes)
    if finding.status is Status.FAIL:
        message = f"{line(finding.title)}: {line(finding.detail)}".rstrip(": ")
        failure = ET.SubElement(case, "failure", {"type": str(finding.risk), "message": message})
        failure.text = "\n".join(_told(finding))
    elif finding.status in _SKIPPED:
        reason = f"{_SKIPPED[finding.status]}: {_reason(report, finding)}".rstrip(": ")
        ET.SubElement(case, "skipped", {"message": reason})


def _reason(report: Report, finding: Finding) -> str:
    detail = line(finding.detail)
    match finding.status:
        case Status.UNKNOWN:
            return f"{detail}; to know: {line(finding.mend)}" if finding.mend else detail
        case Status.MANUAL:
            return f"{detail} {attest(report, finding)}"
        case Status.WAIVED if finding.waiver:
            waiver = finding.waiver
            return f"{line(waiver.reason)} ({line(waiver.by)}, until {line(waiver.until)})"
        case _:
            return detail


def _told(finding: Finding) -> Iterator[str]:
    yield f"risk: {finding.risk} (likelihood {finding.likelihood}, impact {finding.impact})"
    yield from (f"  {move(moved)}" for moved in finding.moved_by)
    for seen in finding.evidence:
        yield f"seen: {line(seen.where)}"
        yield from (f"  {text}" for text in clean(seen.text).splitlines()[:20])
    yield f"remedy ({finding.remedy.effort.label}): {line(finding.remedy.text)}"
    yield from (f"  $ {line(command)}" for command in finding.remedy.commands)
