"""Hosts: started from a clean copy of an image, used by a test, thrown away."""

import json
import os
import secrets as random
import shutil
import subprocess
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from . import cgroups
from .errors import LabError
from .images import Image, Secrets, image
from .login import login
from .machine import Machine
from .network import Wire, connect, disconnect, forget_routes, reserve
from .packages import put
from .pool import delete, pool, snapshot, unmount
from .settings import RELEASES, VARIANTS, lab_dir
from .tools import locked, missing, process_started
from .totp import totp

# How the owner of each variant gets in.
_OWNERS_METHODS = {
    "stock": ("password",),
    "planted": ("publickey",),
    "hardened": ("publickey", "keyboard-interactive"),
}


@dataclass(frozen=True)
class Host:
    """A booted host, and what a person who owns it would know of it.

    `root` is its live root file system as this machine sees it, and `cgroup` the control group of all its processes.
    `known_hosts` holds its true host keys. `controller` and `controller6` are this machine, as the host sees it.
    """

    name: str
    release: str
    variant: str
    index: int
    token: str
    secrets: Secrets
    private_key: Path | None
    machine: Machine = field(repr=False, compare=False)

    port = 22

    @property
    def user(self) -> str:
        """The account that its owner logs in with."""
        return self.secrets.user

    @property
    def password(self) -> str:
        """The password of that account."""
        return self.secrets.user_password

    @property
    def sudo_password(self) -> str:
        """What sudo would ask that account for."""
        return self.secrets.user_password

    @property
    def address(self) -> str:
        """IPv4 address."""
        return Wire(self.index).address

    @property
    def address6(self) -> str:
        """IPv6 address."""
        return Wire(self.index).address6

    @property
    def controller(self) -> str:
        """IPv4 address of this machine on the host's wire."""
        return Wire(self.index).controller

    @property
    def controller6(self) -> str:
        """IPv6 address of this machine on the host's wire."""
        return Wire(self.index).controller6

    @property
    def root(self) -> Path:
        """The live root file system, as a directory of this machine."""
        return _root(self.name)

    @property
    def copied(self) -> int:
        """When that was copied from the image (ns): whatever has an older ctime is the image's own."""
        return _copied(self.root).stat().st_mtime_ns

    @property
    def cgroup(self) -> Path:
        """The control group of everything that runs in the host: cpu.stat there is its CPU time."""
        return cgroups.group(self.name) / "payload"

    @property
    def known_hosts(self) -> Path:
        """A known_hosts file with the host's true keys, for both addresses."""
        return _folder(self.name) / "known_hosts"

    def totp(self) -> str:
        """The code that an authenticator app shows now; LabError where no second factor is set up."""
        if self.secrets.totp_secret is None:
            raise LabError(f"{self.name} has no second factor")
        return totp(self.secrets.totp_secret)

    def run(
        self,
        command: str | Sequence[str],
        *,
        input: str | None = None,  # noqa: A002 - the name that subprocess.run has for it
        timeout: float = 60,
        check: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command (a string: by sh) as root inside the host, with a clean environment.

        It enters the host's namespaces, so that it works whatever sshd, sudo and the firewall do.
        subprocess.TimeoutExpired after `timeout` seconds; with `check`, subprocess.CalledProcessError on failure.
        """
        argv = ["sh", "-c", command] if isinstance(command, str) else list(command)
        result = self.machine.run(argv, text_input=input, timeout=timeout)
        if check:
            result.check_returncode()
        return result

    def login(
        self,
        command: str,
        *,
        methods: Sequence[str] | None = None,
        user: str | None = None,
        password: str | None = None,
        ipv6: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Log in from outside with OpenSSH's client, as the owner would unless told otherwise, and run a command.

        `methods` are OpenSSH's names of authentication methods. Status 255 is ssh's own failure.
        """
        return login(
            f"{user or self.user}@{self.address6 if ipv6 else self.address}",
            command,
            known_hosts=self.known_hosts,
            methods=_OWNERS_METHODS[self.variant] if methods is None else methods,
            private_key=self.private_key,
            password=self.password if password is None else password,
            code=self.totp() if self.secrets.totp_secret else "",
        )

    def reboot(self) -> None:
        """Reboot the host in an orderly way, and wait until it is up."""
        self.machine.reboot()

    def stop(self) -> None:
        """Kill the host and remove all that it was, its files included. Harmless when that was done before."""
        record = _folder(self.name) / "host.json"
        if not record.exists() or _read_record(record).host.token != self.token:
            return  # gone, and its name may be another's by now
        self.machine.kill()
        delete(self.root)
        shutil.rmtree(self.root.parent, ignore_errors=True)
        shutil.rmtree(_folder(self.name), ignore_errors=True)
        disconnect(Wire(self.index))  # last: it frees the number, and with it the name
        if not _records():
            unmount()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


@dataclass(frozen=True)
class _Record:
    """What was noted down of a host. Orphaned: its owner died without stopping it, or it has none and runs no more."""

    host: Host
    orphaned: bool


def start(release: str = "trixie", variant: str = "planted", *, keep: bool = False, packages: bool = False) -> Host:
    """Boot a clean host of a variant; the image is built first when the cache has none.

    It dies with this process unless `keep`. With `packages`, apt finds what recipes/packages.sh lists, and every
    update, as if just downloaded. LabError when this machine cannot, or the host does not come up.
    """
    if release not in RELEASES or variant not in VARIANTS:
        raise LabError(f"no such host: {release} {variant}; there are {', '.join(RELEASES)}; {', '.join(VARIANTS)}")
    reason = missing()
    if reason:
        raise LabError(reason)
    source = image(release, variant)
    with _hosts_locked():
        _remove_leftovers()
        wire = reserve()
        name = f"{release}-{variant}-{wire.index}"
        key = None if source.private_key is None else _folder(name) / source.private_key.name
        token = random.token_hex(8)
        host = Host(name, release, variant, wire.index, token, source.secrets, key, Machine(name))
        _write_record(host, owner=os.getpid())
    try:
        _copy_root(source, host)
        if packages:
            put(source, host.root)
        connect(wire)
        host.machine.boot(host.root, wire.namespace, _folder(name) / "console.log", outlive_owner=keep)
    except BaseException:
        host.stop()
        raise
    if keep:
        _write_record(host, owner=None)
    return host


def hosts() -> list[Host]:
    """All hosts that run now, by number, whoever started them."""
    found = [_read_record(path).host for path in _records()]
    return sorted((host for host in found if cgroups.populated(host.name)), key=lambda host: host.index)


def clean() -> None:
    """Stop every host, and take the lab off this machine: its mounts, its routes and its cache."""
    with _hosts_locked():
        for path in _records():
            _read_record(path).host.stop()
        forget_routes()
        unmount()
        if (lab_dir() / "pool").is_mount():
            raise LabError(f"{lab_dir() / 'pool'} is in use: a build runs, or somebody stands in it")
    shutil.rmtree(lab_dir(), ignore_errors=True)


def _copy_root(source: Image, host: Host) -> None:
    host.root.parent.mkdir()
    _copied(host.root).touch()
    snapshot(source.root, host.root)
    if source.private_key is not None:
        # A copy of its own: the image may be rebuilt while the host runs.
        shutil.copy(source.private_key, _folder(host.name))
    # Set, not empty: an empty one would make the first boot reset every unit to its preset.
    (host.root / "etc/machine-id").write_text(f"{random.token_hex(16)}\n")
    keys = [" ".join(key.read_text().split()[:2]) for key in sorted((host.root / "etc/ssh").glob("ssh_host_*.pub"))]
    host.known_hosts.write_text("".join(f"{host.address},{host.address6} {key}\n" for key in keys))
    now = time.time()
    for stamp in (host.root / "var/lib/systemd/timers").glob("stamp-*"):
        # Otherwise every timer that has come due since the image was built runs during the test.
        os.utime(stamp, (now, now))
    # Debian's own copy of dpkg's records, at midnight: it would be a difference that no change made.
    (host.root / "etc/systemd/system/timers.target.wants/dpkg-db-backup.timer").unlink(missing_ok=True)


def _root(name: str) -> Path:
    return pool() / "hosts" / name / "root"


def _copied(root: Path) -> Path:
    return root.with_name("copied")


def _folder(name: str) -> Path:
    return lab_dir() / "run" / name


def _records() -> list[Path]:
    return list((lab_dir() / "run").glob("*/host.json"))


def _hosts_locked() -> AbstractContextManager[None]:
    return locked(lab_dir() / "hosts.lock")


def _write_record(host: Host, owner: int | None) -> None:
    """Note a host down for other processes. `owner` is the process that it must not outlive."""
    started = None if owner is None else process_started(owner)
    record = {
        "name": host.name,
        "release": host.release,
        "variant": host.variant,
        "index": host.index,
        "token": host.token,
        "secrets": asdict(host.secrets),
        "private_key": None if host.private_key is None else str(host.private_key),
        "owner": None if owner is None else [owner, started],
    }
    path = _folder(host.name) / "host.json"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(record, indent=1))
    draft.replace(path)


def _read_record(path: Path) -> _Record:
    record = json.loads(path.read_text())
    key = record["private_key"]
    host = Host(
        record["name"],
        record["release"],
        record["variant"],
        record["index"],
        record["token"],
        Secrets(**record["secrets"]),
        None if key is None else Path(key),
        Machine(record["name"]),
    )
    if record["owner"] is None:
        return _Record(host, orphaned=not cgroups.populated(host.name))
    pid, started = record["owner"]
    return _Record(host, orphaned=process_started(pid) != started)


def _remove_leftovers() -> None:
    """Remove the hosts whose owner has died without stopping them."""
    for path in _records():
        record = _read_record(path)
        if record.orphaned:
            record.host.stop()
    for folder in (pool() / "hosts").iterdir():
        if not (_folder(folder.name) / "host.json").exists():  # the machine was cut off between the two
            delete(folder / "root")
            shutil.rmtree(folder, ignore_errors=True)
