"""What a command line of cron or of a unit runs, as far as it can be told without running it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

_WORD = re.compile(r"<redacted>|[^\s;&|()<>\"'`{}]+|[;&|()<>\n]+|`")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*")
_NUMBER = re.compile(r"[+-]?[\d.]+[smhd]?")
_INTERPRETER = re.compile(r"(?:ba|da|z|k|a|mk)?sh|python[\d.]*|perl[\d.]*|ruby[\d.]*|node(?:js)?|php[\d.]*|lua[\d.]*")
_WRAPPER = re.compile(
    r"sudo|nice|ionice|env|nohup|timeout|flock|chronic|exec|time|command|setsid|systemd-cat|run-one|xargs|stdbuf|chrt"
    r"|taskset|eatmydata|if|then|else|do|while|!|\.|source"
)
_SYSTEM = ("", "/bin", "/sbin", "/usr/bin", "/usr/sbin")
_WITH_VALUE = {  # options whose value is no number, and stands apart
    "sudo": frozenset({"-u", "-g", "-h", "-p"}),
    "env": frozenset({"-u", "-C"}),
    "timeout": frozenset({"-s"}),
    "systemd-cat": frozenset({"-t", "-p"}),
}
_INTERPRETERS_WITH_VALUE = frozenset({"-W", "-X"})
_FETCH = re.compile(
    r"\b(?:curl|wget)\b[^|;]*\|\s*(?:sudo\s+)?(?:\S*/)?(?:(?:ba|da|z|k)?sh|python[\d.]*|perl|php)\b"
    r"|\b(?:(?:ba|da|z)?sh|eval|source|\.)\s+(?:-\w+\s+)?[\"']?(?:\$\(|<\(|`)\s*(?:curl|wget)\b"
)


def runs(command: str) -> tuple[str, ...]:
    """The absolute paths of programs and scripts that a command starts, in order; its other arguments left out."""
    reader = _Reader()
    return tuple(dict.fromkeys(path for word in _WORD.findall(command) for path in reader.read(word)))


def fetches(command: str) -> bool:
    """Whether it runs what it downloads, without a look at it."""
    return bool(_FETCH.search(command))


@dataclass(slots=True)
class _Reader:
    """Where in the command we are: a program is next (`expect`), after which `wrapper`, in which `folder`."""

    folder: str = ""
    expect: bool = True
    skip: bool = False
    wrapper: str = ""
    interpreter: bool = False
    changes: bool = False  # the next word is where `cd` goes

    def read(self, word: str) -> Iterator[str]:
        """Take the next word; what it names is given back if it is run."""
        if word[0] in ";&|()\n`":
            self.expect, self.skip, self.wrapper, self.interpreter, self.changes = True, False, "", False, False
        elif word[0] in "<>":
            self.skip = True
        elif self.skip:
            self.skip = False
        elif self.changes:
            self.folder, self.changes = word, False
        elif not self.expect:
            return
        elif word.startswith("-"):
            self._option(word)
        elif word != "<redacted>" and not (_ASSIGNMENT.fullmatch(word) or (self.wrapper and _NUMBER.fullmatch(word))):
            yield from self._program(word)

    def _option(self, word: str) -> None:
        values = _INTERPRETERS_WITH_VALUE if self.interpreter else _WITH_VALUE.get(self.wrapper, frozenset())
        self.skip = word in values
        self.expect = not (self.interpreter and word in {"-m", "-e"})
        self.interpreter = self.interpreter and word != "-c"

    def _program(self, word: str) -> Iterator[str]:
        name = posixpath.basename(word)
        if self.wrapper == "flock":
            self.wrapper = "after flock's file"
        elif word == "cd":
            self.changes, self.expect = True, False
        elif not self.interpreter and _WRAPPER.fullmatch(name) and posixpath.dirname(word) in _SYSTEM:
            self.wrapper = name
        else:
            here = self.folder.startswith("/") and (self.interpreter or "/" in word)
            path = posixpath.join(self.folder, word) if here else word
            if path.startswith("/"):
                yield posixpath.normpath(path)
            self.interpreter = not self.interpreter and bool(_INTERPRETER.fullmatch(name))
            self.expect = self.interpreter
