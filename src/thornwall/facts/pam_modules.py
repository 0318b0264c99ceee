"""Which PAM modules and which of sudo and doas are installed: one listing serves both subjects."""

from __future__ import annotations

import re

from thornwall.model.capture import Capture
from thornwall.model.fact import ABSENT, Fact, Known, Unknown
from thornwall.model.probe import Run

_FOLDERS = ("lib/*/security", "lib/security", "lib64/security", "usr/lib/*/security", "usr/lib/security")
MODULES = Run(
    "login-programs",
    "ls -1d ./usr/bin/sudo ./usr/bin/doas ./bin/sudo ./usr/local/bin/sudo ./usr/local/bin/doas "
    + " ".join(f"./{folder}/*.so" for folder in (*_FOLDERS, "usr/lib64/security", "usr/local/lib/security"))
    + " 2>/dev/null",
    shell=True,
    live=False,
    follows=("./usr/bin", "./usr/local/bin", "./bin", *(f"./{folder}" for folder in _FOLDERS)),
)
_PATH = re.compile(r"^\./(\S+)$", re.MULTILINE)


def _listed(capture: Capture) -> Fact[frozenset[str]]:
    match capture.command(MODULES.name):
        case Known(result) if found := _PATH.findall(result.text):
            return Known(frozenset(found))
        case Unknown() as unknown:
            return unknown
        case _:
            return Unknown("the modules of PAM could not be listed")


def modules(capture: Capture) -> Fact[frozenset[str]]:
    """Names of the PAM modules that are installed (`pam_unix.so`), and their absolute paths."""
    match _listed(capture):
        case Known(paths):
            modules_ = {path for path in paths if path.endswith(".so")}
            if not modules_:
                return ABSENT
            return Known(frozenset(name for path in modules_ for name in (path.rpartition("/")[2], f"/{path}")))
        case other:
            return other


def installed_program(capture: Capture, name: str) -> Fact[bool]:
    """Whether a program is there."""
    match _listed(capture):
        case Known(paths):
            return Known(any(path.endswith(f"bin/{name}") for path in paths))
        case other:
            return other
