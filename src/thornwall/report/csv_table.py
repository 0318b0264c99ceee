"""CSV: one row a finding, for spreadsheets. No cell can become a formula there."""

from __future__ import annotations

import csv
from io import StringIO

from thornwall.model.finding import Finding, Report
from thornwall.report.text import line
from thornwall.report.words import REFERENCES, move

COLUMNS = (
    "host", "rule", "subject", "status", "risk", "likelihood", "impact", "kind", "class", "title", "detail", "evidence",
    "moved_by", "remedy", "commands", "effort_minutes", "needs", "fix", "may_break", "attacker", "to_know", "waiver",
    "references",
)  # fmt: skip

# What makes a spreadsheet reckon: also in the full width of East Asian input methods.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def render(report: Report) -> str:
    """A heading and a row for each finding; every cell is quoted, rows end as RFC 4180 has it."""
    file = StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    host = report.host.hostname or report.target
    for finding in report.findings:
        writer.writerow([_cell(value) for value in (host, *_row(finding))])
    return file.getvalue()


def _cell(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    text = line(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _row(finding: Finding) -> tuple[str | int, ...]:
    remedy, waiver = finding.remedy, finding.waiver
    references = finding.references.as_dict().items()
    return (
        finding.rule,
        finding.subject,
        str(finding.status),
        str(finding.risk),
        finding.likelihood,
        finding.impact,
        str(finding.kind),
        str(finding.fault_class),
        finding.title,
        finding.detail,
        "; ".join(f"{seen.where}: {seen.text}" if seen.text else seen.where for seen in finding.evidence),
        "; ".join(map(move, finding.moved_by)),
        remedy.text,
        "; ".join(remedy.commands),
        int(remedy.effort),
        ", ".join(map(str, remedy.needs)),
        str(finding.fixable),
        remedy.may_break,
        str(finding.attacker),
        finding.mend,
        f"{waiver.reason} ({waiver.by}, until {waiver.until})" if waiver else "",
        "; ".join(f"{REFERENCES[name]} {', '.join(map(str, values))}" for name, values in references),
    )
