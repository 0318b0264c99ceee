"""Every fix and every interlock, in one list each."""

from __future__ import annotations

from thornwall.plan.fix import Fix, Interlock
from thornwall.plan.fixes import (
    accounts,
    backup,
    boot,
    filesystem,
    firewall,
    kernel,
    logs,
    network,
    pam,
    radios,
    schedule,
    servers,
    services,
    sessions,
    ssh,
    sudo,
    tools,
    updates,
    usb,
)
from thornwall.plan.interlocks import host, login, removals, workload
from thornwall.plan.interlocks import network as network_locks

FIXES: dict[str, Fix] = {
    fix.rule: fix
    for subject in (
        accounts,
        backup,
        boot,
        filesystem,
        firewall,
        kernel,
        logs,
        network,
        pam,
        radios,
        schedule,
        servers,
        services,
        sessions,
        ssh,
        sudo,
        tools,
        updates,
        usb,
    )
    for fix in subject.FIXES
}

_EACH: tuple[Interlock, ...] = (
    *login.INTERLOCKS,
    *network_locks.INTERLOCKS,
    *workload.INTERLOCKS,
    *host.INTERLOCKS,
)
INTERLOCKS: tuple[Interlock, ...] = (*_EACH, removals.removing(_EACH))
