"""Every subject that is read of a host, in one list, and the snapshot made of them."""

from __future__ import annotations

from functools import cache

from thornwall.facts import (
    accounts,
    backup,
    boot,
    filesystem,
    firewall,
    host,
    kernel,
    logs,
    network,
    originals,
    pam,
    radios,
    schedule,
    servers,
    services,
    sessions,
    ssh,
    sudo,
    updates,
    usb,
)
from thornwall.model.capture import Capture
from thornwall.model.probe import Probe
from thornwall.model.snapshot import Snapshot

SUBJECTS = (
    host,
    accounts,
    sudo,
    pam,
    sessions,
    ssh,
    network,
    firewall,
    services,
    servers,
    updates,
    logs,
    schedule,
    filesystem,
    boot,
    radios,
    kernel,
    usb,
    backup,
)


@cache
def probes(*, planning: bool = False) -> tuple[Probe, ...]:
    """What is read of a host, each probe once. `planning`: also what `originals` asks."""
    more = originals.PROBES if planning else ()
    return tuple(dict.fromkeys((*(probe for subject in SUBJECTS for probe in subject.PROBES), *more)))


def snapshot(capture: Capture) -> Snapshot:
    """The typed facts of a capture. Never raises for what the host answered: what cannot be parsed is Unknown."""
    return Snapshot(
        host=host.parse(capture),
        accounts=accounts.parse(capture),
        sudo=sudo.parse(capture),
        pam=pam.parse(capture),
        sessions=sessions.parse(capture),
        ssh=ssh.parse(capture),
        network=network.parse(capture),
        firewall=firewall.parse(capture),
        services=services.parse(capture),
        servers=servers.parse(capture),
        updates=updates.parse(capture),
        logs=logs.parse(capture),
        schedule=schedule.parse(capture),
        filesystem=filesystem.parse(capture),
        boot=boot.parse(capture),
        radios=radios.parse(capture),
        kernel=kernel.parse(capture),
        usb=usb.parse(capture),
        backup=backup.parse(capture),
    )
