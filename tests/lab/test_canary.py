"""A login under the new rules before they hold: what would shut the owner out is refused, and nothing has changed."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from thornwall.apply import events
from thornwall.apply.compile import Transaction, transaction_script
from thornwall.jobs.canary import answer_canary
from thornwall.jobs.follow import Said, follow
from thornwall.jobs.link import Link, link_to
from thornwall.jobs.reach import Reaching
from thornwall.model.change import ABSENT, AccountDo, AccountField, DropFile, Purpose, PutFile, sha256
from thornwall.model.plan import Step
from thornwall.model.secret import Secret
from thornwall.transport.base import Nobody

from .compare import difference, snapshot
from .hardening import NOTHING_PASSES_ON
from .host import Host

DROP_IN = "/etc/ssh/sshd_config.d/00-thornwall.conf"
NOPASSWD = "/etc/sudoers.d/010_pi-nopasswd"
NEW = "Tulip-9-kettle-rain"


@pytest.fixture
def link(planted: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Link:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir(mode=0o700)
    shutil.copy(planted.known_hosts, tmp_path / ".ssh" / "known_hosts")
    reaching = Reaching(identity=planted.private_key, become="password")
    return link_to(f"{planted.user}@{planted.address}", reaching, Nobody())


def put(host: Host, path: str, text: str, mode: int = 0o644) -> PutFile:
    file = host.root / path.lstrip("/")
    before = sha256(file.read_bytes()) if file.exists() else ABSENT
    return PutFile(path, text.encode(), before, mode)


async def change(
    link: Link,
    *operations: object,
    password: str = "",
    secrets: dict[str, Secret] | None = None,
    meanwhile: Callable[[], None] = lambda: None,
) -> Said:
    async def look() -> None:
        await said.canary.wait()
        meanwhile()

    steps = (Step("ways-in", Purpose.SSH, "Change the ways in", tuple(operations)),)  # type: ignore[arg-type]
    said = Said(lambda _: None)
    new = Secret(password) if password else None
    looking = asyncio.create_task(look())
    canary = asyncio.create_task(answer_canary(link, said, new))

    def script(nonce: str) -> str:
        return transaction_script(Transaction(nonce, steps, 60, secrets=secrets or {}, canary=True))

    try:
        return await follow(link, script, said)
    finally:
        canary.cancel()
        looking.cancel()


async def test_good_rules_are_tried_and_then_made(planted: Host, link: Link) -> None:
    """sudo asks in the canary for the password that the account has not got yet."""
    operations = (
        DropFile(NOPASSWD, sha256((planted.root / NOPASSWD.lstrip("/")).read_bytes())),
        put(planted, DROP_IN, "PasswordAuthentication no\nPermitRootLogin no\n"),
        AccountDo("pi", AccountField.PASSWORD),
    )
    said = await change(link, *operations, password=NEW, secrets={"pi": Secret(NEW)})
    assert events.Valid("a login under the new rules", "") in said.heard
    assert said.first(events.Applied)


SHUT = {
    "sshd lets nobody in": (DROP_IN, "AllowUsers nobody\n", "refused the login"),
    "sshd takes no key": (DROP_IN, "PubkeyAuthentication no\nPasswordAuthentication no\n", "login"),
    "PAM denies sudo": ("/etc/pam.d/sudo", "auth required pam_deny.so\naccount required pam_deny.so\n", "sudo"),
    "PAM denies a session": ("/etc/pam.d/sshd", "account required pam_deny.so\n", ""),
}


@pytest.mark.parametrize("fault", SHUT)
async def test_what_passes_every_validator_and_shuts_the_owner_out(planted: Host, link: Link, fault: str) -> None:
    path, text, why = SHUT[fault]
    before = snapshot(planted)
    said = await change(link, put(planted, path, text))
    refused = said.first(events.Refused)
    assert refused is not None, said.heard
    assert "a login under the new rules failed" in refused.why
    assert why in refused.why
    assert said.first(events.Armed) is None
    assert difference(before, snapshot(planted)) == []


NO_FORWARDING = "echo AllowTcpForwarding no > /etc/ssh/sshd_config.d/01-own.conf && systemctl restart ssh"


async def test_where_ssh_forwards_nothing_a_program_there_does(planted: Host, link: Link) -> None:
    planted.run(NO_FORWARDING, check=True)
    said = await change(link, put(planted, DROP_IN, "PermitRootLogin no\n"))
    assert events.Valid("a login under the new rules", "") in said.heard
    assert said.first(events.Applied)


async def test_what_shuts_the_owner_out_is_found_that_way_too(planted: Host, link: Link) -> None:
    planted.run(NO_FORWARDING, check=True)
    before = snapshot(planted)
    said = await change(link, put(planted, DROP_IN, "AllowUsers nobody\n"))
    refused = said.first(events.Refused)
    assert refused is not None, said.heard
    assert "a login under the new rules failed" in refused.why
    assert difference(before, snapshot(planted)) == []


async def test_where_no_canary_can_be_reached_the_guard_is_there_still(planted: Host, link: Link) -> None:
    planted.run(f"{NOTHING_PASSES_ON}; {NO_FORWARDING}", check=True)
    said = await change(link, put(planted, DROP_IN, "PermitRootLogin no\n"))
    (valid,) = [each for each in said.all(events.Valid) if each.check == "a login under the new rules"]
    assert "could not be reached" in valid.skipped
    assert said.first(events.Applied)


async def test_nothing_of_the_canary_is_left(planted: Host, link: Link) -> None:
    await change(link, put(planted, DROP_IN, "PermitRootLogin no\n"))
    assert planted.run("ls /var/lib/thornwall/0001").stdout.count("canary") == 0
    assert "thornwall" not in planted.run("grep thornwall /proc/*/mounts").stdout


async def test_nobody_else_can_reach_it(planted: Host, link: Link) -> None:
    planted.run("echo 'listenaddress 0.0.0.0' >/etc/ssh/sshd_config.d/10-everywhere.conf", check=True)
    listening: list[str] = []

    def look() -> None:
        listening.extend(line.split()[3] for line in planted.run("ss -Hltnp | grep sshd").stdout.splitlines())

    said = await change(link, put(planted, DROP_IN, "PermitRootLogin no\n"), meanwhile=look)
    assert said.first(events.Applied)
    ours = [address for address in listening if not address.endswith(":22")]
    assert ours
    assert all(address.startswith("127.0.0.1:") for address in ours), ours


async def test_an_account_alone_is_tried_as_well(planted: Host, link: Link) -> None:
    # nothing below /etc comes: whoever logs in reads the same /etc
    said = await change(link, AccountDo("webcam", AccountField.LOCK))
    assert said.first(events.Applied)
    assert events.Valid("a login under the new rules", "") in said.heard
