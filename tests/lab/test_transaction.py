"""A change on booted hosts: made, confirmed, taken back by the device itself, and what breaks in between.

What is so on the host is read with its own tools and by the whole-system comparison, never by what the script says.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from thornwall.apply import compile as compiling
from thornwall.apply import text as templates
from thornwall.apply.compile import (
    Transaction,
    back_script,
    confirm_script,
    forget_script,
    history_script,
    transaction_script,
    undo_script,
)
from thornwall.apply.events import (
    Applied,
    Change,
    Confirmed,
    Differs,
    Doing,
    Event,
    Failed,
    Left,
    Refused,
    Stuck,
    TakenBack,
    Undone,
)
from thornwall.apply.reader import Reader
from thornwall.errors import UnreachableError
from thornwall.model.change import (
    ABSENT,
    AccountDo,
    AccountField,
    Chmod,
    DropFile,
    Purpose,
    PutFile,
    PutLink,
    SysctlDo,
    Tool,
    UnitDo,
    sha256,
)
from thornwall.model.plan import Step
from thornwall.model.secret import Secret
from thornwall.transport.base import Become, Limits, Ran
from thornwall.transport.ssh import Access, SshTransport
from thornwall.transport.target import SshTarget

from .compare import State, difference, snapshot
from .hardening import FULL
from .host import Host
from .network import Wire

LIMITS = Limits(seconds=90, idle_seconds=60)
SUDO_MARK = (
    "/home/pi/.sudo_as_admin_successful",  # sudo's own, with the first real authentication
    "/var/www/html",  # what the host's own cron job does every quarter of an hour
    "/var/www/html/*",
)
NEW_PASSWORD = "correct horse battery 1"


@dataclass
class Heard:
    """What a script said, and how it ended; None: the link was cut."""

    events: list[Event] = field(default_factory=list)
    ran: Ran | None = None

    @property
    def status(self) -> int:
        assert self.ran is not None
        return self.ran.status

    def one(self, kind: type[Event]) -> Event:
        found = [event for event in self.events if isinstance(event, kind)]
        assert len(found) == 1, (kind, self.events, self.ran)
        return found[0]

    def has(self, kind: type[Event]) -> bool:
        return any(isinstance(event, kind) for event in self.events)


class CutError(Exception):
    """The test pulls the cable."""


@dataclass
class Rig:
    """A host, and the owner's way to it over real SSH and a sudo that really asks."""

    host: Host

    def run(
        self, script: str, nonce: str, *, on: Callable[[Event], None] = lambda _: None, password: str = ""
    ) -> Heard:
        shutil.copy(self.host.known_hosts, Path.home() / ".ssh" / "known_hosts")
        become = Become("password", Secret(password or self.host.sudo_password))
        access = Access(identity=self.host.private_key)
        transport = SshTransport(SshTarget(self.host.address, self.host.user), become=become, access=access)
        reader, heard = Reader(nonce), Heard()

        def feed(data: bytes) -> None:
            for event in reader.feed(data):
                heard.events.append(event)
                on(event)

        with suppress(CutError):
            heard.ran = asyncio.run(transport.run(script, feed=feed, limits=LIMITS))
        return heard

    def make(
        self,
        steps: tuple[Step, ...],
        *,
        window: int = 60,
        on: Callable[[Event], None] = lambda _: None,
        spoil: Callable[[str], str] = lambda text: text,
    ) -> Heard:
        nonce = secrets.token_hex(8)
        change = Transaction(
            nonce, steps, window, title="a test", secrets={self.host.user: Secret(NEW_PASSWORD)}, version="0"
        )
        return self.run(spoil(transaction_script(change)), nonce, on=on)

    def confirm(self, applied: Event, *, password: str = "", key: str = "") -> Heard:
        assert isinstance(applied, Applied)
        nonce = secrets.token_hex(8)
        return self.run(confirm_script(applied.id, nonce, key=key or applied.key, sudo=True), nonce, password=password)

    def undo(
        self, id_: str = "", *, password: str = "", force: bool = False, bring_back: bool = False, why: str = ""
    ) -> Heard:
        nonce = secrets.token_hex(8)
        script = undo_script(id_, nonce=nonce, force=force, bring_back_known_passwords=bring_back)
        if why:
            script = back_script(id_, nonce=nonce, why=why, unless_confirmed=not force)
        return self.run(script, nonce, password=password)

    def changes(self) -> list[Change]:
        heard = Heard()
        done = self.host.run(["sh"], input=history_script(nonce="n" * 16))
        heard.events = list(Reader("n" * 16).feed(done.stdout.encode()))
        return [event for event in heard.events if isinstance(event, Change)]

    def why(self, id_: str) -> str:
        """For what the change was taken back."""
        return next(change.why for change in self.changes() if change.id == id_)

    def state(self, id_: str) -> str:
        """The token, seen from outside."""
        return " ".join(path.name for path in (self.host.root / "var/lib/thornwall" / id_ / "state").iterdir())

    def wait_for(self, id_: str, state: str, seconds: float = 40) -> None:
        deadline = time.monotonic() + seconds
        while self.state(id_) != state or (state == "undone" and self.guard_files()):
            assert time.monotonic() < deadline, (self.state(id_), self.journal(id_))
            time.sleep(0.1)

    def guard_files(self) -> list[str]:
        return [path.name for path in (self.host.root / "etc/systemd/system").glob("thornwall-*")]

    def journal(self, id_: str) -> str:
        return (self.host.root / "var/lib/thornwall" / id_ / "journal").read_text()

    def sha(self, path: str) -> str:
        return sha256((self.host.root / path.lstrip("/")).read_bytes())

    def power_cut(self) -> None:
        """Everything in the host dies at once, and it starts again with the same disk."""
        self.host.machine.kill()
        self.boot()

    def boot(self) -> None:
        console = Path.home() / "console.log"
        place = Wire(self.host.index).namespace
        self.host.machine.boot(self.host.root, place, console, outlive_owner=False, until_up=False)

    def settled(self, seconds: float = 60) -> None:
        """Wait until it is up, and stays so (it may be about to reboot once more)."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                done = self.host.run("systemctl is-system-running", timeout=5)
            except (subprocess.TimeoutExpired, Exception):  # noqa: BLE001 - it is down
                time.sleep(0.2)
                continue
            if done.stdout.strip() in {"running", "degraded"}:
                return
            time.sleep(0.2)
        raise AssertionError("the host does not come up")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".ssh").mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def rig(planted: Host) -> Rig:
    return Rig(planted)


def small(rig: Rig) -> tuple[Step, ...]:
    """A file of sshd, a mode, a service: what makes a difference from outside."""
    return (
        Step(
            "unit:cups",
            Purpose.SERVICES,
            "Cups does not run any more",
            (
                *(PutLink(f"/etc/systemd/system/cups.{kind}", "/dev/null") for kind in ("service", "socket", "path")),
                UnitDo("stop", ("cups.service", "cups.socket", "cups.path")),
            ),
        ),
        Step("mode", Purpose.PERMISSIONS, "Nobody else writes", (Chmod("/etc/motion.conf", 0o644, expect_mode=0o666),)),
        Step(
            "ssh",
            Purpose.SSH,
            "No root login",
            (
                PutFile(
                    "/etc/ssh/sshd_config.d/00-thornwall.conf",
                    b"# it's 100% \\ \xe2\x82\xac\nPermitRootLogin no\n",
                    ABSENT,
                ),
                UnitDo("reload", ("ssh.service",)),
            ),
        ),
    )


def whole(rig: Rig) -> tuple[Step, ...]:
    """Each kind of operation, on a host with something peculiar in every place."""
    first, mode, ssh = small(rig)
    return (
        Step(
            "modes",
            Purpose.PERMISSIONS,
            "Modes and owners",
            (
                *mode.operations,
                Chmod("/home/pi/.ssh/authorized_keys", 0o640, owner="pi"),
                Chmod("/home/pi/.bashrc", 0o600),
                Chmod("/etc/crontab", user="root", group="adm"),
            ),
        ),
        Step(
            "kernel",
            Purpose.KERNEL,
            "No redirects",
            (
                PutFile("/etc/sysctl.d/90-thornwall.conf", b"net.ipv4.conf.all.send_redirects = 0\n", ABSENT),
                SysctlDo("net.ipv4.conf.all.send_redirects", "0"),
                SysctlDo("net.ipv4.tcp_rmem", "4096 87380 4194304"),
            ),
        ),
        Step(
            "logs",
            Purpose.LOGS,
            "A journal that stays",
            (PutFile("/etc/systemd/journald.conf.d/90-thornwall.conf", b"[Journal]\nSystemMaxUse=64M\n", ABSENT),),
        ),
        first,
        Step(
            "boot",
            Purpose.BOOT,
            "No Bluetooth",
            (
                PutFile(
                    "/boot/firmware/config.txt",
                    b"dtoverlay=disable-bt\n",
                    rig.sha("/boot/firmware/config.txt"),
                    keep_meta=True,
                ),
            ),
        ),
        Step(
            "accounts",
            Purpose.ACCOUNTS,
            "A new password, and a lock",
            (
                AccountDo("pi", AccountField.PASSWORD, known_default=True),
                AccountDo("webcam", AccountField.LOCK),
                AccountDo("webcam", AccountField.MAX_DAYS, "365"),
            ),
        ),
        Step(
            "tool",
            Purpose.PAM,
            "A tool's own files",
            (
                Tool(
                    "alternatives",
                    (
                        (
                            "sh",
                            "-c",
                            "echo more >>/etc/odd/list; rm /etc/odd/gone; mkdir /etc/odd/new; echo x >/etc/odd/new/x",
                        ),
                    ),
                    keeps=("/etc/odd", "/etc/never-was"),
                ),
            ),
        ),
        Step(
            "sudo",
            Purpose.SUDO,
            "sudo asks",
            (DropFile("/etc/sudoers.d/010_pi-nopasswd", rig.sha("/etc/sudoers.d/010_pi-nopasswd")),),
        ),
        ssh,
    )


PECULIAR = """
set -e
mkdir /etc/odd /etc/odd/deep
echo one >/etc/odd/list; echo two >/etc/odd/gone; ln -s list /etc/odd/link; echo three >/etc/odd/deep/three
chmod 640 /etc/odd/list; chgrp adm /etc/odd/list
touch -d '2020-01-02 03:04:05.678901234' /etc/odd/list /etc/odd/deep /etc/sudoers.d /boot/firmware/config.txt
ln /boot/firmware/config.txt /boot/firmware/second-name
"""


def prepared(rig: Rig) -> State:
    rig.host.run(PECULIAR, check=True)
    return snapshot(rig.host)


def calm(rig: Rig) -> None:
    """Wait until no unit of ours is there any more."""
    deadline = time.monotonic() + 10
    while rig.host.run("systemctl list-units --all --no-legend 'thornwall-*'").stdout:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def nothing_left(rig: Rig, before: State) -> None:
    calm(rig)
    assert difference(before, snapshot(rig.host), ignore=SUDO_MARK) == []
    assert rig.guard_files() == []


def is_made(rig: Rig) -> None:
    """By the host's own tools."""
    assert rig.host.run("systemctl is-active cups.service").stdout == "inactive\n"
    assert "permitrootlogin no" in rig.host.run("sshd -T").stdout
    assert rig.host.run("stat -c %a /etc/motion.conf").stdout == "644\n"


