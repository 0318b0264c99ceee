"""A fact is Known, Absent or Unknown: what could not be read is never mistaken for what is not there."""

from __future__ import annotations

from typing import Generic, TypeAlias, TypeVar

from thornwall.model.record import record

T_co = TypeVar("T_co", covariant=True)


@record
class Known(Generic[T_co]):
    """The fact was read, and this is its value."""

    value: T_co


@record
class Absent:
    """It was looked for where it would be, and is not there."""


@record
class Unknown:
    """It could not be read. `reason`: why, a clause for people; `mend`: what would make it known, or empty."""

    reason: str
    mend: str = ""


Fact: TypeAlias = Known[T_co] | Absent | Unknown

ABSENT = Absent()
