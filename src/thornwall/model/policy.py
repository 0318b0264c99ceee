"""Which rules, with which values, what is accepted, and what people have answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from thornwall.model.finding import Waiver
from thornwall.model.record import record
from thornwall.model.rule import Preset, Rule, Value


@record
class Policy:
    """A preset, and what a policy file changes of it: rules switched on or off, values of their options, waivers."""

    preset: Preset = Preset.RECOMMENDED
    switched: Mapping[str, bool] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()

    def has(self, rule: Rule) -> bool:
        """Whether the rule is judged."""
        return self.switched.get(rule.id, rule.preset <= self.preset)

    def values_of(self, rule: Rule) -> dict[str, Value]:
        """Each option of the rule with its value: the file's, else the preset's, else the default."""
        given = self.values.get(rule.id, {})
        return {option.name: given.get(option.name, option.value(self.preset)) for option in rule.options}


@record
class Attestation:
    """A person's answer (all is well) to a manual rule of one target. `until`: ISO date, the last day it holds."""

    rule: str
    by: str
    until: str
    note: str = ""
