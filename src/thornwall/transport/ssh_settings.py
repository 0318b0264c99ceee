"""What ~/.ssh/config and /etc/ssh/ssh_config say of a host, as ssh(1) would understand it."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import asyncssh
from asyncssh.config import SSHClientConfig, SSHConfig

from thornwall.errors import UsageError
from thornwall.transport.target import SshTarget, parse_host
from thornwall.transport.text import printable

_SYSTEM = Path("/etc/ssh")
_DEFAULT_IDENTITIES = ("id_ed25519", "id_ecdsa", "id_rsa", "id_ecdsa_sk", "id_ed25519_sk")


class _HostKeyConfig(SSHClientConfig):
    """The same parser for two more words: asyncssh leaves out what it does not act upon itself."""

    _handlers = {  # noqa: RUF012 - the shape is asyncssh's
        **SSHClientConfig._handlers,  # noqa: SLF001
        "stricthostkeychecking": ("StrictHostKeyChecking", SSHConfig._set_string),  # noqa: SLF001
        "hashknownhosts": ("HashKnownHosts", SSHConfig._set_bool),  # noqa: SLF001
    }


@dataclass(frozen=True)
class Settings:
    """How one host is reached. `alias`: as the user named it; the rest as configured."""

    alias: str
    options: asyncssh.SSHClientConnectionOptions
    config_files: Sequence[Path]
    given_user: str
    given_port: int
    identity: Path | None
    loopback_port: int = 0

    def at_loopback(self, port: int) -> Settings:
        """The same host with the same keys, at a port of its own loopback, from a connection to it."""
        return replace(self, loopback_port=port)

    @property
    def host(self) -> str:
        """The name or address to connect to."""
        return self.options.host

    @property
    def port(self) -> int:
        """The TCP port."""
        return self.options.port

    @property
    def place(self) -> tuple[str, int]:
        """Host and port for the connection itself."""
        return ("127.0.0.1", self.loopback_port) if self.loopback_port else (self.alias, self.port)

    @property
    def user(self) -> str:
        """The login name."""
        return self.options.username

    @property
    def who(self) -> str:
        """For people: 'pi@raspberrypi.local'."""
        return str(SshTarget(self.alias, self.user, self.port if self.port != 22 else 0))

    @property
    def known_as(self) -> str:
        """The name under which the host's key is known."""
        return self.options.host_key_alias or self.host

    @property
    def jumps(self) -> list[SshTarget]:
        """The hosts of ProxyJump, the nearest first. Raises UsageError."""
        text = self.options.tunnel
        return (
            [parse_host(jump.strip().removeprefix("ssh://")) for jump in text.split(",")]
            if isinstance(text, str)
            else []
        )

    @property
    def connect_seconds(self) -> float | None:
        """ConnectTimeout, if it is configured."""
        return cast("float | None", self.options.config.get("ConnectTimeout"))

    @cached_property
    def user_known_hosts(self) -> list[Path]:
        """The files of the user; new keys go into the first."""
        default = ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"]
        return self._paths("UserKnownHostsFile", default)

    @cached_property
    def known_hosts(self) -> list[Path]:
        """All known_hosts files."""
        default = [str(_SYSTEM / "ssh_known_hosts"), str(_SYSTEM / "ssh_known_hosts2")]
        return self.user_known_hosts + self._paths("GlobalKnownHostsFile", default)

    @property
    def identities(self) -> list[Path]:
        """Private keys (or public ones, whose private half the agent has), in the order in which they are tried."""
        if self.identity is not None:
            return [self.identity]
        configured = cast("list[str] | None", self.options.config.get("IdentityFile"))
        if configured is None:
            return [Path.home() / ".ssh" / name for name in _DEFAULT_IDENTITIES]
        return [Path(name).expanduser() for name in configured]

    @property
    def certificates(self) -> list[Path]:
        """Files of CertificateFile."""
        return [Path(name).expanduser() for name in cast("list[str]", self.options.config.get("CertificateFile", []))]

    @property
    def only_identities(self) -> bool:
        """Whether the agent's other keys are not to be offered."""
        return self.identity is not None or bool(self.options.config.get("IdentitiesOnly"))

    @property
    def agent(self) -> str:
        """The path of the agent's socket, or empty."""
        configured = cast("str | None", self.options.config.get("IdentityAgent", "SSH_AUTH_SOCK"))
        if configured == "SSH_AUTH_SOCK":
            return os.environ.get("SSH_AUTH_SOCK", "")
        return str(Path(configured).expanduser()) if configured else ""

    @cached_property
    def _host_key_words(self) -> SSHConfig:
        user, port = self.given_user or (), self.given_port or ()
        load = cast("Any", _HostKeyConfig.load)
        return cast(
            "SSHConfig", load(None, self.config_files, False, False, False, getpass.getuser(), user, self.alias, port)
        )

    @property
    def strict(self) -> str:
        """StrictHostKeyChecking: 'ask', 'yes', or 'accept-new', for which 'no' is taken: a changed key never passes."""
        word = str(self._host_key_words.get("StrictHostKeyChecking", "ask")).lower()
        return {"yes": "yes", "true": "yes", "ask": "ask"}.get(word, "accept-new")

    @property
    def hash_known_hosts(self) -> bool:
        """Whether names are hashed in known_hosts."""
        return bool(self._host_key_words.get("HashKnownHosts", False))

    def _paths(self, word: str, default: list[str]) -> list[Path]:
        names = cast("list[str]", self.options.config.get(word, default))
        tokens = {"h": self.host, "n": self.alias, "p": str(self.port), "r": self.user, "d": str(Path.home()), "%": "%"}
        return [Path(re.sub(r"%(.)", lambda m: tokens.get(m[1], m[0]), name)).expanduser() for name in names]


def resolve(target: SshTarget, *, identity: Path | None, keywords: dict[str, Any]) -> Settings:
    """The settings for a host, `keywords` being what this program insists on. Raises UsageError for a bad file."""
    files = [path for path in (Path.home() / ".ssh" / "config", _SYSTEM / "ssh_config") if os.access(path, os.R_OK)]
    try:
        options = asyncssh.SSHClientConnectionOptions(
            config=files, host=target.host, port=target.port or (), username=target.user or (), **keywords
        )
    except (asyncssh.ConfigParseError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"the configuration of ssh cannot be used: {printable(str(error))}") from error
    except ValueError as error:
        raise UsageError(f"{target} cannot be reached as configured: {printable(str(error))}") from error
    return Settings(target.host, options, files, target.user, target.port, identity)
