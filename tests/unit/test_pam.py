"""PAM: what leaves the device, stacks with what they include, and bad input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.awk import AWKS, redact
from tests.casefolder import CASES, load
from thornwall.facts import pam
from thornwall.facts.pam import PAM
from thornwall.facts.registry import snapshot
from thornwall.model.capture import Capture, CommandResult, FileRecord, Manifest
from thornwall.model.fact import Absent, Known, Unknown
from thornwall.model.pam import Pam
from thornwall.model.probe import Read
from thornwall.model.profile import Profile
from thornwall.model.rule import Context, answers
from thornwall.rules.pam_second_factor import RULES


def capture(files: Mapping[str, bytes], commands: Mapping[str, bytes] | None = None) -> Capture:
    reads = tuple(probe.pattern for probe in pam.PROBES if isinstance(probe, Read))
    return Capture(
        Manifest("x", "ssh", 0, reads=reads),
        {path: FileRecord(path, content=content) for path, content in files.items()},
        {name: CommandResult(name, out, b"", 0) for name, out in (commands or {}).items()},
    )


def parsed(files: Mapping[str, bytes]) -> Pam:
    match pam.parse(capture(files)):
        case Known(found):
            return found
        case fact:
            pytest.fail(str(fact))


def test_a_stack_follows_what_it_includes() -> None:
    """After pam.d(5): `@include` takes every kind, `include` and `substack` one, names are matched without case."""
    found = parsed(
        {
            "/etc/pam.d/login": b"""
# auth required pam_comment.so
AUTH  [success=ok new_authtok_reqd=ok default=bad]  pam_one.so  a [b c]  d=e # auth required pam_not.so
@include common
auth include half
account substack half
-session optional pam_maybe.so
auth required \\
    /usr/local/lib/security/pam_own.so \\
    last
