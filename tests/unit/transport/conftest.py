"""Real servers on loopback, and a home of its own for the client."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.unit.transport import sshd as real
from thornwall.model.secret import Secret


@dataclass
class Person:
    """An Asker with answers prepared, who keeps what was asked."""

    passwords: list[str] = field(default_factory=list)
    trusts: bool | None = True
    codes: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def password(self, prompt: str) -> Secret | None:
        self.asked.append(prompt)
        return Secret(self.passwords.pop(0)) if self.passwords else None

    def host_key(self, host: str, algorithm: str, fingerprint: str) -> bool | None:
        self.asked.append(f"{host} {algorithm} {fingerprint}")
        return self.trusts

    def keyboard_interactive(self, title: str, instructions: str, prompts: object) -> list[Secret] | None:
        self.asked.append(f"{title} {instructions} {prompts}")
        return [Secret(self.codes.pop(0))] if self.codes else None


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The client's home: empty."""
    folder = tmp_path / "client-home"
    (folder / ".ssh").mkdir(parents=True, mode=0o700)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return folder


@pytest.fixture(scope="session")
def server() -> Iterator[real.Sshd]:
    """One server for the tests that only use it."""
    if why := real.usable():
        pytest.skip(why)
    # not in pytest's folder: that is for root alone, and the accounts live in this one
    with tempfile.TemporaryDirectory(prefix="thornwall-sshd-") as folder:
        running = real.Sshd(Path(folder)).start()
        yield running
        running.stop()
