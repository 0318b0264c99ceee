"""A fact is Known, Absent or Unknown: what could not be read is never mistaken for what is not there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Known(Generic[T_co]):
    """The fact was read, and this is its value."""

    value: T_co


@dataclass(frozen=True, slots=True)
class Absent:
    """It was looked for where it would be, and is not there."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """It could not be read. `reason`: why, a clause for people; `mend`: what would make it known, or empty."""

    reason: str
    mend: str = ""


Fact: TypeAlias = Known[T_co] | Absent | Unknown

ABSENT = Absent()
