"""What the rules on updates have in common."""

from __future__ import annotations

import datetime as dt

from thornwall.model.fact import Absent, Known
from thornwall.model.host import Host
from thornwall.model.rule import Context, UnansweredError, unknown
from thornwall.model.updates import PackageLists, Updates

NIST = ("Software Update",)
UPGRADE = "Update & upgrade Raspberry Pi OS"
STEPS = "Practical Steps to Secure IoT Devices"
FETCH = "sudo apt-get update"
DAY = 86_400


def updates(ctx: Context) -> Updates:
    """The facts of the subject."""
    return ctx.known(ctx.host.updates, absent="the host has no packages")


def host(ctx: Context) -> Host:
    """Who the host is."""
    return ctx.known(ctx.host.host, absent="the host is not known")


def lists(ctx: Context) -> PackageLists:
    """apt's lists; ends the rule where there are none to look into."""
    found = updates(ctx)
    if isinstance(found.lists, Absent):
        if isinstance(found.packages, Known) or host(ctx).debian_like:
            raise UnansweredError(unknown("apt has no lists of packages", mend=FETCH))
        mend = "sudo dnf check-update --security" if host(ctx).fedora_like else ""
        raise UnansweredError(unknown("only apt's lists of packages can be read", mend=mend))
    return ctx.known(found.lists, absent="")


def clock(ctx: Context) -> int:
    """The host's clock, seconds since 1970; ends the rule where it cannot be right."""
    now = host(ctx).now
    if not _BUILT <= now < _BUILT + 20 * 365 * DAY:
        raise UnansweredError(
            unknown("the host's clock is wrong, or was not read", mend="sudo timedatectl set-ntp true")
        )
    return now


_BUILT = 1_735_689_600  # 2025-01-01: nothing that runs this rule is older


def day(moment: int) -> str:
    """A date for people."""
    return dt.datetime.fromtimestamp(moment, dt.UTC).date().isoformat()