""",
            "/etc/pam.d/common": b"auth required pam_two.so nullok\naccount required pam_three.so\n@include common\n",
            "/etc/pam.d/half": b"auth required pam_four.so\naccount required pam_five.so\n",
            "/etc/pam.d/other": b"auth required pam_deny.so\n",
        }
    )
    auth = found.stack("login", "auth")
    assert auth[0].name == "pam_one"
    assert auth[0].args == ("a", "b c", "d=e")
    assert auth[0].binding
    assert {line.name for line in auth} == {"pam_one", "pam_two", "pam_four", "pam_own"}
    assert (auth[-1].line, auth[-1].args) == (8, ("last",))
    assert {line.name for line in found.stack("login", "account")} == {"pam_three", "pam_five"}
    assert [line.silent for line in found.stack("login", "session")] == [True]
    assert [line.name for line in found.stack("no-such-service", "auth")] == ["pam_deny"]
    assert auth[1].argument("nullok") == ""
    assert auth[1].argument("null") is None


MAIN = "/etc/security/pwquality.conf"


@pytest.mark.parametrize(
    ("files", "least"),
    [
        ({MAIN: b"minlen = 20\n", f"{MAIN}.d/a.conf": b"minlen = 12\n"}, "20"),
        ({MAIN: b"minlen = 12\n", f"{MAIN}.d/a.conf": b"minlen = 20\n"}, "12"),
        ({MAIN: b"# nothing\n", f"{MAIN}.d/a.conf": b"minlen = 20\n"}, "20"),
        ({f"{MAIN}.d/a.conf": b"minlen = 20\n"}, "20"),
        ({f"{MAIN}.d/10.conf": b"minlen = 14\n", f"{MAIN}.d/99.conf": b"minlen = 16\n"}, "16"),
        ({MAIN: b"", f"{MAIN}.d/a.txt": b"minlen = 14\n"}, None),
        ({MAIN: b"minlen = 12\nminlen = 13\n"}, "13"),
        ({MAIN: b"minlen 13\n"}, "13"),
        ({MAIN: b"minlen=13\n"}, "13"),
        ({MAIN: b"MINLEN = 13 # x\n"}, "13"),
        ({MAIN: b"#minlen = 13\n"}, None),
    ],
)
def test_the_main_file_of_pwquality_has_the_last_word(files: dict[str, bytes], least: str | None) -> None:
    """As pwquality_read_config of libpwquality 1.4.5 answered on Debian 12 and 13, and passwd went by."""
    found = parsed({"/etc/pam.d/passwd": b""} | files).pwquality.get("minlen")
    assert (found.value if found else None) == least


WORDS = st.sampled_from(
    [
        *(
            "auth",
            "account",
            "-password",
            "session",
            " ",
            "\t",
            "\n",
            "\\\n",
            "required",
            "[",
            "]",
            "success=1",
            "default=",
        ),
        *(
            "@include ",
            "include ",
            "substack ",
            "common",
            "other",
            "pam_unix.so",
            "#",
            "=",
            "nullok",
            "minlen = 8",
            "é",
            "\0",
        ),
    ]
)
TEXT = st.one_of(st.lists(WORDS, max_size=40).map("".join).map(str.encode), st.binary(max_size=200))


@given(TEXT, TEXT)
def test_no_file_makes_it_raise(one: bytes, other: bytes) -> None:
    files = {"/etc/pam.d/common": one, "/etc/pam.d/other": other, "/etc/security/pwquality.conf": other}
    match pam.parse(capture(files, {"login-programs": one})):
        case Known(found):
            for kind in ("auth", "password"):
                for line in found.stack("common", kind):
                    assert line.text
                    _ = line.binding, line.name, line.argument("x")
        case fact:
            assert isinstance(fact, Absent | Unknown)


@pytest.mark.parametrize("awk", AWKS, ids=" ".join)
def test_only_values_of_secrets_are_masked(awk: list[str]) -> None:
    same = [
        "-password\toptional\tpam_gnome_keyring.so",
        "password\t[success=1 default=ignore]\tpam_unix.so obscure use_authtok try_first_pass yescrypt",
        "auth required pam_google_authenticator.so secret_dir nullok",
        "",
    ]
    masked = {
        "auth optional pam_mysql.so user=root passwd=secret-word db=x": (
            "auth optional pam_mysql.so user=root passwd=<redacted> db=x"
        ),
        "auth required pam_duo.so [skey=secret-word] x": "auth required pam_duo.so [skey=<redacted>] x",
        "auth required pam_google_authenticator.so secret=/home/secret-word": (
            "auth required pam_google_authenticator.so secret=<redacted>"
        ),
        "# secret-word": "#",
        "badwords = secret-word secret-word": "badwords = <redacted>",
        "auth required pam_x.so h=$6$ab$cdefgh": "auth required pam_x.so h=<redacted>",
    }
    assert redact(awk, PAM, [*same, *masked]) == [*same, *masked.values()]


def test_a_factor_too_few_weighs_less_where_nobody_has_even_one() -> None:
    """Debian as installed, its one password locked, and no key. Whoever has either can be robbed of it."""
    stock = load(CASES / "pam" / "stock")

    def moved(**files: bytes) -> list[int]:
        added = {path: FileRecord(path, content=content, mode=0o600) for path, content in files.items()}
        host = snapshot(replace(stock, files={**stock.files, **added}))
        (verdict,) = answers(RULES[0], Context(host, Profile(), {}))
        return [move.by for move in verdict.moves]

    locked = (CASES / "pam/stock/files/etc/shadow").read_bytes().replace(b"debian:yescrypt:", b"debian:locked:")
    key = "home/debian/.ssh/authorized_keys"
    keys = (CASES / "pam/fido-touch/files" / key).read_bytes()
    assert moved() == []
    assert moved(**{"/etc/shadow": locked}) == [-1]
    assert moved(**{"/etc/shadow": locked, f"/{key}": keys}) == []
