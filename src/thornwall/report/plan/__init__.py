"""A plan as text: one file a format. All pure: a plan in, text out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thornwall.model.plan import Plan


@dataclass(frozen=True, slots=True)
class PlanFormat:
    """A way to write a plan: its name, the usual suffix of its files, what it is for, and the module that does it."""

    name: str
    suffix: str
    purpose: str
    module: str

    def render(self, plan: Plan) -> str:
        """The plan in this format. Only now is the format's module imported."""
        text: str = import_module(f"thornwall.report.plan.{self.module}").render(plan)
        return text


# `sh`, the script that would run, is made where it is run
PLAN_FORMATS: Mapping[str, PlanFormat] = MappingProxyType(
    {
        form.name: form
        for form in (
            PlanFormat("terminal", ".txt", "for people, as plain text", "terminal"),
            PlanFormat("json", ".json", "for programs: a stable contract, docs/plan.schema.json", "json_text"),
            PlanFormat("html", ".html", "for people: one self-contained page", "page"),
            PlanFormat("ansible", ".yml", "for those who have Ansible: a playbook", "ansible"),
            PlanFormat("cloud-init", ".yaml", "for the first boot of a fresh copy: user-data", "cloud_init"),
        )
    },
)


def render(plan: Plan, fmt: str) -> str:
    """The plan in one of `PLAN_FORMATS`, which ends in a newline.

    Raises:
        KeyError: there is no such format.
    """
    return PLAN_FORMATS[fmt].render(plan)
