"""The commands that are printed to be typed: they name and reach the host as the one before did."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

import thornwall.cli.harden
from tests.unit.report.plan_sample import FULL
from thornwall.jobs.named import named
from thornwall.model.capture import Capture, Manifest, Source
from thornwall.model.typed import Typed


def parsed(words: list[str]) -> dict[str, object]:
    """What `thornwall plan` or `harden` itself makes of the words, without its defaults."""
    app = typer.Typer()
    thornwall.cli.harden.register(app)
    group = typer.main.get_group(app)
    command = group.commands[words[1]]
    context = command.make_context(words[1], words[2:])
    given = {name for name in context.params if str(context.get_parameter_source(name)).endswith("COMMANDLINE")}
    return {name: value for name, value in context.params.items() if name in given}


def planned(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]) -> list[str]:
    """The command that `thornwall WORDS` ends with."""
    capture = Capture(Manifest("pi@host", "ssh", 0))
    found = SimpleNamespace(plan=replace(FULL, typed=Typed()), situation=SimpleNamespace(capture=capture))
    monkeypatch.setattr(thornwall.cli.harden, "_look", lambda *_, **__: found)
    app = typer.Typer()
    thornwall.cli.harden.register(app)
    typer.main.get_group(app).main(words, standalone_mode=False)
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("$ thornwall ")]
    assert len(shown) == 1
    return shlex.split(shown[0])[1:]


def test_a_plan_ends_with_the_command_that_reaches_the_same_host_and_makes_the_same_plan(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    key, policy, profile, secrets = (tmp_path / name for name in ("my key", "p.toml", "what it's for.toml", "s.toml"))
    policy.write_text("")
    profile.write_text("")
    secrets.write_text('sudo = "hunter2"\n')
    secrets.chmod(0o600)
    options = ["-i", str(key), "--policy", str(policy), "--profile", str(profile), "--preset", "strict"]
    options += ["--only", "ssh", "--only", "kernel"]
    options += ["--accept", "account-lock:mosquitto.service", "--secrets", str(secrets)]
    words = planned(monkeypatch, capsys, ["plan", "pi@host:2222", *options, "-K", "--timeout", "60"])
    assert words[:3] == ["thornwall", "harden", "pi@host:2222"]
    assert parsed(words) == {
        "target": "pi@host:2222",
        "identity": str(key),
        "policy": str(policy),
        "profile": str(profile),
        "preset": "strict",
        "only": ("ssh", "kernel"),
        "accept": ("account-lock:mosquitto.service",),
        "secrets": str(secrets),
    }
    assert "hunter2" not in " ".join(words)


def test_without_options_there_are_none(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert planned(monkeypatch, capsys, ["plan", "pi@host"]) == ["thornwall", "harden", "pi@host"]
    assert planned(monkeypatch, capsys, ["plan"]) == ["thornwall", "harden", "local:"]


@pytest.mark.parametrize(
    ("told", "source", "name"),
    [
        ("pi@host:2222", "ssh", "pi@host:2222"),
        ("pi@fe80::1", "ssh", "pi@fe80::1"),
        ("host", "ssh", "ssh:host"),
        ("this machine", "local", ""),
        ("/mnt", "directory", ""),
        ("-i@host", "ssh", ""),
        ("../../x", "ssh", ""),
        ("pi@host; reboot", "ssh", ""),
        ("", "ssh", ""),
    ],
)
def test_a_capture_names_a_host_or_nothing(told: str, source: Source, name: str, tmp_path: Path) -> None:
    (tmp_path / "c.tar.gz").write_bytes(b"")
    assert named(str(tmp_path / "c.tar.gz"), Manifest(told, source, 0)) == name


def test_everything_else_is_named_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "card").mkdir()
    assert named("", Manifest("this machine", "local", 0)) == "local:"
    assert named("ssh:card", Manifest("card", "ssh", 0)) == "ssh:card"  # without its prefix it is refused here
    assert named("dir:card", Manifest(str(tmp_path / "card"), "directory", 0)) == str(tmp_path / "card")
