"""A plan on the terminal: nobody presses yes without knowing what happens, and no host can steer what is shown."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from tests.unit.report.hostile import STEERING, TEXTS
from tests.unit.report.plan_sample import FULL, HELD, KERNEL, MODES, NOTHING, REFUSED, SSHD, hostile_plan
from thornwall.model.change import AccountDo, AccountField, Chmod, Operation, Packages, Purpose, PutFile, Tool, UnitDo
from thornwall.model.finding import HostName
from thornwall.model.plan import Mend, Plan, Standing, Step, Undoing, WayIn
from thornwall.model.typed import Typed
from thornwall.plan.registry import FIXES
from thornwall.report.plan import PLAN_FORMATS, render
from thornwall.report.plan.beware import DAILY, ENDS, beware, guard
from thornwall.report.plan.diff import unified
from thornwall.report.plan.operations import shown
from thornwall.report.plan.terminal import render_terminal
from thornwall.report.plan.words import way_in


def show(plan: Plan, width: int = 80, *, colour: bool = False, verbose: bool = False) -> str:
    file = StringIO()
    console = Console(
        file=file,
        width=width,
        color_system="256" if colour else None,
        force_terminal=colour,
        legacy_windows=False,
        _environ={},
    )
    render_terminal(plan, console, verbose=verbose)
    return file.getvalue()


def bare(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def flat(text: str) -> str:
    return " ".join(text.split())


def test_the_sample_has_every_kind_of_operation() -> None:
    kinds = {type(operation) for step in FULL.steps for operation in step.operations}
    assert kinds == set(Operation.__args__)


@pytest.mark.parametrize("width", [80, 120])
def test_full(width: int, snapshot: SnapshotAssertion) -> None:
    assert bare(show(FULL, width)) == snapshot


def test_verbose(snapshot: SnapshotAssertion) -> None:
    assert bare(show(FULL, verbose=True)) == snapshot


def test_a_refusal_is_what_is_read_first() -> None:
    first = next(line for line in show(REFUSED).splitlines() if line.strip())
    assert first.strip() == "NOTHING MAY BE CHANGED ON THIS HOST NOW"
    assert "Wait until it is done." in show(REFUSED)
    assert "thornwall harden pi@" not in show(REFUSED)  # a command that would only be refused


def test_nothing_to_do_is_said() -> None:
    text = show(NOTHING)
    assert "Nothing would be changed." in text
    assert "thornwall harden" not in text


def test_whatever_is_held_says_what_unlocks_it() -> None:
    text = flat(show(FULL))
    for held in HELD:
        assert flat(held.why) in text
        assert flat(held.unlock) in text
    assert text.count("--accept") == 1  # two rules, held by one interlock for one reason
    assert "--accept service-in-use:mosquitto.service" in text


def test_a_long_diff_is_cut_and_whole_when_verbose() -> None:
    content = "".join(f"setting{number} yes\n" for number in range(60)).encode()
    plan = replace(FULL, steps=(replace(KERNEL, operations=(PutFile("/etc/x.conf", content, "absent"),)),))
    short = show(plan)
    assert "setting11 yes" in short
    assert "setting12 yes" not in short
    assert "… 48 more lines: --verbose shows the whole diff." in short
    assert "setting59 yes" in show(plan, verbose=True)
    assert "more line" not in show(plan, verbose=True)


def test_many_alike_are_counted() -> None:
    many = replace(MODES, operations=tuple(Chmod(f"/etc/{n}", 0o644, expect_mode=0o666) for n in range(50)))
    assert "… and 44 more: --verbose shows them." in show(replace(FULL, steps=(many,)))
    assert "/etc/49" in show(replace(FULL, steps=(many,)), verbose=True)


@pytest.mark.parametrize(
    ("mode", "before", "words"),
    [
        (0o644, 0o666, "0666 → 0644: others and its group can no longer write"),
        (0o640, 0o644, "0644 → 0640: others can no longer read"),
        (0o700, 0o755, "0755 → 0700: others and its group can no longer read or run or enter"),
        (0o755, 0o4755, "4755 → 0755"),
        (0o600, -1, "0600"),
    ],
)
def test_modes_in_words(mode: int, before: int, words: str) -> None:
    (told,) = shown(replace(MODES, operations=(Chmod("/x", mode, expect_mode=before),)))
    assert told.note == words


def test_how_each_step_is_taken_back() -> None:
    text = show(FULL)
    for undoing, words in (
        (Undoing.EXACT, "(undo: exact)"),
        (Undoing.REBOOT, "(undo: exact after a restart; awaits a restart)"),
        (Undoing.KEEPS, "(undo: stays; awaits a restart)"),
    ):
        assert [step for step in FULL.steps if step.undoing is undoing]
        assert words in text


def test_ways_in() -> None:
    over_ssh = WayIn("ssh", "pi", 1000, "h", "fe80::1", 2222, "fe80::2", "wlan0", ("password",))
    assert way_in(over_ssh) == "SSH as pi from fe80::2 to [fe80::1]:2222 through wlan0 by password. No key was proved."
    assert way_in(WayIn("local", "root", 0)) == "At the machine itself, as root."


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_but_commands_which_stay_whole(width: int) -> None:
    for line in show(FULL, width, verbose=True).splitlines():
        assert cell_len(line) <= width or "$ " in line


def test_the_words_are_the_same_without_colour() -> None:
    coloured = show(FULL, colour=True)
    assert "\x1b[" in coloured
    plain = "".join(part if not index else part.partition("m")[2] for index, part in enumerate(coloured.split("\x1b[")))
    assert bare(plain) == bare(show(FULL))


def test_every_format_ends_in_a_newline() -> None:
    for name in PLAN_FORMATS:
        for plan in (FULL, NOTHING, REFUSED):
            assert render(plan, name).endswith("\n")


FILES = st.none() | st.lists(st.sampled_from(["a", "b ", "", "\tc", "é"]), max_size=8).map("\n".join).map(str.encode)


@pytest.mark.skipif(shutil.which("patch") is None, reason="patch is not installed")
@settings(max_examples=60, deadline=None)
@given(FILES, FILES)
def test_patch_reads_the_diffs(
    tmp_path_factory: pytest.TempPathFactory, before: bytes | None, after: bytes | None
) -> None:
    """GNU patch makes the new file of the old one, to the byte."""
    folder: Path = tmp_path_factory.mktemp("patch")
    text = unified("/file", before, after)
    if (before or b"") == (after or b""):
        assert not text
        return
    target = folder / "file"
    target.write_bytes(before or b"")
    done = subprocess.run(["patch", "-s", "-f", str(target)], input=text.encode(), capture_output=True, check=False)
    assert done.returncode == 0, (text, done.stdout, done.stderr)
    assert (target.read_bytes() if target.exists() else b"") == (after or b"")


@settings(max_examples=40, deadline=None)
@given(TEXTS)
def test_a_host_cannot_steer(text: str) -> None:
    plan = hostile_plan(text)
    for written in (render(plan, "terminal"), show(plan)):
        assert not STEERING.search(written)


@settings(max_examples=40, deadline=None)
@given(TEXTS)
def test_every_escape_is_ours(text: str) -> None:
    for part in show(hostile_plan(text), colour=True, verbose=True).split("\x1b")[1:]:
        assert part[0] == "["
        assert part[1:].partition("m")[0].replace(";", "").isdigit()


def test_markup_of_a_host_stays_text() -> None:
    assert "[/red][bold]x[/bold] :bomb:" in bare(show(hostile_plan("[/red][bold]x[/bold] :bomb:")))


def test_what_is_new_is_shown_whole() -> None:
    text = show(FULL)
    for line in SSHD.decode().splitlines():
        assert f"+ {line}" in text


def test_what_was_read_without_root_is_said_first() -> None:
    told = beware(replace(FULL, as_root=False))
    assert told[0][0] == "not root"
    assert "--ask-sudo-pass" in told[0][1]
    assert told[1:] == beware(FULL)


def test_who_is_shut_out_is_said_by_name_and_what_a_new_password_is_for() -> None:
    told = dict(beware(replace(FULL, shut_out=("webcam", "guest"))))
    assert told["no key"].startswith("No key was found of webcam, guest: SSH will no longer let them in.")
    use = "for the console and su, and for sudo where it is allowed."
    assert told["password"].endswith(f"{use} SSH takes keys alone, and no password any more.")
    others = tuple(
        replace(step, mends=tuple(mend for mend in step.mends if mend.rule != "ssh-password-login"))
        for step in FULL.steps
    )
    assert dict(beware(replace(FULL, steps=others)))["password"].endswith("that you give, to log in with.")
    assert dict(beware(replace(FULL, steps=others, keys_alone=True)))["password"].endswith(use)


@pytest.mark.parametrize("rule", ["ssh-root-login", "ssh-root-key-login"])
def test_root_is_named_where_ssh_lets_it_in_no_longer(rule: str) -> None:
    step = replace(KERNEL, mends=(Mend(rule, "host"),))
    assert dict(beware(replace(FULL, steps=(step,))))["root"].startswith("SSH lets root in no longer")
    assert "root" not in dict(beware(replace(FULL, steps=(KERNEL,))))


def test_the_guard_names_the_very_window_and_what_stays() -> None:
    told = guard(FULL, 45)
    assert "takes it back after 45 seconds, if it must with a restart, unless fresh logins" in told
    assert "do nothing: it goes back. Packages that came stay" in told
    assert "Packages" not in guard(replace(FULL, steps=(KERNEL,)), 45)


def test_what_stays_of_packages_is_told_at_the_end() -> None:
    step = replace(KERNEL, operations=(Packages(("ufw", "aide"), upgrade=True), Packages(remove=("telnetd",))))
    assert dict(beware(replace(FULL, steps=(step,))))["packages"] == (
        "Before all else 2 packages are installed, with what is needed, 1 package is removed, every update is "
        "installed; that stays should the rest be taken back."
    )
    told = dict(beware(replace(FULL, steps=(step,))))["removed"]
    assert told == "telnetd, until you undo it: that puts back what went."
    assert "packages" not in dict(beware(replace(FULL, steps=(KERNEL,))))


def test_what_ends_is_told_in_one_line_and_every_rule_of_it_has_a_fix() -> None:
    step = replace(KERNEL, mends=(Mend("usb-storage-allowed", "host"), Mend("telnet-listening", "telnet")))
    assert dict(beware(replace(FULL, steps=(step,))))["ends"] == (
        "These will work no longer: USB sticks and disks; telnet."
    )
    assert "ends" not in dict(beware(replace(FULL, steps=(replace(KERNEL, mends=()),))))
    assert set(ENDS) <= set(FIXES)
    assert set(DAILY) <= set(FIXES)


def test_no_command_is_shown_where_none_can_name_the_host() -> None:
    assert "$ thornwall harden" not in show(replace(FULL, typed=Typed()))


def test_what_only_undo_runs_says_so() -> None:
    tool = Tool("usb", (), (), undo_after=(("echo", "1"),))
    (told,) = shown(replace(MODES, operations=(tool,)))
    assert (told.verb, told.what, told.commands) == ("undo runs", "usb", ("echo 1",))


def test_which_ports_close_is_said_before_the_question() -> None:
    told = dict(beware(replace(FULL, closes=(23, 631), keeps=(22,))))
    assert told["ports"] == "tcp 23, 631 will not answer any more; tcp 22 answers on."
    told = dict(beware(replace(FULL, closes=(23, 631), closes_udp=(111, 5353), keeps=(22,))))
    assert told["ports"] == "tcp 23, 631 will not answer any more; tcp 22 answers on."
    assert told["udp"] == "UDP ports 111, 5353 close with their services."
    assert "ports" not in dict(beware(replace(FULL, closes_udp=(5353,))))
    assert dict(beware(replace(FULL, keeps=(22, 80))))["ports"] == "tcp 22, 80 answer on."
    assert "ports" not in dict(beware(FULL))


def test_who_loses_the_name_of_the_host_and_what_stays_open_is_said_before_the_question() -> None:
    off = Step("avahi", Purpose.SERVICES, "Switch Avahi off", (UnitDo("stop", ("avahi-daemon.service",)),))
    told = dict(beware(Plan("pi@host", (off,), host=HostName(hostname="raspberrypi"))))
    assert told == {"name": "raspberrypi.local leads to it no longer: note its address."}
    stays = Standing(40, {"extreme": 1, "high": 2, "low": 7})
    told = dict(beware(Plan("pi@host", (replace(off, operations=()),), after=stays)))
    assert told == {
        "left": "1 extreme finding and 2 high findings will be there still: held back, left to you, or left out by you."
    }
    grave = tuple(Mend(f"rule-{number}", "host", f"Title {number}") for number in range(4))
    told = dict(beware(Plan("pi@host", (replace(off, operations=()),), after=stays, grave=grave)))
    assert "will be there still (Title 0; Title 1; Title 2; and 1 more): held back" in told["left"]


def test_whom_ssh_lets_in_is_named_where_a_list_is_made_of_them() -> None:
    """A long diff is cut: its last line may be the one that shuts somebody out."""
    file = PutFile(
        "/etc/ssh/sshd_config.d/00-thornwall.conf", b"# ours\nMaxAuthTries 4\nAllowUsers pi webcam\n", "absent"
    )
    step = replace(KERNEL, operations=(file,), mends=(Mend("ssh-no-user-restriction", "host"),))
    assert dict(beware(replace(FULL, steps=(step,))))["users"] == "SSH lets in pi, webcam, and nobody else."
    assert "users" not in dict(beware(replace(FULL, steps=(replace(step, mends=()),))))
    told = dict(beware(replace(FULL, steps=(step,), keys_alone=True, keyless=("webcam",))))["users"]
    assert told == "SSH lets in pi, webcam (no key of theirs was found), and nobody else."
    came = replace(FULL.way_in, user="webcam", key_proved=True)  # by a certificate, say
    told = dict(beware(replace(FULL, steps=(step,), keys_alone=True, keyless=("webcam",), way_in=came)))["users"]
    assert told == "SSH lets in pi, webcam, and nobody else."


def test_who_is_on_the_list_and_shut_out_all_the_same_is_named_by_one_line_alone() -> None:
    file = PutFile("/etc/ssh/sshd_config.d/00-thornwall.conf", b"AllowUsers pi root webcam\n", "absent")
    mends = (Mend("ssh-no-user-restriction", "host"), Mend("ssh-root-login", "host"))
    step = replace(KERNEL, operations=(file,), mends=mends)
    told = dict(beware(replace(FULL, steps=(step,), shut_out=("webcam",))))
    assert told["users"] == "SSH lets in pi, and nobody else."
    assert told["root"].startswith("SSH lets root in no longer")
    assert told["no key"].startswith("No key was found of webcam: SSH will no longer let them in.")


def test_a_date_that_comes_by_itself_is_told() -> None:
    aged = tuple(AccountDo(user, AccountField.MAX_DAYS, "365") for user in ("pi", "webcam"))
    dated = (("pi", "2027-11-30"),)
    told = dict(beware(Plan("pi@host", (replace(KERNEL, operations=aged, mends=()),), ageing=dated)))
    assert told["daily"] == (
        "From now on: 365 days after its last change the password of pi (2027-11-30), webcam must be changed, at "
        "logins by key too."
    )


def test_that_the_firewall_counts_is_told_wherever_it_comes_from() -> None:
    """It is a step of its own only where the firewall was on before."""
    counts = Tool("ufw", (("ufw", "limit", "22/tcp"), ("ufw", "--force", "enable")), ("/etc/ufw",))
    told = dict(beware(Plan("pi@host", (replace(KERNEL, operations=(counts,), mends=()),))))
    assert told["daily"].startswith("From now on: the sixth SSH connection within half a minute is refused")
    admits = replace(counts, run=(("ufw", "allow", "22/tcp"),))
    assert "daily" not in dict(beware(Plan("pi@host", (replace(KERNEL, operations=(admits,), mends=()),))))


def test_sudo_that_goes_on_asking_nothing_is_not_said_to_ask() -> None:
    file = PutFile("/etc/sudoers.d/zz-thornwall", b"Defaults timestamp_timeout=0\n", "absent")
    step = replace(KERNEL, operations=(file,), mends=(Mend("sudo-timestamp-timeout", "host"),))
    left = Plan("pi@host", (step,), grave=(Mend("sudo-nopasswd", "pi"),))
    assert dict(beware(left))["daily"] == "From now on: sudo asks each time, where it asks at all."


def test_that_the_emergency_shell_closes_is_told() -> None:
    locks = replace(KERNEL, operations=(AccountDo("root", AccountField.LOCK),), mends=())
    assert "emergency shell" in dict(beware(Plan("pi@host", (locks,))))["emergency"]
    other = replace(KERNEL, operations=(AccountDo("games", AccountField.LOCK),), mends=())
    assert "emergency" not in dict(beware(Plan("pi@host", (other,))))


def test_a_board_that_starts_otherwise_is_not_left_alone() -> None:
    file = PutFile("/boot/firmware/cmdline.txt", b"root=/dev/mmcblk0p2 lsm=apparmor\n", "0" * 64)
    step = replace(KERNEL, operations=(file,), mends=(Mend("no-mac", "host"),), awaits_reboot=True)
    told = dict(beware(Plan("pi@host", (step,))))["restart"]
    assert told.endswith("(step 1): have somebody near it, or leave that out: --skip no-mac")
    other = replace(step, operations=(replace(file, path="/etc/modprobe.d/thornwall.conf"),))
    assert "have somebody near it" not in dict(beware(Plan("pi@host", (other,))))["restart"]


def test_what_is_another_thing_every_day_is_told_with_its_value() -> None:
    files = (
        PutFile("/etc/sudoers.d/zz-thornwall", b"Defaults timestamp_timeout=0\n", "absent"),
        PutFile("/etc/profile.d/thornwall-timeout.sh", b"if true; then\n    typeset -xr TMOUT=900\nfi\n", "absent"),
    )
    mends = tuple(Mend(rule, "host") for rule in ("sudo-timestamp-timeout", "shell-never-idles-out", "no-such-rule"))
    told = dict(beware(replace(FULL, steps=(replace(KERNEL, operations=files, mends=mends),))))
    assert told["daily"] == (
        "From now on: sudo asks each time; a shell in which nothing is typed for 900 seconds ends."
    )
    later = replace(files[0], content=b"Defaults timestamp_timeout=5\n")
    before = PutFile("/etc/sudoers", b"Defaults timestamp_timeout=30\n", "absent")  # which ours overrules
    told = dict(beware(replace(FULL, steps=(replace(KERNEL, operations=(before, later), mends=mends[:1]),))))
    assert told["daily"] == "From now on: sudo asks again after 5 minutes."
    assert "daily" not in dict(beware(replace(FULL, steps=(KERNEL,))))


def test_a_job_of_the_first_start_that_is_not_done_is_told() -> None:
    assert dict(beware(replace(FULL, job_waits=True)))["first start"].startswith(
        "The job of its first start is not done"
    )
