"""known_hosts, against what ssh-keygen says of the same files."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.transport.sshd import keygen
from thornwall.transport import known_hosts

pytestmark = pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="needs ssh-keygen")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("keys")
    for name in "abcd":
        keygen(folder / name)
    return [" ".join((folder / f"{name}.pub").read_text().split()[:2]) for name in "abcd"]


def lines_by_ssh_keygen(file: Path, name: str) -> set[int]:
    """The numbers of the lines that OpenSSH finds for a name."""
    run = subprocess.run(["ssh-keygen", "-F", name, "-f", str(file)], capture_output=True, text=True, check=False)
    return {int(line.split(" line ")[1].split()[0]) for line in run.stdout.splitlines() if line.startswith("# Host")}


NAMES = [
    ("lamp", 22),
    ("LAMP.local", 22),
    ("lamp", 2222),
    ("10.0.0.7", 22),
    ("fd00::7", 22),
    ("fd00::7", 2222),
    ("door.example.org", 22),
    ("bad.example.org", 22),
    ("bad.example.org", 2222),
    ("hidden", 22),
    ("l", 22),
]


def test_the_lines_that_openssh_finds(tmp_path: Path, keys: list[str]) -> None:
    a, b, c, d = keys
    file = tmp_path / "known_hosts"
    file.write_text(
        f"# lamp {a}\n\nlamp,lamp.local {a} a comment\n[lamp]:2222 {b}\n10.0.0.* {c}\nfd00::7 {a}\n[fd00::7]:2222 {d}\n"
        f"*.example.org,!bad.example.org {b}\n@revoked * {d}\n@cert-authority *.example.org {c}\nhidden {c}\n? {d}\n"
    )
    subprocess.run(["ssh-keygen", "-H", "-f", str(file)], check=True, capture_output=True)  # what has no wildcard
    with file.open("a") as more:
        more.write(f"this line is broken\n@unknown lamp {a}\n|1|broken|hash {a}\nlamp,door.example.org {d}\n")
    assert "|1|" in file.read_text()
    for host, port in NAMES:
        trust = known_hosts.look_up([file], host, port)
        ours = {key.line for key in trust.keys + trust.authorities + trust.revoked}
        theirs = lines_by_ssh_keygen(file, known_hosts.name_of(host, port))
        assert ours == theirs, (host, port)
        assert len(trust.revoked) == 1


def test_a_key_without_the_port_is_trusted_only(tmp_path: Path, keys: list[str]) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"lamp {keys[0]}\n")
    trust = known_hosts.look_up([file], "lamp", 2222)
    assert (trust.keys, [key.key for key in trust.elsewhere]) == ((), [keys[0]])


@pytest.mark.parametrize("hashed", [False, True])
@pytest.mark.parametrize("port", [22, 2222])
def test_openssh_finds_what_was_added(tmp_path: Path, keys: list[str], port: int, *, hashed: bool) -> None:
    file = tmp_path / "new" / "known_hosts"
    known_hosts.add(file, "Lamp.local", port, keys[0], hashed=hashed)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert ("amp" in file.read_text()) is not hashed
    file.write_text(file.read_text().rstrip("\n"))  # as some editors leave it
    known_hosts.add(file, "other", 22, keys[1], hashed=hashed)
    name = "lamp.local" if port == 22 else f"[lamp.local]:{port}"
    found = subprocess.run(["ssh-keygen", "-F", name, "-f", str(file)], capture_output=True, text=True, check=True)
    assert keys[0] in found.stdout
    assert [key.key for key in known_hosts.look_up([file], "other", 22).keys] == [keys[1]]


def test_a_link_to_the_file_stays_a_link(tmp_path: Path, keys: list[str]) -> None:
    (tmp_path / "real").touch()
    (tmp_path / "known_hosts").symlink_to("real")
    known_hosts.add(tmp_path / "known_hosts", "lamp", 22, keys[0], hashed=False)
    assert (tmp_path / "known_hosts").is_symlink()
    assert "lamp" in (tmp_path / "real").read_text()


def test_files_that_cannot_be_read_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe lamp\x00\n" * 3)
    trust = known_hosts.look_up([tmp_path / "none", tmp_path, tmp_path / "bytes"], "lamp", 22)
    assert trust == known_hosts.Trust()
