"""A result as text: one file a format. All pure: a report in, text out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thornwall.model.finding import Report


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write a report: its name, the usual suffix of its files, what it is for, and the module that does it."""

    name: str
    suffix: str
    purpose: str
    module: str

    def render(self, report: Report) -> str:
        """The report in this format. Only now is the format's module imported: most runs need one of them."""
        text: str = import_module(f"thornwall.report.{self.module}").render(report)
        return text


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        form.name: form
        for form in (
            Format("terminal", ".txt", "for people, as plain text", "terminal"),
            Format("json", ".json", "for programs: a stable contract, docs/report.schema.json", "json_text"),
            Format("html", ".html", "for people: one self-contained page", "page"),
            Format("sarif", ".sarif", "for code scanning: SARIF 2.1.0", "sarif"),
            Format("junit", ".xml", "for CI systems: JUnit XML", "junit"),
            Format("csv", ".csv", "for spreadsheets: one row a finding", "csv_table"),
            Format("markdown", ".md", "for an issue or a wiki", "markdown"),
        )
    },
)


def render(report: Report, fmt: str) -> str:
    """The report in one of `FORMATS`, which ends in a newline.

    Raises:
        KeyError: there is no such format.
    """
    return FORMATS[fmt].render(report)


def format_of(filename: str) -> str | None:
    """The format that a file's name asks for by its suffix, or None."""
    lowered = filename.lower()
    return next((form.name for form in FORMATS.values() if lowered.endswith(form.suffix)), None)
