"""The questions of `profile init`: the first document's 'What kind of target is your device?', one at a time."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from thornwall.cli.console import err, printable
from thornwall.model.profile import Controls, Data, Online, Place, Profile, Shows, Talks

E = TypeVar("E", bound=StrEnum)

# by kind first: the members of two kinds may be the same word
MEANING: Mapping[type[StrEnum], Mapping[str, str]] = {
    Data: {
        Data.NONE: "nothing that anybody would want",
        Data.PASSWORDS: "passwords or keys that open other things",
        Data.PERSONAL: "personal files, names, habits",
        Data.VIDEO: "pictures, video or sound",
        Data.FINANCIAL: "financial data",
        Data.MEDICAL: "medical data",
    },
    Controls: {
        Controls.NOTHING: "nothing",
        Controls.DISPLAY: "a screen or sign",
        Controls.CAMERA: "a camera or microphone",
        Controls.LOCK: "a door, a gate, an alarm",
        Controls.APPLIANCE: "heating, lights, machines",
        Controls.NETWORK: "the network itself: router, access point, DNS",
    },
    Shows: {
        Shows.NOTHING: "nothing",
        Shows.PRIVATE: "something for its owner alone",
        Shows.OTHERS: "something that other people see",
    },
    Talks: {
        Talks.NOTHING: "nothing",
        Talks.HOME: "other devices of the local network",
        Talks.INTERNET: "services on the Internet",
        Talks.TRAFFIC: "other people's traffic passes through it",
    },
    Online: {
        Online.NO: "it is on no network",
        Online.NEEDLESS: "it is on one, but need not be",
        Online.LOCAL: "on the local network only",
        Online.INTERNET: "it must reach the Internet",
        Online.EXPOSED: "it is reached from the Internet",
    },
    Place: {
        Place.LOCKED: "locked away",
        Place.HOME: "at home",
        Place.SHARED: "where known people pass by: an office, a workshop",
        Place.PUBLIC: "where the public can touch it: a fair, a school, a shop",
    },
}


def news(kept: Profile, guess: Profile, reasons: Mapping[str, str]) -> dict[str, str]:
    """Where the host now speaks for another answer than the one kept: what is guessed, and why."""

    def answers(profile: Profile, key: str) -> tuple[StrEnum, ...]:
        value = getattr(profile, key)
        return value if isinstance(value, tuple) else (value,)

    return {
        key: f"{', '.join(MEANING[type(word)][word] for word in answers(guess, key))} ({reason})"
        for key, reason in reasons.items()
        if set(answers(guess, key)) != set(answers(kept, key))
    }


def ask_profile(guess: Profile, reasons: Mapping[str, str]) -> Profile:
    """The profile as the person answers; Enter keeps each answer of `guess`, which is marked."""
    err.print("What is this device for? Enter keeps the marked answer; several numbers where several fit.\n")
    return Profile(
        name=guess.name,
        data=_several("What data is on the device?", Data, guess.data, reasons.get("data")),
        controls=_several("What hardware does it control?", Controls, guess.controls, reasons.get("controls")),
        shows=_one("What does it display?", Shows, guess.shows, reasons.get("shows")),
        talks=_several("What does it communicate with?", Talks, guess.talks, reasons.get("talks")),
        online=_one("Must it be on a network at all?", Online, guess.online, reasons.get("online")),
        place=_one("Where does it stand, and who can touch it?", Place, guess.place, reasons.get("place")),
    )


def _one(question: str, kind: type[E], guess: E, reason: str | None) -> E:
    return _several(question, kind, (guess,), reason, most=1)[0]


def _several(question: str, kind: type[E], guess: tuple[E, ...], reason: str | None, most: int = 9) -> tuple[E, ...]:
    members = list(kind)
    err.print(f"[bold]{question}[/bold]")
    for number, member in enumerate(members, 1):
        mark = "*" if member in guess else " "
        err.print(f" {mark}{number}  {MEANING[kind][member]}", markup=False)
    if reason:
        err.print(f"    guessed: {printable(reason)}", markup=False, style="dim")
    while True:
        err.print("> ", end="")
        numbers = parse_numbers(input(), len(members), most)
        if numbers is None:
            err.print(f"Please type {'a number' if most == 1 else 'numbers'} from 1 to {len(members)}.")
        elif len(numbers) > 1 and 1 in numbers:  # the first answer to each such question is 'nothing'
            err.print("1 says that there is nothing: please type it alone, or the others without it.")
        else:
            err.print()
            return tuple(members[number - 1] for number in numbers) or guess


def parse_numbers(text: str, highest: int, most: int) -> list[int] | None:
    """'1, 3' to [1, 3]; nothing typed is []; None if it is no list of at most `most` numbers up to `highest`."""
    words = text.replace(",", " ").split()
    if not all(word.isascii() and word.isdigit() and 1 <= int(word[:3]) <= highest for word in words):
        return None
    numbers = list(dict.fromkeys(map(int, words)))
    return numbers if len(numbers) <= most else None
