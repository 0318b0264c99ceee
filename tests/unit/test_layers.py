"""Rules, facts and reports stay pure: importing them brings no network, no process, no event loop."""

from __future__ import annotations

import subprocess
import sys

import pytest

FORBIDDEN = ("asyncio", "socket", "subprocess", "asyncssh")


@pytest.mark.parametrize("package", ["thornwall.rules.registry", "thornwall.facts.registry", "thornwall.report"])
def test_pure(package: str) -> None:
    code = f"import sys, {package}; print([name for name in {FORBIDDEN!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_ssh_starts_no_compiler() -> None:
    """asyncssh looks for a library with ldconfig, gcc and ld, each time that it is imported, unless kept from it."""
    code = (
        "import sys\nfrom thornwall.transport.ssh import _no_search_for_libraries\n"
        "sys.addaudithook(lambda event, _: print(event) if event == 'subprocess.Popen' else None)\n"
        "with _no_search_for_libraries():\n    import thornwall.transport.ssh_login\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""


def test_the_help_brings_no_ssh() -> None:
    code = (
        "import sys\nfrom thornwall.cli.app import build\nbuild()\n"
        "print([name for name in ('asyncssh', 'cryptography', 'asyncio') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
