"""Templates of sh, filled."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from thornwall.errors import UsageError
from thornwall.model.change import sha256

# the last line of a script: cut short anywhere, it is no command yet, so that what did not arrive whole runs nothing
CALL = "{ main </dev/null; }\n"
_NONCE = re.compile(r"[A-Za-z0-9]{8,64}")
_ID = re.compile(r"[0-9]{1,9}")


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


def number_of(text: str) -> str:
    """The number of a change, as its record is called. Raises UsageError."""
    if not _ID.fullmatch(text):
        raise UsageError(f"not the number of a change: {text!r}", hint="see: thornwall history")
    return f"{int(text):04d}"


def comment(text: str) -> str:
    """Text of people for a comment or a message in double quotes: one line without what means something to sh."""
    return "".join(char if char.isprintable() and char not in '"$`\\' else " " for char in text)


@dataclass(frozen=True, slots=True)
class About:
    """What a record says of itself, in words: the file `about`. `reopens`: what is open again once it is taken back."""

    version: str
    title: str
    window: str = ""  # seconds
    reopens: str = ""


def write_parts(parts: Mapping[str, str], *, nonce: str, about: About) -> str:
    """The function `write_parts`: it writes these files into the record, by name, and refuses where one came torn."""
    part, end = f"PART_{nonce_of(nonce)}", f"END_{nonce}"
    # one program for all of them: a process for each is much on a small board
    lines = ["write_parts() {", "  {", f'awk -v part={part} -v folder="$D" \'']
    lines += [
        '    $1 == part { if (file) close(file); file = folder "/" $2; printf "" >file; next }',
        "    { print >file }",
    ]
    lines += [f"  ' <<'{end}' &&"]
    for name, text in parts.items():
        lines += [f"{part} {name}", *([text.removesuffix("\n")] if text else [])]
    lines += [end]
    sums = " ".join(f'{sha256(text.encode())} "$D/{name}"' for name, text in parts.items())
    told = (about.version, about.title, about.window, about.reopens)
    words = " ".join(shlex.quote(comment(text) or "-") for text in told)
    lines += [
        f"    printf '%s  %s\\n' {sums} | sha256sum -c >/dev/null 2>&1 &&",
        f'      printf \'%s %s\\n%s\\n%s\\n%s\\n\' "$(date +%s)" {words} >"$D/about" ||',
        '      refuse "what was sent did not arrive whole" "try again"',
        "  }",
        "}",
    ]
    return "\n".join(lines) + "\n"
