"""Policy, profile and attestation files: what is right is read, what is wrong is named with its line."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thornwall.errors import UsageError
from thornwall.model.finding import Waiver
from thornwall.model.policy import Attestation
from thornwall.model.profile import Controls, Data, Online, Place, Profile, Shows, Talks
from thornwall.model.rule import Preset
from thornwall.rules.registry import RULES
from thornwall.rules.settings import (
    attestation_text,
    parse_attestations,
    parse_policy,
    parse_profile,
    profile_text,
)

POLICY = """\
extends = "strict"

[rules]
ssh-x11-forwarding = false

[values.ssh-max-auth-tries]
most = 3

[[waivers]]
rule = "ssh-password-login"
subject = "host"
reason = "keys come next week"
by = "the owner"
until = 2027-01-31
"""


def policy(text: str) -> object:
    return parse_policy(text, "policy.toml", RULES)


def test_a_policy() -> None:
    read = parse_policy(POLICY, "policy.toml", RULES)
    assert read.preset is Preset.STRICT
    assert read.switched == {"ssh-x11-forwarding": False}
    assert read.values == {"ssh-max-auth-tries": {"most": 3}}
    assert read.waivers == (Waiver("ssh-password-login", "keys come next week", "the owner", "2027-01-31", "host"),)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("\n[rules]\nssh-pasword-login = false\n", 3, "Did you mean 'ssh-password-login'?"),
        ("\nextends = 'recomended'\n", 2, "Did you mean 'recommended'?"),
        ("# a\n# b\nextend = 'strict'\n", 3, "Did you mean 'extends'?"),
        ("[values.ssh-max-auth-tries]\nmaxi = 1\n", 2, "option of ssh-max-auth-tries"),
        ("[rules]\nssh-password-login = 'off'\n", 2, "true or false"),
        ("[[waivers]]\nrule = 'ssh-password-login'\nby = 'x'\nuntil = 2027-01-01\n", 1, "'reason' is missing"),
        (
            "[[waivers]]\nrule = 'ssh-password-logn'\nreason='a'\nby = 'x'\nuntil = 2027-01-01\n",
            2,
            "Did you mean 'ssh-password-login'?",
        ),
        ("waivers = 3\n", 1, "[[waivers]]"),
        ("rules = 3\n", 1, "must be a table"),
    ],
)
def test_a_wrong_policy_is_named_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        policy(text)
    assert caught.value.message.startswith(f"policy.toml:{line}: ")
    assert words in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("text", ["a = ", "[[[", "a = 1\na = 2", "\x00", "[a]\n[a]"])
def test_what_is_no_toml(text: str) -> None:
    for parse in (policy, lambda given_: parse_profile(given_, "profile.toml")):
        with pytest.raises(UsageError, match="is not TOML"):
            parse(text)


def test_a_bad_date() -> None:
    text = "[[waivers]]\nrule = 'ssh-password-login'\nreason='a'\nby='x'\nuntil = '31.1.2027'\n"
    with pytest.raises(UsageError, match="no date"):
        policy(text)


profiles = st.builds(
    Profile,
    data=st.lists(st.sampled_from(Data), min_size=1, max_size=3, unique=True).map(tuple),
    controls=st.lists(st.sampled_from(Controls), min_size=1, max_size=3, unique=True).map(tuple),
    shows=st.sampled_from(Shows),
    talks=st.lists(st.sampled_from(Talks), min_size=1, max_size=3, unique=True).map(tuple),
    online=st.sampled_from(Online),
    place=st.sampled_from(Place),
    name=st.text(alphabet=st.characters(blacklist_categories=["Cs", "Cc"]), max_size=20),
)


@given(profiles)
def test_a_profile_comes_back(profile: Profile) -> None:
    assert parse_profile(profile_text(profile), "profile.toml") == profile


def test_a_wrong_profile_is_named_with_its_line() -> None:
    with pytest.raises(UsageError) as caught:
        parse_profile('name = "x"\n\ncontrols = ["dor", "lock"]\n', "profile.toml")
    assert caught.value.message == "profile.toml:3: 'controls' cannot be 'dor'."
    assert "lock" in caught.value.hint


def test_attestations_come_back_by_target() -> None:
    answer = Attestation("locked-enclosure", 'the "owner" \\ me', "2027-01-31", "seen\nit")
    text = attestation_text("pi.local", answer) + attestation_text("other", Attestation("a", "b", "2027-01-01"))
    (read,) = parse_attestations(text, "attestations.toml", "pi.local")
    assert (read.rule, read.by, read.until, read.note) == (answer.rule, answer.by, answer.until, "seen it")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (
        policy,
        lambda given_: parse_profile(given_, "profile.toml"),
        lambda given_: parse_attestations(given_, "attestations.toml", "t"),
    ):
        with contextlib.suppress(UsageError):
            parse(text)
