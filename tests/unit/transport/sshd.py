"""A real OpenSSH server on loopback, with accounts of its own.

It runs in a private mount namespace in which /etc/passwd, /etc/shadow, /etc/sudoers and two PAM stacks are ours: the
machine itself is left as it is. Needs root, sshd, sudo and openssl.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

PASSWORD = "raspberry"
SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")

# name, shell, supplementary line of sudoers
ACCOUNTS = {
    "plain": ("/bin/bash", ""),
    "free": ("/bin/bash", "free ALL=(ALL) NOPASSWD: ALL"),
    "asked": ("/bin/bash", "asked ALL=(ALL) ALL"),
    "tty": ("/bin/bash", "tty ALL=(ALL) ALL\nDefaults:tty requiretty"),
    "pty": ("/bin/bash", "pty ALL=(ALL) NOPASSWD: ALL\nDefaults:pty use_pty"),
    "other": ("/bin/bash", "other ALL=(ALL) NOPASSWD: ALL\nDefaults:other runas_default=plain"),
    "chatty": ("/bin/bash", "chatty ALL=(ALL) NOPASSWD: ALL"),
    "fish": ("/usr/bin/fish", "fish ALL=(ALL) NOPASSWD: ALL"),
    "zsh": ("/usr/bin/zsh", "zsh ALL=(ALL) NOPASSWD: ALL"),
    "tcsh": ("/usr/bin/tcsh", "tcsh ALL=(ALL) NOPASSWD: ALL"),
    "ash": ("/bin/ash", "ash ALL=(ALL) NOPASSWD: ALL"),
    "nologin": ("/usr/sbin/nologin", ""),
    "garbage": ("/bin/garbage", ""),
    "echo": ("/bin/echoing", ""),
    "silent": ("/bin/silent", ""),
}
CHATTER = 'echo "Welcome to $(hostname)"; printf "no newline at the end"; echo "and to stderr" >&2\n'
SHELLS = {
    "garbage": "#!/bin/sh\nexec cat /dev/urandom\n",
    "echoing": '#!/bin/sh\nprintf "%s\\n" "I do not understand: $2"; exec cat\n',
    "silent": "#!/bin/sh\nexec sleep 600\n",
}
PAM = "auth required pam_unix.so nodelay\naccount required pam_unix.so\nsession required pam_permit.so\n"


@dataclass
class Sshd:
    """A running server. `options` are lines for its sshd_config."""

    folder: Path
    options: str = ""
    pam: str = PAM
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.folder / "log"

    @property
    def client_key(self) -> Path:
        """A key that every account accepts."""
        return self.folder / "client"

    @property
    def host_key(self) -> Path:
        """The server's ed25519 key."""
        return self.folder / "host_ed25519"

    def start(self) -> Sshd:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        for key in (self.client_key, self.host_key):
            if not key.exists():
                keygen(key)
        self._accounts()
        self.port = free_port()
        config = self.folder / "sshd_config"
        settings = (
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.host_key}\nPidFile none\n{self.options}\n"
            f"AuthorizedKeysFile {self.folder}/client.pub\nStrictModes no\nUsePAM yes\nPermitRootLogin yes\n"
            "MaxStartups 100\nPrintMotd no\nPrintLastLog no\n"
        )
        Path("/run/sshd").mkdir(exist_ok=True)
        # from 9.8 on sshd shuts out an address that failed a few times; an older one does not know the keyword
        config.write_text(f"{settings}PerSourcePenalties no\n")
        if subprocess.run([SSHD or "sshd", "-t", "-f", config], capture_output=True, check=False).returncode != 0:
            config.write_text(settings)
        script = "set -e; mount --make-rprivate /\n"
        for name in ("passwd", "shadow", "sudoers", "pam.d/sshd", "pam.d/sudo"):
            script += f"mount --bind {self.folder}/etc/{name} /etc/{name}\n"
        script += f"mkdir -p /run/sudo; mount -t tmpfs none /run/sudo; exec {SSHD} -D -e -f {config}\n"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(["unshare", "-m", "sh", "-c", script], stderr=log, stdin=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.02)
        raise AssertionError(self.log.read_text())

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(10)

    def connections(self) -> list[int]:
        """The processes of sshd that serve a connection."""
        assert self.process
        found, ahead = [], [self.process.pid]
        while ahead:
            pid = ahead.pop()
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                if Path(f"/proc/{child}/cmdline").read_bytes().startswith(b"sshd"):
                    ahead.append(int(child))
                    found.append(int(child))
        return found

    def _shell(self, path: str) -> Path:
        """Those that are no shells of this machine are made here."""
        made = self.folder / Path(path).name
        if made.name in SHELLS:
            made.write_text(SHELLS[made.name])
            made.chmod(0o755)
        elif made.name == "ash":
            made.unlink(missing_ok=True)
            made.symlink_to("/bin/busybox")
        else:
            return Path(path)
        return made

    def _accounts(self) -> None:
        etc, homes = self.folder / "etc", self.folder / "home"
        (etc / "pam.d").mkdir(parents=True, exist_ok=True)
        hashed = subprocess.run(["openssl", "passwd", "-6", PASSWORD], capture_output=True, text=True, check=True)
        passwd, shadow = Path("/etc/passwd").read_text(), Path("/etc/shadow").read_text()
        sudoers = "root ALL=(ALL) ALL\nDefaults !lecture\n"
        for uid, (name, (shell, rule)) in enumerate(ACCOUNTS.items(), 61000):
            home = homes / name
            home.mkdir(parents=True, exist_ok=True)
            os.chown(home, uid, 65534)
            passwd += f"{name}:x:{uid}:65534::{home}:{self._shell(shell)}\n"
            shadow += f"{name}:{hashed.stdout.strip()}:19000:0:99999:7:::\n"
            sudoers += rule + "\n" if rule else ""
        (homes / "chatty" / ".bashrc").write_text(CHATTER)
        for name, text, mode in (("passwd", passwd, 0o644), ("shadow", shadow, 0o600), ("sudoers", sudoers, 0o440)):
            (etc / name).write_text(text)
            (etc / name).chmod(mode)
        for service in ("sshd", "sudo"):
            (etc / "pam.d" / service).write_text(self.pam)


def keygen(path: Path, kind: str = "ed25519", passphrase: str = "") -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", path.name, "-f", str(path)], check=True, timeout=30
    )


def certify(authority: Path, key: Path, principal: str, *kind: str) -> None:
    """Sign a key for a principal: KEY-cert.pub. `kind`: '-h' for a host."""
    command = ["ssh-keygen", "-q", "-s", str(authority), "-I", "test", "-n", principal, *kind, f"{key}.pub"]
    subprocess.run(command, check=True, timeout=30)


def fingerprint(path: Path) -> str:
    """`SHA256:…` of a key, as ssh-keygen has it."""
    listed = subprocess.run(["ssh-keygen", "-lf", str(path)], capture_output=True, text=True, check=True)
    return listed.stdout.split()[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def usable() -> str:
    """Why it cannot run here; empty if it can."""
    if os.geteuid() != 0:
        return "needs root"
    missing = [tool for tool in ("sudo", "openssl", "unshare", "ssh-keygen") if not shutil.which(tool)]
    return f"needs {', '.join(missing)}" if missing else "" if SSHD else "needs sshd"
