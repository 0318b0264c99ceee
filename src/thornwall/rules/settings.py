"""Policy and profile files (TOML). A wrong key is an error with its line and the nearest right one."""

from __future__ import annotations

import datetime as dt
import difflib
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import Any, TypeVar, cast

from thornwall.errors import UsageError
from thornwall.model.finding import Waiver
from thornwall.model.policy import Attestation, Policy
from thornwall.model.profile import Controls, Data, Online, Place, Profile, Shows, Talks
from thornwall.model.rule import Option, Preset, Rule, Value

E = TypeVar("E", bound=StrEnum)


class _File:
    """The text of one file, for errors that name a line."""

    def __init__(self, text: str, name: str) -> None:
        self.text, self.name = text, name
        try:
            self.raw: dict[str, Any] = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise UsageError(f"{name} is not TOML: {error}.", hint="See docs/policy.md for an example.") from error

    def wrong(self, key: str, message: str, hint: str = "") -> UsageError:
        """An error that points at the line of `key`."""
        word = re.escape(key)
        pattern = re.compile(rf"^\s*(\[+[^\]]*)?[\"']?{word}[\"']?\s*[\].=]|[=\[,]\s*[\"']{word}[\"']", re.MULTILINE)
        found = pattern.search(self.text)
        line = self.text.count("\n", 0, found.end()) + 1 if found else 1
        return UsageError(f"{self.name}:{line}: {message}", hint=hint)

    def only(self, table: Mapping[str, Any], allowed: Collection[str], what: str) -> None:
        """Every key of the table is one of `allowed`, or an error with the nearest of them."""
        for key in table:
            if key not in allowed:
                raise self.wrong(key, f"there is no {what} {key!r}.", nearest(key, allowed))

    def text_of(self, table: Mapping[str, Any], key: str, default: str | None = None) -> str:
        """A text (or a date) of the table."""
        value = table.get(key, default)
        if isinstance(value, dt.date):
            return value.isoformat()[:10]
        if not isinstance(value, str):
            raise self.wrong(key, f"{key!r} must be a text." if key in table else f"{key!r} is missing.")
        return value


def nearest(word: str, words: Iterable[str]) -> str:
    """'Did you mean …?', with those of which it is a whole part; or the list if nothing is near."""
    words = sorted(words)
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    parts = [each for each in words if len(word) > 2 and word in each.split("-")]
    if len(parts) > 1:
        return f"Did you mean one of these: {', '.join(parts[:8])}?"
    if near or parts:
        return f"Did you mean {(near or parts)[0]!r}?"
    return f"There are: {', '.join(words)}." if len(words) <= 12 else "'thornwall rules' lists them."


def iso_date(text: str, name: str) -> str:
    """The date as YYYY-MM-DD. Raises UsageError, naming `name`, if it is none."""
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise UsageError(f"{name}: {text!r} is no date.", hint="Write it as 2027-01-31.") from error


PRESETS = {preset.name.lower(): preset for preset in Preset}


def parse_preset(word: str) -> Preset:
    """`documents`, `recommended` or `strict`. Raises UsageError."""
    if word not in PRESETS:
        raise UsageError(f"There is no preset {word!r}.", hint=nearest(word, PRESETS))
    return PRESETS[word]


def parse_policy(text: str, name: str, rules: Iterable[Rule], preset: Preset | None = None) -> Policy:
    """A policy file. `preset`, if given, takes the place of what the file extends. Raises UsageError."""
    file = _File(text, name)
    known = {rule.id: rule for rule in rules}
    file.only(file.raw, {"extends", "rules", "values", "waivers"}, "key")
    extends = file.text_of(file.raw, "extends", "recommended")
    if extends not in PRESETS:
        raise file.wrong(extends, f"there is no preset {extends!r}.", nearest(extends, PRESETS))
    return Policy(
        preset=PRESETS[extends] if preset is None else preset,
        switched=_switched(file, known),
        values=_values(file, known),
        waivers=tuple(_waiver(file, entry, known) for entry in _list(file, "waivers")),
    )


