"""The device's half on roots made for the purpose, under real shells: bytes, modes, owners and times, there and back.

A mounted root takes the same way as a running host, without units, guard and confirmation.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from thornwall.apply import compile as compiling
from thornwall.apply import text as templates
from thornwall.apply.compile import (
    Transaction,
    forget_script,
    history_script,
    transaction_script,
    undo_script,
    undo_text,
)
from thornwall.apply.events import (
    Change,
    Committed,
    Difference,
    Differs,
    Event,
    Failed,
    GivesBack,
    Left,
    Refused,
    Skipped,
    Undone,
)
from thornwall.apply.reader import Reader
from thornwall.apply.sheet import sheet
from thornwall.model.change import (
    ABSENT,
    AccountDo,
    AccountField,
    Chmod,
    DropFile,
    Operation,
    Purpose,
    PutFile,
    PutLink,
    SysctlDo,
    Tool,
    UnitDo,
)
from thornwall.model.plan import Step
from thornwall.model.secret import Secret

NONCE = "abcdef0123456789"
SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "ash"]}
ODD = bytes(range(1, 256)) + b"\\c \\0101 %s $(id) `id` '\"'\n\n\x81\x82\x88 no end"

pytestmark = [
    pytest.mark.skipif(not Path("/proc/mounts").exists(), reason="needs Linux"),
    pytest.mark.skipif(os.geteuid() != 0, reason="files of root's own need root"),
]


@pytest.fixture(params=[*SHELLS, "busybox alone"])
def shell(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A shell; 'alone': with the tools of busybox and no others."""
    words = SHELLS[request.param.split()[0]]
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    if "alone" in request.param:
        tools = tmp_path / "tools"
        tools.mkdir()
        subprocess.run(["busybox", "--install", "-s", tools], check=True)
        real = templates.template

        def only_busybox(name: str) -> str:
            return real(name).replace(
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin", f"PATH={tools}"
            )

        monkeypatch.setattr(compiling, "template", only_busybox)
    return words


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small root, with something peculiar in it."""
    root = tmp_path / "root of it"
    for folder in ("etc/ssh/conf.d", "etc/sudoers.d", "var/lib", "boot", "home/pi/.ssh", "srv/shared"):
        (root / folder).mkdir(parents=True)
    root.chmod(0o755)
    files = {
        "etc/ssh/conf.d/50-owner.conf": b"Port 22\n",
        "etc/sudoers.d/nopasswd": b"pi ALL=(ALL) NOPASSWD: ALL\n",
        "etc/odd": ODD,
        "home/pi/.ssh/authorized_keys": b"ssh-ed25519 AAAA\n",
        "srv/shared/file": b"x\n",
        "etc/passwd": b"root:x:0:0:root:/root:/bin/bash\npi:x:1000:1000:,,,:/home/pi:/bin/bash\n",
        "etc/shadow": b"root:*:20000:0:99999:7:::\npi:$y$old:20000:0:99999:7:::\n",
        "etc/group": b"sudo:x:27:pi,eve\nadm:x:4:eve,pi\n",
    }
    for name, content in files.items():
        (root / name).write_bytes(content)
        os.utime(root / name, ns=(1_600_000_000_123_456_789, 1_600_000_001_987_654_321))
    (root / "etc/sudoers.d/nopasswd").chmod(0o440)
    (root / "etc/shadow").chmod(0o640)
    os.chown(root / "etc/odd", 1234, 4321)
    os.link(root / "etc/odd", root / "etc/odd-twin")
    (root / "etc/link").symlink_to("odd")
    for home in ("home/pi", "home/pi/.ssh", "home/pi/.ssh/authorized_keys"):
        os.chown(root / home, 1000, 1000)
    (root / "srv/shared").chmod(0o777)
    for name in ("etc/ssh/conf.d", "etc/sudoers.d", "etc"):
        os.utime(root / name, ns=(1_500_000_000_111_111_111, 1_500_000_000_222_222_222))
    return root


def look(root: Path) -> dict[str, tuple[object, ...]]:
    """Everything but what the program keeps: kind, mode, owner, links, time and bytes."""
    found: dict[str, tuple[object, ...]] = {}
    for path in [root, *root.rglob("*")]:
        name = str(path.relative_to(root))
        if name.startswith("var/lib/thornwall"):
            continue
        stat = path.lstat()
        content = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        links = stat.st_nlink if path.is_file() and not path.is_symlink() else 0
        found[name] = (oct(stat.st_mode), stat.st_uid, stat.st_gid, links, stat.st_mtime_ns, content)
    return found


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def steps(*operations: Operation) -> tuple[Step, ...]:
    return (Step("all", Purpose.PERMISSIONS, "All of it, 'quoted' & $(odd)", operations),)


def send(shell: list[str], script: str) -> tuple[int, list[Event]]:
    # what runs as /bin/sh on a device is the shell that is tried
    words = [shutil.which(shell[0]) or shell[0], *shell[1:]]
    script = script.replace('/bin/sh "$D/apply.sh"', f'{chr(32).join(words)} "$D/apply.sh"')
    done = subprocess.run(shell, input=script.encode(), capture_output=True, timeout=60, check=False)
    events = Reader(NONCE).feed(done.stdout)
    assert all(line.startswith(NONCE.encode()) for line in done.stdout.splitlines()), done.stdout
    assert done.stderr == b"", done.stderr
    return done.returncode, events


def make(
    shell: list[str], root: Path, *operations: Operation, spoil: Callable[[str], str] = str
) -> tuple[int, list[Event]]:
    secrets = {"pi": Secret("it's a $ecret")}
    change = Transaction(NONCE, steps(*operations), root=str(root), title="it's `odd`", secrets=secrets, version="1")
    return send(shell, spoil(transaction_script(change)))


def by_hand(shell: list[str], root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    (folder,) = (root / "var/lib/thornwall").glob("[0-9]*")
    return subprocess.run(
        [*shell, folder / "undo.sh", *options], capture_output=True, text=True, timeout=60, check=False, cwd=root
    )


def everything(root: Path) -> tuple[Operation, ...]:
    return (
        PutFile("/etc/ssh/conf.d/00-ours.conf", b"PermitRootLogin no\n", ABSENT, 0o600),
        PutFile("/etc/ssh/conf.d/50-owner.conf", ODD, sha(root / "etc/ssh/conf.d/50-owner.conf"), keep_meta=True),
        PutFile("/etc/new/deep/er/file", b"", ABSENT),
        PutFile("/etc/odd", b"new\n", sha(root / "etc/odd"), keep_meta=True),
        DropFile("/etc/sudoers.d/nopasswd", sha(root / "etc/sudoers.d/nopasswd")),
        DropFile("/etc/link", "link:odd"),
        PutLink("/etc/cups.service", "/dev/null"),
        Chmod("/boot", 0o700, expect_mode=0o755),
        Chmod("/home/pi/.ssh/authorized_keys", 0o600, expect_mode=0o644),
        Chmod("/srv/shared/file", 0o640, "root", "root"),
        AccountDo("pi", AccountField.PASSWORD),
        AccountDo("pi", AccountField.MAX_DAYS, "365"),
        AccountDo("root", AccountField.LOCK),
        AccountDo("pi", AccountField.LEAVE_GROUP, "sudo"),
        UnitDo("stop", ("cups.service",)),
        SysctlDo("kernel.dmesg_restrict", "1"),
    )


def test_made_to_the_byte_and_taken_back_to_the_byte(shell: list[str], root: Path) -> None:
    before = look(root)
    status, events = make(shell, root, *everything(root))
    assert (status, events[-1]) == (0, Committed("0001")), events
    assert [event.what for event in events if isinstance(event, Skipped)] == [
        "stop cups.service",
        "kernel.dmesg_restrict = 1",
    ]
    after = look(root)
    assert (root / "etc/ssh/conf.d/00-ours.conf").read_bytes() == b"PermitRootLogin no\n"
    assert after["etc/ssh/conf.d/00-ours.conf"][:3] == ("0o100600", 0, 0)
    assert (root / "etc/ssh/conf.d/50-owner.conf").read_bytes() == ODD
    assert after["etc/odd"][:3] == (before["etc/odd"][0], 1234, 4321)
    assert after["etc/odd-twin"][5] == ODD
    assert (root / "etc/new/deep/er/file").read_bytes() == b""
    assert after["etc/new"][:3] == ("0o40755", 0, 0)
    assert "etc/sudoers.d/nopasswd" not in after
    assert "etc/link" not in after
    assert (root / "etc/cups.service").readlink() == Path("/dev/null")
    assert (after["boot"][0], after["home/pi/.ssh/authorized_keys"][0]) == ("0o40700", "0o100600")
    assert after["srv/shared/file"][:3] == ("0o100640", 0, 0)
    shadow = dict(line.split(":", 1) for line in (root / "etc/shadow").read_text().splitlines())
    assert shadow["root"].startswith("!*:")
    assert shadow["pi"].split(":")[3] == "365"
    assert (root / "etc/group").read_text() == "sudo:x:27:eve\nadm:x:4:eve,pi\n"
    assert by_hand(shell, root, "--check").returncode == 0
    done = by_hand(shell, root)
    assert (done.returncode, "as it was before" in done.stdout, done.stderr) == (0, True, "")
    assert look(root) == before


@pytest.mark.skipif(shutil.which("perl") is None, reason="perl checks the hash")
def test_the_password_is_the_one_that_was_given(root: Path) -> None:
    make(["sh"], root, *everything(root))
    stored = (root / "etc/shadow").read_text().split("pi:")[1].split(":")[0]
    check = subprocess.run(
        ["perl", "-e", 'print crypt("it\'s a \\$ecret", $ARGV[0]) eq $ARGV[0] ? "same" : "other"', stored],
        capture_output=True,
        text=True,
        check=True,
    )
    assert check.stdout == "same"
    everywhere = subprocess.run(["grep", "-rlF", "it's a $ecret", root], capture_output=True, text=True, check=False)
    assert everywhere.stdout == ""


def test_taken_back_from_elsewhere(shell: list[str], root: Path) -> None:
    before = look(root)
    make(shell, root, *everything(root))
    status, events = send(shell, undo_script(nonce=NONCE, root=str(root)))
    assert (status, events[-1]) == (0, Undone("0001"))
    assert look(root) == before
    status, events = send(shell, undo_script("1", nonce=NONCE, root=str(root)))
    assert (status, events[-1]) == (0, Undone("0001"))
    status, events = send(shell, undo_script(nonce=NONCE, root=str(root)))
    assert (status, type(events[-1])) == (11, Refused)


def test_an_error_in_the_middle_takes_everything_back(shell: list[str], root: Path) -> None:
    before = look(root)
    status, events = make(shell, root, *everything(root), AccountDo("nobody-here", AccountField.LOCK))
    assert status == 10
    assert [type(event) for event in events if isinstance(event, Failed | Undone)] == [Failed, Undone]
    assert look(root) == before


def put_link(path: Path, target: str) -> None:
    """A link where something was, which goes to the side."""
    path.rename(path.with_name(f"{path.name}-moved"))
    path.symlink_to(target)


def put_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


STRANGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a file that somebody edited": (lambda root: (root / "etc/odd").write_text("mine"), "/etc/odd"),
    "a file that came": (lambda root: (root / "etc/ssh/conf.d/00-ours.conf").write_text("mine"), "00-ours.conf"),
    "a file that went": (lambda root: (root / "etc/sudoers.d/nopasswd").unlink(), "nopasswd is gone"),
    "another mode": (lambda root: (root / "boot").chmod(0o750), "/boot has mode 750"),
    "a folder for all": (lambda root: (root / "etc/ssh").chmod(0o777), "/etc/ssh, on the way"),
    "somebody's folder": (lambda root: os.chown(root / "etc/sudoers.d", 1000, 0), "/etc/sudoers.d, on the way"),
    "a link for a file": (lambda root: put_link(root / "etc/odd", "odd-twin"), "/etc/odd is not as it was"),
    "a folder for a file": (lambda root: put_folder(root / "etc/sudoers.d/nopasswd"), "nopasswd is a folder"),
    "a link on the way": (lambda root: put_link(root / "etc/ssh", "ssh-moved"), "/etc/ssh, on the way"),
}


@pytest.mark.parametrize("case", STRANGE)
def test_refused_before_anything_changes(root: Path, case: str) -> None:
    operations = everything(root)
    spoil, word = STRANGE[case]
    spoil(root)
    before = look(root)
    status, events = make(["sh"], root, *operations)
    refused = events[-1]
    assert isinstance(refused, Refused)
    assert status == 11
    assert word in refused.why
    assert look(root) == before
    assert list((root / "var/lib/thornwall").glob("[0-9]*")) == []


def test_a_text_that_did_not_arrive_whole_does_nothing(root: Path) -> None:
    before = look(root)
    operations = everything(root)
    whole = transaction_script(Transaction(NONCE, steps(PutFile("/etc/x", b"y", ABSENT)), root=str(root)))
    for length in (*range(0, len(whole) - 1, 997), *range(len(whole) - 20, len(whole) - 1)):
        subprocess.run(["sh"], input=whole[:length].encode(), capture_output=True, timeout=60, check=False)
        assert look(root) == before
    status, events = make(["sh"], root, *operations, spoil=lambda text: text.replace('main "$@" # END', "", 1))
    assert (status, type(events[-1])) == (11, Refused)
    assert look(root) == before


def test_edits_since_are_not_thrown_away(root: Path) -> None:
    before = look(root)
    make(["sh"], root, *everything(root))
    mine = root / "etc/ssh/conf.d/00-ours.conf"
    mine.chmod(0o644)
    mine.write_text("PermitRootLogin no\n# mine\n")
    status, events = send(["sh"], undo_script(nonce=NONCE, root=str(root)))
    assert status == 11
    assert [event.path for event in events if isinstance(event, Differs)] == ["/etc/ssh/conf.d/00-ours.conf"]
    assert [event.line for event in events if isinstance(event, Difference)][-1] == "+# mine"
    assert mine.read_text().endswith("# mine\n")
    status, events = send(["sh"], undo_script(nonce=NONCE, root=str(root), force=True))
    assert (status, events[-1]) == (0, Undone("0001"))
    assert (root / "var/lib/thornwall/0001/aside/etc/ssh/conf.d/00-ours.conf").read_text().endswith("# mine\n")
    assert look(root) == before


def test_what_others_did_since_stays(root: Path) -> None:
    """A new file in a folder of the change, another account: none of the change's business."""
    make(["sh"], root, *everything(root))
    (root / "etc/ssh/conf.d/99-later.conf").write_text("Port 23\n")
    with (root / "etc/passwd").open("a") as passwd:
        passwd.write("eve:x:1001:1001::/home/eve:/bin/sh\n")
    status, _ = send(["sh"], undo_script(nonce=NONCE, root=str(root)))
    assert status == 0
    assert (root / "etc/ssh/conf.d/99-later.conf").exists()
    assert "eve" in (root / "etc/passwd").read_text()


