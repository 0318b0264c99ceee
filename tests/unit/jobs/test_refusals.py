"""What is said of a login that failed is what it proves, tried on SSH servers of asyncssh's own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncssh
import pytest

from thornwall.jobs import refusals
from thornwall.jobs.judging import Judging
from thornwall.jobs.link import link_to
from thornwall.jobs.proving import Proving
from thornwall.jobs.reach import Reaching
from thornwall.model.outcome import Proof
from thornwall.model.plan import Plan, WayIn
from thornwall.model.secret import Secret
from thornwall.prove.claims import Claims
from thornwall.transport.base import Nobody

TRUE = "Tulip-9-kettle-rain"


class TakesPasswords(asyncssh.SSHServer):
    """Lets in whoever knows the password."""

    let_in = True

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return self.let_in and password == TRUE


class RefusesAll(TakesPasswords):
    """Asks for passwords, and takes none: sshd's way with an account that may not log in."""

    let_in = False


class KeysAlone(asyncssh.SSHServer):
    """Asks for no password at all."""

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return False


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr(refusals, "_PACE", 0.0)
    (tmp_path / ".ssh").mkdir(mode=0o700)
    return tmp_path


def proofs(server: type[asyncssh.SSHServer], home: Path, *, user: str, known: str = "", bans: str = "") -> list[Proof]:
    """What is said of logins as `user` and as root, where `known` is the password of `user`."""

    async def tried() -> list[Proof]:
        key = asyncssh.generate_private_key("ssh-ed25519")
        listening = await asyncssh.create_server(server, "127.0.0.1", 0, server_host_keys=[key])
        try:
            port = listening.get_port()
            public = key.export_public_key().decode().strip()
            (home / ".ssh/known_hosts").write_text(f"[127.0.0.1]:{port} {public}\n")
            link = link_to(f"{user}@127.0.0.1:{port}", Reaching(), Nobody())
            about = Proving(
                link,
                Plan("host", (), way_in=WayIn("ssh", user, methods=("publickey",))),
                Claims(password_refused=True, root_refused=True, bans=bans),
                Judging(today="2026-11-29"),
                lambda _: None,
                known=((user, Secret(known)),) if known else (),
            )
            return await refusals.refused(about)
        finally:
            listening.close()

    return asyncio.run(tried())


BY_PASSWORD, ROOT_BY_PASSWORD = "a login by password is refused", "root may not log in by password"


def test_no_password_is_asked_for(home: Path) -> None:
    said = {proof.name: proof.ok for proof in proofs(KeysAlone, home, user="pi")}
    assert said == {BY_PASSWORD: True, "your key does not let root in": True, ROOT_BY_PASSWORD: True}


def test_who_asks_for_a_password_takes_them_still(home: Path) -> None:
    for server in (TakesPasswords, RefusesAll):
        said = {proof.name: (proof.ok, proof.tried) for proof in proofs(server, home, user="pi")}
        assert said[BY_PASSWORD] == (False, True)


def test_a_wrong_password_of_root_that_is_refused_proves_nothing(home: Path) -> None:
    for server in (TakesPasswords, RefusesAll):
        said = {proof.name: (proof.ok, proof.tried) for proof in proofs(server, home, user="pi")}
        assert said["your key does not let root in"] == (True, True)
        assert said[ROOT_BY_PASSWORD] == (True, False)


def test_the_true_password_tells(home: Path) -> None:
    for server, refused in ((TakesPasswords, False), (RefusesAll, True)):
        said = {proof.name: proof.ok for proof in proofs(server, home, user="pi", known=TRUE) if proof.tried}
        assert said == {BY_PASSWORD: refused, "your key does not let root in": True}


class NobodyComes(asyncssh.SSHServer):
    """A connection is one too many."""

    came = 0

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        NobodyComes.came += 1


def test_nothing_fails_where_that_would_shut_this_computer_out(home: Path) -> None:
    said = proofs(NobodyComes, home, user="pi", bans="fail2ban")
    assert [(proof.ok, proof.tried, proof.detail.partition(" ")[0]) for proof in said] == 3 * [
        (True, False, "fail2ban")
    ]
    assert NobodyComes.came == 0