def test_made_confirmed_and_taken_back_to_the_byte(rig: Rig) -> None:
    before = prepared(rig)
    heard = rig.make(whole(rig))
    assert heard.status == 0, heard
    is_made(rig)
    sudo = rig.host.run("sudo -l -U pi").stdout
    assert "NOPASSWD" not in sudo
    assert rig.host.run("passwd -S webcam").stdout.split()[1] == "L"
    assert rig.host.run("chage -l webcam").stdout.count("365") == 1
    assert rig.host.run("stat -c '%a %U' /home/pi/.ssh/authorized_keys").stdout == "640 pi\n"
    assert rig.host.run("cat /proc/sys/net/ipv4/conf/all/send_redirects").stdout == "0\n"
    confirmed = rig.confirm(heard.one(Applied), password=NEW_PASSWORD)
    assert (confirmed.status, confirmed.has(Confirmed)) == (0, True), confirmed
    # a reply that was lost: again
    assert rig.confirm(heard.one(Applied), password=NEW_PASSWORD).status == 0
    assert rig.host.run("systemctl list-timers --all --no-legend 'thornwall*'").stdout == ""
    undone = rig.undo(password=NEW_PASSWORD, bring_back=True)
    assert (undone.status, undone.has(Undone)) == (0, True), undone
    nothing_left(rig, before)