def test_numbers_grow_whatever_the_clock_says(root: Path) -> None:
    for number in ("0001", "0002", "0003"):
        status, events = make(["sh"], root, PutFile(f"/etc/x{number}", b"y", ABSENT))
        assert (status, events[-1]) == (0, Committed(number))
    send(["sh"], forget_script("3", nonce=NONCE, root=str(root)))
    _, events = make(["sh"], root, PutFile("/etc/x9", b"y", ABSENT))
    assert events[-1] == Committed("0004")
    _, events = send(["sh"], history_script(nonce=NONCE, root=str(root)))
    known = [event for event in events if isinstance(event, Change)]
    assert [(change.id, change.state, change.title) for change in known] == [
        (number, "confirmed", "it's odd") for number in ("0001", "0002", "0004")
    ]


def test_what_a_change_gives_back_is_told_by_line(root: Path) -> None:
    make(["sh"], root, PutFile("/etc/new", b"x", ABSENT))
    make(["sh"], root, PutFile("/etc/gone", b"x", ABSENT))
    send(["sh"], undo_script("2", nonce=NONCE, root=str(root)))
    _, events = send(["sh"], history_script(nonce=NONCE, root=str(root), whole=True))
    told = [event for event in events if isinstance(event, GivesBack)]
    assert {event.id for event in told} == {"0001"}
    assert "  /etc/new: removed: it was not there" in [event.text for event in told]
    assert "PATH" not in " ".join(event.text for event in told)  # its words, and none of its code
    assert [event.id for event in events if isinstance(event, Change)] == ["0001", "0002"]


