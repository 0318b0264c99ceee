"""sshd_config as we read it, against sshd itself, and against whatever a host may answer."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.casefolder import CASES, load
from thornwall.facts import ssh, sshd_config
from thornwall.model.capture import Capture, CommandResult, FileRecord, Manifest
from thornwall.model.fact import Known, Unknown
from thornwall.model.probe import Read

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
            ours = {name: server.settings[name].value for name in ssh.DEFAULTS}
        case other:
            pytest.fail(f"{other}")
    assert {name: value for name, value in ours.items() if value != said.get(name, value)} == {}


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
    # the sum below takes blocks in the order in which they begin: a file included in the midst of one interleaves them
    assume(not any(line.startswith("Match") for line in files[0][:at]))
    drop_ins = host_key / "d"
    shutil.rmtree(drop_ins, ignore_errors=True)
    drop_ins.mkdir()
    main = [*files[0][:at], f"Include {drop_ins}/*.conf", *files[0][at:]]
    texts = {host_key / "sshd_config": "\n".join(main)}
    texts |= {drop_ins / f"{number}0.conf": "\n".join(lines) for number, lines in enumerate(files[1:], 1)}
    for path, text in texts.items():
        path.write_text(text)
    peer = "user=root,host=host.invalid,addr=203.0.113.7,laddr=203.0.113.1,lport=22"
    command = [SSHD, "-T", "-f", str(host_key / "sshd_config"), "-h", str(host_key / "key"), "-C", peer]
    said = subprocess.run(command, check=False, capture_output=True, text=True)
    if said.returncode:
        return
    content = {str(path): text.encode() for path, text in texts.items()}
    reading = sshd_config.read(capture(content, reads=(*content, f"{drop_ins}/*.conf")), str(host_key / "sshd_config"))
    ours = dict(ssh.DEFAULTS)
    for block in reading.matches:
        # a file that is included within a Match block can only narrow it
        if set(block.criteria.lower().split()) <= {"user", "root", "all"}:
            for name, setting in block.settings.items():
                ours.setdefault(f"match {name}", setting.value)
    for line in reversed(reading.lines):
        ours[line.name] = line.value
    for name in ssh.DEFAULTS:
        ours[name] = ours.get(f"match {name}", ours[name])
    truth = effective(said.stdout)
    assert {name: value for name, value in ours.items() if truth.get(name, value) != value} == {}


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
