"""A login from outside with OpenSSH's own client, which answers for a person at its prompts."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

_ASKPASS = Path(__file__).with_name("askpass.sh")


def login(
    destination: str,
    command: str,
    *,
    known_hosts: Path,
    methods: Sequence[str],
    private_key: Path | None = None,
    password: str = "",
    code: str = "",
    timeout: float = 30,
) -> subprocess.CompletedProcess[str]:
    """Run a command on `user@address` by the given authentication methods only, in their order.

    Methods are OpenSSH's names (publickey, password, keyboard-interactive). Nothing of this machine's own ssh
    configuration, keys or agent is used, and the host key must be in `known_hosts`. Status 255 is ssh's own failure.
    """
    options = {
        "UserKnownHostsFile": known_hosts,
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "IdentityAgent": "none",
        "IdentitiesOnly": "yes",
        "PreferredAuthentications": ",".join(methods),
        "PubkeyAuthentication": "yes" if "publickey" in methods else "no",
        "NumberOfPasswordPrompts": 1,
        "ConnectTimeout": 5,
        "LogLevel": "ERROR",
    }
    argv = ["ssh", "-F", "none", "-T"]
    argv += [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    if private_key is not None and "publickey" in methods:
        argv += ["-i", str(private_key)]
    environment = os.environ | {
        "SSH_ASKPASS": str(_ASKPASS),
        "SSH_ASKPASS_REQUIRE": "force",
        "LAB_PASSWORD": password,
        "LAB_CODE": code,
    }
    return subprocess.run(
        [*argv, destination, command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=environment,
        timeout=timeout,
        check=False,
    )
