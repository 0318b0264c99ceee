"""Text of a host, made fit for a person's terminal."""

from __future__ import annotations

import re

_COMMAND = re.compile(rb"(not allowed to execute ).*'(?= as )")


def printable(raw: bytes | str, limit: int = 200) -> str:
    """`raw` on one line: control, format and invalid characters become spaces or `?`, at most `limit` characters."""
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    clean = "".join(char if char.isprintable() else " " if char.isspace() else "?" for char in text[: 4 * limit])
    line = " ".join(clean.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def of_sudo(raw: bytes, limit: int = 200) -> str:
    """What sudo says of its refusal, made printable: not the line that ends it whatever the reason was, nor the command
    (`user pi is not allowed to execute '…' as root on HOST`), which is of no use to anybody."""
    lines = [_COMMAND.sub(rb"\1this", line.strip()) for line in raw[-4096:].splitlines() if line.strip()]
    why = [line for line in lines if not line.endswith(b"a password is required")] or lines
    return printable(b"; ".join(why[-2:]), limit)


def last_line(raw: bytes, limit: int = 200) -> str:
    """The last line that is not empty, made printable; often the one that says why."""
    lines = [line for line in raw[-4096:].splitlines() if line.strip()]
    return printable(lines[-1], limit) if lines else ""
