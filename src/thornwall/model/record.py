"""How the values of the model are declared: data that nobody changes, and that is made quickly."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[T]) -> type[T]:
    """A dataclass with slots, hashable by its fields, frozen by the type checker alone.

    `dataclass(frozen=True)` sets each field through a call, so that a record of ten takes six times as long to make,
    and an audit makes thousands. mypy refuses to set a field as it does for that one; `dataclasses.replace` works.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
