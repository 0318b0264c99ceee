"""Root inside a virtual machine, by way of QEMU's guest agent: whatever sshd, sudo and the firewall do there."""

import base64
import json
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import LabError

_ENVIRONMENT = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8"]
_KILL_AFTER = 5


class Agent:
    """The other end of a machine's virtio port. It speaks JSON, an answer to a question, a line each."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ping(self) -> bool:
        """Whether the agent answers: the machine is up, and not stuck."""
        try:
            self._ask("guest-ping", {}, timeout=5)
        except (OSError, LabError):
            return False
        return True

    def run(self, argv: Sequence[str], text_input: str | None, timeout: float) -> subprocess.CompletedProcess[str]:
        """Run a command as root. subprocess.TimeoutExpired when it takes longer; it is killed then."""
        # By timeout(1), as the agent itself lets a command run on for ever.
        command = ["timeout", f"--kill-after={_KILL_AFTER}", "--signal=KILL", str(timeout), *argv]
        arguments: dict[str, Any] = {"path": "/usr/bin/timeout", "arg": command[1:], "env": _ENVIRONMENT}
        if text_input is not None:
            arguments["input-data"] = base64.b64encode(text_input.encode()).decode()
        pid = self._ask("guest-exec", {**arguments, "capture-output": True}, timeout=30)["pid"]
        deadline = time.monotonic() + timeout + _KILL_AFTER + 5
        pause = 0.02
        while time.monotonic() < deadline:
            status = self._ask("guest-exec-status", {"pid": pid}, timeout=30)
            if status["exited"]:
                code = status.get("exitcode", -status.get("signal", 0))
                if code in {124, 137, -9}:
                    break
                texts = (base64.b64decode(status.get(name, "")) for name in ("out-data", "err-data"))
                stdout, stderr = (text.decode(errors="replace") for text in texts)
                return subprocess.CompletedProcess(list(argv), code, stdout, stderr)
            time.sleep(pause)
            pause = min(pause * 1.5, 0.5)
        raise subprocess.TimeoutExpired(list(argv), timeout)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """All its file systems are whole on the disk, and nothing is written, until the end."""
        self._ask("guest-fsfreeze-freeze", {}, timeout=120)
        try:
            yield
        finally:
            self._ask("guest-fsfreeze-thaw", {}, timeout=120)

    def _ask(self, question: str, arguments: dict[str, Any], *, timeout: float) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(str(self._path))
            # What the agent had to say to an earlier connection may still come: its own number tells ours.
            number = time.monotonic_ns() & 0x7FFFFFFF
            file = connection.makefile("rb")
            connection.sendall(_line("guest-sync", {"id": number}))
            self._answer(file, number)
            connection.sendall(_line(question, arguments))
            answer = self._answer(file, None)
        if "error" in answer:
            raise LabError(f"the guest agent refuses {question}: {answer['error'].get('desc')}")
        result: dict[str, Any] = answer["return"]
        return result

    @staticmethod
    def _answer(file: Any, number: int | None) -> dict[str, Any]:
        for line in file:
            answer: dict[str, Any] = json.loads(line.lstrip(b"\xff"))
            if number is None or answer.get("return") == number:
                return answer
        raise LabError("the guest agent hung up")


def _line(question: str, arguments: dict[str, Any]) -> bytes:
    return json.dumps({"execute": question, "arguments": arguments}).encode() + b"\n"