def test_the_deadline_takes_it_back(rig: Rig) -> None:
    before = prepared(rig)
    heard = rig.make(whole(rig), window=12)
    applied = heard.one(Applied)
    assert isinstance(applied, Applied)
    is_made(rig)
    rig.wait_for(applied.id, "undone")
    nothing_left(rig, before)
    assert rig.why(applied.id) == "nobody confirmed it in time"
    told = rig.host.run(f"journalctl -o cat -u thornwall-undo-{applied.id}").stdout
    assert "is taken back, since nobody confirmed it in time: the host is as it was before it" in told
    late = rig.confirm(applied)
    assert (late.status, late.has(TakenBack)) == (10, True)


def test_what_failed_is_remembered(rig: Rig) -> None:
    """Whoever asks for a change that is open to be taken back says why; of one that is confirmed he need not.

    One that somebody has confirmed meanwhile stays, unless that was this very program's own wish.
    """
    told = "not so: what answered before still does, 80 does not"
    for why, kept in ((told, told), ("it's `odd` & $HOME", "it's odd & HOME")):
        applied = rig.make(small(rig)).one(Applied)
        assert isinstance(applied, Applied)
        assert rig.undo(applied.id, why=why).has(Undone)
        assert rig.why(applied.id) == kept
    applied = rig.make(small(rig)).one(Applied)
    assert isinstance(applied, Applied)
    rig.confirm(applied)
    refused = rig.undo(applied.id, why="something").one(Refused)
    assert isinstance(refused, Refused)
    assert refused.why == f"somebody has confirmed change {applied.id} meanwhile"
    assert rig.undo(applied.id, why="something", force=True).has(Undone)
    assert rig.why(applied.id) == "it was asked for"


def test_what_cannot_be_taken_back_is_told_until_it_is(rig: Rig) -> None:
    """A service that ran before is masked meanwhile."""
    rig.host.run("systemctl start cups.service", check=True)
    applied = rig.make(small(rig)).one(Applied)
    assert isinstance(applied, Applied)
    rig.host.run("systemctl mask --runtime --now cups.service cups.socket cups.path", check=True)
    heard = rig.undo(applied.id)
    assert heard.has(Stuck), heard
    (change,) = rig.changes()
    assert (change.state, "cups.service ran before and does not now" in change.stuck) == ("undoing", True), change
    rig.host.run("systemctl unmask --runtime cups.service cups.socket cups.path", check=True)
    assert rig.undo(applied.id).has(Undone)
    (change,) = rig.changes()
    assert (change.state, change.stuck) == ("undone", "")


def test_the_clock_of_the_deadline_does_not_begin_again(rig: Rig) -> None:
    heard = rig.make(small(rig), window=12)
    started = time.monotonic()
    applied = heard.one(Applied)
    assert isinstance(applied, Applied)
    while rig.state(applied.id) == "open":
        rig.host.run("systemctl daemon-reload; systemctl daemon-reexec")
        assert time.monotonic() - started < 20
        time.sleep(1)
    rig.wait_for(applied.id, "undone")


