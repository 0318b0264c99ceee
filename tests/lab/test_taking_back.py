"""Taking back when something is in the way: asked for twice, killed, half done, or about what ended by itself."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from thornwall.apply.events import Applied, Brought, Event, Refused, Trouble, Undone
from thornwall.apply.packages import packages_script
from thornwall.apply.reader import Reader
from thornwall.model.change import (
    ABSENT,
    AccountDo,
    AccountField,
    Chmod,
    Operation,
    Packages,
    Purpose,
    PutFile,
    PutLink,
    Tool,
    UnitDo,
)
from thornwall.model.plan import Step

from . import faults
from .compare import difference, snapshot
from .host import Host, start
from .random_faults import home_of
from .test_transaction import Rig, calm, nothing_left, prepared, small


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home_of(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def rig(planted: Host) -> Rig:
    return Rig(planted)


def step(*operations: Operation) -> tuple[Step, ...]:
    return (Step("one", Purpose.SERVERS, "One step", operations),)


def made(rig: Rig, steps: tuple[Step, ...], *, confirmed: bool = False) -> str:
    applied = rig.make(steps, window=600).one(Applied)
    assert isinstance(applied, Applied)
    if confirmed:
        assert rig.confirm(applied).status == 0
    return applied.id


SLOW_BACK = Tool("slow", (("true",),), keeps=(), undo_after=(("sleep", "3"),))


@pytest.mark.parametrize("by", ["deadline", "hand"])
def test_asked_for_while_it_goes_on(rig: Rig, by: str) -> None:
    """Whoever comes second follows the first, to the same end."""
    before = prepared(rig)
    id_ = made(rig, (*small(rig), *step(SLOW_BACK)), confirmed=by == "hand")
    with ThreadPoolExecutor(2) as others:
        if by == "deadline":
            others.submit(rig.host.run, f"systemctl start thornwall-undo-{id_}.service")
        else:
            others.submit(rig.undo, id_)
        assert faults.wait_until(lambda: rig.state(id_) == "undoing")
        time.sleep(1)
        words = others.submit(rig.host.run, f"sh /var/lib/thornwall/{id_}/undo.sh")
        heard = rig.undo(id_)
        said = words.result()
    assert (heard.status, heard.has(Undone)) == (0, True), heard
    assert (said.returncode, "as it was before" in said.stdout) == (0, True), said
    nothing_left(rig, before)


@pytest.mark.parametrize("by", ["deadline", "hand", "boot"])
def test_killed_again_and_again(rig: Rig, by: str) -> None:
    """It is taken up again, wherever it was; also long after the first boot, when a change has no guard any more."""
    before = prepared(rig)
    # (each is told once: one for each time, so that it is not over before, however fast the machine)
    slow = [replace(SLOW_BACK, name=f"slow{number}") for number in range(3)]
    id_ = made(rig, (*small(rig), *step(*slow)), confirmed=by != "deadline")
    if by == "boot":
        rig.host.reboot()
        assert faults.wait_until(lambda: not rig.guard_files(), 30)
    asked = f"sh /var/lib/thornwall/{id_}/undo.sh" if by != "deadline" else f"systemctl start thornwall-undo-{id_}"

    with ThreadPoolExecutor(1) as other:
        other.submit(rig.host.run, asked)
        assert faults.wait_until(lambda: rig.state(id_) == "undoing")
        if by == "boot":
            time.sleep(1)
            rig.power_cut()
        else:
            for _ in range(3):
                time.sleep(1)
                assert faults.wait_until(lambda: bool(faults.kill(rig.host, r"undo\.sh --(run|deadline)")))
    rig.wait_for(id_, "undone", 60)
    rig.settled()
    calm(rig)
    left = difference(before, snapshot(rig.host), ignore=("/home/pi/.sudo_as_admin_successful", "/var/www/html"))
    # (after a boot the kernel's settings are those of a boot)
    assert [line for line in left if by != "boot" or not line.startswith("sysctl")] == []
    assert rig.guard_files() == []


def test_stopped_by_somebody(rig: Rig) -> None:
    """Who follows it does not wait for nobody."""
    before = prepared(rig)
    id_ = made(rig, (*small(rig), *step(SLOW_BACK)), confirmed=True)
    with ThreadPoolExecutor(1) as others:
        heard = others.submit(rig.undo, id_)
        assert faults.wait_until(lambda: rig.state(id_) == "undoing")
        rig.host.run(f"systemctl stop thornwall-back-{id_}.service", check=True)
        assert heard.result().has(Undone)
    nothing_left(rig, before)


def test_a_tool_is_told_once(rig: Rig) -> None:
    """The first try fails after it; the second does not tell it again what it takes only once."""
    before = prepared(rig)
    once = Tool(
        "once",
        (("touch", "/run/to-be-told"),),
        keeps=(),
        undo_before=(("rm", "/run/to-be-told"),),
        undo_after=(("sh", "-c", "[ -e /run/tried ] || { touch /run/tried; exit 1; }"),),
    )
    id_ = made(rig, (*small(rig), *step(once)), confirmed=True)
    heard = rig.undo(id_)
    assert (heard.status, heard.has(Undone)) == (0, True), heard
    assert rig.journal(id_).count("NOT_YET") == 1
    nothing_left(rig, before)


SHORT = """
printf '[Service]\\nExecStart=/bin/sh -c "echo ran >>/run/short; exec sleep 8"\\n' >/etc/systemd/system/short.service
printf '[Service]\\nExecStart=/bin/sleep 1d\\n' >/etc/systemd/system/long.service
systemctl daemon-reload; systemctl start short.service long.service
"""


def test_what_ends_by_itself_is_not_started_again(rig: Rig) -> None:
    rig.host.run(SHORT, check=True)
    id_ = made(rig, (*small(rig), *step(UnitDo("stop", ("long.service",)))))
    assert faults.wait_until(lambda: rig.host.run("systemctl is-active short.service").stdout == "inactive\n", 15)
    heard = rig.undo(id_)
    assert heard.has(Undone), heard
    assert rig.host.run("cat /run/short; systemctl is-active short long").stdout == "ran\ninactive\nactive\n"


def test_wrong_before_is_said_to_be(rig: Rig) -> None:
    """Refused all the same; but it is not our change that has to be mended."""
    double = "User_Alias TWICE = pi\\nUser_Alias TWICE = pi\\n"
    rig.host.run(f"printf '{double}' >/etc/sudoers.d/zz-own; chmod 440 /etc/sudoers.d/zz-own", check=True)
    before = snapshot(rig.host)
    good = PutFile("/etc/sudoers.d/00-good", b"Defaults timestamp_timeout=5\n", ABSENT, 0o440)
    refused = rig.make(step(good)).one(Refused)
    assert isinstance(refused, Refused)
    assert refused.why.startswith("visudo -c refuses what this host has already, without the change:")
    assert "zz-own" in refused.why
    assert "it is not this change that is wrong" in refused.what_to_do
    nothing_left(rig, before)
    rig.host.run("rm /etc/sudoers.d/zz-own", check=True)
    assert rig.make(step(good)).has(Applied)


def test_the_mode_of_shadow_and_an_account(rig: Rig) -> None:
    before = prepared(rig)
    mode = Chmod("/etc/shadow", 0o600)
    account = AccountDo("webcam", AccountField.LOCK)
    id_ = made(rig, step(mode, account), confirmed=True)
    assert rig.host.run("stat -c %a /etc/shadow; passwd -S webcam").stdout.startswith("600\nwebcam L ")
    assert rig.undo(id_).has(Undone)
    nothing_left(rig, before)


def test_a_program_that_runs_as_its_owner(rig: Rig) -> None:
    """A change of owner takes that bit away: it is set after."""
    made(rig, step(PutFile("/usr/local/bin/odd", b"#!/bin/sh\n", ABSENT, 0o2755, group="adm")))
    assert rig.host.run("stat -c '%a %G' /usr/local/bin/odd").stdout == "2755 adm\n"


def test_what_a_killed_tool_leaves_of_the_accounts(rig: Rig) -> None:
    before = prepared(rig)
    litter = "echo 99999 >/etc/passwd.lock; cp /etc/passwd /etc/passwd.99999; cp /etc/shadow /etc/shadow+; exit 1"
    steps = (
        *step(AccountDo("webcam", AccountField.LOCK)),
        Step("killed", Purpose.ACCOUNTS, "A tool that was killed", (Tool("x", (("sh", "-c", litter),), keeps=()),)),
    )
    assert rig.make(steps).has(Undone)
    nothing_left(rig, before)


_ASKED_IN_VAIN = """
cat >/usr/sbin/systemctl <<'END'
#!/bin/sh
[ "$1" != list-units ] || [ -e /run/asked ] || { : >/run/asked; exit 1; }
exec /usr/bin/systemctl "$@"
END
chmod 755 /usr/sbin/systemctl
"""


def test_a_systemd_that_does_not_answer_at_once(rig: Rig) -> None:
    """It is executed anew when it is asked what runs: it is asked again, and all of it runs again afterwards."""
    rig.host.run(_ASKED_IN_VAIN, check=True)
    units = tuple(f"cups.{kind}" for kind in ("service", "socket", "path"))
    masks = tuple(PutLink(f"/etc/systemd/system/{unit}", "/dev/null", ABSENT) for unit in units)
    id_ = made(rig, step(*masks, UnitDo("stop", units)), confirmed=True)
    assert rig.host.run("test -e /run/asked").returncode == 0
    assert rig.host.run(["systemctl", "is-active", *units]).stdout == "inactive\n" * 3
    assert rig.undo(id_).has(Undone)
    assert rig.host.run(["systemctl", "is-active", *units]).stdout == "active\n" * 3


def bringing(host: Host, *names: str, off: tuple[str, ...] = ()) -> list[Event]:
    nonce = secrets.token_hex(8)
    done = host.run(["sh"], input=packages_script(Packages(names, off=off), nonce=nonce), timeout=300)
    return list(Reader(nonce).feed(done.stdout.encode()))


def brought(host: Host, *names: str, off: tuple[str, ...] = ()) -> Brought:
    (said,) = [event for event in bringing(host, *names, off=off) if isinstance(event, Brought)]
    return said


@pytest.fixture
def stocked(release: str) -> Iterator[Host]:
    with start(release, "planted", packages=True) as host:
        yield host


def test_packages_that_came_and_go(stocked: Host) -> None:
    before = snapshot(stocked)
    assert brought(stocked, "cron").came == ""
    # nothing came: not even a folder shows it
    assert difference(before, snapshot(stocked)) == []
    came = brought(stocked, "unattended-upgrades")
    assert "unattended-upgrades" in came.came.split()
    stocked.run("systemctl start unattended-upgrades.service", check=True)
    assert faults.wait_until(lambda: bool(faults.processes(stocked, "unattended-upgrade")))
    done = stocked.run(f"sh /var/lib/thornwall/{came.id}/undo.sh", timeout=120)
    assert done.returncode == 0, done
    assert faults.processes(stocked, "unattended-upgrade") == []
    assert difference(before, snapshot(stocked), packages=True) == []


# apt-get unpacks what it is asked to install, and then takes for ever; timeout makes five seconds of three hours
_SLOW = r"""
cat >/usr/sbin/apt-get <<'END'
#!/bin/sh
for name; do :; done
case "$*" in
    *" install "*) dpkg --unpack /var/cache/apt/archives/"$name"_*.deb && exec sleep 300 ;;
esac
exec /usr/bin/apt-get "$@"
END
cat >/usr/sbin/timeout <<'END'
#!/bin/sh
[ "$3" = 10800 ] && shift 3 && exec /usr/bin/timeout -k 1 5 "$@"
exec /usr/bin/timeout "$@"
END
chmod 755 /usr/sbin/apt-get /usr/sbin/timeout
"""


def test_what_apt_was_stopped_at_is_brought_to_its_end(stocked: Host) -> None:
    stocked.run(_SLOW, check=True)
    before = snapshot(stocked)
    said = bringing(stocked, "distro-info-data")
    assert "not done in time" in next(each.why for each in said if isinstance(each, Trouble))
    assert stocked.run("dpkg --audit", check=True).stdout == ""
    (came,) = [each for each in said if isinstance(each, Brought)]
    assert came.came == "distro-info-data"
    assert stocked.run(f"sh /var/lib/thornwall/{came.id}/undo.sh", timeout=120).returncode == 0
    assert difference(before, snapshot(stocked), packages=True) == []