@pytest.mark.parametrize("known", [True, False])
def test_whose_known_password_stays_away_is_told(root: Path, known: bool) -> None:
    make(["sh"], root, AccountDo("pi", AccountField.PASSWORD, known_default=known))
    _, events = send(["sh"], history_script(nonce=NONCE, root=str(root)))
    assert [event.known for event in events if isinstance(event, Change)] == [("pi",) if known else ()]


def test_the_record_is_for_root_alone(root: Path) -> None:
    make(["sh"], root, *everything(root))
    for path in (root / "var/lib/thornwall", root / "var/lib/thornwall/0001"):
        assert path.stat().st_mode & 0o7777 == 0o700


@pytest.mark.parametrize("by_now", ["undoing", "undone"])
def test_what_somebody_else_takes_back_meanwhile_is_no_damage(by_now: str, shell: list[str], root: Path) -> None:
    """A pipe among what is hashed stops the look at the record until the other one has begun."""
    make(shell, root, *everything(root))
    record = root / "var/lib/thornwall/0001"
    gate = record / "vault/gate"
    os.mkfifo(gate)
    sums = record / "sums"
    sums.write_text(f"{hashlib.sha256(b'x').hexdigest()}  {gate.relative_to(root)}\n{sums.read_text()}")
    looks = subprocess.Popen([*shell, record / "undo.sh", "--check"], cwd=root)
    with gate.open("wb") as pipe:
        (record / "state/confirmed").rename(record / f"state/{by_now}")
        (record / "vault/etc/sudoers.d/nopasswd").unlink()
        gate.unlink()
        pipe.write(b"x")
    assert looks.wait(30) == 0


