"""sshd_config as we read it, against sshd itself, and against whatever a host may answer."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.casefolder import CASES, load
from thornwall.facts import ssh, sshd_config
from thornwall.model.capture import Capture, CommandResult, FileRecord, Manifest
from thornwall.model.fact import Fact, Known, Unknown
from thornwall.model.probe import Read
from thornwall.model.ssh import Setting, SshServer

READS = tuple(probe.pattern for probe in ssh.PROBES if isinstance(probe, Read))
SSHD = "/usr/sbin/sshd"


def capture(
    files: dict[str, bytes], commands: dict[str, bytes] | None = None, reads: tuple[str, ...] = READS
) -> Capture:
    records = {path: FileRecord(path, "read", content, 0o644, 0, 0) for path, content in files.items()}
    results = {name: CommandResult(name, out, b"", 0) for name, out in (commands or {}).items()}
    return Capture(Manifest("host", "ssh", 0, 1_763_800_000, reads=reads), records, results)


def effective(text: str) -> dict[str, str]:
    """`sshd -T` as a mapping, in our spelling of values."""
    pairs = (line.partition(" ")[::2] for line in text.splitlines())
    return {name: sshd_config.normal(name, value) for name, value in pairs}


TOLD = sorted(folder.parent for folder in CASES.glob("ssh/*/commands/sshd-T-root.out"))


@pytest.mark.parametrize("commands", TOLD, ids=lambda folder: folder.parent.name)
def test_the_files_alone_lead_to_what_sshd_said(commands: Path) -> None:
    folder = commands.parent
    if folder.name == "options-on-the-command-line":
        pytest.skip("sshd -T does not know what its unit gives it on the command line")
    alone = load(folder)
    alone = Capture(alone.manifest, alone.files)
    said = effective((folder / "commands" / "sshd-T-root.out").read_text())
    match ssh.parse(alone):
        case Known(server):
            ours = {name: server.for_root(name) for name in ssh.DEFAULTS}
        case other:
            pytest.fail(f"{other}")
    assert differing(ours, said) == {}


def differing(ours: dict[str, Fact[Setting]], said: dict[str, str]) -> dict[str, Fact[Setting]]:
    """What is not as sshd said, or not known."""
    return {
        name: fact
        for name, fact in ours.items()
        if name in said and not (isinstance(fact, Known) and fact.value.value == said[name])
    }


# Keywords with the values that make them hard: spellings, first wins, Match blocks, includes in between.
LINES = st.sampled_from(
    [
        "PasswordAuthentication yes",
        "passwordauthentication=no",
        "PermitRootLogin without-password",
        "PermitRootLogin = no",
        'PermitRootLogin "yes"',
        "X11Forwarding yes # for the lab",
        "LoginGraceTime 1m30s",
        "MaxAuthTries 3",
        "LogLevel verbose",
        "ChallengeResponseAuthentication no",
        "KbdInteractiveAuthentication yes",
        "# PermitEmptyPasswords yes",
        "PermitEmptyPasswords yes",
        "AllowTcpForwarding local",
        "ClientAliveInterval 2h",
        "Match User root",
        "Match User nobody-of-that-name",
        "Match all",
        "",
    ]
)
FILES = st.lists(st.lists(LINES, max_size=5), min_size=1, max_size=3)


@pytest.fixture(scope="module")
def host_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not Path(SSHD).exists() or not shutil.which("ssh-keygen"):
        pytest.skip("needs OpenSSH's sshd to compare with")
    folder = tmp_path_factory.mktemp("sshd")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")], check=True)
    trial = subprocess.run([SSHD, "-T", "-f", "/dev/null", "-h", str(folder / "key")], check=False, capture_output=True)
    if trial.returncode:
        pytest.skip(f"sshd does not answer here: {trial.stderr.decode()}")
    return folder


@settings(max_examples=60, deadline=None)
@given(FILES, st.integers(0, 5))
def test_any_mix_of_lines_means_what_it_means_to_sshd(host_key: Path, files: list[list[str]], at: int) -> None:
    drop_ins = host_key / "d"
    main = [*files[0][:at], f"Include {drop_ins}/*.conf", *files[0][at:]]
    texts = {f"{number}0.conf": "\n".join(lines) for number, lines in enumerate(files[1:], 1)}
    truth = told(host_key, "\n".join(main), texts)
    if truth is None:
        return
    server = alone(drop_ins, "\n".join(main), texts)
    assert differing({name: server.for_root(name) for name in ssh.DEFAULTS}, truth) == {}


def told(host_key: Path, main: str, drop_ins: dict[str, str]) -> dict[str, str] | None:
    """What sshd itself makes of the files for root; None where it does not take them."""
    folder = host_key / "d"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, text in drop_ins.items():
        (folder / name).write_text(text)
    (host_key / "sshd_config").write_text(main)
    peer = "user=root,host=host.invalid,addr=203.0.113.7,laddr=203.0.113.1,lport=22"
    command = [SSHD, "-T", "-f", str(host_key / "sshd_config"), "-h", str(host_key / "key"), "-C", peer]
    said = subprocess.run(command, check=False, capture_output=True, text=True)
    return None if said.returncode else effective(said.stdout)


def alone(folder: Path, main: str, drop_ins: dict[str, str], commands: dict[str, bytes] | None = None) -> SshServer:
    """What we make of the same files, and of nothing else but `commands`."""
    files = {sshd_config.MAIN: main.encode()} | {f"{folder}/{name}": text.encode() for name, text in drop_ins.items()}
    match ssh.parse(capture(files, commands, reads=(*READS, f"{folder}/*.conf"))):
        case Known(server):
            return server
        case other:
            pytest.fail(f"{other}")


# The main file, and the one that it includes.
INTERLEAVED = {
    "a block within comes first": (
        "Match User root\nInclude {}/*.conf\nPermitRootLogin no\n",
        "Match User root\nPermitRootLogin without-password\n",
    ),
    "what stands before the include comes first": (
        "Match User root\nPermitRootLogin no\nInclude {}/*.conf\nMaxSessions 3\n",
        "Match User root\nPermitRootLogin yes\nMaxSessions 4\n",
    ),
    "a block within that is about somebody else": (
        "Match User root\nInclude {}/*.conf\nPermitRootLogin no\n",
        "Match User nobody-of-that-name\nPermitRootLogin yes\n",
    ),
    "a file without a block of its own": (
        "Match User root\nInclude {}/*.conf\nPermitRootLogin no\n",
        "PermitRootLogin yes\n",
    ),
    "a block for all comes first": (
        "Include {}/*.conf\nMatch User root\nPermitRootLogin no\n",
        "Match all\nPermitRootLogin yes\n",
    ),
    "a block for somebody else, then for root within": (
        "Match User nobody-of-that-name\nInclude {}/*.conf\nMatch User root\nPermitRootLogin no\n",
        "Match User root\nPermitRootLogin yes\n",
    ),
}


@pytest.mark.parametrize("name", INTERLEAVED)
@pytest.mark.parametrize("asked", [True, False], ids=["sshd-T", "files alone"])
def test_for_root_the_first_value_holds_in_the_order_of_sshd(host_key: Path, name: str, *, asked: bool) -> None:
    main, drop_in = INTERLEAVED[name]
    main = main.format(host_key / "d")
    truth = told(host_key, main, {"10.conf": drop_in})
    assert truth is not None
    out = "".join(f"{key} {value}\n" for key, value in truth.items()).encode()
    server = alone(host_key / "d", main, {"10.conf": drop_in}, {"sshd-T-root": out} if asked else None)
    found = server.for_root("PermitRootLogin")
    assert isinstance(found, Known)
    assert found.value.value == truth["permitrootlogin"]
    assert found.value.line, "it says which line it is"


@pytest.mark.parametrize(
    "criteria",
    [
        *("User backup", "User root", "User ROOT", "User r*", "User ro?t", "User [r]oot", "User backup,root"),
        *("User !root,*", "User *,!backup", "User !backup", "Address 203.0.113.0/24", 'User "root"'),
        *("User r* Address *", "User backup Address *"),
    ],
)
def test_which_blocks_a_login_of_root_meets(host_key: Path, criteria: str) -> None:
    main = f"PermitRootLogin no\nMatch {criteria}\nPermitRootLogin forced-commands-only\n"
    truth = told(host_key, main, {})
    assert truth is not None
    found = [setting.value for _, setting in alone(host_key, main, {}).matching_root("PermitRootLogin")]
    if criteria.startswith("Address"):
        assert found == ["forced-commands-only"], "where root comes from nobody knows"
    else:
        assert (found or ["no"])[0] == truth["permitrootlogin"]


def test_no_block_decides_for_root_after_one_for_root_alone() -> None:
    text = b"Match User root\nPermitRootLogin no\nMatch Address 192.0.2.0/24\nPermitRootLogin yes\n"
    match ssh.parse(capture({sshd_config.MAIN: text})):
        case Known(server):
            found = [setting.value for _, setting in server.matching_root("PermitRootLogin")]
        case other:
            pytest.fail(f"{other}")
    assert found == ["no"]


def test_what_sshd_said_of_root_goes_before_a_block_that_we_read() -> None:
    text = b"Match User root\nPermitRootLogin no\n"
    said = b"port 22\npermitrootlogin forced-commands-only\n"
    match ssh.parse(capture({sshd_config.MAIN: text}, {"sshd-T-root": said})):
        case Known(server):
            found = server.for_root("permitrootlogin")
        case other:
            pytest.fail(f"{other}")
    assert found == Known(Setting("permitrootlogin", "forced-commands-only", command="sshd -T -C user=root"))


def test_what_sshd_said_does_not_go_before_its_command_line() -> None:
    files = {sshd_config.MAIN: b"PermitRootLogin no\n", "/etc/default/ssh": b"SSHD_OPTS=-oPermitRootLogin=yes\n"}
    match ssh.parse(capture(files, {"sshd-T-root": b"port 22\npermitrootlogin no\n"})):
        case Known(server):
            found = server.for_root("permitrootlogin")
        case other:
            pytest.fail(f"{other}")
    assert found == Known(Setting("permitrootlogin", "yes", "/etc/default/ssh", 1))


def test_a_block_is_not_believed_where_a_file_before_it_could_not_be_read() -> None:
    main = b"MaxSessions 3\nInclude /etc/ssh/elsewhere/*.conf\nMatch User root\nPermitRootLogin no\n"
    match ssh.parse(capture({sshd_config.MAIN: main})):
        case Known(server):
            assert isinstance(server.for_root("permitrootlogin"), Unknown)
        case other:
            pytest.fail(f"{other}")


@given(st.dictionaries(st.sampled_from([sshd_config.MAIN, *READS[2:6], "/etc/ssh/sshd_config.d/a.conf"]), st.binary()))
def test_no_bytes_raise(files: dict[str, bytes]) -> None:
    ssh.parse(capture({**files, SSHD: b""}))


@given(st.text(), st.text())
def test_no_answer_of_sshd_raises(root: str, user: str) -> None:
    commands = {"sshd-T-root": root.encode(), "sshd-T-user": user.encode(), "packages": root.encode()}
    ssh.parse(capture({sshd_config.MAIN: b"Port 22\n"}, commands))


@given(st.text(alphabet=st.sampled_from("ab \t\"'\\#=,"), max_size=40))
def test_words_hold_no_blank_that_was_not_quoted(text: str) -> None:
    assert all(
        word == "" or not word[0].isspace() or "\\" in text or '"' in text or "'" in text
        for word in sshd_config.words(text)
    )


def test_a_file_that_includes_itself_ends() -> None:
    text = b"Include /etc/ssh/sshd_config.d/*\n" * 3
    files = {f"/etc/ssh/sshd_config.d/{number}.conf": text for number in range(5)}
    answer = ssh.parse(capture({sshd_config.MAIN: text, **files}))
    assert isinstance(answer, Unknown)
    assert "include each other" in answer.reason


def test_a_line_of_a_megabyte_is_read_in_time() -> None:
    ssh.parse(capture({sshd_config.MAIN: b'A "' + b"\\" * 1_000_000, SSHD: b""}))
    ssh.parse(capture({sshd_config.MAIN: b"Match " + b"a" * 1_000_000, SSHD: b""}))


@pytest.mark.parametrize(("kind", "bits"), [("rsa", 1024), ("rsa", 3072), ("ed25519", 0)])
def test_bits_of_a_key_are_those_of_ssh_keygen(tmp_path: Path, kind: str, bits: int) -> None:
    if not shutil.which("ssh-keygen"):
        pytest.skip("needs ssh-keygen")
    size = ["-b", str(bits)] if bits else []
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-f", str(tmp_path / "key")], check=True)
    name, encoded, *_ = (tmp_path / "key.pub").read_text().split()
    assert ssh.modulus_bits(name, encoded) == bits