def test_a_step_that_fails_takes_everything_back(rig: Rig) -> None:
    before = prepared(rig)
    broken = Step(
        "broken",
        Purpose.SSH,
        "A tool that fails",
        (Tool("false", (("sh", "-c", "echo oh no >&2; exit 3"),), keeps=()),),
    )
    heard = rig.make((*whole(rig), broken))
    failed = heard.one(Failed)
    assert isinstance(failed, Failed)
    assert (failed.step, "oh no" in failed.why, heard.status) == ("broken", True, 10), heard
    nothing_left(rig, before)
    (change,) = rig.changes()
    assert re.fullmatch(r".*oh no.* \(in the step broken\)", change.why), change


def test_a_service_that_does_not_come_back_takes_everything_back(rig: Rig) -> None:
    before = prepared(rig)
    # what `sshd -t` lets pass, and a restart does not survive
    deaf = Step(
        "deaf",
        Purpose.SSH,
        "An address that is not there",
        (
            PutFile("/etc/ssh/sshd_config.d/01-deaf.conf", b"ListenAddress 192.0.2.77\n", ABSENT),
            UnitDo("restart", ("ssh.service",)),
        ),
    )
    heard = rig.make((*small(rig), deaf))
    assert (heard.status, heard.has(Failed), heard.has(Undone)) == (10, True, True), heard
    nothing_left(rig, before)


def test_the_apply_unit_is_killed_in_the_middle(rig: Rig) -> None:
    before = prepared(rig)
    slow = Step("slow", Purpose.ACCOUNTS, "Slow", (Tool("sleep", (("sleep", "30"),), keeps=()),))
    *most, last = whole(rig)

    def kill(event: Event) -> None:
        if isinstance(event, Doing) and event.step == "slow":
            rig.host.run("systemctl kill -s KILL 'thornwall-apply-*'", check=True)

    heard = rig.make((*most, slow, last), on=kill)
    assert (heard.status, heard.has(Undone)) == (10, True), heard
    nothing_left(rig, before)
    assert [change.why for change in rig.changes()] == ["it did not come to its end"]


@pytest.mark.parametrize("at", ["files", "slow"])
def test_the_link_is_cut_and_the_work_goes_on(rig: Rig, at: str) -> None:
    slow = Step("slow", Purpose.ACCOUNTS, "Slow", (Tool("sleep", (("sleep", "2"),), keeps=()),))

    def cut(event: Event) -> None:
        if isinstance(event, Doing) and event.step == at:
            raise CutError

    before = prepared(rig)
    heard = rig.make((slow, *whole(rig)), window=15, on=cut)
    assert heard.ran is None
    time.sleep(5)
    is_made(rig)
    (change,) = rig.changes()
    assert (change.state, bool(change.key)) == ("open", True)
    rig.wait_for(change.id, "undone")
    nothing_left(rig, before)


@pytest.mark.parametrize("at", ["files", "slow", "applied"])
def test_the_power_fails(rig: Rig, at: str) -> None:
    slow = Step("slow", Purpose.ACCOUNTS, "Slow", (Tool("sleep", (("sleep", "30"),), keeps=()),))
    *most, last = whole(rig)
    before = prepared(rig)

    def pull(event: Event) -> None:
        if (isinstance(event, Doing) and event.step == at) or (at == "applied" and isinstance(event, Applied)):
            raise CutError

    steps = (*most, slow, last) if at == "slow" else whole(rig)
    rig.make(steps, window=600, on=pull)
    id_ = rig.changes()[-1].id
    rig.power_cut()
    rig.wait_for(id_, "undone", 60)
    rig.settled()
    calm(rig)
    # the kernel's settings are those of a boot: in a container that is not what they were
    left = [line for line in difference(before, snapshot(rig.host), ignore=SUDO_MARK) if not line.startswith("sysctl")]
    assert left == []
    assert rig.host.run("systemctl is-active cups.service ssh.service").stdout == "active\nactive\n"
    assert rig.journal(id_).count("REBOOTING") <= 1
    (change,) = (change for change in rig.changes() if change.id == id_)
    assert change.why == "the host started again before anybody had confirmed it"
    assert change.restarted == ("REBOOTING" in rig.journal(id_))


def test_the_power_fails_again_while_it_takes_back(rig: Rig) -> None:
    before = prepared(rig)
    heard = rig.make(whole(rig), window=600)
    applied = heard.one(Applied)
    assert isinstance(applied, Applied)
    for _ in range(3):
        rig.power_cut()
        time.sleep(0.35)
    rig.wait_for(applied.id, "undone", 60)
    rig.settled()
    calm(rig)
    left = [line for line in difference(before, snapshot(rig.host), ignore=SUDO_MARK) if not line.startswith("sysctl")]
    assert left == []


def test_it_stays_over_a_boot_once_confirmed(rig: Rig) -> None:
    heard = rig.make(small(rig))
    assert rig.confirm(heard.one(Applied)).status == 0
    before = snapshot(rig.host)
    rig.host.reboot()
    is_made(rig)
    deadline = time.monotonic() + 20
    while rig.guard_files():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert [change.state for change in rig.changes()] == ["confirmed"]
    calm(rig)
    changed = difference(
        before, snapshot(rig.host), ignore=(*SUDO_MARK, "/etc/systemd/system", "/etc/systemd/system/*")
    )
    assert [line for line in changed if "thornwall-boot" not in line and not line.startswith("sysctl")] == []