def test_a_damaged_record_is_seen(root: Path) -> None:
    make(["sh"], root, *everything(root))
    vault = root / "var/lib/thornwall/0001/vault/etc/sudoers.d/nopasswd"
    vault.chmod(0o600)
    vault.write_text("eve ALL=(ALL) NOPASSWD: ALL\n")
    assert by_hand(["sh"], root, "--check").returncode == 1
    status, events = send(["sh"], undo_script(nonce=NONCE, root=str(root)))
    refused = events[-1]
    assert isinstance(refused, Refused)
    assert (status, "damaged" in refused.why) == (11, True)


ACCOUNTS = (
    AccountDo("pi", AccountField.PASSWORD),
    AccountDo("pi", AccountField.MAX_DAYS, "365"),
    AccountDo("pi", AccountField.INACTIVE_DAYS, "30"),
    AccountDo("pi", AccountField.SHELL, "/usr/sbin/nologin"),
    AccountDo("pi", AccountField.LEAVE_GROUP, "sudo"),
    AccountDo("root", AccountField.LOCK),
    AccountDo("root", AccountField.EXPIRE_NOW),
)


def entries(root: Path, name: str) -> dict[str, str]:
    return dict(line.split(":", 1) for line in (root / "etc" / name).read_text().splitlines())


