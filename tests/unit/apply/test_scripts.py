"""What is compiled: texts that every POSIX sh takes, and refusals of what could be misread."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thornwall.apply.compile import (
    Transaction,
    confirm_script,
    forget_script,
    history_script,
    transaction_script,
    undo_script,
)
from thornwall.apply.packages import again_script, packages_script
from thornwall.apply.sheet import escaped, sheet
from thornwall.errors import UsageError
from thornwall.model.change import (
    ABSENT,
    AccountDo,
    AccountField,
    Chmod,
    DropFile,
    Operation,
    Packages,
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
ALL: tuple[Operation, ...] = (
    PutFile("/etc/a", b"it's $HOME\n", ABSENT),
    DropFile("/etc/b", "0" * 64),
    PutLink("/etc/systemd/system/c.service", "/dev/null"),
    Chmod("/etc/d", 0o600),
    Chmod("/home/pi/e", 0o600, owner="pi"),
    UnitDo("stop", ("cups.service",)),
    UnitDo("reload", ("ssh.service", "getty@tty1.service")),
    UnitDo("enable", (r"dev-disk-by\x2dlabel.mount",)),
    SysctlDo("net.ipv4.conf.eth0/100.rp_filter", "1"),
    AccountDo("pi", AccountField.PASSWORD, known_default=True),
    AccountDo("pi", AccountField.SHELL, "/bin/bash"),
    Tool("ufw", (("ufw", "allow", "22/tcp", "comment", "it's a 'door'"),), ("/etc/ufw",), (("ufw", "disable"),)),
)
SECRETS = {"pi": Secret("s3cr3t 'quoted' $(x)")}
CHANGE = Transaction(
    NONCE, (Step("all", Purpose.SSH, 'Everything $(reboot) `x` "y"', ALL),), title="$(reboot)", secrets=SECRETS
)


def scripts() -> dict[str, str]:
    key = "0123-4567-89ab"
    return {
        "transaction": transaction_script(CHANGE),
        "mounted": transaction_script(replace(CHANGE, root="/mnt/it's here")),
        "confirm": confirm_script("1", NONCE, key=key, sudo=True),
        "undo": undo_script("1", nonce=NONCE, force=True),
        "history": history_script(nonce=NONCE),
        "forget": forget_script("1", nonce=NONCE),
        "packages": packages_script(Packages(("ufw",), upgrade=True), nonce=NONCE),
        "packages that wait": packages_script(Packages(("usbguard",), off=("usbguard.service",)), nonce=NONCE),
        "packages again": again_script("7", nonce=NONCE),
        "packages that go": packages_script(Packages(remove=("cups", "cups-daemon")), nonce=NONCE),
    }


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("name", scripts())
def test_shellcheck_finds_nothing(name: str, tmp_path: Path) -> None:
    # variables set in one part and used in another; -ef, which dash, busybox and bash know; `a && b || c` on purpose
    left_out = "SC2154,SC2034,SC3013,SC2015,SC2016,SC2174,SC2317,SC2329"
    for part in (scripts()[name], *embedded(scripts()[name])):
        file = tmp_path / "script"
        file.write_text(part)
        done = subprocess.run(
            ["shellcheck", "-s", "sh", "-e", left_out, file], capture_output=True, text=True, check=False
        )
        assert done.stdout == ""


def embedded(script: str) -> list[str]:
    """The scripts within the script, which stay on the device."""
    pieces = script.partition(f"<<'END_{NONCE}' &&\n")[2].partition(f"\nEND_{NONCE}\n")[0]
    texts = [piece.partition("\n")[2] + "\n" for piece in f"\n{pieces}".split(f"\nPART_{NONCE} ")[1:]]
    return [text for text in texts if "main" in text]


@pytest.mark.parametrize("shell", [["dash", "-n"], ["busybox", "ash", "-n"], ["bash", "--posix", "-n"]])
@pytest.mark.parametrize("name", scripts())
def test_every_shell_can_read_it(name: str, shell: list[str]) -> None:
    if shutil.which(shell[0]) is None:
        pytest.skip(f"{shell[0]} is not installed")
    for part in (scripts()[name], *embedded(scripts()[name])):
        done = subprocess.run(shell, input=part.encode(), capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")


def test_it_reads_as_what_it_does() -> None:
    """undo.sh says in words what it gives back, and no name of it is code."""
    (undo,) = [text for text in embedded(transaction_script(CHANGE)) if text.startswith("# Takes back")]
    head = undo.partition("\nmain()")[0]
    assert all(not line or line.startswith("#") for line in head.splitlines())
    for word in ("/etc/a: removed", "/etc/b: the original", "cups.service: started again", "ufw", "account pi"):
        assert word in head
    assert undo.endswith('main "$@" # END\n')


@given(st.binary(max_size=300))
def test_any_bytes_arrive(content: bytes) -> None:
    done = subprocess.run(["sh"], input=f"printf %b {escaped(content)}\n".encode(), capture_output=True, check=True)
    assert done.stdout == content


WRONG: list[Operation] = [
    PutFile("/etc/../x", b"", ABSENT),
    PutFile("/etc//x", b"", ABSENT),
    PutFile("/etc/x/", b"", ABSENT),
    PutFile("etc/x", b"", ABSENT),
    PutFile("/etc/x y", b"", ABSENT),
    PutFile("/etc/$(id)", b"", ABSENT),
    PutFile("/etc/x\n", b"", ABSENT),
    PutFile("/etc/*", b"", ABSENT),
    PutFile("/", b"", ABSENT),
    PutFile("/etc/x", b"", "something"),
    PutFile("/etc/x", b"", ABSENT, user="a b"),
    PutLink("/etc/x", "a b"),
    Chmod("/etc/x", 0o600, owner="$(id)"),
    UnitDo("stop", ("a b.service",)),
    UnitDo("explode", ("a.service",)),
    SysctlDo("net.ipv4.$(id)", "1"),
    SysctlDo("net.*", "1"),
    AccountDo("pi;id", AccountField.LOCK),
    AccountDo("eve", AccountField.PASSWORD),
    Tool("x", (("x",),), ("/etc/../",)),
]


@pytest.mark.parametrize("operation", WRONG, ids=str)
def test_what_could_be_misread_is_refused(operation: Operation) -> None:
    with pytest.raises(UsageError):
        transaction_script(replace(CHANGE, steps=(Step("x", Purpose.SSH, "x", (operation,)),)))


def test_one_path_has_one_step() -> None:
    twice = (PutFile("/etc/x", b"1", ABSENT), DropFile("/etc/x", "0" * 64))
    with pytest.raises(UsageError, match="/etc/x"):
        transaction_script(replace(CHANGE, steps=(Step("x", Purpose.SSH, "x", twice),)))


@pytest.mark.parametrize("text", ["", "short", "with blanks in it", "$(id)$(id)$(id)", "n" * 65])
def test_a_nonce_is_letters_and_digits(text: str) -> None:
    tries: list[Callable[[], str]] = [
        lambda: transaction_script(replace(CHANGE, nonce=text)),
        lambda: confirm_script("1", text, key="0123-4567"),
        lambda: undo_script(nonce=text),
    ]
    for make in tries:
        with pytest.raises(UsageError):
            make()


@pytest.mark.parametrize("text", ["x", "1 2", "$(id)", "-1", "0123456789"])
def test_a_number_is_a_number(text: str) -> None:
    tries: list[Callable[[], str]] = [
        lambda: confirm_script(text, NONCE, key="0123-4567"),
        lambda: forget_script(text, nonce=NONCE),
        lambda: undo_script(text, nonce=NONCE),
    ]
    for make in tries:
        with pytest.raises(UsageError):
            make()


def test_a_password_is_in_what_is_sent_and_in_nothing_that_stays() -> None:
    script = transaction_script(CHANGE)
    assert script.count("s3cr3t") == 1
    assert not any("s3cr3t" in text for text in embedded(script))
    assert "s3cr3t" not in repr(CHANGE)


def test_a_line_of_the_content_that_looks_like_an_end_is_none() -> None:
    hostile = f"END_{NONCE}\nPART_{NONCE} undo.sh\nreboot\n'\nmain\n".encode()
    script = transaction_script(
        replace(CHANGE, steps=(Step("x", Purpose.SSH, "x", (PutFile("/etc/x", hostile, ABSENT),)),))
    )
    assert len(embedded(script)) == 3


def test_a_file_that_two_tools_may_write_is_kept_once() -> None:
    pwconv = Tool("pwconv", (("pwconv",),), ("/etc/shadow", "/etc/login.defs"))
    steps = (Step("all", Purpose.ACCOUNTS, "All", (AccountDo("pi", AccountField.LOCK), pwconv, pwconv)),)
    keeps = sheet(steps, live=True, secrets={}).keeps
    assert len(keeps) == len({path for _, path in keeps})
    # by the accounts' own: later, undo gives back single fields of those
    assert (0, "/etc/shadow") in keeps
    assert "/etc/login.defs" in {path for _, path in keeps}


def test_what_only_undo_runs_is_told_by_its_command() -> None:
    tool = Tool("usb", (), (), undo_after=(("echo", "it's", "1"),))
    made = sheet((Step("usb", Purpose.KERNEL, "USB", (tool,)),), live=True, secrets={})
    assert "  usb: echo 'it'\"'\"'s' 1" in made.summary
    assert not made.needs


def test_undo_says_that_a_password_which_everybody_knows_does_not_come_back() -> None:
    said = scripts()["transaction"]
    assert "# account pi: password stays the new one, for everybody knows the one before" in " ".join(said.split())
    assert "account pi: shell as it was" in said
