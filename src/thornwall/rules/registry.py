"""Every rule, in one list: a rule that is not here does not exist."""

from __future__ import annotations

from thornwall.model.rule import Rule
from thornwall.rules import (
    accounts,
    backup,
    boot,
    filesystem,
    firewall,
    kernel,
    logs,
    network,
    pam,
    people,
    radios,
    schedule,
    servers,
    services,
    sessions,
    ssh,
    sudo,
    tools,
    updates,
)

RULES: tuple[Rule, ...] = (
    *accounts.RULES,
    *sudo.RULES,
    *pam.RULES,
    *sessions.RULES,
    *ssh.RULES,
    *network.RULES,
    *firewall.RULES,
    *services.RULES,
    *servers.RULES,
    *updates.RULES,
    *tools.RULES,
    *logs.RULES,
    *schedule.RULES,
    *filesystem.RULES,
    *boot.RULES,
    *radios.RULES,
    *kernel.RULES,
    *backup.RULES,
    *people.RULES,
)
