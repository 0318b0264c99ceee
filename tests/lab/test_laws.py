"""The laws of every fix on booted hosts: see laws.py. What a container has not is in EXCEPT, each with its reason."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from thornwall.plan.registry import FIXES

from .laws import Seen, Trial, broken, try_laws
from .laws_trials import TRIALS

_KERNEL = "a setting of the whole kernel, which a container cannot change, and which the rule does not judge there"
_PACKAGES = "package work, which has a record and an undo of its own"

EXCEPT = {
    "aslr-off": _KERNEL,
    "kernel-log-open": _KERNEL,
    "kernel-pointers-shown": _KERNEL,
    "kexec-allowed": _KERNEL,
    "sysrq-keys-answered": _KERNEL,
    "bpf-code-predictable": _KERNEL,
    "line-disciplines-autoload": _KERNEL,
    "protected-links-off": _KERNEL,
    "ptrace-open": _KERNEL,
    "setuid-core-dumps": _KERNEL,
    "unprivileged-bpf": _KERNEL,
    "no-mac": "the kernel around the host decides about AppArmor: laws_captures.py has a machine",
    "no-auditd": "a container has no audit log: laws_captures.py has a machine",
    "no-audit-rules": "a container has no audit log: test_vm_audit.py",
    "usb-devices-allowed": "a container has no USB of its own: test_vm_usb.py",
    "no-time-sync": "a container has the clock of its host: laws_captures.py has a machine",
    "mail-server-listening": "the lab has no package of a mail server, and its own tool is the whole fix",
    "needless-service-installed": _PACKAGES,
    "no-automatic-updates": _PACKAGES,
    "automatic-updates-miss-origin": _PACKAGES,
    "no-file-integrity-check": _PACKAGES,
    "no-password-quality": _PACKAGES,
    "package-files-unchecked": _PACKAGES,
    "pending-security-updates": _PACKAGES,
    "pending-updates": _PACKAGES,
    "stale-package-lists": _PACKAGES,
    "update-news-untold": _PACKAGES,
    "updates-leave-old-code-running": _PACKAGES,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home for the one who hardens."""
    before = os.environ.get("HOME")
    yield tmp_path_factory.mktemp("home")
    if before is not None:
        os.environ["HOME"] = before


def test_every_fix_has_a_case_or_a_reason() -> None:
    cases = {case.rule for trial in TRIALS for case in trial.cases}
    assert cases | EXCEPT.keys() == FIXES.keys()
    assert not cases & EXCEPT.keys()


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.name)
def test_the_laws_hold(trial: Trial, release: str, folder: Path) -> None:
    seen: Seen = try_laws(trial, release, folder)
    assert broken(trial, seen, release) == []
