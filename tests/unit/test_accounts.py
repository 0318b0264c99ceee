"""Accounts: what leaves the device, trying known passwords, and files that are none."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.awk import AWKS, redact
from thornwall.facts import accounts, accounts_passwords
from thornwall.facts.accounts_redact import KEYS, PASSWD, SHADOW
from thornwall.model.accounts import Accounts
from thornwall.model.capture import Capture, CommandResult, FileRecord, Manifest
from thornwall.model.fact import Known, Unknown
from thornwall.model.passwords import LIKELY, WORMS
from thornwall.model.probe import Read

# Made with `openssl passwd`, `mkpasswd` and crypt(3) of the word secret-word.
HASHES = {
    "yescrypt": "$y$j9T$w3n0Hs7MSl6m7zBfDgcgR.$4vUgLBB0pH/eGI4MDsPwpGKPhzOaMlq4Tfs2CKlZoJ0",
    "gost-yescrypt": "$gy$j9T$6gzmYzyjFWd7ns8L$1zQXG8Nz8sBvUHj0oSbO2eVhXNS3LkRhFK0v0B7VwE5",
    "scrypt": "$7$CU..../....2Q9obwLhin8qvQl6sisAO/$sQGMwSC0RSfEHSqZpmcnqnUmf3ZDeJKwhxzEZMdOFS8",
    "sha512crypt": "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/",
    "sha256crypt": "$5$rounds=535000$saltsalt$o5i9mqBKPVN7Xqj0dSO3iY1IoX3VS9PkKvcfTwLbTO6",
    "bcrypt": "$2b$05$abcdefghijklmnopqrstuuO6EV7T0eXKrFbKXl5RRXcMhZYJSUsDu",
    "bcrypt-x": "$2x$05$abcdefghijklmnopqrstuuO6EV7T0eXKrFbKXl5RRXcMhZYJSUsDu",
    "md5crypt": "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/",
    "sha1crypt": "$sha1$40000$jtNX3nZ2$hBNaIXkt4wBI2o5rsi8KejSjNqIq",
    "sunmd5": "$md5,rounds=5000$GUBv0xjJ$$mSwgIswdjlTY0YxV7HBVm0",
    "nt": "$3$$8846f7eaee8fb117ad06bdd830b7586c",
    "bsdicrypt": "_J9..rasmBYk8r9AiWNc",
    "descrypt": "abJnggxhB/yWI",
    "bigcrypt": "abJnggxhB/yWIabcdefghijk",
}


@pytest.mark.parametrize("awk", AWKS, ids=" ".join)
def test_shadow_gives_the_method_and_no_more(awk: list[str]) -> None:
    lines = [f"{method}:{hash_}:19800:0:99999:7:::" for method, hash_ in HASHES.items()]
    lines += [f"l-{method}:!{hash_}:19800::::::" for method, hash_ in HASHES.items()]
    lines += ["none::19800:0:99999:7:::", "star:*:19800::::::", "bang:!:::::::", "both:!*:19800::::::", "odd:x:1::::::"]
    hostile = [
        *HASHES.values(),
        f"# pi:{HASHES['yescrypt']}",
        f"a{HASHES['md5crypt']}:x",
        f"pi:x:{HASHES['descrypt']}:::::",
        f"pi:x:1::::::{HASHES['yescrypt']}",
        f"pi:x:::::::{HASHES['md5crypt']}:{HASHES['md5crypt']}",
        f" pi {HASHES['md5crypt']}",
        "pi:secret-word:1:2:3",
        "",
        "::::",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU",
    ]
    out = redact(awk, SHADOW, [*lines, *hostile])
    assert len(out) == len(lines) + len(hostile)
    said = dict(line.split(":", 2)[:2] for line in out[: len(lines)])
    for method in HASHES:
        assert said[method] == method
        assert said[f"l-{method}"] == f"locked,{method}"
    assert [said[name] for name in ("none", "star", "bang", "both", "odd")] == ["empty", *["locked"] * 3, "unknown"]
    assert out[0] == "yescrypt:yescrypt:19800:0:99999:7:::"
    assert_nothing_secret(out)


@pytest.mark.parametrize("awk", AWKS, ids=" ".join)
def test_passwd_and_group_lose_their_hashes(awk: list[str]) -> None:
    lines = ["root:x:0:0:root:/root:/bin/bash", "pi::1:1::/home/pi:", "+::::::", "staff:!:50:pi,bob", "bob:*:2:2:::/x"]
    lines += [f"u:{hash_}:1:1:Übel,,,:/home/u:/bin/sh" for hash_ in HASHES.values()]
    hostile = [
        *HASHES.values(),
        f"pi:x:1:1:{HASHES['yescrypt']}:/:/bin/sh",
        f"{HASHES['md5crypt']}:x:1:1:::",
        "secret-word",
    ]
    out = redact(awk, PASSWD, [*lines, *hostile, ""])
    assert len(out) == len(lines) + len(hostile) + 1
    assert out[:5] == [
        "root:x:0:0:root:/root:/bin/bash",
        "pi:empty:1:1::/home/pi:",
        "+:empty:::::",
        "staff:locked:50:pi,bob",
        "bob:locked:2:2:::/x",
    ]
    assert out[5] == "u:yescrypt:1:1:Übel,,,:/home/u:/bin/sh"
    assert_nothing_secret(out)


def assert_nothing_secret(lines: list[str]) -> None:
    text = "\n".join(lines)
    for hash_ in HASHES.values():
        assert hash_ not in text
        for part in re.split(r"[$,:]", hash_):
            assert len(part) < 9 or part == "saltsalt" or part not in text, part
    assert "secret-word" not in text


PUBLIC = "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"


@pytest.mark.parametrize("awk", AWKS, ids=" ".join)
def test_only_public_keys_leave_an_authorized_keys_file(awk: list[str]) -> None:
    kept = [
        f"ssh-ed25519 {PUBLIC} ada@laptop",
        f"ssh-rsa\t{PUBLIC}==",
        f"sk-ssh-ed25519@openssh.com {PUBLIC} token with a name",
        f'restrict,from="192.0.2.0/24,2001:db8::/32" ssh-ed25519 {PUBLIC} a',
        f'no-pty,expiry-time="20261231" ecdsa-sha2-nistp256 {PUBLIC}',
        f"cert-authority ssh-ed25519 {PUBLIC}",
    ]
    masked = {
        f'command="curl -u ada:secret-word x" ssh-ed25519 {PUBLIC}': f'command="<redacted>" ssh-ed25519 {PUBLIC}',
        f'no-pty,environment="T=secret-word \\"x\\" ssh-rsa AAAA",restrict ssh-rsa {PUBLIC}': (
            f'no-pty,environment="<redacted>",restrict ssh-rsa {PUBLIC}'
        ),
        f'from="secret word" ssh-rsa {PUBLIC}': f'from="<redacted>" ssh-rsa {PUBLIC}',
        "# secret-word": "#",
        "": "",
        f"ssh-rsa {PUBLIC} {HASHES['md5crypt']}": f"ssh-rsa {PUBLIC} <redacted>",
    }
    # the owner of the file may make it a link to any other
    hostile = [
        *(f"pi:{hash_}:19800:0:99999:7:::" for hash_ in HASHES.values()),
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU",
        "psk=secret-word",
        f"secret-word {PUBLIC}",
        "ssh-rsa secret-word",
        f'"secret-word ssh-rsa {PUBLIC}',
        f'x="secret-word ssh-rsa {PUBLIC}',
        f"a=secret-word,,b ssh-rsa {PUBLIC}",
        f"ssh-rsa {PUBLIC}secret-word",
        "x" * 20_000,
    ]
    out = redact(awk, KEYS, [*kept, *masked, *hostile])
    assert out[: len(kept)] == kept
    assert out[len(kept) : len(kept) + len(masked)] == list(masked.values())
    rest = out[len(kept) + len(masked) :]
    assert len(rest) == len(hostile)
    assert set(rest) - {f'a="<redacted>",,b ssh-rsa {PUBLIC}'} == {"<redacted>"}
    assert_nothing_secret(out)


@pytest.fixture
def shadow(tmp_path: Path) -> Path:
    """A root whose shadow was made by openssl(1) and crypt(3), not by us."""
    (tmp_path / "etc").mkdir()

    def openssl(kind: str, word: str) -> str:
        done = subprocess.run(["openssl", "passwd", kind, word], capture_output=True, check=True, text=True)
        return done.stdout.strip()

    entries = {
        "pi": "$y$j9T$abcdefghijklmnop$ZDloJgfb9iMP/OhlO6VibvzQwWOMaT5q5ZGAWJe8us.",  # perl -e 'crypt("raspberry", …)'
        "camera": openssl("-1", "xc3511"),
        "guide": openssl("-6", "P@ssw0rd!"),
        "samename": openssl("-5", "samename"),
        "strong": openssl("-1", "kuhbohne-regal-17"),
        "locked": "!" + openssl("-1", "raspberry"),
        "empty": "",
        "star": "*",
    }
    lines = [f"{name}:{hash_}:20000:0:99999:7:::" for name, hash_ in entries.items()]
    (tmp_path / "etc/shadow").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.mark.parametrize("without", ["", "perl"])
def test_known_passwords_are_found_and_not_told(shadow: Path, without: str) -> None:
    result = run_trial(shadow, "20", without)
    said = dict(line.split("\t", 1) for line in result.stdout.splitlines())
    many, few = len(LIKELY + WORMS), len(LIKELY)
    assert said == {
        "pi": f"match\t{few}\t{few}\tdefault",
        "camera": f"match\t{many}\t{many}\tdefault",
        "guide": f"match\t{few}\t{few}\tdocument",
        "samename": f"match\t{few}\t{few}\tname",
        "strong": f"none\t{many}\t{many}\t",
    }
    assert not result.stderr
    for word in ("raspberry", "xc3511", "P@ssw0rd!", "$"):
        assert word not in result.stdout


@pytest.mark.parametrize("without", ["", "perl"])
def test_what_does_not_fit_the_time_is_partial(shadow: Path, without: str) -> None:
    hash_ = "$6$rounds=900000$abcdefgh$" + "x" * 86
    (shadow / "etc/shadow").write_text(f"odd:$zz$nonsense$nonsense:20000::::::\nslow:{hash_}:20000::::::\n")
    said = dict(line.split("\t", 1) for line in run_trial(shadow, "0.4", without).stdout.splitlines())
    outcome, tried, total, _ = said["slow"].split("\t")
    assert outcome == "partial"
    assert 0 < int(tried) < int(total)
    assert said["odd"].startswith("unsupported\t0\t")


def test_no_time_means_no_trial(shadow: Path) -> None:
    assert run_trial(shadow, "0", "").returncode == 4


def test_without_perl_and_python_it_is_unknown(shadow: Path) -> None:
    assert run_trial(shadow, "3", "perl python3").returncode == 127


def run_trial(root: Path, seconds: str, without: str) -> subprocess.CompletedProcess[str]:
    """The script of the probe, on a machine that lacks some programs."""
    text = accounts_passwords.PROBE.line
    for program in without.split():
        text = text.replace(f"command -v {program} ", f"command -v no-such-{program} ")
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "THORNWALL_PASSWORD_SECONDS": seconds}
    return subprocess.run(
        ["sh", "-c", text], cwd=root, env=env, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_script_fits_into_pipes() -> None:
    """A shell keeps what it feeds a program in a pipe up to 4 KiB, and would write a file for more."""
    documents = re.findall(r"<<'EOF'\n(.*?)EOF\n", accounts_passwords.PROBE.line, re.DOTALL)
    assert [len(text) < 4096 for text in documents] == [True, True]


def capture(files: Mapping[str, bytes], commands: Mapping[str, bytes] | None = None) -> Capture:
    reads = tuple(probe.pattern for probe in accounts.PROBES if isinstance(probe, Read))
    return Capture(
        Manifest("x", "ssh", 0, reads=reads),
        {path: FileRecord(path, content=content) for path, content in files.items()},
        {name: CommandResult(name, out, b"", 0) for name, out in (commands or {}).items()},
    )


LINE = st.lists(st.text(alphabet="rotx:!*,0123456789/-$\t é", max_size=30), max_size=12).map("\n".join)


@given(
    st.one_of(st.binary(max_size=300), LINE.map(str.encode)), st.one_of(st.binary(max_size=300), LINE.map(str.encode))
)
def test_no_file_makes_it_raise(one: bytes, other: bytes) -> None:
    files = dict.fromkeys(("/etc/passwd", "/etc/shadow", "/root/.ssh/authorized_keys"), one)
    files |= dict.fromkeys(("/etc/group", "/etc/login.defs", "/home/x/.ssh/authorized_keys"), other)
    match accounts.parse(capture(files, {"known-passwords": other})):
        case Known(found):
            assert isinstance(found, Accounts)
            for account in found.accounts:
                found.can_log_in(account)
                found.groups_of[account.name]
        case fact:
            assert isinstance(fact, Unknown)


@given(st.text(alphabet='AZaz09+/= "\\,=\t#-@.', max_size=120))
def test_no_key_line_makes_it_raise(line: str) -> None:
    text = f"{line} ssh-rsa AAAA{line}\n{line}\nssh-rsa AAAAB3NzaC1yc2E{line} c\n"
    accounts.parse(
        capture({"/etc/passwd": b"root:x:0:0::/root:/bin/sh\n", "/root/.ssh/authorized_keys": text.encode()})
    )


def test_bits_are_those_of_ssh_keygen(tmp_path: Path) -> None:
    lines = []
    for bits in (1024, 3072):
        key = tmp_path / f"rsa{bits}"
        subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", str(bits), "-N", "", "-f", key], check=True)
        lines.append(key.with_suffix(".pub").read_text())
    (tmp_path / "keys").write_text("".join(lines))
    told = subprocess.run(["ssh-keygen", "-l", "-f", tmp_path / "keys"], capture_output=True, check=True, text=True)
    match accounts.parse(
        capture({"/etc/passwd": b"root:x:0:0::/root:/bin/sh\n", "/root/.ssh/authorized_keys": "".join(lines).encode()})
    ):
        case Known(found):
            keys = found.keys_of("root")
            assert [[str(key.bits), key.fingerprint] for key in keys] == [
                line.split()[:2] for line in told.stdout.splitlines()
            ]
        case fact:
            pytest.fail(str(fact))