def test_undo_by_hand_needs_nobody(rig: Rig) -> None:
    before = prepared(rig)
    applied = rig.make(small(rig)).one(Applied)
    assert isinstance(applied, Applied)
    assert rig.confirm(applied).status == 0
    folder = f"/var/lib/thornwall/{applied.id}"
    assert "No root login" in rig.host.run(f"head -n 20 {folder}/undo.sh").stdout
    assert rig.host.run(f"sh {folder}/undo.sh --check").returncode == 0
    done = rig.host.run(f"cd {folder} && sh undo.sh")
    assert (done.returncode, "as it was before" in done.stdout) == (0, True), done
    nothing_left(rig, before)
    again = rig.host.run(f"sh {folder}/undo.sh")
    assert (again.returncode, again.stderr) == (0, "")


def test_an_undo_that_is_torn_is_no_success(rig: Rig) -> None:
    """Whatever is missing of undo.sh, nothing of it runs and nobody takes that for done."""
    heard = rig.make(small(rig), spoil=lambda text: text.replace('main "$@" # END', "", 2))
    refused = heard.one(Refused)
    assert (heard.status, isinstance(refused, Refused)) == (11, True), heard
    assert rig.changes() == []


def test_only_a_new_login_can_confirm(rig: Rig) -> None:
    """A login from before the change, and one without its key, prove nothing."""
    waits = "cat >/run/said; while [ ! -e /run/go ]; do sleep 0.1; done; sh /run/confirm.sh"
    with subprocess.Popen(
        ["ssh", "-T", "-i", str(rig.host.private_key), "-o", f"UserKnownHostsFile={rig.host.known_hosts}",
         f"{rig.host.user}@{rig.host.address}", f"sudo -n sh -c '{waits}'"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    ) as old_login:  # fmt: skip
        time.sleep(1)
        applied = rig.make(small(rig)).one(Applied)
        assert isinstance(applied, Applied)
        script = confirm_script(applied.id, "n" * 16, key=applied.key)
        rig.host.run("cat >/run/confirm.sh && touch /run/go", input=script, check=True)
        said = old_login.stdout.read() if old_login.stdout else ""
    assert "older than the change" in said
    wrong = rig.confirm(applied, key="0000-0000")
    assert (wrong.status, wrong.has(Refused)) == (11, True)
    assert rig.state(applied.id) == "open"
    assert rig.confirm(applied).status == 0


def test_later_changes_come_off_first_and_edits_are_not_lost(rig: Rig) -> None:
    mode, ssh = small(rig)[1:]
    before = prepared(rig)
    first = rig.make((mode,)).one(Applied)
    assert rig.confirm(first).status == 0
    second = rig.make((ssh,)).one(Applied)
    assert rig.confirm(second).status == 0
    assert isinstance(first, Applied)
    assert isinstance(second, Applied)
    refused = rig.undo(first.id).one(Refused)
    assert isinstance(refused, Refused)
    assert second.id in refused.why
    rig.host.run("echo '# mine' >>/etc/ssh/sshd_config.d/00-thornwall.conf", check=True)
    heard = rig.undo()
    differs = heard.one(Differs)
    assert isinstance(differs, Differs)
    assert (heard.status, differs.path) == (11, "/etc/ssh/sshd_config.d/00-thornwall.conf")
    assert "permitrootlogin no" in rig.host.run("sshd -T").stdout
    assert rig.undo(force=True).status == 0
    aside = rig.host.root / f"var/lib/thornwall/{second.id}/aside/etc/ssh/sshd_config.d/00-thornwall.conf"
    assert aside.read_text().endswith("# mine\n")
    assert rig.undo().status == 0
    nothing_left(rig, before)


def test_a_known_password_does_not_come_back_unasked(rig: Rig) -> None:
    applied = rig.make(whole_accounts()).one(Applied)
    assert rig.confirm(applied, password=NEW_PASSWORD).status == 0
    before = rig.host.run("grep ^webcam: /etc/shadow").stdout
    heard = rig.undo(password=NEW_PASSWORD)
    assert heard.status == 0, heard
    assert rig.host.login("true", methods=["password"], password="raspberry").returncode != 0
    assert rig.host.login("true", methods=["password"], password=NEW_PASSWORD).returncode == 0
    assert rig.host.run("passwd -S webcam").stdout.split()[1] == "P"
    assert rig.host.run("grep ^webcam: /etc/shadow").stdout != before


def whole_accounts() -> tuple[Step, ...]:
    return (
        Step(
            "accounts",
            Purpose.ACCOUNTS,
            "A new password, and a lock",
            (
                AccountDo("pi", AccountField.PASSWORD, known_default=True),
                AccountDo("webcam", AccountField.LOCK),
                AccountDo("webcam", AccountField.INACTIVE_DAYS, "30"),
            ),
        ),
    )


def test_no_password_is_written_or_shown(rig: Rig) -> None:
    seen: list[str] = []

    def look(_: Event) -> None:
        seen.append(rig.host.run("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' ' '").stdout)

    heard = rig.make(whole_accounts(), on=look)
    assert heard.status == 0
    assert not any(NEW_PASSWORD in text for text in seen)
    assert rig.host.run(["grep", "-rlF", NEW_PASSWORD, "/var/lib/thornwall", "/run", "/etc", "/var/log"]).stdout == ""


def test_confirm_and_deadline_race(rig: Rig) -> None:
    """Whoever is first has it, and the host is all one or all the other."""
    confirmed = 0
    for round_ in range(100 if FULL else 6):
        applied = rig.make(small(rig)[1:2], window=10).one(Applied)
        assert isinstance(applied, Applied)
        undo = f"thornwall-undo-{applied.id}.service"
        with ThreadPoolExecutor(2) as both:
            one = both.submit(rig.confirm, applied)
            time.sleep(0.25 + 0.02 * (round_ % 10))
            both.submit(rig.host.run, f"systemctl start {undo}")
            said = one.result()
        mode = rig.host.run("stat -c %a /etc/motion.conf").stdout.strip()
        state = rig.state(applied.id)
        assert (said.has(Confirmed), mode, state) in {(True, "644", "confirmed"), (False, "666", "undone")}, said
        if state == "confirmed":
            confirmed += 1
            assert rig.undo().status == 0


PENDING = """
printf '[Service]\\nExecStart=/bin/sleep 1d\\n' >/etc/systemd/system/mine.service
systemctl daemon-reload; systemctl start mine; sleep 0.1; echo '# more' >>/etc/systemd/system/mine.service
"""
REFUSALS = {
    "an edit that systemd has not read": (PENDING, "mine.service"),
    "somebody else's edit": ("chmod 600 /etc/motion.conf", "/etc/motion.conf"),
    "a file that came": ("echo >/etc/ssh/sshd_config.d/00-thornwall.conf", "00-thornwall.conf"),
    "a folder that others write to": ("chmod g+w /etc/ssh/sshd_config.d", "/etc/ssh/sshd_config.d"),
}


INVALID = {
    "sshd -t": PutFile("/etc/ssh/sshd_config.d/01-bad.conf", b"PermitRootLogin perhaps\n", ABSENT),
    "visudo -c": PutFile("/etc/sudoers.d/zz-bad", b"User_Alias TWICE = pi\nUser_Alias TWICE = pi\n", ABSENT, 0o440),
    "PAM modules": PutFile("/etc/pam.d/other-login", b"auth required pam_nobody_has_this.so\n", ABSENT),
    "apt-config": PutFile("/etc/apt/apt.conf.d/99bad", b'APT::Periodic::Enable "1"\n', ABSENT),
    "nft -c": PutFile("/etc/nftables.conf", b"table inet x { chain\n", ABSENT),
}


@pytest.mark.parametrize("check", INVALID)
def test_what_the_owners_tool_refuses_is_never_put_in_place(rig: Rig, check: str) -> None:
    bad = INVALID[check]
    if (rig.host.root / bad.path.lstrip("/")).exists():
        bad = replace(bad, expect=rig.sha(bad.path))
    before = snapshot(rig.host)
    heard = rig.make((*small(rig), Step("bad", Purpose.SSH, "Bad", (bad,))))
    refused = heard.one(Refused)
    assert isinstance(refused, Refused)
    assert refused.why.startswith(check)
    nothing_left(rig, before)


@pytest.mark.parametrize("case", REFUSALS)
def test_refused_and_nothing_changed(rig: Rig, case: str) -> None:
    command, word = REFUSALS[case]
    rig.host.run(command, check=True)
    before = snapshot(rig.host)
    heard = rig.make(small(rig))
    refused = heard.one(Refused)
    assert isinstance(refused, Refused)
    assert heard.status == 11
    assert word in refused.why
    nothing_left(rig, before)


def test_refused_while_packages_are_installed(rig: Rig) -> None:
    with ThreadPoolExecutor(1) as aside:
        aside.submit(rig.host.run, ["perl", "-e", PERL_LOCK])
        time.sleep(0.5)
        heard = rig.make(small(rig))
        rig.host.run("pkill -x perl")
    refused = heard.one(Refused)
    assert isinstance(refused, Refused)
    assert "installing packages" in refused.why


PERL_LOCK = (
    'use Fcntl; open(F, ">", "/var/lib/dpkg/lock-frontend"); my $l = pack("s s x4 l! l! i x4", F_WRLCK, 0, 0, 0, 0); '
    "fcntl(F, F_SETLK, $l) or die $!; sleep 60"
)


def test_another_change_is_open(rig: Rig) -> None:
    applied = rig.make(small(rig)[1:2]).one(Applied)
    heard = rig.make(small(rig)[2:])
    assert isinstance(applied, Applied)
    refused = heard.one(Refused)
    assert isinstance(refused, Refused)
    assert applied.id in refused.why
    assert rig.confirm(applied).status == 0


def test_forgotten(rig: Rig) -> None:
    applied = rig.make(small(rig)).one(Applied)
    assert isinstance(applied, Applied)
    assert rig.confirm(applied).status == 0
    done = rig.host.run(["sh"], input=forget_script(applied.id, nonce="n" * 16))
    assert done.returncode == 0
    assert rig.changes() == []
    is_made(rig)


def forks() -> int:
    """How many processes this machine has ever started."""
    lines = Path("/proc/stat").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("processes")))