def test_accounts_come_back_where_others_have_come_since(shell: list[str], root: Path) -> None:
    """The files as a whole do not, then: each field is given back."""
    before = {name: entries(root, name) for name in ("passwd", "shadow", "group")}
    make(shell, root, *ACCOUNTS)
    assert entries(root, "shadow") != before["shadow"]
    for name, line in (("passwd", "eve:x:1001:1001::/home/eve:/bin/sh"), ("shadow", "eve:!:20500:0:99999:7:::")):
        with (root / "etc" / name).open("a") as file:
            file.write(f"{line}\n")
    status, events = send(shell, undo_script(nonce=NONCE, root=str(root)))
    assert (status, events[-1]) == (0, Undone("0001"))
    after = {name: entries(root, name) for name in ("passwd", "shadow", "group")}
    assert (after["passwd"].pop("eve"), after["shadow"].pop("eve")[:2]) == ("x:1001:1001::/home/eve:/bin/sh", "!:")
    assert sorted(after["group"].pop("sudo").rpartition(":")[2].split(",")) == ["eve", "pi"]
    before["group"].pop("sudo")
    assert after == before


def test_a_known_password_stays_away_and_all_else_comes_back(shell: list[str], root: Path) -> None:
    before = entries(root, "shadow")
    known = AccountDo("pi", AccountField.PASSWORD, known_default=True)
    make(shell, root, known, *ACCOUNTS[1:])
    status, events = send(shell, undo_script(nonce=NONCE, root=str(root)))
    assert (status, events[-1]) == (0, Undone("0001"))
    assert [event.what.partition(":")[0] for event in events if isinstance(event, Left)] == ["the password of pi"]
    after = entries(root, "shadow")
    assert after["root"] == before["root"]
    assert after["pi"].split(":")[0] != before["pi"].split(":")[0]
    assert after["pi"].split(":")[2:] == before["pi"].split(":")[2:]


