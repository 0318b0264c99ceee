"""What the device could not be told is known here, and nothing that lies in its file does harm."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from thornwall.apply.events import Change
from thornwall.jobs import unsaid
from thornwall.jobs.unsaid import Known
from thornwall.transport.target import SshTarget, parse_target

GONE = Change("0003", "undone", 1_795_000_000, "1", "", None, False, "harden recommended")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "thornwall" / "unsaid.json"


def host(text: str) -> SshTarget:
    target = parse_target(text)
    assert isinstance(target, SshTarget)
    return target


def told(target: str, change: Change = GONE) -> str:
    (found,) = unsaid.told(host(target), [change])
    return found.unsaid


def test_it_is_told_of_that_change_of_that_host_alone(file: Path) -> None:
    unsaid.keep(host("pi@host"), "0003", Known("sudo is broken", 1))
    unsaid.keep(host("pi@other"), "0004", Known("SSH is gone", 1))
    assert told("root@HOST") == "sudo is broken"  # whoever logs in
    assert told("pi@host", replace(GONE, id="0002")) == ""
    assert told("pi@host:2222") == ""
    assert told("pi@host", replace(GONE, state="rehearsal")) == ""  # another one, of the same number
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0


def test_what_is_kept_under_a_name_that_is_a_folder_here_is_that_of_the_host(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "raspberrypi").mkdir()
    monkeypatch.chdir(tmp_path)
    unsaid.keep(host("ssh:raspberrypi"), "0003", Known("sudo is broken", 1))
    assert told("ssh:raspberrypi") == "sudo is broken"


def test_a_reason_not_to_confirm_is_none_of_what_somebody_confirmed(file: Path) -> None:
    kept = replace(GONE, state="confirmed")
    unsaid.keep(host("pi@host"), "0003", Known("sudo is broken", 1))
    assert told("pi@host", kept) == ""
    # and what did not hold while it stood is no reason for its end
    unsaid.keep(host("pi@host"), "0003", Known("SSH takes passwords", 0))
    assert told("pi@host", kept) == "SSH takes passwords"
    assert told("pi@host") == ""


def test_of_many_hosts_the_last_are_kept(file: Path) -> None:
    for number in range(100):
        unsaid.keep(host(f"pi@host{number}"), "0003", Known("x" * 1000, 1))
    assert told("pi@host99") == "x" * 1000
    assert told("pi@host50") == "x" * 1000
    assert told("pi@host0") == ""


def test_several_at_once_lose_nothing(file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        for number in range(40):
            pool.submit(unsaid.keep, host(f"pi@host{number}"), "0003", Known("x", 1))
    assert [told(f"pi@host{number}") for number in range(40)] == ["x"] * 40


def test_nothing_is_left_of_what_was_told(file: Path) -> None:
    unsaid.keep(host("pi@host"), "0003", Known("sudo is broken", 1))
    unsaid.keep(host("pi@host"), "0004", Known("and again", 1))
    unsaid.keep(host("pi@host"), "0003", Known())
    assert told("pi@host") == ""
    unsaid.keep(host("pi@host"), "0004", Known())
    unsaid.keep(host("pi@host"), "0005", Known())
    assert list(file.parent.iterdir()) == []


def test_what_a_host_said_cannot_write_to_the_terminal(file: Path) -> None:
    unsaid.keep(host("pi@host"), "0003", Known("no\x1b[2J" + "x" * 5000, 1))
    assert file.stat().st_size < 2000
    assert told("pi@host").startswith("no?[2Jxxx")


def test_who_does_not_get_in_is_told_by_when_it_goes_back(file: Path) -> None:
    now = 1_795_000_000
    unsaid.keep(host("pi@host"), "0003", Known("", now + 100))
    said = unsaid.on_its_way(host("pi@host"), now)
    # `date -d @1795000100 +%T`, wherever the tests run
    clock = subprocess.run(["date", "-d", f"@{now + 100}", "+%T %Z"], capture_output=True, text=True, check=True)
    assert said.startswith(
        "Change 0003 of this host was not confirmed from here. Unless somebody has, the device takes "
    )
    assert f"by {clock.stdout.strip()} or with a restart" in said
    assert unsaid.on_its_way(host("pi@other"), now) == ""
    past = unsaid.on_its_way(host("pi@host"), now + 200)  # it may restart for that
    assert f"its time was up at {clock.stdout.strip()}: unless somebody has confirmed it, it is back by now" in past
    assert unsaid.on_its_way(host("pi@host"), now + 300) == ""
    unsaid.keep(host("pi@host"), "0004", Known("", kept=now + 150))
    assert unsaid.on_its_way(host("pi@host"), now + 200) == ""  # he was in since
    unsaid.keep(host("pi@host"), "0004", Known())
    unsaid.keep(host("pi@host"), "0005", Known("", kept=now - 90000))  # of the card before, which was written anew
    assert unsaid.on_its_way(host("pi@host"), now).startswith("Change 0003 of this host was not confirmed")
    unsaid.keep(host("pi@host"), "0005", Known())
    unsaid.keep(host("pi@host"), "0003", Known("a reason alone", 0))
    assert unsaid.on_its_way(host("pi@host"), now) == ""


def test_who_is_shut_out_some_days_later_is_told_of_what_was_confirmed(file: Path) -> None:
    now = 1_795_000_000
    unsaid.keep(host("pi@host"), "0003", Known("telnet answers still", kept=now))
    date = subprocess.run(["date", "-d", f"@{now}", "+%F %H:%M %Z"], capture_output=True, text=True, check=True)
    said = unsaid.lately_kept(host("pi@host"), now + 86400)
    assert said.startswith(f"Change 0003 of this host was confirmed from here, {date.stdout.strip()}; a login worked")
    assert unsaid.on_its_way(host("pi@host"), now) == ""  # it does not go back by itself
    assert told("pi@host", replace(GONE, state="confirmed")) == "telnet answers still"
    for other, at in (("pi@other", now), ("pi@host", now + 30 * 86400), ("pi@host", now - 60)):
        assert unsaid.lately_kept(host(other), at) == ""
    unsaid.keep(host("pi@host"), "0003", Known())
    assert unsaid.lately_kept(host("pi@host"), now) == ""


BROKEN: dict[str, bytes] = {
    "empty": b"",
    "binary": bytes(range(256)),
    "cut short": b'{"host": {"0003": "sudo',
    "deep": b"[" * 60_000,
    "huge": b'{"host": {"0003": "' + b"x" * (1 << 20) + b'"}}',
    "a list": b"[1, 2]",
    "a number": b"3",
    "no table of changes": b'{"host": "0003"}',
    "no time": b'{"host": {"0003": {"why": "x", "until": "soon", "kept": 0}}}',
    "a day that no calendar has": b'{"host": {"0003": {"why": "x", "until": 1e300, "kept": 0}}}',
    "no number": b'{"host": {"0003": {"why": "x", "until": 0, "kept": NaN}}}',
    "no text": b'{"host": {"0003": {"why": 7, "until": 0, "kept": 0}}}',
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_none(case: str, file: Path) -> None:
    file.parent.mkdir(mode=0o700)
    file.write_bytes(BROKEN[case])
    assert told("pi@host") == ""
    unsaid.keep(host("pi@host"), "0003", Known("sudo is broken", 1))
    assert told("pi@host") == "sudo is broken"


def test_where_nothing_can_be_written_nothing_fails(file: Path) -> None:
    file.parent.write_bytes(b"no folder")
    unsaid.keep(host("pi@host"), "0003", Known("sudo is broken", 1))
    assert told("pi@host") == ""
