"""Running the command line against a lab host, as its owner would."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .host import Host


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code, stdout, stderr, and the JSON report if it wrote one."""

    code: int
    stdout: str
    stderr: str
    report: dict[str, Any]

    def having(self, status: str) -> set[str]:
        """The rules with a finding of that status."""
        return {finding["rule"] for finding in self.report["findings"] if finding["status"] == status}

    def evidence(self, rule: str, status: str = "fail") -> list[str]:
        """Every piece of evidence of the rule as `source:line text`."""
        return [
            f"{evidence['source']}:{evidence['line']} {evidence['text']}"
            for finding in self.report["findings"]
            if finding["rule"] == rule and finding["status"] == status
            for evidence in finding["evidence"]
        ]


def home(host: Host, folder: Path) -> dict[str, str]:
    """The environment of somebody whose ~/.ssh knows the host's keys, and has the owner's key if there is one."""
    ssh = folder / ".ssh"
    ssh.mkdir(parents=True, exist_ok=True)
    shutil.copy(host.known_hosts, ssh / "known_hosts")
    if host.private_key:
        shutil.copy(host.private_key, ssh / "id_ed25519")
        (ssh / "id_ed25519").chmod(0o600)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SSH_", "XDG_", "THORNWALL"))}
    return kept | {"HOME": str(folder), "COLUMNS": "120"}


def thornwall(
    words: list[str], environment: dict[str, str], folder: Path, *, report: bool = False, timeout: float = 120
) -> Done:
    """Run `thornwall` with these words; with `report`, have it write a JSON report as well."""
    written = folder / "report.json"
    written.unlink(missing_ok=True)
    more = ["-o", str(written)] if report else []
    done = subprocess.run(
        [sys.executable, "-m", "thornwall", *words, *more],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    read = json.loads(written.read_text()) if written.exists() else {"findings": []}
    return Done(done.returncode, done.stdout, done.stderr, read)


def audit(host: Host, folder: Path, *words: str, target: str = "", timeout: float = 120) -> Done:
    """`thornwall audit user@address`, or another target."""
    where = target or f"{host.user}@{host.address}"
    return thornwall(["audit", where, *words], home(host, folder), folder, report=True, timeout=timeout)
