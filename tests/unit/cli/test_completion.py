"""Completion as the shells ask for it: commands, and the names of rules."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ASKED = {
    "bash": 'eval "$(_THORNWALL_COMPLETE=source_bash thornwall)"; COMP_WORDS=(thornwall {words}); '
    'COMP_CWORD={count}; _thornwall_completion thornwall; printf "%s\\n" "${{COMPREPLY[@]}}"',
    "fish": 'source (_THORNWALL_COMPLETE=source_fish thornwall | psub); complete -C "thornwall {words}"',
    # what the function for zsh hands to _arguments; no terminal is needed to see it
    "zsh": '_TYPER_COMPLETE_ARGS="thornwall {words}" _THORNWALL_COMPLETE=complete_zsh thornwall',
}


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """A folder with the `thornwall` that a package would have installed."""
    program = tmp_path / "bin/thornwall"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom thornwall.__main__ import main\nmain()\n")
    program.chmod(0o755)
    return program.parent


@pytest.mark.parametrize("shell", ASKED)
@pytest.mark.parametrize(
    ("words", "offered", "hidden"),
    [
        ("explain ssh-root-l", "ssh-root-login", "ssh-root-key-login"),
        ("explain telnet", "telnet-listening", "audit"),
        ("a", "audit", "capture"),
        ("profile s", "show", "init"),
    ],
)
def test_it_offers_what_fits(shell: str, words: str, offered: str, hidden: str, answers: Path) -> None:
    runner = "sh" if shell == "zsh" else shell
    if not shutil.which(runner):
        pytest.skip(f"{shell} is not installed")
    command = ASKED[shell].format(words=words, count=len(words.split()))
    environment = {"PATH": f"{answers}:{os.environ['PATH']}", "HOME": str(answers)}
    environment |= {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    done = subprocess.run([runner, "-c", command], env=environment, capture_output=True, text=True, check=True)
    found = re.split(r'[\s":()]+', done.stdout)
    assert offered in found, done.stdout + done.stderr
    assert hidden not in found
