"""What is open again without a change: ports, and what was mended of ways in; nothing of files that are only tidier."""

from __future__ import annotations

import pytest

from thornwall.model.change import Purpose
from thornwall.model.plan import Mend, Plan, Step
from thornwall.plan.reopens import reopens

MODES = Step(
    "modes", Purpose.PERMISSIONS, "Modes", (), (Mend("world-writable-file", "/etc/x", "Anybody can write it"),)
)
SSH = Step(
    "ssh",
    Purpose.SSH,
    "Settings",
    (),
    (Mend("ssh-root-login", "host", "SSH lets root log in"), Mend("ssh-new-rule", "host")),
)
EVERYBODY = Step(
    "accounts",
    Purpose.ACCOUNTS,
    "Accounts",
    (),
    tuple(Mend("empty-password", f"user{number}", "An account has no password") for number in range(10)),
)


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (Plan("host", (MODES,)), ""),
        (Plan("host", (MODES,), closes=(23,)), "tcp 23 answers again"),
        (Plan("host", (MODES, SSH), closes=(23, 631)), "tcp 23, 631 answer again; SSH lets root log in; ssh-new-rule"),
    ],
)
def test_ports_and_ways_in(plan: Plan, told: str) -> None:
    assert reopens(plan) == told


def test_a_question_is_no_list() -> None:
    told = reopens(Plan("host", (EVERYBODY,))).split("; ")
    assert told[0] == "An account has no password (user0)"
    assert (len(told), told[-1]) == (9, "2 more")
