"""The command line without a host: right words, wrong words, and what each exit code is for."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from thornwall.cli.app import COMMANDS
from thornwall.collect.archive import save
from thornwall.jobs.audit import assess
from thornwall.jobs.judging import Judging
from thornwall.jobs.named import answered
from thornwall.model.capture import Capture, FileRecord, Manifest
from thornwall.model.typed import Typed
from thornwall.report import render
from thornwall.rules.registry import RULES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    record = FileRecord("/etc/passwd", "read", b"root:x:0:0:root:/root:/bin/bash\n", 0o644, 0, 0, "root", "root", 32, 1)
    reads = ("/etc/passwd",)
    save(
        Capture(Manifest("pi@host", "ssh", 0, 1_795_000_000, reads=reads), {record.path: record}), tmp_path / "c.tar.gz"
    )
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.toml").write_text("[rules]\nssh-pasword-login = false\n")
    (tmp_path / "bad.tar.gz").write_text("no capture")
    return tmp_path


def thornwall(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "THORNWALL"))}
    return subprocess.run(
        [sys.executable, "-m", "thornwall", *words],
        cwd=folder,
        env=kept | {"HOME": str(folder), "COLUMNS": "100", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


WRONG: dict[str, tuple[tuple[str, ...], int, str]] = {
    "no such command": (("audti",), 2, "audti"),
    "no such option": (("audit", "--preest", "strict"), 2, "--preest"),
    "no such format": (("audit", "c.tar.gz", "-f", "jsn"), 2, "Did you mean 'json'?"),
    "a name that tells no format": (("audit", "c.tar.gz", "-o", "x.bin"), 2, ".json"),
    "two formats for standard output": (("audit", "c.tar.gz", "-f", "json", "-f", "csv"), 2, "-o FILE"),
    "no such preset": (("audit", "c.tar.gz", "--preset", "stric"), 2, "Did you mean 'strict'?"),
    "no such level": (("audit", "c.tar.gz", "--fail-on", "huge"), 2, "huge"),
    "a policy that is not there": (("audit", "c.tar.gz", "--policy", "none.toml"), 2, "none.toml"),
    "a wrong policy": (("audit", "c.tar.gz", "--policy", "bad.toml"), 2, "bad.toml:2: "),
    "no capture": (("audit", "bad.tar.gz"), 2, "bad.tar.gz"),
    "no such file": (("audit", "./c.tar.g"), 2, "c.tar.gz"),
    "a folder that holds no root": (("audit", "dir:empty"), 2, "no root file system"),
    "a host with spaces": (("audit", "ssh:a b"), 2, "names no host"),
    "a name of a host that none can have": (("audit", "pi@a..b"), 4, "no host has the name a..b"),
    "nowhere to write": (("audit", "c.tar.gz", "-o", "no/where.json"), 2, "could not be written"),
    "nowhere to write, before a host is asked": (("audit", "pi@a..b", "-o", "no/where.json"), 2, "no folder no"),
    "a capture with nowhere to go": (("capture", "pi@a..b", "-o", "no/where.tar.gz"), 2, "no folder no"),
    "capture without a file": (("capture", "c.tar.gz"), 2, "-o FILE"),
    "no such rule": (("explain", "ssh-pasword-login"), 2, "Did you mean 'ssh-password-login'?"),
    "attest no such rule": (("attest", "host", "no-rule", "--until", "2027-01-01"), 2, "no rule"),
    "attest a bad date": (("attest", "host", "log-review", "--until", "soon"), 2, "2027-01-31"),
    "attest what is no question": (("attest", "host", "no-backup", "--until", "2027-01-01"), 2, "waiver"),
    "profile with nobody to ask": (("profile", "init", "c.tar.gz"), 2, "--yes"),
    "sudo and no sudo": (("audit", "-K", "--no-sudo"), 2, "exclude"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_usage_is_named_in_words(name: str, folder: Path) -> None:
    words, code, said = WRONG[name]
    done = thornwall(folder, *words)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_capture_is_audited_in_every_format(folder: Path) -> None:
    names = ["r.json", "r.html", "r.sarif", "r.xml", "r.csv", "r.md", "r.txt"]
    outputs = [word for name in names for word in ("-o", name)]
    done = thornwall(folder, "audit", "c.tar.gz", *outputs, "--fail-on", "never")
    assert done.returncode == 0, done.stderr
    assert all((folder / name).stat().st_size > 200 for name in names)
    assert (folder / "r.html").stat().st_mode & 0o777 == 0o600
    assert json.loads((folder / "r.json").read_text())["schema"] == "thornwall.report/1"
    assert "pi@host" in done.stdout


def test_json_on_standard_output_is_json_alone(folder: Path) -> None:
    done = thornwall(folder, "audit", "c.tar.gz", "-f", "json")
    assert json.loads(done.stdout)["target"] == "pi@host"


def test_exit_codes_say_what_was_found(folder: Path) -> None:
    # almost nothing is in this capture: what is unknown might hide something at any level
    assert thornwall(folder, "audit", "c.tar.gz", "-q").returncode == 3
    assert thornwall(folder, "audit", "c.tar.gz", "-q", "--fail-on", "never").returncode == 0


def test_rules_and_their_explanations(folder: Path) -> None:
    listed = json.loads(thornwall(folder, "rules", "--format", "json").stdout)
    assert [rule["id"] for rule in listed] == [rule.id for rule in RULES]
    assert {"id", "title", "subject", "kind", "fix", "references"} <= set(listed[0])
    assert {rule["fix"] for rule in listed} <= {"automatic", "needs-answer", "by-hand"}
    text = thornwall(folder, "explain", listed[0]["id"]).stdout
    assert all(heading in text for heading in ("What", "Why", "Remedy"))


def test_a_profile_is_kept_for_its_target(folder: Path) -> None:
    done = thornwall(folder, "profile", "init", "c.tar.gz", "--yes")
    assert done.returncode == 0, done.stderr
    shown = thornwall(folder, "profile", "show", "c.tar.gz").stdout
    assert 'place = "home"' in shown
    (kept,) = (folder / ".config/thornwall/profiles").iterdir()
    kept.write_text(kept.read_text().replace('place = "home"', 'place = "public"'))
    assert 'place = "public"' in thornwall(folder, "profile", "show", "c.tar.gz").stdout
    report = json.loads(thornwall(folder, "audit", "c.tar.gz", "-f", "json").stdout)
    assert report["profile"]["place"] == "public"
    assert "place public" in " ".join(thornwall(folder, "audit", "c.tar.gz").stdout.split())
    kept.unlink()
    assert "nobody has said what it is for" in " ".join(thornwall(folder, "audit", "c.tar.gz").stdout.split())


def test_a_profile_says_how_it_moves_the_risk_and_stays_toml(folder: Path) -> None:
    (folder / "fair.toml").write_text('data = ["personal", "medical"]\nonline = "no"\nplace = "public"\n')
    shown = thornwall(folder, "profile", "show", "--profile", "fair.toml").stdout
    moves = [line.removeprefix("#   ") for line in shown.splitlines() if line.startswith("#   ")]
    assert [move.partition("; ")[::2] for move in moves] == [  # docs/risk.md has the same numbers
        ("likelihood -3: the device is on no network", "for every fault that is used from the network"),
        (
            "likelihood -1: the device is on no network, so few get as far as an account",
            "for every fault that takes an account on the device",
        ),
        (
            "likelihood +2: the device stands where the public can touch it",
            "for every fault that takes hands on the device",
        ),
        ("impact +2: it holds medical data", "for every fault that gives control or that lets data be read"),
    ]
    assert tomllib.loads(shown)["data"] == ["personal", "medical"]
    (folder / "lock.toml").write_text('controls = ["lock"]\n')
    assert "#   impact +2: it controls a lock; for every fault\n" in (
        thornwall(folder, "profile", "show", "--profile", "lock.toml").stdout
    )
    assert "It moves no risk" in thornwall(folder, "profile", "show", "c.tar.gz").stdout


def test_an_answer_holds_until_its_day(folder: Path) -> None:
    before = json.loads(thornwall(folder, "audit", "c.tar.gz", "-f", "json").stdout)
    asked = [finding["rule"] for finding in before["findings"] if finding["status"] == "manual"]
    assert asked
    words = ("attest", "c.tar.gz", asked[0], "--by", "the owner", "--note", "seen", "--until")
    done = thornwall(folder, *words, "2999-12-31")
    assert done.returncode == 0
    assert f"{asked[0]} of {folder / 'c.tar.gz'} is answered yes until 2999-12-31." in done.stderr
    (kept,) = folder.rglob("attestations.toml")
    for until, status in (("2999-12-31", "pass"), ("2000-01-01", "manual")):
        kept.write_text(kept.read_text().replace("2999-12-31", until))
        after = json.loads(thornwall(folder, "audit", "c.tar.gz", "-f", "json").stdout)
        found = next(finding for finding in after["findings"] if finding["rule"] == asked[0])
        assert found["status"] == status
        assert ("the owner" in found["detail"]) == (status == "pass")


@pytest.mark.parametrize(
    ("target", "manifest", "kept"),
    [
        ("", Manifest("this machine", "local", 0, 1_795_000_000), "this machine"),
        ("Pi@Host:2222", Manifest("Pi@Host:2222", "ssh", 0, 1_795_000_000), "host:2222"),
    ],
)
def test_the_command_that_answers_can_be_typed(target: str, manifest: Manifest, kept: str, folder: Path) -> None:
    """For this machine too, which a report does not call as a command does."""
    report = replace(assess(Capture(manifest, {}), Judging("2026-11-23")), typed=Typed(answered(target, manifest)))
    shown = next(line for line in render(report, "terminal").splitlines() if "thornwall attest" in line)
    words = shlex.split(shown.partition("$ thornwall ")[2])
    assert not {"NAME", "TEXT", "DATE"} & set(words)  # what is pasted is kept
    done = thornwall(folder, *words)
    assert (done.returncode, f"{kept} is answered yes" in done.stderr) == (0, True), done.stderr


@pytest.mark.parametrize("name", ["two words.tar.gz", "evidence", "pi@host.tar.gz"])
def test_a_capture_says_how_to_audit_it(folder: Path, name: str) -> None:
    (folder / "root/etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    done = thornwall(folder, "capture", "./root", "-o", name)
    words = shlex.split(done.stderr.partition("audit it with: ")[2])
    assert words[:2] == ["thornwall", "audit"]
    assert thornwall(folder, *words[1:], "--fail-on", "never").returncode == 0


def audited(folder: Path, *words: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(thornwall(folder, "audit", *words, "-f", "json").stdout)
    return report


def test_a_capture_is_judged_by_what_is_kept_for_its_host(folder: Path) -> None:
    """By the very command that its report shows; and it says so. What is kept for the capture itself goes before."""
    text = thornwall(folder, "audit", "c.tar.gz").stdout
    assert "Judged by the" not in text
    command = next(line.partition("$ thornwall ")[2] for line in text.splitlines() if "thornwall attest" in line)
    words = shlex.split(command)
    assert words[:2] == ["attest", "pi@host"]
    assert thornwall(folder, *words).returncode == 0
    (folder / ".config/thornwall/profiles").mkdir(parents=True)
    (folder / ".config/thornwall/profiles/host.toml").write_text('place = "public"\n')
    report = audited(folder, "c.tar.gz")
    assert next(each["status"] for each in report["findings"] if each["rule"] == words[2]) == "pass"
    assert report["profile"]["place"] == "public"
    assert report["notes"] == ["Judged by the profile and the answers kept for host, which the capture names."]
    assert thornwall(folder, "profile", "init", "c.tar.gz", "--yes").returncode == 0
    report = audited(folder, "c.tar.gz")
    assert report["profile"]["place"] == "home"
    assert report["notes"] == ["Judged by the answers kept for host, which the capture names."]


@pytest.mark.parametrize(
    "manifest",
    [
        Manifest("../../evil", "ssh", 0, 1_795_000_000),
        Manifest("x/../../../evil", "ssh", 0, 1_795_000_000),
        Manifest("this machine", "local", 0, 1_795_000_000),
        Manifest("/", "directory", 0, 1_795_000_000),
    ],
)
def test_a_capture_that_names_no_host_has_answers_of_its_own(manifest: Manifest, folder: Path) -> None:
    """This machine may be another one by now, and whoever sent the capture wrote what stands there."""
    save(Capture(manifest, {}), folder / "own.tar.gz")
    for name in ("evil", "this-machine", "root"):
        for place in (folder, folder / ".config", folder / ".config/thornwall", folder / ".config/thornwall/profiles"):
            place.mkdir(exist_ok=True)
            (place / f"{name}.toml").write_text('place = "public"\n')
    assert thornwall(folder, "attest", "local:", "on-when-unused", "--until", "2999-12-31").returncode == 0
    report = audited(folder, "own.tar.gz")
    assert (report["profile"]["place"], report["notes"]) == ("home", [])
    shown = thornwall(folder, "audit", "own.tar.gz").stdout
    command = next(line.partition("$ thornwall ")[2] for line in shown.splitlines() if "on-when-unused" in line)
    assert shlex.split(command)[:2] == ["attest", "own.tar.gz"]
    assert thornwall(folder, *shlex.split(command)).returncode == 0
    found = audited(folder, "own.tar.gz")["findings"]
    assert next(each["status"] for each in found if each["rule"] == "on-when-unused") == "pass"


def test_an_answer_until_a_day_that_is_past_is_refused(folder: Path) -> None:
    done = thornwall(folder, "attest", "c.tar.gz", "on-when-unused", "--until", "2000-01-01")
    assert (done.returncode, "2000-01-01 is past" in done.stderr) == (2, True)


def test_a_waiver_is_shown_and_not_counted(folder: Path) -> None:
    before = json.loads(thornwall(folder, "audit", "c.tar.gz", "-f", "json").stdout)
    rule = next(finding["rule"] for finding in before["findings"] if finding["status"] == "manual")
    for until, status in (("2999-12-31", "waived"), ("2000-01-01", "manual")):
        (folder / "p.toml").write_text(
            f'[[waivers]]\nrule = "{rule}"\nreason = "r"\nby = "the owner"\nuntil = {until}\n'
        )
        after = json.loads(thornwall(folder, "audit", "c.tar.gz", "-f", "json", "--policy", "p.toml").stdout)
        found = next(finding for finding in after["findings"] if finding["rule"] == rule)
        assert found["status"] == status


def test_version_and_help(folder: Path) -> None:
    assert thornwall(folder, "--version").stdout.startswith("thornwall 0.")
    done = thornwall(folder, "audit", "--help")
    assert done.returncode == 0
    assert "Exit codes" in done.stdout


def test_a_closed_pipe_is_no_error(folder: Path) -> None:
    command = f"{sys.executable} -m thornwall rules --format json | head -c 1"
    done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "["
    assert done.stderr == ""


def test_every_command_is_known_by_its_module() -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "thornwall", "--help"],
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    shown = re.findall(r"^│ ([a-z]+) ", listed.split("Commands ─")[1], re.MULTILINE)
    assert shown == list(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_brings_its_module_alone(command: str) -> None:
    code = (
        "import sys\nfrom thornwall.cli.app import COMMANDS, run\n"
        f"sys.argv = ['thornwall', {command!r}, '--help']\ncode = run()\n"
        "print(code, *{name for name in COMMANDS.values() if f'thornwall.cli.{name}' in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"thornwall {command} " in done.stdout
    assert done.stdout.splitlines()[-1] == f"0 {COMMANDS[command]}"
