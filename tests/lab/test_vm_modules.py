"""A kernel that an update has replaced, on a machine whose kernel is its own: no filter can be loaded before a restart.

Some minutes for each release: `make test-vm`, or THORNWALL_LAB_VM=1 pytest.
"""

import json
import os
from pathlib import Path

import pytest

from . import vm
from .hardening import NEW
from .test_vm_harden import NO_TIMERS
from .vm_desk import PATIENCE, VMDesk

pytestmark = [
    pytest.mark.skipif("THORNWALL_LAB_VM" not in os.environ, reason="THORNWALL_LAB_VM is not set (make test-vm)"),
    pytest.mark.skipif(vm.missing_for_vm() is not None, reason=str(vm.missing_for_vm())),
]

REPLACED = "mv /lib/modules/$(uname -r) /lib/modules/9.9.9-update"
BACK = "mv /lib/modules/9.9.9-update /lib/modules/$(uname -r)"
# what the plan would have come to
TRIED = "apt-get -qq install ufw >&2; ufw --force enable"


def test_the_firewall_waits_for_the_restart(release: str, tmp_path: Path) -> None:
    with vm.start(release) as machine:
        desk = VMDesk(machine, tmp_path)
        machine.run(NO_TIMERS, check=True)
        words = ("plan", desk.where, "-f", "json", "--secrets", desk.secrets(**NEW), *PATIENCE[:2])

        def held() -> list[str]:
            planned = json.loads(desk.run(*words, "--only", "firewall", timeout=1200).stdout)
            return sorted({each["interlock"] for each in planned["held"]})

        assert held() == []
        machine.run(REPLACED, check=True)
        assert held() == ["firewall-on"]
        machine.run(BACK, check=True)
        assert held() == []
        machine.run(REPLACED, check=True)
        tried = machine.run(TRIED, timeout=1200)
        assert tried.returncode != 0, tried.stdout + tried.stderr
