"""One host for many random faults: a change is made, something goes wrong, and the host is looked at whole.

Each case has a number, its seed: it draws the change, the fault, and the moment. The same number makes the same case.
After each the change is wholly there and confirmed (and is then undone), or the host is as it was before.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from thornwall.apply.compile import Transaction, confirm_script, transaction_script, undo_script
from thornwall.apply.events import Applied, Event, Refused
from thornwall.apply.reader import Reader
from thornwall.errors import ThornwallError
from thornwall.model.change import sha256
from thornwall.model.secret import Secret
from thornwall.transport.base import Become, Limits
from thornwall.transport.ssh import Access, SshTransport
from thornwall.transport.target import SshTarget

from . import faults
from .compare import State, difference, snapshot
from .host import Host, start
from .network import Wire
from .random_plans import PASSWORDS, PREPARE, Drawn, draw

IGNORE = ("/var/www/html", "/var/www/html/*")  # what the host's own cron job does every quarter of an hour
POLL = 0.02
VAULT = "var/lib/thornwall"
_KNOWN_HOSTS = threading.Lock()


class SpoiltError(Exception):
    """The case is lost: the host is not what it should be."""


class CutError(Exception):
    """The cable is pulled."""


@dataclass
class Said:
    """What a script said. `status`: how it ended; None: nobody heard its end."""

    events: list[Event] = field(default_factory=list)
    status: int | None = None

    def find(self, kind: type[Event]) -> Event | None:
        """The first event of a kind."""
        return next((event for event in self.events if isinstance(event, kind)), None)


class Bench:
    """A planted host that stands through many cases. `patience`: seconds until what should happen has happened."""

    def __init__(self, release: str, *, patience: float = 40) -> None:
        self.patience = patience
        self.host: Host = start(release, "planted")
        self._pool = ThreadPoolExecutor(4)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        self.host.run(PREPARE, check=True)
        trust = Path.home() / ".ssh" / "known_hosts"
        with _KNOWN_HOSTS:
            old = trust.read_text() if trust.exists() else ""
            trust.write_text(old + self.host.known_hosts.read_text())
        # (sudo leaves a mark where it asks for the first time)
        self.inside(["touch", "/home/pi/.sudo_as_admin_successful"])
        # the kernel's settings are those of a boot from here on
        self.power_cut()
        self.up()
        self.known: dict[str, str] = {}
        self.before: State = snapshot(self.host)
        # Taken twice: what the first boot had left to do is over.
        self.before = snapshot(self.host)

    def close(self) -> None:
        """Away with it."""
        self.host.stop()
        self._pool.shutdown(wait=True)

    def sha(self, path: str) -> str:
        """What a file of the untouched host holds."""
        if path not in self.known:
            self.known[path] = sha256((self.host.root / path.lstrip("/")).read_bytes())
        return self.known[path]

    def draw(self, rng: Random, *, changes: int = 1) -> list[Drawn]:
        """A change that this host can have."""
        return draw(rng, self.sha, changes=changes)

    # what is done on the host

    def inside(self, command: list[str], *, text: str = "", timeout: float = 60) -> str:
        """What a command says, as root in the host. Nothing where the host goes down under it."""
        with suppress(Exception):
            return self.host.run(command, input=text or None, timeout=timeout).stdout
        return ""

    def run(self, script: str, nonce: str, *, ssh: bool, on: Callable[[Event], None] = lambda _: None) -> Said:
        """Run a script of the product to its end: as its owner does, over SSH and with sudo, or as root in the host."""
        said, reader = Said(), Reader(nonce)

        def feed(data: bytes) -> None:
            for event in reader.feed(data):
                said.events.append(event)
                on(event)

        with suppress(CutError, ThornwallError):
            if ssh:
                become = Become("password", Secret(self.host.sudo_password))
                access = Access(identity=self.host.private_key)
                transport = SshTransport(SshTarget(self.host.address, self.host.user), become=become, access=access)
                limits = Limits(seconds=90, idle_seconds=60)
                said.status = asyncio.run(transport.run(script, feed=feed, limits=limits)).status
            else:
                said.status = self._inside(script, feed)
        return said

    def _inside(self, script: str, feed: Callable[[bytes], None]) -> int:
        argv = [*self.host.machine.enter(), "sh"]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
        with subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        ) as process:
            self.controller = process.pid
            # (who follows a change that comes to no end must not wait for ever, nor what it has started hold the pipe)
            limit = threading.Timer(2 * self.patience, _kill_all, [process.pid])
            limit.daemon = True
            limit.start()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(script.encode())
                process.stdin.close()
                while data := os.read(process.stdout.fileno(), 65536):
                    feed(data)
            except BrokenPipeError:
                pass
            except CutError:
                os.killpg(process.pid, signal.SIGKILL)
                raise
            finally:
                limit.cancel()
            return process.wait()

    def make(
        self, drawn: Drawn, *, window: int, ssh: bool = False, on: Callable[[Event], None] = lambda _: None
    ) -> Said:
        """Make a change. `window` may be shorter than the product allows."""
        nonce = secrets.token_hex(8)
        change = Transaction(nonce, drawn.steps, max(window, 10), title="a test", secrets=PASSWORDS, version="0")
        script = transaction_script(change)
        if window < 10:
            assert "WINDOW=10" in script
            script = script.replace("WINDOW=10", f"WINDOW={window}", 1)
        said = self.run(script, nonce, ssh=ssh, on=on)
        refusal = said.find(Refused)
        if isinstance(refusal, Refused):
            print(f"    refused: {refusal.why}", flush=True)
        return said

    def begin(self, drawn: Drawn, *, window: int, ssh: bool = False) -> Future[Said]:
        """`make`, without waiting for its end; a change before is over. Sets `id_` once there is one."""
        self.known_ids = self.ids()
        return self._pool.submit(self.make, drawn, window=window, ssh=ssh)

    def confirm(self, said: Said, *, ssh: bool) -> Said:
        """Confirm what was made, by a new login."""
        applied = said.find(Applied)
        if not isinstance(applied, Applied):
            raise SpoiltError(f"it was not made: {said}")
        nonce = secrets.token_hex(8)
        return self.run(confirm_script(applied.id, nonce, key=applied.key, sudo=ssh), nonce, ssh=ssh)

    def undo(self, id_: str = "", *, ssh: bool, force: bool = False) -> Said:
        """Ask for it to be taken back, and follow that. (sshd may start anew as somebody asks: then once more.)"""
        nonce = secrets.token_hex(8)
        said = self.run(undo_script(id_, nonce=nonce, force=force), nonce, ssh=ssh)
        return self.undo(id_, ssh=False, force=force) if ssh and said == Said() else said

    def background(self, work: Callable[[], Said]) -> Future[Said]:
        """Something that goes on at the same time."""
        return self._pool.submit(work)

    # faults

    def power_cut(self) -> None:
        """All of the host dies at once, and it starts again; nobody waits for it."""
        machine = self.host.machine
        machine.kill()
        console = self.host.known_hosts.with_name("console.log")
        place = Wire(self.host.index).namespace
        machine.boot(self.host.root, place, console, outlive_owner=False, until_up=False)

    def up(self) -> None:
        """Wait until it is up, and stays so."""
        self.wait(self._running, "the host does not come up")

    def _running(self) -> bool:
        return self.inside(["systemctl", "is-system-running"], timeout=5).strip() in {"running", "degraded"}

    def kill(self, pattern: str) -> bool:
        """SIGKILL to what matches, on its own and all at once."""
        with suppress(Exception):
            return bool(faults.kill(self.host, pattern))
        return False

    @contextmanager
    def full(self) -> Iterator[Callable[[], object]]:
        """The records lie on a small file system; what is yielded fills it to the last byte."""
        path = f"/{VAULT}"
        self.inside(["mkdir", "-p", "-m", "700", path])
        with faults.small(self.host, path, mib=32):
            try:
                yield lambda: self.inside(["sh", "-c", f"cat /dev/zero >{path}/fill"])
            finally:
                self.inside(["rm", "-f", f"{path}/fill"])

    # what is seen

    def wait(self, seen: Callable[[], bool], words: str, seconds: float = 0) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + (seconds or self.patience)
        while not seen():
            if time.monotonic() > deadline:
                raise SpoiltError(f"{words}: {self.states()}\n{self.journal()}")
            time.sleep(POLL)

    def records(self) -> list[Path]:
        """The folders of all changes, the oldest first; seen as the host sees them while it runs."""
        try:
            top = Path(f"/proc/{self.host.machine.leader()}/root")
        except Exception:  # noqa: BLE001 - it is down
            top = self.host.root
        # (where it goes down in this moment, the first is empty)
        return sorted((top / VAULT).glob("[0-9]*")) or sorted((self.host.root / VAULT).glob("[0-9]*"))

    def ids(self) -> set[str]:
        """All changes there are."""
        return {path.name for path in self.records()}

    def states(self) -> dict[str, str]:
        """Change -> its tokens."""
        found = {}
        for path in self.records():
            with suppress(OSError):
                found[path.name] = " ".join(sorted(each.name for each in (path / "state").iterdir()))
        return found

    def journal(self) -> str:
        """Of the newest change."""
        for path in self.records()[-1:]:
            with suppress(OSError):
                return (path / "journal").read_text(errors="replace")
        return ""

    def newest(self) -> str:
        """Its number; empty while the change that was begun has none."""
        new = self.ids() - self.known_ids
        return max(new, default="")

    def lines(self, count: int, future: Future[Said]) -> None:
        """Wait until the journal of what was begun has so many lines, or nothing more comes of it."""
        self.wait(lambda: future.done() or (self.newest() != "" and self.journal().count("\n") >= count), "no line")

    def told(self, word: str) -> Callable[[], bool]:
        """Whether the newest journal has an event."""
        return lambda: f"\t{word}\t" in self.journal()

    def over(self) -> bool:
        """Whether nothing is going on any more."""
        return all(state in {"confirmed", "undone", "never"} for state in self.states().values())

    def ended(self) -> None:
        """Wait until nothing is going on, and the host is up."""
        # (up, and over: it may start again in between)
        self.wait(lambda: self.over() and self._running() and self.over(), "it does not end")

    def outcome(self) -> str:
        """Of the newest change: its state."""
        states = self.states()
        return states[max(states)] if states else "none"

    def is_made(self, drawn: Drawn) -> None:
        """By the host's own tools."""
        missing = self.host.run(drawn.checks).stdout
        if missing:
            raise SpoiltError(f"confirmed, and not wholly there: {missing}")

    def is_back(self) -> None:
        """Nothing differs from before, somebody can log in, and nothing of the guard is left."""
        try:
            self.wait(lambda: not self.guard(), "something of the guard is left", 15)
        except SpoiltError as error:
            raise SpoiltError(f"{error}\n{self.guard()}") from None
        login = self.host.login("sudo -n true")
        if login.returncode:
            raise SpoiltError(f"nobody can log in: {login.stderr}")
        if self.inside(["cmp", "/etc/odd/reader.conf", "/run/lab-reader"]):
            raise SpoiltError("a service runs with what was there in between")
        now = snapshot(self.host)
        left = difference(self.before, now, ignore=IGNORE)
        if left:
            raise SpoiltError("the host is not as before:\n" + "\n".join(left[:30]) + f"\n{self.journal()}")

    def guard(self) -> str:
        """What is there of the guard: units, links, hooks, processes."""
        script = (
            "systemctl list-units --all --plain --no-legend 'thornwall*'; "
            "ls -d /etc/systemd/system/thornwall* /etc/systemd/system/*/thornwall* /run/systemd/*/thornwall* "
            "/run/thornwall* /.thornwall* /boot/firmware/.thornwall* /var/lib/.thornwall* 2>/dev/null; "
            "pgrep -af 'var/lib/thornwal[l]'"
        )
        return self.inside(["sh", "-c", script])


def home_of(folder: Path) -> None:
    """A folder as the home of who logs in: no keys and no agent of anybody else."""
    shutil.rmtree(folder / ".ssh", ignore_errors=True)
    (folder / ".ssh").mkdir(mode=0o700)


def refused(said: Said) -> bool:
    """Whether the device did not begin."""
    return isinstance(said.find(Refused), Refused)


def _kill_all(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