def _table(file: _File, table: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise file.wrong(key, f"{key!r} must be a table.")
    return value


def _list(file: _File, key: str) -> list[dict[str, Any]]:
    value = file.raw.get(key, [])
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise file.wrong(key, f"{key!r} must be written as [[{key}]].")
    return value


def _switched(file: _File, known: Mapping[str, Rule]) -> dict[str, bool]:
    switched = _table(file, file.raw, "rules")
    file.only(switched, known, "rule")
    for rule, value in switched.items():
        if not isinstance(value, bool):
            raise file.wrong(rule, f"{rule!r} is switched with true or false.")
    return switched


def _values(file: _File, known: Mapping[str, Rule]) -> dict[str, dict[str, Value]]:
    tables = _table(file, file.raw, "values")
    file.only(tables, known, "rule")
    values: dict[str, dict[str, Value]] = {}
    for rule in tables:
        options = {option.name: option for option in known[rule].options}
        given = _table(file, tables, rule)
        file.only(given, options, f"option of {rule}")
        values[rule] = {key: _value(file, options[key], value) for key, value in given.items()}
    return values


def _value(file: _File, option: Option, value: object) -> Value:
    if isinstance(option.default, tuple):
        if isinstance(value, list) and all(isinstance(word, str) for word in value):
            return tuple(value)
        raise file.wrong(option.name, f"{option.name!r} must be a list of texts.")
    if type(value) is not type(option.default):
        kind = {int: "a whole number", str: "a text", bool: "true or false"}[type(option.default)]
        raise file.wrong(option.name, f"{option.name!r} must be {kind}.")
    return cast("Value", value)


def _waiver(file: _File, entry: Mapping[str, Any], known: Mapping[str, Rule]) -> Waiver:
    file.only(entry, {"rule", "subject", "reason", "by", "until"}, "key of a waiver")
    rule = file.text_of(entry, "rule")
    if rule not in known:
        raise file.wrong(rule, f"there is no rule {rule!r}.", nearest(rule, known))
    words = {key: file.text_of(entry, key).strip() for key in ("reason", "by", "until")}
    for key, value in words.items():
        if not value:
            raise file.wrong(key, f"a waiver says its {key!r}.")
    until = iso_date(words["until"], f"{file.name}: the waiver of {rule}")
    return Waiver(rule, words["reason"], words["by"], until, file.text_of(entry, "subject", "*"))


def parse_profile(text: str, name: str) -> Profile:
    """A profile file. Raises UsageError."""
    file = _File(text, name)
    file.only(file.raw, {"name", "data", "controls", "shows", "talks", "online", "place"}, "key")
    return Profile(
        name=file.text_of(file.raw, "name", ""),
        data=_several(file, "data", Data) or (Data.NONE,),
        controls=_several(file, "controls", Controls) or (Controls.NOTHING,),
        shows=_one(file, "shows", Shows, Shows.NOTHING),
        talks=_several(file, "talks", Talks) or (Talks.HOME,),
        online=_one(file, "online", Online, Online.LOCAL),
        place=_one(file, "place", Place, Place.HOME),
    )


def _one(file: _File, key: str, kind: type[E], default: E) -> E:
    return _member(file, key, file.text_of(file.raw, key, str(default)), kind)


def _several(file: _File, key: str, kind: type[E]) -> tuple[E, ...]:
    value = file.raw.get(key, [])
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise file.wrong(key, f"{key!r} must be a list of texts.")
    return tuple(dict.fromkeys(_member(file, key, word, kind) for word in words))


def _member(file: _File, key: str, word: str, kind: type[E]) -> E:
    words = [str(member) for member in kind]
    if word not in words:
        raise file.wrong(word, f"{key!r} cannot be {word!r}.", nearest(word, words))
    return kind(word)


def profile_text(profile: Profile) -> str:
    """The profile as TOML that `parse_profile` reads, with what each answer can be."""
    rows: list[tuple[str, object, type[StrEnum] | None, str]] = [
        ("data", profile.data, Data, "What data is on the device?"),
        ("controls", profile.controls, Controls, "What hardware does it control?"),
        ("shows", profile.shows, Shows, "What does it display, and to whom?"),
        ("talks", profile.talks, Talks, "What does it communicate with?"),
        ("online", profile.online, Online, "Must it be on a network at all?"),
        ("place", profile.place, Place, "Where does it stand, and who can touch it?"),
    ]
    lines = ["# What this device is for: thornwall ranks findings by it.", f"name = {_quoted(profile.name)}"]
    for key, value, kind, question in rows:
        lines += ["", f"# {question} ({', '.join(kind or ())})"]
        words = [_quoted(str(word)) for word in value] if isinstance(value, tuple) else []
        lines.append(f"{key} = " + (f"[{', '.join(words)}]" if isinstance(value, tuple) else _quoted(str(value))))
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", " ", escaped) + '"'


def parse_attestations(text: str, name: str, target: str) -> tuple[Attestation, ...]:
    """The attestations of one target in a file of `[[attestation]]` tables. Raises UsageError."""
    file = _File(text, name)
    file.only(file.raw, {"attestation"}, "key")
    found = []
    for entry in _list(file, "attestation"):
        file.only(entry, {"target", "rule", "by", "until", "note"}, "key of an attestation")
        if file.text_of(entry, "target") == target:
            words = {key: file.text_of(entry, key) for key in ("rule", "by")}
            until = iso_date(file.text_of(entry, "until"), name)
            found.append(Attestation(words["rule"], words["by"], until, file.text_of(entry, "note", "")))
    return tuple(found)


def attestation_text(target: str, attestation: Attestation) -> str:
    """One attestation as TOML, to be appended to such a file."""
    return (
        f"\n[[attestation]]\ntarget = {_quoted(target)}\nrule = {_quoted(attestation.rule)}\n"
        f"by = {_quoted(attestation.by)}\nuntil = {_quoted(attestation.until)}\nnote = {_quoted(attestation.note)}\n"
    )
