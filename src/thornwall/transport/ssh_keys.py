"""The keys to log in with: those of the agent, and those in files, which are decrypted only if the host wants them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import asyncssh

from thornwall.model.secret import Secret
from thornwall.transport.ssh_settings import Settings

AskPassphrase = Callable[[str], Secret | None]


class KeyRing:
    """What `settings` offers to a host. `ask` is asked for the passphrase of a file.

    `locked`: encrypted keys that could not be used, because nobody knew the passphrase or bcrypt is not installed.
    """

    def __init__(self, settings: Settings, ask: AskPassphrase) -> None:
        self._settings = settings
        self._ask = ask
        self._agent: asyncssh.SSHAgentClient | None = None
        self.locked: list[Path] = []
        self._certificates: list[asyncssh.SSHCertificate] = []

    async def pairs(self) -> list[asyncssh.SSHKeyPair]:
        """All key pairs, those that are configured first. What cannot be read is left out, as ssh(1) does."""
        self._certificates = [cert for path in self._settings.certificates for cert in _certificates(path)]
        wanted = self._settings.identities
        agents = await self._from_agent()
        publics = {data: path for path in wanted if (data := _public(path)) is not None} if agents else {}
        configured: list[asyncssh.SSHKeyPair] = []
        others: list[asyncssh.SSHKeyPair] = []
        held: set[Path] = set()
        for pair in agents:
            path = publics.get(pair.public_data)
            if path is not None:
                held.add(path)
                configured.append(pair)
            elif not self._settings.only_identities:
                others.append(pair)
        # asked late: a key in a file may need its passphrase
        files = [pair for path in wanted if path not in held for pair in self._from_file(path)]
        return [*configured, *files, *others] if self._settings.identity else [*configured, *others, *files]

    def close(self) -> None:
        """Let go of the agent."""
        if self._agent:
            self._agent.close()

    async def _from_agent(self) -> list[asyncssh.SSHKeyPair]:
        if not self._settings.agent:
            return []
        try:
            self._agent = await asyncssh.connect_agent(self._settings.agent)
            return list(asyncssh.load_keypairs(list(await self._agent.get_keys()), None, self._certificates))
        except (OSError, ValueError, asyncssh.Error):
            return []

    def _from_file(self, path: Path) -> list[asyncssh.SSHKeyPair]:
        certificates = [*self._certificates, *_certificates(path.with_name(path.name + "-cert.pub"))]
        try:
            return list(asyncssh.load_keypairs([asyncssh.read_private_key(path)], None, certificates))
        except (OSError, UnicodeDecodeError):
            return []
        except asyncssh.KeyImportError as error:
            if "assphrase" not in str(error):
                return []
        except asyncssh.KeyEncryptionError:
            return []
        return self._from_encrypted(path, certificates)

    def _from_encrypted(self, path: Path, certificates: list[asyncssh.SSHCertificate]) -> list[asyncssh.SSHKeyPair]:
        if not find_spec("bcrypt") and b"OPENSSH PRIVATE KEY" in path.read_bytes():
            self.locked.append(path)
            return []
        try:
            if _public(path) is not None:
                loop = asyncio.get_running_loop()
                return list(asyncssh.load_keypairs([str(path)], self._passphrase, certificates, loop=loop))  # type: ignore[arg-type]
            secret = self._ask(str(path))
            if secret is None:
                self.locked.append(path)
                return []
            return list(asyncssh.load_keypairs([asyncssh.read_private_key(path, secret.reveal())], None, certificates))
        except (OSError, ValueError):
            self.locked.append(path)
            return []

    async def _passphrase(self, path: str) -> str:
        # awaited on the event loop, while asyncssh decrypts in a thread of its own
        secret = self._ask(path)
        if secret is None:
            self.locked.append(Path(path))
        return secret.reveal() if secret else ""


def _public(path: Path) -> bytes | None:
    """The public half of an identity, from `path.pub`, or from `path` if that is a public key."""
    for candidate in (path.with_name(path.name + ".pub"), path):
        try:
            return asyncssh.read_public_key(candidate).public_data
        except (OSError, ValueError):
            continue
    return None


def _certificates(path: Path) -> list[asyncssh.SSHCertificate]:
    try:
        return [asyncssh.read_certificate(path)]
    except (OSError, ValueError):
        return []
