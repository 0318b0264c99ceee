"""What `thornwall harden` says, asks and refuses, and the hosts that are reached in another way than over SSH."""

import json
import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

import thornwall

from . import compare_walk
from .compare import EXCLUDED, State, difference, snapshot
from .hardening import BRINGS_PACKAGES, FULL, NEW, WITHOUT_PACKAGES, Desk
from .host import Host, start
from .network import Wire

heavy = pytest.mark.skipif(not FULL, reason="with THORNWALL_FULL=1")
ONLY_CUPS = ("--only", "cups-listening")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One host for all tests here: each leaves it as it found it."""
    with start("trixie", "planted") as host:
        yield Desk(host, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def untouched(desk: Desk) -> State:
    """The host before anything was done to it."""
    return snapshot(desk.host)


@pytest.fixture(autouse=True)
def as_before(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test made of the shared host, it took back."""
    if "desk" not in request.fixturenames:
        yield
        return
    desk, before = request.getfixturevalue("desk"), request.getfixturevalue("untouched")
    yield
    desk.wait_for(desk.back, 60)
    assert difference(before, snapshot(desk.host)) == []


def listens(host: Host, program: str) -> bool:
    return program in host.run("ss -Htlnp").stdout


@pytest.mark.parametrize(
    ("typed", "code", "told"),
    [
        ("\x03", 130, "Interrupted; nothing was changed."),
        ("\x04", 2, "nothing was changed"),
        ("n\n", 0, "Nothing was changed."),
        ("\n", 0, "Nothing was changed."),
    ],
    ids=["Ctrl-C", "Ctrl-D", "no", "Enter"],
)
def test_no_to_the_question(desk: Desk, typed: str, code: int, told: str) -> None:
    with desk.type("harden", desk.where, *ONLY_CUPS) as child:
        child.expect_exact("Make 1 change to")
        child.expect_exact("[y/N] ")
        child.send(typed)
        child.expect_exact(told)
        child.read()
    assert child.exitstatus == code
    assert desk.changes() == []


def test_every_line_is_shown_to_who_asks_for_it(desk: Desk) -> None:
    """At the question, where it cannot be had any more without typing all again."""
    with desk.type("harden", desk.where, "--only", "ssh", "--only", "kernel", "--only", "sudo") as child:
        child.expect_exact("To see every line first, answer v.")
        short = child.before
        child.expect_exact("[y/N] ")
        child.sendline("v")
        child.expect_exact("[y/N] ")
        full = child.before
        assert "--verbose shows the whole diff" in short
        assert "--verbose shows" not in full
        added = [len(re.findall(r"(?m)^ +[+] ", text)) for text in (short, full)]
        assert added[0] < added[1], added
        child.sendline("n")
        child.expect_exact("Nothing was changed.")
        child.read()
    assert desk.changes() == []


def test_a_question_for_each_step(desk: Desk) -> None:
    """Yes to the whole, no to cups, yes to the others."""
    with desk.type("harden", desk.where, "--interactive", *ONLY_CUPS, "--only", "rpcbind-listening") as child:
        child.expect_exact("Go through 2 changes to")
        child.sendline("y")
        for rule in ("cups", "rpcbind"):
            child.expect(rule + r"[^?]*\? \[y/N\] ")
            child.sendline("n" if rule == "cups" else "y")
        child.expect_exact("Of 2 steps you keep 1 (score ")
        child.expect(r" 1  [^\n]*port mapper[^?]*ports: tcp 111 will not answer any more")
        child.expect(r"Make 1 change to [^?]*\? \[y/N\] ")
        child.sendline("y")
        child.expect_exact("is confirmed")
        child.read()
    assert child.exitstatus == 0
    assert (listens(desk.host, "cupsd"), listens(desk.host, "rpcbind")) == (True, False)
    with desk.type("undo", desk.where) as child:
        child.expect_exact("As before then: tcp 111 answers again")
        child.expect_exact("Go on?")
        child.sendline("y")
        child.expect_exact("is taken back, and that was looked at")
        child.read()
    assert child.exitstatus == 0


@pytest.mark.parametrize("answers", ["nn", "nyn"], ids=["no to each", "no to what is left"])
def test_no_to_all_that_is_left(desk: Desk, answers: str) -> None:
    before = desk.changes()
    with desk.type("harden", desk.where, "--interactive", *ONLY_CUPS, "--only", "rpcbind-listening") as child:
        child.expect_exact("Go through 2 changes to")
        for answer in "y" + answers:
            child.expect_exact("[y/N] ")
            child.sendline(answer)
        child.expect_exact("Nothing was changed.")
        child.read()
    assert child.exitstatus == 0
    assert desk.changes() == before


def test_why_a_password_is_asked_for_before_the_plan(desk: Desk) -> None:
    with desk.type("harden", desk.where, "--only", "default-password") as child:
        child.expect_exact("a new password is needed for pi. Nothing is changed before you have seen the plan")
        child.expect_exact("Everybody knows the password of pi.")
        child.expect_exact("New password for pi")
        child.sendline("")
        child.expect_exact("Nothing was changed.")
        child.read()
    assert child.exitstatus == 0