@pytest.mark.parametrize("name", ["passwd", "shadow", "group"])
def test_accounts_behind_a_link_are_refused(name: str, root: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "of the machine that mounted it"
    (root / "etc" / name).rename(theirs)
    (root / "etc" / name).symlink_to(theirs)
    held = theirs.read_text()
    status, events = make(["sh"], root, *ACCOUNTS)
    assert (status, events[-1]) == (11, Refused(f"/etc/{name} is a link", "put the file itself there"))
    assert theirs.read_text() == held


def test_undo_writes_nothing_behind_a_link(shell: list[str], root: Path, tmp_path: Path) -> None:
    """One that somebody has put on the card may lead to the accounts of the machine that mounted it."""
    make(shell, root, *ACCOUNTS)
    theirs = tmp_path / "of the machine that mounted it"
    theirs.write_text((root / "etc/shadow").read_text() + "eve:!:20500:0:99999:7:::\n")
    held = theirs.read_text()
    (root / "etc/shadow").unlink()
    (root / "etc/shadow").symlink_to(theirs)
    send(shell, undo_script(nonce=NONCE, root=str(root)))
    assert theirs.read_text() == held


@pytest.mark.parametrize("state", ["confirmed", "open", "undoing"])
def test_a_later_change_is_in_the_way_however_it_stands(state: str, root: Path) -> None:
    for number in ("1", "2"):
        make(["sh"], root, PutFile(f"/etc/x{number}", b"y", ABSENT))
    later = root / "var/lib/thornwall/0002/state"
    (later / "confirmed").rename(later / state)
    status, events = send(["sh"], undo_script("1", nonce=NONCE, root=str(root)))
    assert (status, isinstance(events[-1], Refused)) == (11, True)
    assert "0002" in str(events[-1])
    (later / state).rename(later / "undone")
    assert send(["sh"], undo_script("1", nonce=NONCE, root=str(root)))[0] == 0


def made_while_it_ran(root: Path, mark: Path) -> Path:
    """A record as a running system leaves it, with a tool that has a way back of its own, and the unit of the boot."""
    put = PutFile("/etc/x", b"y", ABSENT)
    undo = (("sh", "-c", f"echo here >{mark}"),)
    tool = Tool("ufw", (("true",),), ("/etc/odd",), undo_before=undo, undo_after=undo)
    make(["sh"], root, put)
    record = root / "var/lib/thornwall/0001"
    change = Transaction(NONCE, steps(put, tool), title="x", version="1")
    text = undo_text(change, sheet(change.steps, live=True, secrets={}))
    sums = (record / "sums").read_text().replace(sha(record / "undo.sh"), hashlib.sha256(text.encode()).hexdigest())
    (record / "undo.sh").write_text(text)
    (record / "sums").write_text(sums)
    (record / "tool.2").touch()
    units = root / "etc/systemd/system"
    (units / "sysinit.target.wants").mkdir(parents=True)
    (units / "thornwall-boot-0001.service").write_text("[Unit]\n")
    (units / "sysinit.target.wants/thornwall-boot-0001.service").symlink_to("../thornwall-boot-0001.service")
    return record


def test_taken_back_from_a_rescue_system(shell: list[str], root: Path, tmp_path: Path) -> None:
    """No tool runs on the machine that rescues, and no guard of the boot stays behind."""
    mark = tmp_path / "ran on the machine that rescues"
    record = made_while_it_ran(root, mark)
    done = subprocess.run(
        [*shell, record / "undo.sh", "--root", root], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    assert not (root / "etc/x").exists()
    assert not mark.exists()
    assert list((root / "etc/systemd/system").rglob("thornwall-*")) == []


def test_accounts_and_groups_are_those_of_the_mounted_system(root: Path, tmp_path: Path) -> None:
    """Its names may be none here, or others' numbers: here nobody is `pi`, and the groups are others."""
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nhomer:x:4321:5432::/home/pi:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nkeys-of-ssh:x:765:\n")
    for home in ("home/pi", "home/pi/.ssh", "home/pi/.ssh/authorized_keys"):
        os.chown(root / home, 4321, 5432)
    tmp_path.chmod(0o711)  # (the account has to get there)
    for folder in list(root.parents)[:3]:
        folder.chmod(folder.stat().st_mode | 0o011)
    os.chown(root / "etc/odd", 1234, 765)
    before = look(root)
    changes = (
        PutFile("/etc/new", b"x\n", ABSENT, 0o640, "root", "keys-of-ssh"),
        Chmod("/home/pi/.ssh", 0o700, owner="homer", expect_mode=0o755),
        Chmod("/etc/odd", 0o640, "root"),
        Chmod("/srv/shared/file", None, "", "keys-of-ssh"),
    )
    assert make(["dash"], root, *changes)[0] == 0
    there = {name: (root / name).stat() for name in ("etc/new", "home/pi/.ssh", "etc/odd", "srv/shared/file")}
    assert {name: (each.st_uid, each.st_gid) for name, each in there.items()} == {
        "etc/new": (0, 765),
        "home/pi/.ssh": (4321, 5432),
        "etc/odd": (0, 765),
        "srv/shared/file": (0, 765),
    }
    assert there["home/pi/.ssh"].st_mode & 0o7777 == 0o700
    assert by_hand(["dash"], root).returncode == 0
    assert look(root) == before


def test_an_account_that_the_mounted_system_has_not(root: Path) -> None:
    before = look(root)
    status, found = make(["dash"], root, Chmod("/etc/odd", 0o600, "root", "daemon"))
    assert status == 10
    assert any(isinstance(each, Failed) and "there is no daemon in its /etc/group" in each.why for each in found)
    assert look(root) == before