def test_few_processes(rig: Rig) -> None:
    """A hundred steps must not cost a Pi Zero a minute."""
    steps = tuple(
        Step(f"s{n}", Purpose.LOGS, "A file", (PutFile(f"/etc/odd{n % 7}/file{n}", b"x\n" * n, ABSENT),))
        for n in range(100)
    )
    started, first = time.monotonic(), forks()
    heard = rig.make(steps)
    assert heard.status == 0, heard
    spent = forks() - first
    print(f"{spent} processes on the whole machine, {time.monotonic() - started:.1f} s")
    assert not heard.has(Left)


def test_an_unreachable_host_is_an_error(rig: Rig) -> None:
    rig.host.run("systemctl stop ssh.service ssh.socket")
    with pytest.raises(UnreachableError):
        rig.make(small(rig))


SEPARATE = """
mkdir -p /var/lib/thornwall && mount -t tmpfs -o size=4m,mode=700 kept /var/lib/thornwall
cp -a /boot/firmware /run/firmware && mount -t tmpfs -o mode=755 boot /boot/firmware
cp -a /run/firmware/. /boot/firmware/ && rm -r /run/firmware
# systemd learns of them a moment later
for unit in boot-firmware.mount var-lib-thornwall.mount; do
  timeout 10 sh -c "until systemctl is-active --quiet $unit; do sleep 0.1; done"
done
"""


