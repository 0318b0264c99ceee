"""Templates of sh, filled."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources

from thornwall.errors import UsageError

_NONCE = re.compile(r"[A-Za-z0-9]{8,64}")


def template(name: str) -> str:
    """The text of a file in `device/`."""
    return resources.files("thornwall.apply").joinpath("device", name).read_text(encoding="utf-8")


def fill(text: str, values: Mapping[str, str]) -> str:
    """`@name@` replaced by its value, once: what a value holds is left alone."""
    return re.sub(r"@([a-z_]+)@", lambda match: values.get(match[1], match[0]), text)


def nonce_of(text: str) -> str:
    """`text`, if it is letters and digits enough. Raises UsageError."""
    if not _NONCE.fullmatch(text):
        raise UsageError("a nonce is 8 to 64 letters and digits")
    return text
