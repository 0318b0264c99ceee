"""Whether a private key is at hand: for a system that does not run, where nobody can log in to show it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Collection
from pathlib import Path

import asyncssh

from thornwall.transport.base import Asker
from thornwall.transport.ssh_keys import KeyRing
from thornwall.transport.ssh_settings import resolve
from thornwall.transport.target import SshTarget


async def key_at_hand(identity: Path | None, fingerprints: Collection[str], asker: Asker) -> str:
    """The fingerprint (`SHA256:…`) of one of these keys that has just signed a challenge; empty where none did.

    Looked for where a login would: the agent, `identity` or the usual files; `asker` is asked for a passphrase.
    Raises UsageError for a bad ssh_config.
    """
    settings = resolve(SshTarget("localhost"), identity=identity, keywords={})
    ring = KeyRing(settings, lambda path: asker.password(f"passphrase of {path}"))
    try:
        for pair in await ring.pairs():
            name = _fingerprint(pair.public_data)
            if name in fingerprints and await _signs(pair):
                return name
    finally:
        ring.close()
    return ""


def _fingerprint(public: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(public).digest()).decode().rstrip("=")


async def _signs(pair: asyncssh.SSHKeyPair) -> bool:
    challenge = secrets.token_bytes(32)
    try:
        asks_agent = getattr(pair, "sign_async", None)
        # (in a thread: a passphrase is asked for on the loop meanwhile)
        signature = await (asks_agent(challenge) if asks_agent else asyncio.to_thread(pair.sign, challenge))
        word = base64.b64encode(pair.public_data)
        public = asyncssh.import_public_key(pair.algorithm + b" " + word)
        return public.verify(challenge, signature)
    except (OSError, ValueError, asyncssh.Error):
        return False