@heavy
def test_only_and_skip(desk: Desk) -> None:
    assert desk.harden(*ONLY_CUPS, "--only", "telnet-listening", "--skip", "telnet-listening").code == 0
    assert (listens(desk.host, "cupsd"), listens(desk.host, "inetd")) == (False, True)
    assert desk.undo().code == 0


@heavy
def test_yes_without_a_single_password(desk: Desk) -> None:
    """What needs an answer is left out, and no way in is closed for that."""
    done = desk.run("harden", desk.where, "--yes", *WITHOUT_PACKAGES)
    assert done.code == 0, done.stdout + done.stderr
    assert "Left to you" in done.stdout
    assert desk.host.login("sudo -n id -un").stdout == "root\n"
    planned = desk.run("plan", desk.where, "--format", "json", *WITHOUT_PACKAGES)
    held = {each["rule"] for each in json.loads(planned.stdout)["held"]}
    assert held == {"sudo-nopasswd", "wifi-on"}
    assert not listens(desk.host, "cupsd")
    assert desk.run("undo", desk.where, "--yes", "--bring-back-known-passwords").code == 0


@heavy
def test_nothing_to_do(desk: Desk) -> None:
    assert desk.harden(*ONLY_CUPS).code == 0
    again = desk.harden(*ONLY_CUPS)
    unused = "No step of this plan sets the new password at hand for pi, root, webcam."
    assert (again.code, again.stderr) == (0, f"{unused}\nNothing was changed.\n")
    assert "Nothing would be changed." in again.stdout
    assert len([each for each in desk.changes() if each.endswith("confirmed")]) == 1
    assert desk.undo().code == 0


def test_two_at_once(desk: Desk, tmp_path: Path) -> None:
    other = Desk(desk.host, tmp_path)
    both = [each.begin_hardening(*ONLY_CUPS) for each in (desk, other)]
    seen = [process.communicate(timeout=120)[0] for process in both]
    codes = [process.returncode for process in both]
    assert sorted(codes) == [0, 7], seen
    refused = " ".join(seen[codes.index(7)].split())
    assert "nothing was changed: " in refused
    assert any(word in refused for word in ("another thornwall", "still open", "somebody has changed it in between"))
    assert desk.undo().code == 0


def test_a_host_that_talks_nonsense(desk: Desk) -> None:
    keys = desk.host.root / "home/pi/.ssh/authorized_keys"
    aside = keys.with_name("aside")
    folder = keys.parent.stat()
    keys.rename(aside)
    try:
        keys.write_text(f'command="head -c 300000 /dev/urandom" {aside.read_text()}')
        keys.chmod(0o600)
        shutil.chown(keys, 1000, 1000)
        done = desk.harden(*ONLY_CUPS)
    finally:
        aside.replace(keys)
        os.utime(keys.parent, ns=(folder.st_atime_ns, folder.st_mtime_ns))
    assert (done.code, done.stdout) == (4, "")
    assert done.stderr.startswith("Error: ")
    assert all(char.isprintable() for char in done.stderr.replace("\n", ""))
    assert "Traceback" not in done.stderr


@heavy
def test_history_status_and_what_stands_in_the_way(desk: Desk) -> None:
    first = len(desk.changes())
    assert desk.run("status", desk.where).stdout.startswith("Nothing waits to be confirmed.")
    assert desk.harden(*ONLY_CUPS).code == 0
    assert desk.harden("--only", "rpcbind-listening").code == 0
    older, newer = (f"{first + number:04}" for number in (1, 2))
    seen = desk.run("history", desk.where).stdout
    assert [line.split()[0] for line in seen.splitlines() if "confirmed" in line] == [older, newer]
    assert "harden recommended --only rpcbind-listening" in seen
    refused = desk.undo(older)
    assert (refused.code, newer in refused.stderr) == (7, True)
    assert listens(desk.host, "cupsd") is False
    assert desk.undo(newer).code == 0
    told = desk.run("status", desk.where).stdout
    start = f"Nothing waits to be confirmed. The last change, {newer}: taken back on "
    assert (told.startswith(start), told.endswith(" UTC, since it was asked for.\n")) == (True, True), told
    assert desk.undo(older).code == 0
    assert desk.undo(older).code == 0  # once more does no harm
    assert desk.run("forget", desk.where, older, "--yes").code == 0
    assert desk.undo(older).code == 7


def test_plan_of_a_capture_and_of_a_folder(desk: Desk, tmp_path: Path) -> None:
    capture = str(tmp_path / "pi.tar.gz")
    assert desk.run("capture", desk.where, "-o", capture).code == 0
    done = desk.run("plan", capture)
    assert done.code == 0, done.stderr
    assert "cups" in done.stdout
    refused = desk.run("harden", capture, "--yes")
    assert (refused.code, "nothing can be changed in it" in refused.stderr) == (2, True)
    done = desk.run("plan", f"dir:{desk.host.root}")
    assert done.code == 0, done.stderr
    assert "/etc/ssh/sshd_config.d/00-thornwall.conf" in done.stdout


