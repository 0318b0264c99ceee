"""A password or code that shows itself to nobody by accident."""

from __future__ import annotations

from typing import NoReturn

MASK = "••••••"


class Secret:
    """Text that is masked in `repr`, `str` and `format`, and cannot be pickled or copied into a log by accident.

    `reveal()` gives the text; it is called where the text leaves for the host, and nowhere else.
    """

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        """The text itself."""
        return self.__text

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __bool__(self) -> bool:
        return bool(self.__text)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not written anywhere")
