"""Text that came from a host, made fit to be read: nothing in it may steer a terminal, a browser or a reader's eye."""

from __future__ import annotations

import re

LIMIT = 4096  # characters of one text of a host in any report: more is not read, and a hostile host would send it

# Sequences that only colour or move carry no words: they go whole. Of all others only the control characters go, so
# that nothing can hide behind an opening sequence that is never closed.
_COLOURS = re.compile(r"(?:\x1b\[|\x9b)[0-9:;<=>?]*[ -/]*[@-~]")
_CONTROLS = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # C0 but tab, newline, carriage return; delete; C1
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"  # invisible, or turn the direction of writing
    r"\ud800-\udfff\ufffe\uffff\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+",  # surrogates, non-characters, tags
)
_NEWLINES = re.compile(r"\r\n|[\r\u2028\u2029]")
_SPACES = re.compile(r"\s+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z`'\"(])")
_CODE = re.compile(r"`([^`\n]+)`")
_PLAIN = re.compile(r"[ -~\n]*")


def clean(text: str, limit: int = LIMIT) -> str:
    """Without control, invisible and direction-turning characters; newlines kept; at most `limit` characters.

    A run of taken-out characters leaves one `�`, so that a reader sees that something was there.
    """
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if _PLAIN.fullmatch(text):
        return text
    text = _NEWLINES.sub("\n", _COLOURS.sub("", text)).expandtabs(4)
    return _CONTROLS.sub("�", text)


def line(text: str, limit: int = LIMIT) -> str:
    """`clean`, and on one line: every run of white space is one space."""
    text = _SPACES.sub(" ", clean(text)).strip()
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def first_sentence(text: str) -> str:
    """Up to the first full stop that ends a sentence."""
    return _SENTENCE.split(line(text), maxsplit=1)[0]


def after_first_sentence(text: str) -> str:
    """What `first_sentence` leaves, or empty."""
    return " ".join(_SENTENCE.split(line(text), maxsplit=1)[1:])


def brief(text: str, limit: int) -> str:
    """As many whole sentences as fit into `limit` characters; at least the first."""
    sentences = _SENTENCE.split(line(text))
    kept = sentences[0]
    for sentence in sentences[1:]:
        if len(kept) + 1 + len(sentence) > limit:
            break
        kept = f"{kept} {sentence}"
    return kept


def spans(text: str) -> list[tuple[bool, str]]:
    """Cut at `backticks`: (is code, text) in order; a lone backtick is text."""
    parts = _CODE.split(text)
    return [(bool(index % 2), part) for index, part in enumerate(parts) if part]


def count(number: int, one: str, many: str = "") -> str:
    """'1 finding', '2 findings'."""
    return f"{number} {one if number == 1 else many or one + 's'}"