def at_rest(root: Path) -> State:
    """The files of a system that does not run."""
    left_out = "|".join(re.escape(path).replace(r"\*", "[^/]*") + "(/.*)?" for path in EXCLUDED)
    return State(compare_walk.walk(str(root), left_out), {}, {})


def installed() -> str:
    """The packages of the machine at which a card is hardened."""
    return subprocess.run(["dpkg-query", "-W"], capture_output=True, text=True, check=True).stdout


def test_a_mounted_root(tmp_path: Path) -> None:
    """A card in another computer: hardened, started, and taken back to the byte."""
    with start("trixie", "planted") as host:
        desk = Desk(host, tmp_path)
        host.machine.kill()
        before = at_rest(host.root)
        here = installed()
        target = f"dir:{host.root}"
        make = ("harden", target, "--yes", "--secrets", desk.secrets(**NEW, webcma="Osprey_71_lid"))
        planned = " ".join(desk.run("plan", *make[1:2], *make[3:]).stdout.split())
        assert "Your key of pi has just signed a challenge." in planned
        assert "At its first start" in planned
        done = desk.run(*make)
        assert done.code == 0, done.stdout + done.stderr
        assert "does not run now" in done.stdout
        assert "There is no account webcma: the new password for it is not used." in done.stderr
        assert "Awaits a restart" not in done.stdout
        assert "is still there" not in done.stdout
        assert installed() == here
        again = desk.run("plan", target, "--format", "json", "--secrets", desk.secrets(**NEW))
        assert json.loads(again.stdout)["steps"] == []
        assert difference(before, at_rest(host.root)) != []
        undone = desk.run("undo", target, "--yes", "--bring-back-known-passwords")
        assert undone.code == 0, undone.stderr
        assert difference(before, at_rest(host.root)) == []
        assert desk.run(*make).code == 0
        host.machine.boot(host.root, Wire(host.index).namespace, tmp_path / "console", outlive_owner=False)
        assert host.login("id -un").stdout == "pi\n"
        assert host.login("true", user="root", methods=["password"], password=NEW["root"]).returncode == 255
        assert host.login("true", methods=["password"], password=NEW["pi"]).returncode == 255
        assert "passwordauthentication no" in host.run("sshd -T").stdout
        assert host.login("sudo -n true").returncode == 1
        assert not listens(host, "cupsd")


PURE = (
    "rich",
    "typer",
    "markdown_it",
    "mdurl",
    "pygments",
    "click",
    "shellingham",
    "typing_extensions.py",
    "annotated_doc",
)


def test_at_the_machine_itself(tmp_path: Path) -> None:
    """The person at the keyboard; a second login confirms."""
    with start("trixie", "planted") as host:
        place = host.root / "var/tmp/thornwall"
        shutil.copytree(
            Path(thornwall.__file__).parent, place / "thornwall", ignore=shutil.ignore_patterns("__pycache__")
        )
        site = Path(sysconfig.get_path("purelib"))
        for name in PURE:
            if (site / name).is_dir():
                shutil.copytree(site / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
            elif (site / name).exists():
                shutil.copy(site / name, place / name)
        before = snapshot(host)
        run = "cd / && PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/var/tmp/thornwall python3 -m thornwall"
        unit = ["systemd-run", "--quiet", "--collect", "--unit=run-keyboard", "--pipe", "sh", "-c"]
        skip = " ".join(f"--skip {name}" for name in BRINGS_PACKAGES)
        desk = Desk(host, tmp_path)
        for confirmed in (True, False) if FULL else (True,):
            words = f"HOME=/run {run} harden --yes --only cups-listening --confirm-within 30 {skip}"
            process = host.run([*unit[:-3], "sh", "-c", f"({words}) >/run/said 2>&1; echo $? >/run/code"])
            assert process.returncode == 0, process.stderr
            desk.wait_for(lambda: "APPLIED" in desk.journal(), 60)
            if confirmed:
                done = host.login(f"sudo -n sh -c '{run} confirm local:'")
                assert done.returncode == 0, done.stdout + done.stderr
            desk.wait_for(lambda: host.run("cat /run/code").stdout.strip() != "", 120)
            said = " ".join(host.run("cat /run/said; cat /run/code; rm /run/code").stdout.split())
            assert "Log in anew, at another terminal" in said
            if confirmed:
                assert "is confirmed" in said
                assert said.endswith(" 0")
                done = host.login(f"sudo -n sh -c '{run} undo local: --yes'")
                assert done.returncode == 0, done.stdout + done.stderr
            else:
                assert "no second login confirmed it in time" in said
                assert said.endswith(" 8")
        desk.wait_for(desk.back, 60)
        assert difference(before, snapshot(host)) == []