def test_the_disk_is_full_and_the_records_lie_elsewhere(rig: Rig) -> None:
    """/var and /boot on other file systems; taking back needs no room."""
    rig.host.run("mkdir -m 700 /var/lib/thornwall", check=True)
    # (what fills the disk is there before, so that its folder shows nothing of it)
    rig.host.run(SEPARATE + "\ntouch -d @1 /boot/firmware/full", check=True)
    before = prepared(rig)
    applied = rig.make(whole(rig), window=20).one(Applied)
    assert isinstance(applied, Applied)
    is_made(rig)
    rig.host.run(
        "dd if=/dev/zero of=/var/lib/thornwall/full bs=4k; dd if=/dev/zero of=/boot/firmware/full bs=1M count=1"
    )
    deadline = time.monotonic() + 40
    while rig.host.run(f"ls /var/lib/thornwall/{applied.id}/state").stdout != "undone\n":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    rig.host.run("rm /var/lib/thornwall/full; : >/boot/firmware/full; touch -d @1 /boot/firmware/full")
    nothing_left(rig, before)


# (a fresh /proc would let it set the kernel of this very machine: all but the part of the network is read-only)
BARE = """
mount -t tmpfs bare /run && ! [ -d /run/systemd ] && mkdir /run/sshd /run/proc || exit 1
mount -t proc proc /run/proc && mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys &&
  mount --bind /run/proc/sys/net /proc/sys/net && umount -l /run/proc && rmdir /run/proc || exit 1
sh /etc/change.sh; echo "status $?"
sleep {seconds}
"""


def bare(rig: Rig, steps: tuple[Step, ...], window: int, seconds: int) -> str:
    """As on a host without systemd: another process 1, and another /run."""
    change = Transaction("n" * 16, steps, window)
    (rig.host.root / "etc/change.sh").write_text(transaction_script(change))
    inside = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--propagation", "private"]
    return rig.host.run([*inside, "sh", "-c", BARE.format(seconds=seconds)], timeout=90).stdout


def files_only(rig: Rig) -> tuple[Step, ...]:
    plain = [(step, tuple(op for op in step.operations if not isinstance(op, UnitDo))) for step in whole(rig)]
    return tuple(replace(step, operations=ops) for step, ops in plain if step.id != "accounts")


def test_without_systemd_a_process_of_its_own_keeps_the_deadline(rig: Rig) -> None:
    rig.host.run(PECULIAR + "touch /etc/change.sh", check=True)
    before = snapshot(rig.host)
    said = bare(rig, files_only(rig), window=10, seconds=16)
    assert "\tAPPLIED\t" in said
    assert "status 0" in said
    left = difference(before, snapshot(rig.host), ignore=(*SUDO_MARK, "/etc/change.sh"))
    assert left == []


def test_without_systemd_what_goes_on_is_stopped(rig: Rig) -> None:
    rig.host.run("touch /etc/change.sh", check=True)
    before = snapshot(rig.host)
    slow = Tool("slow", (("sh", "-c", "sleep 14; touch /etc/late; sleep 30"),), keeps=())
    said = bare(rig, (Step("slow", Purpose.ACCOUNTS, "Slow", (slow,)),), window=10, seconds=8)
    assert "\tUNDONE\t" in said
    left = difference(before, snapshot(rig.host), ignore=(*SUDO_MARK, "/etc/change.sh"))
    assert left == []


def test_without_systemd_the_boot_takes_it_back(rig: Rig) -> None:
    rig.host.run(PECULIAR + "touch /etc/change.sh", check=True)
    before = snapshot(rig.host)
    bare(rig, files_only(rig), window=600, seconds=0)  # process 1 of it dies, and all others with it
    (change,) = rig.changes()
    assert change.state == "open"
    assert rig.host.run("sh /etc/rc2.d/S99thornwall-* start").returncode == 0
    rig.wait_for(change.id, "undone")
    left = difference(before, snapshot(rig.host), ignore=(*SUDO_MARK, "/etc/change.sh"))
    # (this host does run systemd, which makes a unit of what lies in /etc/init.d)
    assert [line for line in left if not line.startswith(("sysctl", "unit thornwall-"))] == []


def test_without_systemd_units_are_refused(rig: Rig) -> None:
    rig.host.run("mv /usr/bin/systemctl /usr/bin/systemctl.away && touch /etc/change.sh", check=True)
    said = bare(rig, small(rig), window=600, seconds=0)
    assert "systemctl is not there" in said
    assert rig.changes() == []


