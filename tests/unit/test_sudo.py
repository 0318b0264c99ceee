"""sudo: our reading of sudoers against what sudo itself said of the same files; what leaves the device; bad input."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.awk import AWKS, redact
from tests.casefolder import CASES, load
from thornwall.facts import sudo
from thornwall.facts.sudo import SUDOERS
from thornwall.model.capture import Capture, CommandResult, FileRecord, Manifest
from thornwall.model.fact import Absent, Known
from thornwall.model.probe import Read
from thornwall.model.sudo import Policy, Sudo

LISTINGS = sorted(path for path in CASES.glob("sudo/*/sudo-l/*") if path.suffix != ".err")

_ENTRY = re.compile(r"^ {4}\(([^:)]*?)(?: ?: [^)]*)?\) (.*)$", re.MULTILINE)
_TAGS = re.compile(r"((?:[A-Z_]+=\S+ |[A-Z_]+: |sha\d+:\S+ )*)(.*)")


def listed(text: str) -> Iterator[tuple[str, bool, str]]:
    """(run-as, whether without a password, command) of each entry that `sudo -l` lists."""
    for users, commands in _ENTRY.findall(text.partition(" may run the following commands")[2]):
        free = False
        for part in re.split(r"(?<!\\), ", commands):
            tags, command = _TAGS.fullmatch(part).groups()  # type: ignore[union-attr]
            free = "NOPASSWD" in tags or (free and "PASSWD" not in tags)
            yield users, free, command.replace("\\", "")


def policy_of(capture: Capture) -> Policy:
    match sudo.parse(capture):
        case Known(Sudo(policy=Known(policy))):
            return policy
        case fact:
            pytest.fail(str(fact))


@pytest.mark.parametrize("listing", LISTINGS, ids=lambda path: f"{path.parent.parent.name}-{path.name}")
def test_grants_are_what_sudo_lists(listing: Path) -> None:
    name = listing.name
    grants = policy_of(load(listing.parent.parent)).grants.get(name, ())
    ours = [
        (
            ", ".join(grant.users) or name,  # with a group alone, sudo names the account itself
            bool(grant.nopasswd),
            "!" * grant.negated + grant.command.replace("\\", ""),
        )
        for grant in grants
    ]
    assert ours == list(listed(listing.read_text()))


def test_who_comes_from_elsewhere() -> None:
    strangers = policy_of(load(CASES / "sudo/strangers")).strangers
    assert [(who, place.line) for who, place in strangers.items()] == [("%ldap-admins", 1), ("anna", 2), ("clara", 8)]


def test_there_are_listings() -> None:
    assert len(LISTINGS) > 10
    assert sum(len(list(listed(path.read_text()))) for path in LISTINGS) > 30


@pytest.mark.parametrize(
    ("line", "good"),
    [
        # as `cvtsudoers -e` of sudo 1.9.13p3 took or refused them
        (r"pi ALL=/bin/cat x=y", True),
        (r"pi ALL=/bin/cat x\=y", True),
        (r"pi ALL=/bin/cat #foo", True),
        (r"pi ALL=/bin/cat a:b", False),
        (r"pi ALL=(ALL)NOPASSWD:ALL", True),
        (r"pi ALL=NOPASSWD:(ALL) ALL", False),
        (r"pi ALL=CWD=/tmp ALL", True),
        (r"pi	ALL=ALL,", False),
        (r"Defaults:pi, bob !authenticate", True),
        (r"Defaults : pi !authenticate", False),
        (r"Defaults !!authenticate", True),
        (r"pi ALL=/bin/a#1", False),
        (r"pi ALL=ALL #1", False),
        (r"pi ALL=/bin/", True),
        (r"pi ALL=ls", False),
        (r"pi ALL=NOPASSWD: NOEXEC: ALL", True),
        (r"pi , bob ALL=ALL", True),
        (r'Defaults env_keep+="A B",!lecture', True),
        (r"Defaults editor=/bin/a:/bin/b", True),
        (r"pi ALL=(ALL) NOPASSWD:ALL;", False),
        (r'pi ALL=/bin/ls "a b"', True),
        (r"pi !foo,ALL=ALL", True),
        (r"pi ALL=(root) /bin/a\,b \:c", True),
        (r"pi ALL=~bob/x", False),
        (r"pi ALL=*/x", False),
        (r"+ng ALL=ALL", True),
        (r"Defaultsx", False),
        (r"pi ALL=NOPASSWD : ALL", True),
        (r"pi ALL=ALL!/bin/x", False),
        (r"bob ALL=(ALL NOPASSWD: ALL", False),
    ],
)
def test_lines_are_good_and_bad_as_sudo_has_them(line: str, good: bool) -> None:
    assert bool(policy_of(capture({"/etc/sudoers": line.encode()})).bad) is not good


def capture(files: Mapping[str, bytes], commands: Mapping[str, bytes] | None = None) -> Capture:
    reads = tuple(probe.pattern for probe in sudo.PROBES if isinstance(probe, Read))
    passwd = b"root:x:0:0::/root:/bin/sh\npi:x:1000:1000::/home/pi:/bin/sh\n"
    return Capture(
        Manifest("x", "ssh", 0, reads=(*reads, "/etc/passwd", "/etc/group")),
        {path: FileRecord(path, content=content) for path, content in ({"/etc/passwd": passwd} | dict(files)).items()},
        {name: CommandResult(name, out, b"", 0) for name, out in (commands or {}).items()},
    )


WORDS = st.sampled_from(
    [
        *(
            "pi",
            "ALL",
            "%sudo",
            "#1000",
            "%#27",
            "+ng",
            "A",
            "B",
            "=",
            "(",
            ")",
            ":",
            ",",
            "!",
            " ",
            "\t",
            "\n",
            "\\\n",
        ),
        *(
            "NOPASSWD:",
            "PASSWD:",
            "/bin/ls",
            "sudoedit",
            "#",
            "# x",
            '"',
            "\\",
            "Defaults",
            "User_Alias ",
            "Cmnd_Alias ",
        ),
        *(
            "Runas_Alias ",
            "Host_Alias ",
            "@include /etc/sudoers\n",
            "@includedir /etc/sudoers.d\n",
            "sha256:ab ",
            "^x$",
        ),
        *("A = B : B = A\n", "é", "\0", "permit nopass pi", "deny :sudo", "{", "}", "as", "cmd"),
    ]
)
TEXT = st.one_of(st.lists(WORDS, max_size=40).map("".join).map(str.encode), st.binary(max_size=200))


@given(TEXT, TEXT)
def test_no_file_makes_it_raise(one: bytes, other: bytes) -> None:
    files = {"/etc/sudoers": one, "/etc/sudoers.d/a": other, "/etc/sudoers.d/b.c": one, "/etc/doas.conf": other}
    match sudo.parse(capture(files, {"own-sudo": one, "login-programs": other})):
        case Known(Sudo(policy=Known(policy))):
            list(policy.effective("pi"))
        case fact:
            assert not isinstance(fact, Absent)


def test_a_file_that_includes_itself_ends() -> None:
    policy = policy_of(capture({"/etc/sudoers": b"@include /etc/sudoers\n" * 3}))
    assert policy.unread


def test_aliases_that_multiply_end() -> None:
    lines = ["Cmnd_Alias A0 = /bin/ls"]
    lines += [f"Cmnd_Alias A{n} = {', '.join([f'A{n - 1}'] * 9)}" for n in range(1, 9)]
    policy = policy_of(capture({"/etc/sudoers": "\n".join([*lines, "pi ALL=A8"]).encode()}))
    assert policy.unread


@pytest.mark.parametrize("awk", AWKS, ids=" ".join)
def test_what_follows_a_secret_is_masked_and_the_rest_is_not(awk: list[str]) -> None:
    same = [
        "pi ALL=(ALL) NOPASSWD: ALL",
        "pi ALL=(ALL) NOPASSWD : ALL, PASSWD: /usr/bin/passwd [A-Za-z]*, !/usr/bin/passwd root",
        'Defaults passwd_tries=3, passprompt="Password: ", badpass_message="no"',
        "Cmnd_Alias PASSWD = /usr/bin/passwd, /usr/sbin/chpasswd",
        "Cmnd_Alias KEYS=/usr/bin/apt-key",
        "bob ALL = /usr/bin/mount --options ro, /usr/bin/ssh-keygen -t ed25519",
        "%sudo ALL=(ALL:ALL) ALL # pass",
        "",
    ]
    masked = {
        "pi ALL=/bin/x --password=secret-word, NOPASSWD: ALL": "pi ALL=/bin/x --password=<redacted>, NOPASSWD: ALL",
        "pi ALL=/bin/x --token secret-word, NOPASSWD: ALL": "pi ALL=/bin/x --token <redacted>, NOPASSWD: ALL",
        "pi ALL=/usr/bin/env DB_PASSWORD\\=secret-word x": "pi ALL=/usr/bin/env DB_PASSWORD\\=<redacted> x",
        "pi ALL=/bin/x https://me:secret-word@host/ y": "pi ALL=/bin/x https://<redacted>@host/ y",
        "pi ALL=/bin/x $1$ab$cdefgh y": "pi ALL=/bin/x <redacted> y",
    }
    assert redact(awk, SUDOERS, [*same, *masked]) == [*same, *masked.values()]
