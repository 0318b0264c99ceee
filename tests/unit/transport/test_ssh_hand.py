"""A key at hand is one that signs: its public half alone proves nothing."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from thornwall.model.accounts import AuthorizedKey
from thornwall.model.secret import Secret
from thornwall.transport.base import Nobody
from thornwall.transport.ssh_hand import key_at_hand

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen makes the keys")


class Knows(Nobody):
    """Types a passphrase."""

    def password(self, prompt: str) -> Secret | None:
        assert prompt.startswith("passphrase of ")
        return Secret("it's a passphrase")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / ".ssh").mkdir(mode=0o700)
    return tmp_path


def made(path: Path, kind: str = "ed25519", passphrase: str = "") -> str:
    """A key pair of ssh-keygen's; what that says its fingerprint is."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", path], check=True)
    return subprocess.run(["ssh-keygen", "-lf", path], capture_output=True, text=True, check=True).stdout.split()[1]


def found(fingerprint: str, identity: Path | None = None, *, knows: bool = False) -> bool:
    asker = Knows() if knows else Nobody()
    return asyncio.run(key_at_hand(identity, {fingerprint}, asker)) == fingerprint


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_a_key_in_a_file_signs(kind: str, home: Path) -> None:
    mine = made(home / "mine", kind)
    other = made(home / "other", kind)
    assert found(mine, home / "mine")
    assert not found(other, home / "mine")


def test_a_key_in_its_usual_place(home: Path) -> None:
    assert found(made(home / ".ssh" / "id_ed25519"))


def test_the_public_half_alone_is_none(home: Path) -> None:
    mine = made(home / ".ssh" / "id_ed25519")
    (home / ".ssh" / "id_ed25519").unlink()
    assert not found(mine)


def test_another_key_under_its_public_half(home: Path) -> None:
    mine = made(home / "mine")
    made(home / "other")
    (home / "other.pub").write_text((home / "mine.pub").read_text())
    assert not found(mine, home / "other")


def test_a_passphrase_is_asked_for(home: Path) -> None:
    pytest.importorskip("bcrypt")
    mine = made(home / "mine", passphrase="it's a passphrase")
    assert not found(mine, home / "mine")
    assert found(mine, home / "mine", knows=True)


@pytest.fixture
def agent(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    if shutil.which("ssh-agent") is None:
        pytest.skip("ssh-agent is not installed")
    socket = home / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
    while not socket.exists():
        assert process.poll() is None
    yield home
    process.kill()
    process.wait()


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_a_key_of_the_agent(kind: str, agent: Path) -> None:
    mine = made(agent / "mine", kind)
    subprocess.run(["ssh-add", "-q", agent / "mine"], check=True, env=dict(os.environ))
    (agent / "mine").unlink()
    assert found(mine)
    subprocess.run(["ssh-add", "-q", "-D"], check=True, env=dict(os.environ))
    assert not found(mine)


@pytest.mark.parametrize(
    ("options", "free"),
    [
        ((), True),
        (("no-port-forwarding",), True),
        (("verify-required",), True),
        (('command="<redacted>"',), False),
        (('from="<redacted>"', "no-pty"), False),
        (("cert-authority",), False),
        (('expiry-time="20300101"',), False),
    ],
)
def test_a_key_for_one_thing_opens_no_shell(options: tuple[str, ...], free: bool) -> None:
    assert AuthorizedKey("ssh-ed25519", "SHA256:x", 1, options=options).free is free