@contextmanager
def mutated(monkeypatch: pytest.MonkeyPatch, *changes: tuple[str, str, str]) -> Iterator[None]:
    """The device's half with the guard taken out of it: (file, what is there, what comes for it)."""
    real = templates.template
    used = set()

    def changed(name: str) -> str:
        text = real(name)
        for file, old, new in changes:
            if file == name:
                assert old in text
                text = text.replace(old, new)
                used.add((file, old))
        return text

    with monkeypatch.context() as patch:
        patch.setattr(compiling, "template", changed)
        yield
    assert len(used) == len(changes)


def mode(rig: Rig) -> str:
    return rig.host.run("stat -c %a /etc/motion.conf").stdout.strip()


DEADLINE_MUTANTS = {
    "no mutant": ((), "666"),
    "an undo that does nothing": (
        (("back.sh", "  files_back\n", "  :\n"), ("back.sh", "  verify_back\n", "  :\n")),
        "644",
    ),
    "no timer": (
        (("guard.sh", "set_timer() {\n", "set_timer() {\n  uptime_\n  deadline=$((up + WINDOW))\n  return 0\n"),),
        "644",
    ),
    "a token that undo does not claim": ((("unattended.sh", "token open undoing || leave 0", "leave 0"),), "644"),
}


@pytest.mark.parametrize("name", DEADLINE_MUTANTS)
def test_without_its_guard_the_change_stays(rig: Rig, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests of the deadline see what they should see: with the guard off they would fail."""
    changes, expected = DEADLINE_MUTANTS[name]
    with mutated(monkeypatch, *changes):
        rig.make(small(rig), window=10).one(Applied)
    time.sleep(15)
    assert mode(rig) == expected


def test_a_countdown_would_begin_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    with mutated(monkeypatch, ("guard.sh", '--on-startup="$after"', '--on-active="$WINDOW"')):
        applied = rig.make(small(rig), window=10).one(Applied)
    assert isinstance(applied, Applied)
    for _ in range(16):
        rig.host.run("systemctl daemon-reload")
        time.sleep(1)
    assert (rig.state(applied.id), mode(rig)) == ("open", "644")


EARLY = """
cat >/etc/systemd/system/early.service <<'END'
[Unit]
DefaultDependencies=no
Before=local-fs-pre.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/cp /etc/motion.conf /run/seen-at-boot
[Install]
WantedBy=sysinit.target
END
systemctl enable -q early.service; systemctl daemon-reload; systemctl start early.service
"""


@pytest.mark.parametrize("reboots", [True, False])
def test_what_started_with_the_new_files_starts_again(rig: Rig, reboots: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something that reads its settings before the unit of the boot can give them back: hence the one reboot."""
    rig.host.run(EARLY, check=True)
    old = (rig.host.root / "etc/motion.conf").read_text()
    step = Step("x", Purpose.SERVERS, "x", (PutFile("/etc/motion.conf", b"new\n", rig.sha("/etc/motion.conf")),))
    changes = () if reboots else (("unattended.sh", "reboot_ && leave 0", ":"),)
    with mutated(monkeypatch, *changes):
        applied = rig.make((step,), window=600).one(Applied)
    assert isinstance(applied, Applied)
    rig.power_cut()
    rig.wait_for(applied.id, "undone", 60)
    rig.settled()
    assert (rig.host.root / "etc/motion.conf").read_text() == old
    assert (rig.host.run("cat /run/seen-at-boot").stdout == old) is reboots


LIMIT = """
mkdir -p /etc/systemd/system/ssh.service.d
printf '[Service]\\nRestart=no\\n[Unit]\\nStartLimitIntervalSec=60\\nStartLimitBurst=5\\n' \
  >/etc/systemd/system/ssh.service.d/limit.conf
systemctl daemon-reload; systemctl reset-failed ssh.service
"""


@pytest.mark.parametrize("resets", [True, False])
def test_a_start_limit_does_not_shut_the_owner_out(rig: Rig, resets: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """sshd refuses to start for the sixth time within ten seconds, and undo would be that sixth."""
    if not resets and rig.host.release == "bookworm":
        pytest.skip("systemd 252 forgets the count at every daemon-reload, and undo makes one")
    restarts = tuple(UnitDo("restart", ("ssh.service",)) for _ in range(5))
    fails = Tool("false", (("sh", "-c", "kill -KILL $(systemctl show -P MainPID ssh); sleep 1; exit 1"),), keeps=())
    *others, ssh = small(rig)
    step = replace(ssh, operations=(*ssh.operations, *restarts, fails))
    gone = [(f, "t 20 systemctl reset-failed -- ", ": ") for f in ("apply.sh", "back.sh")]
    rig.host.run(LIMIT, check=True)
    # (where nobody comes back, the link may go as well)
    with mutated(monkeypatch, *([] if resets else gone)), suppress(UnreachableError):
        rig.make((*others, step), window=60)
    # what does not come back at once comes back with the one reboot that is left: seen, but not wanted
    (record,) = (rig.host.root / "var/lib/thornwall").glob("[0-9]*")
    deadline = time.monotonic() + 30
    while "\tUNDONE\t" not in rig.journal(record.name) and "\tNOT_YET\t" not in rig.journal(record.name):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert ("\tNOT_YET\t" not in rig.journal(record.name)) is resets
    assert not resets or rig.host.run("systemctl is-active ssh.service").stdout == "active\n"
